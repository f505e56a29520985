import type { Problems } from "./report.ts";

/** The byte stream of one host, put together from the payloads of a capture. */
export class CapturedStream {
  readonly bytes: Buffer;
  /** One more than the last byte that was seen. */
  end = 0;
  /** Bytes seen again on the flow that brought them first, and on another one. */
  retransmitted = 0;
  reinjected = 0;
  /** By byte: 0, or the number of the flow that brought it first, plus 1. */
  private readonly owners: Uint16Array;

  /** @param limit no stream can be longer than all payloads together */
  constructor(limit: number) {
    this.bytes = Buffer.alloc(limit);
    this.owners = new Uint16Array(limit);
  }

  /** Puts `payload` at `offset`; bytes that are there already have to be the same. */
  place(payload: Buffer, offset: number, flow: number, where: string, problems: Problems): void {
    if (offset < 0 || offset + payload.length > this.bytes.length) {
      problems.add("data far outside of the stream", `${where}: offset ${offset}`);
      return;
    }
    for (let i = 0; i < payload.length; i++) {
      const at = offset + i;
      const owner = this.owners[at];
      if (owner === 0) {
        this.owners[at] = flow + 1;
        this.bytes[at] = payload[i] as number;
        continue;
      }
      if (owner === flow + 1) this.retransmitted++;
      else this.reinjected++;
      if (this.bytes[at] === payload[i]) continue;
      problems.add("the same data sequence number with another byte", `${where}: offset ${at}`);
      break;
    }
    this.end = Math.max(this.end, offset + payload.length);
  }

  /** Whether all bytes of [offset, offset + length) were seen. */
  has(offset: number, length: number): boolean {
    return offset + length <= this.end && !this.owners.subarray(offset, offset + length).includes(0);
  }

  /** How many bytes there are before the first hole. */
  get contiguous(): number {
    const hole = this.owners.subarray(0, this.end).indexOf(0);
    return hole < 0 ? this.end : hole;
  }
}

/** The mappings of one direction of a subflow, from subflow sequence numbers (the first byte's is 1) to offsets in the stream. */
export class Mappings {
  private readonly byStart = new Map<number, Mapping>();
  private runs: Mapping[] = [];

  add(start: number, length: number, offset: number, where: string, problems: Problems): void {
    const known = this.byStart.get(start);
    if (known === undefined) {
      this.byStart.set(start, { start, end: start + length, offset });
      return;
    }
    if (known.offset !== offset) problems.add("a mapping changed", `${where}: subflow byte ${start} to ${offset}, before to ${known.offset}`);
    known.end = Math.max(known.end, start + length);
  }

  /** To be called after the last {@link add}: joins the mappings, and finds bytes that are mapped in two ways. */
  seal(where: string, problems: Problems): void {
    for (const mapping of [...this.byStart.values()].toSorted((a, b) => a.start - b.start)) {
      const last = this.runs.at(-1);
      const agrees = last !== undefined && last.offset - last.start === mapping.offset - mapping.start;
      if (last !== undefined && mapping.start < last.end && !agrees) problems.add("a mapping changed", `${where}: subflow byte ${mapping.start} to ${mapping.offset}`);
      if (agrees && mapping.start <= last.end) last.end = Math.max(last.end, mapping.end);
      else this.runs.push({ ...mapping });
    }
  }

  /** Gives the mapped parts of [start, start + length) in order; returns how many bytes of it no mapping covers. */
  cover(start: number, length: number, part: (from: number, to: number, offset: number) => void): number {
    const end = start + length;
    let covered = 0;
    let at = start;
    for (let i = this.firstAt(start); i < this.runs.length; i++) {
      const run = this.runs[i] as Mapping;
      if (run.start >= end) break;
      const [from, to] = [Math.max(run.start, at), Math.min(run.end, end)];
      if (from >= to) continue;
      part(from, to, run.offset + from - run.start);
      covered += to - from;
      at = to;
    }
    return length - covered;
  }

  /** Index of the last run that begins at or before `start`. */
  private firstAt(start: number): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.runs[middle] as Mapping).start <= start) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

interface Mapping {
  readonly start: number;
  end: number;
  readonly offset: number;
}
