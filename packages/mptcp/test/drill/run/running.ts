import { describeFailure, parseScript, planScript, runPlan, type Outcome, type Plan, type PlanOptions, type RunOptions, type Target } from "../../../src/drill/index.ts";

/** The plan of a script that is right. */
export function planned(text: string, options: PlanOptions = {}): Plan {
  const { script, problems } = parseScript(text);
  const { plan, problems: others } = planScript(script, options);
  const all = [...problems, ...others];
  if (all.length > 0) throw new Error(all.map(({ place, message }) => `${place.line}:${place.column}: ${message}`).join("\n"));
  return plan;
}

/** Runs a script that is right. */
export function run(text: string, target: Target, options: RunOptions & PlanOptions = {}): Outcome {
  return runPlan(planned(text, options), target, options);
}

/** How the failure of a script is told; "passed" for one that passes. */
export function told(text: string, target: Target, options: RunOptions & PlanOptions = {}): string {
  const outcome = run(text, target, options);
  return outcome.passed ? "passed" : describeFailure("x.pkt", text, outcome.failure);
}

/** What is wrong with a script's plan: `LINE:COLUMN: message`. */
export function planProblems(text: string, options: PlanOptions = {}): string[] {
  const { script, problems } = parseScript(text);
  if (problems.length > 0) throw new Error(problems[0]!.message);
  return planScript(script, options).problems.map(({ place, message }) => `${place.line}:${place.column}: ${message}`);
}
