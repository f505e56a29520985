import { availableParallelism } from "node:os";
import { Pool } from "../pool.ts";
import { compare, wantedRuns } from "./compare.ts";
import type { Comparison, WantedRun } from "./compare.ts";
import type { Condition } from "./condition.ts";
import { CONDITIONS } from "./conditions.ts";
import type { KeptRuns } from "./kept-runs.ts";
import type { RunResult } from "./run.ts";
import type { Task } from "./worker.ts";

export interface JudgeOptions {
  /** Of {@link CONDITIONS}. */
  readonly conditions: readonly Condition[];
  /** Of each bulk transfer, of each stack. */
  readonly repetitions: number;
  /** Runs by the machine's clock at the same time. */
  readonly threads: number;
  /** Whether the engine's packets go over devices as well. */
  readonly isThroughTool: boolean;
  readonly kept: KeptRuns;
}

/** Carries out all runs that comparisons want: first those in virtual time, one for each processor, then those by the machine's clock, which mostly wait. */
export class Judge {
  private readonly options: JudgeOptions;
  private readonly heard: (comparison: Comparison) => void;
  private isStopped = false;

  /** @param heard is told of each comparison as soon as its runs are made */
  constructor(options: JudgeOptions, heard: (comparison: Comparison) => void) {
    this.options = options;
    this.heard = heard;
  }

  async run(): Promise<void> {
    const { conditions, isThroughTool, threads } = this.options;
    if (!isThroughTool) await this.carryOut(conditions, isVirtual, false, availableParallelism(), () => {});
    // What the tool adds must not be what is measured: where it is much, the engine goes through the tool as well.
    const coarse: Condition[] = [];
    await this.carryOut(conditions, isReal, isThroughTool, threads, (condition) => {
      if (!isThroughTool && this.isCoarse(condition)) coarse.push(condition);
      else this.compare(condition, isThroughTool);
    });
    await this.carryOut(coarse, isReal, true, threads, (condition) => this.compare(condition, true));
  }

  /** Ends after the runs that are under way, which are kept. */
  stop(): void {
    this.isStopped = true;
  }

  /** Makes the runs that are not there yet; `done` hears of each condition whose runs of that kind are. */
  private async carryOut(conditions: readonly Condition[], isMeant: (wanted: WantedRun) => boolean, isThroughTool: boolean, threads: number, done: (condition: Condition) => void): Promise<void> {
    const { kept } = this.options;
    const left = new Map<Condition, number>();
    const missing: { readonly condition: Condition; readonly wanted: WantedRun }[] = [];
    for (const condition of conditions) {
      const runs = this.runsOf(condition, isThroughTool).filter((wanted) => isMeant(wanted) && kept.get(condition, wanted) === null);
      left.set(condition, runs.length);
      for (const wanted of runs) missing.push({ condition, wanted });
      if (runs.length === 0) done(condition);
    }
    if (missing.length === 0 || this.isStopped) return;
    const pool = new Pool<Task>(Math.min(threads, missing.length), new URL("./worker.js", import.meta.url));
    try {
      const tasks = missing.map(({ condition, wanted }): Task => ({ condition: CONDITIONS.indexOf(condition), wanted }));
      await pool.run<RunResult>(tasks, () => this.isStopped, (at, result) => {
        const { condition, wanted } = missing[at]!;
        kept.add(condition, wanted, result);
        const count = left.get(condition)! - 1;
        left.set(condition, count);
        if (count === 0) done(condition);
      });
    } finally {
      await pool.close();
    }
  }

  private runsOf(condition: Condition, isThroughTool: boolean): readonly WantedRun[] {
    return wantedRuns(condition, this.options.repetitions, isThroughTool);
  }

  private results(condition: Condition, isThroughTool: boolean): readonly { readonly wanted: WantedRun; readonly result: RunResult }[] {
    return this.runsOf(condition, isThroughTool).flatMap((wanted) => {
      const result = this.options.kept.get(condition, wanted);
      return result === null ? [] : [{ wanted, result }];
    });
  }

  private isCoarse(condition: Condition): boolean {
    const { forward, backward } = condition;
    return this.results(condition, false).some(({ result }) => 20 * (result.addedDelay?.p99 ?? 0) > (forward.delay ?? 0) + (backward.delay ?? 0));
  }

  private compare(condition: Condition, isThroughTool: boolean): void {
    this.heard(compare(condition, this.results(condition, isThroughTool)));
  }
}

const isReal = (wanted: WantedRun): boolean => wanted.isReal;
const isVirtual = (wanted: WantedRun): boolean => !wanted.isReal;
