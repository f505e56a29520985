import pc from "picocolors";

/** Where a command writes to and whom it listens to: the process, or a test. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Calls `stop` when the user wants the command to end; returns how to cancel that. */
  onInterrupt(stop: () => void): () => void;
  /** Seconds, monotonic. */
  clock(): number;
  /** Bytes for a connection, and where bytes from it go: standard input and output. */
  pipes(): { readonly input: NodeJS.ReadableStream; readonly output: NodeJS.WritableStream };
}

/** One stream of text. */
export interface Output {
  write(text: string): void;
  /** Columns of a terminal; 0 when it is none. */
  readonly columns: number;
  readonly colors: Colors;
}

export type Colors = ReturnType<typeof pc.createColors>;

/** The process's own streams and signals. */
export function processIo(): Io {
  return {
    stdout: streamOutput(process.stdout),
    stderr: streamOutput(process.stderr),
    onInterrupt: (stop) => {
      let asked = false;
      const handler = (): void => {
        // Whoever presses twice does not want to wait.
        if (asked) process.exit(EXIT.interrupted);
        asked = true;
        stop();
      };
      process.on("SIGINT", handler);
      return () => process.off("SIGINT", handler);
    },
    clock: () => performance.now() / 1000,
    pipes: () => ({ input: process.stdin, output: process.stdout }),
  };
}

/** The command's exit codes. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

function streamOutput(stream: NodeJS.WriteStream): Output {
  const isTerminal = stream.isTTY;
  // Whoever read the pipe may leave early; the run still writes its files.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  return {
    write: (text) => void stream.write(text),
    get columns(): number {
      return isTerminal ? (stream.columns ?? 80) : 0;
    },
    colors: pc.createColors(isTerminal && pc.isColorSupported),
  };
}
