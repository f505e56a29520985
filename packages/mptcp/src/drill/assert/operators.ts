import { formatText } from "./format.ts";
import { asNumber, bounded, boundedText, CodeError, isSequence, MAX_BITS, MAX_ITEMS, sequence, typeName, type Value } from "./values.ts";

/** The longest string that is looked for in another, which takes time for each place where it might be. */
const MAX_SOUGHT = 256;

/** The value of `a OPERATOR b`, as Python has it. */
export function operate(operator: string, a: Value, b: Value): Value {
  if (operator === "%" && typeof a === "string") return formatText(a, b);
  const joined = join(operator, a, b);
  if (joined !== undefined) return joined;
  const left = asNumber(a);
  const right = asNumber(b);
  if (left === null || right === null) throw new CodeError(`there is no ${typeName(a)} ${operator} ${typeName(b)}`);
  if (typeof a === "boolean" && typeof b === "boolean" && (operator === "&" || operator === "|" || operator === "^")) {
    return operator === "&" ? a && b : operator === "|" ? a || b : a !== b;
  }
  if (typeof left === "bigint" && typeof right === "bigint" && operator !== "/") return ofIntegers(operator, left, right);
  return ofFloats(operator, Number(left), Number(right));
}

/** Strings and sequences that are added or repeated. */
function join(operator: string, a: Value, b: Value): Value | undefined {
  if (operator === "+" && typeof a === "string" && typeof b === "string") return boundedText(a + b);
  if (operator === "+" && isSequence(a) && isSequence(b) && a.kind === b.kind) return sequence(a.kind, [...a.items, ...b.items]);
  if (operator !== "*") return undefined;
  const [text, times] = typeof a === "bigint" ? [b, a] : [a, b];
  if (typeof times !== "bigint" || (typeof text !== "string" && !isSequence(text))) return undefined;
  const count = times < 0n ? 0 : Number(bounded(times));
  if ((typeof text === "string" ? text.length : text.items.length) * count > MAX_ITEMS) throw new CodeError("what is repeated is too long");
  if (typeof text === "string") return text.repeat(text === "" ? 0 : count);
  return sequence(text.kind, Array.from({ length: text.items.length * count }, (_, index) => text.items[index % text.items.length]!));
}

function ofIntegers(operator: string, a: bigint, b: bigint): Value {
  switch (operator) {
    case "+":
      return bounded(a + b);
    case "-":
      return bounded(a - b);
    case "*":
      return bounded(a * b);
    case "//":
      return divide(a, b);
    case "%":
      return a - divide(a, b) * b;
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case ">>":
      if (b < 0n) throw new CodeError("a shift is negative");
      return a >> b;
    case "<<":
      if (b < 0n) throw new CodeError("a shift is negative");
      if (b > BigInt(MAX_BITS)) throw new CodeError(`an integer has more than ${MAX_BITS} bits`);
      return bounded(a << b);
    default:
      return power(a, b);
  }
}

/** Division that rounds down, as Python's does. */
function divide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new CodeError("a division by 0");
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

function power(a: bigint, b: bigint): Value {
  if (b < 0n) throw new CodeError("a power with a negative exponent is not carried out");
  const size = BigInt(a.toString(2).length);
  if (a !== 0n && a !== 1n && a !== -1n && size * b > BigInt(2 * MAX_BITS)) throw new CodeError(`an integer has more than ${MAX_BITS} bits`);
  if (a === -1n || a === 1n) return b % 2n === 0n ? 1n : a;
  return a === 0n ? (b === 0n ? 1n : 0n) : bounded(a ** b);
}

function ofFloats(operator: string, a: number, b: number): Value {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
    case "//":
    case "%":
      if (b === 0) throw new CodeError("a division by 0");
      if (operator === "/") return a / b;
      return operator === "//" ? Math.floor(a / b) : a - Math.floor(a / b) * b;
    default:
      throw new CodeError(`there is no float ${operator} float`);
  }
}

/** The value of `-a`, `+a`, `~a`. */
export function operateOne(operator: string, a: Value): Value {
  const value = asNumber(a);
  if (value === null || (operator === "~" && typeof value === "number")) throw new CodeError(`there is no ${operator}${typeName(a)}`);
  if (operator === "-") return -value;
  return operator === "~" ? ~(value as bigint) : value;
}

/** Whether `a OPERATOR b` is true. */
export function compare(operator: string, a: Value, b: Value): boolean {
  switch (operator) {
    case "==":
      return isEqual(a, b);
    case "!=":
      return !isEqual(a, b);
    case "is":
      return typeName(a) === typeName(b) && isEqual(a, b);
    case "is not":
      return !compare("is", a, b);
    case "in":
      return contains(b, a);
    case "not in":
      return !contains(b, a);
    default: {
      const order = inOrder(a, b, operator);
      if (Number.isNaN(order)) return false;
      return operator === "<" ? order < 0 : operator === "<=" ? order <= 0 : operator === ">" ? order > 0 : order >= 0;
    }
  }
}

function isEqual(a: Value, b: Value): boolean {
  const left = asNumber(a);
  const right = asNumber(b);
  // An integer and a float are compared by their values, which JavaScript's == does without rounding.
  // oxlint-disable-next-line eqeqeq
  if (left !== null && right !== null) return left == right;
  if (!isSequence(a) || !isSequence(b)) return a === b;
  return a.kind === b.kind && a.items.length === b.items.length && a.items.every((item, index) => isEqual(item, b.items[index]!));
}

function contains(container: Value, value: Value): boolean {
  if (isSequence(container)) return container.items.some((item) => isEqual(item, value));
  if (typeof container === "string" && typeof value === "string") {
    if (value.length > MAX_SOUGHT) throw new CodeError(`a string of more than ${MAX_SOUGHT} characters is not looked for`);
    return container.includes(value);
  }
  throw new CodeError(`a ${typeName(value)} is not looked for in a ${typeName(container)}`);
}

/** Negative, 0 or positive; NaN where neither comes first. */
function inOrder(a: Value, b: Value, operator: string): number {
  const left = asNumber(a);
  const right = asNumber(b);
  if (left !== null && right !== null) return left < right ? -1 : left > right ? 1 : Number.isNaN(left) || Number.isNaN(right) ? Number.NaN : 0;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  if (!isSequence(a) || !isSequence(b) || a.kind !== b.kind) throw new CodeError(`there is no ${typeName(a)} ${operator} ${typeName(b)}`);
  const at = a.items.findIndex((item, index) => index >= b.items.length || !isEqual(item, b.items[index]!));
  if (at < 0) return a.items.length - b.items.length;
  return at >= b.items.length ? 1 : inOrder(a.items[at]!, b.items[at]!, operator);
}
