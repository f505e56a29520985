import type { MptcpOption } from "../../wire/index.ts";
import { planScript, type CallStep, type Plan, type PlanOptions, type Step } from "../plan/index.ts";
import type { Flow } from "../run/flow.ts";
import type { LivePacket } from "../run/live-packet.ts";
import { keyOfOctets, type Variables } from "../run/multipath.ts";
import type { RunObserver } from "../run/observer.ts";
import type { Failure } from "../run/outcome.ts";
import { runPlan, type RunOptions } from "../run/runner.ts";
import type { Script } from "../syntax/ast.ts";
import type { CallResult, Target } from "../system/index.ts";
import { inputsOf } from "./inputs.ts";
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
  readonly tail: number;
  readonly #recording: Recording;
  readonly #names: KeyNames;
  readonly #timestamps: number;

  constructor(recording: Recording, plan: Plan, tail: number) {
    this.#recording = recording;
    this.tail = tail;
    this.#names = new KeyNames(plan);
    this.#timestamps = firstTimestamp(plan);
  }

  began(step: Step, at: number, began: number, flow: Flow | null): void {
    this.#recording.input(step, at, began, flow);
  }

  returned(step: CallStep, result: CallResult, at: number): void {
    this.#recording.returned(step, result, at);
  }

  left(live: LivePacket, flow: Flow | null, at: number, variables: Variables): void {
    if (live.body.kind === "tcp" && flow !== null) {
      for (const { kind, octets, mptcp } of live.body.options) {
        if (mptcp !== null) this.#names.bind(mptcp, flow, variables);
        if (kind === 8 && octets.length === 8 && !flow.timestamps.known) flow.timestamps.learn(this.#timestamps, new DataView(octets.buffer, octets.byteOffset, 8).getUint32(0));
      }
    }
    this.#recording.left(live, flow, at, variables);
  }
}

/** Names for the keys of the stack: those that the script has for them, in their order, else `skey` of a server and `ckey` of a client. */
class KeyNames {
  readonly #given: string[];
  #count = 0;

  constructor({ steps }: Plan) {
    const capables = steps.flatMap((step) => (step.kind === "packet" && !step.inbound && step.body.kind === "tcp" && step.body.options !== "any" ? step.body.options : []));
    const names = capables.flatMap((option) => (option.type === "mp_capable" && option.keys[0]?.name !== undefined ? [option.keys[0].name] : []));
    this.#given = [...new Set(names)];
  }

  bind(option: MptcpOption, flow: Flow, variables: Variables): void {
    if (option.kind !== "mp_capable" || option.senderKey === null) return;
    const key = keyOfOctets(option.senderKey);
    if (variables.nameOf(key) !== undefined) return;
    variables.set(this.#next(flow, variables), key, flow.multipath);
  }

  #next(flow: Flow, variables: Variables): string {
    const given = this.#given.find((name) => variables.get(name) === undefined);
    if (given !== undefined) return given;
    const base = flow.active ? "ckey" : "skey";
    let name = base;
    while (variables.get(name) !== undefined) name = `${base}${++this.#count + 1}`;
    return name;
  }
}

/** What the script calls the first timestamp of the stack. */
function firstTimestamp({ steps }: Plan): number {
  for (const step of steps) {
    if (step.kind !== "packet" || step.inbound || step.body.kind !== "tcp" || step.body.options === "any") continue;
    for (const option of step.body.options) if (option.type === "timestamps" && option.value !== undefined) return option.value;
  }
  return FIRST_TIMESTAMP;
}

const FIRST_TIMESTAMP = 100;
