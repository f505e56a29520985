import type { CallStep, Plan, Step } from "../plan/index.ts";
import type { Flow } from "../run/flow.ts";
import type { LivePacket } from "../run/live-packet.ts";
import type { Variables } from "../run/multipath.ts";
import type { RunObserver } from "../run/observer.ts";
import type { Outcome } from "../run/outcome.ts";
import { runPlan, type RunOptions } from "../run/runner.ts";
import { printEvent } from "../syntax/print.ts";
import type { CallResult, Target } from "../system/index.ts";
import { filledCall } from "./call-line.ts";
import { Naming } from "./naming.ts";
import { Recording, type RecordedInput, type RecordedPacket } from "./recording.ts";

/** What a stack did in a run, as plain data. Times are ns since the beginning. */
export interface Transcript {
  readonly inputs: readonly TranscribedInput[];
  /** Segments in a row that say the same are one, however the stack cut them. */
  readonly packets: readonly RecordedPacket[];
  /** What came later is not in it. */
  readonly ended: number;
}

/** What was done to the stack, and what a call gave. */
export interface TranscribedInput {
  /** The line of the script. */
  readonly line: number;
  /** Of a call; what else it is, otherwise. */
  readonly name: string;
  /** When it was due. */
  readonly at: number;
  /** What a call gave, with nothing that follows from the numbers of descriptors; null for another input. */
  readonly result: string | null;
  /** A call with what it gave, as a line; empty for another input. */
  readonly text: string;
}

/** Events that are transcribed; a transcript ends behind them. */
const MOST_EVENTS = 5_000;

/** Runs a plan as {@link runPlan} does, and tells besides what the stack did. */
export function transcribePlan(plan: Plan, target: Target, options: Omit<RunOptions, "observer"> = {}): { readonly outcome: Outcome; readonly transcript: Transcript } {
  const transcriber = new Transcriber(plan);
  const outcome = runPlan(plan, target, { ...options, observer: transcriber });
  return { outcome, transcript: transcriber.transcript(outcome.ended) };
}

/** Names nothing while the script runs, since its lines do. */
class Transcriber implements RunObserver {
  readonly judged = true;
  readonly tail = 0;
  readonly #recording: Recording;
  readonly #plan: Plan;
  readonly #shown: { readonly live: LivePacket; readonly flow: Flow; readonly variables: Variables }[] = [];
  #count = 0;
  /** When there was no more room; infinite as long as there is. */
  #full = Infinity;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#recording = new Recording(plan, []);
  }

  began(step: Step, at: number, began: number, flow: Flow | null): void {
    if (this.#hasRoom(at)) this.#recording.input(step, at, began, flow);
  }

  returned(step: CallStep, result: CallResult, at: number): void {
    this.#recording.returned(step, result, at);
  }

  left(live: LivePacket, flow: Flow | null, at: number, variables: Variables): void {
    if (!this.#hasRoom(at)) return;
    this.#recording.left(live, flow, at, variables);
    if (flow !== null) this.#shown.push({ live, flow, variables });
  }

  #hasRoom(at: number): boolean {
    if (++this.#count > MOST_EVENTS) this.#full = Math.min(this.#full, at);
    return this.#full === Infinity;
  }

  transcript(ended: number): Transcript {
    const naming = new Naming(this.#plan);
    for (const { live, flow, variables } of this.#shown) naming.learn(live, flow, variables);
    return transcriptOf(this.#recording, Math.min(ended, this.#full));
  }
}

/** What a recording has, as plain data. */
export function transcriptOf(recording: Recording, ended: number): Transcript {
  return { inputs: recording.inputs.map(transcribed), packets: recording.packets(), ended };
}

function transcribed({ step, at, returned }: RecordedInput): TranscribedInput {
  const { line } = step.place;
  if (step.kind !== "call") return { line, name: step.kind, at, result: null, text: "" };
  const { name } = step.action;
  if (returned === null) return { line, name, at, result: "nothing yet", text: "" };
  const text = printEvent({ time: undefined, action: filledCall(step, returned.result, undefined), place: step.place });
  return { line, name, at, result: resultOf(step, returned.result), text };
}

function resultOf({ expected }: CallStep, { value, errno, option, revents, argument }: CallResult): string {
  if (expected.descriptor && value >= 0) return "a descriptor";
  if (errno !== null) return errno;
  // A longer option is a structure, with times of the stack in it.
  const octets = option !== undefined && option.length <= 4 ? ` [${Array.from(option).join(" ")}]` : "";
  const events = revents === undefined ? "" : ` 0x${(revents[0] ?? 0).toString(16)}`;
  return `${value}${octets || events || (argument === undefined ? "" : ` ${argument}`)}`;
}
