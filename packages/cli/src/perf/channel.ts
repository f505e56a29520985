import type { AnySocket } from "mptcp/node";
import { Malformed } from "./check.ts";

/** The connection is over. */
export class Gone extends Error {
  constructor() {
    super("it closed the connection");
  }
}

/** Nothing came in time. */
export class Late extends Error {
  constructor(seconds: number) {
    super(`it has not answered for ${seconds} s`);
  }
}

/** Cuts what comes into lines. */
class Lines {
  private readonly longest: number;
  private pieces: Buffer[] = [];
  private length = 0;

  /** @param longest octets of a line */
  constructor(longest: number) {
    this.longest = longest;
  }

  /** The next line of `chunk` and what came before it, and what is left of the chunk; null when the line goes on. @throws Malformed when it is too long */
  take(chunk: Buffer): { readonly line: string; readonly rest: Buffer } | null {
    const at = chunk.indexOf(NEW_LINE);
    const piece = at < 0 ? chunk : chunk.subarray(0, at);
    this.pieces.push(piece);
    this.length += piece.length;
    if (this.length > this.longest) {
      const start = Buffer.concat(this.pieces).toString("latin1", 0, SHOWN + 1);
      this.pieces = [];
      throw new Malformed(`it says ${shown(start)}`);
    }
    if (at < 0) return null;
    const line = Buffer.concat(this.pieces).toString("utf8");
    this.pieces = [];
    this.length = 0;
    return { line, rest: chunk.subarray(at + 1) };
  }
}

/**
 * The first line of a connection, as JSON. What comes after it is left to be read by others; the connection is paused.
 * @throws Malformed; Gone; Late; the connection's error
 */
export function firstLine(socket: AnySocket, longest: number, seconds: number): Promise<unknown> {
  const lines = new Lines(longest);
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      try {
        const taken = lines.take(chunk);
        if (taken === null) return;
        stop();
        if (taken.rest.length > 0) socket.unshift(taken.rest);
        resolve(parse(taken.line));
      } catch (error) {
        fail(error as Error);
      }
    };
    const onEnd = (): void => fail(new Gone());
    const timer = setTimeout(() => fail(new Late(seconds)), seconds * 1000);
    const stop = (): void => {
      clearTimeout(timer);
      socket.pause();
      socket.off("data", onData).off("error", fail).off("end", onEnd).off("close", onEnd);
    };
    const fail = (error: Error): void => {
      stop();
      reject(error);
    };
    socket.on("data", onData).on("error", fail).on("end", onEnd).on("close", onEnd);
  });
}

/** Lines of JSON on a connection; whatever goes wrong with it is told by {@link next}. */
export class Channel {
  private readonly socket: AnySocket;
  private readonly lines: Lines;
  private readonly waiting: string[] = [];
  private problem: Error | null = null;
  private wake: (() => void) | null = null;

  /** @param longest octets of a line */
  constructor(socket: AnySocket, longest: number) {
    this.socket = socket;
    this.lines = new Lines(longest);
    socket.on("data", (chunk: Buffer) => this.onData(chunk));
    socket.on("error", (error: Error) => this.fail(error));
    for (const event of ["end", "close"]) socket.on(event, () => this.fail(new Gone()));
    socket.resume();
  }

  send(message: object): void {
    if (this.socket.writable) this.socket.write(`${JSON.stringify(message)}\n`);
  }

  /** The next line, once it is there. @throws Malformed; Gone; Late; the connection's error */
  async next(seconds: number): Promise<unknown> {
    let late: Late | null = null;
    const timer = setTimeout(() => {
      late = new Late(seconds);
      this.wake?.();
    }, seconds * 1000);
    try {
      while (this.waiting.length === 0) {
        const problem = this.problem ?? late;
        if (problem !== null) throw problem;
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      clearTimeout(timer);
      this.wake = null;
    }
    return parse(this.waiting.shift() as string);
  }

  private fail(error: Error): void {
    this.problem ??= error;
    this.wake?.();
  }

  private onData(chunk: Buffer): void {
    if (this.problem !== null) return;
    try {
      for (let taken = this.lines.take(chunk); taken !== null; taken = taken.rest.length === 0 ? null : this.lines.take(taken.rest)) {
        this.waiting.push(taken.line);
        if (this.waiting.length > MOST_WAITING) throw new Malformed("it says more than it is asked");
      }
    } catch (error) {
      this.fail(error as Error);
    }
    if (this.waiting.length > 0) this.wake?.();
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw new Malformed(`it says ${shown(line)}`);
  }
}

/** The beginning of what somebody said, in quotes, without what a terminal would obey. */
export function shown(line: string): string {
  const printable = line.slice(0, SHOWN).trimEnd().replaceAll(/[^\u0020-\u007E]/g, "?");
  return `"${printable}${line.length > SHOWN ? "..." : ""}"`;
}

const NEW_LINE = 0x0a;
/** Lines that nobody has asked for yet. */
const MOST_WAITING = 8;
/** Characters of what is shown. */
const SHOWN = 60;
