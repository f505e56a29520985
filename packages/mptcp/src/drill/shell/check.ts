import type { Place } from "../syntax/ast.ts";
import { nearest } from "../syntax/nearest.ts";
import { placeWithin } from "../syntax/places.ts";
import { MAX_PROBLEMS, type Problem } from "../syntax/problems.ts";
import { COMMANDS } from "../system/index.ts";
import { ShellError, ShellProblem } from "./bounds.ts";
import { BUILTINS } from "./builtins.ts";
import { readOptions } from "./filters/filter.ts";
import { FILTERS } from "./filters/index.ts";
import { isKnown, PREFIXES, programName, SHELLS } from "./interpreter.ts";
import { parseShell } from "./parser.ts";
import { SOCKET_TABLES } from "./socket-tables.ts";
import type { Change, Command, Condition, List, Part, Word } from "./tree.ts";

/** The text of a file, its name relative to the script's folder; null: there is none. */
export type ReadFile = (path: string) => string | null;

/**
 * What is wrong with a shell line, found without running it: it cannot be read, or calls what is not carried out; the files that it calls included.
 *
 * @param place where the text begins in the script, behind the backquote
 */
export function checkShell(text: string, place: Place, readFile: ReadFile): Problem[] {
  const check = new Check(readFile, (at, message) => ({ place: placeWithin(text, place, at), message }));
  check.text(text);
  return check.problems.slice(0, MAX_PROBLEMS);
}

/** Files that are looked at, all together. */
const MAX_FILES = 50;
/** How deep files may call one another. */
const MAX_NESTED = 10;

class Check {
  readonly problems: Problem[] = [];
  readonly #readFile: ReadFile;
  readonly #problemAt: (at: number, message: string) => Problem;
  readonly #functions = new Set<string>();
  readonly #seen = new Set<string>();
  /** Which file is looked at, and what it was called by. */
  #file: { readonly path: string; readonly text: string; readonly at: number } | undefined;
  /** Where all problems are: that of a text between backquotes. */
  #at: number | undefined;
  #depth = 0;

  constructor(readFile: ReadFile, problemAt: (at: number, message: string) => Problem) {
    this.#readFile = readFile;
    this.#problemAt = problemAt;
  }

  text(text: string): void {
    try {
      const list = parseShell(text);
      // A function may be called by another that stands before it.
      this.#list(list, (command) => void (command.kind === "function" && this.#functions.add(command.name)), false);
      this.#list(list, (command) => this.#called(command), true);
    } catch (error) {
      if (!(error instanceof ShellProblem)) throw error;
      this.#report(error.at, error.message);
    }
  }

  #report(where: number, message: string): void {
    const file = this.#file;
    const at = this.#at ?? where;
    if (file === undefined) this.problems.push(this.#problemAt(at, message));
    else this.problems.push(this.#problemAt(file.at, `${file.path}:${placeWithin(file.text, { line: 1, column: 1 }, at).line}: ${message}`));
  }

  #list(list: List, visit: (command: Command) => void, deep: boolean): void {
    for (const { first, rest } of list.items) {
      for (const pipeline of [first, ...rest.map((item) => item.pipeline)]) for (const command of pipeline.commands) this.#command(command, visit, deep);
    }
  }

  #command(command: Command, visit: (command: Command) => void, deep: boolean): void {
    visit(command);
    if (deep) for (const word of wordsOf(command)) this.#parts(word.parts, visit);
    const inner = (list: List | undefined): void => void (list !== undefined && this.#list(list, visit, deep));
    switch (command.kind) {
      case "if":
        for (const { condition, body } of command.arms) {
          inner(condition);
          inner(body);
        }
        inner(command.otherwise);
        break;
      case "while":
        inner(command.condition);
        inner(command.body);
        break;
      case "for":
      case "group":
      case "subshell":
        inner(command.body);
        break;
      case "case":
        for (const { body } of command.arms) inner(body);
        break;
      case "function":
        this.#command(command.body, visit, deep);
        break;
      default:
    }
  }

