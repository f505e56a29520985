import type { Place } from "./ast.ts";
import type { Problem } from "./problems.ts";

/** Thrown from where a parser cannot go on to the loop over statements, which lists it; it never leaves `parseScript`. */
export class Unexpected extends Error {
  readonly problem: Problem;

  constructor(place: Place, message: string) {
    super(message);
    this.problem = { place, message };
  }
}

/** The lexical forms, each matched where the lexer stands. */
export const TOKEN = {
  name: /[A-Za-z_][A-Za-z0-9_]*/y,
  optionName: /[A-Za-z_][A-Za-z0-9_-]*/y,
  decimal: /[0-9]+/y,
  number: /-?(?:0[xX][0-9a-fA-F]+|[0-9]+)(?![A-Za-z0-9_])/y,
  seconds: /[0-9]*\.[0-9]+|[0-9]+/y,
  hexadecimal: /[0-9a-fA-F]+(?![A-Za-z0-9_])/y,
  address: /[0-9A-Fa-f:.]*[0-9A-Fa-f](?:::)?|::/y,
  flags: /[A-Za-z0-9.-]+/y,
} as const;

/**
 * A script's text and a position in it. The language's forms depend on what stands before them (`.5` is a time, or the flags of a segment), so that there is no stream
 * of tokens: a parser says which form it wants. Blanks and comments are passed over before each: `//` and `#` up to the end of the line, and those between `/` with stars.
 */
export class Lexer {
  readonly text: string;
  #position = 0;
  /** Where lines begin. */
  readonly #lines: number[] = [0];
  readonly #report: (problem: Problem) => void;

  /** @param report hears what is wrong and does not keep the parser from going on */
  constructor(text: string, report: (problem: Problem) => void) {
    this.text = text;
    this.#report = report;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lines.push(at + 1);
  }

  /** Where the next form begins. */
  here(): Place {
    this.#skip();
    return this.#placeOf(this.#position);
  }

  report(place: Place, message: string): void {
    this.#report({ place, message });
  }

  /** Where to come back to: `reset(mark())`. */
  mark(): number {
    this.#skip();
    return this.#position;
  }

  reset(mark: number): void {
    this.#position = mark;
  }

  atEnd(): boolean {
    this.#skip();
    return this.#position >= this.text.length;
  }

  /** Whether these characters come next. */
  sees(characters: string): boolean {
    this.#skip();
    return this.text.startsWith(characters, this.#position);
  }

  /** Takes these characters if they come next. */
  takes(characters: string): boolean {
    if (!this.sees(characters)) return false;
    this.#position += characters.length;
    return true;
  }

  expect(characters: string, where: string): void {
    if (!this.takes(characters)) throw this.unexpected(`"${characters}" ${where}`);
  }

  /** Takes a form if it comes next: what it captured, or the whole. */
  match(form: RegExp): string | undefined {
    this.#skip();
    form.lastIndex = this.#position;
    const found = form.exec(this.text);
    if (found === null) return undefined;
    this.#position = form.lastIndex;
    return found[1] ?? found[0];
  }

  /** The name that comes next, which stays there. */
  peekName(): string | undefined {
    const mark = this.mark();
    const name = this.match(TOKEN.name);
    this.#position = mark;
    return name;
  }

  /** Takes this name if it comes next, and no longer one. */
  takesName(name: string): boolean {
    if (this.peekName() !== name) return false;
    this.#position += name.length;
    return true;
  }

  /** Takes text between two marks, which may span lines; undefined if the first is not there. Text without an end is a problem of the place where it begins. */
  takesBetween(open: string, close: string, what: string): string | undefined {
    const place = this.here();
    if (!this.takes(open)) return undefined;
    const end = this.#closing(close, this.#position);
    const text = this.text.slice(this.#position, end < 0 ? undefined : end);
    this.#position = end < 0 ? this.text.length : end + close.length;
    if (end < 0) throw new Unexpected(place, `${what} has no end: "${close}" is missing`);
    return text;
  }

  /** Takes what stands between quotation marks, which are the next character and one on the same line; escapes stay as they are. */
  takesString(): string | undefined {
    if (!this.sees('"')) return undefined;
    const start = this.#position + 1;
    const end = this.#closing('"', start);
    const text = this.text.slice(start, end < 0 ? undefined : end);
    if (end < 0 || text.includes("\n")) throw new Unexpected(this.here(), "the string has no end on its line");
    this.#position = end + 1;
    return text;
  }

  /** Where a closing mark is; -1 if there is none. A backslash makes a character of the text of a quotation mark, which shells and strings may need. */
  #closing(close: string, from: number): number {
    if (close !== "`" && close !== '"') return this.text.indexOf(close, from);
    for (let at = from; ; at++) {
      at = this.text.indexOf(close, at);
      if (at < 0) return -1;
      let backslashes = 0;
      while (at - backslashes > from && this.text[at - backslashes - 1] === "\\") backslashes++;
      if (backslashes % 2 === 0) return at;
    }
  }

  /** That something else was expected here. */
  unexpected(wanted: string): Unexpected {
    const place = this.here();
    const found = this.atEnd() ? "the end of the file" : `"${/^(?:[A-Za-z0-9_]{1,30}|.)/su.exec(this.text.slice(this.#position, this.#position + 31))?.[0]}"`;
    return new Unexpected(place, `expected ${wanted}, found ${found}`);
  }

  /**
   * After a problem: goes on to the next line that begins like a statement, which may be where the problem is, if something was missing before it. Text between
   * backquotes is passed over, so that the lines of a shell are not taken for statements.
   *
   * @param start where the statement begins that has the problem
   */
  recover(start: number): void {
    const { text } = this;
    const line = text.lastIndexOf("\n", this.#position - 1) + 1;
    if (line > start && this.#beginsStatement(line) && text.slice(line, this.#position).trim() === "") return;
    while (this.#position < text.length) {
      if (text[this.#position] === "`") {
        const end = this.#closing("`", this.#position + 1);
        this.#position = end < 0 ? text.length : end + 1;
        continue;
      }
      if (this.#skipComment()) continue;
      this.#position++;
      if (text[this.#position - 1] === "\n" && this.#beginsStatement(this.#position)) return;
    }
  }

  #beginsStatement(line: number): boolean {
    const form = /[ \t]*(?:[+*`]|\.?[0-9]|%\{|--)/y;
    form.lastIndex = line;
    return form.test(this.text);
  }

  #skip(): void {
    const blanks = /\s+/y;
    do {
      blanks.lastIndex = this.#position;
      if (blanks.test(this.text)) this.#position = blanks.lastIndex;
    } while (this.#skipComment());
  }

  #skipComment(): boolean {
    const { text } = this;
    const start = this.#position;
    if (text[start] === "#" || text.startsWith("//", start)) {
      const end = text.indexOf("\n", start);
      this.#position = end < 0 ? text.length : end;
      return true;
    }
    if (!text.startsWith("/*", start)) return false;
    const end = text.indexOf("*/", start + 2);
    this.#position = end < 0 ? text.length : end + 2;
    if (end < 0) this.report(this.#placeOf(start), 'the comment has no end: "*/" is missing');
    return true;
  }

  #placeOf(position: number): Place {
    let low = 0;
    for (let high = this.#lines.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (this.#lines[middle]! <= position) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: position - this.#lines[low]! + 1 };
  }
}
