import { Payload } from "../../wire/index.ts";
import { compact, PIECE_COST, SMALL } from "../sending/small-pieces.ts";

/** A merged run of out-of-order bytes, [start, end). Read-only for everybody but the queue. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Out-of-order bytes by stream offset.
 *
 * Touching runs form one range; a range is a linked list of pieces, so that growing at either end and joining two ranges
 * are O(1). Ranges live in sorted blocks, so that finding, inserting and removing one is O(log n + block size).
 *
 * What counts against the limit is memory, not bytes of the stream: a peer that sends single octets cannot make us hold hundreds of
 * times as much. Where it would be exceeded, small pieces that touch are first put together.
 */
export class ReassemblyQueue {
  /** Memory that may be held, bytes; what would go beyond is refused. */
  limit: number;
  /** Sorted blocks of ranges; no block is empty. */
  private blocks: Range[][] = [];
  private storedBytes = 0;
  private pieceCount = 0;
  private rangeCount = 0;
  /** Bytes of the buffers behind the pieces; virtual ones have none. */
  private bufferBytes = 0;
  /** Small pieces that came to touch another since the last collapse. */
  private loose = 0;
  // Where the last find ended: block and index of the last range that starts at or before the offset; -1: none.
  private foundBlock = -1;
  private foundIndex = -1;

  /** How often something was not stored because of the limit. */
  refusals = 0;
  /** Of what was offered last, the first part that was there already: [repeatedStart, repeatedEnd), empty when there was none. */
  repeatedStart = 0;
  repeatedEnd = 0;

  /** @param limit memory that may be held, bytes */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes stored. */
  get bytes(): number {
    return this.storedBytes;
  }

  /** Number of separate ranges. */
  get ranges(): number {
    return this.rangeCount;
  }

  /** Number of pieces: runs that were not merged. */
  get pieces(): number {
    return this.pieceCount;
  }

  /** Memory held, about, bytes: the measure of the limit. */
  get memory(): number {
    return this.pieceCount * PIECE_COST + this.bufferBytes;
  }

  /**
   * Stores the parts of `payload` that are not there yet.
   * @returns bytes newly stored; 0 for a duplicate, or when the limit is reached
   */
  insert(offset: number, payload: Payload): number {
    const end = offset + payload.length;
    const before = this.storedBytes;
    let at = offset;
    this.repeatedStart = end;
    this.repeatedEnd = end;
    while (at < end) {
      this.find(at);
      const left = this.found();
      if (left !== null && left.end > at) {
        if (this.repeatedStart === end) {
          this.repeatedStart = at;
          if (left.end < end) this.repeatedEnd = left.end;
        }
        at = left.end;
        continue;
      }
      const right = this.after();
      const stop = right !== null && right.start < end ? right.start : end;
      if (!this.fill(at, stop, payload, offset, left, right)) {
        this.refusals++;
        break;
      }
      at = stop;
    }
    return this.storedBytes - before;
  }

  /**
   * Takes the piece at `expected`; what lies before `expected` is dropped.
   * @returns the piece, trimmed to start at `expected`; null when that byte is not there
   */
  pop(expected: number): Payload | null {
    while (this.rangeCount > 0) {
      const range = (this.blocks[0] as Range[])[0] as Range;
      if (range.start > expected) return null;
      const piece = range.head as Piece;
      const payload = piece.payload;
      const start = range.start;
      range.start += payload.length;
      range.head = piece.next;
      this.storedBytes -= payload.length;
      if (payload.bytes !== null) this.bufferBytes -= payload.length;
      this.pieceCount--;
      if (range.head === null) this.removeFirst();
      if (range.start > expected) return start === expected ? payload : payload.slice(expected - start, payload.length);
    }
    return null;
  }

  /** The range that holds `offset`, or null. */
  rangeAt(offset: number): ByteRange | null {
    this.find(offset);
    const range = this.found();
    return range !== null && range.end > offset ? range : null;
  }

