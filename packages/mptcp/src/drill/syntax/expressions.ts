import type { Expression, NumberLiteral, StructField } from "./ast.ts";
import { TOKEN, Unexpected, type Lexer } from "./lexer.ts";

/** How deep arrays, structures and calls may stand in each other: far more than a call needs, and far less than would exhaust the stack. */
const MAX_DEPTH = 40;

/** Digits of the longest number: twice those of 64 bits. */
const MAX_DIGITS = 40;

/** Where an expression stands decides what it may consist of. */
export interface ExpressionRules {
  /** What joins operands: flags of system calls, or an offset in options. */
  readonly operator: "|" | "+";
  /** Whether a name with parentheses behind it is a call; behind a result they hold a note. */
  readonly calls: boolean;
}

/** Parameters of system calls. */
export const PARAMETER: ExpressionRules = { operator: "|", calls: true };
/** Results of system calls. */
export const RESULT: ExpressionRules = { operator: "|", calls: false };
/** Values in options, whose calls may have blanks between their parameters: `hmac(key_a key_b)`. */
export const OPTION_VALUE: ExpressionRules = { operator: "+", calls: true };

/** Takes an expression. */
export function parseExpression(lexer: Lexer, rules: ExpressionRules, depth = 0): Expression {
  const place = lexer.here();
  if (depth > MAX_DEPTH) throw new Unexpected(place, "the expression is nested too deeply");
  const operands = [parseOperand(lexer, rules, depth)];
  while (lexer.takes(rules.operator)) operands.push(parseOperand(lexer, rules, depth));
  return operands.length === 1 ? operands[0]! : { kind: "chain", operator: rules.operator, operands, place };
}

/** A value like a parser may expect one: a number, or a symbol that is defined elsewhere, or `...`. */
export function parseValue(lexer: Lexer, what: string): Expression {
  const place = lexer.here();
  const number = takeNumber(lexer);
  if (number !== undefined) return number;
  if (lexer.takes("...")) return { kind: "ellipsis", place };
  const name = lexer.match(TOKEN.name);
  if (name === undefined) throw lexer.unexpected(what);
  return { kind: "symbol", name, place };
}

export function takeNumber(lexer: Lexer): NumberLiteral | undefined {
  const place = lexer.here();
  const text = lexer.match(TOKEN.number);
  if (text === undefined) return undefined;
  if (text.length > MAX_DIGITS) throw new Unexpected(place, "the number has too many digits");
  const hexadecimal = /^-?0[xX]/.test(text);
  // BigInt reads no sign before hexadecimal digits.
  const magnitude = BigInt(text.replace("-", ""));
  return { kind: "number", value: text.startsWith("-") ? -magnitude : magnitude, hexadecimal, place };
}

function parseOperand(lexer: Lexer, rules: ExpressionRules, depth: number): Expression {
  const place = lexer.here();
  if (lexer.takes("...")) return { kind: "ellipsis", place };
  if (lexer.takes("[")) return { kind: "array", elements: parseList(lexer, "]", "at the end of the array", () => parseExpression(lexer, rules, depth + 1)), place };
  if (lexer.takes("{")) return { kind: "struct", fields: parseList(lexer, "}", "at the end of the structure", () => parseField(lexer, rules, depth + 1)), place };
  const number = takeNumber(lexer);
  if (number !== undefined) return number;
  if (lexer.sees('"')) return parseString(lexer);
  const name = lexer.match(TOKEN.name);
  if (name === undefined) throw lexer.unexpected("a value");
  if (!rules.calls || !lexer.takes("(")) return { kind: "symbol", name, place };
  return { kind: "call", name, parameters: parseParameters(lexer, rules, depth + 1), place };
}

/** What stands between parentheses, the first of which was taken. */
export function parseParameters(lexer: Lexer, rules: ExpressionRules, depth = 0): Expression[] {
  return parseList(lexer, ")", "after the parameters", () => parseExpression(lexer, rules, depth), rules.operator === "+");
}

/** Members up to a closing mark, with commas between them; `blanks` says that blanks will do. */
export function parseList<T>(lexer: Lexer, close: string, where: string, member: () => T, blanks = false): T[] {
  const members: T[] = [];
  if (lexer.takes(close)) return members;
  const goesOn = (): boolean => lexer.takes(",") || (blanks && !lexer.sees(close) && !lexer.atEnd());
  do members.push(member());
  while (goesOn());
  lexer.expect(close, where);
  return members;
}

function parseString(lexer: Lexer): Expression {
  const place = lexer.here();
  const raw = lexer.takesString() ?? "";
  return { kind: "string", raw, beginning: lexer.takes("..."), place };
}

/** `name=value`, `name(count)=value`, or a value; only what stands behind tells which. */
function parseField(lexer: Lexer, rules: ExpressionRules, depth: number): StructField {
  const place = lexer.here();
  const first = parseExpression(lexer, rules, depth);
  const mark = lexer.mark();
  if (!lexer.takes("=")) return { name: undefined, count: undefined, value: first, place };
  if (first.kind === "symbol") return { name: first.name, count: undefined, value: parseExpression(lexer, rules, depth), place };
  if (first.kind === "call" && first.parameters.length === 1) return { name: first.name, count: first.parameters[0], value: parseExpression(lexer, rules, depth), place };
  lexer.reset(mark);
  throw lexer.unexpected('"," or "}" after the field');
}
