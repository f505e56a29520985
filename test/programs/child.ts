import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A process of a test. */
export class Child {
  readonly process: ChildProcess;
  /** All that it wrote to standard error. */
  errors = "";
  private readonly exited: Promise<unknown>;
  private readonly closed: Promise<unknown>;
  private readonly lines: AsyncIterator<string>;

  constructor(command: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const [file = "", ...words] = command;
    this.process = spawn(file, words, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...environment } });
    running.add(this.process);
    this.exited = once(this.process, "exit").finally(() => running.delete(this.process));
    this.closed = once(this.process, "close");
    const { stdin, stdout, stderr } = this.process;
    if (stdin === null || stdout === null || stderr === null) throw new Error("the child has no pipes");
    stdin.on("error", () => {});
    stderr.on("data", (chunk: Buffer) => (this.errors += chunk.toString()));
    this.lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Its next line; null when there is none any more. */
  async line(): Promise<string | null> {
    const { value, done } = await this.lines.next();
    return done === true ? null : (value as string);
  }

  write(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  get isRunning(): boolean {
    return running.has(this.process) && this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Waits for its end, and for all that it wrote. */
  async end(): Promise<number | null> {
    await this.closed;
    return this.process.exitCode;
  }

  /** Waits for its end alone: processes that it started may go on, and hold what it wrote to. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.isRunning) this.process.kill(signal);
    await this.exited;
  }
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
