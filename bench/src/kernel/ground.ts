import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Why the kernel cannot be measured here; null when it can. */
export function obstacle(): string | null {
  if (process.platform !== "linux") return "this is not Linux";
  if (process.getuid?.() !== 0) return "it needs root";
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
    accessSync("/proc/sys/net/mptcp/enabled");
  } catch {
    return "there is no /dev/net/tun, or the kernel has no Multipath TCP";
  }
  for (const [program, flag] of [["python3", "--version"], ["ip", "-V"]] as const) {
    if (spawnSync(program, [flag]).status !== 0) return `there is no ${program}`;
  }
  return null;
}

/** The network namespaces, devices and processes of one measurement. Gone after {@link Ground.close}, and when this process exits. */
export class Ground {
  private readonly namespaces: string[] = [];
  private readonly workers: Worker[] = [];

  constructor() {
    process.once("exit", this.clear);
  }

  /** Makes a namespace in which CUBIC may be chosen by sockets and joins may come by any device. @returns its name */
  namespace(): string {
    const name = `mptcp-bench-${process.pid}-${++made}`;
    command("ip", "netns", "add", name);
    this.namespaces.push(name);
    this.run(name, "ip", "link", "set", "lo", "up");
    for (const setting of ["net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", "net.ipv4.tcp_congestion_control=reno"]) this.run(name, "sysctl", "-qw", setting);
    this.run(name, "ip", "mptcp", "limits", "set", "subflows", "8", "add_addr_accepted", "8");
    return name;
  }

  /** `paths` pairs of veth between two namespaces, 10.N.0.1 in `left` and 10.N.0.2 in `right`. */
  cable(left: string, right: string, paths: number): void {
    for (let n = 1; n <= paths; n++) {
      command("ip", "link", "add", `v${n}`, "netns", left, "type", "veth", "peer", "name", `v${n}`, "netns", right);
      for (const [name, host] of [[left, 1], [right, 2]] as const) {
        this.run(name, "ip", "address", "add", `10.${n}.0.${host}/24`, "dev", `v${n}`);
        this.run(name, "ip", "link", "set", `v${n}`, "up");
      }
    }
  }

  run(namespace: string, ...words: readonly string[]): string {
    return command("ip", "netns", "exec", namespace, ...words);
  }

  /**
   * A measurement of something else than Multipath TCP would be worth nothing.
   * @throws Error when fewer connections or joins were opened in the namespace
   */
  assertMultipath(namespace: string, connections: number, joins: number): void {
    const counters = this.run(namespace, "nstat", "-asz", "MPTcpExtMPCapableSYNACKRX", "MPTcpExtMPJoinSynAckRx");
    const count = (name: string): number => Number(new RegExp(`${name}\\s+(\\d+)`).exec(counters)?.[1] ?? 0);
    if (count("MPCapableSYNACKRX") < connections || count("MPJoinSynAckRx") < joins) throw new Error(`not Multipath TCP on all paths:\n${counters}`);
  }

  /** A Python process with sockets of the kernel, in a namespace; see kernel-end.py. */
  kernelEnd(namespace: string): Worker {
    return this.worker("ip", ["netns", "exec", namespace, "python3", "-u", fileURLToPath(new URL("../../src/kernel/kernel-end.py", import.meta.url))]);
  }

  /** A Node process with the engine or Node's own sockets; see node-end.ts. @param options where it runs, and under what */
  nodeEnd(script: string, options: { readonly namespace?: string; readonly wrap?: readonly string[]; readonly flags?: readonly string[] } = {}): Worker {
    const words = [...(options.wrap ?? []), process.execPath, ...(options.flags ?? []), fileURLToPath(new URL(script, import.meta.url))];
    const inside = options.namespace === undefined ? words : ["ip", "netns", "exec", options.namespace, ...words];
    return this.worker(inside[0] as string, inside.slice(1));
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.stop()));
    this.clear();
    process.off("exit", this.clear);
  }

  private worker(program: string, words: readonly string[]): Worker {
    const worker = new Worker(program, words);
    this.workers.push(worker);
    return worker;
  }

  private readonly clear = (): void => {
    for (const worker of this.workers.splice(0)) worker.kill();
    for (const name of this.namespaces.splice(0)) spawnSync("ip", ["netns", "del", name]);
  };
}

/** What a worker answered; it names the fields itself. */
export type Answer = Readonly<Record<string, number>>;

/** A process that does what it is told by a line of JSON, one after the other, and answers each with a line. */
export class Worker {
  private readonly child: ChildProcess;
  private readonly waiting: { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void }[] = [];
  private readonly exited: Promise<void>;

  constructor(program: string, words: readonly string[]) {
    this.child = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
    this.exited = new Promise((resolve) => this.child.once("exit", () => resolve()));
    this.child.stdin?.on("error", () => {});
    if (this.child.stdout === null) throw new Error("the child has no pipes");
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      const answer = JSON.parse(line) as Answer & { readonly error?: string };
      const next = this.waiting.shift();
      if (typeof answer.error === "string") next?.reject(new Error(answer.error));
      else next?.resolve(answer);
    });
    void this.exited.then(() => {
      for (const { reject } of this.waiting.splice(0)) reject(new Error(`${program} ended`));
    });
  }

  tell(what: string, parameters: Readonly<Record<string, string | number | boolean>> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
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

function command(program: string, ...words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${program} ${words.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

let made = 0;
