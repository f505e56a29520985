import type { Place } from "./ast.ts";

/** What is wrong with a script, and where. */
export interface Problem {
  readonly place: Place;
  /** A clause in English, without a place and without a full stop. */
  readonly message: string;
}

/** More than these are not listed: what comes later is seldom of use before the first ones are mended. */
export const MAX_PROBLEMS = 20;

/** The longest part of a line that is shown below a problem. */
const SHOWN = 120;
/** The longest message that is shown: names of a script, of any length, stand in it. */
const LONGEST = 400;

/**
 * A problem for people: `FILE:LINE:COLUMN: what is wrong`, the line, and a caret below the column. Of a very long line the part around the column is
 * shown. Characters that would move a terminal's cursor are shown as spaces.
 */
export function describeProblem(file: string, text: string, { place, message }: Problem): string {
  const line = lineOf(text, place.line);
  const start = line.length <= SHOWN ? 0 : Math.max(0, Math.min(place.column - 1 - SHOWN / 2, line.length - SHOWN));
  // oxlint-disable-next-line no-control-regex -- they are what must not be shown
  const shown = line.slice(start, start + SHOWN).replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");
  const caret = " ".repeat(Math.min(place.column - 1 - start, shown.length));
  const said = message.length <= LONGEST ? message : `${message.slice(0, LONGEST)} ...`;
  return `${file}:${place.line}:${place.column}: ${said}\n  ${shown}\n  ${caret}^`;
}

function lineOf(text: string, line: number): string {
  let start = 0;
  for (let count = 1; count < line; count++) start = text.indexOf("\n", start) + 1;
  const end = text.indexOf("\n", start);
  return text.slice(start, end < 0 ? undefined : end);
}
