import { Payload } from "../../wire/index.ts";

/**
 * The bytes of one direction of a stream between the application's write and the last acknowledgment, by stream offset.
 *
 * Chunks are kept in order; a look-up near the previous one is O(1), any other a binary search.
 */
export class SendQueue {
  private chunks: Chunk[] = [];
  /** Index of the first chunk in use. */
  private head = 0;
  /** Index of the chunk that the last look-up ended in. */
  private recent = 0;
  private startOffset = 0;
  private endOffset = 0;
  private blockSize = SMALLEST_BLOCK;
  private lastVirtual = Payload.EMPTY;

  /** Stream offset of the first byte not released. */
  get start(): number {
    return this.startOffset;
  }

  /** Stream offset after the last byte appended. */
  get end(): number {
    return this.endOffset;
  }

  /** Bytes held: appended and not released. */
  get length(): number {
    return this.endOffset - this.startOffset;
  }

  /** Adds bytes at the end. They are copied unless `keep`, by which the caller promises never to change the buffer again. */
  append(payload: Payload, keep: boolean): void {
    const length = payload.length;
    if (length === 0) return;
    const last = this.head < this.chunks.length ? (this.chunks[this.chunks.length - 1] as Chunk) : null;
    const bytes = payload.bytes;
    if (bytes === null) {
      if (last !== null && last.bytes === null) last.length += length;
      else this.chunks.push(new Chunk(this.endOffset, null, 0, length, 0));
    } else if (keep) {
      if (last !== null && last.bytes === bytes && last.base + last.length === payload.offset && last.room === 0) {
        last.length += length;
      } else {
        this.chunks.push(new Chunk(this.endOffset, bytes, payload.offset, length, 0));
      }
    } else {
      this.appendCopy(bytes, payload.offset, length, last);
    }
    this.endOffset += length;
  }

  /**
   * The bytes from `offset`, which must all be held. Shares the chunk's buffer unless the run spans chunks.
   * A virtual run as long as the previous one may be the same object.
   */
  slice(offset: number, length: number): Payload {
    const chunk = this.chunks[this.find(offset)] as Chunk;
    const at = offset - chunk.offset;
    if (at + length <= chunk.length) {
      if (chunk.bytes !== null) return new Payload(chunk.bytes, chunk.base + at, length);
      return this.virtual(length);
    }
    return this.gather(offset, length);
  }

  /** Forgets everything before `to`. */
  release(to: number): void {
    if (to <= this.startOffset) return;
    this.startOffset = to > this.endOffset ? this.endOffset : to;
    const chunks = this.chunks;
    let head = this.head;
    while (head < chunks.length && (chunks[head] as Chunk).offset + (chunks[head] as Chunk).length <= this.startOffset) head++;
    if (head === chunks.length) {
      // One is the usual number, and to cut the array to nothing would take its room.
      if (chunks.length === 1) chunks.pop();
      else chunks.length = 0;
      this.head = 0;
      this.recent = 0;
      this.blockSize = SMALLEST_BLOCK;
      return;
    }
    // The array is compacted when half of it is dead, so that releasing is O(1) amortised.
    if (head >= COMPACT_FROM && head * 2 >= chunks.length) {
      chunks.splice(0, head);
      this.recent = this.recent > head ? this.recent - head : 0;
      head = 0;
    } else {
      for (let i = this.head; i < head; i++) (chunks[i] as Chunk).bytes = null;
    }
    this.head = head;
    if (this.recent < head) this.recent = head;
  }

  /** Forgets the first `length` bytes of a queue from which nothing was released: what is left begins at offset 0. */
  dropFront(length: number): void {
    this.release(length);
    this.startOffset -= length;
    this.endOffset -= length;
    for (let i = this.head; i < this.chunks.length; i++) {
      const { base, bytes, length: size, offset, room } = this.chunks[i] as Chunk;
      const cut = Math.max(0, length - offset);
      this.chunks[i] = new Chunk(offset + cut - length, bytes, base + cut, size - cut, room);
    }
  }

