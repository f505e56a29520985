import { describeProblem } from "../syntax/problems.ts";
import type { Comparison, Failure } from "./outcome.ts";

/** The longest line of what is shown below a failure. */
const SHOWN = 400;
/** Lines of a stack's explanation: the last ones say most. */
const EXPLAINED = 12;

/**
 * A failure for people: `FILE:LINE:COLUMN: what is wrong` with the line of the script; what was expected and what was seen, one below the other, with a mark below the first
 * field that differs; what the stack says of its decisions; and what was seen before.
 */
export function describeFailure(file: string, text: string, failure: Failure): string {
  const lines = [describeProblem(file, text, failure)];
  if (failure.comparison !== null) lines.push(...describeComparison(failure.comparison));
  if (failure.explanation.length > 0) lines.push("  what the stack says:", ...failure.explanation.slice(-EXPLAINED).map((line) => `    ${shown(line)}`));
  if (failure.before.length > 0) lines.push("  what was before:", ...failure.before.map((line) => `    ${shown(line)}`));
  return lines.join("\n");
}

/** Two lines, one below the other, with what they are before them, and a mark below the first field that differs. */
export function describeComparison({ expected, seen, column }: Comparison, names: readonly [string, string] = ["expected", "seen"]): string[] {
  const width = Math.max(...names.map(({ length }) => length)) + 2;
  const lines = [expected, seen].map((line, index) => `  ${names[index]!.padEnd(width)}${shown(line)}`);
  if (column >= 0 && column < SHOWN) lines.push(`${" ".repeat(2 + width + column)}^`);
  return lines;
}

/** Without characters that would move a terminal's cursor. */
function shown(line: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what must not be shown
  const plain = line.replace(/[\u0000-\u001f\u007f-\u009f]+\s*/g, " ");
  return plain.length <= SHOWN ? plain : `${plain.slice(0, SHOWN)} ...`;
}
