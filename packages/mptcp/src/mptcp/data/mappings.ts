import { LIMITS } from "../../core/index.ts";

/** A data sequence mapping that we declared: bytes of the connection carried by one subflow (RFC 8684 §3.3.1). */
export class SentMapping {
  /** Stream offset of the first byte at connection level, and on the subflow. */
  readonly dataOffset: number;
  readonly subflowOffset: number;
  /** Payload bytes, the DATA_FIN not counted. */
  readonly length: number;
  /** Whether the DATA_FIN follows the last byte. */
  readonly dataFin: boolean;
  /** Covers all of the mapping, so it is the same on every part that is sent again; -1 when checksums are not in use. */
  readonly checksum: number;

  constructor(dataOffset: number, subflowOffset: number, length: number, dataFin: boolean, checksum = -1) {
    this.dataOffset = dataOffset;
    this.subflowOffset = subflowOffset;
    this.length = length;
    this.dataFin = dataFin;
    this.checksum = checksum;
  }
}

/** FIFO of the mappings of one subflow that it has not fully acknowledged, by subflow offset. */
export class SentMappings {
  private items: SentMapping[] = [];
  /** Subflow offset after the last byte of each, beside them: acknowledgments look at nothing else. */
  private ends: number[] = [];
  private head = 0;

  get size(): number {
    return this.items.length - this.head;
  }

  push(mapping: SentMapping): void {
    this.items.push(mapping);
    this.ends.push(mapping.subflowOffset + mapping.length);
  }

  /** The i-th oldest, from 0. */
  at(i: number): SentMapping {
    return this.items[this.head + i] as SentMapping;
  }

  /** Forgets the mappings that end at or before subflow offset `to`. */
  acknowledge(to: number): void {
    const { ends, items } = this;
    let head = this.head;
    while (head < ends.length && (ends[head] as number) <= to) head++;
    this.head = head;
    // Compact in large steps only, so that the cost per mapping stays constant.
    if (head > 1024 && head * 2 > items.length) {
      this.items = items.slice(head - REMEMBERED);
      this.ends = ends.slice(head - REMEMBERED);
      this.head = REMEMBERED;
    }
  }

  /** Whether one of the latest mappings that were acknowledged covers a data offset. A guess: not all are remembered. */
  carriedLately(dataOffset: number): boolean {
    for (let i = this.head - 1; i >= 0; i--) {
      const mapping = this.items[i] as SentMapping;
      if (mapping.dataOffset <= dataOffset && dataOffset < mapping.dataOffset + mapping.length) return true;
    }
    return false;
  }

  /** Forgets all of them, the latest ones included. */
  clear(): void {
    this.items = [];
    this.ends = [];
    this.head = 0;
  }
}

/**
 * The mappings that the peer declared on one subflow and whose bytes have not all arrived in order: a ring of numbers, three for each,
 * ordered by subflow offset. Nearly every mapping is appended at the end and used up at the front. The ring becomes small again once it is
 * used up.
 */
export class ReceivedMappings {
  /** Subflow offset, data offset and length of one mapping after the other. */
  private ring: number[] = new Array<number>(3 * SMALLEST_RING).fill(0);
  private mask = SMALLEST_RING - 1;
  private head = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** Mappings that there is room for now. */
  get capacity(): number {
    return this.mask + 1;
  }

  /**
   * Records a mapping, less what is known already: one that restates known mappings changes nothing, however it is cut.
   * @returns false when it contradicts a known one (a mapping is fixed once declared, §3.3.1)
   */
  add(subflowOffset: number, dataOffset: number, length: number): boolean {
    const shift = dataOffset - subflowOffset;
    const to = subflowOffset + length;
    let from = subflowOffset;
    let at = this.upperBound(from);
    if (at > 0 && this.end(at - 1) > from) {
      if (shift !== this.shift(at - 1)) return false;
      from = this.end(at - 1);
    }
    while (from < to) {
      const next = at < this.count ? this.start(at) : to;
      const pieceEnd = next < to ? next : to;
      if (pieceEnd > from) {
        this.insert(at, from, from + shift, pieceEnd - from);
        at++;
      }
      if (next >= to) break;
      if (shift !== this.shift(at)) return false;
      from = this.end(at);
      at++;
    }
    return true;
  }

  /** Index of the mapping that covers `subflowOffset`, or -1. Forgets those that end at or before it. */
  find(subflowOffset: number): number {
    while (this.count > 0 && this.end(0) <= subflowOffset) {
      this.head = (this.head + 1) & this.mask;
      this.count--;
    }
    if (this.count <= 1 && this.mask >= LARGEST_IDLE_RING) this.resize(SMALLEST_RING);
    return this.count > 0 && this.start(0) <= subflowOffset ? 0 : -1;
  }

  /** Data offset of `subflowOffset` within mapping `index`. */
  dataOffset(index: number, subflowOffset: number): number {
    return subflowOffset + this.shift(index);
  }

  /** Subflow offset just after mapping `index`. */
  end(index: number): number {
    const at = this.place(index);
    return (this.ring[at] as number) + (this.ring[at + 2] as number);
  }

  private start(index: number): number {
    return this.ring[this.place(index)] as number;
  }

  /** What mapping `index` adds to a subflow offset. */
  private shift(index: number): number {
    const at = this.place(index);
    return (this.ring[at + 1] as number) - (this.ring[at] as number);
  }

  private place(index: number): number {
    return 3 * ((this.head + index) & this.mask);
  }

  /** Index of the first mapping that starts after `subflowOffset`. */
  private upperBound(subflowOffset: number): number {
    let low = 0;
    let high = this.count;
    if (high === 0 || this.start(high - 1) <= subflowOffset) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.start(middle) <= subflowOffset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private insert(index: number, subflowOffset: number, dataOffset: number, length: number): void {
    if (this.count > this.mask) this.resize(2 * this.capacity);
    // What is sent again fills a hole near the front: the shorter side makes room.
    if (2 * index < this.count) {
      this.head = (this.head - 1) & this.mask;
      for (let i = 0; i < index; i++) this.move(i + 1, i);
    } else {
      for (let i = this.count; i > index; i--) this.move(i - 1, i);
    }
    const { ring } = this;
    const at = this.place(index);
    ring[at] = subflowOffset;
    ring[at + 1] = dataOffset;
    ring[at + 2] = length;
    this.count++;
  }

  private move(from: number, to: number): void {
    const { ring } = this;
    const source = this.place(from);
    const target = this.place(to);
    ring[target] = ring[source] as number;
    ring[target + 1] = ring[source + 1] as number;
    ring[target + 2] = ring[source + 2] as number;
  }

  private resize(capacity: number): void {
    const old = this.ring;
    const ring = new Array<number>(3 * capacity).fill(0);
    for (let i = 0; i < this.count; i++) {
      const from = this.place(i);
      for (let k = 0; k < 3; k++) ring[3 * i + k] = old[from + k] as number;
    }
    this.ring = ring;
    this.mask = capacity - 1;
    this.head = 0;
  }
}

/** Acknowledged mappings kept for `carriedLately`, at the least. */
const REMEMBERED = 256;
/** Mappings that a ring has room for at the least, and the most that it keeps when it is used up. */
const SMALLEST_RING = 4;
const LARGEST_IDLE_RING = 32;

/** How many mappings a peer can make us remember on one subflow, with a receive buffer of `size` bytes. */
export function mostMappings(size: number): number {
  return Math.max(LIMITS.mappings.default, size >> 7);
}
