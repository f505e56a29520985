import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Why tests against this machine's kernel cannot run here; null when they can. */
export function kernelTestObstacle(): string | null {
  if (process.platform !== "linux") return "this is not Linux";
  if (process.getuid?.() !== 0) return "they need root";
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch {
    return "there is no /dev/net/tun";
  }
  if (interpreter() === "") return "there is no python3";
  sweep();
  const probe = `mptcp-probe-${process.pid}`;
  if (spawnSync("ip", ["netns", "add", probe]).status !== 0) return "ip netns add fails";
  const { status } = spawnSync("ip", ["netns", "exec", probe, "cat", "/proc/sys/net/mptcp/enabled"]);
  spawnSync("ip", ["netns", "del", probe]);
  return status === 0 ? null : "the kernel has no Multipath TCP";
}

/** A network namespace of one test: the kernel's end of a link. Gone after {@link Namespace.close}, and when the process exits. */
export class Namespace {
  readonly name: string;
  readonly path: string;
  private readonly peers: KernelPeer[] = [];
  private isOpen = true;

  constructor() {
    this.name = `mptcp-test-${process.pid}-${++made}`;
    this.path = `/run/netns/${this.name}`;
    must("ip", ["netns", "add", this.name]);
    process.once("exit", this.remove);
    // At once, since each process costs. A join leaves by another link than the route back would choose.
    const settings = ["net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", "net.ipv4.tcp_congestion_control=reno"];
    this.run("sh", "-c", `ip link set lo up && sysctl -q -w ${settings.join(" ")}`);
  }

  /** Runs a command in the namespace; its output. @throws Error when it fails */
  run(command: string, ...words: string[]): string {
    return must("ip", ["netns", "exec", this.name, command, ...words]);
  }

  sysctl(name: string, value: number | string): void {
    this.run("sysctl", "-q", "-w", `${name}=${value}`);
  }

  /** `ip mptcp endpoint add`: what the kernel's path manager may do with an address. */
  endpoint(address: string, ...words: string[]): void {
    this.run("ip", "mptcp", "endpoint", "add", address, ...words);
  }

  /** `ip mptcp limits set`: subflows that connections may have besides the first, and announced addresses that they may use. */
  limits(subflows: number, addAddrAccepted = 0): void {
    this.run("ip", "mptcp", "limits", "set", "subflows", String(subflows), "add_addr_accepted", String(addAddrAccepted));
  }

  /** The counters of /proc/net/netstat by group and name: MPTcpExtMPCapableSYNRX. */
  counters(): Map<string, number> {
    const lines = this.tables().trim().split("\n");
    const counters = new Map<string, number>();
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [group, ...names] = (lines[i] as string).split(" ");
      const values = (lines[i + 1] as string).split(" ").slice(1);
      names.forEach((name, at) => counters.set(`${group?.slice(0, -1)}${name}`, Number(values[at])));
    }
    return counters;
  }

  private tables(): string {
    // They are asked for again and again; what a process in the namespace sees of them can be read without another one.
    const inside = this.peers.find((peer) => peer.isInside);
    if (inside === undefined) return this.run("cat", "/proc/net/netstat", "/proc/net/snmp");
    return ["netstat", "snmp"].map((name) => readFileSync(`/proc/${inside.pid}/net/${name}`, "utf8")).join("");
  }

  counter(name: string): number {
    return this.counters().get(name) ?? 0;
  }

  /** A process in the namespace that does with one socket of the kernel what it is told. */
  peer(): KernelPeer {
    const peer = new KernelPeer(this.name);
    this.peers.push(peer);
    return peer;
  }

  async close(): Promise<void> {
    await Promise.all(this.peers.map((peer) => peer.stop()));
    this.remove();
    process.off("exit", this.remove);
  }

  private readonly remove = (): void => {
    if (!this.isOpen) return;
    this.isOpen = false;
    for (const peer of this.peers) peer.kill();
    spawnSync("ip", ["netns", "del", this.name]);
  };
}

/** What the kernel's end answered. */
export interface PeerAnswer {
  readonly sent?: number;
  readonly received?: number;
  readonly sha?: string;
  readonly sentSha?: string;
  readonly error?: string;
  readonly text?: string;
  readonly subflows?: number;
}

/** See kernel-peer.py. */
export class KernelPeer {
  private readonly child: ChildProcess;
  private readonly waiting: ((answer: PeerAnswer) => void)[] = [];
  private readonly exited: Promise<void>;
  private hasAnswered = false;

  constructor(namespace: string) {
    const script = fileURLToPath(new URL("kernel-peer.py", import.meta.url));
    this.child = spawn("ip", ["netns", "exec", namespace, ...python(script)], { stdio: ["pipe", "pipe", "inherit"] });
    this.exited = new Promise((resolve) => this.child.once("exit", () => resolve()));
    const { stdout, stdin } = this.child;
    if (stdout === null || stdin === null) throw new Error("the child has no pipes");
    stdin.on("error", () => {});
    createInterface({ input: stdout }).on("line", (line) => {
      this.hasAnswered = true;
      this.waiting.shift()?.(JSON.parse(line) as PeerAnswer);
    });
    void this.exited.then(() => {
      for (const resolve of this.waiting.splice(0)) resolve({ error: "Exit", text: "the process ended" });
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Whether it has come to the namespace, and lives. */
  get isInside(): boolean {
    return this.hasAnswered && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Does one thing after all that it was told before. */
  do(what: string, parameters: Record<string, string | number | boolean> = {}): Promise<PeerAnswer> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.child.stdin?.write(`${JSON.stringify({ do: what, ...parameters })}\n`);
    });
  }

  stop(): Promise<void> {
    this.kill();
    return this.exited;
  }

  kill(): void {
    if (this.child.exitCode === null) this.child.kill("SIGKILL");
  }
}

/** The words that run a script in Python; it has the standard library, and what it writes is not kept back. */
export function python(script: string): string[] {
  return [interpreter(), "-E", "-S", "-u", script];
}

/** Python itself: what PATH has first may be a script that looks for it each time, which takes longer than Python takes to begin. Empty where there is none. */
function interpreter(): string {
  found ??= spawnSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).stdout?.trim() ?? "";
  return found;
}

/** Takes away what processes left that were killed, and could not do it themselves. */
function sweep(): void {
  if (!existsSync("/run/netns")) return;
  for (const name of readdirSync("/run/netns")) {
    const owner = /^mptcp-(?:test|probe)-(\d+)(?:-\d+)?$/.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) spawnSync("ip", ["netns", "del", name]);
  }
}

function must(command: string, words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, words, { encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${command} ${words.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

let made = 0;
let found: string | null = null;
