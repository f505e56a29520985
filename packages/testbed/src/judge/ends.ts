import type { FlowResult } from "./condition.ts";

/** A client of the workload, of whichever stack. */
export interface ClientEnd {
  /** Opens a flow of so many octets and reads it to its end; `done` is called once. */
  open(octets: number, done: (result: FlowResult) => void): OpenFlow;
  /** Opens a connection that stays; `done` is called for each answer. */
  keep(octets: number, done: (result: FlowResult) => void): KeptFlow;
}

/** A flow under way. */
export interface OpenFlow {
  /** Octets that have come so far. */
  readonly octets: number;
  /** Breaks it off. */
  abort(): void;
}

/** A connection on which one request follows the other. */
export interface KeptFlow extends OpenFlow {
  /** Asks once more. */
  ask(): void;
}

/** Where the server listens. */
export const PORT = 8080;

/** What a client asks for: so many octets, after which the connection stays or ends. */
export const requestOf = (octets: number, keep: boolean): Uint8Array => new TextEncoder().encode(`${octets} ${keep ? "keep" : "close"}\n`);

export interface Request {
  readonly octets: number;
  readonly keep: boolean;
}

/** Reads requests as they come. */
export class RequestReader {
  private text = "";

  /** @returns what is asked for; null while the request is not complete */
  take(octets: Uint8Array): Request | null {
    this.text += new TextDecoder().decode(octets);
    const at = this.text.indexOf("\n");
    if (at < 0) return null;
    const [count, then] = this.text.slice(0, at).split(" ");
    this.text = this.text.slice(at + 1);
    return { octets: Number(count), keep: then === "keep" };
  }
}

/** Tells which octets are the end of an answer on a connection that stays. */
export class AnswerCounter {
  private readonly octets: number;
  private readonly done: (result: FlowResult) => void;
  private startedAt = 0;
  private wanted = 0;

  constructor(octets: number, done: (result: FlowResult) => void) {
    this.octets = octets;
    this.done = done;
  }

  asked(now: number): void {
    this.startedAt = now;
    this.wanted += this.octets;
  }

  /** So many octets have come since the connection was opened. */
  came(octets: number, now: number): void {
    if (octets < this.wanted || this.startedAt === 0) return;
    const { startedAt } = this;
    this.startedAt = 0;
    this.done({ startedAt, endedAt: now, octets: this.octets });
  }
}
