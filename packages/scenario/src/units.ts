/**
 * Quantities as texts, both ways. Apart from the rest of the package, so that a command that shows a rate need not load the simulator.
 *
 * @module @mptcp/scenario/units
 */
import { IpAddress } from "mptcp/wire";

/**
 * Quantities as scenarios write them: a number, a unit, nothing implied. Rates are bits per second with SI prefixes, times go from
 * nanoseconds to minutes, sizes are bytes with SI (KB) or binary (KiB) prefixes. A buffer is a size or "auto"; addresses are among them since
 * they are texts of a form, too.
 */
export type Quantity = "rate" | "time" | "size" | "buffer" | "probability" | "progress" | "address";

/** A parsed quantity, or a sentence that says what is wrong with the text. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** How far a transfer must be: a share of all bytes, or a number of bytes. */
export type Progress = { readonly kind: "fraction"; readonly value: number } | { readonly kind: "bytes"; readonly value: number };

/** A rate in bit/s, from text like "8 Mb/s". */
export function parseRate(text: unknown): Parsed<number> {
  return parseWithUnit(text, RATE_UNITS, "a rate", "8 Mb/s", true);
}

/** A time in ns (an integer), from text like "20 ms". */
export function parseTime(text: unknown): Parsed<number> {
  const parsed = parseWithUnit(text, TIME_UNITS, "a time", "20 ms", false);
  return parsed.ok ? { ok: true, value: Math.round(parsed.value) } : parsed;
}

/** A size in bytes (an integer), from text like "16 MiB". */
export function parseSize(text: unknown): Parsed<number> {
  const parsed = parseWithUnit(text, SIZE_UNITS, "a size", "16 MiB", false);
  if (!parsed.ok || Number.isSafeInteger(parsed.value)) return parsed;
  return { ok: false, problem: `${show(text)} is not a whole number of bytes` };
}

/** The size of a buffer in bytes, from text like "4 MiB"; null for "auto". */
export function parseBuffer(text: unknown): Parsed<number | null> {
  if (text === "auto") return { ok: true, value: null };
  const parsed = parseSize(text);
  return parsed.ok ? parsed : { ok: false, problem: `${show(text)} is neither "auto" nor a size like "4 MiB"` };
}

/** An IPv4 or IPv6 address. */
export function parseAddress(text: unknown): Parsed<IpAddress> {
  const value = typeof text === "string" ? IpAddress.parse(text) : null;
  return value === null ? { ok: false, problem: `${show(text)} is not an IP address` } : { ok: true, value };
}

/** A probability from 0 to 1, from "1 %" or from a number. */
export function parseProbability(text: unknown): Parsed<number> {
  let value: number;
  if (typeof text === "number") value = text;
  else {
    const match = typeof text === "string" ? /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text) : null;
    if (match === null) return { ok: false, problem: `${show(text)} is not a probability; write it like "1 %" or 0.01` };
    value = Number(match[1]) / 100;
  }
  if (value >= 0 && value <= 1) return { ok: true, value };
  return { ok: false, problem: `${show(text)} is not between 0 and 1 (0 % and 100 %)` };
}

/** How far a transfer must be, from "received 1/3", "received 50 %" or "received 5 MB". */
export function parseProgress(text: unknown): Parsed<Progress> {
  const problem = `${show(text)} is not a progress; write it like "received 1/3", "received 50 %" or "received 5 MB"`;
  const match = typeof text === "string" ? /^\s*received\s+(.+?)\s*$/.exec(text) : null;
  if (match === null) return { ok: false, problem };
  const amount = match[1] as string;
  const ratio = /^(\d+)\s*\/\s*(\d+)$/.exec(amount);
  if (ratio !== null) return fractionOf(Number(ratio[1]) / Number(ratio[2]), text);
  if (amount.endsWith("%")) {
    const share = parseProbability(amount);
    return share.ok ? fractionOf(share.value, text) : { ok: false, problem };
  }
  const size = parseSize(amount);
  return size.ok ? { ok: true, value: { kind: "bytes", value: size.value } } : { ok: false, problem };
}

