import type { CommandOutcome } from "../system/index.ts";
import { Interpreter } from "./interpreter.ts";
import { ShellState } from "./state.ts";
import { PARENT_PROCESS, ShellFiles, type ShellWorld } from "./world.ts";

/**
 * Runs the shell lines of one script. No shell is started: lines are read and walked here, and what they call is the stack's, or text that is turned into text. Each line
 * begins with the variables of the environment, as if it were a process of its own; files below /tmp that one has written are there for the next.
 */
export class Shell {
  readonly #world: ShellWorld;
  readonly #files: ShellFiles;

  constructor(world: ShellWorld) {
    this.#world = world;
    this.#files = new ShellFiles(world);
  }

  /** Runs a line, or several. It never throws and always ends: what takes too long, or cannot be read, ends with status 2 and says why. */
  run(text: string): CommandOutcome {
    const environment = new Map([["PPID", PARENT_PROCESS], ["PACKETDRILL_PID", PARENT_PROCESS], ...this.#world.environment]);
    return new Interpreter(this.#world, this.#files).run(text, new ShellState(environment, "sh", []));
  }
}
