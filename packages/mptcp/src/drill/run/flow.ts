import type { IpAddress } from "../../wire/index.ts";
import type { Multipath } from "./multipath.ts";

/** The two ends of a flow, the stack's first. */
export interface Ends {
  readonly local: IpAddress;
  readonly localPort: number;
  readonly remote: IpAddress;
  readonly remotePort: number;
}

/** How numbers of a script and those of the stack belong together, for one connection of TCP, or one pair of ports of UDP. */
export class Flow implements Ends {
  readonly protocol: "tcp" | "udp";
  readonly local: IpAddress;
  readonly localPort: number;
  readonly remote: IpAddress;
  readonly remotePort: number;
  /** Whether the stack began it. */
  readonly active: boolean;
  /** Whether a line of the script stood for one of its packets. */
  claimed = false;
  /** Initial sequence numbers; null: not seen yet. */
  localInitial: number | null = null;
  remoteInitial: number | null = null;
  /** The numbers that the script writes in the SYNs: they are compared as they are written, and all others count from them. */
  localWritten: number | null = null;
  remoteWritten = 0;
  /** How often the script had listened when the flow began. */
  readonly era: number;
  established = false;
  /** A reset, or FINs of both ends. */
  ended = false;
  readonly finished = { local: false, remote: false };
  multipath: Multipath | null = null;
  /** Random numbers of a join. */
  readonly nonces: { local: number | null; remote: number | null } = { local: null, remote: null };
  /** The script's number of the socket, and those of `sock(...)`. */
  readonly sockets = new Set<number>();
  readonly timestamps = new Timestamps();
  /** Data of the script's end that was sent: the relative number behind it. */
  remoteNext = 1;

  constructor(protocol: "tcp" | "udp", ends: Ends, active: boolean, era: number) {
    this.era = era;
    this.protocol = protocol;
    this.local = ends.local;
    this.localPort = ends.localPort;
    this.remote = ends.remote;
    this.remotePort = ends.remotePort;
    this.active = active;
  }

  hasEnds(local: IpAddress | undefined, remote: IpAddress | undefined): boolean {
    return (local === undefined || this.local.equals(local)) && (remote === undefined || this.remote.equals(remote));
  }

  is(protocol: string, { local, localPort, remote, remotePort }: Ends): boolean {
    return this.protocol === protocol && this.localPort === localPort && this.remotePort === remotePort && this.local.equals(local) && this.remote.equals(remote);
  }

  finish(side: "local" | "remote"): void {
    this.finished[side] = true;
    if (this.finished.local && this.finished.remote) this.ended = true;
  }
}

/** Timestamps of the stack and those that the script has for them. */
export class Timestamps {
  readonly #live = new Map<number, number>();
  #first: { readonly script: number; readonly live: number } | null = null;

  /** A line with `script` stood for a segment with `live`. */
  learn(script: number, live: number): void {
    this.#first ??= { script, live };
    this.#live.set(script, live);
  }

  /** What the stack is to be told of one of its own timestamps. */
  liveOf(script: number): number {
    const known = this.#live.get(script);
    if (known !== undefined) return known;
    return this.#first === null ? script : (this.#first.live + (script - this.#first.script)) >>> 0;
  }

  /** What the script would call a timestamp of the stack. */
  scriptOf(live: number): number {
    return this.#first === null ? live : (this.#first.script + (live - this.#first.live)) >>> 0;
  }

  get known(): boolean {
    return this.#first !== null;
  }
}
