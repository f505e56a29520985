import { Worker } from "node:worker_threads";
import { ScenarioError } from "@mptcp/scenario";
import type { LoadedScenario, Override } from "@mptcp/scenario";
import { findScenario, loadScenario, ScenarioNotFound } from "@mptcp/scenario/node";
import { CaptureFile } from "../capture-file.ts";
import { OverrideProblem, overridesOf } from "../given-overrides.ts";
import { EXIT, exitOf } from "../io.ts";
import type { Io } from "../io.ts";
import { explainFile } from "../remedies.ts";
import { changeOf } from "./change.ts";
import { ChangeSocket } from "./change-socket.ts";
import { Keys } from "./keys.ts";
import type { EmulationTask, Figures, FromThread, HostNamespace, ToThread } from "./messages.ts";
import { Screen } from "./screen.ts";

/** The flags of `mptcp emulate`. */
export interface EmulateFlags {
  readonly netns: readonly { readonly host: string; readonly namespace: string }[];
  readonly prefix: string;
  readonly set: readonly string[];
  readonly seed: number | null;
  /** ns; null: until it is told to end. */
  readonly time: number | null;
  readonly pcap: string | null;
  readonly superSegments: boolean | null;
  readonly json: boolean;
}

/** `mptcp emulate`. @returns 0 when it ended as it was told to, 1 when it could not go on, 2 when it could not begin, 130 or 143 when it was interrupted */
export async function emulateCommand(name: string, flags: EmulateFlags, io: Io): Promise<number> {
  let capture: CaptureFile | null = null;
  let emulated: Emulated;
  try {
    const path = findScenario(name);
    const overrides = overridesOf(flags.set);
    const scenario = await loadScenario(path, overrides);
    const namespaces = namespacesOf(scenario, flags);
    if (process.getuid?.() !== 0) throw new Refusal("an emulation makes devices and namespaces: run it as root");
    if (flags.pcap !== null) capture = captureFile(flags.pcap);
    emulated = { name, path, overrides, scenario, namespaces };
  } catch (error) {
    if (!(error instanceof ScenarioNotFound || error instanceof ScenarioError || error instanceof OverrideProblem || error instanceof Refusal)) throw error;
    io.stderr.write(`${error.message}\n`);
    return EXIT.usage;
  }
  try {
    return await new EmulateRun(emulated, flags, capture, io).run();
  } finally {
    capture?.close();
  }
}

/** What is emulated. */
export interface Emulated {
  /** As it was asked for. */
  readonly name: string;
  readonly path: string;
  readonly overrides: readonly Override[];
  readonly scenario: LoadedScenario;
  readonly namespaces: readonly HostNamespace[];
}

/** One emulation, from this side of its thread. */
class EmulateRun {
  readonly #emulated: Emulated;
  readonly #flags: EmulateFlags;
  readonly #capture: CaptureFile | null;
  readonly #io: Io;
  readonly #screen: Screen;
  readonly #thread: Worker;
  /** Who waits for what became of a change. */
  readonly #answers = new Map<number, (problem: string | null) => void>();
  #lastId = 0;
  #code: number = EXIT.ok;
  #isReady = false;
  #over: NodeJS.Timeout | undefined;

  constructor(emulated: Emulated, flags: EmulateFlags, capture: CaptureFile | null, io: Io) {
    this.#emulated = emulated;
    this.#flags = flags;
    this.#capture = capture;
    this.#io = io;
    this.#screen = new Screen(flags.json ? io.stderr : io.stdout);
    const { path, overrides, namespaces } = emulated;
    const task: EmulationTask = { path, overrides, seed: flags.seed, namespaces, superSegments: flags.superSegments, isCaptured: capture !== null };
    this.#thread = new Worker(new URL("./thread.js", import.meta.url), { workerData: task });
  }

