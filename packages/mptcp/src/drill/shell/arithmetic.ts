import { MAX_DEPTH, ShellError } from "./bounds.ts";

/** Variables of the shell, as arithmetic reads and writes them. */
export interface ArithmeticVariables {
  get(name: string): string | undefined;
  set(name: string, value: string): void;
}

const TOKEN = /\s*(?:(0[xX][0-9a-fA-F]+|\d+#[0-9a-zA-Z]+|\d+|[A-Za-z_]\w*)|(<<=|>>=|\*\*|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^~!<>=?:(),]))/y;
/** Binary operators from those that bind least to those that bind most. */
const LEVELS = [["||"], ["&&"], ["|"], ["^"], ["&"], ["==", "!="], ["<", "<=", ">", ">="], ["<<", ">>"], ["+", "-"], ["*", "/", "%"], ["**"]];
const MAX_LENGTH = 4_000;

/** The value of an arithmetic expression: integers of 64 bits, as in bash. */
export function evaluateArithmetic(text: string, variables: ArithmeticVariables, depth = 0): bigint {
  if (depth > MAX_DEPTH) throw new ShellError("arithmetic goes round in a circle");
  if (text.length > MAX_LENGTH) throw new ShellError(`an arithmetic expression has more than ${MAX_LENGTH} characters`);
  return new Arithmetic(readWords(text), variables, depth).all();
}

function readWords(text: string): string[] {
  const words: string[] = [];
  for (let at = 0; text.slice(at).trim() !== ""; ) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (found === null) throw new ShellError(`arithmetic does not read "${text.trim().slice(0, 60)}"`);
    words.push(found[1] ?? found[2]!);
    at = TOKEN.lastIndex;
  }
  return words;
}

class Arithmetic {
  readonly #words: readonly string[];
  readonly #variables: ArithmeticVariables;
  readonly #outer: number;
  #at = 0;
  #depth = 0;
  /** What is not evaluated is read all the same, without effects: the other side of `&&`, `||` and `?`. */
  #skipped = false;

  constructor(words: readonly string[], variables: ArithmeticVariables, outer: number) {
    this.#words = words;
    this.#variables = variables;
    this.#outer = outer;
  }

  all(): bigint {
    if (this.#words.length === 0) return 0n;
    const value = this.#comma();
    if (this.#at < this.#words.length) throw new ShellError(`arithmetic does not expect "${this.#words[this.#at]}"`);
    return value;
  }

  #takes(...words: string[]): string | undefined {
    const word = this.#words[this.#at];
    if (word === undefined || !words.includes(word)) return undefined;
    this.#at++;
    return word;
  }

  #comma(): bigint {
    let value = this.#assignment();
    while (this.#takes(",") !== undefined) value = this.#assignment();
    return value;
  }

  #assignment(): bigint {
    if (++this.#depth > MAX_DEPTH) throw new ShellError("arithmetic is nested too deeply");
    const [name, operator] = [this.#words[this.#at], this.#words[this.#at + 1]];
    let value: bigint;
    if (name !== undefined && /^[A-Za-z_]/.test(name) && operator !== undefined && /^(?:=|[-+*/%&|^]=|<<=|>>=)$/.test(operator)) {
      this.#at += 2;
      const right = this.#assignment();
      value = operator === "=" ? right : this.#operate(operator.slice(0, -1), this.#read(name), right);
      this.#write(name, value);
    } else value = this.#choice();
    this.#depth--;
    return value;
  }

  #choice(): bigint {
    const condition = this.#binary(0);
    if (this.#takes("?") === undefined) return condition;
    const first = this.#unless(condition === 0n, () => this.#assignment());
    if (this.#takes(":") === undefined) throw new ShellError('arithmetic misses a ":"');
    const second = this.#unless(condition !== 0n, () => this.#assignment());
    return condition === 0n ? second : first;
  }

  #unless(skipped: boolean, read: () => bigint): bigint {
    const before = this.#skipped;
    this.#skipped ||= skipped;
    const value = read();
    this.#skipped = before;
    return value;
  }

  #binary(level: number): bigint {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (let operator = this.#takes(...operators); operator !== undefined; operator = this.#takes(...operators)) {
      const decided = (operator === "&&" && left === 0n) || (operator === "||" && left !== 0n);
      const right = this.#unless(decided, () => this.#binary(level + 1));
      left = this.#operate(operator, left, right);
    }
    return left;
  }

  #operate(operator: string, a: bigint, b: bigint): bigint {
    if (this.#skipped) return 0n;
    const operations: Readonly<Record<string, () => bigint>> = {
      "||": () => truth(a !== 0n || b !== 0n), "&&": () => truth(a !== 0n && b !== 0n), "|": () => a | b, "^": () => a ^ b, "&": () => a & b,
      "==": () => truth(a === b), "!=": () => truth(a !== b), "<": () => truth(a < b), "<=": () => truth(a <= b), ">": () => truth(a > b), ">=": () => truth(a >= b),
      "<<": () => a << (b & 63n), ">>": () => a >> (b & 63n), "+": () => a + b, "-": () => a - b, "*": () => a * b, "/": () => a / divisor(b), "%": () => a % divisor(b),
      "**": () => power(a, b),
    };
    return BigInt.asIntN(64, operations[operator]!());
  }

  #unary(): bigint {
    const operator = this.#takes("-", "+", "!", "~", "++", "--");
    if (operator === undefined) return this.#primary();
    if (++this.#depth > MAX_DEPTH) throw new ShellError("arithmetic is nested too deeply");
    const name = this.#words[this.#at];
    if ((operator === "++" || operator === "--") && name !== undefined && /^[A-Za-z_]/.test(name)) {
      this.#at++;
      const changed = this.#read(name) + (operator === "++" ? 1n : -1n);
      this.#write(name, changed);
      this.#depth--;
      return changed;
    }
    const value = this.#unary();
    this.#depth--;
    if (operator === "!") return value === 0n ? 1n : 0n;
    return operator === "~" ? ~value : operator === "-" ? BigInt.asIntN(64, -value) : value;
  }

  #primary(): bigint {
    if (this.#takes("(") !== undefined) {
      const value = this.#comma();
      if (this.#takes(")") === undefined) throw new ShellError('arithmetic misses a ")"');
      return value;
    }
    const word = this.#words[this.#at];
    if (word === undefined || !/^\w/.test(word)) throw new ShellError(word === undefined ? "arithmetic misses a value" : `arithmetic does not expect "${word}"`);
    this.#at++;
    if (/^\d/.test(word)) return readNumber(word);
    const value = this.#read(word);
    const step = this.#takes("++", "--");
    if (step !== undefined) this.#write(word, value + (step === "++" ? 1n : -1n));
    return value;
  }

  /** A variable is an expression itself. */
  #read(name: string): bigint {
    const text = this.#skipped ? "" : (this.#variables.get(name) ?? "");
    return text.trim() === "" ? 0n : evaluateArithmetic(text, this.#variables, this.#outer + 1);
  }

  #write(name: string, value: bigint): void {
    if (!this.#skipped) this.#variables.set(name, String(BigInt.asIntN(64, value)));
  }
}

function truth(value: boolean): bigint {
  return value ? 1n : 0n;
}

function divisor(value: bigint): bigint {
  if (value === 0n) throw new ShellError("a division by 0");
  return value;
}

function power(a: bigint, b: bigint): bigint {
  if (b < 0n) throw new ShellError("a power with a negative exponent");
  if (b > 64n && a !== 0n && a !== 1n && a !== -1n) throw new ShellError("a power with an exponent of more than 64");
  return a === -1n ? (b % 2n === 0n ? 1n : -1n) : a === 0n || a === 1n ? (b === 0n ? 1n : a) : a ** b;
}

function readNumber(text: string): bigint {
  const [base, digits] = text.includes("#") ? text.split("#") : [undefined, text];
  const radix = base !== undefined ? Number(base) : /^0[xX]/.test(text) ? 16 : /^0\d/.test(text) ? 8 : 10;
  const size = digits!.replace(/^0[xX]/, "");
  if (radix < 2 || radix > 36) throw new ShellError(`there is no base ${radix}`);
  let value = 0n;
  for (const digit of size) {
    const worth = Number.parseInt(digit, radix);
    if (Number.isNaN(worth)) throw new ShellError(`"${text}" is no number`);
    value = BigInt.asIntN(64, value * BigInt(radix) + BigInt(worth));
  }
  return value;
}
