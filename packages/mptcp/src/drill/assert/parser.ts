import { CodeProblem, readTokens, type FormatPiece, type Token } from "./tokens.ts";
import type { Node, Statement } from "./tree.ts";

/** The longest code, in UTF-16 code units. */
const MAX_LENGTH = 65_536;
/** How deep brackets and conditions may stand in one another. */
const MAX_DEPTH = 60;
/** How many operators a statement may have. */
const MAX_OPERATORS = 500;

/** Functions that there are, with the least and the greatest number of parameters. */
export const FUNCTIONS: Readonly<Record<string, readonly [number, number]>> = {
  abs: [1, 1], bool: [0, 1], float: [0, 1], hex: [1, 1], int: [0, 2], len: [1, 1], max: [1, 64], min: [1, 64], repr: [1, 1], round: [1, 2], str: [0, 1], sum: [1, 1],
};

const STATEMENTS_REFUSED = new Set(
  "async class continue break def del except exec finally for from global import lambda nonlocal raise return try while with yield".split(" "),
);
const KEYWORDS = new Set(["and", "or", "not", "in", "is", "if", "else", "elif", "assert", "pass", "True", "False", "None", ...STATEMENTS_REFUSED]);

/** Binary operators from those that bind least to those that bind most. */
const LEVELS: readonly (readonly string[])[] = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "//", "%"]];
const COMPARISONS = new Set(["==", "!=", "<", "<=", ">", ">="]);
const ASSIGNMENTS = new Set("+= -= *= /= //= %= **= <<= >>= &= |= ^=".split(" "));

/**
 * Reads code of a script.
 *
 * @throws CodeProblem
 */
