import { MAX_DEPTH, ShellProblem } from "./bounds.ts";
import type { Change, List, Part, Word } from "./tree.ts";

/** What ends a word that is not quoted. */
const META = " \t\n;&|<>()";
const NAME = /[A-Za-z_]\w*/y;
const SPECIAL = /[0-9@*#?$!-]/y;

/** Words of a shell: quotation marks, parameters, substitutions. What reads commands is built upon it. */
export abstract class WordReader {
  readonly text: string;
  at = 0;
  /** How deep what is read stands in what is around it. */
  protected depth: number;

  constructor(text: string, depth: number) {
    this.text = text;
    this.depth = depth;
  }

  /** The list of commands of a substitution, up to its end. */
  protected abstract substituted(end: string | undefined): List;
  /** A list of commands in a text of its own that was between backquotes. */
  protected abstract inner(text: string, at: number): List;

  get done(): boolean {
    return this.at >= this.text.length;
  }

  protected nested<T>(read: () => T): T {
    if (++this.depth > MAX_DEPTH) throw new ShellProblem(this.at, "it is nested too deeply");
    const result = read();
    this.depth--;
    return result;
  }

  protected match(form: RegExp): string | undefined {
    form.lastIndex = this.at;
    const found = form.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  protected takes(text: string): boolean {
    const found = this.text.startsWith(text, this.at);
    if (found) this.at += text.length;
    return found;
  }

  protected unexpected(wanted: string): ShellProblem {
    const found = this.done ? "the end" : this.text[this.at] === "\n" ? "the end of the line" : `"${/^(?:[\w-]{1,30}|.)/su.exec(this.text.slice(this.at, this.at + 31))![0]}"`;
    return new ShellProblem(this.at, `expected ${wanted}, found ${found}`);
  }

  /** A word; undefined where none begins. */
  word(): Word | undefined {
    const at = this.at;
    const parts = this.#parts((character) => META.includes(character), false);
    return this.at === at ? undefined : { parts, at };
  }

  /** The word behind `=~`: its brackets and bars belong to it. */
  protected expression(): Word {
    return this.#withBrackets(" \t");
  }

  /** A word of `let`: its brackets belong to it. */
  protected bracketed(): Word | undefined {
    const at = this.at;
    const word = this.#withBrackets(" \t;&|");
    return this.at === at ? undefined : word;
  }

  /** Up to one of the characters that is in no brackets. */
  #withBrackets(ends: string): Word {
    const at = this.at;
    let depth = 0;
    const parts = this.#parts((character) => {
      if (character === "(") depth++;
      if (character === ")") depth--;
      return (depth <= 0 && ends.includes(character)) || character === "\n" || depth < 0;
    }, false);
    return { parts, at };
  }

  /** A here-document whose delimiter was not quoted, or any text as if it were between quotation marks. */
  quotedText(): Word {
    return { parts: this.#parts(() => false, true), at: 0 };
  }

  /** Parts up to a character that ends them, which is not taken. */
  #parts(ends: (character: string) => boolean, quoted: boolean): Part[] {
    return this.nested(() => {
      const parts: Part[] = [];
      let plain = "";
      const flush = (): void => {
        if (plain !== "") parts.push({ kind: "text", text: plain, quoted });
        plain = "";
      };
      while (!this.done) {
        const character = this.text[this.at]!;
        if (ends(character)) break;
        const part = this.#part(character, quoted);
        if (typeof part === "string") plain += part;
        else {
          flush();
          parts.push(...part);
        }
      }
      flush();
      return parts;
    });
  }

  /** The next part: characters that are like those before them, or others. */
  #part(character: string, quoted: boolean): string | Part[] {
    const start = this.at;
    this.at++;
    if (character === "\\") return this.#escaped(quoted);
    if (character === "$") return this.#dollar(start, quoted);
    if (character === "`") return [this.#backquoted(start, quoted)];
    if (quoted || (character !== "'" && character !== '"')) return character;
    return character === "'" ? this.#single(start) : this.#double(start);
  }

  #escaped(quoted: boolean): string | Part[] {
    const next = this.text[this.at] ?? "";
    this.at += next.length;
    if (next === "\n") return "";
    if (!quoted) return [{ kind: "text", text: next, quoted: true }];
    return '$`"\\'.includes(next) ? next : `\\${next}`;
  }

  #single(start: number): Part[] {
    const end = this.text.indexOf("'", this.at);
    if (end < 0) throw new ShellProblem(start, "the quotation mark has no end");
    const text = this.text.slice(this.at, end);
    this.at = end + 1;
    return [{ kind: "text", text, quoted: true }];
  }

  #double(start: number): Part[] {
    const parts = this.#parts((character) => character === '"', true);
    if (!this.takes('"')) throw new ShellProblem(start, "the quotation mark has no end");
    return parts.length === 0 ? [{ kind: "text", text: "", quoted: true }] : parts;
  }

  #backquoted(start: number, quoted: boolean): Part {
    let inner = "";
    for (; this.text[this.at] !== "`"; this.at++) {
      if (this.done) throw new ShellProblem(start, "the backquote has no end");
      if (this.text[this.at] === "\\" && "`\\$".includes(this.text[this.at + 1] ?? "-")) this.at++;
      inner += this.text[this.at];
    }
    this.at++;
    return { kind: "command", body: this.nested(() => this.inner(inner, start)), quoted, apart: true, at: start };
  }

  #dollar(start: number, quoted: boolean): string | Part[] {
    if (this.takes("((")) {
      const expression = this.arithmeticText(start);
      return [{ kind: "arithmetic", expression, quoted, at: start }];
    }
    if (this.takes("(")) {
      const body = this.nested(() => this.substituted(")"));
      if (!this.takes(")")) throw new ShellProblem(start, 'the substitution has no end: ")" is missing');
      return [{ kind: "command", body, quoted, apart: false, at: start }];
    }
    if (this.takes("{")) return [this.#braces(start, quoted)];
    if (!quoted && this.takes("'")) return this.#single(start);
    if (!quoted && this.takes('"')) return this.#double(start);
    const name = this.match(NAME) ?? this.match(SPECIAL);
    return name === undefined ? "$" : [{ kind: "parameter", name, quoted, change: undefined, at: start }];
  }

  /** Up to `))`, which is taken. */
  protected arithmeticText(start: number): Word {
    let depth = 0;
    const at = this.at;
    const parts = this.#parts((character) => {
      if (character === "(") depth++;
      if (character === ")" && depth-- === 0) return this.text[this.at + 1] === ")";
      return false;
    }, true);
    if (!this.takes("))")) throw new ShellProblem(start, 'the arithmetic has no end: "))" is missing');
    return { parts, at };
  }

  #braces(start: number, quoted: boolean): Part {
    const isLength = this.text[this.at] === "#" && this.text[this.at + 1] !== "}";
    if (isLength) this.at++;
    let name = this.match(NAME) ?? this.match(SPECIAL);
    if (name === undefined) throw new ShellProblem(start, "this parameter is not carried out");
    name += this.match(/\[[0-9@*]+\]/y) ?? "";
    const change = isLength ? { kind: "length" as const } : this.#change(quoted);
    if (!this.takes("}")) throw new ShellProblem(start, "this parameter is not carried out");
    return { kind: "parameter", name, quoted, change, at: start };
  }

  #change(quoted: boolean): Change | undefined {
    const form = this.match(/:?[-=?+]|%%?|##?|\/[/#%]?|:/y);
    if (form === undefined) return undefined;
    if (/[-=?+]$/.test(form)) return { kind: "default", operator: form.slice(-1) as "-", empty: form.length === 2, word: this.#until("}", quoted) };
    if (form === ":") {
      const from = this.#until(":}", true);
      return { kind: "slice", from, length: this.takes(":") ? this.#until("}", true) : undefined };
    }
    if (form.startsWith("/")) {
      const pattern = this.#until("/}", false);
      return { kind: "replace", all: form === "//", anchor: form === "/#" ? "#" : form === "/%" ? "%" : "", pattern, by: this.takes("/") ? this.#until("}", quoted) : { parts: [], at: this.at } };
    }
    return { kind: "trim", side: form.startsWith("#") ? "start" : "end", longest: form.length === 2, pattern: this.#until("}", false) };
  }

  #until(ends: string, quoted: boolean): Word {
    const at = this.at;
    return { parts: this.#parts((character) => ends.includes(character), quoted), at };
  }
}