  private appendCopy(bytes: Uint8Array, from: number, length: number, last: Chunk | null): void {
    let at = from;
    let left = length;
    if (last !== null && last.bytes !== null && last.room > 0) {
      const n = left < last.room ? left : last.room;
      last.bytes.set(bytes.subarray(at, at + n), last.base + last.length);
      last.length += n;
      last.room -= n;
      at += n;
      left -= n;
    }
    if (left === 0) return;
    const offset = this.endOffset + (at - from);
    if (left <= SHORT && this.chunks.length === 0) {
      this.chunks.push(shortChunk(offset, bytes, at, left));
      return;
    }
    if (left >= this.blockSize) {
      this.chunks.push(new Chunk(offset, bytes.slice(at, at + left), 0, left, 0));
    } else {
      const block = new Uint8Array(this.blockSize);
      block.set(bytes.subarray(at, at + left));
      this.chunks.push(new Chunk(offset, block, 0, left, this.blockSize - left));
    }
    // Blocks start small, for idle connections' sake, and double while data keeps coming.
    if (this.blockSize < LARGEST_BLOCK) this.blockSize *= 2;
  }

  /** Index of the chunk that holds `offset`. */
  private find(offset: number): number {
    const chunks = this.chunks;
    let i = this.recent;
    let chunk = chunks[i] as Chunk;
    if (offset >= chunk.offset) {
      if (offset < chunk.offset + chunk.length) return i;
      if (i + 1 < chunks.length) {
        chunk = chunks[i + 1] as Chunk;
        if (offset < chunk.offset + chunk.length) return (this.recent = i + 1);
      }
    }
    let low = this.head;
    let high = chunks.length - 1;
    while (low < high) {
      i = (low + high + 1) >> 1;
      if ((chunks[i] as Chunk).offset <= offset) low = i;
      else high = i - 1;
    }
    return (this.recent = low);
  }

  private gather(offset: number, length: number): Payload {
    let i = this.find(offset);
    let target: Uint8Array | null = null;
    let done = 0;
    while (done < length) {
      const chunk = this.chunks[i++] as Chunk;
      const at = offset + done - chunk.offset;
      const n = Math.min(chunk.length - at, length - done);
      if (chunk.bytes !== null) {
        target ??= new Uint8Array(length);
        target.set(chunk.bytes.subarray(chunk.base + at, chunk.base + at + n), done);
      }
      done += n;
    }
    return target === null ? this.virtual(length) : Payload.of(target);
  }

  private virtual(length: number): Payload {
    if (this.lastVirtual.length !== length) this.lastVirtual = Payload.virtual(length);
    return this.lastVirtual;
  }
}

export class Chunk {
  readonly offset: number;
  /** Null: virtual, or released. */
  bytes: Uint8Array | null;
  /** Where the chunk starts in `bytes`. */
  readonly base: number;
  length: number;
  /** Bytes that may still be copied in behind. */
  room: number;

  constructor(offset: number, bytes: Uint8Array | null, base: number, length: number, room: number) {
    this.offset = offset;
    this.bytes = bytes;
    this.base = base;
    this.length = length;
    this.room = room;
  }
}

/**
 * A chunk of a short message that nothing waits before. It is part of a block that all queues share, since a block for each message costs more than all else that is done with it here. Who
 * keeps a part keeps the block in memory, which is no more than a block of its own would be.
 */
function shortChunk(offset: number, bytes: Uint8Array, from: number, length: number): Chunk {
  if (sharedBlock.length - sharedUsed < length) {
    sharedBlock = new Uint8Array(SMALLEST_BLOCK);
    sharedUsed = 0;
  }
  // An array of its own on the block: a connection that is saved has no other's data.
  const part = sharedBlock.subarray(sharedUsed, sharedUsed + length);
  sharedUsed += length;
  part.set(length === bytes.length ? bytes : bytes.subarray(from, from + length));
  return new Chunk(offset, part, 0, length, 0);
}

const SMALLEST_BLOCK = 2048;
/** Octets of the longest message that is short. */
const SHORT = 512;
let sharedBlock = new Uint8Array(0);
let sharedUsed = 0;
const LARGEST_BLOCK = 65536;
const COMPACT_FROM = 32;
