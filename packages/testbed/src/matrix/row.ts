import { known } from "./known.ts";
import { nameOf } from "./pairs.ts";
import type { MatrixStack, PairCell } from "./pairs.ts";
import { pathCount } from "./passage.ts";
import type { CellResult } from "./passage.ts";
import type { Outcome, Place } from "./prescription.ts";
import { isSpared, verdictOf } from "./verdict.ts";
import type { MatrixOutcome } from "./verdict.ts";

/** One run of the matrix, as plain data. */
export interface MatrixResult {
  /** Its kind in the simulator. */
  readonly middlebox: string;
  /** How it is set up: what it does it to, and when. */
  readonly position: string;
  /** Which subflow it stands in the way of. */
  readonly place: Place;
  readonly paths: 1 | 2;
  readonly checksum: boolean;
  /** Which way the data goes: from the client (`up`) or to it. */
  readonly data: "up" | "down";
  readonly client: MatrixStack;
  readonly server: MatrixStack;
  /** That the client offers. */
  readonly version: 0 | 1;
  readonly outcome: MatrixOutcome;
  /** Why: the words of our decision log, then errors of the applications and counters of the kernel. */
  readonly reason: string;
  /** The outcomes that the RFC allows. */
  readonly prescribed: readonly Outcome[];
  readonly clause: string;
  /** Until both ends knew that it was over. */
  readonly seconds: number;
  /** What is not as it is prescribed; empty where all is. */
  readonly problem: string;
  /** Why that is known and left; empty where it is not. */
  readonly known: string;
}

/** What a run came to, beside what is prescribed. */
export function resultOf(cell: PairCell, result: CellResult): MatrixResult {
  const { row, place, checksum, data, prescription } = cell;
  const { client, server, version } = cell.pair;
  const { outcome, problems } = verdictOf(cell, result);
  const [middlebox = "", ...position] = row.name.split("/");
  const cut = result.isOver ? [] : result.cutAfter === null ? [] : [`not waited for any longer after ${result.cutAfter} s`];
  return {
    middlebox,
    position: position.join("/"),
    place,
    paths: pathCount(place),
    checksum,
    data,
    client,
    server,
    version,
    outcome,
    reason: [...result.reasons, ...result.hints, ...cut, ...(isSpared(cell, result) && !prescription.outcomes.includes(outcome as Outcome) ? ["too little came to the box"] : [])].join(", "),
    prescribed: prescription.outcomes,
    clause: prescription.clause,
    seconds: Math.round(result.seconds * 1000) / 1000,
    problem: problems.join("; "),
    known: known(cell, outcome, problems.length > 0),
  };
}

/** A run in a line of text, without what it came to. */
export function describeRun({ middlebox, position, place, checksum, data, client, server, version }: MatrixResult): string {
  return `${middlebox}${position === "" ? "" : `/${position}`} on ${PLACE_TEXT[place]}, ${checksum ? "checksums" : "no checksums"}, data ${data}, ${nameOf({ client, server, version })}`;
}

/** Where a box stands, in words. */
export const PLACE_TEXT: Readonly<Record<Place, string>> = { only: "the only path", first: "the first of two paths", second: "the second path" };
