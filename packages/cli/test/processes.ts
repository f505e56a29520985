import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "../../../test/shared/build.ts";
import type { TransferSummary } from "../src/transfer-summary.ts";

// Control sockets of these processes are found by no test that looks for its own at the usual places.
const [runtimeFolder, nobodysFolder] = ["mptcp-run-", "mptcp-nobody-"].map((name) => mkdtempSync(join(tmpdir(), name))) as [string, string];
process.env["XDG_RUNTIME_DIR"] = runtimeFolder;
process.once("exit", () => [runtimeFolder, nobodysFolder].forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** How a process of the command is started. */
export interface CommandOptions {
  /** Name of the network namespace; that of the test unless given. */
  readonly namespace?: string;
  /** Without any privilege, as user nobody where that can be; as it is unless given. */
  readonly unprivileged?: boolean;
  /** A file descriptor, or a pipe: see {@link Command.input}; empty unless given. */
  readonly stdin?: number | "pipe";
  /** A file descriptor; collected unless given. */
  readonly stdout?: number;
  /** Variables of the environment beside those of the test. */
  readonly environment?: Readonly<Record<string, string>>;
  /** As if the optional dependency koffi were not installed. */
  readonly withoutKoffi?: boolean;
}

/** The built command as a process of its own. Killed by {@link stopAll}, if not earlier. */
export class Command {
  /** 128 and the signal's number where a signal killed it. */
  readonly code: Promise<number>;
  readonly pid: number;
  readonly output: Buffer[] = [];
  stderr = "";
  private readonly child: ChildProcess;
  private readonly waiting: { readonly holds: () => boolean; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  private static readonly running = new Set<Command>();

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const words = [...prefixOf(options), process.execPath, BIN, ...args];
    const own = words.includes(NOBODY) ? { XDG_RUNTIME_DIR: nobodysFolder } : {};
    const environment = { ...process.env, ...own, FORCE_COLOR: "", ...(options.withoutKoffi === true ? { NODE_OPTIONS: `--require ${WITHOUT_KOFFI}` } : {}), ...options.environment };
    this.child = spawn(words[0] as string, words.slice(1), { stdio: [options.stdin ?? "ignore", options.stdout ?? "pipe", "pipe"], cwd: "/", env: environment });
    this.pid = this.child.pid ?? 0;
    Command.running.add(this);
    this.child.stdin?.on("error", () => {});
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.output.push(chunk);
      this.look();
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.look();
    });
    this.code = new Promise((resolve) => {
      this.child.once("close", (code, signal) => {
        Command.running.delete(this);
        for (const { reject } of this.waiting.splice(0)) reject(new Error(`the command ended with ${code ?? signal}: ${this.stderr}`));
        resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : 15));
      });
    });
  }

  get process(): ChildProcess {
    return this.child;
  }

  /** Where its standard input is a pipe. */
  get input(): NodeJS.WritableStream {
    if (this.child.stdin === null) throw new Error("standard input is no pipe");
    return this.child.stdin;
  }

  get outputLength(): number {
    return this.output.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Standard output as text. */
  get text(): string {
    return Buffer.concat(this.output).toString("utf8");
  }

  /** Fulfilled when `holds`, which is asked whenever something was written. @throws Error when the command ends first */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiting.push({ holds, resolve, reject }));
  }

  /** Fulfilled when standard error holds `text`. */
  says(text: string): Promise<void> {
    return this.until(() => this.stderr.includes(text));
  }

  /** What `--json` printed. */
  get summary(): TransferSummary {
    return JSON.parse(this.stderr.slice(this.stderr.indexOf("{"))) as TransferSummary;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Reads no more of standard output, which stays open. */
  pauseReading(): void {
    this.child.stdout?.pause();
  }

  /** Goes on reading. */
  resumeReading(): void {
    this.child.stdout?.resume();
  }

  /** Closes the end of the pipe that standard output is. */
  stopReading(): void {
    this.child.stdout?.destroy();
  }

  /** Ends what tests left running. */
  static async stopAll(): Promise<void> {
    const all = [...Command.running];
    for (const command of all) command.signal("SIGKILL");
    await Promise.all(all.map((command) => command.code));
  }

  private look(): void {
    for (const entry of this.waiting.slice()) {
      if (!entry.holds()) continue;
      this.waiting.splice(this.waiting.indexOf(entry), 1);
      entry.resolve();
    }
  }
}

