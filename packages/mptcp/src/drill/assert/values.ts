/**
 * Values of assertions: Python's integers of any size, floats, strings, truth values, None, lists and tuples. What is too large is refused, so that code of a script can
 * take neither time nor memory without end.
 *
 * @module
 */

/** A list or a tuple. */
export interface Sequence {
  readonly kind: "list" | "tuple";
  readonly items: readonly Value[];
  /** Members, those of its members included. */
  readonly size: number;
}

/** An integer is a bigint, a float is a number, None is null. */
export type Value = bigint | number | boolean | string | null | Sequence;

/** The longest string, in UTF-16 code units. */
export const MAX_STRING = 8_192;
/** The largest integer, in bits. */
export const MAX_BITS = 4_096;
/** The longest list, members of its members included. */
export const MAX_ITEMS = 4_096;

const LARGEST = 1n << BigInt(MAX_BITS);

/** What a Python program would have raised, or what is refused here. */
export class CodeError extends Error {}

/** The integer, if it is not too large. */
export function bounded(value: bigint): bigint {
  if (value >= LARGEST || value <= -LARGEST) throw new CodeError(`an integer has more than ${MAX_BITS} bits`);
  return value;
}

export function boundedText(text: string): string {
  if (text.length > MAX_STRING) throw new CodeError(`a string has more than ${MAX_STRING} characters`);
  return text;
}

/** A list or a tuple, if it is not too large. */
export function sequence(kind: "list" | "tuple", items: readonly Value[]): Sequence {
  const size = items.reduce<number>((total, item) => total + (isSequence(item) ? item.size : 1), 1);
  if (size > MAX_ITEMS) throw new CodeError(`a list has more than ${MAX_ITEMS} members`);
  return { kind, items, size };
}

export function isSequence(value: Value): value is Sequence {
  return typeof value === "object" && value !== null;
}

/** What `bool(value)` is. */
export function isTrue(value: Value): boolean {
  return isSequence(value) ? value.items.length > 0 : Boolean(value);
}

/** The name that Python has for the type. */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (isSequence(value)) return value.kind;
  return { bigint: "int", number: "float", boolean: "bool", string: "str" }[typeof value as "bigint" | "number" | "boolean" | "string"];
}

/** A truth value counts as an integer, as in Python; null: no number. */
export function asNumber(value: Value): bigint | number | null {
  if (typeof value === "boolean") return value ? 1n : 0n;
  return typeof value === "bigint" || typeof value === "number" ? value : null;
}

/** `repr(value)`. */
export function represent(value: Value): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return representFloat(value);
  if (typeof value === "string") return quote(value);
  let text = "";
  for (const item of value.items) text = boundedText(text === "" ? represent(item) : `${text}, ${represent(item)}`);
  if (value.kind === "list") return `[${text}]`;
  return value.items.length === 1 ? `(${text},)` : `(${text})`;
}

/** `str(value)`. */
export function textOf(value: Value): string {
  return typeof value === "string" ? value : represent(value);
}

function representFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  const text = Object.is(value, -0) ? "-0" : String(value);
  return text.includes(".") ? text : `${text}.0`;
}

const octet = (character: string): string => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", [mark]: `\\${mark}` };
  // oxlint-disable-next-line no-control-regex -- they are what must not be shown
  return mark + text.replace(/[\u0000-\u001f\u007f-\u009f\\'"]/g, (character) => named[character] ?? (character === "'" || character === '"' ? character : octet(character))) + mark;
}
