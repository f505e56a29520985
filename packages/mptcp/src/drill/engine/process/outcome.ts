import type { CallResult } from "../../system/index.ts";

/** What a call gives at once, or how it waits. */
export type Outcome = CallResult | Blocked;

/** A call that waits: it is tried again whenever something happened. */
export interface Blocked {
  /** Null: it goes on waiting. */
  readonly attempt: () => CallResult | null;
  /** Until when it waits, ns; NEVER: without end. */
  readonly until: number;
  /** What it gives then. */
  readonly expired: () => CallResult;
}

/** What a call fills in. */
export type Filled = Omit<CallResult, "value" | "errno">;

export function done(value: number, filled: Filled = NOTHING): CallResult {
  return { value, errno: null, ...filled };
}

export function fail(errno: string): CallResult {
  return { value: -1, errno };
}

export function isBlocked(outcome: Outcome): outcome is Blocked {
  return "attempt" in outcome;
}

/** Tries at once, and waits while that gives nothing. */
export function attemptOrWait(attempt: () => CallResult | null, until: number, expired: () => CallResult): Outcome {
  return attempt() ?? { attempt, until, expired };
}

/** What comes of a call once it gave its result, at once or later. */
export function withResult(outcome: Outcome, change: (result: CallResult) => CallResult): Outcome {
  if (!isBlocked(outcome)) return change(outcome);
  const { attempt, expired, until } = outcome;
  return {
    attempt: () => {
      const result = attempt();
      return result === null ? null : change(result);
    },
    until,
    expired: () => change(expired()),
  };
}

const NOTHING: Filled = {};
