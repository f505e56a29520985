import { LIMITS, MICROSECOND, NEVER } from "../../core/index.ts";
import type { BufferConfig } from "../config.ts";

/**
 * Size of a receive buffer that follows what the application reads: dynamic right-sizing, as Linux does it.
 *
 * Once per round-trip time the bytes copied to the application are compared with those of the round before. The buffer then
 * has room for twice the larger number, so that a sender in slow start is not held back, plus a share for its growth.
 * With `rtt` the largest of several paths, the bytes copied are sum(bw_i) * max(rtt), and the result is the rule
 * 2 * sum(bw_i) * max(rtt) of Multipath TCP.
 */
export class ReceiveBufferTuner {
  /** Bytes of buffer now. */
  size: number;
  private readonly share: number;
  private max: number;
  private autoTune: boolean;
  private copied = 0;
  /** Most bytes copied in one round so far. */
  private space: number;
  private roundStart = -1;

  /**
   * @param initialWindow bytes that the peer may send in its first flight: the first round's measure
   * @param share what of the buffer is for data, and offered; the rest is for what packets take beside it
   */
  constructor(config: BufferConfig, initialWindow: number, share = 1) {
    this.share = share;
    this.max = Math.floor(share * config.max);
    this.autoTune = config.autoTune;
    this.size = Math.floor(share * (config.autoTune ? Math.min(config.initial, config.max) : config.initial));
    this.space = Math.max(1, Math.min(initialWindow, this.size));
  }

  /** Another size, or other bounds, from now on. What was offered to the peer is not taken back. */
  configure(config: BufferConfig): void {
    const { share } = this;
    this.max = Math.floor(share * config.max);
    this.autoTune = config.autoTune;
    this.size = sizeWithin({ ...config, initial: Math.floor(share * config.initial), max: this.max }, this.size);
  }

  /** The most that the application has read in one round trip, bytes; before the first what the peer's first flight may bring. */
  get readPerRound(): number {
    return this.space;
  }

  /**
   * The application took `bytes`.
   * @param rtt round-trip time as the receiver sees it, ns; 0 when unknown
   * @param mss largest segment received, bytes
   * @returns whether the buffer grew
   */
  onRead(bytes: number, rtt: number, mss: number, now: number): boolean {
    this.copied += bytes;
    if (this.roundStart < 0) this.roundStart = now;
    if (!this.autoTune || rtt === 0 || now - this.roundStart < rtt) return false;
    const copied = this.copied;
    this.copied = 0;
    this.roundStart = now;
    if (copied <= this.space) return false;
    // Twice the bytes of this round, room for a few segments in flight, and twice the growth seen, since the next round will
    // have grown by as much again.
    let target = 2 * copied + 16 * mss;
    const growth = Math.floor((target * (copied - this.space)) / this.space);
    target += 2 * growth;
    this.space = copied;
    if (target > this.max) target = this.max;
    if (target <= this.size) return false;
    this.size = target;
    return true;
  }
}

/** Size of a send buffer that follows the congestion window. */
export class SendBufferTuner {
  /** Bytes of buffer now. */
  size: number;
  private max: number;
  private autoTune: boolean;

  constructor(config: BufferConfig) {
    this.max = config.max;
    this.autoTune = config.autoTune;
    this.size = config.autoTune ? Math.min(config.initial, config.max) : config.initial;
  }

  /** Another size, or other bounds, from now on. What the buffer holds stays in it. */
  configure(config: BufferConfig): void {
    this.max = config.max;
    this.autoTune = config.autoTune;
    this.size = sizeWithin(config, this.size);
  }

  /**
   * Makes room for what the windows may become; with several subflows give sums. Twice what may be in flight in the
   * next round, since that much has to wait for its acknowledgment; in slow start the next window is twice this one.
   *
   * @param cwnd congestion window, bytes
   * @param slowStart whether the window doubles per round
   * @param rtt smoothed round-trip time, ns
   * @param minRtt the smallest, ns
   * @returns whether the buffer grew
   */
  onWindow(cwnd: number, slowStart: boolean, rtt: number, minRtt: number): boolean {
    const factor = slowStart ? 4 : 2;
    return this.require(withoutQueue(factor * cwnd, factor * windowOfPath(cwnd, rtt, minRtt)));
  }

  /** Grows to `bytes`, within the limit. @returns whether the buffer grew */
  require(bytes: number): boolean {
    if (!this.autoTune || bytes <= this.size || this.size >= this.max) return false;
    this.size = bytes > this.max ? this.max : bytes;
    return true;
  }
}

/**
 * What of a congestion window the path carries, in bytes: the rest stands in queues on the way, up to as much again is usual. On a link that never
 * loses anything, to this machine's own kernel for one, a window grows until the peer's buffer is full, and all of it falls out of the caches.
 */
export function windowOfPath(cwnd: number, rtt: number, minRtt: number): number {
  return rtt <= 2 * minRtt || minRtt === 0 ? cwnd : (cwnd * 2 * minRtt) / rtt;
}

/** A send buffer for windows of `wanted` bytes, of which queues hold all but `carried`: a large one is not made for queues. */
export function withoutQueue(wanted: number, carried: number): number {
  return wanted <= LARGE_BUFFER ? wanted : Math.max(LARGE_BUFFER, carried);
}

/**
 * The round-trip time seen by a receiver that sends little: from timestamps echoed by the peer, or from the time it takes to
 * receive a window's worth of data.
 */
export class ReceiverRtt {
  /** ns; 0 before the first sample. */
  value = 0;
  private windowStart = -1;
  private windowEnd = 0;
  private lastSample = NEVER;

  /** A sample from the timestamp option, ns: the age of our newest timestamp that the peer's data segment echoes. */
  sample(rtt: number): void {
    const measured = rtt < MICROSECOND ? MICROSECOND : rtt;
    this.value = this.value === 0 ? measured : this.value + (measured - this.value) / 8;
    this.lastSample = this.value;
  }

  /**
   * Data up to `offset` arrived in order while `window` bytes were on offer. Without timestamps the time for a window's worth is
   * an upper bound of the round-trip time, so that the smallest such time counts.
   */
  onData(offset: number, window: number, now: number): void {
    if (this.windowStart >= 0) {
      if (offset < this.windowEnd) return;
      const measured = Math.max(MICROSECOND, now - this.windowStart);
      if (this.lastSample === NEVER && (this.value === 0 || measured < this.value)) this.value = measured;
    }
    this.windowStart = now;
    this.windowEnd = offset + window;
  }
}

/** The size of a buffer that has `size` now and is configured otherwise: a fixed one, or as it is within the new bounds. */
export function sizeWithin({ autoTune, initial, max }: BufferConfig, size: number): number {
  return autoTune ? Math.min(Math.max(size, initial), max) : initial;
}

/** Memory, bytes, that data out of order may take with a receive buffer of `size` bytes: small segments cost more than they bring. */
export function reassemblyMemory(size: number): number {
  return LIMITS.outOfOrder.default * Math.max(size, SMALLEST_BUFFER);
}

/** Below this, bytes, a send buffer has what it asks for. */
const LARGE_BUFFER = 8 * 1024 * 1024;
const SMALLEST_BUFFER = 65536;
