import { compare, operate } from "./operators.ts";
import { asNumber, bounded, CodeError, isSequence, isTrue, represent, textOf, typeName, type Value } from "./values.ts";

/** What a function gives; how many parameters it takes has been checked. */
export function callFunction(name: string, parameters: readonly Value[]): Value {
  const [first = null, second] = parameters;
  switch (name) {
    case "abs": {
      const value = numberFor(name, first);
      return value < 0 ? -value : value;
    }
    case "bool":
      return isTrue(first);
    case "float":
      return parameters.length === 0 ? 0 : toFloat(first);
    case "hex":
      if (typeof first !== "bigint") throw new CodeError(`hex() takes an integer, and is given a ${typeName(first)}`);
      return first < 0n ? `-0x${(-first).toString(16)}` : `0x${first.toString(16)}`;
    case "int":
      return parameters.length === 0 ? 0n : toInteger(first, second);
    case "len":
      if (typeof first === "string") return BigInt(first.length);
      return BigInt(itemsFor(name, first).length);
    case "max":
    case "min":
      return extreme(name, parameters.length === 1 ? itemsFor(name, first) : parameters);
    case "repr":
      return represent(first);
    case "round":
      return round(numberFor(name, first), second);
    case "str":
      return parameters.length === 0 ? "" : textOf(first);
    default:
      return itemsFor(name, first).reduce((total, item) => operate("+", total, item), 0n);
  }
}

function numberFor(name: string, value: Value): bigint | number {
  const number = asNumber(value);
  if (number === null) throw new CodeError(`${name}() takes a number, and is given a ${typeName(value)}`);
  return number;
}

function itemsFor(name: string, value: Value): readonly Value[] {
  if (!isSequence(value)) throw new CodeError(`${name}() takes a list, and is given a ${typeName(value)}`);
  return value.items;
}

function extreme(name: "max" | "min", values: readonly Value[]): Value {
  if (values.length === 0) throw new CodeError(`${name}() of nothing`);
  return values.reduce((best, value) => (compare(name === "max" ? ">" : "<", value, best) ? value : best));
}

function toFloat(value: Value): number {
  if (typeof value !== "string") return Number(numberFor("float", value));
  if (!/^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$/.test(value)) throw new CodeError(`float() does not read ${represent(value)}`);
  return Number(value);
}

function toInteger(value: Value, base: Value | undefined): bigint {
  if (typeof value !== "string") {
    if (base !== undefined) throw new CodeError("int() takes a base for a string alone");
    const number = numberFor("int", value);
    if (typeof number === "bigint") return number;
    if (!Number.isFinite(number)) throw new CodeError(`int() of ${represent(number)}`);
    return bounded(BigInt(Math.trunc(number)));
  }
  const radix = base === undefined ? 10 : Number(numberFor("int", base));
  const [, sign = "", prefix = "", digits = ""] = /^\s*([-+]?)(0[xX]|)([0-9a-zA-Z]{1,1000})\s*$/.exec(value) ?? [];
  const forms: Readonly<Record<number, RegExp>> = { 2: /^[01]+$/, 8: /^[0-7]+$/, 10: /^\d+$/, 16: /^[0-9a-f]+$/i };
  if (forms[radix]?.test(digits) !== true || (prefix !== "" && radix !== 16)) throw new CodeError(`int() does not read ${represent(value)}`);
  const size = BigInt({ 2: "0b", 8: "0o", 10: "", 16: "0x" }[radix as 2 | 8 | 10 | 16] + digits);
  return bounded(sign === "-" ? -size : size);
}

/** To the nearest, and of two that are as near to the even one, as Python does. */
function round(value: bigint | number, digits: Value | undefined): Value {
  if (typeof value === "bigint") return value;
  if (digits !== undefined && digits !== null) {
    if (typeof digits !== "bigint" || digits < 0n || digits > 20n) throw new CodeError("round() takes from 0 to 20 digits");
    return Number.isFinite(value) ? Number(value.toFixed(Number(digits))) : value;
  }
  if (!Number.isFinite(value)) throw new CodeError(`round() of ${represent(value)}`);
  const below = Math.floor(value);
  const isUp = value - below > 0.5 || (value - below === 0.5 && below % 2 !== 0);
  return bounded(BigInt(isUp ? below + 1 : below));
}
