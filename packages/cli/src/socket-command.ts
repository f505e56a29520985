import { pipeline } from "node:stream/promises";
import type { PathLimits, PathMode, ProfileName } from "mptcp";
import type { AnySocket } from "mptcp/node";
import type { ControlOption } from "./control-option.ts";
import { dial } from "./dial.ts";
import { EXIT, exitOf } from "./io.ts";
import type { Io, Signal } from "./io.ts";
import type { EndpointOption, LinkOption } from "./link-options.ts";
import { KernelNetwork } from "./kernel-network.ts";
import { givenKey } from "./link-key.ts";
import { userspaceNetwork } from "./network.ts";
import type { Network } from "./network.ts";
import { UsageProblem } from "./open-links.ts";
import { explain } from "./remedies.ts";
import { sourceOf, transfer } from "./transfer.ts";
import type { TransferFlags } from "./transfer.ts";
import { pace, printSummary } from "./transfer-summary.ts";

/** The flags that say over what connections go. */
export interface LinkFlags {
  readonly udp: readonly LinkOption[];
  readonly tun: readonly LinkOption[];
  /** The file with the key of UDP links; null: the environment's, if there is one. */
  readonly key: string | null;
  readonly via: "userspace" | "kernel";
  readonly endpoint: readonly EndpointOption[];
  readonly limits: Partial<PathLimits>;
  /** How the paths of a full mesh are used. */
  readonly mode: PathMode;
  /** Seconds that a connection waits for another path once it has lost all; null: as the engine has it. */
  readonly patience: number | null;
  /** Whose choices are made where the RFCs leave one. */
  readonly profile: ProfileName;
  /** TCP Fast Open. */
  /** Of Multipath TCP, preferred first. */
  readonly versions: readonly number[];
  readonly fastOpen: boolean;
  /** Tells of devices as they come and go, too. */
  readonly verbose: boolean;
  /** Where to write what passes the links; null: nowhere. */
  readonly pcap: string | null;
  readonly control?: ControlOption;
}

/** The flags that `mptcp listen` and `mptcp connect` share. */
export interface SocketFlags extends LinkFlags, TransferFlags {}

/** The flags of `mptcp listen`. */
export interface ListenFlags extends SocketFlags {
  /** Serve connections until interrupted, any number at once. */
  readonly keep: boolean;
}

/** The flags of `mptcp connect`. */
export interface ConnectFlags extends SocketFlags {
  /** Seconds to try again while nobody listens there; 0: not at all. */
  readonly wait: number;
}

/** `mptcp listen PORT`: serves one connection, between it and standard input and output unless told otherwise. */
export async function listenCommand(port: number, flags: ListenFlags, io: Io): Promise<number> {
  const wrong = flagsProblem(flags);
  if (wrong !== null) return misused(wrong, io);
  return withNetwork(flags, `listen ${port}`, port, io, async (network, stopped) => {
    if (flags.keep) return serve(port, network, flags, io, stopped);
    let taken = false;
    let take!: (connection: AnySocket) => void;
    const first = new Promise<AnySocket>((resolve) => (take = resolve));
    // The listener stays, for the connection's own joins may need its port; whoever else comes is turned away.
    const where = await network.listen(port, (connection) => {
      if (taken) connection.on("error", () => {}).resetAndDestroy();
      else take(connection);
      taken = true;
    });
    if (!flags.quiet) io.stderr.write(`listening on ${where}\n`);
    const connection = await Promise.race([first, stopped]);
    if (typeof connection === "string") return unconnected(network, null, exitOf(connection), flags, io);
    if (!flags.quiet) io.stderr.write(`connection from ${connection.remoteAddress}:${connection.remotePort}\n`);
    return transfer(connection, network, flags, io, stopped);
  });
}

