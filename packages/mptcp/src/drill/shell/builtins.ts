import { evaluateArithmetic } from "./arithmetic.ts";
import { ShellError } from "./bounds.ts";
import { evaluateTest } from "./conditions.ts";
import { Leave } from "./leave.ts";
import { echo, printf } from "./print.ts";
import type { ShellState } from "./state.ts";
import type { Streams } from "./streams.ts";
import { joined, PARENT_PROCESS, type ShellFiles, type ShellWorld } from "./world.ts";

/** What a command of the shell itself has to work with. */
export interface BuiltinContext {
  readonly state: ShellState;
  readonly streams: Streams;
  readonly files: ShellFiles;
  readonly world: ShellWorld;
  readonly write: (text: string) => void;
}

/** Gives the status. `words` are what stands behind the name. */
type Builtin = (words: readonly string[], context: BuiltinContext) => number;

const NAME = /^[A-Za-z_]\w*$/;
const ended = (holds: boolean): number => (holds ? 0 : 1);

/** Commands of the shell itself, by name. */
export const BUILTINS: Readonly<Record<string, Builtin>> = {
  ":": () => 0,
  true: () => 0,
  false: () => 1,
  wait: () => 0,
  echo: (words, { write }) => done(() => write(echo(words))),
  printf(words, { write }) {
    const [format, ...values] = words[0] === "--" ? words.slice(1) : words;
    if (format === undefined) throw new ShellError("printf: the format is missing");
    return done(() => write(printf(format, values)));
  },
  test: (words, { state, files }) => ended(evaluateTest(words, (path) => files.read(joined(state.folder, path)))),
  "["(words, { state, files }) {
    if (words.at(-1) !== "]") throw new ShellError('"[" misses a "]"');
    return ended(evaluateTest(words.slice(0, -1), (path) => files.read(joined(state.folder, path))));
  },
  let(words, { state }) {
    let value = 0n;
    for (const word of words) value = evaluateArithmetic(word, state);
    return ended(value !== 0n);
  },
  exit: ([status], { state }) => leave("exit", status, state),
  return: ([status], { state }) => leave("return", status, state),
  break: ([levels], _context) => loop("break", levels),
  continue: ([levels], _context) => loop("continue", levels),
  cd([path = ""], { state }) {
    state.folder = path.startsWith("/") ? path : joined(state.folder, path);
    return 0;
  },
  pwd: (_words, { state, write }) => done(() => write(`${state.folder || "."}\n`)),
  realpath: ([path = ""], { state, write }) => done(() => write(`${joined(state.folder, path)}\n`)),
  export: (words, { state }) => done(() => declare(words, state, (name) => void state.exported.add(name))),
  readonly: (words, { state }) => done(() => declare(words, state)),
  declare: (words, { state }) => done(() => declare(words, state)),
  typeset: (words, { state }) => done(() => declare(words, state)),
  local: (words, { state }) =>
    done(() => {
      if (!state.inFunction) throw new ShellError("local: this is no function");
      for (const word of words) if (!word.startsWith("-")) state.makeLocal(word.split("=")[0]!);
      declare(words, state);
    }),
  unset: (words, { state }) =>
    done(() => {
      for (const word of words) {
        state.unset(word);
        state.functions.delete(word);
      }
    }),
  set: (words, { state }) => done(() => setOptions(words, state)),
  shift([count = "1"], { state }) {
    const shifted = readStatus(count);
    if (shifted > state.positional.length) return 1;
    state.positional = state.positional.slice(shifted);
    return 0;
  },
  sleep: (words, { world }) =>
    done(() => {
      for (const word of words) world.sleep(readDuration(word));
    }),
  read: (words, context) => read(words, context),
  getopts: (words, context) => getopts(words, context),
  rm: (words, { files }) => done(() => words.filter((word) => !word.startsWith("-")).forEach((path) => files.remove(path))),
  chmod: () => 0,
  dd: (words, context) => copyBlocks(words, context),
};

