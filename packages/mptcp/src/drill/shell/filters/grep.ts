import { ShellError } from "../bounds.ts";
import type { Match, Pattern } from "../matcher.ts";
import { readExpression } from "../patterns.ts";
import { linesOf } from "../streams.ts";
import { type Filter, type FilterContext, type FilterResult, inputOf, readCount, written } from "./filter.ts";

/** Lines in which something is. */
export const grep = (alwaysExtended: boolean): Filter => ({
  options: "qvicEFGowxnshae:m:",
  long: { quiet: "q", silent: "q", "invert-match": "v", "ignore-case": "i", count: "c", "only-matching": "o", "extended-regexp": "E", "fixed-strings": "F" },
  prepare(options, operands) {
    const sources = options.get("e") ?? operands.slice(0, 1);
    if (sources.length === 0) throw new ShellError("grep: the pattern is missing");
    const has = (letter: string): boolean => options.has(letter);
    const reads = { extended: alwaysExtended || has("E"), folded: has("i") };
    const patterns = sources.flatMap((source) => source.split("\n")).map((source) => readExpression(has("F") ? fixed(source, reads.extended) : source, reads));
    const files = options.has("e") ? operands : operands.slice(1);
    const most = readCount("grep", options.get("m")?.at(-1) ?? "999999999");
    return (context) => search(patterns, inputOf("grep", files, context), has, most, context);
  },
});

/** The expression of a text that stands for itself. In a basic one a backslash would give some characters a meaning. */
function fixed(text: string, extended: boolean): string {
  return extended ? text.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&") : text.replace(/[\\^$.*[\]]/g, "\\$&");
}

function search(patterns: readonly Pattern[], text: string, has: (letter: string) => boolean, most: number, context: FilterContext): FilterResult {
  const shown: string[] = [];
  let count = 0;
  for (const [index, line] of linesOf(text).entries()) {
    if (count >= most) break;
    const matches = patterns.some((pattern) => accepts(pattern, line, has, context) !== null);
    if (matches === has("v")) continue;
    count++;
    if (has("q")) break;
    const number = has("n") ? `${index + 1}:` : "";
    if (!has("o")) shown.push(number + line);
    else for (const pattern of patterns) shown.push(...parts(pattern, line, context).map((part) => number + part));
  }
  return { status: count > 0 ? 0 : 1, output: has("q") ? "" : has("c") ? `${count}\n` : written(shown) };
}

function accepts(pattern: Pattern, line: string, has: (letter: string) => boolean, { matcher }: FilterContext): Match | null {
  if (has("x")) return matcher.isAll(pattern, line) ? { start: 0, end: line.length, groups: [line] } : null;
  let match = matcher.find(pattern, line);
  if (!has("w")) return match;
  while (match !== null && (/\w/.test(line[match.start - 1] ?? "") || /\w/.test(line[match.end] ?? ""))) match = match.start < line.length ? matcher.find(pattern, line, match.start + 1) : null;
  return match;
}

function parts(pattern: Pattern, line: string, { matcher }: FilterContext): string[] {
  const found: string[] = [];
  for (let match = matcher.find(pattern, line); match !== null; match = match.end < line.length ? matcher.find(pattern, line, Math.max(match.end, match.start + 1)) : null) {
    if (match.end > match.start) found.push(match.groups[0]!);
  }
  return found;
}
