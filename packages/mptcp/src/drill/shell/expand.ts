import { evaluateArithmetic } from "./arithmetic.ts";
import { type Budget, boundedValue, ShellError } from "./bounds.ts";
import { Matcher, type Pattern } from "./matcher.ts";
import { readGlob } from "./patterns.ts";
import type { Change, List, Part, Word } from "./tree.ts";

/** What expansion needs of the shell. */
export interface ExpansionHost {
  readonly budget: Budget;
  get(name: string): string | undefined;
  set(name: string, value: string): void;
  /** Positional parameters. */
  readonly positional: readonly string[];
  /** The output of commands, without the line ends at its end. */
  substitute(body: List): string;
  /** `set -u`. */
  readonly unsetIsError: boolean;
}

/** How characters of a pattern that are quoted lose their meaning. */
const GLOB_SPECIAL = /[\\*?[\]]/g;
const EXPRESSION_SPECIAL = /[\\^$.|?*+()[\]{}]/g;

/** Fields of a word while it is expanded. */
class Fields {
  readonly done: string[] = [];
  #current: string | undefined;

  /** Text that is not split. */
  add(text: string): void {
    this.#current = boundedValue((this.#current ?? "") + text);
  }

  /** Text that separators split; white space counts as one separator, however much there is. */
  split(text: string, separators: string): void {
    if (separators === "") {
      if (text !== "") this.add(text);
      return;
    }
    for (let at = 0; at < text.length; ) {
      const character = text[at]!;
      if (!separators.includes(character)) {
        let end = at + 1;
        while (end < text.length && !separators.includes(text[end]!)) end++;
        this.add(text.slice(at, end));
        at = end;
        continue;
      }
      let hard = false;
      for (; at < text.length && separators.includes(text[at]!) && !(hard && !isBlank(text[at]!)); at++) hard ||= !isBlank(text[at]!);
      if (hard && this.#current === undefined) this.#current = "";
      this.end();
    }
  }

  end(): void {
    if (this.#current !== undefined) this.done.push(this.#current);
    this.#current = undefined;
  }
}

const isBlank = (character: string): boolean => character === " " || character === "\t" || character === "\n";

/** Expands words: parameters, substitutions, arithmetic, and the splitting of what is not quoted. Patterns of file names stand for themselves. */
export class Expander {
  readonly #host: ExpansionHost;
  readonly #matcher: Matcher;

  constructor(host: ExpansionHost) {
    this.#host = host;
    this.#matcher = new Matcher(host.budget);
  }

  /** The fields that a word becomes; none for a parameter that is empty and not quoted. */
  fields(word: Word): string[] {
    const fields = new Fields();
    this.#fieldsOf(word.parts, fields);
    fields.end();
    return fields.done;
  }

  /** The text that a word becomes, without splitting. */
  text(word: Word): string {
    return this.#join(word.parts, (text) => text);
  }

  /** A pattern of names; what is quoted stands for itself. */
  glob(word: Word): Pattern {
    return readGlob(this.#join(word.parts, (text) => text.replace(GLOB_SPECIAL, "\\$&")));
  }

  /** The source of a regular expression; what is quoted stands for itself. */
  expression(word: Word): string {
    return this.#join(word.parts, (text) => text.replace(EXPRESSION_SPECIAL, "\\$&"));
  }

  matches(pattern: Pattern, text: string): boolean {
    return this.#matcher.isAll(pattern, text);
  }

  arithmetic(expression: Word): bigint {
    return evaluateArithmetic(this.text(expression), this.#host);
  }

  #fieldsOf(parts: readonly Part[], fields: Fields): void {
    for (const part of parts) {
      this.#host.budget.spend(1);
      if (part.kind === "text") fields.add(part.text);
      else if (part.kind === "parameter" && part.quoted && part.name === "@" && part.change === undefined) this.#all(fields);
      else if (part.kind === "parameter" && part.change?.kind === "default" && !part.quoted) this.#default(part.name, part.change, fields);
      else if (part.quoted) fields.add(this.#value(part));
      else fields.split(this.#value(part), this.#host.get("IFS") ?? " \t\n");
    }
  }

  /** `"$@"`: each parameter is a field of its own. */
  #all(fields: Fields): void {
    for (const [index, parameter] of this.#host.positional.entries()) {
      if (index > 0) fields.end();
      fields.add(parameter);
    }
  }

  /** `${x:-a b}` that is not quoted: what it becomes is split, but for what is quoted in it. */
  #default(name: string, change: Change & { kind: "default" }, fields: Fields): void {
    const value = this.#host.get(name);
    const absent = value === undefined || (change.empty && value === "");
    if (change.operator === "+" ? !absent : absent && change.operator === "-") this.#fieldsOf(change.word.parts, fields);
    else fields.split(this.#defaulted(name, value, absent, change), this.#host.get("IFS") ?? " \t\n");
  }

  #join(parts: readonly Part[], quote: (text: string) => string): string {
    let joined = "";
    for (const part of parts) {
      this.#host.budget.spend(1);
      const text = part.kind === "text" ? part.text : this.#value(part);
      joined = boundedValue(joined + (part.quoted ? quote(text) : text));
    }
    this.#host.budget.spend(joined.length >> 4);
    return joined;
  }

  #value(part: Exclude<Part, { kind: "text" }>): string {
    if (part.kind === "command") return this.#host.substitute(part.body);
    if (part.kind === "arithmetic") return String(this.arithmetic(part.expression));
    const value = this.#host.get(part.name);
    if (value === undefined && this.#host.unsetIsError && part.change?.kind !== "default" && !/^[@*]$/.test(part.name)) throw new ShellError(`${part.name} is not set`);
    return part.change === undefined ? (value ?? "") : this.#changed(part.name, value, part.change);
  }

  #changed(name: string, value: string | undefined, change: Change): string {
    const text = value ?? "";
    switch (change.kind) {
      case "length":
        return String(/^[@*]$/.test(name) ? this.#host.positional.length : text.length);
      case "default":
        return this.#defaulted(name, value, value === undefined || (change.empty && value === ""), change);
      case "trim":
        return this.#trimmed(text, this.glob(change.pattern), change);
      case "slice": {
        const from = Number(this.arithmetic(change.from));
        const start = from < 0 ? Math.max(0, text.length + from) : from;
        if (change.length === undefined) return text.slice(start);
        const length = Number(this.arithmetic(change.length));
        return text.slice(start, length < 0 ? text.length + length : start + length);
      }
      default:
        return this.#replaced(text, this.glob(change.pattern), change);
    }
  }

  #defaulted(name: string, value: string | undefined, absent: boolean, { operator, word }: Change & { kind: "default" }): string {
    if (operator === "+") return absent ? "" : this.text(word);
    if (!absent) return value ?? "";
    const text = this.text(word);
    if (operator === "?") throw new ShellError(`${name}: ${text === "" ? "it is not set" : text}`);
    if (operator === "=") this.#host.set(name, text);
    return text;
  }

  #trimmed(text: string, pattern: Pattern, { side, longest }: Change & { kind: "trim" }): string {
    for (let step = 0; step <= text.length; step++) {
      const length = longest ? text.length - step : step;
      this.#host.budget.spend(1 + (length >> 4));
      if (side === "start" && this.#matcher.isAll(pattern, text.slice(0, length))) return text.slice(length);
      if (side === "end" && this.#matcher.isAll(pattern, text.slice(text.length - length))) return text.slice(0, text.length - length);
    }
    return text;
  }

  #replaced(text: string, pattern: Pattern, { all, anchor, by }: Change & { kind: "replace" }): string {
    const replacement = this.text(by);
    if (anchor !== "") {
      const rest = this.#trimmed(text, pattern, { kind: "trim", side: anchor === "#" ? "start" : "end", longest: true, pattern: by });
      if (rest === text) return text;
      return anchor === "#" ? replacement + rest : rest + replacement;
    }
    let replaced = "";
    let at = 0;
    while (at < text.length) {
      const match = this.#matcher.find(pattern, text, at);
      if (match === null || match.end === match.start) break;
      replaced = boundedValue(replaced + text.slice(at, match.start) + replacement);
      at = match.end;
      if (!all) break;
    }
    return replaced + text.slice(at);
  }
}
