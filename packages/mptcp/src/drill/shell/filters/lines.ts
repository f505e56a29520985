import { ShellError } from "../bounds.ts";
import { unescape } from "../print.ts";
import { linesOf } from "../streams.ts";
import { type Filter, inputOf, readCount, written } from "./filter.ts";

export const cat: Filter = { options: "", prepare: (_options, files) => (context) => ({ status: 0, output: inputOf("cat", files, context) }) };

/** The first lines, or the last. */
export const ends = (name: "head" | "tail"): Filter => ({
  options: "n:q",
  long: { lines: "n" },
  prepare(options, files) {
    const [, sign = "", digits = ""] = /^([-+]?)(.*)$/.exec(options.get("n")?.at(-1) ?? "10")!;
    const count = readCount(name, digits);
    return (context) => {
      const lines = linesOf(inputOf(name, files, context));
      if (name === "head") return { status: 0, output: written(lines.slice(0, sign === "-" ? Math.max(0, lines.length - count) : count)) };
      return { status: 0, output: written(lines.slice(sign === "+" ? Math.max(0, count - 1) : Math.max(0, lines.length - count))) };
    };
  },
});

/** How many lines, words and characters. */
export const wc: Filter = {
  options: "lwcm",
  prepare: (options, files) => (context) => {
    const text = inputOf("wc", files, context);
    const counts = { l: text.split("\n").length - 1, w: text.split(/\s+/).filter((word) => word !== "").length, c: text.length, m: text.length };
    const letters = options.size === 0 ? (["l", "w", "c"] as const) : (["l", "w", "c", "m"] as const).filter((letter) => options.has(letter));
    return { status: 0, output: `${letters.map((letter) => counts[letter]).join(" ")}${files.length === 0 ? "" : ` ${files.join(" ")}`}\n` };
  },
};

export const sort: Filter = {
  options: "nru",
  prepare: (options, files) => (context) => {
    const lines = linesOf(inputOf("sort", files, context));
    const sorted = lines.toSorted((a, b) => (options.has("n") ? numberOf(a) - numberOf(b) : 0) || (a < b ? -1 : a > b ? 1 : 0));
    if (options.has("r")) sorted.reverse();
    return { status: 0, output: written(options.has("u") ? [...new Set(sorted)] : sorted) };
  },
};

/** The number that a line begins with; 0 where there is none. */
function numberOf(line: string): number {
  return Number(/^\s*-?\d*\.?\d*/.exec(line)![0]) || 0;
}

export const uniq: Filter = {
  options: "",
  prepare: (_options, files) => (context) => ({ status: 0, output: written(linesOf(inputOf("uniq", files, context)).filter((line, index, lines) => line !== lines[index - 1])) }),
};

/** Fields or characters of lines. */
export const cut: Filter = {
  options: "d:f:c:s",
  prepare(options, files) {
    const list = options.get("f")?.at(-1) ?? options.get("c")?.at(-1);
    if (list === undefined) throw new ShellError("cut: -f or -c is missing");
    const ranges = list.split(",").map(readRange);
    const has = (number: number): boolean => ranges.some(([from, to]) => number >= from && number <= to);
    const separator = options.get("d")?.at(-1) ?? "\t";
    const line = (text: string): string => {
      if (!options.has("f")) return [...text].filter((_character, index) => has(index + 1)).join("");
      if (!text.includes(separator)) return text;
      return text.split(separator).filter((_field, index) => has(index + 1)).join(separator);
    };
    return (context) => {
      const lines = linesOf(inputOf("cut", files, context)).filter((text) => !options.has("s") || !options.has("f") || text.includes(separator));
      return { status: 0, output: written(lines.map(line)) };
    };
  },
};

function readRange(text: string): [number, number] {
  const [, from = "", hyphen = "", to = ""] = /^(\d{0,6})(-?)(\d{0,6})$/.exec(text) ?? [];
  if (from === "" && to === "") throw new ShellError(`cut: "${text}" is no range`);
  return [from === "" ? 1 : Number(from), hyphen === "" ? Number(from) : to === "" ? Infinity : Number(to)];
}

/** Characters that become others, or are left out. */
export const tr: Filter = {
  options: "dsc",
  prepare(options, [from, to]) {
    if (from === undefined || (to === undefined && !options.has("d") && !options.has("s"))) throw new ShellError("tr: characters are missing");
    const wanted = readCharacters(from);
    const others = to === undefined ? [] : readCharacters(to);
    const has = (character: string): boolean => wanted.includes(character) !== options.has("c");
    const exchanged = (character: string): string => {
      if (!has(character) || others.length === 0) return character;
      return options.has("c") ? others.at(-1)! : (others[wanted.indexOf(character)] ?? others.at(-1)!);
    };
    return ({ input, budget }) => {
      budget.spend(input.length);
      let output = "";
      for (const character of input) {
        if (options.has("d") && has(character)) continue;
        const shown = options.has("d") ? character : exchanged(character);
        const squeezed = options.has("s") && (others.length > 0 ? others.includes(shown) : has(shown));
        if (!squeezed || !output.endsWith(shown)) output += shown;
      }
      return { status: 0, output };
    };
  },
};

const CLASSES: Readonly<Record<string, string>> = { "[:upper:]": "A-Z", "[:lower:]": "a-z", "[:digit:]": "0-9", "[:alpha:]": "A-Za-z", "[:alnum:]": "A-Za-z0-9", "[:space:]": " \t\n\r", "[:blank:]": " \t" };

function readCharacters(text: string): string[] {
  const source = unescape(text.replace(/\[:[a-z]+:\]/g, (name) => CLASSES[name] ?? name));
  const characters: string[] = [];
  for (let at = 0; at < source.length; at++) {
    const [low, high] = [source.charCodeAt(at), source[at + 1] === "-" ? source.charCodeAt(at + 2) : Number.NaN];
    if (!(high >= low && high - low < 256)) {
      characters.push(source[at]!);
      continue;
    }
    for (let code = low; code <= high; code++) characters.push(String.fromCharCode(code));
    at += 2;
  }
  return characters;
}

/** `seq LAST`, `seq FIRST LAST`, `seq FIRST STEP LAST`. */
export const seq: Filter = {
  options: "",
  prepare(_options, operands) {
    const numbers = operands.map(Number);
    const [first, step, last] = numbers.length === 1 ? [1, 1, numbers[0]!] : numbers.length === 2 ? [numbers[0]!, 1, numbers[1]!] : [numbers[0]!, numbers[1]!, numbers[2]!];
    if (numbers.length < 1 || numbers.length > 3 || !numbers.every(Number.isSafeInteger) || step === 0 || (last - first) / step > 10_000) throw new ShellError("seq: wants one to three numbers, for not more than 10000 lines");
    return () => ({ status: 0, output: written(Array.from({ length: Math.max(0, Math.floor((last - first) / step) + 1) }, (_, index) => String(first + index * step))) });
  },
};

/** The last part of a name, or what is before it. */
export const nameParts = (name: "basename" | "dirname"): Filter => ({
  options: "",
  prepare(_options, [path = "", suffix = ""]) {
    let length = path.length;
    while (length > 1 && path[length - 1] === "/") length--;
    const trimmed = path.slice(0, length);
    const at = trimmed.lastIndexOf("/");
    const last = trimmed.slice(at + 1);
    const shown = name === "dirname" ? (at < 0 ? "." : trimmed.slice(0, at) || "/") : suffix !== "" && last !== suffix && last.endsWith(suffix) ? last.slice(0, -suffix.length) : last;
    return () => ({ status: 0, output: `${shown}\n` });
  },
});