  async run(): Promise<number> {
    const ended = new Promise<void>((resolve, reject) => void this.#thread.on("error", reject).on("exit", () => resolve()));
    this.#thread.on("message", (message: FromThread) => this.#hear(message));
    const cancel = this.#io.onInterrupt((signal) => {
      this.#code = exitOf(signal ?? "SIGINT");
      this.#stop();
    });
    const socket = new ChangeSocket(this.#emulated.scenario.plan.name, (text) => this.change(text));
    const keys = new Keys((key) => this.#press(key));
    try {
      await socket.open();
      await ended;
    } finally {
      clearTimeout(this.#over);
      keys.close();
      socket.close();
      cancel();
      this.#screen.end();
    }
    const { problem } = this.#capture ?? { problem: null };
    if (problem !== null && this.#capture !== null) {
      this.#io.stderr.write(`${explainFile(this.#capture.path, problem)}\n`);
      if (this.#code === EXIT.ok) this.#code = EXIT.failed;
    }
    return this.#code;
  }

  /** Carries out what a text such as "wifi rate=1Mb/s" says. @returns what is wrong with it; null once it is done */
  async change(text: string): Promise<string | null> {
    const override = changeOf(text, this.#emulated.scenario.plan.network);
    if (typeof override === "string") return override;
    const id = ++this.#lastId;
    const answer = new Promise<string | null>((resolve) => void this.#answers.set(id, resolve));
    this.#send({ kind: "change", id, override });
    return answer;
  }

  #hear(message: FromThread): void {
    if (message.kind === "ready") this.#begin(message.superSegments);
    else if (message.kind === "figures") this.#show(message.figures);
    else if (message.kind === "note") this.#screen.note(message.text);
    else if (message.kind === "changed") this.#answer(message.id, message.problem);
    else if (message.kind === "capture") this.#capture?.write(message.chunk);
    else {
      this.#screen.end();
      this.#io.stderr.write(`${message.message}\n${remedyFor(message.message, this.#emulated.namespaces)}`);
      this.#code = this.#isReady ? EXIT.failed : EXIT.usage;
    }
  }

  #answer(id: number, problem: string | null): void {
    this.#answers.get(id)?.(problem);
    this.#answers.delete(id);
  }

  #begin(superSegments: boolean): void {
    this.#isReady = true;
    if (this.#flags.time !== null) this.#over = setTimeout(() => this.#stop(), this.#flags.time / 1e6);
    const isTyped = process.stdin.isTTY === true;
    this.#screen.begin(this.#emulated, superSegments, isTyped);
    const ignored = this.#emulated.scenario.plan.changes.filter(({ at }) => at === null).length;
    if (ignored > 0) this.#screen.note(`${ignored} of the scenario's changes wait for a workload's progress, which an emulation does not have`);
  }

  #show(figures: Figures): void {
    this.#screen.show(figures);
    if (this.#flags.json) this.#io.stdout.write(`${JSON.stringify(figures)}\n`);
  }

  /** A digit cuts a path, or mends it. */
  #press(key: string): void {
    if (key === "q") return this.#stop();
    const link = this.#screen.linkAt(Number(key) - 1);
    if (link === null) return;
    void this.change(`${link.name} state=${link.isUp ? "down" : "up"}`);
  }

  #stop(): void {
    this.#send({ kind: "stop" });
  }

  #send(message: ToThread): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread, no window
    this.#thread.postMessage(message);
  }
}

class Refusal extends Error {}

function namespacesOf({ plan: { network } }: LoadedScenario, { netns, prefix }: EmulateFlags): readonly HostNamespace[] {
  const names = network.hosts.map(({ name }) => name);
  const unknown = netns.find(({ host }) => !names.includes(host));
  if (unknown !== undefined) throw new Refusal(`--netns ${unknown.host}=${unknown.namespace}: there is no host "${unknown.host}"; there are ${names.join(", ")}`);
  return names.map((host) => {
    const given = netns.find((one) => one.host === host);
    return given === undefined ? { host, namespace: prefix + host, isMade: true } : { host, namespace: given.namespace, isMade: false };
  });
}

function captureFile(path: string): CaptureFile {
  try {
    return new CaptureFile(path);
  } catch (error) {
    throw new Refusal(explainFile(path, error as NodeJS.ErrnoException));
  }
}

/** What helps with what ip(8) complains of. */
function remedyFor(message: string, namespaces: readonly HostNamespace[]): string {
  const taken = namespaces.find(({ namespace, isMade }) => isMade && message.includes(`/run/netns/${namespace}"`) && message.includes("exists"));
  if (taken === undefined) return "";
  return `There is a namespace of that name: --netns ${taken.host}=${taken.namespace} puts the devices into it, --prefix gives others, and ip netns delete ${taken.namespace} removes one that was left.\n`;
}
