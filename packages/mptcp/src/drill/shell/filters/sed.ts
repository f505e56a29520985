import { boundedValue, ShellError } from "../bounds.ts";
import type { Pattern } from "../matcher.ts";
import { readExpression } from "../patterns.ts";
import { linesOf } from "../streams.ts";
import { boundedProgram, type Filter, type FilterContext, inputOf, written } from "./filter.ts";

/** Which lines a command is for. */
type Address = { readonly line: number | "last" } | { readonly pattern: Pattern };

interface Edit {
  readonly from: Address | undefined;
  readonly to: Address | undefined;
  readonly negated: boolean;
  readonly act: "p" | "d" | "q" | { readonly pattern: Pattern; readonly by: string; readonly all: boolean; readonly printed: boolean };
}

/** Substitutions, and lines that are printed or left out. */
export const sed: Filter = {
  options: "nErue:",
  long: { quiet: "n", silent: "n", "regexp-extended": "E" },
  prepare(options, operands) {
    const scripts = options.get("e") ?? operands.slice(0, 1);
    if (scripts.length === 0) throw new ShellError("sed: the commands are missing");
    const extended = options.has("E") || options.has("r");
    const edits = scripts.flatMap((script) => new Reader(boundedProgram("sed", script), extended).edits());
    const files = options.has("e") ? operands : operands.slice(1);
    return (context) => ({ status: 0, output: written(edit(edits, linesOf(inputOf("sed", files, context)), options.has("n"), context)) });
  },
};

class Reader {
  readonly #text: string;
  readonly #extended: boolean;
  #at = 0;

  constructor(text: string, extended: boolean) {
    this.#text = text;
    this.#extended = extended;
  }

  edits(): Edit[] {
    const edits: Edit[] = [];
    for (;;) {
      this.#match(/[\s;]*/y);
      if (this.#at >= this.#text.length) return edits;
      edits.push(this.#edit());
    }
  }

  #match(form: RegExp): string {
    form.lastIndex = this.#at;
    const found = form.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #edit(): Edit {
    const from = this.#address();
    const to = from !== undefined && this.#match(/\s*,\s*/y) !== "" ? this.#address() : undefined;
    const negated = this.#match(/\s*!?\s*/y).includes("!");
    const letter = this.#text[this.#at++] ?? "";
    if (letter === "p" || letter === "d" || letter === "q") return { from, to, negated, act: letter };
    if (letter !== "s") throw new ShellError(`sed: the command "${letter}" is not carried out`);
    const mark = this.#text[this.#at++] ?? "";
    const source = this.#until(mark);
    const by = this.#until(mark);
    const flags = this.#match(/[a-zA-Z0-9]*/y);
    if (!/^[gpIi]*$/.test(flags)) throw new ShellError(`sed: the flags "${flags}" are not carried out`);
    return { from, to, negated, act: { pattern: readExpression(source, { extended: this.#extended, folded: /i/i.test(flags) }), by, all: flags.includes("g"), printed: flags.includes("p") } };
  }

  #address(): Address | undefined {
    const number = this.#match(/\d{1,9}/y);
    if (number !== "") return { line: Number(number) };
    if (this.#match(/\$/y) !== "") return { line: "last" };
    if (this.#text[this.#at] !== "/") return undefined;
    this.#at++;
    return { pattern: readExpression(this.#until("/"), { extended: this.#extended }) };
  }

  /** Up to the mark; behind a backslash it stands for itself. */
  #until(mark: string): string {
    let text = "";
    for (; this.#text[this.#at] !== mark; this.#at++) {
      if (this.#at >= this.#text.length || mark === "") throw new ShellError("sed: a command has no end");
      if (this.#text[this.#at] === "\\" && this.#at + 1 < this.#text.length) {
        this.#at++;
        if (this.#text[this.#at] !== mark) text += "\\";
      }
      text += this.#text[this.#at];
    }
    this.#at++;
    return text;
  }
}

function edit(edits: readonly Edit[], lines: readonly string[], quiet: boolean, context: FilterContext): string[] {
  const shown: string[] = [];
  const inside = new Set<Edit>();
  for (const [index, original] of lines.entries()) {
    let line = original;
    let [kept, ends] = [true, false];
    const is = (address: Address): boolean =>
      "pattern" in address ? context.matcher.find(address.pattern, line) !== null : address.line === "last" ? index === lines.length - 1 : address.line === index + 1;
    for (const command of edits) {
      if (selects(command, inside, is) === command.negated) continue;
      if (command.act === "p") shown.push(line);
      else if (command.act === "q") ends = true;
      else if (command.act === "d") kept = false;
      else {
        const changed = substitute(line, command.act, context);
        if (changed !== undefined && command.act.printed) shown.push(changed);
        line = changed ?? line;
      }
      if (!kept || ends) break;
    }
    if (kept && !quiet) shown.push(line);
    if (ends) break;
  }
  return shown;
}

function selects(command: Edit, inside: Set<Edit>, is: (address: Address) => boolean): boolean {
  const { from, to } = command;
  if (from === undefined) return true;
  if (to === undefined) return is(from);
  if (inside.has(command)) {
    if (is(to)) inside.delete(command);
    return true;
  }
  if (is(from)) inside.add(command);
  return inside.has(command);
}

/** Undefined where the pattern is not in the line. */
function substitute(line: string, { pattern, by, all }: { readonly pattern: Pattern; readonly by: string; readonly all: boolean }, { matcher }: FilterContext): string | undefined {
  let changed = "";
  let at = 0;
  let match = matcher.find(pattern, line);
  if (match === null) return undefined;
  for (; match !== null; match = all && at <= line.length ? matcher.find(pattern, line, at) : null) {
    const { groups, start, end } = match;
    const replacement = by.replace(/\\([^])|&/g, (piece, escaped: string | undefined) =>
      piece === "&" ? groups[0]! : /\d/.test(escaped!) ? (groups[Number(escaped)] ?? "") : escaped === "n" ? "\n" : escaped === "t" ? "\t" : escaped!,
    );
    changed = boundedValue(changed + line.slice(at, start) + replacement + (end === start ? line.slice(end, end + 1) : ""));
    at = end === start ? end + 1 : end;
  }
  return changed + line.slice(at);
}
