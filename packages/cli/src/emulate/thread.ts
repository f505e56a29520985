import { setImmediate } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { buildLinks, changeLinks, ScenarioError } from "@mptcp/scenario";
import type { BuiltLinks, Plan, PlanChange } from "@mptcp/scenario";
import { loadScenario } from "@mptcp/scenario/node";
import { Emulation } from "@mptcp/testbed/emulator";
import type { Place } from "@mptcp/testbed/emulator";
import type { DecisionEvent } from "mptcp";
import { PcapngWriter } from "mptcp/capture";
import type { Link, Pipe, SimNode } from "mptcp/sim";
import type { DirectionFigures, EmulationTask, Figures, FromThread, ToThread } from "./messages.ts";
import { isTransparent } from "./transparent.ts";

/** The thread of `mptcp emulate`, which the network has to itself. */
class EmulationThread {
  readonly #task: EmulationTask;
  readonly #tell: (message: FromThread) => void;
  readonly #changes: { readonly id: number; readonly plan: Plan }[] = [];
  readonly #places = new Map<string, Place>();
  #isStopped = false;
  /** What was told of the links at one time. */
  #notes = { at: -1, texts: new Set<string>() };

  constructor(task: EmulationTask, tell: (message: FromThread) => void) {
    this.#task = task;
    this.#tell = tell;
  }

  async hear(message: ToThread): Promise<void> {
    if (message.kind === "stop") {
      this.#isStopped = true;
      return;
    }
    const { id, override } = message;
    try {
      this.#changes.push({ id, plan: await this.#planWith(override) });
    } catch (error) {
      if (!(error instanceof ScenarioError)) throw error;
      this.#tell({ kind: "changed", id, problem: error.problems.map((one) => one.message).join("\n") });
    }
  }

  async run(): Promise<void> {
    const { seed, superSegments: wanted } = this.#task;
    const plan = await this.#planWith(null);
    const superSegments = wanted ?? isTransparent(plan.network);
    const emulation = new Emulation({ seed: seed ?? plan.seed, superSegments, observer: { event: (event) => this.#note(event) } });
    try {
      const nodes = this.#addHosts(emulation, plan);
      const built = buildLinks(plan, emulation.simulation, (host, own) => nodes.get(`${host}.${own}`) as SimNode, superSegments ? { segmentation: true } : {});
      const capture = this.#task.isCaptured ? this.#capture(emulation, nodes) : null;
      for (const change of plan.changes) if (change.at !== null) emulation.simulation.at(emulation.clock + change.at + change.after, () => this.#apply(change, built, emulation));
      this.#tell({ kind: "ready", superSegments });
      await this.#goOn(emulation, built, capture);
      capture?.close(emulation.clock);
    } finally {
      emulation.close();
    }
  }

  async #goOn(emulation: Emulation, built: BuiltLinks, capture: PcapngWriter | null): Promise<void> {
    let told = 0;
    while (!this.#isStopped) {
      emulation.run(SLICE);
      // What others want is heard in between.
      await setImmediate();
      for (const { id, plan } of this.#changes.splice(0)) {
        for (const change of plan.changes) this.#apply(change, built, emulation);
        this.#tell({ kind: "changed", id, problem: null });
      }
      if (emulation.clock - told < FIGURES_EVERY) continue;
      told = emulation.clock;
      capture?.flush();
      this.#tell({ kind: "figures", figures: figuresOf(emulation, built.links) });
    }
    this.#tell({ kind: "figures", figures: figuresOf(emulation, built.links) });
  }

  async #planWith(override: EmulationTask["overrides"][number] | null): Promise<Plan> {
    const { path, overrides } = this.#task;
    const { plan } = await loadScenario(path, override === null ? overrides : [...overrides, override]);
    return plan;
  }

  #addHosts(emulation: Emulation, plan: Plan): ReadonlyMap<string, SimNode> {
    const nodes = new Map<string, SimNode>();
    for (const { host, namespace, isMade } of this.#task.namespaces) {
      const place = emulation.addPlace(namespace, isMade);
      this.#places.set(host, place);
      for (const { name, address, backup, signal, present } of plan.network.hosts.find((one) => one.name === host)?.interfaces ?? []) {
        const { mtu } = plan.network.links.find(({ ends }) => ends.some((end) => end.node === host && end.interface === name)) ?? { mtu: USUAL_MTU };
        nodes.set(`${host}.${name}`, emulation.addDevice(place, { name, address, mtu, endpoint: [signal ? "signal" : "subflow", ...(backup ? ["backup" as const] : [])], isPresent: present }));
      }
    }
    return nodes;
  }

  #apply(change: PlanChange, built: BuiltLinks, { simulation }: Emulation): void {
    changeLinks(change, built, simulation.now);
    if (change.middlebox !== null) this.#tell({ kind: "note", text: `${change.middlebox}: ${change.power}` });
    if (change.address === null || change.host === null || change.interface === null) return;
    const place = this.#places.get(change.host);
    const isDone = change.address === "added" ? place?.addAddress(change.interface) : place?.removeAddress(change.interface);
    if (isDone === true) this.#tell({ kind: "note", text: `${change.host}.${change.interface}: address ${change.address}` });
  }

