import type { AnySocket } from "mptcp/node";
import { SubflowLedger } from "../subflow-ledger.ts";
import type { Direction, DirectionFigures, IntervalFigures, PathFigures } from "./protocol.ts";

/** One connection that carries data in one direction. */
export interface Stream {
  readonly number: number;
  readonly socket: AnySocket;
  readonly ledger: SubflowLedger;
  /** Octets of the line at its beginning, where it was sent from here. */
  readonly header: number;
  /** Of the data. */
  received: number;
}

/** Counts one direction of a test at one of its ends, over all of its connections. */
export class DirectionMeter {
  readonly direction: Direction;
  readonly role: "sender" | "receiver";
  private readonly streams: readonly Stream[];
  private readonly started: number;
  private readonly clock: () => number;
  /** When the first octet came, and the last one, s; -1: none has. */
  private firstAt = -1;
  private lastAt = -1;
  private readonly intervals: IntervalFigures[] = [];
  private before: { at: number; bytes: number; paths: readonly PathFigures[] };
  private final: DirectionFigures | null = null;

  /** @param clock s */
  constructor(direction: Direction, role: "sender" | "receiver", streams: readonly Stream[], clock: () => number) {
    this.direction = direction;
    this.role = role;
    this.streams = streams;
    this.clock = clock;
    this.started = clock();
    this.before = { at: this.started, bytes: 0, paths: [] };
  }

  /** Something came. @returns whether that was the first of it */
  onReceived(stream: Stream, bytes: number): boolean {
    stream.received += bytes;
    this.lastAt = this.clock();
    if (this.firstAt >= 0) return false;
    this.firstAt = this.lastAt;
    return true;
  }

  /** Octets that arrived, or that the peer has acknowledged. */
  get bytes(): number {
    return this.streams.reduce((sum, stream) => sum + this.bytesOf(stream), 0);
  }

  /** Ends an interval. @returns its figures */
  interval(): IntervalFigures {
    const now = this.clock();
    const { bytes } = this;
    const paths = this.paths();
    const known = new Map(this.before.paths.map((path) => [pathKey(path), path]));
    const grown = paths.map((path) => {
      const old = known.get(pathKey(path));
      return old === undefined ? path : { ...path, bytes: Math.max(0, path.bytes - old.bytes), bytesRetransmitted: Math.max(0, path.bytesRetransmitted - old.bytesRetransmitted) };
    });
    const figures = { startMilliseconds: this.since(this.before.at), endMilliseconds: this.since(now), bytes: bytes - this.before.bytes, paths: grown };
    this.before = { at: now, bytes, paths };
    this.intervals.push(figures);
    return figures;
  }

  /** What is left since the last interval is that one's, too. */
  extendInterval(): void {
    const last = this.intervals.at(-1);
    if (last === undefined) return;
    const { endMilliseconds, bytes, paths } = this.interval();
    this.intervals.splice(-2);
    const old = new Map(last.paths.map((path) => [pathKey(path), path]));
    const sums = paths.map((path) => {
      const before = old.get(pathKey(path));
      return before === undefined ? path : { ...path, bytes: path.bytes + before.bytes, bytesRetransmitted: path.bytesRetransmitted + before.bytesRetransmitted };
    });
    this.intervals.push({ startMilliseconds: last.startMilliseconds, endMilliseconds, bytes: last.bytes + bytes, paths: sums });
  }

  /** How long ago the last interval ended, s. */
  get sinceInterval(): number {
    return this.clock() - this.before.at;
  }

  /** The figures are what they are now; what still comes is not counted. @param hasAll everything has come: the time ends with the last octet */
  finish(hasAll: boolean): void {
    this.final ??= this.figuresAt(hasAll ? this.lastAt : this.clock());
  }

  get isFinished(): boolean {
    return this.final !== null;
  }

  /** As they were when they were finished, or are now. */
  figures(): DirectionFigures {
    return this.final ?? this.figuresAt(this.clock());
  }

  private figuresAt(end: number): DirectionFigures {
    // Where everything comes at once, that has taken the time from the start on.
    const start = this.role === "sender" || end === this.firstAt ? this.started : this.firstAt;
    return this.figuresOver(start < 0 ? 0 : end - start);
  }

  private figuresOver(seconds: number): DirectionFigures {
    const { bytes } = this;
    const durationMicroseconds = Math.round(seconds * 1e6);
    return {
      role: this.role,
      bytes,
      durationMicroseconds,
      bitsPerSecond: durationMicroseconds === 0 ? 0 : Math.round((bytes * 8e6) / durationMicroseconds),
      streams: this.streams.map((stream) => {
        stream.ledger.look();
        return { stream: stream.number, bytes: this.bytesOf(stream), subflows: stream.ledger.subflows.length, fallback: stream.ledger.last.fallback };
      }),
      paths: this.paths(),
      intervals: this.intervals,
    };
  }

  private bytesOf(stream: Stream): number {
    if (this.role === "receiver") return stream.received;
    const { bytesAcknowledged } = stream.socket.mptcp.info();
    return Math.max(0, bytesAcknowledged - stream.header);
  }

  /** What went by each pair of addresses. */
  private paths(): PathFigures[] {
    const all = new Map<string, { figures: PathFigures; weight: number }>();
    for (const { ledger } of this.streams) {
      ledger.look();
      for (const subflow of ledger.subflows) {
        const { localAddress, remoteAddress, rtt, congestionWindow, bytesRetransmitted, down } = subflow;
        const bytes = this.role === "receiver" ? subflow.bytesReceived : subflow.bytesSent - bytesRetransmitted;
        const key = pathKey(subflow);
        const { figures, weight } = all.get(key) ?? { figures: { localAddress, remoteAddress, bytes: 0, bytesRetransmitted: 0, rttMicroseconds: 0, congestionWindowBytes: 0 }, weight: 0 };
        const isMeasured = rtt > 0 && down === null;
        const count = weight + (isMeasured ? 1 : 0);
        all.set(key, {
          weight: count,
          figures: {
            localAddress,
            remoteAddress,
            bytes: figures.bytes + Math.max(0, bytes),
            bytesRetransmitted: figures.bytesRetransmitted + bytesRetransmitted,
            rttMicroseconds: isMeasured ? Math.round((figures.rttMicroseconds * weight + rtt / 1000) / count) : figures.rttMicroseconds,
            congestionWindowBytes: figures.congestionWindowBytes + (down === null ? Math.round(congestionWindow) : 0),
          },
        });
      }
    }
    return Array.from(all.values(), ({ figures }) => figures);
  }

  private since(time: number): number {
    return Math.max(0, Math.round((time - this.started) * 1000));
  }
}

function pathKey({ localAddress, remoteAddress }: { readonly localAddress: string; readonly remoteAddress: string }): string {
  return `${localAddress} ${remoteAddress}`;
}
