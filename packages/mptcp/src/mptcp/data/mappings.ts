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
  private head = 0;

  get size(): number {
    return this.items.length - this.head;
  }

  push(mapping: SentMapping): void {
    this.items.push(mapping);
  }

  /** The i-th oldest, from 0. */
  at(i: number): SentMapping {
    return this.items[this.head + i] as SentMapping;
  }

  /** Forgets the mappings that end at or before subflow offset `to`. */
  acknowledge(to: number): void {
    const { items } = this;
    let head = this.head;
    while (head < items.length) {
      const mapping = items[head] as SentMapping;
      if (mapping.subflowOffset + mapping.length > to) break;
      head++;
    }
    this.head = head;
    // Compact in large steps only, so that the cost per mapping stays constant.
    if (head > 1024 && head * 2 > items.length) {
      this.items = items.slice(head - REMEMBERED);
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

  clear(): void {
    this.items = [];
    this.head = 0;
  }
}

/**
 * The mappings that the peer declared on one subflow and whose bytes have not all arrived in order. Kept as parallel
 * arrays ordered by subflow offset: nearly every mapping is appended at the end and used up at the front.
 */
export class ReceivedMappings {
  private subflowOffsets: number[] = [];
  private dataOffsets: number[] = [];
  private lengths: number[] = [];
  private head = 0;

  get size(): number {
    return this.subflowOffsets.length - this.head;
  }

  /**
   * Records a mapping, less what is known already: one that restates known mappings changes nothing, however it is cut.
   * @returns false when it contradicts a known one (a mapping is fixed once declared, §3.3.1)
   */
  add(subflowOffset: number, dataOffset: number, length: number): boolean {
    const { subflowOffsets } = this;
    const shift = dataOffset - subflowOffset;
    const to = subflowOffset + length;
    let from = subflowOffset;
    let at = this.upperBound(from);
    if (at > this.head && this.end(at - 1) > from) {
      if (shift !== this.shift(at - 1)) return false;
      from = this.end(at - 1);
    }
    while (from < to) {
      const next = at < subflowOffsets.length ? (subflowOffsets[at] as number) : to;
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
    const { subflowOffsets, lengths } = this;
    let head = this.head;
    while (head < subflowOffsets.length && (subflowOffsets[head] as number) + (lengths[head] as number) <= subflowOffset) head++;
    this.head = head;
    if (head > 1024 && head * 2 > subflowOffsets.length) this.compact();
    if (this.head === subflowOffsets.length && subflowOffsets.length > 0 && this.head > 0) this.compact();
    if (this.head < this.subflowOffsets.length && (this.subflowOffsets[this.head] as number) <= subflowOffset) return this.head;
    return -1;
  }

  /** Data offset of `subflowOffset` within mapping `index`. */
  dataOffset(index: number, subflowOffset: number): number {
    return (this.dataOffsets[index] as number) + subflowOffset - (this.subflowOffsets[index] as number);
  }

  /** Subflow offset just after mapping `index`. */
  end(index: number): number {
    return (this.subflowOffsets[index] as number) + (this.lengths[index] as number);
  }

  /** What mapping `index` adds to a subflow offset. */
  private shift(index: number): number {
    return (this.dataOffsets[index] as number) - (this.subflowOffsets[index] as number);
  }

  /** Index of the first mapping that starts after `subflowOffset`. */
  private upperBound(subflowOffset: number): number {
    const { subflowOffsets } = this;
    let low = this.head;
    let high = subflowOffsets.length;
    if (high === low || (subflowOffsets[high - 1] as number) <= subflowOffset) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((subflowOffsets[middle] as number) <= subflowOffset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private insert(at: number, subflowOffset: number, dataOffset: number, length: number): void {
    if (at === this.subflowOffsets.length) {
      this.subflowOffsets.push(subflowOffset);
      this.dataOffsets.push(dataOffset);
      this.lengths.push(length);
    } else {
      this.subflowOffsets.splice(at, 0, subflowOffset);
      this.dataOffsets.splice(at, 0, dataOffset);
      this.lengths.splice(at, 0, length);
    }
  }

  private compact(): void {
    if (this.head === this.subflowOffsets.length) {
      this.subflowOffsets.length = 0;
      this.dataOffsets.length = 0;
      this.lengths.length = 0;
      this.head = 0;
      return;
    }
    this.subflowOffsets.splice(0, this.head);
    this.dataOffsets.splice(0, this.head);
    this.lengths.splice(0, this.head);
    this.head = 0;
  }
}

/** Acknowledged mappings kept for `carriedLately`, at the least. */
const REMEMBERED = 256;
/** How many mappings a peer can make us remember on one subflow, with a receive buffer of `size` bytes. */
export function mostMappings(size: number): number {
  return Math.max(LIMITS.mappings.default, size >> 7);
}
