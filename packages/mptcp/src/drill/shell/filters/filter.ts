import { type Budget, ShellError } from "../bounds.ts";
import { Matcher } from "../matcher.ts";

/** What a program that turns text into text has to work with. */
export interface FilterContext {
  readonly budget: Budget;
  readonly matcher: Matcher;
  /** What it reads where it is given no file. */
  readonly input: string;
  readFile(path: string): string | null;
}

export interface FilterResult {
  readonly status: number;
  readonly output: string;
}

/** A program that turns text into text, known by its name. */
export interface Filter {
  /** Letters of options, those with a value with a colon behind, as getopts has them; longer ones by name. */
  readonly options: string;
  readonly long?: Readonly<Record<string, string>>;
  /**
   * Makes what the program does of its options and operands.
   *
   * @throws ShellError for what is not carried out; so that it is known before anything runs
   */
  prepare(options: ReadonlyMap<string, readonly string[]>, operands: readonly string[]): (context: FilterContext) => FilterResult;
}

/** Options by letters, and what is left. */
export function readOptions(name: string, { options, long = {} }: Filter, words: readonly string[]): { options: Map<string, string[]>; operands: string[] } {
  const given = new Map<string, string[]>();
  const operands: string[] = [];
  const add = (letter: string, value: string): void => void given.set(letter, [...(given.get(letter) ?? []), value]);
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") return { options: given, operands: [...operands, ...words.slice(at + 1)] };
    if (word.startsWith("--")) {
      const [key, value] = [word.slice(2).split("=")[0]!, word.includes("=") ? word.slice(word.indexOf("=") + 1) : ""];
      const letter = Object.hasOwn(long, key) ? long[key]! : undefined;
      if (letter === undefined) throw new ShellError(`${name}: the option --${key} is not carried out`);
      add(letter, value);
    } else if (/^-\d+$/.test(word) && options.includes("n:")) add("n", word.slice(1));
    else if (word.startsWith("-") && word !== "-") {
      for (let letter = 1; letter < word.length; letter++) {
        const where = word[letter] === ":" ? -1 : options.indexOf(word[letter]!);
        if (where < 0) throw new ShellError(`${name}: the option -${word[letter]} is not carried out`);
        if (options[where + 1] !== ":") add(word[letter]!, "");
        else {
          const rest = word.slice(letter + 1);
          if (rest === "" && at + 1 >= words.length) throw new ShellError(`${name}: the option -${word[letter]} misses its value`);
          add(word[letter]!, rest === "" ? words[++at]! : rest);
          break;
        }
      }
    } else operands.push(word);
  }
  return { options: given, operands };
}

/** The text of files one behind the other, or of the input where there are none. */
export function inputOf(name: string, files: readonly string[], context: FilterContext): string {
  if (files.length === 0) return context.input;
  let text = "";
  for (const file of files) {
    const read = file === "-" ? context.input : context.readFile(file);
    if (read === null) throw new ShellError(`${name}: there is no file "${file}"`);
    context.budget.spend(read.length >> 3);
    text += read;
  }
  return text;
}

/** A program of a filter, if it is not too long. */
export function boundedProgram(name: string, source: string): string {
  if (source.length > 1_000) throw new ShellError(`${name}: what it is to do has more than 1000 characters`);
  return source;
}

/** Lines with their ends. */
export function written(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

export function readCount(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new ShellError(`${name}: "${text}" is no number`);
  return Number(text);
}
