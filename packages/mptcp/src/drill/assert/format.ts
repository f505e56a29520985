import { asNumber, boundedText, CodeError, isSequence, represent, textOf, typeName, type Value } from "./values.ts";

/** The widest field of a format. */
const WIDEST = 1_000;

/** `text % values`: one value, or a tuple of them. */
export function formatText(text: string, values: Value): string {
  const given = isSequence(values) && values.kind === "tuple" ? [...values.items] : [values];
  let used = 0;
  const formatted = text.replace(/%(?:([-+ 0#]*)(\d*)(?:\.(\d+))?([a-zA-Z%])|)/g, (_all, flags = "", width = "", precision: string | undefined, kind: string | undefined) => {
    if (kind === "%") return "%";
    if (kind === undefined) throw new CodeError("a format has a % without a letter behind");
    if (used >= given.length) throw new CodeError("a format has more fields than there are values");
    const digits = precision === undefined ? undefined : Number(precision);
    if (Number(width) > WIDEST || (digits ?? 0) > 100) throw new CodeError("a field of a format is too wide");
    return pad(formatOne(kind, given[used++]!, digits, flags), Number(width), flags);
  });
  if (used < given.length) throw new CodeError("a format has fewer fields than there are values");
  return boundedText(formatted);
}

function formatOne(kind: string, value: Value, digits: number | undefined, flags: string): string {
  if (kind === "s" || kind === "r") return (kind === "s" ? textOf(value) : represent(value)).slice(0, digits);
  const number = asNumber(value);
  if (number === null) throw new CodeError(`%${kind} wants a number, and is given a ${typeName(value)}`);
  const text = formatNumber(kind, number, digits, flags.includes("#"));
  return text.startsWith("-") || !flags.includes("+") ? text : `+${text}`;
}

function formatNumber(kind: string, value: bigint | number, digits: number | undefined, prefix: boolean): string {
  if (/[diuxXo]/.test(kind)) {
    if (typeof value === "number" && !Number.isFinite(value)) throw new CodeError(`%${kind} wants a finite number`);
    const whole = typeof value === "bigint" ? value : BigInt(Math.trunc(value));
    const size = (whole < 0n ? -whole : whole).toString(kind === "o" ? 8 : /x/i.test(kind) ? 16 : 10).padStart(digits ?? 0, "0");
    const before = !prefix ? "" : kind === "o" ? "0o" : /x/i.test(kind) ? `0${kind}` : "";
    return (whole < 0n ? "-" : "") + before + (kind === "X" ? size.toUpperCase() : size);
  }
  const float = Number(value);
  if (!Number.isFinite(float)) return represent(float);
  if (/[fF]/.test(kind)) return float.toFixed(digits ?? 6);
  if (kind === "g") return String(Number(float.toPrecision(Math.max(1, digits ?? 6))));
  if (kind === "e") return float.toExponential(digits ?? 6).replace(/e([+-])(\d)$/, "e$10$2");
  throw new CodeError(`there is no format %${kind}`);
}

function pad(text: string, width: number, flags: string): string {
  if (flags.includes("-")) return text.padEnd(width);
  if (!flags.includes("0")) return text.padStart(width);
  const [, sign = "", digits = ""] = /^([+-]?)([^]*)$/.exec(text) ?? [];
  return sign + digits.padStart(width - sign.length, "0");
}
