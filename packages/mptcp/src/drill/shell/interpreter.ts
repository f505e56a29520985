import { COMMANDS } from "../system/index.ts";
import { Budget, ShellError, ShellProblem } from "./bounds.ts";
import { BUILTINS, type BuiltinContext, setSysctls } from "./builtins.ts";
import { holdsOne, holdsTwo } from "./conditions.ts";
import { Expander } from "./expand.ts";
import { readOptions } from "./filters/filter.ts";
import { FILTERS } from "./filters/index.ts";
import { Leave } from "./leave.ts";
import { Matcher } from "./matcher.ts";
import { parseShell } from "./parser.ts";
import { readExpression } from "./patterns.ts";
import type { ShellState } from "./state.ts";
import { Input, Output, type Streams } from "./streams.ts";
import type { AndOr, Command, Condition, List, Pipeline, Redirection } from "./tree.ts";
import { joined, type ShellFiles, type ShellWorld } from "./world.ts";

/** How deep commands may be in one another while they run: functions that call themselves, files that run themselves. */
const MAX_DEPTH = 120;

/** Commands that run what stands behind them, and add nothing to it here. */
export const PREFIXES: ReadonlySet<string> = new Set(["sudo", "command", "exec"]);
/** Shells that may be called by name. */
export const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "dash", "/bin/sh", "/bin/bash"]);

type Simple = Command & { kind: "simple" };

/** Where what a command wrote goes when it has ended. */
interface Written {
  readonly path: string;
  readonly output: Output;
  readonly appended: boolean;
}

/** Walks the tree of a shell line. */
export class Interpreter {
  readonly #world: ShellWorld;
  readonly #files: ShellFiles;
  readonly #budget = new Budget();
  readonly #matcher = new Matcher(this.#budget);
  #depth = 0;

  constructor(world: ShellWorld, files: ShellFiles) {
    this.#world = world;
    this.#files = files;
  }

  /** Runs a text; nothing is thrown. */
  run(text: string, state: ShellState): { status: number; output: string; errors: string } {
    const [output, errors] = [new Output(this.#budget), new Output(this.#budget)];
    const streams: Streams = { input: new Input(""), outputs: new Map([[1, output], [2, errors]]) };
    let [status, ended] = [0, ""];
    try {
      status = this.#contained(() => this.#list(parseShell(text), state, streams));
    } catch (error) {
      if (!(error instanceof ShellError || error instanceof ShellProblem)) throw error;
      [status, ended] = [2, `${error.message}\n`];
    }
    return { status, output: output.text, errors: errors.text + ended };
  }

  /** What ends a shell ends this one. */
  #contained(act: () => number): number {
    const depth = this.#depth;
    try {
      return act();
    } catch (error) {
      if (!(error instanceof Leave)) throw error;
      this.#depth = depth;
      return error.status;
    }
  }

  #list(list: List, state: ShellState, streams: Streams): number {
    if (++this.#depth > MAX_DEPTH) throw new ShellError("commands are too deep in one another");
    let status = 0;
    for (const item of list.items) status = this.#andOr(item, state, streams);
    this.#depth--;
    return status;
  }

  #andOr({ first, rest }: AndOr, state: ShellState, streams: Streams): number {
    let last = first;
    let status = this.#pipeline(first, state, streams, rest.length > 0);
    for (const [index, { operator, pipeline }] of rest.entries()) {
      if ((status === 0) !== (operator === "&&")) continue;
      last = pipeline;
      status = this.#pipeline(pipeline, state, streams, index < rest.length - 1);
    }
    const counts = last === (rest.at(-1)?.pipeline ?? first) && !last.negated && state.conditions === 0;
    if (status !== 0 && counts && state.errorIsEnd) throw new Leave("exit", status);
    return status;
  }