  /** Calls `visit` for every merged range in order until it returns false. */
  forEachRange(visit: (start: number, end: number) => boolean): void {
    for (const block of this.blocks) {
      for (const range of block) if (!visit(range.start, range.end)) return;
    }
  }

  /** Offset of the lowest byte stored; -1 when empty. */
  get lowest(): number {
    return this.rangeCount === 0 ? -1 : ((this.blocks[0] as Range[])[0] as Range).start;
  }

  /** Offset after the highest byte stored; -1 when empty. */
  get highest(): number {
    if (this.rangeCount === 0) return -1;
    const block = this.blocks[this.blocks.length - 1] as Range[];
    return (block[block.length - 1] as Range).end;
  }

  /** Forgets everything. */
  clear(): void {
    this.blocks = [];
    this.storedBytes = 0;
    this.pieceCount = 0;
    this.rangeCount = 0;
    this.bufferBytes = 0;
    this.loose = 0;
  }

  /** Stores [at, stop), a gap between `left` and `right`. False when the limit forbids it. */
  private fill(at: number, stop: number, payload: Payload, offset: number, left: Range | null, right: Range | null): boolean {
    const touchesLeft = left !== null && left.end === at;
    const touchesRight = right !== null && right.start === stop;
    if (payload.bytes === null) {
      if (touchesLeft && (left.tail as Piece).payload.bytes === null) {
        const tail = left.tail as Piece;
        tail.payload = Payload.virtual(tail.payload.length + stop - at);
        left.end = stop;
        this.storedBytes += stop - at;
        if (touchesRight) this.join(left, right);
        return true;
      }
      if (touchesRight && !touchesLeft && (right.head as Piece).payload.bytes === null) {
        const head = right.head as Piece;
        head.payload = Payload.virtual(head.payload.length + stop - at);
        right.start = at;
        this.storedBytes += stop - at;
        return true;
      }
    }
    const length = stop - at;
    if (!this.hasRoom(payload.bytes === null ? 0 : length)) return false;
    const piece = new Piece(compact(payload, at - offset, stop - offset));
    this.pieceCount++;
    this.storedBytes += length;
    if (payload.bytes !== null) {
      this.bufferBytes += length;
      if (length < SMALL && (touchesLeft || touchesRight)) this.loose++;
    }
    if (touchesLeft) {
      (left.tail as Piece).next = piece;
      left.tail = piece;
      left.end = stop;
      if (touchesRight) this.join(left, right);
    } else if (touchesRight) {
      piece.next = right.head;
      right.head = piece;
      right.start = at;
    } else {
      this.insertRange(new Range(at, stop, piece));
    }
    return true;
  }

  /** Whether one more piece with a buffer of `bytes` fits; puts small pieces together if that can make room. */
  private hasRoom(bytes: number): boolean {
    const more = bytes + PIECE_COST;
    if (this.memory + more <= this.limit) return true;
    // Often enough to matter, and seldom enough that the work per piece stays constant.
    if (this.loose * 8 < this.pieceCount) return false;
    for (const block of this.blocks) for (const range of block) this.collapse(range);
    this.loose = 0;
    return this.memory + more <= this.limit;
  }

  /** Copies runs of small pieces into one buffer each. */
  private collapse(range: Range): void {
    for (let piece = range.head; piece !== null; piece = piece.next) {
      let last = piece;
      let length = 0;
      let count = 0;
      for (let next: Piece | null = piece; next !== null && isSmall(next) && length < LARGEST_RUN; next = next.next) {
        length += next.payload.length;
        last = next;
        count++;
      }
      if (count < 2) continue;
      const bytes = new Uint8Array(length);
      let at = 0;
      for (let part: Piece | null = piece; part !== last.next; part = (part as Piece).next) at += (part as Piece).payload.copyTo(bytes, at);
      piece.payload = Payload.of(bytes);
      piece.next = last.next;
      if (piece.next === null) range.tail = piece;
      this.pieceCount -= count - 1;
    }
  }