/** `dd bs=1 count=5 if=/dev/zero of=/tmp/file`. */
function copyBlocks(words: readonly string[], { files, state }: BuiltinContext): number {
  const given = new Map(words.map((word) => [word.split("=")[0]!, word.slice(word.indexOf("=") + 1)]));
  const unknown = words.find((word) => !/^(?:bs|count|if|of|status|conv)=/.test(word));
  if (unknown !== undefined) throw new ShellError(`dd: "${unknown.slice(0, 60)}" is not carried out`);
  const [input, output] = [given.get("if") ?? "", given.get("of") ?? "/dev/null"];
  const most = readStatus(given.get("bs") ?? "512") * (given.has("count") ? readStatus(given.get("count")!) : 1);
  if (most > MOST_COPIED) throw new ShellError(`dd: more than ${MOST_COPIED} octets`);
  const text = input === "/dev/zero" ? "\0".repeat(most) : files.read(joined(state.folder, input));
  if (text === null) throw new ShellError(`dd: there is no file "${input.slice(0, 80)}"`);
  const error = files.write(joined(state.folder, output), given.has("count") ? text.slice(0, most) : text, false);
  if (error !== undefined) throw new ShellError(`dd: ${error}`);
  return 0;
}

/** Octets that dd copies. */
const MOST_COPIED = 1 << 20;

function done(act: () => void): 0 {
  act();
  return 0;
}

function readStatus(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new ShellError(`"${text.slice(0, 60)}" is no number`);
  return Number(text);
}

function leave(what: "exit" | "return", status: string | undefined, state: ShellState): never {
  throw new Leave(what, status === undefined ? state.status : readStatus(status) & 255);
}

function loop(what: "break" | "continue", levels = "1"): never {
  throw new Leave(what, 0, Math.max(1, readStatus(levels)));
}

function declare(words: readonly string[], state: ShellState, also?: (name: string) => void): void {
  for (const word of words) {
    if (/^[-+]/.test(word)) {
      if (/[aA]/.test(word)) throw new ShellError("arrays are not carried out");
      continue;
    }
    const at = word.indexOf("=");
    const name = at < 0 ? word : word.slice(0, at);
    if (!NAME.test(name)) throw new ShellError(`"${name.slice(0, 60)}" is no name of a variable`);
    if (at >= 0) state.set(name, word.slice(at + 1));
    also?.(name);
  }
}

function setOptions(words: readonly string[], state: ShellState): void {
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--" || !/^[-+]./.test(word)) {
      state.positional = words.slice(word === "--" ? at + 1 : at);
      return;
    }
    const on = word.startsWith("-");
    for (const letter of word.slice(1)) {
      const option = letter === "o" ? words[++at] : letter;
      if (option === "e" || option === "errexit") state.errorIsEnd = on;
      else if (option === "u" || option === "nounset") state.unsetIsError = on;
      else if (option === "pipefail") state.anyFailureCounts = on;
      else if (option !== "x" && option !== "xtrace" && option !== "f" && option !== "noglob" && option !== "v") throw new ShellError(`set: the option "${option}" is not carried out`);
    }
  }
}

const UNITS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds, or with a unit behind; gives ns. */
function readDuration(text: string): number {
  const [, number, unit = ""] = /^(\d{1,9}\.?\d{0,9}|\.\d{1,9})([smhd]?)$/.exec(text) ?? [];
  if (number === undefined) throw new ShellError(`sleep: "${text.slice(0, 60)}" is no duration`);
  return Math.round(Number(number) * UNITS[unit]! * 1e9);
}

