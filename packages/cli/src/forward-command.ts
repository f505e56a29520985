import { connect as connectTcp, createServer } from "node:net";
import type { Socket } from "node:net";
import type { AnySocket } from "mptcp/node";
import { beginAttempt } from "./attempt.ts";
import { placeText } from "./endpoint-text.ts";
import type { Place } from "./endpoint-text.ts";
import { EXIT, exitOf } from "./io.ts";
import type { Io, Signal } from "./io.ts";
import { listenAt } from "./local-listener.ts";
import type { Network } from "./network.ts";
import { ProcessEnd } from "./process-end.ts";
import { Relay, within } from "./relay.ts";
import type { Opening, RelayFlags } from "./relay.ts";
import { makeRelayLog } from "./relay-log.ts";
import { explain } from "./remedies.ts";
import { withNetwork } from "./socket-command.ts";
import type { Interruption, LinkFlags } from "./socket-command.ts";
import type { End } from "./splice.ts";
import { pace, printSummary } from "./transfer-summary.ts";

/** The flags of `mptcp forward`, and of `mptcp listen` with `--to` or `--exec`. */
export interface ForwardFlags extends LinkFlags, RelayFlags {
  /** Seconds that connections have to end by themselves once the command is asked to. */
  readonly grace: number;
  readonly json: boolean;
  readonly verbose: boolean;
  /** Says nothing but what goes wrong. */
  readonly quiet: boolean;
}

/** `mptcp forward PLACE HOST:PORT`: a Multipath TCP connection for each that comes to a port, or a Unix socket, of this machine. */
export async function forwardCommand(from: Place, to: { readonly host: string; readonly port: number }, flags: ForwardFlags, io: Io): Promise<number> {
  return withNetwork(flags, `forward ${placeText(from)} ${placeText(to)}`, null, io, (network, stopped, interruption) =>
    relaying(flags, network, stopped, interruption, io, async (relay) => {
      let count = 0;
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true }, (socket) => {
        count++;
        relay.take({ near: socket, name: nameOf(socket, `client ${count}`), multipath: "far", open: () => openFar(network, to) });
      });
      await listenAt(server, from);
      if (!flags.quiet) io.stderr.write(`forwarding ${placeText(from)} to ${placeText(to)}\n`);
      return () => void server.close();
    }),
  );
}

/** `mptcp listen PORT --to PLACE` and `--exec COMMAND`: what comes by Multipath TCP goes on to a port, a Unix socket or a process of its own. */
export async function serveCommand(port: number, target: Target, flags: ForwardFlags, io: Io): Promise<number> {
  return withNetwork(flags, `listen ${port}`, port, io, (network, stopped, interruption) =>
    relaying(flags, network, stopped, interruption, io, async (relay) => {
      const where = await network.listen(port, (socket) => {
        settled(socket);
        relay.take({ near: socket as AnySocket & End, name: nameOf(socket, "?"), multipath: "near", open: () => openTarget(target, socket) });
      });
      if (!flags.quiet) io.stderr.write(`listening on ${where}, for ${target.exec ?? placeText(target.to)}\n`);
      // The listener stays until the end: connections that are there may need its port for their joins.
      return () => {};
    }),
  );
}

/** Where a listener passes connections on to. */
export type Target = { readonly exec: null; readonly to: Place } | { readonly exec: string; readonly to: null };

/** Passes connections on until it is asked to end, and lets those that are there end first. @param open begins to take connections @returns the exit code */
async function relaying(
  flags: ForwardFlags,
  network: Network,
  stopped: Promise<Signal>,
  interruption: Interruption,
  io: Io,
  open: (relay: Relay) => Promise<() => void>,
): Promise<number> {
  const started = io.clock();
  const relay = new Relay(flags, makeRelayLog(flags, io), io);
  const stop = await open(relay).catch((error: unknown) => explain(error));
  if (typeof stop === "string") {
    io.stderr.write(`${stop}\n`);
    return EXIT.failed;
  }
  const signal = await stopped;
  stop();
  await relay.close(flags.grace, interruption);
  // What was sent is acknowledged, or nobody is there to do so.
  await within(LAST_ACKNOWLEDGEMENTS, network.settled());
  const { bytesRead, bytesWritten } = relay.total;
  const summary = { via: network.via, ...relay.total, ...pace(bytesRead + bytesWritten, io.clock() - started), fallback: null, error: null, mptcp: null, subflows: [], counters: network.counters() };
  printSummary(summary, flags, io);
  return exitOf(signal);
}

/** A connection by Multipath TCP, from whichever device is answered. */
function openFar(network: Network, { host, port }: { readonly host: string; readonly port: number }): Opening {
  const attempt = beginAttempt(network, host, port);
  const whenOpen = attempt.outcome.then((outcome) => {
    if (outcome instanceof Error) throw outcome;
    return settled(outcome);
  });
  return { whenOpen, abandon: () => attempt.abandon() };
}

function openTarget(target: Target, socket: AnySocket): Opening {
  if (target.exec !== null) {
    const end = new ProcessEnd(target.exec, socket).on("error", ignore);
    return { whenOpen: Promise.resolve(end), abandon: () => end.resetAndDestroy() };
  }
  const options = { allowHalfOpen: true, noDelay: true, keepAlive: true };
  const far = "path" in target.to ? connectTcp({ path: target.to.path, ...options }) : connectTcp({ ...target.to, ...options });
  const whenOpen = new Promise<End>((resolve, reject) => {
    far.once("connect", () => resolve(settled(far)));
    far.once("error", reject);
    far.once("close", () => reject(Object.assign(new Error("it was closed before it was open"), { code: "ECONNABORTED" })));
  });
  return { whenOpen, abandon: () => void far.resetAndDestroy() };
}

/** Pieces are passed on as they come, and a peer that is gone without a word is found in the end, as by most servers. */
function settled(socket: AnySocket | Socket): End {
  socket.setNoDelay(true);
  socket.setKeepAlive(true);
  return socket.on("error", ignore) as End;
}

/** An end may fail before anybody listens: that is the splice's to tell. */
const ignore = (): void => {};

function nameOf(socket: AnySocket | Socket, otherwise: string): string {
  return socket.remoteAddress === undefined || socket.remotePort === undefined ? otherwise : placeText({ host: socket.remoteAddress, port: socket.remotePort });
}

/** s */
const LAST_ACKNOWLEDGEMENTS = 2;