  /** Commands in substitutions. */
  #parts(parts: readonly Part[], visit: (command: Command) => void): void {
    for (const part of parts) {
      if (part.kind === "command") this.#substituted(part, visit);
      else if (part.kind === "arithmetic") this.#parts(part.expression.parts, visit);
      else if (part.kind === "parameter") for (const word of wordsOfChange(part.change)) this.#parts(word.parts, visit);
    }
  }

  #substituted({ body, apart, at }: Part & { kind: "command" }, visit: (command: Command) => void): void {
    const outer = this.#at;
    if (apart) this.#at ??= at;
    this.#list(body, visit, true);
    this.#at = outer;
  }

  #called(command: Command): void {
    if (command.kind === "simple" && command.words.length > 0) this.#words(command.words);
  }

  #words(words: readonly Word[]): void {
    const [first, ...rest] = words;
    const written = first === undefined ? undefined : shape(first);
    if (first === undefined || written === undefined || this.#functions.has(written.text)) return;
    const name = { ...written, text: programName(written.text) };
    if (PREFIXES.has(name.text)) {
      if (!["-v", "-V"].includes(rest[0] === undefined ? "" : shape(rest[0]).text)) this.#words(rest);
    } else if (SHELLS.has(name.text)) this.#shell(rest, first.at);
    else if (name.text === "." || name.text === "source") this.#path(rest[0], first.at);
    else if (Object.hasOwn(FILTERS, name.text)) this.#filter(name.text, rest, first.at);
    else if (Object.hasOwn(BUILTINS, name.text)) this.#builtin(name.text, rest, first.at);
    else if (isKnown(name.text) || /(?:^|\/)set_sysctls\.py$/.test(name.text)) return;
    else if (name.text.includes("/")) this.#path(first, first.at);
    else if (!name.literal) this.#report(first.at, "the name of a command must be written out");
    else {
      const names = [...Object.keys(BUILTINS), ...Object.keys(FILTERS), ...COMMANDS].filter((known) => known.length > 2 || known === "ip");
      this.#report(first.at, `the command "${name.text.slice(0, 60)}" is not carried out${nearest(name.text, names)}`);
    }
  }

  #builtin(name: string, words: readonly Word[], at: number): void {
    if (name === "set" && words.some((word) => /^-[a-z]*o$/.test(shape(word).text))) {
      const option = shape(words.at(-1)!).text;
      if (!["errexit", "nounset", "pipefail", "xtrace", "noglob"].includes(option)) this.#report(at, `set: the option "${option}" is not carried out`);
    }
    if ((name === "declare" || name === "typeset" || name === "local") && words.some((word) => /^-[a-z]*[aA]/.test(shape(word).text))) this.#report(at, "arrays are not carried out");
  }

  /** A program whose options and operands are all written out is made ready as it would be. */
  #filter(name: string, words: readonly Word[], at: number): void {
    const shapes = words.map(shape);
    const missing = shapes.find(({ text }) => /^\/proc\/(?!sys\/)/.test(text) && !SOCKET_TABLES.has(text));
    if (missing !== undefined) this.#report(at, `there is no file "${missing.text.slice(0, 80)}": of /proc there are /proc/sys and ${[...SOCKET_TABLES.keys()].join(", ")}`);
    if (!shapes.every(({ literal }) => literal)) return;
    try {
      const filter = FILTERS[name]!;
      const { options, operands } = readOptions(name, filter, shapes.map(({ text }) => text));
      filter.prepare(options, operands);
    } catch (error) {
      if (!(error instanceof ShellError)) throw error;
      this.#report(at, error.message);
    }
  }

  #shell(words: readonly Word[], at: number): void {
    const operand = words.find((word) => !shape(word).text.startsWith("-"));
    const isText = words.some((word) => /^-[a-z]*c$/.test(shape(word).text));
    if (operand === undefined) this.#report(at, "a shell without a text or a file is not carried out");
    else if (!isText) this.#path(operand, at);
    else if (!shape(operand).literal) this.#report(at, "the text of a shell must be written out");
    else this.#look({ path: "sh -c", text: shape(operand).text, at: this.#file?.at ?? at });
  }

  #path(word: Word | undefined, at: number): void {
    const { text: path, literal } = word === undefined ? { text: "", literal: true } : shape(word);
    if (/^\/tmp\/sysctl_restore_.*\.sh$/.test(path)) return;
    if (!literal || path === "") {
      this.#report(at, "the name of a file must be written out");
      return;
    }
    if (this.#seen.has(path)) return;
    const text = this.#readFile(path);
    if (text === null) this.#report(at, `there is no file "${path.slice(0, 200)}"`);
    else if (/^#!(?!.*\b(?:ba|da|)sh\b)/.test(text)) this.#report(at, `"${path.slice(0, 200)}" is no shell script, and is not carried out`);
    else {
      this.#seen.add(path);
      this.#look({ path, text, at: this.#file?.at ?? at });
    }
  }

  #look(file: { readonly path: string; readonly text: string; readonly at: number }): void {
    if (++this.#depth > MAX_NESTED || this.#seen.size > MAX_FILES) this.#report(file.at, "files that call files are too many");
    else {
      const [outer, at] = [this.#file, this.#at];
      this.#file = { ...file, at: at ?? file.at };
      this.#at = undefined;
      this.text(file.text);
      this.#file = outer;
      this.#at = at;
    }
    this.#depth--;
  }
}

/** A word as far as it is written out; what is not known before it runs is a star. */
function shape({ parts }: Word): { text: string; literal: boolean } {
  return { text: parts.map((part) => (part.kind === "text" ? part.text : "*")).join(""), literal: parts.every((part) => part.kind === "text") };
}

function wordsOf(command: Command): Word[] {
  const redirected = command.redirections.map((redirection) => (redirection.kind === "file" ? redirection.target : redirection.kind === "here" ? redirection.text : undefined));
  return [...redirected.filter((word) => word !== undefined), ...ownWords(command)];
}

function ownWords(command: Command): readonly Word[] {
  switch (command.kind) {
    case "simple":
      return [...command.assignments.map(({ value }) => value), ...command.words];
    case "for":
      return command.words ?? [];
    case "case":
      return [command.word, ...command.arms.flatMap(({ patterns }) => patterns)];
    case "arithmetic":
      return [command.expression];
    case "condition":
      return conditionWords(command.condition);
    default:
      return [];
  }
}

function conditionWords(condition: Condition): Word[] {
  switch (condition.kind) {
    case "word":
    case "unary":
      return [condition.word];
    case "binary":
      return [condition.left, condition.right];
    case "not":
      return conditionWords(condition.condition);
    default:
      return [...conditionWords(condition.left), ...conditionWords(condition.right)];
  }
}

function wordsOfChange(change: Change | undefined): Word[] {
  switch (change?.kind) {
    case "default":
      return [change.word];
    case "trim":
      return [change.pattern];
    case "replace":
      return [change.pattern, change.by];
    case "slice":
      return change.length === undefined ? [change.from] : [change.from, change.length];
    default:
      return [];
  }
}
