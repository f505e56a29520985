import { boundedValue, ShellError } from "./bounds.ts";

const ESCAPES: Readonly<Record<string, string>> = { a: "\u0007", b: "\b", e: "\u001b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "\\": "\\", '"': '"', "'": "'" };

/** Backslashes as printf has them: `\n`, `\x41`, `\101`. */
export function unescape(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{1,2})|0?([0-7]{1,3})|([^]))/g, (all, hexadecimal: string | undefined, octal: string | undefined, letter: string | undefined) => {
    if (hexadecimal !== undefined) return String.fromCharCode(Number.parseInt(hexadecimal, 16));
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
    return ESCAPES[letter!] ?? all;
  });
}

/** What `echo` writes. */
export function echo(words: readonly string[]): string {
  let at = 0;
  let [line, escapes] = [true, false];
  for (; /^-[neE]+$/.test(words[at] ?? ""); at++) {
    if (words[at]!.includes("n")) line = false;
    if (/e/.test(words[at]!)) escapes = true;
    if (/E/.test(words[at]!)) escapes = false;
  }
  const text = words.slice(at).join(" ");
  return (escapes ? unescape(text) : text) + (line ? "\n" : "");
}

const FIELD = /%(?:([-+ 0#]*)(\d{0,4}|\*)(?:\.(\d{1,3}))?([a-zA-Z%])|)|\\(?:x[0-9a-fA-F]{1,2}|0?[0-7]{1,3}|[^])/g;

/** What `printf` writes: the format is used again as long as there are values. */
export function printf(format: string, values: readonly string[]): string {
  let written = "";
  let used = 0;
  do {
    const before = used;
    written += format.replace(FIELD, (all, flags = "", width = "", precision: string | undefined, kind: string | undefined) => {
      if (all.startsWith("\\")) return unescape(all);
      if (kind === "%") return "%";
      if (kind === undefined) throw new ShellError("printf has a % without a letter behind");
      const size = Number(width === "*" ? (values[used++] ?? 0) : width);
      if (!(size <= 1_000)) throw new ShellError("a field of printf is too wide");
      return pad(formatOne(kind, values[used++], precision, flags), size, flags);
    });
    boundedValue(written);
    if (used === before) break;
  } while (used < values.length);
  return written;
}

function formatOne(kind: string, value: string | undefined, precision: string | undefined, flags: string): string {
  switch (kind) {
    case "s":
      return (value ?? "").slice(0, precision === undefined ? undefined : Number(precision));
    case "b":
      return unescape(value ?? "");
    case "c":
      return (value ?? "").slice(0, 1);
    case "f":
      return Number(value ?? 0).toFixed(Number(precision ?? 6));
    case "d":
    case "i":
    case "u":
    case "x":
    case "X":
    case "o": {
      const number = readNumber(value ?? "");
      const digits = (number < 0n ? -number : number).toString(/x/i.test(kind) ? 16 : kind === "o" ? 8 : 10).padStart(Number(precision ?? 0), "0");
      const sign = number < 0n ? "-" : flags.includes("+") ? "+" : "";
      return sign + (flags.includes("#") && /x/i.test(kind) ? "0x" : "") + (kind === "X" ? digits.toUpperCase() : digits);
    }
    default:
      throw new ShellError(`printf has no %${kind}`);
  }
}

function readNumber(text: string): bigint {
  if (/^["']/.test(text)) return BigInt(text.charCodeAt(1) || 0);
  const [, sign, digits] = /^\s*([-+]?)(0[xX][0-9a-fA-F]{1,40}|\d{1,40})$/.exec(text) ?? [];
  if (digits === undefined) {
    if (text.trim() === "") return 0n;
    throw new ShellError(`printf: "${text.slice(0, 60)}" is no number`);
  }
  const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(/^0\d/.test(digits) ? digits.replace(/^0+/, "") : digits);
  return sign === "-" ? -value : value;
}

function pad(text: string, width: number, flags: string): string {
  if (flags.includes("-")) return text.padEnd(width);
  return flags.includes("0") && /^[-+]?[0-9a-fA-Fx]+$/.test(text) ? text.replace(/\d|[a-fA-F]/, (first) => "0".repeat(Math.max(0, width - text.length)) + first) : text.padStart(width);
}
