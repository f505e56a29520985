import { nameOf } from "./pairs.ts";
import type { PairCell } from "./pairs.ts";
import type { MatrixOutcome } from "./verdict.ts";

/** Runs that end otherwise than it is prescribed, and why that is left so. */
export interface KnownDifference {
  /** Beginnings of the names of rows. */
  readonly rows: readonly string[];
  /** The pairs of ends concerned: the beginnings of their names. */
  readonly pairs: readonly string[];
  readonly outcomes: readonly MatrixOutcome[];
  readonly why: string;
}

/** All of them: twenty at the most. */
export const KNOWN: readonly KnownDifference[] = [];

/** Why a run that is not as it is prescribed is known; empty where it is as prescribed, or is not known. */
export function known({ row, pair }: PairCell, outcome: MatrixOutcome, isProblem: boolean): string {
  if (!isProblem) return "";
  const isMeant = ({ rows, pairs, outcomes }: KnownDifference): boolean =>
    rows.some((name) => row.name.startsWith(name)) && pairs.some((name) => nameOf(pair).startsWith(name)) && outcomes.includes(outcome);
  return KNOWN.find(isMeant)?.why ?? "";
}
