import { PassThrough, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { AnySocket } from "mptcp/node";
import { EXIT, exitOf } from "./io.ts";
import type { Io, Signal } from "./io.ts";
import type { Network } from "./network.ts";
import { ProcessEnd } from "./process-end.ts";
import { explain, explainFile } from "./remedies.ts";
import { shownInfo, shownSubflow } from "./shown-info.ts";
import { splice } from "./splice.ts";
import { SubflowLedger } from "./subflow-ledger.ts";
import { transferLines, transferRows } from "./transfer-rows.ts";
import type { TransferView } from "./transfer-rows.ts";
import { pace, printSummary } from "./transfer-summary.ts";

/** The flags that say where a connection's bytes come from and go. */
export interface TransferFlags {
  readonly echo: boolean;
  readonly discard: boolean;
  /** Bytes to send instead of standard input; null for standard input. */
  readonly source: number | null;
  /** A command of the shell that the connection is joined to instead; null for none. */
  readonly exec: string | null;
  readonly json: boolean;
  /** Says more than what went wrong, also where nobody looks at a terminal. */
  readonly verbose: boolean;
  /** Says nothing but what went wrong. */
  readonly quiet: boolean;
  /** The summary has the connection's token. */
  readonly secrets: boolean;
}

/** Moves the bytes of one connection until both directions have ended, and prints a summary. @returns the exit code */
export async function transfer(connection: AnySocket, network: Network, flags: TransferFlags, io: Io, stopped: Promise<Signal>): Promise<number> {
  const started = io.clock();
  const ledger = new SubflowLedger(connection);
  const forget = network.watch(() => ledger.look());
  const ends = endsOf(connection, flags, io);
  const watch = watchTransfer(connection, ledger, ends, flags, io);
  let error: string | null = null;
  let code: number = EXIT.ok;
  try {
    const finished = Promise.all([ends.done, closed(connection)]);
    const signal = await Promise.race([finished.then(() => null), stopped]);
    if (signal === null) error = await lost(network, stopped);
    else {
      code = exitOf(signal);
      finished.catch(() => {});
      // An orderly end would tell the peer that this was all.
      connection.resetAndDestroy();
    }
  } catch (failure) {
    error = ends.problem() ?? explain(failure);
    connection.resetAndDestroy();
  } finally {
    watch.stop();
  }
  forget();
  if (error !== null) code = EXIT.failed;
  const { bytesRead, bytesWritten } = connection;
  const info = ledger.last;
  const summary = {
    via: network.via,
    connections: 1,
    bytesRead,
    bytesWritten,
    ...pace(bytesRead + bytesWritten, io.clock() - started),
    fallback: info.fallback,
    error,
    mptcp: shownInfo(info, flags.secrets),
    subflows: ledger.subflows.map(shownSubflow),
    counters: network.counters(),
  };
  printSummary(summary, flags, io);
  return code;
}

/** Everything was handed over and the peer has ended: what is left is that it acknowledges. */
async function lost(network: Network, stopped: Promise<Signal>): Promise<string | null> {
  const outcome = await Promise.race([network.settled(), stopped.then(() => "interrupted before the other side had acknowledged everything")]);
  return outcome === null || outcome.startsWith("interrupted") ? outcome : `the other side did not acknowledge everything: ${outcome}`;
}

interface Ends {
  /** Until both directions have ended. */
  readonly done: Promise<unknown>;
  /** Octets that will be sent, where that is known. */
  readonly size: number | null;
  /** Whether what is sent is typed at a terminal. */
  readonly isTyped: boolean;
  /** Whether what comes is written to standard output. */
  readonly isWritten: boolean;
  /** Whether progress may be shown: nobody else writes to the terminal. */
  readonly hasView: boolean;
  /** What went wrong with standard input or output; null when nothing did. */
  problem(): string | null;
}

function endsOf(connection: AnySocket, flags: TransferFlags, io: Io): Ends {
  const plain = { size: null, isTyped: false, isWritten: false, hasView: true, problem: () => null };
  if (flags.echo) return { ...plain, done: pipeline(connection, connection) };
  if (flags.exec !== null) return { ...plain, done: withProcess(connection, flags.exec), hasView: false };
  const { input, isTyped, output, inputSize } = io.pipes();
  let problem: string | null = null;
  // Said before the pipeline does, which would end the connection as if all had been sent.
  const fail = (name: string) => (error: NodeJS.ErrnoException): void => {
    problem ??= explainFile(name, error);
    connection.resetAndDestroy();
  };
  const isWritten = !flags.discard;
  const sink = isWritten ? output.on("error", fail("standard output")) : discard();
  const received = pipeline(connection, sink, { end: false }).then(() => flushed(sink));
  const over = (source: Readable): Promise<unknown> => Promise.all([received, pipeline(source, connection)]);
  if (flags.source !== null) return { ...plain, done: over(sourceOf(flags.source)), size: flags.source, isWritten, problem: () => problem };
  input.on("error", fail("standard input"));
  return { done: over(isTyped ? typedUntil(input, received) : input), size: inputSize, isTyped, isWritten, hasView: true, problem: () => problem };
}

/** Until a command has served the connection. @throws why one of both broke */
async function withProcess(connection: AnySocket, command: string): Promise<void> {
  const problem = await splice(connection, new ProcessEnd(command, connection), { idle: 0, halfClosed: 0 });
  if (problem !== null) throw problem.error;
}

/**
 * What is typed until `over`. Nobody should have to press Ctrl-D when the other side has ended and everything has arrived; a file or a pipe, by
 * contrast, is read to its end.
 */
function typedUntil(input: Readable, over: Promise<void>): Readable {
  const typed = new PassThrough();
  input.pipe(typed);
  const end = (): void => {
    // This pauses the input, too: a terminal that is read would keep the process alive.
    input.unpipe(typed);
    if (typed.writable) typed.end(input.read());
  };
  over.then(end, end);
  return typed;
}

/** Until everything that was written is out. */
function flushed(output: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write("", (error) => (error instanceof Error ? reject(error) : resolve()));
  });
}