export function parseCode(text: string): readonly Statement[] {
  if (text.length > MAX_LENGTH) throw new CodeProblem(0, `the code is longer than ${MAX_LENGTH} characters`);
  return new Parser(readTokens(text)).program();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  #operators = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Statements to the end. How far lines at the top are from the margin means nothing: people indent code as they do the script around it. */
  program(): Statement[] {
    const statements: Statement[] = [];
    let indent = 0;
    while (this.#token().kind !== "end") {
      const token = this.#token();
      if (token.kind === "newline") {
        indent = token.indent;
        this.#at++;
      } else statements.push(...this.#line(indent));
    }
    return statements;
  }

  #token(): Token {
    return this.#tokens[this.#at]!;
  }

  #sees(text: string): boolean {
    const token = this.#token();
    return (token.kind === "operator" || token.kind === "name") && token.text === text;
  }

  #takes(text: string): boolean {
    const found = this.#sees(text);
    if (found) this.#at++;
    return found;
  }

  #expect(text: string): void {
    if (!this.#takes(text)) throw this.#unexpected(`"${text}"`);
  }

  #end(): number {
    return this.#tokens[this.#at - 1]!.end;
  }

  #unexpected(wanted: string): CodeProblem {
    const token = this.#token();
    const found = token.kind === "newline" || token.kind === "end" ? "the end of the line" : token.kind === "value" || token.kind === "format" ? "a value" : `"${token.text}"`;
    return new CodeProblem(token.start, `expected ${wanted}, found ${found}`);
  }

  /** Notes an operator whose left side is what was read so far: a long row of them would be walked as deep as it is long. */
  #grow(): void {
    if (++this.#operators > MAX_OPERATORS) throw new CodeProblem(this.#token().start, "the statement is too long");
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw new CodeProblem(this.#token().start, "the code is nested too deeply");
    const result = read();
    this.#depth--;
    return result;
  }

  /** Statements of one line, with semicolons between them; a condition with what depends on it. */
  #line(indent: number): Statement[] {
    if (this.#sees("if")) return [this.#nested(() => this.#condition(indent))];
    const statements: Statement[] = [];
    while (this.#token().kind !== "newline") {
      statements.push(this.#statement());
      if (!this.#takes(";") && this.#token().kind !== "newline") throw this.#unexpected("the end of the statement");
    }
    return statements;
  }

  #condition(indent: number): Statement {
    const { start } = this.#token();
    this.#at++;
    const condition = this.#expression();
    const body = this.#block(indent);
    const before = this.#at;
    let next = indent;
    for (let token = this.#token(); token.kind === "newline"; token = this.#token()) {
      next = token.indent;
      this.#at++;
    }
    let otherwise: Statement[] = [];
    if (next === indent && this.#sees("elif")) otherwise = [this.#nested(() => this.#condition(indent))];
    else if (next === indent && this.#takes("else")) otherwise = this.#block(indent);
    else this.#at = before;
    return { kind: "if", condition, body, otherwise, start, end: this.#end() };
  }

  /** What stands behind a colon: on the same line, or on lines that are farther from the margin. */
  #block(outer: number): Statement[] {
    this.#expect(":");
    if (this.#token().kind !== "newline") return this.#line(outer);
    const statements: Statement[] = [];
    let inner: number | undefined;
    for (;;) {
      const before = this.#at;
      let indent = outer;
      for (let token = this.#token(); token.kind === "newline"; token = this.#token()) {
        indent = token.indent;
        this.#at++;
      }
      if (this.#token().kind === "end" || indent <= outer) {
        if (inner === undefined) throw this.#unexpected("a line that is indented");
        this.#at = before;
        return statements;
      }
      inner ??= indent;
      if (indent !== inner) throw new CodeProblem(this.#token().start, "the line is indented unlike the one before");
      statements.push(...this.#line(indent));
    }
  }

  #statement(): Statement {
    const token = this.#token();
    const { start } = token;
    this.#operators = 0;
    if (token.kind !== "name") return this.#expressionStatement(start);
    if (STATEMENTS_REFUSED.has(token.text)) throw new CodeProblem(start, `"${token.text}" is not carried out: code consists of assertions, assignments, conditions and print`);
    if (this.#takes("pass")) return { kind: "pass", start, end: this.#end() };
    if (this.#takes("assert")) {
      const condition = this.#expression();
      const message = this.#takes(",") ? this.#expression() : undefined;
      return { kind: "assert", condition, message, start, end: this.#end() };
    }
    if (this.#takes("print")) return this.#print(start);
    return this.#assignment(start) ?? this.#expressionStatement(start);
  }

  /** `print(a, b)`, or `print a, b` as older scripts have it. */
  #print(start: number): Statement {
    if (this.#takes("(")) return { kind: "print", values: this.#items(")"), start, end: this.#end() };
    const values: Node[] = [];
    while (this.#token().kind !== "newline" && !this.#sees(";")) {
      values.push(this.#expression());
      if (!this.#takes(",")) break;
    }
    return { kind: "print", values, start, end: this.#end() };
  }

  #assignment(start: number): Statement | undefined {
    const [name, operator] = [this.#token(), this.#tokens[this.#at + 1]!];
    if (name.kind !== "name" || operator.kind !== "operator" || (operator.text !== "=" && !ASSIGNMENTS.has(operator.text))) return undefined;
    if (KEYWORDS.has(name.text)) throw new CodeProblem(start, `"${name.text}" cannot be assigned to`);
    this.#at += 2;
    const value = this.#expressions();
    return { kind: "assign", name: name.text, operator: operator.text === "=" ? undefined : operator.text.slice(0, -1), value, start, end: this.#end() };
  }

  #expressionStatement(start: number): Statement {
    const value = this.#expressions();
    if (this.#sees("=")) throw new CodeProblem(start, "only a name can be assigned to");
    return { kind: "expression", value, start, end: this.#end() };
  }

  /** One expression, or several with commas between them, which are a tuple. */
  #expressions(): Node {
    const first = this.#expression();
    if (!this.#sees(",")) return first;
    const items = [first];
    while (this.#takes(",")) if (this.#token().kind !== "newline" && !this.#sees(";") && !this.#sees(")")) items.push(this.#expression());
    return { kind: "sequence", type: "tuple", items, start: first.start, end: this.#end() };
  }

  #expression(): Node {
    return this.#nested(() => {
      const body = this.#or();
      if (!this.#takes("if")) return body;
      const condition = this.#or();
      this.#expect("else");
      const otherwise = this.#expression();
      return { kind: "choice", condition, body, otherwise, start: body.start, end: this.#end() };
    });
  }

  #or(): Node {
    let left = this.#and();
    while (this.#takes("or")) {
      this.#grow();
      left = { kind: "logic", operator: "or", left, right: this.#and(), start: left.start, end: this.#end() };
    }
    return left;
  }

  #and(): Node {
    let left = this.#not();
    while (this.#takes("and")) {
      this.#grow();
      left = { kind: "logic", operator: "and", left, right: this.#not(), start: left.start, end: this.#end() };
    }
    return left;
  }

  #not(): Node {
    const { start } = this.#token();
    if (!this.#takes("not")) return this.#comparison();
    return { kind: "unary", operator: "not", operand: this.#nested(() => this.#not()), start, end: this.#end() };
  }

  #comparison(): Node {
    const first = this.#binary(0);
    const operands = [first];
    const operators: string[] = [];
    for (let operator = this.#comparator(); operator !== undefined; operator = this.#comparator()) {
      operators.push(operator);
      operands.push(this.#binary(0));
    }
    return operators.length === 0 ? first : { kind: "comparison", operands, operators, start: first.start, end: this.#end() };
  }

  #comparator(): string | undefined {
    const token = this.#token();
    if (token.kind === "operator" && COMPARISONS.has(token.text)) {
      this.#at++;
      return token.text;
    }
    if (this.#takes("in")) return "in";
    if (this.#takes("is")) return this.#takes("not") ? "is not" : "is";
    if (!this.#takes("not")) return undefined;
    this.#expect("in");
    return "not in";
  }

  #binary(level: number): Node {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (let token = this.#token(); token.kind === "operator" && operators.includes(token.text); token = this.#token()) {
      this.#at++;
      this.#grow();
      left = { kind: "binary", operator: token.text, left, right: this.#binary(level + 1), start: left.start, end: this.#end() };
    }
    return left;
  }

  #unary(): Node {
    const token = this.#token();
    if (token.kind === "operator" && (token.text === "-" || token.text === "+" || token.text === "~")) {
      this.#at++;
      return { kind: "unary", operator: token.text, operand: this.#nested(() => this.#unary()), start: token.start, end: this.#end() };
    }
    const base = this.#indexed();
    if (!this.#takes("**")) return base;
    return { kind: "binary", operator: "**", left: base, right: this.#nested(() => this.#unary()), start: base.start, end: this.#end() };
  }

  #indexed(): Node {
    let of = this.#atom();
    while (this.#takes("[")) {
      this.#grow();
      const at = this.#expression();
      this.#expect("]");
      of = { kind: "index", of, at, start: of.start, end: this.#end() };
    }
    if (this.#sees(".")) throw new CodeProblem(this.#token().start, "attributes and methods are not carried out");
    return of;
  }

  #atom(): Node {
    const token = this.#token();
    const { start } = token;
    if (token.kind === "value" || token.kind === "format") return this.#literal(start);
    if (this.#takes("(")) return this.#parenthesis(start);
    if (this.#takes("[")) return { kind: "sequence", type: "list", items: this.#items("]"), start, end: this.#end() };
    if (token.kind !== "name") throw this.#unexpected("a value");
    const constants: ReadonlyMap<string, boolean | null> = new Map([["True", true], ["False", false], ["None", null]]);
    const value = constants.get(token.text);
    if (value === undefined && KEYWORDS.has(token.text)) throw this.#unexpected("a value");
    this.#at++;
    if (value !== undefined) return { kind: "value", value, start, end: token.end };
    if (!this.#takes("(")) return { kind: "name", name: token.text, start, end: token.end };
    return { kind: "call", name: token.text, parameters: this.#items(")"), start, end: this.#end() };
  }

  /** A number, or strings that stand next to each other, which are one. */
  #literal(start: number): Node {
    const { value } = this.#token() as { value?: bigint | number | string };
    if (value !== undefined && typeof value !== "string") {
      this.#at++;
      return { kind: "value", value, start, end: this.#end() };
    }
    const pieces: FormatPiece[] = [];
    for (let token = this.#token(); ; token = this.#token()) {
      if (token.kind === "format") pieces.push(...token.pieces);
      else if (token.kind === "value" && typeof token.value === "string") pieces.push(token.value);
      else break;
      this.#at++;
    }
    const end = this.#end();
    if (pieces.every((piece) => typeof piece === "string")) return { kind: "value", value: pieces.join(""), start, end };
    return this.#formatted(pieces, start, end);
  }

  /** A string with what is filled in: as `%` with a tuple. */
  #formatted(pieces: readonly FormatPiece[], start: number, end: number): Node {
    const items = pieces.flatMap((piece): Node[] => (typeof piece === "string" ? [] : [this.#filledIn(piece.tokens)]));
    const text = pieces.map((piece) => (typeof piece === "string" ? piece.replaceAll("%", "%%") : `%${piece.form}`)).join("");
    return { kind: "binary", operator: "%", left: { kind: "value", value: text, start, end }, right: { kind: "sequence", type: "tuple", items, start, end }, start, end };
  }

  #filledIn(tokens: readonly Token[]): Node {
    const { end } = tokens[tokens.length - 1]!;
    const inner = new Parser([...tokens, { kind: "newline", indent: 0, start: end, end }, { kind: "end", start: end, end }]);
    inner.#depth = this.#depth;
    const node = inner.#nested(() => inner.#expressions());
    if (inner.#token().kind !== "newline") throw inner.#unexpected('"}"');
    return node;
  }

  #parenthesis(start: number): Node {
    if (this.#takes(")")) return { kind: "sequence", type: "tuple", items: [], start, end: this.#end() };
    const inner = this.#expressions();
    this.#expect(")");
    return { ...inner, start, end: this.#end() };
  }

  #items(close: string): Node[] {
    const items: Node[] = [];
    while (!this.#takes(close)) {
      items.push(this.#expression());
      if (!this.#takes(",") && !this.#sees(close)) throw this.#unexpected(`"," or "${close}"`);
    }
    return items;
  }
}
