import { ShellError } from "./bounds.ts";
import type { Pattern } from "./matcher.ts";

const MAX_LENGTH = 400;
const MAX_DEPTH = 20;

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/, alpha: /[A-Za-z]/, blank: /[ \t]/, digit: /[0-9]/, lower: /[a-z]/, punct: /[!-/:-@[-`{-~]/, space: /\s/, upper: /[A-Z]/, xdigit: /[0-9A-Fa-f]/,
};
const isWord = (character: string | undefined): boolean => character !== undefined && /\w/.test(character);
const one = (has: (character: string) => boolean): Pattern => ({ kind: "one", has });
const literal = (wanted: string, folded: boolean): Pattern => one(folded ? (character) => character.toLowerCase() === wanted.toLowerCase() : (character) => character === wanted);
const start: Pattern = { kind: "edge", holds: (_text, at) => at === 0 };
const end: Pattern = { kind: "edge", holds: (text, at) => at === text.length };

/** A pattern of names: `*`, `?`, `[a-z]`. A backslash takes the meaning of what is behind it. */
export function readGlob(text: string): Pattern {
  bounded(text);
  const members: Pattern[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text[at]!;
    const set = character === "[" ? readSet(text, at, false) : undefined;
    if (set !== undefined) members.push(set.pattern);
    else if (character === "*") members.push({ kind: "repeat", of: one(() => true), least: 0, most: Infinity });
    else if (character === "?") members.push(one(() => true));
    else if (character === "\\" && at + 1 < text.length) members.push(literal(text[++at]!, false));
    else members.push(literal(character, false));
    at = set?.end ?? at + 1;
  }
  return { kind: "row", members };
}

/** A regular expression as POSIX has them: extended (`(a|b)+`) or basic (`\(a\|b\)\+`). */
export function readExpression(text: string, { extended, folded = false }: { readonly extended: boolean; readonly folded?: boolean }): Pattern {
  bounded(text);
  return new Expression(text, extended, folded).read();
}

function bounded(text: string): void {
  if (text.length > MAX_LENGTH) throw new ShellError(`a pattern has more than ${MAX_LENGTH} characters`);
}

/** `[a-z]`, `[^[:space:]x]`; undefined where there is no end. */
function readSet(text: string, from: number, folded: boolean): { pattern: Pattern; end: number } | undefined {
  let at = from + 1;
  const negated = text[at] === "^" || text[at] === "!";
  if (negated) at++;
  const tests: ((character: string) => boolean)[] = [];
  for (const first = at; at < text.length && (text[at] !== "]" || at === first); ) {
    const named = /\[:([a-z]+):\]/y;
    named.lastIndex = at;
    const name = named.exec(text)?.[1];
    if (name !== undefined) {
      const form = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
      if (form === undefined) throw new ShellError(`there is no class of characters "${name}"`);
      tests.push((character) => form.test(character));
      at = named.lastIndex;
      continue;
    }
    const low = text[at]!;
    const high = text[at + 1] === "-" && at + 2 < text.length && text[at + 2] !== "]" ? text[at + 2]! : low;
    at += high === low ? 1 : 3;
    tests.push((character) => character >= low && character <= high);
  }
  if (at >= text.length) return undefined;
  const has = (character: string): boolean => tests.some((test) => test(character));
  const either = folded ? (character: string): boolean => has(character.toLowerCase()) || has(character.toUpperCase()) : has;
  return { pattern: one((character) => either(character) !== negated), end: at + 1 };
}

class Expression {
  readonly #text: string;
  readonly #extended: boolean;
  readonly #folded: boolean;
  #at = 0;
  #groups = 0;
  #depth = 0;

  constructor(text: string, extended: boolean, folded: boolean) {
    this.#text = text;
    this.#extended = extended;
    this.#folded = folded;
  }

  read(): Pattern {
    const pattern = this.#choice();
    if (this.#at < this.#text.length) throw new ShellError("a pattern closes a bracket that it has not opened");
    return pattern;
  }

  /** Whether an operator is here: by itself in an extended expression, behind a backslash in a basic one. */
  #operator(character: string, takes = true): boolean {
    const form = this.#extended ? character : `\\${character}`;
    if (!this.#text.startsWith(form, this.#at)) return false;
    if (takes) this.#at += form.length;
    return true;
  }

  #choice(): Pattern {
    if (++this.#depth > MAX_DEPTH) throw new ShellError("a pattern is nested too deeply");
    const members = [this.#row()];
    while (this.#operator("|")) members.push(this.#row());
    this.#depth--;
    return members.length === 1 ? members[0]! : { kind: "choice", members };
  }

  #row(): Pattern {
    const members: Pattern[] = [];
    while (this.#at < this.#text.length && !this.#operator("|", false) && !(this.#operator(")", false) && this.#depth > 1)) {
      members.push(this.#repeated(this.#piece(members.length === 0), members.length === 0));
    }
    return { kind: "row", members };
  }

  #repeated(piece: Pattern, first: boolean): Pattern {
    for (let of = piece; ; ) {
      const count = this.#count(first && piece.kind === "edge");
      if (count === undefined) return of;
      of = { kind: "repeat", of, ...count };
    }
  }

  #count(afterEdge: boolean): { least: number; most: number } | undefined {
    if (this.#text[this.#at] === "*" && !(afterEdge && !this.#extended)) {
      this.#at++;
      return { least: 0, most: Infinity };
    }
    if (this.#operator("+")) return { least: 1, most: Infinity };
    if (this.#operator("?")) return { least: 0, most: 1 };
    const form = this.#extended ? /\{(\d{1,3})(?:(,)(\d{0,3}))?\}/y : /\\\{(\d{1,3})(?:(,)(\d{0,3}))?\\\}/y;
    form.lastIndex = this.#at;
    const found = form.exec(this.#text);
    if (found === null) return undefined;
    this.#at = form.lastIndex;
    const [, least = "", comma, most = ""] = found;
    return { least: Number(least), most: comma === undefined ? Number(least) : most === "" ? Infinity : Number(most) };
  }

  #piece(first: boolean): Pattern {
    if (this.#operator("(")) {
      const index = ++this.#groups;
      const of = this.#choice();
      if (!this.#operator(")")) throw new ShellError("a pattern opens a bracket that it does not close");
      return { kind: "group", of, index };
    }
    const character = this.#text[this.#at++]!;
    if (character === "^" && (this.#extended || first)) return start;
    if (character === "$" && (this.#extended || this.#at === this.#text.length || this.#operator(")", false) || this.#operator("|", false))) return end;
    if (character === ".") return one(() => true);
    if (character === "[") {
      const set = readSet(this.#text, this.#at - 1, this.#folded);
      if (set === undefined) throw new ShellError("a pattern opens a bracket that it does not close");
      this.#at = set.end;
      return set.pattern;
    }
    return character === "\\" && this.#at < this.#text.length ? this.#escaped(this.#text[this.#at++]!) : literal(character, this.#folded);
  }

  #escaped(character: string): Pattern {
    if (/[1-9]/.test(character)) throw new ShellError("a pattern refers to what it found before, which is not carried out");
    if (character === "w" || character === "W") return one((found) => isWord(found) === (character === "w"));
    if (character === "s" || character === "S") return one((found) => /\s/.test(found) === (character === "s"));
    if (character === "d") return one((found) => /[0-9]/.test(found));
    if (character === "t") return literal("\t", false);
    if (character === "b" || character === "<" || character === ">") {
      const holds = (text: string, at: number): boolean => {
        const [before, behind] = [isWord(text[at - 1]), isWord(text[at])];
        return character === "<" ? !before && behind : character === ">" ? before && !behind : before !== behind;
      };
      return { kind: "edge", holds };
    }
    return literal(character, this.#folded);
  }
}
