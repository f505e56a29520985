import { Payload } from "../wire/index.ts";

/** Bytes in order that the application has not read yet: a FIFO of payloads, never copied. */
export class ReceiveQueue {
  private items: Payload[] = [];
  private head = 0;
  private bytes = 0;

  /** Bytes waiting. */
  get length(): number {
    return this.bytes;
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
    items.push(payload);
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
    items[this.head++] = Payload.EMPTY;
    if (this.head === items.length) {
      items.length = 0;
      this.head = 0;
    } else if (this.head >= COMPACT_FROM && this.head * 2 >= items.length) {
      items.splice(0, this.head);
      this.head = 0;
    }
    return first;
  }

  /** Forgets everything. */
  clear(): void {
    this.items = [];
    this.head = 0;
    this.bytes = 0;
  }
}

const COMPACT_FROM = 32;
