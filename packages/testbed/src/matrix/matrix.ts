import { availableParallelism } from "node:os";
import { setTimeout } from "node:timers/promises";
import { Pool } from "../pool.ts";
import { cellsBetween, isVirtual, PAIRS } from "./pairs.ts";
import type { PairCell } from "./pairs.ts";
import { PRESCRIBED } from "./prescribed.ts";
import { resultOf } from "./row.ts";
import type { MatrixResult } from "./row.ts";
import { runCell } from "./run-cell.ts";

/** Which runs are made. */
export interface MatrixOptions {
  /** Those alone that need no kernel. */
  readonly virtualOnly: boolean;
  /** Rows whose names have one of these in them; all where there is none. */
  readonly only: readonly string[];
  readonly seed: number;
  /** Runs by the machine's clock at the same time. */
  readonly jobs: number;
}

/** A run to make, as a thread is told. */
export interface MatrixTask {
  /** Of {@link allCells}. */
  readonly cell: number;
  readonly seed: number;
}

/** All cells of all pairs, always in the same order. */
export function allCells(): readonly PairCell[] {
  cells ??= PAIRS.flatMap((pair) => cellsBetween(pair, PRESCRIBED));
  return cells;
}

let cells: readonly PairCell[] | null = null;

/**
 * Makes a run; for a thread. By the machine's clock a path may join too late to be of use: what is not as prescribed, and not broken, is tried again. The last try counts.
 * @throws MptcpError where the kernel cannot be had
 */
export function runTask({ cell, seed }: MatrixTask): MatrixResult {
  const chosen = allCells()[cell] as PairCell;
  const tries = isVirtual(chosen.pair) ? 1 : MOST_TRIES;
  for (let tried = 1; ; tried++) {
    const result = resultOf(chosen, runCell(chosen, seed));
    if (result.problem === "" || result.outcome === "broken" || tried === tries) return result;
  }
}

const MOST_TRIES = 3;
/** ms */
const LONGEST_CLOSE = 1000;

/** All runs of a matrix: those in virtual time first, one for each processor; then those by the machine's clock, which mostly wait. */
export class Matrix {
  /** How many runs there are. */
  readonly size: number;
  private readonly options: MatrixOptions;
  private readonly worker: URL;
  private readonly tasks: readonly MatrixTask[];

  /** @param worker a script whose threads answer each {@link MatrixTask} with what {@link runTask} gives */
  constructor(options: MatrixOptions, worker: URL) {
    const { virtualOnly, only, seed } = options;
    this.options = options;
    this.worker = worker;
    this.tasks = allCells().flatMap(({ pair, row }, cell) => {
      const isMeant = (!virtualOnly || isVirtual(pair)) && (only.length === 0 || only.some((part) => row.name.includes(part)));
      return isMeant ? [{ cell, seed }] : [];
    });
    this.size = this.tasks.length;
  }

  /** Makes them. @param stop ends it at once @returns what they came to, in the order of {@link allCells}; those that were made, when it was stopped */
  async run(heard: (result: MatrixResult) => void, stop: AbortSignal): Promise<readonly MatrixResult[]> {
    const results: (MatrixResult | undefined)[] = [];
    const virtual = this.tasks.filter(({ cell }) => isVirtual((allCells()[cell] as PairCell).pair));
    const real = this.tasks.slice(virtual.length);
    for (const [tasks, threads, first] of [[virtual, availableParallelism(), 0], [real, this.options.jobs, virtual.length]] as const) {
      if (tasks.length === 0 || stop.aborted) continue;
      const pool = new Pool<MatrixTask>(Math.min(threads, tasks.length), this.worker);
      const all = pool.run<MatrixResult>(tasks, () => stop.aborted, (at, result) => {
        results[first + at] = result;
        if (!stop.aborted) heard(result);
      });
      try {
        await Promise.race([all, aborted(stop)]);
      } finally {
        // A thread that is in a call of the kernel ends when that does: who has interrupted it does not wait.
        await Promise.race([pool.close(), ...(stop.aborted ? [setTimeout(LONGEST_CLOSE)] : [])]);
      }
    }
    return results.filter((result) => result !== undefined);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
