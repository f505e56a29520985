import type { BufferConfig, StreamSettings, TcpConfig } from "../../tcp/index.ts";
import { isEnoughToRead, offeredShare, reassemblyMemory, ReassemblyQueue, ReceiveQueue } from "../../tcp/index.ts";
import type { Payload } from "../../wire/index.ts";
import type { MptcpConfig } from "../config.ts";
import { ReceiveWindow } from "./window.ts";

/** What of the configuration the receiving half is made with. */
type ReceiverSettings = Pick<StreamSettings, "readLowWater" | "windowClamp"> & Pick<TcpConfig, "offeredWindow">;

/** What regular TCP goes on with when the connection falls back. */
export interface UnreadStream {
  readonly queue: ReceiveQueue;
  readonly window: ReceiveWindow;
  /** Next byte expected in order. */
  readonly nxt: number;
  /** Whether the peer's end was reached. */
  readonly finReached: boolean;
  readonly lastReceivedAt: number;
  /** Nobody reads any more: what arrives is thrown away. */
  readonly isDiscarding: boolean;
  readonly readLowWater: number;
}

/**
 * The receiving half of an MPTCP connection: reorders by data sequence, and owns the one receive window that all subflows
 * share (RFC 8684 §3.3.4). Positions are data offsets.
 */
export class DataReceiver {
  private readonly queue = new ReceiveQueue();
  private readonly reorder = new ReassemblyQueue(0);
  private readonly window: ReceiveWindow;
  private rcvNxt = 0;
  private fin = -1;
  private receivedAt = -1;
  private discarding = false;
  private readLowWater: number;

  /** @param marks see TcpConfig; the application hears of each byte, and the window is as wide as there is room, unless given */
  constructor(buffer: BufferConfig, settings: ReceiverSettings = { readLowWater: 1, windowClamp: 0, offeredWindow: "all" }) {
    const { readLowWater, windowClamp } = settings;
    this.window = new ReceiveWindow(buffer, windowClamp, offeredShare(settings));
    this.readLowWater = readLowWater;
  }

  // ---- what can be read

  /** Next byte expected in order. */
  get nxt(): number {
    return this.rcvNxt;
  }

  /** Right edge of the window as advertised so far; never moves left. */
  get right(): number {
    return this.window.right;
  }

  /** Receive buffer size now, bytes. */
  get limit(): number {
    return this.window.limit;
  }

  /** The most that the application has read in one round trip, bytes. */
  get readPerRound(): number {
    return this.window.readPerRound;
  }

  /** Position of the peer's DATA_FIN; -1 until it is known. */
  get finOffset(): number {
    return this.fin;
  }

  /** Whether the peer's DATA_FIN and everything before it arrived. */
  get finReached(): boolean {
    return this.fin >= 0 && this.nxt === this.fin;
  }

  /** The DATA_ACK: the next position expected, past the DATA_FIN once that is reached. */
  get acknowledgment(): number {
    return this.finReached ? this.nxt + 1 : this.nxt;
  }

  /** Bytes that `read` would give. */
  get readable(): number {
    return this.queue.length;
  }

  /** Whether so many bytes wait that the application is to hear of them. */
  get hasEnoughToRead(): boolean {
    return isEnoughToRead(this.readable, this.readLowWater, this.limit);
  }

  /** Whether nobody reads any more: what arrives is acknowledged and thrown away. */
  get isDiscarding(): boolean {
    return this.discarding;
  }

  /** Bytes that wait for the application or for a gap to fill. */
  get buffered(): number {
    return this.queue.length + this.reorder.bytes;
  }

  /** Bytes that wait for a gap to fill, and the memory that they take, bytes. */
  get reorderedBytes(): number {
    return this.reorder.bytes;
  }
  get reorderMemory(): number {
    return this.reorder.memory;
  }

  /** How often something that came early was not kept because of the limit on that memory. */
  get refusals(): number {
    return this.reorder.refusals;
  }

  /** When data last arrived in order, ns; -1: never. */
  get lastReceivedAt(): number {
    return this.receivedAt;
  }

  // ---- the window

  /** The window to advertise now, in bytes from `nxt`; moves the right edge. */
  advertise(): number {
    return this.window.advertise(this.nxt, this.queue.length);
  }

  /** Whether what the application read since the last advertisement is worth a window update. */
  updateWorthwhile(segment: number): boolean {
    return this.window.updateWorthwhile(this.nxt, this.queue.length, segment);
  }

