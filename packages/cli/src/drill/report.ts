import type { Transcript } from "mptcp/drill";

/** What a script was run on. */
export type TargetName = "engine" | "kernel";

/** Whose choices the engine makes where an RFC leaves one; see docs/profiles.md. */
export type Choices = "linux" | "own";

/** What became of a script. `faulty`: it was not run, since it cannot be read or carried out. */
export type Verdict = "passed" | "failed" | "faulty";

/** A script on one stack, as plain data: what JSON has, and what a worker hands over. Times are µs. */
export interface ScriptReport {
  /** As it was given, or found below a folder that was. */
  readonly file: string;
  /** Null where it came to no run. */
  readonly target: TargetName | null;
  readonly verdict: Verdict;
  /** Of the first problem, or of the failure; null for a script that passed. */
  readonly line: number | null;
  readonly column: number | null;
  /** A clause without a full stop; null for a script that passed. */
  readonly message: string | null;
  /** The kind of the failure: `packet`, `missing`, `time`, `call`, `assertion`, `command`, `limit`, or `script` for one that was not run. */
  readonly kind: string | null;
  readonly expected: string | null;
  readonly seen: string | null;
  /** Everything that is wrong, for people, over several lines; empty for a script that passed. */
  readonly text: string;
  /** Failures that `--non_fatal` passes over, each a line. */
  readonly warnings: readonly string[];
  /** What code of the script printed. */
  readonly printed: readonly string[];
  /** What the stack said of its decisions; empty unless it was asked. */
  readonly explanation: readonly string[];
  /** Time of the stack: virtual on the engine, real on the kernel. */
  readonly scriptMicroseconds: number;
  /** Real time, phase by phase. */
  readonly profile: Profile;
  /** What the stack did; null unless it was asked for. */
  readonly transcript: Transcript | null;
}

/** µs of real time. */
export interface Profile {
  readonly read: number;
  readonly setUp: number;
  readonly run: number;
}

export const NO_TIME: Profile = { read: 0, setUp: 0, run: 0 };

/** µs of real time that a script took. */
export function timeOf({ profile }: ScriptReport): number {
  return profile.read + profile.setUp + profile.run;
}

/** How many scripts of each verdict there are. */
export function countsOf(reports: readonly ScriptReport[]): Readonly<Record<Verdict, number>> {
  const counts = { passed: 0, failed: 0, faulty: 0 };
  for (const { verdict } of reports) counts[verdict]++;
  return counts;
}