  #pipeline({ negated, commands }: Pipeline, state: ShellState, streams: Streams, isCondition: boolean): number {
    this.#budget.spend(8);
    if (isCondition || negated) state.conditions++;
    let status = commands.length === 1 ? this.#command(commands[0]!, state, streams) : this.#piped(commands, state, streams);
    if (isCondition || negated) state.conditions--;
    if (negated) status = status === 0 ? 1 : 0;
    state.status = status;
    return status;
  }

  /** Each command in a shell of its own, one after the other; a command reads what the one before has written. */
  #piped(commands: readonly Command[], state: ShellState, streams: Streams): number {
    let { input } = streams;
    let [status, failed] = [0, 0];
    for (const [index, command] of commands.entries()) {
      const output = index === commands.length - 1 ? streams.outputs.get(1)! : new Output(this.#budget);
      const piped: Streams = { input, outputs: new Map([...streams.outputs, [1, output]]) };
      status = this.#contained(() => this.#command(command, state.copy(), piped));
      if (status !== 0) failed = status;
      input = new Input(output.text);
    }
    return state.anyFailureCounts ? failed : status;
  }

  #command(command: Command, state: ShellState, streams: Streams): number {
    if (command.kind === "simple") return this.#simple(command, state, streams);
    return this.#redirected(command.redirections, state, streams, (inner) => this.#compound(command, state, inner));
  }

  #expander(state: ShellState, streams: Streams): Expander {
    return new Expander({
      budget: this.#budget,
      get: (name) => state.get(name),
      set: (name, value) => state.set(name, value),
      positional: state.positional,
      unsetIsError: state.unsetIsError,
      substitute: (body) => {
        const output = new Output(this.#budget);
        state.status = this.#contained(() => this.#list(body, state.copy(), { ...streams, outputs: new Map([...streams.outputs, [1, output]]) }));
        return withoutLineEnds(output.text);
      },
    });
  }

  #compound(command: Exclude<Command, { kind: "simple" }>, state: ShellState, streams: Streams): number {
    switch (command.kind) {
      case "if":
        for (const { condition, body } of command.arms) if (this.#asked(condition, state, streams)) return this.#list(body, state, streams);
        return command.otherwise === undefined ? 0 : this.#list(command.otherwise, state, streams);
      case "for": {
        const expander = this.#expander(state, streams);
        const values = command.words?.flatMap((word) => expander.fields(word)) ?? state.positional;
        const rest = [...values];
        return this.#loop(command.body, state, streams, () => {
          const value = rest.shift();
          if (value !== undefined) state.set(command.name, value);
          return value !== undefined;
        });
      }
      case "while":
        return this.#loop(command.body, state, streams, () => this.#asked(command.condition, state, streams) !== command.until);
      case "case":
        return this.#case(command, state, streams);
      case "group":
        return this.#list(command.body, state, streams);
      case "subshell":
        return this.#contained(() => this.#list(command.body, state.copy(), streams));
      case "function":
        state.functions.set(command.name, command.body);
        return 0;
      case "arithmetic":
        return this.#expander(state, streams).arithmetic(command.expression) === 0n ? 1 : 0;
      default:
        return this.#holds(command.condition, state, this.#expander(state, streams)) ? 0 : 1;
    }
  }

  #asked(condition: List, state: ShellState, streams: Streams): boolean {
    state.conditions++;
    const status = this.#list(condition, state, streams);
    state.conditions--;
    return status === 0;
  }

  #loop(body: List, state: ShellState, streams: Streams, goesOn: () => boolean): number {
    const depth = this.#depth;
    let status = 0;
    for (;;) {
      this.#budget.spend(1);
      try {
        if (!goesOn()) return status;
        status = this.#list(body, state, streams);
      } catch (error) {
        if (!(error instanceof Leave) || (error.what !== "break" && error.what !== "continue")) throw error;
        this.#depth = depth;
        if (error.levels > 1) throw new Leave(error.what, 0, error.levels - 1);
        status = 0;
        if (error.what === "break") return 0;
      }
    }
  }

  #case(command: Command & { kind: "case" }, state: ShellState, streams: Streams): number {
    const expander = this.#expander(state, streams);
    const text = expander.text(command.word);
    for (const { patterns, body } of command.arms) {
      if (patterns.some((pattern) => expander.matches(expander.glob(pattern), text))) return this.#list(body, state, streams);
    }
    return 0;
  }

  #holds(condition: Condition, state: ShellState, expander: Expander): boolean {
    switch (condition.kind) {
      case "not":
        return !this.#holds(condition.condition, state, expander);
      case "logic":
        return this.#holds(condition.left, state, expander) === (condition.operator === "&&") ? this.#holds(condition.right, state, expander) : condition.operator === "||";
      case "word":
        return expander.text(condition.word) !== "";
      case "unary":
        return holdsOne(condition.operator, expander.text(condition.word), (path) => this.#files.read(joined(state.folder, path)));
      default: {
        const left = expander.text(condition.left);
        if (condition.operator === "=~") return this.#finds(expander.expression(condition.right), left, state);
        if (condition.operator === "==" || condition.operator === "!=") return expander.matches(expander.glob(condition.right), left) === (condition.operator === "==");
        const number = (text: string): bigint => expander.arithmetic({ parts: [{ kind: "text", text, quoted: true }], at: 0 });
        return holdsTwo(condition.operator, left, expander.text(condition.right), number);
      }
    }
  }

  /** `[[ text =~ expression ]]`, which leaves what its brackets found in BASH_REMATCH. */
  #finds(source: string, text: string, state: ShellState): boolean {
    const match = this.#matcher.find(readExpression(source, { extended: true }), text);
    for (const name of state.variables.keys()) if (name.startsWith("BASH_REMATCH")) state.variables.delete(name);
    for (const [index, group] of match?.groups.entries() ?? []) state.set(`BASH_REMATCH[${index}]`, group);
    if (match !== null) state.set("BASH_REMATCH", match.groups[0]!);
    return match !== null;
  }

  #simple(command: Simple, state: ShellState, streams: Streams): number {
    const expander = this.#expander(state, streams);
    const words = command.words.flatMap((word) => expander.fields(word));
    if (words.length === 0) {
      // The status of what was substituted is that of the command.
      state.status = 0;
      this.#assign(command, state, expander);
      const { status } = state;
      return this.#redirected(command.redirections, state, streams, () => status);
    }
    // Redirections come before assignments, which are for the command alone.
    return this.#redirected(command.redirections, state, streams, (inner) => this.#assigned(command, state, expander, () => this.#dispatch(words, state, inner)));
  }

  /** Runs something with variables that are its own. */
  #assigned(command: Simple, state: ShellState, expander: Expander, act: () => number): number {
    if (command.assignments.length === 0) return act();
    const before = command.assignments.map(({ name }) => [name, state.variables.get(name), state.exported.has(name)] as const);
    this.#assign(command, state, expander);
    for (const { name } of command.assignments) state.exported.add(name);
    const status = act();
    for (const [name, value, exported] of before.toReversed()) {
      if (value === undefined) state.variables.delete(name);
      else state.variables.set(name, value);
      if (!exported) state.exported.delete(name);
    }
    return status;
  }

  #assign({ assignments }: Simple, state: ShellState, expander: Expander): void {
    for (const { name, appended, value } of assignments) state.set(name, (appended ? (state.get(name) ?? "") : "") + expander.text(value));
  }

  /** Runs something with other streams, and writes files when it has ended. */
  #redirected(redirections: readonly Redirection[], state: ShellState, streams: Streams, act: (inner: Streams) => number): number {
    if (redirections.length === 0) return act(streams);
    const outputs = new Map(streams.outputs);
    const files: Written[] = [];
    let { input } = streams;
    const expander = this.#expander(state, streams);
    for (const redirection of redirections) {
      if (redirection.kind === "here") input = new Input(expander.text(redirection.text) + (redirection.lineEnd ? "\n" : ""));
      else if (redirection.kind === "copy") {
        const output = outputs.get(redirection.to);
        if (output !== undefined) outputs.set(redirection.from, output);
      } else if (redirection.direction === "<") {
        const path = joined(state.folder, expander.text(redirection.target));
        const text = this.#files.read(path);
        if (text === null) return fail(streams, `there is no file "${path}"`);
        input = new Input(text);
      } else this.#toFile(redirection, joined(state.folder, expander.text(redirection.target)), outputs, files);
    }
    const status = act({ input, outputs });
    for (const { path, output, appended } of files) {
      const error = this.#files.write(path, output.text, appended);
      if (error !== undefined) return fail(streams, error);
    }
    return status;
  }

  #toFile({ from, direction }: Redirection & { kind: "file" }, path: string, outputs: Map<number, Output>, files: Written[]): void {
    const named = path === "/dev/stdout" ? 1 : path === "/dev/stderr" ? 2 : undefined;
    const output = named === undefined ? new Output(this.#budget, path !== "/dev/null") : outputs.get(named)!;
    if (named === undefined && path !== "/dev/null") files.push({ path, output, appended: direction === ">>" });
    for (const descriptor of from === "both" ? [1, 2] : [from]) outputs.set(descriptor, output);
  }

  /** Runs the command of that name. */
  #dispatch(words: readonly string[], state: ShellState, streams: Streams): number {
    this.#budget.spend(words.length);
    const [written = "", ...rest] = words;
    const called = state.functions.get(written);
    if (called !== undefined) return this.#call(called, rest, state, streams);
    const name = programName(written);
    if (PREFIXES.has(name)) return this.#prefixed(name, rest, state, streams);
    if (SHELLS.has(name)) return this.#shell(rest, state, streams);
    if (name === "." || name === "source") return this.#sourced(rest, state, streams);
    try {
      return this.#program(name, rest, state, streams);
    } catch (error) {
      if (!(error instanceof ShellError)) throw error;
      return fail(streams, error.message, name === "test" || name === "[" ? 2 : 1);
    }
  }

  #program(name: string, words: readonly string[], state: ShellState, streams: Streams): number {
    const write = (text: string): void => streams.outputs.get(1)?.write(text);
    const context: BuiltinContext = { state, streams, files: this.#files, world: this.#world, write };
    if (Object.hasOwn(BUILTINS, name)) return BUILTINS[name]!(words, context);
    if (Object.hasOwn(FILTERS, name)) return this.#filter(name, words, state, streams);
    if ((COMMANDS as readonly string[]).includes(name)) {
      const { status, output, errors } = this.#world.command([name, ...words]);
      write(output);
      streams.outputs.get(2)?.write(errors);
      return status;
    }
    if (/(?:^|\/)set_sysctls\.py$/.test(name)) return setSysctls(words, context);
    return name.includes("/") ? this.#file(name, words, state, streams) : fail(streams, `there is no command "${name.slice(0, 80)}"`, 127);
  }

  #filter(name: string, words: readonly string[], state: ShellState, streams: Streams): number {
    const filter = FILTERS[name]!;
    const { options, operands } = readOptions(name, filter, words);
    const act = filter.prepare(options, operands);
    const needsInput = name !== "seq" && name !== "basename" && name !== "dirname";
    const readFile = (path: string): string | null => this.#files.read(joined(state.folder, path));
    const { status, output } = act({ budget: this.#budget, matcher: this.#matcher, input: needsInput ? streams.input.rest() : "", readFile });
    streams.outputs.get(1)?.write(output);
    return status;
  }

  #prefixed(name: string, words: readonly string[], state: ShellState, streams: Streams): number {
    if (name === "command" && (words[0] === "-v" || words[0] === "-V")) {
      const known = words.slice(1).filter((word) => isKnown(word));
      for (const word of known) streams.outputs.get(1)?.write(`${word}\n`);
      return known.length > 0 ? 0 : 1;
    }
    if (words.length === 0) return 0;
    const status = this.#dispatch(words, state, streams);
    if (name === "exec") throw new Leave("exit", status);
    return status;
  }

  #call(body: Command, positional: readonly string[], state: ShellState, streams: Streams): number {
    const outer = state.positional;
    const depth = this.#depth;
    state.positional = positional;
    try {
      return state.withLocals(() => this.#command(body, state, streams));
    } catch (error) {
      if (!(error instanceof Leave) || error.what !== "return") throw error;
      this.#depth = depth;
      return error.status;
    } finally {
      state.positional = outer;
    }
  }

  /** `sh -c TEXT`, `sh FILE`. */
  #shell(words: readonly string[], state: ShellState, streams: Streams): number {
    const flags = words.slice(0, Math.max(0, words.findIndex((word) => !word.startsWith("-"))));
    const [first, ...rest] = words.slice(flags.length);
    if (first === undefined) return fail(streams, "a shell without a text or a file is not carried out", 2);
    if (!flags.some((flag) => flag.includes("c"))) return this.#file(first, rest, state, streams);
    return this.#inChild(first, "sh -c", state.child(rest[0] ?? "sh", rest.slice(1)), streams);
  }

  /** A file as a program: a shell of its own. */
  #file(path: string, positional: readonly string[], state: ShellState, streams: Streams): number {
    const text = this.#files.read(joined(state.folder, path));
    if (text === null) return fail(streams, `there is no file "${path.slice(0, 200)}"`, 127);
    return this.#inChild(text, path, state.child(path, positional), streams);
  }

  #inChild(text: string, name: string, child: ShellState, streams: Streams): number {
    this.#budget.spend(text.length >> 4);
    try {
      return this.#contained(() => this.#list(parseShell(text), child, streams));
    } catch (error) {
      if (error instanceof ShellProblem) return fail(streams, `${name}: ${error.message}`, 2);
      throw error;
    }
  }

  #sourced([path = "", ...positional]: readonly string[], state: ShellState, streams: Streams): number {
    const text = this.#files.read(joined(state.folder, path));
    if (text === null) return fail(streams, `there is no file "${path.slice(0, 200)}"`);
    this.#budget.spend(text.length >> 4);
    const [outer, depth] = [state.positional, this.#depth];
    if (positional.length > 0) state.positional = positional;
    try {
      return this.#list(parseShell(text), state, streams);
    } catch (error) {
      if (error instanceof ShellProblem) return fail(streams, `${path}: ${error.message}`, 2);
      if (!(error instanceof Leave) || error.what !== "return") throw error;
      this.#depth = depth;
      return error.status;
    } finally {
      state.positional = outer;
    }
  }
}

/** Whether there is a command of that name that is no file. */
/** What a program is called where it is named by the folder that programs are in: `/bin/rm`. */
export function programName(path: string): string {
  const name = path.replace(/^\/(?:usr\/)?s?bin\//, "");
  return isKnown(name) ? name : path;
}

export function isKnown(name: string): boolean {
  return Object.hasOwn(BUILTINS, name) || Object.hasOwn(FILTERS, name) || (COMMANDS as readonly string[]).includes(name) || PREFIXES.has(name) || SHELLS.has(name) || name === "." || name === "source";
}

function fail(streams: Streams, message: string, status = 1): number {
  streams.outputs.get(2)?.write(`${message}\n`);
  return status;
}

function withoutLineEnds(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === "\n") end--;
  return text.slice(0, end);
}