  /** Whether the window was nearly closed; see {@link ReceiveWindow.takeClosed}. */
  takeClosed(): boolean {
    return this.window.takeClosed();
  }

  /** Whether data that ends at `end` lies within the window; what does not is dropped (RFC 8684 §3.3.4). */
  acceptable(end: number): boolean {
    return end <= this.window.right;
  }

  // ---- what arrives

  /**
   * Bytes of the connection arrived on some subflow; duplicates are dropped.
   * @param elsewhere memory, bytes, that the subflows hold in data out of order
   * @returns how many became readable
   */
  insert(offset: number, payload: Payload, elsewhere: number, now: number): number {
    let from = offset;
    if (this.fin >= 0 && from + payload.length > this.fin) {
      if (from >= this.fin) return 0;
      payload = payload.slice(0, this.fin - from);
    }
    if (from + payload.length <= this.nxt) return 0;
    if (from < this.nxt) {
      payload = payload.slice(this.nxt - from, payload.length);
      from = this.nxt;
    }
    if (from > this.nxt) {
      this.reorder.limit = reassemblyMemory(this.limit) - elsewhere;
      this.reorder.insert(from, payload);
      return 0;
    }
    const before = this.nxt;
    this.queue.push(payload);
    this.rcvNxt += payload.length;
    if (this.reorder.bytes > 0) {
      let run = this.reorder.pop(this.nxt);
      while (run !== null) {
        this.queue.push(run);
        this.rcvNxt += run.length;
        run = this.reorder.pop(this.nxt);
      }
    }
    this.receivedAt = now;
    if (this.discarding) this.queue.clear();
    return this.nxt - before;
  }

  /** Bytes that came with the peer's SYN: they lie before the data sequence space. */
  insertEarly(payload: Payload, now: number): void {
    this.receivedAt = now;
    if (!this.discarding) this.queue.push(payload);
  }

  /**
   * The peer's DATA_FIN arrived.
   * @param belowData see `MptcpConfig.dataFinBelowData`
   * @returns whether that is news; one that is ignored is none
   */
  insertFin(dataOffset: number, belowData: MptcpConfig["dataFinBelowData"]): boolean {
    if (this.fin >= 0 || dataOffset < this.nxt) return false;
    if (dataOffset < this.reorder.highest) {
      if (belowData === "ignored" || this.reorder.rangeAt(dataOffset) !== null) return false;
      this.dropFrom(dataOffset);
    }
    this.fin = dataOffset;
    return true;
  }

  /** Drops what came out of order from a gap at `offset` on. */
  private dropFrom(offset: number): void {
    const { reorder } = this;
    const kept: { readonly at: number; readonly piece: Payload }[] = [];
    for (let at = reorder.lowest; at < offset; at = reorder.lowest) {
      const piece = reorder.pop(at);
      if (piece === null) break;
      kept.push({ at, piece });
    }
    reorder.clear();
    for (const { at, piece } of kept) reorder.insert(at, piece);
  }

  // ---- the application's commands

  /** Takes up to `max` bytes in order; null when there are none. */
  read(max: number): Payload | null {
    return this.queue.read(max);
  }

  /** What {@link DataReceiver.read} would give from `skip` bytes on, which stays. */
  peek(max: number, skip: number): Payload | null {
    return this.queue.peek(max, skip);
  }

  /** Nobody will read any more. */
  discard(): void {
    this.discarding = true;
    this.queue.clear();
  }

  /** Other settings from now on. */
  configure(change: Partial<StreamSettings>): void {
    this.window.configure(change);
    if (change.readLowWater !== undefined) this.readLowWater = change.readLowWater;
  }

  /** The application took `bytes`; see {@link ReceiveWindow.consumed}. */
  consumed(bytes: number, longestRtt: number, segment: number, now: number): void {
    this.window.consumed(bytes, longestRtt, segment, now);
  }

  // ---- the end of Multipath TCP

  /** Gives the stream to regular TCP (RFC 8684 §3.7). Nothing is to be asked of this object any more. */
  handOver(): UnreadStream {
    return { queue: this.queue, window: this.window, nxt: this.nxt, finReached: this.finReached, lastReceivedAt: this.receivedAt, isDiscarding: this.discarding, readLowWater: this.readLowWater };
  }
}