/**
 * Looks at the transfer now and then, and shows it where standard error is a terminal. People who write to each other there see nothing of it, and what comes is not
 * mixed with it.
 */
function watchTransfer(connection: AnySocket, ledger: SubflowLedger, { size, isTyped, isWritten, hasView }: Ends, { verbose, quiet }: TransferFlags, io: Io): { stop(): void } {
  const isShown = isWritten && io.stdout.columns > 0;
  const isTerminal = io.stderr.columns > 0;
  let view: TransferView | null = null;
  if (!hasView || quiet) view = null;
  else if (isTerminal && !(isTyped && isShown)) view = transferRows(io.stderr, io.clock());
  else if (verbose && !isTerminal) view = transferLines(io.stderr, io.clock());
  const hide = (): void => {
    view?.clear();
    view = null;
  };
  if (isShown && isTerminal) connection.prependOnceListener("data", hide);
  const timer = setInterval(
    () => {
      ledger.look();
      const bytes = size === null ? connection.bytesRead + connection.bytesWritten : connection.bytesWritten;
      view?.update({ time: io.clock(), bytes, size, subflows: ledger.subflows });
    },
    isTerminal && view !== null ? DRAW_INTERVAL : LOOK_INTERVAL,
  ).unref();
  return {
    stop: () => {
      clearInterval(timer);
      hide();
    },
  };
}

function closed(connection: AnySocket): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.once("close", () => resolve());
    connection.once("error", reject);
  });
}

/** `bytes` octets of a fixed pattern. */
export function sourceOf(bytes: number): Readable {
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
const DRAW_INTERVAL = 200;
const LOOK_INTERVAL = 1000;
