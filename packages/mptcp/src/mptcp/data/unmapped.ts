import type { Payload } from "../../wire/index.ts";

/**
 * Bytes of a subflow that came in order and that no mapping covers yet (RFC 8684 §3.3.1): a mapping may come behind its data. How many there may be, and for
 * how long, is the subflow's to say.
 */
export class UnmappedBytes {
  /** One behind the other by subflow offset, beside them. */
  private readonly pieces: Payload[] = [];
  private readonly offsets: number[] = [];

  get isEmpty(): boolean {
    return this.pieces.length === 0;
  }

  add(piece: Payload, offset: number): void {
    this.pieces.push(piece);
    this.offsets.push(offset);
  }

  /** Takes the first run of bytes that lies in `from` to `to`, for `deliver` to get them with their subflow offset. @returns whether there was one */
  take(from: number, to: number, deliver: (piece: Payload, offset: number) => void): boolean {
    for (let i = 0; i < this.pieces.length; i++) {
      const piece = this.pieces[i] as Payload;
      const offset = this.offsets[i] as number;
      const start = Math.max(from, offset);
      const end = Math.min(to, offset + piece.length);
      if (start >= end) continue;
      this.cut(i, piece, offset, start, end);
      deliver(piece.slice(start - offset, end - offset), start);
      return true;
    }
    return false;
  }

  clear(): void {
    this.pieces.length = 0;
    this.offsets.length = 0;
  }

  /** What is left of a piece without `start` to `end`. */
  private cut(i: number, piece: Payload, offset: number, start: number, end: number): void {
    const left: Payload[] = [];
    const at: number[] = [];
    if (start > offset) {
      left.push(piece.slice(0, start - offset));
      at.push(offset);
    }
    if (end < offset + piece.length) {
      left.push(piece.slice(end - offset, piece.length));
      at.push(end);
    }
    this.pieces.splice(i, 1, ...left);
    this.offsets.splice(i, 1, ...at);
  }
}