  /** Appends `right`, the range after the found one, to `left`, the found one. */
  private join(left: Range, right: Range): void {
    const tail = left.tail as Piece;
    const head = right.head as Piece;
    if (tail.payload.bytes === null && head.payload.bytes === null) {
      tail.payload = Payload.virtual(tail.payload.length + head.payload.length);
      tail.next = head.next;
      if (tail.next !== null) left.tail = right.tail;
      this.pieceCount--;
    } else {
      tail.next = head;
      left.tail = right.tail;
    }
    left.end = right.end;
    let block = this.foundBlock;
    let index = this.foundIndex + 1;
    if (index >= (this.blocks[block] as Range[]).length) {
      block++;
      index = 0;
    }
    this.removeAt(block, index);
  }

  /** Finds the last range that starts at or before `offset`. */
  private find(offset: number): void {
    const blocks = this.blocks;
    let low = -1;
    let high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (((blocks[middle] as Range[])[0] as Range).start <= offset) low = middle;
      else high = middle - 1;
    }
    this.foundBlock = low;
    this.foundIndex = -1;
    if (low < 0) return;
    const block = blocks[low] as Range[];
    let first = 0;
    let last = block.length - 1;
    while (first < last) {
      const middle = (first + last + 1) >> 1;
      if ((block[middle] as Range).start <= offset) first = middle;
      else last = middle - 1;
    }
    this.foundIndex = first;
  }

  private found(): Range | null {
    return this.foundBlock < 0 ? null : ((this.blocks[this.foundBlock] as Range[])[this.foundIndex] as Range);
  }

  /** The range after the found one. */
  private after(): Range | null {
    if (this.foundBlock < 0) return this.rangeCount === 0 ? null : ((this.blocks[0] as Range[])[0] as Range);
    const block = this.blocks[this.foundBlock] as Range[];
    if (this.foundIndex + 1 < block.length) return block[this.foundIndex + 1] as Range;
    if (this.foundBlock + 1 < this.blocks.length) return (this.blocks[this.foundBlock + 1] as Range[])[0] as Range;
    return null;
  }

  /** Puts a range right after the found one. */
  private insertRange(range: Range): void {
    this.rangeCount++;
    if (this.blocks.length === 0) {
      this.blocks.push([range]);
      return;
    }
    const at = this.foundBlock < 0 ? 0 : this.foundBlock;
    const block = this.blocks[at] as Range[];
    const index = this.foundBlock < 0 ? 0 : this.foundIndex + 1;
    if (index === block.length) block.push(range);
    else block.splice(index, 0, range);
    if (block.length > BLOCK_LIMIT) this.blocks.splice(at + 1, 0, block.splice(block.length >> 1));
  }

  private removeAt(blockIndex: number, index: number): void {
    const block = this.blocks[blockIndex] as Range[];
    if (block.length === 1) this.blocks.splice(blockIndex, 1);
    else block.splice(index, 1);
    this.rangeCount--;
  }

  private removeFirst(): void {
    const block = this.blocks[0] as Range[];
    if (block.length === 1) this.blocks.shift();
    else block.shift();
    this.rangeCount--;
  }
}

export class Piece {
  payload: Payload;
  next: Piece | null = null;

  constructor(payload: Payload) {
    this.payload = payload;
  }
}

export class Range {
  start: number;
  end: number;
  head: Piece | null;
  tail: Piece | null;

  constructor(start: number, end: number, piece: Piece) {
    this.start = start;
    this.end = end;
    this.head = piece;
    this.tail = piece;
  }
}

function isSmall(piece: Piece): boolean {
  return piece.payload.bytes !== null && piece.payload.length < SMALL;
}

const BLOCK_LIMIT = 256;
/** Bytes at which a run of small pieces is long enough. */
const LARGEST_RUN = 16384;
