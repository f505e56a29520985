import { joinedPayload } from "../../wire/index.ts";
import type { Payload } from "../../wire/index.ts";
import type { DeliveryRate } from "./delivery-rate.ts";
import { TransmissionStamp } from "./delivery-rate.ts";
import type { SegmentPool } from "../sending/segment-pool.ts";
import type { SentSegment } from "../sending/sent-segment.ts";

/**
 * What was sent and not acknowledged yet: a ring of records in stream order, and through the ones that are neither SACKed nor lost
 * a list in order of transmission, so that RACK looks only at candidates (RFC 8985 §6.2).
 */
export class Scoreboard {
  /** Records held. */
  count = 0;
  /** Bytes in flight: sent, not SACKed, not deemed lost (RFC 6675's pipe). */
  pipe = 0;
  /** Bytes SACKed above the cumulative ACK. */
  sackedBytes = 0;
  /** Link segments SACKed above the cumulative ACK. */
  sackedSegments = 0;
  /** Records deemed lost and not sent again. */
  lostCount = 0;
  /** The record sent longest ago that is neither SACKed nor lost. */
  oldest: SentSegment | null = null;
  private newest: SentSegment | null = null;
  private transmissions = 0;
  private ring: (SentSegment | null)[] = new Array<SentSegment | null>(SMALLEST_RING).fill(null);
  private head = 0;
  private readonly pool: SegmentPool;
  /** No record before this index is lost. */
  private lostHint = 0;
  // What SACK blocks covered so far, merged and sorted: starts and ends.
  private starts: number[] = [];
  private ends: number[] = [];
  /** Hears of losses; null unless the delivery rate is measured. */
  rates: DeliveryRate | null = null;
  /** Records delivered by the last {@link Scoreboard.sack}, in stream order. */
  readonly newlySacked: SentSegment[] = [];

  /** @param pool where records come from and go to */
  constructor(pool: SegmentPool) {
    this.pool = pool;
  }

  at(index: number): SentSegment {
    return this.ring[(this.head + index) & (this.ring.length - 1)] as SentSegment;
  }

  /** Adds a segment that leaves now. */
  push(offset: number, payload: Payload, fin: boolean, tag: object | null, push: boolean, now: number): SentSegment {
    const record = this.pool.take();
    record.offset = offset;
    record.length = payload.length + (fin ? 1 : 0);
    record.fin = fin;
    record.payload = payload;
    record.tag = tag;
    record.push = push;
    record.retransmitted = false;
    record.sacked = false;
    record.lost = false;
    record.inPipe = true;
    if (this.count === this.ring.length) this.grow();
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = record;
    this.count++;
    this.pipe += record.length;
    this.touch(record, now);
    return record;
  }

  /** Removes the first record: all of it is acknowledged. The caller reads it before the next push. */
  shift(): SentSegment {
    const mask = this.ring.length - 1;
    const record = this.ring[this.head] as SentSegment;
    this.ring[this.head] = null;
    this.head = (this.head + 1) & mask;
    this.count--;
    if (this.lostHint > 0) this.lostHint--;
    if (record.sacked) {
      this.sackedBytes -= record.length;
      this.sackedSegments -= record.weight;
    } else if (record.lost) {
      this.lostCount--;
    } else {
      this.unlink(record);
    }
    if (record.inPipe) this.pipe -= record.length;
    if (this.count === 0 && this.ring.length > LARGEST_IDLE_RING) {
      this.ring = new Array<SentSegment | null>(SMALLEST_RING).fill(null);
      this.head = 0;
    }
    return record;
  }

  /** Gives a record that was shifted out back to the pool. */
  recycle(record: SentSegment): void {
    this.pool.give(record);
  }

  /** Removes the first `bytes` bytes of the first record, which are acknowledged; it has more than that. */
  trimFirst(bytes: number): void {
    const record = this.ring[this.head] as SentSegment;
    record.offset += bytes;
    record.length -= bytes;
    record.payload = record.payload.slice(bytes, record.payload.length);
    if (record.inPipe) this.pipe -= bytes;
    if (record.sacked) this.sackedBytes -= bytes;
  }

