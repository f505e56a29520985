import { PassThrough } from "node:stream";
import type { Readable } from "node:stream";
import pc from "picocolors";
import { main } from "../src/main.ts";
import type { Io } from "../src/main.ts";

/** A command that runs in this process. */
export interface Started {
  readonly code: Promise<number>;
  /** Everything that came out of standard output, once it is over. */
  readonly output: Buffer[];
  stdout: string;
  stderr: string;
  interrupt(): void;
  /** Resolves when standard error holds `text`, and more than `length` characters. */
  until(text: string, length?: number): Promise<void>;
}

/** Starts the command with an input of its own, which is a terminal where it is told so; `terminal` is the width of the one that standard error is. */
export function start(args: readonly string[], input: Readable, terminal = 0, inputSize: number | null = null, isTyped = false): Started {
  const colors = pc.createColors(false);
  const sink = new PassThrough();
  let stop = (): void => {};
  const waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];
  const started: Started = {
    output: [],
    stdout: "",
    stderr: "",
    code: Promise.resolve(0),
    interrupt: () => stop(),
    until: (text, length = 0) => {
      const holds = (): boolean => started.stderr.length > length && started.stderr.includes(text);
      return new Promise((resolve) => (holds() ? resolve() : waiting.push({ holds, resolve })));
    },
  };
  sink.on("data", (chunk: Buffer) => started.output.push(chunk));
  const io: Io = {
    stdout: { write: (text) => (started.stdout += text), columns: 0, colors },
    stderr: {
      write: (text) => {
        started.stderr += text;
        for (const waiter of waiting) if (waiter.holds()) waiter.resolve();
      },
      columns: terminal,
      colors,
    },
    onInterrupt: (callback) => {
      stop = callback;
      return () => {};
    },
    clock: () => performance.now() / 1000,
    pipes: () => ({ input, isTyped, output: sink, inputSize }),
  };
  return Object.assign(started, { code: main(args, io) });
}