/** `mptcp connect HOST PORT`: the other end. */
export async function connectCommand(host: string, port: number, flags: ConnectFlags, io: Io): Promise<number> {
  const wrong = flagsProblem(flags);
  if (wrong !== null) return misused(wrong, io);
  return withNetwork(flags, `connect ${host} ${port}`, null, io, async (network, stopped) => {
    let connection: AnySocket | Signal;
    try {
      connection = await dial(network, host, port, flags.wait, io, stopped);
    } catch (error) {
      return unconnected(network, explain(error), EXIT.failed, flags, io);
    }
    if (typeof connection === "string") return unconnected(network, null, exitOf(connection), flags, io);
    return transfer(connection, network, flags, io, stopped);
  });
}

function misused(problem: string, io: Io): number {
  io.stderr.write(`${problem}\n`);
  return EXIT.usage;
}

/** There was no connection: says why, if that is to be said. @returns `code` */
function unconnected(network: Network, error: string | null, code: number, flags: SocketFlags, io: Io): number {
  const nothing = { connections: 0, bytesRead: 0, bytesWritten: 0, durationMicroseconds: 0, bitsPerSecond: 0, fallback: null, mptcp: null, subflows: [] };
  if (flags.json) printSummary({ via: network.via, ...nothing, error, counters: network.counters() }, flags, io);
  else if (error !== null) io.stderr.write(`${error}\n`);
  return code;
}

/** Any number of connections at once, until interrupted. */
async function serve(port: number, network: Network, flags: ListenFlags, io: Io, stopped: Promise<Signal>): Promise<number> {
  const started = io.clock();
  const open = new Set<AnySocket>();
  const total = { connections: 0, bytesRead: 0, bytesWritten: 0 };
  const where = await network.listen(port, (connection) => {
    total.connections++;
    open.add(connection);
    connection.once("close", () => {
      open.delete(connection);
      total.bytesRead += connection.bytesRead;
      total.bytesWritten += connection.bytesWritten;
    });
    const from = `${connection.remoteAddress}:${connection.remotePort}`;
    attend(connection, flags).catch((error: unknown) => io.stderr.write(`connection from ${from}: ${explain(error)}\n`));
  });
  if (!flags.quiet) io.stderr.write(`listening on ${where}\n`);
  const signal = await stopped;
  for (const connection of open) {
    total.bytesRead += connection.bytesRead;
    total.bytesWritten += connection.bytesWritten;
    connection.removeAllListeners("close").resetAndDestroy();
  }
  const { bytesRead, bytesWritten } = total;
  printSummary({ via: network.via, ...total, ...pace(bytesRead + bytesWritten, io.clock() - started), fallback: null, error: null, mptcp: null, subflows: [], counters: network.counters() }, flags, io);
  return exitOf(signal);
}

/** Serves one of many connections: standard input and output have no part in it. */
async function attend(connection: AnySocket, flags: ListenFlags): Promise<void> {
  if (flags.echo) await pipeline(connection, connection);
  else if (flags.source !== null) await Promise.all([pipeline(sourceOf(flags.source), connection), discarded(connection)]);
  else {
    await discarded(connection);
    connection.end();
  }
}

function discarded(connection: AnySocket): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.once("end", () => resolve());
    connection.once("error", reject);
    connection.resume();
  });
}

/**
 * Opens the links, runs `act`, closes everything; Ctrl-C and SIGTERM fulfil `stopped`.
 * @param title names the process for whoever looks at it
 * @param listenPort the port that will be listened on; null where none will @returns the exit code
 */
export async function withNetwork(
  flags: LinkFlags, title: string, listenPort: number | null, io: Io, act: (network: Network, stopped: Promise<Signal>, interruption: Interruption) => Promise<number>,
): Promise<number> {
  const interruption = new Interruption(io);
  let network: Network | null = null;
  let code: number;
  try {
    const wrong = linksProblem(flags);
    if (wrong !== null) throw new UsageProblem(wrong);
    network = await openNetwork(flags, listenPort, io);
    await network.openControl(flags.control, title);
    code = await act(network, interruption.stopped, interruption);
  } catch (error) {
    io.stderr.write(`${explain(error)}\n`);
    code = error instanceof UsageProblem ? EXIT.usage : EXIT.failed;
  }
  const incomplete = (await network?.close()) ?? null;
  interruption.cancel();
  if (incomplete !== null) io.stderr.write(`${incomplete}\n`);
  return incomplete !== null && code === EXIT.ok ? EXIT.failed : code;
}