  /** Index of the record that holds `offset`, which must lie between the first and the last byte. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.at(middle).offset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Cuts the record at `index` after `bytes` payload bytes; the rest follows it as a record of its own. */
  split(index: number, bytes: number): void {
    const record = this.at(index);
    const rest = this.pool.take();
    rest.offset = record.offset + bytes;
    rest.length = record.length - bytes;
    rest.fin = record.fin;
    rest.payload = record.payload.slice(bytes, record.payload.length);
    rest.tag = record.tag;
    rest.push = record.push;
    rest.sentAt = record.sentAt;
    rest.serial = record.serial;
    rest.retransmitted = record.retransmitted;
    rest.sacked = record.sacked;
    rest.lost = record.lost;
    rest.inPipe = record.inPipe;
    rest.weight = 0;
    if (this.rates !== null && record.stamp !== null) (rest.stamp ??= new TransmissionStamp()).copy(record.stamp);
    record.payload = record.payload.slice(0, bytes);
    record.length = bytes;
    record.fin = false;
    record.push = false;
    if (this.count === this.ring.length) this.grow();
    const mask = this.ring.length - 1;
    for (let i = this.count; i > index + 1; i--) this.ring[(this.head + i) & mask] = this.at(i - 1);
    this.ring[(this.head + index + 1) & mask] = rest;
    this.count++;
    if (this.lostHint > index + 1) this.lostHint++;
    if (rest.lost) this.lostCount++;
    else if (!rest.sacked) {
      rest.older = record;
      rest.newer = record.newer;
      if (record.newer === null) this.newest = rest;
      else record.newer.older = rest;
      record.newer = rest;
    }
  }

  /** Puts the record behind that at `index` into it. Both are lost. */
  join(index: number): void {
    const record = this.at(index);
    const next = this.at(index + 1);
    record.payload = joinedPayload(record.payload, next.payload);
    record.length += next.length;
    record.fin = next.fin;
    record.push ||= next.push;
    const mask = this.ring.length - 1;
    for (let i = index + 1; i + 1 < this.count; i++) this.ring[(this.head + i) & mask] = this.at(i + 1);
    this.count--;
    this.ring[(this.head + this.count) & mask] = null;
    this.lostCount--;
    if (this.lostHint > index) this.lostHint = index;
    this.pool.give(next);
  }

  /** Deems a record lost that is neither SACKed nor lost already. */
  markLost(record: SentSegment, index: number): void {
    if (this.rates !== null) this.rates.onLost(record);
    this.sendAgain(record, index);
  }

  /** Treats a record like a lost one that the path did not lose, but could not carry. */
  sendAgain(record: SentSegment, index: number): void {
    this.unlink(record);
    record.lost = true;
    this.lostCount++;
    if (record.inPipe) {
      record.inPipe = false;
      this.pipe -= record.length;
    }
    if (index < this.lostHint) this.lostHint = index;
  }

  /** Index of the first lost record; -1 when there is none. */
  firstLost(): number {
    if (this.lostCount === 0) return -1;
    let index = this.lostHint;
    while (index < this.count && !this.at(index).lost) index++;
    if (index === this.count) return -1;
    this.lostHint = index;
    return index;
  }

  /** A record leaves again. */
  resent(record: SentSegment, now: number): void {
    if (record.lost) {
      record.lost = false;
      this.lostCount--;
    } else {
      this.unlink(record);
    }
    if (!record.inPipe) {
      record.inPipe = true;
      this.pipe += record.length;
    }
    record.retransmitted = true;
    this.touch(record, now);
  }

  /**
   * Notes a SACK block [start, end), which lies within what is outstanding; the records that it completes are left in
   * {@link Scoreboard.newlySacked} (which it does not clear). Super-segments are split at multiples of `unit`.
   */
  sack(start: number, end: number, unit: number): void {
    const { starts, ends } = this;
    const low = firstAtOrAfter(ends, start);
    if (low < starts.length && (starts[low] as number) <= start && (ends[low] as number) >= end) return;
    // A peer cannot make this list longer than what it was sent.
    if (starts.length > this.count + 4) return;
    let mergedStart = start;
    let mergedEnd = end;
    let cursor = start;
    let high = low;
    while (high < starts.length && (starts[high] as number) <= end) {
      if ((starts[high] as number) < mergedStart) mergedStart = starts[high] as number;
      if ((ends[high] as number) > mergedEnd) mergedEnd = ends[high] as number;
      high++;
    }
    const gaps: number[] = [];
    for (let i = low; i < high; i++) {
      if (cursor < (starts[i] as number)) gaps.push(cursor, starts[i] as number);
      if ((ends[i] as number) > cursor) cursor = ends[i] as number;
    }
    if (cursor < end) gaps.push(cursor, end);
    if (high === low + 1) {
      starts[low] = mergedStart;
      ends[low] = mergedEnd;
    } else {
      starts.splice(low, high - low, mergedStart);
      ends.splice(low, high - low, mergedEnd);
    }
    for (let i = 0; i < gaps.length; i += 2) {
      this.mark(gaps[i] as number, gaps[i + 1] as number, mergedStart, mergedEnd, unit);
    }
  }