/** The parser of each quantity, by name. */
export const QUANTITY_PARSERS: Readonly<Record<Quantity, (text: unknown) => Parsed<unknown>>> = {
  rate: parseRate,
  time: parseTime,
  size: parseSize,
  buffer: parseBuffer,
  probability: parseProbability,
  progress: parseProgress,
  address: parseAddress,
};

/** The units of a quantity, as they are written. */
export function unitsOf(quantity: "rate" | "time" | "size"): string[] {
  return [...UNITS[quantity].keys()];
}

/** "8 Mb/s": a rate for people. */
export function formatRate(bitsPerSecond: number): string {
  return withPrefix(bitsPerSecond, 1000, ["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"]);
}

/** "16.0 MiB": a size for people, in binary units. */
export function formatSize(bytes: number): string {
  return withPrefix(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

/** "1.25 s": a time for people, from nanoseconds. */
export function formatTime(nanoseconds: number): string {
  return withPrefix(nanoseconds, 1000, ["ns", "us", "ms", "s"]);
}

function fractionOf(value: number, text: unknown): Parsed<Progress> {
  if (value > 0 && value <= 1) return { ok: true, value: { kind: "fraction", value } };
  return { ok: false, problem: `${show(text)}: the share must be above 0 and at most 1` };
}

function parseWithUnit(text: unknown, units: ReadonlyMap<string, number>, what: string, example: string, positive: boolean): Parsed<number> {
  if (typeof text === "number" && text === 0 && !positive) return { ok: true, value: 0 };
  if (typeof text === "number") return { ok: false, problem: `${show(text)} has no unit; ${what} is written like "${example}"` };
  const match = typeof text === "string" ? /^\s*(\d+(?:\.\d+)?)\s*([A-Za-zµ/]*)\s*$/.exec(text) : null;
  if (match === null) return { ok: false, problem: `${show(text)} is not ${what}; write it like "${example}"` };
  const unit = match[2] as string;
  const factor = units.get(unit);
  if (factor === undefined) {
    const known = [...units.keys()].join(", ");
    if (unit === "") return { ok: false, problem: `${show(text)} has no unit; ${what} is written like "${example}" (units: ${known})` };
    return { ok: false, problem: `${show(text)}: "${unit}" is no unit of ${what}; known are ${known}` };
  }
  const value = Number(match[1]) * factor;
  if (positive && value <= 0) return { ok: false, problem: `${show(text)}: ${what} must be above 0` };
  if (value > Number.MAX_SAFE_INTEGER) return { ok: false, problem: `${show(text)} is too large` };
  // A decimal times a power of ten may end a hair beside the integer that was meant (0.3 * 1e6).
  const rounded = Math.round(value);
  return { ok: true, value: Math.abs(value - rounded) < 1e-6 * Math.max(1, value) ? rounded : value };
}

function withPrefix(value: number, step: number, names: readonly string[]): string {
  let scaled = value;
  let index = 0;
  while (Math.abs(scaled) >= step && index < names.length - 1) {
    scaled /= step;
    index++;
  }
  const digits = Number.isInteger(scaled) || Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${names[index] as string}`;
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

const RATE_UNITS = new Map([
  ["b/s", 1], ["kb/s", 1e3], ["Mb/s", 1e6], ["Gb/s", 1e9],
  ["bit/s", 1], ["kbit/s", 1e3], ["Mbit/s", 1e6], ["Gbit/s", 1e9],
]);
const TIME_UNITS = new Map([["ns", 1], ["us", 1e3], ["µs", 1e3], ["ms", 1e6], ["s", 1e9], ["min", 60e9]]);
const SIZE_UNITS = new Map([
  ["B", 1], ["KB", 1e3], ["MB", 1e6], ["GB", 1e9],
  ["KiB", 1024], ["MiB", 1024 ** 2], ["GiB", 1024 ** 3],
]);
const UNITS = { rate: RATE_UNITS, time: TIME_UNITS, size: SIZE_UNITS };
