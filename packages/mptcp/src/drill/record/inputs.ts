import type { Plan, Step } from "../plan/index.ts";
import type { EventTime } from "../syntax/ast.ts";

/** A plan of what is done to a stack alone: no packets are expected, nothing is asserted, and times count from the beginning, since what they counted from may be gone. */
export function inputsOf(plan: Plan): Plan {
  const steps: Step[] = [];
  let base = 0;
  for (const step of plan.steps) {
    if (step.time === undefined) {
      steps.push(step);
      continue;
    }
    const origin = base;
    base = dueAt(step.time, base);
    if (step.kind === "code" || (step.kind === "packet" && !step.inbound)) continue;
    const time: EventTime = { kind: "at", relative: false, at: base, place: step.time.place };
    const isRelative = step.time.kind !== "any" && step.time.relative;
    steps.push(step.kind === "call" && step.until !== undefined ? { ...step, time, until: step.until + (isRelative ? origin : 0) } : { ...step, time });
  }
  return { ...plan, steps };
}

/** When an event is due, ns since the beginning; `base`: when the one before was. What may come whenever it will comes at once. */
function dueAt(time: EventTime, base: number): number {
  if (time.kind === "any") return base;
  return (time.relative ? base : 0) + (time.kind === "at" ? time.at : time.from);
}
