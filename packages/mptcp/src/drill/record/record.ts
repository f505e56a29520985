import { planScript, type CallStep, type Plan, type PlanOptions, type Step } from "../plan/index.ts";
import type { Flow } from "../run/flow.ts";
import type { LivePacket } from "../run/live-packet.ts";
import type { Variables } from "../run/multipath.ts";
import type { RunObserver } from "../run/observer.ts";
import type { Failure } from "../run/outcome.ts";
import { runPlan, type RunOptions } from "../run/runner.ts";
import type { Script } from "../syntax/ast.ts";
import type { CallResult, Target } from "../system/index.ts";
import { inputsOf } from "./inputs.ts";
import { Naming } from "./naming.ts";
import { Recording } from "./recording.ts";

export interface RecordOptions extends Omit<RunOptions, "observer"> {
  /** For how long after the last input what the stack does is recorded, ns; 0 unless given. */
  readonly tail?: number;
}

/** What a recording gives. */
export interface Recorded {
  readonly recording: Recording;
  /** Why it ends before the script does: a command failed, a packet cannot be made, or a limit; null where it does not. */
  readonly failure: Failure | null;
}

/**
 * Does to a stack what a plan says, at its times, and records what the stack does then. What the plan expects of the stack is not looked at, and may be missing; code is left out.
 * The stack is one that nothing was done with before; it is not closed.
 */
export function recordPlan(plan: Plan, target: Target, script: Script, { readFile, tail = 0 }: RecordOptions = {}): Recorded {
  const recording = new Recording(plan, script.options);
  const outcome = runPlan(inputsOf(plan), target, { ...(readFile === undefined ? {} : { readFile }), observer: new Recorder(recording, plan, tail) });
  return { recording, failure: outcome.passed ? null : outcome.failure };
}

/** As {@link recordPlan}, of a script that has no problems. */
export function recordScript(script: Script, target: Target, options: RecordOptions & PlanOptions = {}): Recorded {
  return recordPlan(planScript(script, options).plan, target, script, options);
}

class Recorder implements RunObserver {
  readonly judged = false;
  readonly tail: number;
  readonly #recording: Recording;
  readonly #naming: Naming;

  constructor(recording: Recording, plan: Plan, tail: number) {
    this.#recording = recording;
    this.tail = tail;
    this.#naming = new Naming(plan);
  }

  began(step: Step, at: number, began: number, flow: Flow | null): void {
    this.#recording.input(step, at, began, flow);
  }

  returned(step: CallStep, result: CallResult, at: number): void {
    this.#recording.returned(step, result, at);
  }

  left(live: LivePacket, flow: Flow | null, at: number, variables: Variables): void {
    if (flow !== null) this.#naming.learn(live, flow, variables);
    this.#recording.left(live, flow, at, variables);
  }
}
