/** drill/run/: a plan is carried out on a stack, and what becomes of it is said as data and as text. */
export { describeComparison, describeFailure } from "./describe.ts";
export { FAILURE_KINDS, printDiffering } from "./outcome.ts";
export type { Comparison, Failed, Failure, FailureKind, Outcome, Passed } from "./outcome.ts";
export { runPlan } from "./runner.ts";
export type { RunOptions } from "./runner.ts";