  /** Forgets SACK blocks before the cumulative ACK. */
  acknowledged(to: number): void {
    if (this.starts.length === 0) return;
    let n = 0;
    while (n < this.ends.length && (this.ends[n] as number) <= to) n++;
    if (n > 0) {
      this.starts.splice(0, n);
      this.ends.splice(0, n);
    }
  }

  /** Nothing is lost after all: what was deemed so is in flight, in the order in which it was sent. */
  noneLost(): void {
    if (this.lostCount === 0) return;
    const records: SentSegment[] = [];
    for (let i = 0; i < this.count; i++) {
      const record = this.at(i);
      if (record.sacked) continue;
      if (record.lost) {
        record.lost = false;
        record.inPipe = true;
        this.pipe += record.length;
      }
      records.push(record);
    }
    records.sort((one, other) => one.serial - other.serial || one.offset - other.offset);
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as SentSegment;
      record.older = records[i - 1] ?? null;
      record.newer = records[i + 1] ?? null;
    }
    this.oldest = records[0] ?? null;
    this.newest = records.at(-1) ?? null;
    this.lostCount = 0;
    this.lostHint = 0;
  }

  /** Bytes that were sent again and are in flight. */
  resentBytes(): number {
    let bytes = 0;
    for (let i = 0; i < this.count; i++) {
      const record = this.at(i);
      if (record.retransmitted && record.inPipe) bytes += record.length;
    }
    return bytes;
  }

  /** Forgets what was known when the present records were sent. */
  forgetStamps(): void {
    for (let i = 0; i < this.count; i++) this.at(i).stamp = null;
  }

  /** The receiver threw SACKed data away (RFC 2018 §8): everything SACKed is lost. */
  forgetSacks(): void {
    for (let i = 0; i < this.count; i++) {
      const record = this.at(i);
      if (!record.sacked) continue;
      record.sacked = false;
      record.lost = true;
      this.lostCount++;
    }
    this.sackedBytes = 0;
    this.sackedSegments = 0;
    this.starts = [];
    this.ends = [];
    this.lostHint = 0;
  }

  /** Forgets everything. */
  clear(): void {
    while (this.count > 0) this.recycle(this.shift());
    this.starts = [];
    this.ends = [];
    this.ring = new Array<SentSegment | null>(SMALLEST_RING).fill(null);
    this.head = 0;
    this.lostHint = 0;
  }

  /** Marks what [from, to) completes of the records inside the merged block. */
  private mark(from: number, to: number, mergedStart: number, mergedEnd: number, unit: number): void {
    for (let i = this.indexOf(from); i < this.count; i++) {
      let record = this.at(i);
      if (record.offset >= to) return;
      if (record.sacked) continue;
      if (mergedStart > record.offset) {
        const cut = Math.ceil((mergedStart - record.offset) / unit) * unit;
        if (cut >= record.payload.length || record.offset + cut >= mergedEnd) continue;
        this.split(i++, cut);
        record = this.at(i);
      }
      if (mergedEnd < record.end) {
        const cut = Math.floor((mergedEnd - record.offset) / unit) * unit;
        if (cut <= 0 || cut >= record.length) continue;
        this.split(i, cut);
      }
      this.markSacked(record, unit);
    }
  }

  private markSacked(record: SentSegment, unit: number): void {
    if (record.lost) {
      record.lost = false;
      this.lostCount--;
    } else {
      this.unlink(record);
    }
    if (record.inPipe) {
      record.inPipe = false;
      this.pipe -= record.length;
    }
    record.sacked = true;
    record.weight = record.length <= unit ? 1 : Math.ceil(record.length / unit);
    this.sackedBytes += record.length;
    this.sackedSegments += record.weight;
    this.newlySacked.push(record);
  }

  /** Puts a record at the young end of the list by time. */
  private touch(record: SentSegment, now: number): void {
    record.sentAt = now;
    record.serial = this.transmissions++;
    record.older = this.newest;
    record.newer = null;
    if (this.newest === null) this.oldest = record;
    else this.newest.newer = record;
    this.newest = record;
  }

  private unlink(record: SentSegment): void {
    if (record.older === null) this.oldest = record.newer;
    else record.older.newer = record.newer;
    if (record.newer === null) this.newest = record.older;
    else record.newer.older = record.older;
    record.older = null;
    record.newer = null;
  }

  private grow(): void {
    const old = this.ring;
    const size = old.length;
    const ring = new Array<SentSegment | null>(size * 2).fill(null);
    for (let i = 0; i < size; i++) ring[i] = old[(this.head + i) & (size - 1)] as SentSegment | null;
    this.ring = ring;
    this.head = 0;
  }
}

/** Index of the first element that is at least `value`. */
function firstAtOrAfter(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const SMALLEST_RING = 16;
const LARGEST_IDLE_RING = 64;
