import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createStack } from "mptcp/node";
import type { MptcpInfo, Socket, Stack } from "mptcp/node";
import { EXIT } from "./io.ts";
import type { Io } from "./io.ts";
import { openLink } from "./link-options.ts";
import type { LinkOption } from "./link-options.ts";

/** The flags that `mptcp listen` and `mptcp connect` share. */
export interface SocketFlags {
  readonly udp: readonly LinkOption[];
  readonly tun: readonly LinkOption[];
  readonly echo: boolean;
  readonly discard: boolean;
  /** Bytes to send instead of standard input; null for standard input. */
  readonly source: number | null;
  readonly json: boolean;
}

/** What `--json` prints to standard error at the end. */
export interface TransferSummary {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly seconds: number;
  readonly error: string | null;
  readonly mptcp: MptcpInfo;
}

/** `mptcp listen PORT`: serves one connection, between it and standard input and output unless told otherwise. */
export async function listenCommand(port: number, flags: SocketFlags, io: Io): Promise<number> {
  return withStack(flags, io, async (stack, stopped) => {
    const server = stack.createServer({ allowHalfOpen: true });
    server.listen(port);
    await Promise.race([once(server, "listening"), stopped]);
    io.stderr.write(`listening on port ${port}\n`);
    const socket = await Promise.race([new Promise<Socket>((resolve) => server.once("connection", resolve)), stopped]);
    if (socket === undefined) {
      server.close();
      return EXIT.interrupted;
    }
    server.close();
    io.stderr.write(`connection from ${socket.remoteAddress}:${socket.remotePort}\n`);
    return transfer(socket, flags, io, stopped);
  });
}

/** `mptcp connect HOST PORT`: the other end. */
export async function connectCommand(host: string, port: number, flags: SocketFlags, io: Io): Promise<number> {
  return withStack(flags, io, async (stack, stopped) => {
    const socket = stack.connect({ host, port, allowHalfOpen: true });
    await Promise.race([once(socket, "connect"), stopped]);
    return transfer(socket, flags, io, stopped);
  });
}

/** Opens the links, runs `act`, closes everything; Ctrl-C resolves `stopped`. */
async function withStack(flags: SocketFlags, io: Io, act: (stack: Stack, stopped: Promise<undefined>) => Promise<number>): Promise<number> {
  const options = [...flags.udp, ...flags.tun];
  if (options.length === 0) {
    io.stderr.write("no link: give at least one --udp local=ADDRESS (no privileges needed) or --tun name=NAME,host=ADDRESS,kernel=ADDRESS/LENGTH\n");
    return EXIT.usage;
  }
  const { stopped, cancel } = interruption(io);
  let stack: Stack | null = null;
  try {
    stack = createStack({ links: await Promise.all(options.map(openLink)) });
    const code = await act(stack, stopped);
    if (code === EXIT.ok) await Promise.race([delivered(stack), stopped]);
    return code;
  } catch (error) {
    io.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.failed;
  } finally {
    cancel();
    await stack?.close();
  }
}

/** A promise of Ctrl-C, and how to stop waiting for it. */
function interruption(io: Io): { readonly stopped: Promise<undefined>; readonly cancel: () => void } {
  let stop!: () => void;
  const stopped = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
  });
  return { stopped, cancel: io.onInterrupt(() => stop()) };
}

/** Until the engine has delivered what was written, and the peer knows that all is done. */
async function delivered(stack: Stack): Promise<void> {
  const { host } = stack.runtime;
  for (let waited = 0; host.usage.tokens > 0 && waited < LONGEST_DELIVERY; waited += DELIVERY_LOOK) {
    await new Promise((resolve) => setTimeout(resolve, DELIVERY_LOOK));
  }
}

async function transfer(socket: Socket, flags: SocketFlags, io: Io, stopped: Promise<undefined>): Promise<number> {
  const started = io.clock();
  let error: string | null = null;
  let code: number = EXIT.ok;
  // What the connection was is not to be seen any more once it is closed.
  let info = socket.mptcp.info();
  const watch = setInterval(() => {
    info = newest(info, socket.mptcp.info());
    if (io.stderr.columns > 0) io.stderr.write(`\r${progress(socket, info)}`.slice(0, io.stderr.columns + 1));
  }, PROGRESS_INTERVAL);
  const { input, output } = io.pipes();
  const done = flags.echo
    ? pipeline(socket, socket)
    : Promise.all([pipeline(flags.source === null ? input : sourceOf(flags.source), socket), pipeline(socket, flags.discard ? discard() : output, { end: false })]);
  try {
    const finished = await Promise.race([done.then(() => once(socket, "close")).then(() => true), stopped]);
    if (finished !== true) {
      code = EXIT.interrupted;
      done.catch(() => {});
      socket.destroy();
    }
  } catch (failure) {
    error = failure instanceof Error ? failure.message : String(failure);
    code = EXIT.failed;
    socket.destroy();
  } finally {
    clearInterval(watch);
  }
  if (io.stderr.columns > 0) io.stderr.write("\n");
  const summary: TransferSummary = { bytesRead: socket.bytesRead, bytesWritten: socket.bytesWritten, seconds: io.clock() - started, error, mptcp: newest(info, socket.mptcp.info()) };
  if (flags.json) io.stderr.write(`${JSON.stringify(summary)}\n`);
  else {
    if (error !== null) io.stderr.write(`${error}\n`);
    io.stderr.write(`${summary.bytesRead} bytes read, ${summary.bytesWritten} written in ${summary.seconds.toFixed(2)} s, ${describe(summary.mptcp)}\n`);
  }
  return code;
}

/** The later look, unless the connection is gone in it. */
function newest(before: MptcpInfo, now: MptcpInfo): MptcpInfo {
  return now.subflows.length >= before.subflows.length ? now : before;
}

function describe(info: MptcpInfo): string {
  if (!info.multipath) return info.fallback === null ? "plain TCP" : `plain TCP (${info.fallback})`;
  return `Multipath TCP over ${info.subflows.length} ${info.subflows.length === 1 ? "subflow" : "subflows"}`;
}

function progress(socket: Socket, info: MptcpInfo): string {
  const flows = info.subflows.map((subflow) => `${subflow.localAddress} ${subflow.bytesSent + subflow.bytesReceived}`);
  return `${socket.bytesRead} in, ${socket.bytesWritten} out | ${flows.join(" | ")} `;
}

function once(emitter: Socket | ReturnType<Stack["createServer"]>, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (event === "close" && "closed" in emitter && emitter.closed) resolve();
    emitter.once(event, () => resolve());
    emitter.once("error", reject);
  });
}

/** `bytes` octets of a fixed pattern. */
function sourceOf(bytes: number): Readable {
  const block = Buffer.alloc(65536, "multipath ");
  let left = bytes;
  return new Readable({
    read(): void {
      const size = Math.min(left, block.length);
      left -= size;
      this.push(size === 0 ? null : block.subarray(0, size));
    },
  });
}

function discard(): Writable {
  return new Writable({ write: (_chunk, _encoding, callback) => callback() });
}

/** ms */
const PROGRESS_INTERVAL = 200;
const DELIVERY_LOOK = 20;
const LONGEST_DELIVERY = 60_000;
