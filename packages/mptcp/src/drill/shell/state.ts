import type { Command } from "./tree.ts";

/** Variables, functions and the rest that a shell has to itself. A subshell has a copy. */
export class ShellState {
  readonly variables: Map<string, string>;
  readonly exported: Set<string>;
  readonly functions: Map<string, Command>;
  positional: readonly string[];
  /** `$0`. */
  name: string;
  /** Where relative names begin. */
  folder: string;
  status = 0;
  /** `set -e`, `set -u`. */
  errorIsEnd = false;
  unsetIsError = false;
  /** `set -o pipefail`. */
  anyFailureCounts = false;
  /** Within conditions a status other than 0 is an answer. */
  conditions = 0;
  /** How far `getopts` is within a word of several letters. */
  letter = 0;
  /** What local variables had before, function by function. */
  readonly #hidden: Map<string, string | undefined>[] = [];

  constructor(variables: ReadonlyMap<string, string>, name: string, positional: readonly string[]) {
    this.variables = new Map(variables);
    this.exported = new Set(variables.keys());
    this.functions = new Map();
    this.name = name;
    this.positional = positional;
    this.folder = "";
  }

  /** A subshell. */
  copy(): ShellState {
    const copy = this.child(this.name, this.positional);
    for (const [name, value] of this.variables) copy.variables.set(name, value);
    for (const name of this.exported) copy.exported.add(name);
    for (const [name, body] of this.functions) copy.functions.set(name, body);
    copy.status = this.status;
    copy.errorIsEnd = this.errorIsEnd;
    copy.unsetIsError = this.unsetIsError;
    copy.anyFailureCounts = this.anyFailureCounts;
    copy.conditions = this.conditions;
    return copy;
  }

  /** A shell that runs a file: it knows what was exported. */
  child(name: string, positional: readonly string[]): ShellState {
    const child = new ShellState(new Map([...this.variables].filter(([variable]) => this.exported.has(variable))), name, positional);
    child.folder = this.folder;
    return child;
  }

  get(name: string): string | undefined {
    const position = /^\d+$/.test(name) ? Number(name) : undefined;
    if (position !== undefined) return position === 0 ? this.name : this.positional[position - 1];
    switch (name) {
      case "@":
      case "*":
        return this.positional.join(" ");
      case "#":
        return String(this.positional.length);
      case "?":
        return String(this.status);
      case "$":
        return "2";
      case "-":
        return `${this.errorIsEnd ? "e" : ""}${this.unsetIsError ? "u" : ""}`;
      default:
        return this.variables.get(name);
    }
  }

  set(name: string, value: string): void {
    this.variables.set(name, value);
    if (name === "OPTIND") this.letter = 0;
  }

  unset(name: string): void {
    this.variables.delete(name);
    this.exported.delete(name);
  }

  get inFunction(): boolean {
    return this.#hidden.length > 0;
  }

  /** Local variables of what is done, a function, end with it. */
  withLocals<T>(act: () => T): T {
    this.#hidden.push(new Map());
    try {
      return act();
    } finally {
      for (const [name, value] of this.#hidden.pop()!) {
        if (value === undefined) this.unset(name);
        else this.variables.set(name, value);
      }
    }
  }

  makeLocal(name: string): void {
    const hidden = this.#hidden.at(-1);
    if (hidden !== undefined && !hidden.has(name)) hidden.set(name, this.variables.get(name));
  }
}
