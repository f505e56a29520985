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
  /** So many times as many runs at the most where the kernel's own differ by too much. */
  readonly mostTimes: number;
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
  /** How many times as many runs a condition is given, where it is not once. */
  private readonly times = new Map<Condition, number>();
  private readonly undecided = new Set<Condition>();
  private isStopped = false;

  /** @param heard is told of each comparison as soon as its runs are made, and once more when others were added */
  constructor(options: JudgeOptions, heard: (comparison: Comparison) => void) {
    this.options = options;
    this.heard = heard;
  }

  async run(): Promise<void> {
    const { conditions, mostTimes } = this.options;
    for (const condition of conditions) this.times.set(condition, this.keptTimes(condition));
    await this.judge(conditions);
    for (let times = 2; times <= mostTimes && !this.isStopped; times *= 2) {
      const again = [...this.undecided].filter((condition) => this.times.get(condition)! < times);
      for (const condition of again) {
        this.undecided.delete(condition);
        this.times.set(condition, times);
      }
      await this.judge(again);
    }
  }

  private async judge(conditions: readonly Condition[]): Promise<void> {
    const { isThroughTool, threads } = this.options;
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
    return wantedRuns(condition, this.options.repetitions, isThroughTool, this.times.get(condition));
  }

  /** How many times as many of the kernel's runs are there already: they are not thrown away. */
  private keptTimes(condition: Condition): number {
    const { kept, mostTimes, repetitions } = this.options;
    let times = 1;
    while (2 * times <= mostTimes && wantedRuns(condition, repetitions, false, 2 * times).every((wanted) => !wanted.isReal || kept.get(condition, wanted) !== null)) times *= 2;
    return times;
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
    const comparison = compare(condition, this.results(condition, isThroughTool));
    if (comparison.measures.some(({ verdict }) => verdict === "not decided")) this.undecided.add(condition);
    this.heard(comparison);
  }
}

const isReal = (wanted: WantedRun): boolean => wanted.isReal;
const isVirtual = (wanted: WantedRun): boolean => !wanted.isReal;
