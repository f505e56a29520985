import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { Duplex } from "node:stream";

/** Who is at the other side of what a command serves, for the command to see. */
export interface Peers {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/**
 * A command of the shell as one end of a connection: what is written is its standard input, what is read its standard output. Its standard error is ours. The command
 * has ended when it has exited and nobody that it left has its output still.
 */
export class ProcessEnd extends Duplex {
  /** Until the command has ended. */
  readonly gone: Promise<void>;
  private readonly child: ChildProcess;
  private isGone = false;
  private isOutputOver = false;

  constructor(command: string, peers: Peers) {
    super({ allowHalfOpen: true });
    // A group of its own: Ctrl-C is ours to hear, and what the shell starts ends with it.
    this.child = spawn("/bin/sh", ["-c", command], { stdio: ["pipe", "pipe", "inherit"], detached: true, env: { ...process.env, ...environmentOf(peers) } });
    const { child } = this;
    // Whoever does not read its input may do so: what comes is dropped then, as by a shell's pipe.
    child.stdin?.on("error", () => {});
    child.stdout?.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout?.pause();
    });
    this.gone = new Promise((resolve) => child.once("close", () => resolve()));
    // Whoever closes its output may read on; whoever ends by a signal closes it just before.
    child.stdout?.once("end", () => setTimeout(() => this.endOutput(), LAST_MOMENT).unref());
    child.once("error", (error) => this.destroy(error));
    child.once("close", (code, signal) => this.onEnd(code, signal));
  }

  override _read(): void {
    this.child.stdout?.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    const { stdin } = this.child;
    if (stdin === null || this.isGone || stdin.destroyed) callback();
    else stdin.write(chunk, () => callback());
  }

  /** It is over when the command is: until then it may make something of what came. */
  override _final(callback: () => void): void {
    this.child.stdin?.end();
    void this.gone.then(() => callback());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.kill("SIGTERM");
    callback(error);
  }

  /** Ends the command by SIGTERM, and by SIGKILL where that does not help. */
  resetAndDestroy(): this {
    this.destroy();
    const end = (): void => this.kill("SIGKILL");
    const timer = setTimeout(end, LAST_WORDS);
    // Nor does it outlive us.
    process.once("exit", end);
    this.child.once("close", () => {
      clearTimeout(timer);
      process.off("exit", end);
    });
    return this;
  }

  destroySoon(): this {
    return this.resetAndDestroy();
  }

  private endOutput(): void {
    if (this.isOutputOver || this.destroyed) return;
    this.isOutputOver = true;
    this.push(null);
  }

  private onEnd(code: number | null, signal: NodeJS.Signals | null): void {
    this.isGone = true;
    if (this.destroyed) return;
    if (signal !== null) this.destroy(Object.assign(new Error(`the command was ended by ${signal}`), { code: "ERR_COMMAND" }));
    else if (code === NOT_FOUND || code === NOT_EXECUTABLE) this.destroy(Object.assign(new Error(`the command cannot be run (${code})`), { code: "ERR_COMMAND" }));
    else {
      this.endOutput();
      // Nobody reads what still comes. The other side has a while to hear of it before it is told by a reset.
      setTimeout(() => this.destroy(), LAST_WORDS).unref();
    }
  }

  private kill(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid === undefined || this.isGone) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // It has ended just now.
    }
  }
}

function environmentOf(peers: Peers): Record<string, string> {
  return {
    MPTCP_LOCAL_ADDRESS: peers.localAddress ?? "",
    MPTCP_LOCAL_PORT: String(peers.localPort ?? ""),
    MPTCP_REMOTE_ADDRESS: peers.remoteAddress ?? "",
    MPTCP_REMOTE_PORT: String(peers.remotePort ?? ""),
  };
}

/** The shell's. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
/** ms */
const LAST_MOMENT = 50;
const LAST_WORDS = 2000;
