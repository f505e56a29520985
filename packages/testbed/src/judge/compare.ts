import type { Condition } from "./condition.ts";
import type { DelayFigures, RunResult, Stack } from "./run.ts";
import { mean, median, quantile, ratioOf } from "./statistics.ts";
import type { Figure, Ratio } from "./statistics.ts";

/** A run that a comparison wants. */
export interface WantedRun {
  /** The kernel runs twice, so that what differs between two runs of the same is known. */
  readonly as: "kernel" | "control" | "engine";
  readonly server: Stack;
  readonly client: Stack;
  readonly isReal: boolean;
  readonly seed: number;
}

/** Bulk transfers are repeated; of flows there are enough in one run. @param times so many times as many, where fewer leave it open */
export function wantedRuns({ runs = 1, workload }: Condition, repetitions: number, isThroughTool: boolean, times = 1): readonly WantedRun[] {
  const seeds = Array.from({ length: (workload.kind === "bulk" ? runs * repetitions : runs) * times }, (_, at) => at + 1);
  return seeds.flatMap((seed): WantedRun[] => [
    { as: "kernel", server: "kernel", client: "kernel", isReal: true, seed },
    { as: "control", server: "kernel", client: "kernel", isReal: true, seed: seed + 1000 },
    { as: "engine", server: "engine", client: isThroughTool ? "kernel" : "engine", isReal: isThroughTool, seed },
  ]);
}

/** One figure of a condition. */
export interface Measure {
  readonly name: "goodput" | "median" | "p99";
  /** Of the kernel, both times; bits per second, or ns. */
  readonly kernel: number;
  readonly engine: number;
  readonly ratio: Ratio;
  /** The kernel's second time against its first. */
  readonly control: Ratio;
  readonly verdict: Verdict;
}

/**
 * Whether the engine is at least as good as Linux, within the bound: it is not when the interval of the ratio lies beyond it; and nothing can be said when two runs of Linux differ
 * by as much.
 */
export type Verdict = "holds" | "falls short" | "not decided";

export interface Comparison {
  readonly condition: Condition;
  readonly measures: readonly Measure[];
  /** Of the tool, over all runs by the machine's clock. */
  readonly addedDelay: DelayFigures | null;
  /** Whether the engine went through the tool as well. */
  readonly isThroughTool: boolean;
}

/** Compares what the runs gave. */
export function compare(condition: Condition, runs: readonly { readonly wanted: WantedRun; readonly result: RunResult }[]): Comparison {
  const of = (as: WantedRun["as"]): readonly RunResult[] => runs.filter(({ wanted }) => wanted.as === as).map(({ result }) => result);
  const [kernel, control, engine] = [of("kernel"), of("control"), of("engine")];
  const measure = (name: Measure["name"], sample: (results: readonly RunResult[]) => readonly number[], figure: Figure): Measure => {
    const both = sample([...kernel, ...control]);
    const ratio = ratioOf(sample(engine), both, figure);
    const noise = ratioOf(sample(control), sample(kernel), figure);
    const at = (numbers: readonly number[]): number => figure(numbers.toSorted((one, other) => one - other));
    return { name, kernel: at(both), engine: at(sample(engine)), ratio, control: noise, verdict: verdictOf(name, ratio, noise) };
  };
  const isBulk = condition.workload.kind === "bulk";
  return {
    condition,
    measures: isBulk ? [measure("goodput", goodputs, mean)] : [measure("median", times, median), measure("p99", times, quantile(0.99))],
    addedDelay: delayOf([...kernel, ...control, ...engine]),
    isThroughTool: runs.some(({ wanted }) => wanted.as === "engine" && wanted.isReal),
  };
}

function verdictOf(name: Measure["name"], ratio: Ratio, control: Ratio): Verdict {
  if (name === "goodput") return ratio.high < LEAST_GOODPUT ? "falls short" : control.low < LEAST_GOODPUT ? "not decided" : "holds";
  return ratio.low > MOST_TIME ? "falls short" : control.high > MOST_TIME ? "not decided" : "holds";
}

const goodputs = (results: readonly RunResult[]): readonly number[] => results.map(({ goodput }) => goodput ?? 0);

/** A flow that did not end counts as one that took as long as anybody waited. */
const times = (results: readonly RunResult[]): readonly number[] => results.flatMap(({ flows }) => flows.map(({ startedAt, endedAt }) => (endedAt === null ? NEVER_ENDED : endedAt - startedAt)));

function delayOf(results: readonly RunResult[]): DelayFigures | null {
  const all = results.flatMap(({ addedDelay }) => addedDelay ?? []);
  if (all.length === 0) return null;
  const worst = (of: (figures: DelayFigures) => number): number => Math.max(...all.map(of));
  return { packets: all.reduce((sum, { packets }) => sum + packets, 0), median: worst((one) => one.median), p99: worst((one) => one.p99), largest: worst((one) => one.largest) };
}

/** What the goodput may be of Linux's, and what a time may be. */
export const LEAST_GOODPUT = 0.95;
export const MOST_TIME = 1.1;
/** ns. */
const NEVER_ENDED = 120e9;
