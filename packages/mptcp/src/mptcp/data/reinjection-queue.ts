/**
 * Ranges of connection data to send once more, on another subflow than the one that carries them: the retransmit queue of
 * draft-barre-mptcp-impl §3.5.2, read with higher priority than new data. Ordered by data offset, without overlaps.
 */
export class ReinjectionQueue {
  private starts: number[] = [];
  private ends: number[] = [];
  private avoids: number[] = [];
  private head = 0;

  get isEmpty(): boolean {
    return this.head === this.starts.length;
  }

  /** Number of ranges. */
  get size(): number {
    return this.starts.length - this.head;
  }

  /** The i-th range from the front: first byte, byte after the last, and the subflow not to use (0: any). */
  start(i: number): number {
    return this.starts[this.head + i] as number;
  }
  end(i: number): number {
    return this.ends[this.head + i] as number;
  }
  avoid(i: number): number {
    return this.avoids[this.head + i] as number;
  }

  /**
   * Queues [from, to), less what is queued already.
   * @param avoid id of the subflow that carries it and should not get it again; 0 for none
   * @returns the bytes that are new in the queue
   */
  add(from: number, to: number, avoid: number): number {
    let added = 0;
    let at = this.lowerBound(from);
    if (at > this.head && (this.ends[at - 1] as number) > from) from = this.ends[at - 1] as number;
    while (from < to) {
      const nextStart = at < this.starts.length ? (this.starts[at] as number) : Number.POSITIVE_INFINITY;
      const pieceEnd = Math.min(to, nextStart);
      if (pieceEnd > from) {
        added += pieceEnd - from;
        if (at > this.head && this.ends[at - 1] === from && this.avoids[at - 1] === avoid) {
          this.ends[at - 1] = pieceEnd;
        } else {
          this.starts.splice(at, 0, from);
          this.ends.splice(at, 0, pieceEnd);
          this.avoids.splice(at, 0, avoid);
          at++;
        }
      }
      if (pieceEnd === to) return added;
      from = Math.max(from, this.ends[at] as number);
      at++;
    }
    return added;
  }

  /** Takes the first `length` bytes off range `i`. */
  takeFrom(i: number, length: number): void {
    const at = this.head + i;
    const start = (this.starts[at] as number) + length;
    if (start < (this.ends[at] as number)) {
      this.starts[at] = start;
      return;
    }
    if (i === 0) {
      this.head++;
      this.compact();
      return;
    }
    this.starts.splice(at, 1);
    this.ends.splice(at, 1);
    this.avoids.splice(at, 1);
  }

  /** Drops everything before `offset`: it was DATA_ACKed. */
  dropBefore(offset: number): void {
    while (this.head < this.starts.length && (this.ends[this.head] as number) <= offset) this.head++;
    if (this.head < this.starts.length && (this.starts[this.head] as number) < offset) this.starts[this.head] = offset;
    this.compact();
  }

  /** A subflow is gone: nothing needs to avoid it any more. */
  forget(subflow: number): void {
    for (let i = this.head; i < this.avoids.length; i++) if (this.avoids[i] === subflow) this.avoids[i] = 0;
  }

  /** No subflow carries the queued bytes of [from, to) any more: each may send them. Widens to the whole ranges concerned. */
  allowAll(from: number, to: number): void {
    for (let i = this.head; i < this.starts.length && (this.starts[i] as number) < to; i++) if ((this.ends[i] as number) > from) this.avoids[i] = 0;
  }

  clear(): void {
    this.starts = [];
    this.ends = [];
    this.avoids = [];
    this.head = 0;
  }

  /** Index of the first range that starts at or after `offset`. */
  private lowerBound(offset: number): number {
    let low = this.head;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] as number) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private compact(): void {
    if (this.head === this.starts.length) {
      if (this.head > 0) this.clear();
    } else if (this.head > 512 && this.head * 2 > this.starts.length) {
      this.starts.splice(0, this.head);
      this.ends.splice(0, this.head);
      this.avoids.splice(0, this.head);
      this.head = 0;
    }
  }
}
