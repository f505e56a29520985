import { fstatSync } from "node:fs";
import { Readable } from "node:stream";
import type { Writable } from "node:stream";
import { isatty } from "node:tty";
import pc from "picocolors";
import { explainFile } from "./remedies.ts";

/** Where a command writes to and whom it listens to: the process, or a test. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /**
   * Calls `stop` when the user wants the command to end: by Ctrl-C unless a signal is named. Whoever asks again ends the process at once, unless `stop` returns true: then it has
   * taken care. Returns how to cancel that.
   */
  onInterrupt(stop: (signal?: Signal) => boolean | void): () => void;
  /** Seconds, monotonic. */
  clock(): number;
  /** Bytes for a connection, and where bytes from it go: standard input and output. */
  pipes(): Pipes;
}

export interface Pipes {
  readonly input: Readable;
  /** Whether the input is a terminal, where somebody types. */
  readonly isTyped: boolean;
  readonly output: Writable;
  /** Octets that the input will give; null where nobody knows. */
  readonly inputSize: number | null;
}

/** What asks the process to end. */
export type Signal = "SIGINT" | "SIGTERM";

/** One stream of text. */
export interface Output {
  write(text: string): void;
  /** Columns of a terminal; 0 when it is none. */
  readonly columns: number;
  /** Rows of a terminal, where that is known. */
  readonly rows?: number;
  readonly colors: Colors;
  /** Fulfilled once who read it from a pipe has gone, for commands that would tell without end. Missing: nobody can go. */
  readonly unread?: Promise<void>;
}

export type Colors = ReturnType<typeof pc.createColors>;

/** The process's own streams and signals. */
export function processIo(): Io {
  // Whoever pipes bytes to standard output says himself what goes wrong with it.
  let isPiped = false;
  return {
    stdout: streamOutput(process.stdout, "standard output", () => isPiped),
    stderr: streamOutput(process.stderr, "standard error", () => false),
    onInterrupt: (stop) => {
      let asked = false;
      const handler = (signal: NodeJS.Signals): void => {
        const known = signal === "SIGTERM" ? "SIGTERM" : "SIGINT";
        const isTakenCareOf = stop(known) === true;
        // Whoever asks twice does not want to wait.
        if (asked && !isTakenCareOf) process.exit(exitOf(known));
        asked = true;
      };
      process.on("SIGINT", handler);
      process.on("SIGTERM", handler);
      return () => {
        process.off("SIGINT", handler);
        process.off("SIGTERM", handler);
      };
    },
    clock: () => performance.now() / 1000,
    pipes: () => {
      isPiped = true;
      return { input: standardInput(), isTyped: isatty(0), output: process.stdout, inputSize: sizeOf(0) };
    },
  };
}

/** The command's exit codes: those of a shell for signals. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130, terminated: 143 } as const;

/** The exit code of a command that a signal ended. */
export function exitOf(signal: Signal): number {
  return signal === "SIGTERM" ? EXIT.terminated : EXIT.interrupted;
}

function streamOutput(stream: NodeJS.WriteStream, name: string, isPiped: () => boolean): Output {
  // A pipe says nothing at all, where the types say that it says false.
  const isTerminal = Boolean(stream.isTTY);
  let isBroken = false;
  let leave!: () => void;
  const unread = new Promise<void>((resolve) => (leave = resolve));
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read the pipe may leave early; a run still writes its files.
    if (error.code === "EPIPE") leave();
    if (error.code === "EPIPE" || isPiped() || isBroken) return;
    isBroken = true;
    process.exitCode = EXIT.failed;
    if (stream !== process.stderr) process.stderr.write(`${explainFile(name, error)}\n`);
  });
  return {
    write: (text) => void stream.write(text),
    get columns(): number {
      // One that does not know says 0.
      return isTerminal ? stream.columns || 80 : 0;
    },
    get rows(): number {
      return stream.rows || 24;
    },
    colors: pc.createColors(isColored(isTerminal, process.env)),
    unread,
  };
}

/** Whether text for a stream is coloured: for a terminal, or where FORCE_COLOR asks for it, unless NO_COLOR is set (no-color.org). */
export function isColored(isTerminal: boolean, environment: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = environment;
  if ((NO_COLOR ?? "") !== "") return false;
  if ((FORCE_COLOR ?? "") !== "") return FORCE_COLOR !== "0";
  return isTerminal && TERM !== "dumb";
}

/** Node takes a folder for an empty file. */
function standardInput(): Readable {
  if (!fstatSync(0).isDirectory()) return process.stdin;
  const error = Object.assign(new Error("EISDIR: illegal operation on a directory, read"), { code: "EISDIR" });
  return new Readable({
    read(): void {
      this.destroy(error);
    },
  });
}

/** Octets of the file behind a descriptor; null when it is no file. */
function sizeOf(descriptor: number): number | null {
  try {
    const status = fstatSync(descriptor);
    return status.isFile() ? status.size : null;
  } catch {
    return null;
  }
}
