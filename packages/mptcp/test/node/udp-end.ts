import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "../../../../test/shared/build.ts";

// What is run is what is there.
build();

/** What one can tell peers/udp-end.mjs to do. */
export interface Order {
  readonly what: "listen" | "bind" | "connect" | "visit" | "write" | "close" | "exit" | "descriptors" | "thread" | "terminate";
  readonly host?: string;
  readonly port?: number;
  readonly localPort?: number;
  readonly multipath?: boolean;
  readonly text?: string;
  /** Connections to open. */
  readonly count?: number;
}

/** What it tells. */
export interface Told {
  readonly event: "ready" | "listening" | "accepted" | "connected" | "subflow" | "data" | "error" | "close" | "visited" | "descriptors" | "thread" | "terminated";
  readonly port?: number;
  readonly code?: string;
  readonly text?: string;
  readonly count?: number;
  readonly usage?: Readonly<Record<string, number>>;
}

export interface UdpEndOptions {
  readonly addresses?: readonly string[];
  /** Name of the network namespace that it runs in. */
  readonly namespace?: string;
}

/** A process of its own with a stack over UDP. */
export class UdpEnd {
  readonly child: ChildProcess;
  readonly told: Told[] = [];
  readonly exited: Promise<void>;
  private readonly waiting: { readonly event: string; readonly resolve: (told: Told) => void }[] = [];
  private static readonly running = new Set<UdpEnd>();

  constructor(way: "batched" | "dgram", { addresses = ["127.0.0.1"], namespace }: UdpEndOptions = {}) {
    const node = [process.execPath, fileURLToPath(new URL("./peers/udp-end.mjs", import.meta.url)), way, ...addresses];
    const [command = "", ...words] = namespace === undefined ? node : ["ip", "netns", "exec", namespace, ...node];
    this.child = spawn(command, words, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    UdpEnd.running.add(this);
    this.exited = new Promise((resolve) => this.child.once("exit", () => resolve()));
    this.child.on("message", (told) => this.hear(told as Told));
  }

  /** The most descriptors that it may have from now on. Loading the modules takes many at once. */
  limitDescriptors(most: number): void {
    const { status, stderr } = spawnSync("prlimit", [`--pid=${this.child.pid}`, `--nofile=${most}`], { encoding: "utf8" });
    if (status !== 0) throw new Error(`prlimit: ${stderr}`);
  }

  do(order: Order): void {
    this.child.send(order);
  }

  /** What it tells next of that kind, or has told and nobody asked for. */
  next(event: Told["event"]): Promise<Told> {
    const at = this.told.findIndex((told) => told.event === event);
    if (at >= 0) return Promise.resolve(this.told.splice(at, 1)[0] as Told);
    return new Promise((resolve) => this.waiting.push({ event, resolve }));
  }

  /** Ends it at once, so that it can say nothing. */
  kill(): Promise<void> {
    this.child.kill("SIGKILL");
    return this.exited;
  }

  static async killAll(): Promise<void> {
    await Promise.all(Array.from(UdpEnd.running, (end) => end.kill()));
    UdpEnd.running.clear();
  }

  private hear(told: Told): void {
    const at = this.waiting.findIndex(({ event }) => event === told.event);
    if (at < 0) this.told.push(told);
    else this.waiting.splice(at, 1)[0]?.resolve(told);
  }
}
