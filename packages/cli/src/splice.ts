import type { Duplex } from "node:stream";

/** One end of two that are joined: a socket of this library's, of the kernel's or of `node:net`, or a process. */
export interface End extends Duplex {
  /** Ends it in a way that its peer does not take for an orderly end. */
  resetAndDestroy(): unknown;
  /** Closes it once everything written is handed over, as the system does for a program that is gone. */
  destroySoon(): unknown;
}

export interface SpliceLimits {
  /** Longest time without a byte in either direction, ms; 0: any. */
  readonly idle: number;
  /** The same, once one direction has ended; 0: as before. */
  readonly halfClosed: number;
}

/** Why a splice broke: an error of one of its ends, or of none. */
export interface SpliceProblem {
  readonly error: Error;
  /** null: nothing came for too long. */
  readonly at: End | null;
}

/**
 * Joins two byte streams that allow half open: what comes from one goes to the other, no faster than that takes it; the end of one direction is passed on by itself, and one
 * that breaks has the other reset. Both are the splice's from now on.
 * @returns once both are closed: why one of them broke; null when none did
 */
export function splice(one: End, other: End, limits: SpliceLimits): Promise<SpliceProblem | null> {
  return new Splice(one, other, limits).over;
}

class Splice {
  readonly over: Promise<SpliceProblem | null>;
  private problem: SpliceProblem | null = null;
  private readonly ends: readonly [End, End];
  private readonly limits: SpliceLimits;
  private timer: NodeJS.Timeout | null = null;

  constructor(one: End, other: End, limits: SpliceLimits) {
    this.ends = [one, other];
    this.limits = limits;
    this.over = Promise.all([this.watch(one, other), this.watch(other, one)]).then(() => {
      this.patience(0);
      return this.problem;
    });
    this.patience(limits.idle);
    one.pipe(other);
    other.pipe(one);
  }

  /** Passes on what becomes of `from`. @returns a promise of its close */
  private watch(from: End, to: End): Promise<void> {
    from.on("error", (error: Error) => {
      this.problem ??= { error, at: from };
      breakOff(to);
    });
    // Taken bytes are progress, too, where a slow reader has a whole chunk to read.
    for (const event of ["data", "drain"]) from.on(event, () => this.timer?.refresh());
    from.once("end", () => {
      if (this.limits.halfClosed > 0) this.patience(this.limits.halfClosed);
    });
    return new Promise((resolve) => {
      from.once("close", () => {
        // Not by an error, and yet not all that there was to come has come; or all has come, and no more is taken.
        if (!from.readableEnded) breakOff(to);
        else if (!from.writableFinished && !to.destroyed) to.destroySoon();
        resolve();
      });
      if (from.closed) resolve();
    });
  }

  private patience(milliseconds: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = milliseconds === 0 ? null : setTimeout(() => this.giveUp(milliseconds), Math.min(milliseconds, LONGEST)).unref();
  }

  private giveUp(milliseconds: number): void {
    this.problem ??= { error: new Error(`nothing came for ${milliseconds / 1000} s`), at: null };
    for (const end of this.ends) breakOff(end);
  }
}

function breakOff(end: End): void {
  if (!end.destroyed) end.resetAndDestroy();
}

/** Of a timer, ms. */
const LONGEST = 0x7fff_ffff;
