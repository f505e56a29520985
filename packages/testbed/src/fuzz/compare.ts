import { compareTranscripts, transcriptOf, type Allowance, type Recording } from "mptcp/drill";
import type { FuzzCase } from "./generate.ts";
import type { State } from "./peer.ts";

/** One field or action that differs, in one state. */
export interface Difference {
  /** What the connection was in, and what had arrived last. */
  readonly state: State;
  readonly tag: string;
  /** All that was done until then. */
  readonly earlier: readonly string[];
  /** What differs, without the numbers of this run. */
  readonly what: string;
  /** Whether what follows can still be compared. */
  readonly goesOn: boolean;
  /** Both sides, for people. */
  readonly kernel: string;
  readonly engine: string;
}

const ALLOWANCE: Allowance = { time: 50e6, part: 0.25 };

/** What differs between two recordings of the same inputs, in the order of time. What comes behind one that cannot go on is a consequence of it. */
export function compareRecordings({ inputs, tail }: FuzzCase, kernel: Recording, engine: Recording): Difference[] {
  const ended = ((inputs.at(-1)?.at ?? 0) + tail) * 1e6;
  const [one, other] = [transcriptOf(kernel, ended), transcriptOf(engine, ended)];
  return compareTranscripts({ name: "kernel", transcript: one }, { name: "engine", transcript: other }, ALLOWANCE).map(({ inputs: count, what, goesOn, comparison }) => {
    const input = inputs[Math.max(0, count - 1)];
    return { state: input?.state ?? "opening", tag: input?.tag ?? "nothing", earlier: inputs.slice(0, count).map(({ tag }) => tag), what, goesOn, kernel: comparison.expected, engine: comparison.seen };
  });
}
