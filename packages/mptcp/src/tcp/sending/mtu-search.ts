import type { SentSegment } from "./sent-segment.ts";

/**
 * The search for a path MTU by segments that are larger than the others (RFC 4821, RFC 8899): one at a time, with data, when there is enough behind it that its
 * loss shows soon. Sizes in octets of IP packet, positions as stream offsets.
 */
export class MtuSearch {
  /** Larger packets are tried. */
  isOn = false;
  /** The largest size that may yet pass. */
  private high = 0;
  /** Probes of that size that were lost. */
  private tries = 0;
  /** The size that is tried; 0: none. */
  private size = 0;
  /** The probe in flight; -1: none. */
  private from = -1;
  private to = -1;

  /** @param most the largest size there can be, which is tried first: the path may have been down for a while, or be another now */
  begin(most: number): void {
    this.isOn = true;
    this.high = most;
    this.size = most;
    this.tries = 0;
    this.from = -1;
  }

  end(): void {
    this.isOn = false;
    this.from = -1;
  }

  /** Whether a probe is under way. */
  get isOutstanding(): boolean {
    return this.from >= 0;
  }

  /** Where a probe in flight ends. */
  get probeEnd(): number {
    return this.to;
  }

  /**
   * The size to be tried next; 0 when the search is over.
   * @param low the largest size that passes
   */
  next(low: number): number {
    if (this.size <= low || this.size > this.high) {
      this.size = this.high - low < RESOLUTION ? 0 : between(low, this.high);
      this.tries = 0;
    }
    return this.size;
  }

  /** A probe leaves, with the octets from `from` to `to`. */
  sent(from: number, to: number): void {
    this.from = from;
    this.to = to;
  }

  /** Whether a segment that leaves, or is lost, is the probe. */
  covers(segment: SentSegment): boolean {
    return segment.offset === this.from && segment.offset + segment.length === this.to;
  }

  /** It arrived. @returns its size */
  delivered(): number {
    this.from = -1;
    return this.size;
  }

  /** It alone was lost: after some of a size, that does not pass (RFC 8899 §5.1.2, MAX_PROBES). */
  lost(): void {
    this.from = -1;
    if (++this.tries >= MAX_PROBES) this.high = this.size - 1;
  }

  /** It is sent again, cut, or was lost with others: what becomes of it tells nothing (RFC 4821 §7.6). */
  forget(): void {
    this.from = -1;
  }

  /** A router said how much it takes. @returns whether it was about the probe */
  limit(mtu: number, low: number): boolean {
    if (!this.isOutstanding || mtu < low || mtu >= this.size) return false;
    this.from = -1;
    this.high = mtu;
    this.size = mtu;
    this.tries = 0;
    return true;
  }
}

/** A size that many links have, where there is one in the middle half of what is left; else the middle. */
function between(low: number, high: number): number {
  const quarter = (high - low) / 4;
  const common = COMMON.find((size) => size > low + quarter && size <= high - quarter);
  return common ?? Math.floor((low + high + 1) / 2);
}

/** RFC 8899 §5.1.2. */
const MAX_PROBES = 3;
/** Sizes that differ by less are not told apart, octets: it is half a percent of 1500. */
const RESOLUTION = 8;
/** Jumbo frames, Ethernet, PPPoE, and tunnels over them. */
const COMMON = [9000, 8950, 4470, 2002, 1500, 1492, 1480, 1472, 1462, 1450, 1440, 1430, 1420, 1412, 1400, 1380, 1360, 1340, 1320, 1300];