  #capture(emulation: Emulation, nodes: ReadonlyMap<string, SimNode>): PcapngWriter {
    const began = Date.now() - Math.round(emulation.clock / 1e6);
    const writer = new PcapngWriter((chunk) => this.#tell({ kind: "capture", chunk }), { epoch: { seconds: Math.floor(began / 1000), nanoseconds: (began % 1000) * 1_000_000 } });
    for (const [name, node] of nodes) {
      const id = writer.addInterface({ name });
      emulation.watch(node, (octets, direction, now) => writer.octets(id, octets, 0, octets.length, now, { direction }));
    }
    return writer;
  }

  /** Tells of links that change; both directions of one are one change. */
  #note(event: DecisionEvent): void {
    if (event.kind !== "link") return;
    const text = `${event.host.replace(/[<>]$/, "")}: ${event.change}${event.detail === "" ? "" : ` (${event.detail})`}`;
    if (event.at !== this.#notes.at) this.#notes = { at: event.at, texts: new Set() };
    if (!this.#notes.texts.has(text)) this.#tell({ kind: "note", text });
    this.#notes.texts.add(text);
  }
}

function figuresOf(emulation: Emulation, links: ReadonlyMap<string, Link>): Figures {
  const { addedDelay, simulation } = emulation;
  const { now } = simulation;
  return {
    time: emulation.clock / 1e9,
    links: Array.from(links, ([name, link]) => ({ name, up: directionOf(link.forward, now), down: directionOf(link.backward, now) })),
    addedDelay: { median: addedDelay.quantile(0.5), p99: addedDelay.quantile(0.99), largest: addedDelay.largest },
    unusable: emulation.unusable,
  };
}

function directionOf(pipe: Pipe, now: number): DirectionFigures {
  const { packetsDelivered, bytesDelivered, queuedPackets, droppedQueue, droppedRandom, droppedDown, droppedMtu, marked } = pipe.statistics(now);
  const { rate = Number.POSITIVE_INFINITY, delay = 0 } = pipe.options;
  return {
    isUp: pipe.isUp,
    rate: Number.isFinite(rate) ? rate : null,
    delay,
    packets: packetsDelivered,
    bytes: bytesDelivered,
    queued: queuedPackets,
    dropped: { queue: droppedQueue, random: droppedRandom, down: droppedDown, mtu: droppedMtu },
    marked,
  };
}

/** ns between two chances to hear what others want. */
const SLICE = 20e6;
const FIGURES_EVERY = 500e6;
const USUAL_MTU = 1500;

const port = parentPort;
if (port !== null) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread, no window
  const tell = (message: FromThread): void => port.postMessage(message);
  const failed = (error: unknown): void => tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  const thread = new EmulationThread(workerData as EmulationTask, tell);
  port.on("message", (message: ToThread) => void thread.hear(message).catch(failed));
  await thread.run().catch(failed);
  port.close();
}