async function openNetwork(flags: LinkFlags, listenPort: number | null, io: Io): Promise<Network> {
  const notice = (text: string): void => io.stderr.write(`${text}\n`);
  const key = givenKey(flags.key, process.env, notice);
  if (key !== null && (flags.via === "kernel" || flags.tun.length > 0)) throw new UsageProblem(`${key.origin}: a key is for --udp links; what passes any other is in the clear`);
  if (flags.via === "kernel") return new KernelNetwork();
  return userspaceNetwork({ links: [...flags.udp, ...flags.tun], key, endpoints: flags.endpoint, limits: flags.limits, mode: flags.mode, patience: flags.patience, profile: flags.profile, versions: flags.versions, fastOpen: flags.fastOpen, verbose: flags.verbose, listenPort, pcap: flags.pcap, notice });
}

function flagsProblem(flags: SocketFlags & Partial<ListenFlags>): string | null {
  const { echo, discard, source, exec } = flags;
  if (exec !== null && (echo || discard || source !== null)) return "--exec has the command's bytes: it goes with none of --echo, --discard and --source";
  if (flags.keep === true && !echo && !discard) return "--keep needs --echo or --discard: standard input and output serve one connection only";
  if (echo && (discard || source !== null)) return "--echo sends what comes: it goes with neither --discard nor --source";
  return null;
}

function linksProblem(flags: LinkFlags): string | null {
  const links = flags.udp.length + flags.tun.length;
  if (flags.via === "kernel") {
    if (links > 0) return "--via kernel uses the kernel's own links: leave out --udp and --tun";
    if (flags.endpoint.length > 0) return "--via kernel has the kernel's endpoints: ip mptcp endpoint add ADDRESS dev DEVICE signal";
    if (Object.keys(flags.limits).length > 0) return "--via kernel has the kernel's limits: ip mptcp limits set subflows 8 add_addr_accepted 8";
    if (flags.profile !== "own") return "--via kernel is the kernel itself: leave out --profile";
    if (flags.versions.join() !== "1") return "--via kernel speaks version 1: leave out --versions";
    if (flags.fastOpen) return "--via kernel has the kernel's: sysctl net.ipv4.tcp_fastopen; leave out --fast-open";
    if (flags.mode !== "backup" || flags.patience !== null) return "--via kernel has no --mode and no --patience: its paths are set with ip mptcp";
    if (typeof flags.control === "string" || flags.control === true) return "--via kernel has no control socket: ss -Mti and ip mptcp show and command the kernel's connections";
    if (flags.pcap !== null) return "--via kernel is captured by the kernel: tcpdump -i any -w FILE tcp port PORT";
  } else if (links === 0) {
    return "no link: give at least one --udp local=ADDRESS or --udp dev=DEVICE (no privileges needed) or --tun name=NAME,host=ADDRESS,kernel=ADDRESS/LENGTH, or --via kernel";
  }
  if (flags.endpoint.length > 0 && flags.mode !== "backup") return "--mode says how a full mesh is used: with --endpoint say backup of an endpoint";
  return null;
}

/** Ctrl-C and SIGTERM. */
export class Interruption {
  /** The first of them. */
  readonly stopped: Promise<Signal>;
  readonly cancel: () => void;
  private onSecond: ((signal: Signal) => void) | null = null;

  constructor(io: Io) {
    let stop: ((signal: Signal) => void) | null = null;
    this.stopped = new Promise((resolve) => (stop = resolve));
    this.cancel = io.onInterrupt((signal = "SIGINT") => {
      const isFirst = stop !== null;
      stop?.(signal);
      stop = null;
      if (isFirst || this.onSecond === null) return false;
      this.onSecond(signal);
      this.onSecond = null;
      return true;
    });
  }

  /** The second of them, which ends the process without a word unless somebody waits for it. */
  again(): Promise<Signal> {
    return new Promise((resolve) => (this.onSecond = resolve));
  }
}
