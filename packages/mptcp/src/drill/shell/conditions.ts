import { ShellError } from "./bounds.ts";

/** Of a file: its text, or null where there is none. */
export type Reads = (path: string) => string | null;

/** Whether `-n text` and the like hold. */
export function holdsOne(operator: string, text: string, reads: Reads): boolean {
  switch (operator) {
    case "-n":
      return text !== "";
    case "-z":
      return text === "";
    case "-e":
    case "-f":
    case "-r":
    case "-w":
    case "-x":
      return reads(text) !== null;
    case "-s":
      return (reads(text) ?? "") !== "";
    case "-d":
    case "-t":
      return false;
    default:
      throw new ShellError(`the condition ${operator} is not carried out`);
  }
}

export const UNARY_CONDITIONS: ReadonlySet<string> = new Set(["-n", "-z", "-e", "-f", "-r", "-w", "-x", "-s", "-d", "-t"]);
export const BINARY_CONDITIONS: ReadonlySet<string> = new Set(["=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"]);

/** Whether two texts are as the operator says; numbers for `-eq` and its kind, read by `number`. */
export function holdsTwo(operator: string, left: string, right: string, number: (text: string) => bigint = readInteger): boolean {
  switch (operator) {
    case "=":
    case "==":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case ">":
      return left > right;
    default: {
      const [a, b] = [number(left), number(right)];
      const results: Readonly<Record<string, boolean>> = { "-eq": a === b, "-ne": a !== b, "-lt": a < b, "-le": a <= b, "-gt": a > b, "-ge": a >= b };
      const result = results[operator];
      if (result === undefined) throw new ShellError(`the condition ${operator} is not carried out`);
      return result;
    }
  }
}

export function readInteger(text: string): bigint {
  const digits = text.trim();
  if (!/^[-+]?\d{1,40}$/.test(digits)) throw new ShellError(`"${text.slice(0, 60)}" is no number`);
  return BigInt(digits.replace(/^\+/, ""));
}

/** The conditions of `test` and `[`: the words between the brackets. */
export function evaluateTest(words: readonly string[], reads: Reads): boolean {
  if (words.length === 0) return false;
  // POSIX decides by the number of words, so that values that look like operators are none.
  if (words.length === 1) return words[0] !== "";
  if (words.length === 2 && words[0] === "!") return words[1] === "";
  if (words.length === 3 && BINARY_CONDITIONS.has(words[1]!)) return holdsTwo(words[1]!, words[0]!, words[2]!);
  const test = new Test(words, reads);
  const result = test.either();
  if (!test.done) throw new ShellError(`test does not expect "${test.next}"`);
  return result;
}

class Test {
  readonly #words: readonly string[];
  readonly #reads: Reads;
  #at = 0;
  #depth = 0;

  constructor(words: readonly string[], reads: Reads) {
    this.#words = words;
    this.#reads = reads;
  }

  get done(): boolean {
    return this.#at >= this.#words.length;
  }

  get next(): string | undefined {
    return this.#words[this.#at];
  }

  either(): boolean {
    if (++this.#depth > 60) throw new ShellError("the condition is nested too deeply");
    let result = this.#both();
    while (this.#takes("-o")) result = this.#both() || result;
    this.#depth--;
    return result;
  }

  #both(): boolean {
    let result = this.#one();
    while (this.#takes("-a")) result = this.#one() && result;
    return result;
  }

  #takes(word: string): boolean {
    const found = this.next === word;
    if (found) this.#at++;
    return found;
  }

  #one(): boolean {
    let negated = false;
    while (this.#words[this.#at] === "!" && this.#at + 1 < this.#words.length) {
      negated = !negated;
      this.#at++;
    }
    return this.#primary() !== negated;
  }

  #primary(): boolean {
    const [first, second, third] = this.#words.slice(this.#at, this.#at + 3);
    if (first === undefined) throw new ShellError("test misses a condition");
    if (second !== undefined && third !== undefined && BINARY_CONDITIONS.has(second)) {
      this.#at += 3;
      return holdsTwo(second, first, third);
    }
    if (first === "(" && second !== undefined) {
      this.#at++;
      const result = this.either();
      if (!this.#takes(")")) throw new ShellError('test misses a ")"');
      return result;
    }
    if (second !== undefined && UNARY_CONDITIONS.has(first)) {
      this.#at += 2;
      return holdsOne(first, second, this.#reads);
    }
    this.#at++;
    return first !== "";
  }
}
