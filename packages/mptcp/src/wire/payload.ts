/**
 * A run of application bytes: a window on a buffer, or only a length.
 *
 * A *virtual* payload (`bytes === null`) has a length and no content; the simulator uses it so that large
 * experiments cost no memory. It encodes as zeros. The buffer is shared, never copied, and must not change
 * while a payload refers to it.
 */
export class Payload {
  /** The shared buffer, or null when the payload is virtual. */
  readonly bytes: Uint8Array | null;
  /** Where the run starts in `bytes`. */
  readonly offset: number;
  /** Bytes in the run. */
  readonly length: number;

  constructor(bytes: Uint8Array | null, offset: number, length: number) {
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
  }

  /** All of `bytes`, shared. */
  static of(bytes: Uint8Array): Payload {
    return new Payload(bytes, 0, bytes.length);
  }

  /** A payload with a length and no content. */
  static virtual(length: number): Payload {
    return length === 0 ? Payload.EMPTY : new Payload(null, 0, length);
  }

  /** The part from `from` (inclusive) to `to` (exclusive), both relative to this payload; shares the buffer. */
  slice(from: number, to: number): Payload {
    if (from === 0 && to === this.length) return this;
    return new Payload(this.bytes, this.offset + from, to - from);
  }

  /** Writes the content (zeros when virtual) into `target` at `at`; returns the bytes written. */
  copyTo(target: Uint8Array, at: number): number {
    const bytes = this.bytes;
    if (bytes === null) {
      target.fill(0, at, at + this.length);
    } else if (this.length <= SHORT) {
      for (let i = 0; i < this.length; i++) target[at + i] = bytes[this.offset + i];
    } else if (this.length === bytes.length) {
      target.set(bytes, at);
    } else {
      target.set(bytes.subarray(this.offset, this.offset + this.length), at);
    }
    return this.length;
  }

  /** The content as an array that shares the buffer (a new array of zeros when virtual). */
  toUint8Array(): Uint8Array {
    if (this.bytes === null) return new Uint8Array(this.length);
    return this.bytes.subarray(this.offset, this.offset + this.length);
  }

  /** No bytes at all. */
  static readonly EMPTY: Payload = new Payload(null, 0, 0);
}

/** Octets `from` to `end` of `bytes` as a payload: a window, or with `copy` an array of its own. */
export function payloadOf(bytes: Uint8Array, from: number, end: number, copy: boolean): Payload {
  if (from === end) return Payload.EMPTY;
  if (!copy) return new Payload(bytes, from, end - from);
  const own = new Uint8Array(end - from);
  own.set(bytes.subarray(from, end));
  return Payload.of(own);
}

/** One payload behind the other, as one: a copy, where there is anything to copy. */
export function joinedPayload(first: Payload, second: Payload): Payload {
  if (second.length === 0) return first;
  if (first.length === 0) return second;
  if (first.bytes === null && second.bytes === null) return Payload.virtual(first.length + second.length);
  const bytes = new Uint8Array(first.length + second.length);
  second.copyTo(bytes, first.copyTo(bytes, 0));
  return Payload.of(bytes);
}

/** Up to this many octets a loop is faster than a `subarray` and a `set`. */
const SHORT = 32;
