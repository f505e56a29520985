import { isWithoutFallback } from "./known.ts";
import { isVirtual } from "./pairs.ts";
import type { PairCell } from "./pairs.ts";
import { CELL_BYTES } from "./passage.ts";
import type { CellResult } from "./passage.ts";
import type { Outcome } from "./prescription.ts";

/** What became of a run: an outcome of those that are prescribed; or `broken`, for what must not be. */
export type MatrixOutcome = Outcome | "broken";

/** What is to be said of a run. */
export interface Verdict {
  readonly outcome: MatrixOutcome;
  /** What is not as it is prescribed; nothing is the expected result. */
  readonly problems: readonly string[];
}

/**
 * Holds a run against what is prescribed. It is `broken` where an application read bytes that plain TCP through the same box would not have delivered, or not all and no error, or where an
 * end never heard that it is over.
 */
export function verdictOf(cell: PairCell, result: CellResult): Verdict {
  const { outcomes } = cell.prescription;
  const broken = [...silence(cell, result), ...wrongBytes(cell, result)];
  const outcome = broken.length > 0 ? "broken" : result.outcome;
  if (outcome === "multipath" && isSpared(cell, result)) return { outcome, problems: [] };
  const others = outcome !== "broken" && !outcomes.includes(outcome) ? [`${outcome} instead of ${outcomes.join(" or ")}`] : [];
  const avoidable = outcome === "error" && isVirtual(cell.pair) && !isWithoutFallback(cell.row.name) ? ["an error where a fallback is left"] : [];
  return { outcome, problems: [...broken, ...others, ...avoidable, ...unexpectedReasons(cell, result)] };
}

/** Whether less came to the box, by the machine's clock and the kernel's scheduler, than it lets pass before it does anything: nothing has happened. */
export function isSpared({ pair }: PairCell, { box }: CellResult): boolean {
  return !isVirtual(pair) && box.changed === 0 && box.dropped === 0;
}

/** An end that is told too late, or not at all. */
function silence({ prescription }: PairCell, { isOver, seconds, cutAfter, reasons, hints }: CellResult): string[] {
  const { within = PATIENCE } = prescription;
  if (isOver) return within !== null && seconds > within ? [`over after ${seconds.toFixed(1)} s only`] : [];
  // Where TCP's own patience decides, it may be too long to wait for; and of what nobody waits for, nobody need hear.
  if (within === null && (cutAfter !== null || reasons.length + hints.length > 0)) return [];
  return ["an end never hears that it is over"];
}

function wrongBytes({ row, prescription }: PairCell, result: CellResult): string[] {
  const { bytes = "sent" } = prescription;
  const { read, wrong, isTcps, isOver, receiverTold, outcome, box } = result;
  if (wrong > 0 && bytes === "sent") return [`${wrong} bytes are wrong`];
  if (wrong > 0 && !isTcps) {
    const isSameLength = row.box.parameters["length"] === undefined || row.box.parameters["length"] === "same";
    // Without checksums nobody can tell before: whoever has read them is told that the connection is of no use.
    if (!isSameLength && outcome === "error" && receiverTold) return [];
    // Where chance decides what is changed, as many may be wrong as were.
    if (!isSameLength || wrong > box.changed * MOST_AT_ONCE) return [`${wrong} bytes are neither what was sent nor what TCP delivers`];
  }
  const isAll = read === CELL_BYTES || (isTcps && outcome === "fallback");
  return isAll || receiverTold || !isOver ? [] : [`${read} of ${CELL_BYTES} bytes without an error`];
}

/** Reasons of ours for what was prescribed with reasons. Who decides names one of them; the other end hears of it by a RST, and by what the box leaves of its options. */
function unexpectedReasons({ pair, prescription }: PairCell, { outcome, reasons }: CellResult): string[] {
  const known: readonly string[] = prescription.reasons;
  if (known.length === 0 || (outcome !== "fallback" && outcome !== "subflow-reset")) return [];
  // The decision log has the code of an MP_TCPRST behind the word.
  const words = reasons.map((reason) => reason.replace(/_\d+$/, ""));
  // The kernel names its reasons by counters alone.
  const isNamed = !isVirtual(pair) || words.some((word) => known.includes(word));
  const others = words.filter((word) => !known.includes(word) && !(isNamed && BY_RESET.has(word)));
  return others.length === 0 ? [] : [`for another reason: ${others.join(", ")}`];
}

/** How an end hears of what the other one decided. */
const BY_RESET: ReadonlySet<string> = new Set(["refused", "reset", "ECONNRESET"]);
/** s */
const PATIENCE = 60;
/** Octets that a box exchanges at a time. */
const MOST_AT_ONCE = 4;
