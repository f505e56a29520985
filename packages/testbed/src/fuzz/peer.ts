import { SeededRandom } from "mptcp";

/** What a run is about: the same for all of its inputs. */
export interface Setting {
  /** Whether the stack is connected to, or connects. */
  readonly role: "server" | "client";
  /** Whether the stack's socket speaks Multipath TCP, and whether the peer offers or answers it. */
  readonly multipath: boolean;
  readonly peerMultipath: boolean;
  readonly family: 4 | 6;
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly checksum: boolean;
}

/** What a connection looks like to its peer, which believes that the stack does what it would do itself. */
export type State =
  | "opening" | "one subflow" | "two subflows" | "peer closed" | "stack closed" | "both closed"
  | "fallback" | "regular" | "regular, peer closed" | "regular, stack closed" | "over";

export const STATES: readonly State[] = [
  "opening", "one subflow", "two subflows", "peer closed", "stack closed", "both closed", "fallback", "regular", "regular, peer closed", "regular, stack closed", "over",
];

/** A subflow as its peer sees it; numbers are relative to the SYNs. */
export interface PeerFlow {
  /** The number of the peer's address. */
  readonly address: number;
  /** What the peer sends next. */
  next: number;
  /** What it acknowledges. */
  ack: number;
}

/** The peer of a stack under random inputs: it knows where it is in the sequence spaces, as far as can be known without hearing the stack. */
export class Peer {
  readonly random: SeededRandom;
  readonly setting: Setting;
  readonly flows: PeerFlow[] = [{ address: 0, next: 1, ack: 1 }];
  /** The next data sequence number, and what the peer has of the stack's data. */
  dataNext = 1;
  dataAck = 1;
  /** Data that the program has written. */
  written = 0;
  /** The clock of the peer's timestamps, ms. */
  clock = 1000;
  isOpen = false;
  isFallback: boolean;
  peerClosed = false;
  stackClosed = false;
  isOver = false;
  window = 256;
  /** The descriptor of the connection. */
  socket: number;

  constructor(random: SeededRandom, setting: Setting) {
    this.random = random;
    this.setting = setting;
    this.isFallback = !setting.multipath || !setting.peerMultipath;
    this.socket = setting.role === "server" ? 4 : 3;
  }

  get state(): State {
    if (this.isOver) return "over";
    if (!this.isOpen) return "opening";
    if (!this.setting.multipath || !this.setting.peerMultipath) return this.peerClosed ? "regular, peer closed" : this.stackClosed ? "regular, stack closed" : "regular";
    if (this.isFallback) return "fallback";
    if (this.peerClosed && this.stackClosed) return "both closed";
    if (this.peerClosed) return "peer closed";
    if (this.stackClosed) return "stack closed";
    return this.flows.length > 1 ? "two subflows" : "one subflow";
  }

  // ---- chance

  below(bound: number): number {
    return Math.floor((this.random.uint32() / 2 ** 32) * bound);
  }

  chance(probability: number): boolean {
    return this.random.uint32() / 2 ** 32 < probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  // ---- names

  /** The key of the stack, and the peer's. */
  get ownKey(): string {
    return this.setting.role === "server" ? "skey" : "ckey";
  }

  get peerKey(): string {
    return this.setting.role === "server" ? "ckey" : "skey";
  }

  // ---- lines

  flow(): PeerFlow {
    return this.flows.length > 1 && this.chance(0.5) ? this.flows[1]! : this.flows[0]!;
  }

  /** A segment of the peer's. What is not said is what comes next. */
  segment(flow: PeerFlow, { flags = ".", length = 0, from = flow.next, ack = flow.ack, window = this.window, options = [], timestamps = "now" }: SegmentParts = {}): string {
    const acked = flags.includes(".") ? ` ack ${ack}` : "";
    const all = [...this.#timestamps(timestamps), ...options];
    const list = all.length === 0 ? "" : ` <${all.join(", ")}>`;
    return `< addr[caddr${flow.address}] > addr[saddr0] ${flags} ${from}:${from + length}(${length})${acked} win ${window}${list}`;
  }

  #timestamps(which: NonNullable<SegmentParts["timestamps"]>): string[] {
    if (!this.setting.timestamps || which === "none") return [];
    return ["nop", "nop", `TS val ${which === "now" ? this.clock : 10} ecr 100`];
  }

  /** Octets that are left for options besides timestamps. */
  get optionSpace(): number {
    return this.setting.timestamps ? 28 : 40;
  }

  /** A mapping for data that begins at `dsn`. */
  dss({ dsn, ssn, length, width = 8, dack = width, fin = false, checksum = "negotiated" }: DssParts): string {
    const parts = ["dss"];
    if (dack !== 0) parts.push(`dack${dack}=${this.dataAck}`);
    parts.push(`dsn${width}=${dsn}`, `ssn=${ssn}`, `dll=${length}`);
    if (checksum === "negotiated") parts.push(this.setting.checksum ? "checksum" : "nocs");
    else parts.push(checksum === "none" ? "nocs" : checksum === "right" ? "checksum" : "checksum=4660");
    if (fin) parts.push("fin");
    return parts.join(" ");
  }

  dataAckOption(value = this.dataAck, width: 4 | 8 = 8): string {
    return `dss dack${width}=${value} nocs`;
  }

  /** The options that a segment of the peer's has at least: a Data ACK, where there is Multipath TCP. */
  acknowledging(): string[] {
    return this.isFallback ? [] : [this.dataAckOption()];
  }
}

export interface SegmentParts {
  readonly flags?: string;
  readonly length?: number;
  readonly from?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly options?: readonly string[];
  readonly timestamps?: "now" | "old" | "none";
}

export interface DssParts {
  readonly dsn: number;
  readonly ssn: number;
  readonly length: number;
  readonly width?: 4 | 8;
  readonly dack?: 0 | 4 | 8;
  readonly fin?: boolean;
  readonly checksum?: "negotiated" | "none" | "right" | "wrong";
}