/** A command of a shell at a terminal of its own, which is its standard input, output and error unless it says otherwise. */
export class Terminal {
  /** The command's; 128 and more where a signal killed it. */
  readonly code: Promise<number>;
  /** Everything that was shown, what was typed included. */
  screen = "";
  private readonly child: ChildProcess;
  private readonly waiting: { readonly holds: (screen: string) => boolean; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  private static readonly running = new Set<Terminal>();

  /** As terminals are when they are opened, unless told otherwise. */
  constructor(command: string, folder: string, { columns = 80, rows = 24 }: { readonly columns?: number; readonly rows?: number } = {}) {
    this.child = spawn("script", ["-qec", `stty cols ${columns} rows ${rows}; ${command}`, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"], cwd: folder, env: { ...process.env, TERM: "xterm" } });
    Terminal.running.add(this);
    this.child.stdin?.on("error", () => {});
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.screen += text;
      for (const entry of this.waiting.slice()) {
        if (!entry.holds(this.screen)) continue;
        this.waiting.splice(this.waiting.indexOf(entry), 1);
        entry.resolve();
      }
    });
    this.code = new Promise((resolve) => {
      this.child.once("close", (code) => {
        Terminal.running.delete(this);
        for (const { reject } of this.waiting.splice(0)) reject(new Error(`the command ended with ${code}: ${this.screen}`));
        resolve(code ?? 128);
      });
    });
  }

  /** Types `text`: "\r" is the Enter key, "\u0003" Ctrl-C, "\u0004" Ctrl-D. */
  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Fulfilled when `holds` for what is shown. @throws Error when the command ends first */
  until(holds: (screen: string) => boolean): Promise<void> {
    if (holds(this.screen)) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiting.push({ holds, resolve, reject }));
  }

  /** Fulfilled when `text` is shown. */
  shows(text: string): Promise<void> {
    return this.until((screen) => screen.includes(text));
  }

  /** Switches off those that tests left on: what runs at them is hung up. */
  static async stopAll(): Promise<void> {
    const all = [...Terminal.running];
    for (const terminal of all) terminal.child.kill("SIGKILL");
    await Promise.all(all.map((terminal) => terminal.code));
  }
}

/** Why there is no {@link Terminal} here; null when there is. */
export function terminalObstacle(): string | null {
  return spawnSync("script", ["-qec", "exit 7", "/dev/null"], { stdio: "ignore" }).status === 7 ? null : "there is no script of util-linux (bsdutils)";
}

/** Seconds of CPU time that a process has used, in user and system mode. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** The capabilities that a process has, and its user. */
export function rightsOf(pid: number): { readonly capabilities: string; readonly user: string } {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(text)?.[1] ?? "";
  return { capabilities: field("CapEff"), user: field("Uid") };
}

function prefixOf(options: CommandOptions): string[] {
  const namespace = options.namespace === undefined ? [] : ["ip", "netns", "exec", options.namespace];
  return options.unprivileged === true ? [...namespace, ...(wordsWithoutRights ??= withoutRights())] : namespace;
}

/** User nobody, or where he may not read the program root without any of its rights. */
function withoutRights(): readonly string[] {
  if (process.getuid?.() !== 0) return [];
  const bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
  const nobody = [...bare, NOBODY, "--regid=65534", "--clear-groups"];
  const { status } = spawnSync(nobody[0] as string, [...nobody.slice(1), process.execPath, BIN, "--version"], { cwd: "/" });
  if (status !== 0) return bare;
  chownSync(nobodysFolder, 65_534, 65_534);
  return nobody;
}

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Makes a process that of user nobody. */
const NOBODY = "--reuid=65534";
const WITHOUT_KOFFI = join(ROOT, "packages/mptcp/test/node/peers/without-koffi.cjs");
/** The command's program. */
export const BIN = join(ROOT, "packages/cli/bin/mptcp.js");
build();
/** Found out when they are first wanted. */
let wordsWithoutRights: readonly string[] | null = null;
/** Of /proc, per second. */
const TICKS = Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout) || 100;
