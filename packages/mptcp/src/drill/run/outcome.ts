import type { Place } from "../syntax/ast.ts";

/** What became of a script. */
export type Outcome = Passed | Failed;

export interface Passed {
  readonly passed: true;
  /** Failures after which the script went on (`--non_fatal`). */
  readonly warnings: readonly Failure[];
  /** When the script was over, ns since its beginning. */
  readonly ended: number;
}

export interface Failed {
  readonly passed: false;
  readonly failure: Failure;
  readonly warnings: readonly Failure[];
  readonly ended: number;
}

export const FAILURE_KINDS = [
  /** A packet that left is not the one that the line expects. */
  "packet",
  /** No packet left in time. */
  "missing",
  /** The right packet, too early or too late. */
  "time",
  /** A system call gave something else, or at another time. */
  "call",
  /** What an assertion says is not so. */
  "assertion",
  /** A shell line failed. */
  "command",
  /** A limit of the interpreter. */
  "limit",
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** Why a script failed, as data. Times are ns since the beginning of the script. */
export interface Failure {
  readonly kind: FailureKind;
  /** The event of the script. */
  readonly place: Place;
  /** A clause in English, without a full stop. */
  readonly message: string;
  readonly at: number;
  /** What was expected and what was seen, both in the language of scripts; empty where there is nothing to compare. */
  readonly comparison: Comparison | null;
  /** The last packets and calls before, the oldest first, as lines. */
  readonly before: readonly string[];
  /** What the stack says of its decisions since the event before. */
  readonly explanation: readonly string[];
}

/** Two lines, one below the other. */
export interface Comparison {
  readonly expected: string;
  readonly seen: string;
  /** Where in both lines the first field that differs begins, from 0; -1 where the fields are the same. */
  readonly column: number;
  /** The name of that field: `ack`, `option 3`. */
  readonly field: string;
}

/** A field of both lines. */
export interface Piece {
  readonly field: string;
  /** Empty: the line does not look at it, or it is not there. */
  readonly expected: string;
  readonly seen: string;
  readonly same: boolean;
}

/**
 * Lines from pieces. Of a piece that is the same the expected text stands in both, so that the lines are alike up to what differs.
 * @param meant how the name begins of the field that the mark is for; otherwise it is for the first that differs
 */
export function comparisonOf(before: readonly [string, string], pieces: readonly Piece[], meant = ""): Comparison {
  let [expected, seen] = alike(...before);
  const first = pieces.find(({ same, field }) => !same && field.startsWith(meant));
  let column = -1;
  for (const piece of pieces) {
    const texts = [piece.expected, piece.same ? piece.expected : piece.seen] as const;
    if (piece === first) column = expected.length + 1;
    if (texts[0] !== "") expected += ` ${texts[0]}`;
    if (texts[1] !== "") seen += ` ${texts[1]}`;
  }
  return { expected, seen, column, field: first?.field ?? "" };
}

/** Both filled up with blanks to the same length. */
function alike(one: string, other: string): [string, string] {
  const length = Math.max(one.length, other.length);
  return [one.padEnd(length), other.padEnd(length)];
}

/** `its ack differs`. */
export function printDiffering(field: string): string {
  return /^option \d/.test(field) ? `${field} differs` : `its ${field} differ${field.endsWith("s") ? "" : "s"}`;
}
