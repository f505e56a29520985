import { Payload } from "../../wire/index.ts";
import { compact, PIECE_COST, SMALL } from "../sending/small-pieces.ts";

/**
 * Bytes in order that the application has not read yet: a FIFO of payloads. They are not copied, but for small ones where many wait, so
 * that a peer that sends single octets cannot make us hold hundreds of times as much.
 */
export class ReceiveQueue {
  private items: Payload[] = [];
  private head = 0;
  private bytes = 0;
  /** A buffer of ours that the last item is in, and how much of it is in use. */
  private chunk: Uint8Array | null = null;
  private chunkUsed = 0;

  /** Bytes waiting. */
  get length(): number {
    return this.bytes;
  }

  /** Memory held, about, bytes. */
  get memory(): number {
    return (this.items.length - this.head) * PIECE_COST + this.bytes + (this.chunk === null ? 0 : CHUNK - this.chunkUsed);
  }

  /** Adds bytes at the end; adjacent virtual runs become one. */
  push(payload: Payload): void {
    if (payload.length === 0) return;
    this.bytes += payload.length;
    const items = this.items;
    if (payload.bytes === null && this.head < items.length) {
      const last = items[items.length - 1] as Payload;
      if (last.bytes === null) {
        items[items.length - 1] = Payload.virtual(last.length + payload.length);
        return;
      }
    }
    if (payload.bytes === null || payload.length >= SMALL) items.push(payload);
    else this.pushSmall(payload);
  }

  private pushSmall(payload: Payload): void {
    const { items } = this;
    if (items.length - this.head < MANY) {
      items.push(compact(payload, 0, payload.length));
      return;
    }
    const { chunk, chunkUsed } = this;
    if (chunk === null || chunkUsed + payload.length > CHUNK) {
      this.chunk = new Uint8Array(CHUNK);
      this.chunkUsed = payload.copyTo(this.chunk, 0);
      items.push(new Payload(this.chunk, 0, this.chunkUsed));
      return;
    }
    this.chunkUsed += payload.copyTo(chunk, chunkUsed);
    const last = items[items.length - 1] as Payload;
    if (last.bytes === chunk) items[items.length - 1] = new Payload(chunk, last.offset, last.length + payload.length);
    else items.push(new Payload(chunk, chunkUsed, payload.length));
  }

  /** Takes the next run, `max` bytes of it at the most; null when there is none. */
  read(max: number): Payload | null {
    const items = this.items;
    if (this.head >= items.length || max <= 0) return null;
    const first = items[this.head] as Payload;
    if (first.length > max) {
      items[this.head] = first.slice(max, first.length);
      this.bytes -= max;
      return first.slice(0, max);
    }
    this.bytes -= first.length;
    if (items.length === 1) {
      // The usual case: an array that is cut to nothing would need new room for the next item.
      items.pop();
      this.chunk = null;
      return first;
    }
    items[this.head++] = Payload.EMPTY;
    if (this.head === items.length) {
      items.length = 0;
      this.head = 0;
      this.chunk = null;
    } else if (this.head >= COMPACT_FROM && this.head * 2 >= items.length) {
      items.splice(0, this.head);
      this.head = 0;
    }
    return first;
  }

  /** The run from `skip` bytes on, `max` bytes of it at the most, which stays; null when there is none. */
  peek(max: number, skip: number): Payload | null {
    if (max <= 0) return null;
    let left = skip;
    for (let i = this.head; i < this.items.length; i++) {
      const item = this.items[i] as Payload;
      if (left < item.length) return item.slice(left, Math.min(item.length, left + max));
      left -= item.length;
    }
    return null;
  }

  /** Forgets everything. */
  clear(): void {
    this.items = [];
    this.head = 0;
    this.bytes = 0;
    this.chunk = null;
  }
}

const COMPACT_FROM = 32;
/** Items from which small ones are put together. */
const MANY = 64;
/** Bytes of a buffer for them. */
const CHUNK = 4096;