/** The next line into variables: a field each, and what is left into the last. */
function read(words: readonly string[], { state, streams }: BuiltinContext): number {
  const raw = words.includes("-r");
  const names = words.filter((word) => word !== "-r");
  const refused = names.find((name) => !NAME.test(name));
  if (refused !== undefined) throw new ShellError(`read: "${refused.slice(0, 60)}" is not carried out`);
  const line = streams.input.line();
  const separators = state.get("IFS") ?? " \t\n";
  let rest = trimmed(raw ? (line ?? "") : (line ?? "").replace(/\\(.)/g, "$1"), separators);
  const [last = "REPLY", ...others] = names.toReversed();
  for (const name of others.toReversed()) {
    let end = 0;
    while (end < rest.length && !separators.includes(rest[end]!)) end++;
    state.set(name, rest.slice(0, end));
    rest = trimmed(rest.slice(end + 1), separators);
  }
  state.set(last, rest);
  return line === null ? 1 : 0;
}

/** Without white space around that separates. */
function trimmed(text: string, separators: string): string {
  const isBlank = (character: string | undefined): boolean => character !== undefined && " \t\n".includes(character) && separators.includes(character);
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

/** The next option of the positional parameters: its letter into a variable, its value into OPTARG. */
function getopts([letters = "", name = "", ...given]: readonly string[], { state, streams }: BuiltinContext): number {
  if (!NAME.test(name)) throw new ShellError("getopts: the name of a variable is missing");
  const words = given.length > 0 ? given : state.positional;
  const index = readStatus(state.get("OPTIND") ?? "1");
  const word = words[index - 1];
  const setIndex = (next: number, letter: number): void => {
    state.set("OPTIND", String(next));
    state.letter = letter;
  };
  if (word === undefined || !/^-./.test(word) || word === "--") {
    if (word === "--") setIndex(index + 1, 0);
    state.set(name, "?");
    return 1;
  }
  const at = Math.max(1, state.letter);
  const letter = word[at] ?? "";
  const where = letter === ":" || letter === "" ? -1 : letters.indexOf(letter, letters.startsWith(":") ? 1 : 0);
  const isLast = at + 1 >= word.length;
  state.unset("OPTARG");
  if (where >= 0 && letters[where + 1] === ":") {
    const value = isLast ? words[index] : word.slice(at + 1);
    setIndex(isLast ? index + 2 : index + 1, 0);
    if (value === undefined) return missing(letters, name, letter, `option requires an argument -- ${letter}`, ":", { state, streams });
    state.set("OPTARG", value);
  } else {
    setIndex(isLast ? index + 1 : index, isLast ? 0 : at + 1);
    if (where < 0) return missing(letters, name, letter, `illegal option -- ${letter}`, "?", { state, streams });
  }
  state.set(name, letter);
  return 0;
}

function missing(letters: string, name: string, letter: string, message: string, sign: string, { state, streams }: Pick<BuiltinContext, "state" | "streams">): number {
  const isSilent = letters.startsWith(":");
  state.set(name, isSilent ? sign : "?");
  if (isSilent) state.set("OPTARG", letter);
  else streams.outputs.get(2)?.write(`${message}\n`);
  return 0;
}

/** `set_sysctls.py /proc/sys/NAME=VALUE ...`, a helper that public scripts come with: sets sysctls, and leaves a file that sets them back. */
export function setSysctls(words: readonly string[], { state, streams, files }: BuiltinContext): number {
  let restore = "";
  for (const word of words) {
    const at = word.indexOf("=");
    const path = at < 0 ? word : word.slice(0, at);
    const before = files.read(path);
    if (at < 0 || before === null) throw new ShellError(`there is no sysctl "${path.slice(0, 80)}"`);
    restore += `echo "${before.trim()}" > ${path}\n`;
    const error = files.write(path, word.slice(at + 1), false);
    if (error !== undefined) throw new ShellError(error);
  }
  const error = files.write(`/tmp/sysctl_restore_${state.get("PACKETDRILL_PID") ?? PARENT_PROCESS}.sh`, restore, false);
  if (error !== undefined) streams.outputs.get(2)?.write(`${error}\n`);
  return 0;
}
