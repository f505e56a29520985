import type { Span } from "./tree.ts";

/** A word of the code. */
export type Token = Span &
  (
    | { readonly kind: "name" | "operator"; readonly text: string }
    | { readonly kind: "value"; readonly value: bigint | number | string }
    /** A string with the prefix f: texts, and between them the words of what is filled in. */
    | { readonly kind: "format"; readonly pieces: readonly FormatPiece[] }
    /** The end of a logical line; `indent` is how far the next one is from the margin. */
    | { readonly kind: "newline"; readonly indent: number }
    | { readonly kind: "end" }
  );

/** A piece of a string with the prefix f. */
export type FormatPiece = string | FilledIn;

/** `{words!conversion:specification}`. */
export interface FilledIn {
  /** Words of the expression, without an end of a line. */
  readonly tokens: readonly Token[];
  /** Form of `%` that does the same: `s`, `r`, `.2f`. */
  readonly form: string;
}

/** What is wrong with the code, and where: an index into it. */
export class CodeProblem extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

const OPERATORS = /\*\*=|\/\/=|<<=|>>=|\*\*|\/\/|<<|>>|<=|>=|==|!=|\+=|-=|\*=|\/=|%=|&=|\|=|\^=|[-+*/%&|^~<>()[\],:;=.{}!?@$]/y;
const NUMBER = /0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const NAME = /[A-Za-z_]\w*/y;
const STRING = /[rRuUbBfF]{0,2}(?:'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*")/y;
/** What separates words: blanks, a line end after a backslash, a comment. */
const BLANK = /(?:[ \t\r\f]|\\[ \t\r]*\n|#[^\n]*)+/y;
/** An integer of more digits is refused. */
const MAX_DIGITS = 1_200;

/** The words of the code. Line ends within brackets mean nothing, as in Python, nor does one after a backslash. */
export function readTokens(text: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  let at = 0;
  const match = (form: RegExp): string | undefined => {
    form.lastIndex = at;
    const found = form.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  for (;;) {
    match(BLANK);
    const start = at;
    if (start >= text.length) return [...tokens, { kind: "newline", indent: 0, start, end: start }, { kind: "end", start, end: start }];
    if (text[at] === "\n") {
      at++;
      const indent = /[ \t]*/y;
      indent.lastIndex = at;
      if (depth === 0) tokens.push({ kind: "newline", indent: indent.exec(text)![0].replaceAll("\t", "        ").length, start, end: at });
      continue;
    }
    const string = match(STRING);
    if (string !== undefined) {
      tokens.push(/^[rRuU]?[fF]/.test(string) ? { kind: "format", pieces: readFormat(string, start), start, end: at } : { kind: "value", value: readString(string, start), start, end: at });
      continue;
    }
    const name = match(NAME);
    const number = name === undefined ? match(NUMBER) : undefined;
    const operator = name === undefined && number === undefined ? match(OPERATORS) : undefined;
    if (name !== undefined) tokens.push({ kind: "name", text: name, start, end: at });
    else if (number !== undefined) tokens.push({ kind: "value", value: readNumber(number, start), start, end: at });
    else if (operator !== undefined) tokens.push({ kind: "operator", text: operator, start, end: at });
    else throw new CodeProblem(start, text[start] === "'" || text[start] === '"' ? "the string has no end on its line" : `"${String.fromCodePoint(text.codePointAt(start)!)}" means nothing here`);
    if (operator === "(" || operator === "[") depth++;
    else if ((operator === ")" || operator === "]") && depth > 0) depth--;
  }
}

function readNumber(text: string, at: number): bigint | number {
  const digits = text.replaceAll("_", "");
  if (digits.length > MAX_DIGITS) throw new CodeProblem(at, "the number is too long");
  if (/^0[xXbBoO]./.test(digits) || /^\d+$/.test(digits)) return BigInt(digits);
  return Number(digits);
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0", "\n": "" };

function readString(text: string, at: number): string {
  const [prefix = ""] = /^[a-zA-Z]*/.exec(text)!;
  if (/[bB]/.test(prefix)) throw new CodeProblem(at, `strings with the prefix ${prefix} are not carried out`);
  return unescaped(text.slice(prefix.length + 1, -1), /[rR]/.test(prefix));
}

/** What stands between the quotation marks, with its backslashes read unless the string is raw. */
function unescaped(inner: string, isRaw: boolean): string {
  if (isRaw) return inner;
  return inner.replace(/\\(x[0-9a-fA-F]{2}|[^])/g, (_all, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? (code === "\\" || code === "'" || code === '"' ? code : `\\${code}`)),
  );
}

/** Two braces in a row are one. Otherwise what is between them is filled in; it has neither backslashes nor braces, and none of the quotation marks around it. */
function readFormat(text: string, at: number): FormatPiece[] {
  const [prefix = ""] = /^[a-zA-Z]*/.exec(text)!;
  const isRaw = /[rR]/.test(prefix);
  const first = prefix.length + 1;
  const inner = text.slice(first, -1);
  const pieces: FormatPiece[] = [];
  const form = /\{\{|\}\}|\{([^{}\\]*)\}|[{}]/g;
  let done = 0;
  for (const { 0: whole, 1: filled, index } of inner.matchAll(form)) {
    pieces.push(unescaped(inner.slice(done, index), isRaw));
    done = index + whole.length;
    if (whole === "{{" || whole === "}}") pieces.push(whole.slice(1));
    else if (filled === undefined) throw new CodeProblem(at + first + index, `"${whole}" means nothing here; "${whole}${whole}" stands for it`);
    else pieces.push(...readFilledIn(filled, at + first + index + 1));
  }
  pieces.push(unescaped(inner.slice(done), isRaw));
  return pieces.filter((piece) => piece !== "");
}

/** @param at where it begins in the code, behind the brace */
function readFilledIn(text: string, at: number): FormatPiece[] {
  const { 1: words = "", 2: shown, 3: conversion, 4: specification = "" } = /^(.*?)(=?)\s*(?:!([a-z]))?(?::([^:]*))?$/s.exec(text)!;
  const form = /^(?:[-+ 0]*\d*(?:\.\d+)?[dxXofFeEgs]?)$/.test(specification) && (conversion === undefined || /[rs]/.test(conversion)) ? specification : undefined;
  if (form === undefined) throw new CodeProblem(at, "this form of what is filled in is not carried out");
  const kind = conversion ?? (shown === "=" && form === "" ? "r" : "s");
  const tokens = readTokens(words).flatMap((token): Token[] => (token.kind === "newline" || token.kind === "end" ? [] : [{ ...token, start: token.start + at, end: token.end + at }]));
  if (tokens.length === 0) throw new CodeProblem(at, "nothing is filled in");
  const filled: FilledIn = { tokens, form: /[a-zA-Z]$/.test(form) ? form : form + kind };
  return shown === "=" ? [`${words}=`, filled] : [filled];
}
