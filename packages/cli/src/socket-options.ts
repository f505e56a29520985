import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { profiles } from "mptcp";
import type { PathMode, ProfileName } from "mptcp";
import { controlOptions } from "./control-option.ts";
import { parsePlace } from "./endpoint-text.ts";
import type { Place } from "./endpoint-text.ts";
import { serveCommand } from "./forward-command.ts";
import type { Target } from "./forward-command.ts";
import { addHelp } from "./help.ts";
import { EXIT } from "./io.ts";
import type { Io } from "./io.ts";
import { parseEndpoint, parseLimits, parseTun, parseUdp } from "./link-options.ts";
import type { EndpointOption, LinkOption } from "./link-options.ts";
import { parseCountOf, parsePort, parseSecondsTo } from "./numbers.ts";
import type { RelayFlags } from "./relay.ts";
import { connectCommand, listenCommand } from "./socket-command.ts";
import type { ListenFlags, SocketFlags } from "./socket-command.ts";

/** Adds `listen` and `connect` to the command; `done` hears their exit codes. */
export function addSocketCommands(program: Command, io: Io, done: (code: number) => void): void {
  const listen = program.command("listen").argument("<port>", "port to listen on", parsePort);
  socketOptions(listen.description("accept a Multipath TCP connection; standard input goes out, what comes goes to standard output"))
    .option("--keep", "serve connections until interrupted; with --echo or --discard")
    .option("--to <place>", "pass connections on, any number until interrupted, each to [HOST:]PORT by TCP or to the Unix socket PATH", parsePlace)
    .option("--exec <command>", "start a command of the shell for each connection, any number until interrupted: what comes is its input, its output is sent");
  relayOptions(addHelp(listen, LISTEN_HELP))
    .action(async (port: number, flags: ListenOptions) => {
      const isServing = flags.to !== undefined || flags.exec !== undefined;
      const wrong = isServing ? serveProblem(flags) : relayProblem(flags);
      if (wrong !== null) {
        io.stderr.write(`${wrong}\n`);
        return done(EXIT.usage);
      }
      if (!isServing) return done(await listenCommand(port, { ...DEFAULTS, ...flags }, io));
      const target: Target = flags.to === undefined ? { exec: flags.exec as string, to: null } : { exec: null, to: flags.to };
      done(await serveCommand(port, target, { ...DEFAULTS, ...RELAY_DEFAULTS, ...flags }, io));
    });
  const connect = addHelp(program.command("connect"), CONNECT_HELP).argument("<host>", "address or name to connect to").argument("<port>", "its port", parsePort);
  socketOptions(connect.description("open a Multipath TCP connection, the other end of listen"))
    .option("--exec <command>", "join the connection to a command of the shell: what comes is its input, its output is sent")
    .option("--wait [seconds]", "while nobody listens there, try again: for so long, or for ever", parseWait)
    .action(async (host: string, port: number, { wait, ...flags }: ConnectOptions) => {
      const seconds = wait === true ? Number.POSITIVE_INFINITY : (wait ?? 0);
      done(await connectCommand(host, port, { ...DEFAULTS, ...flags, wait: seconds }, io));
    });
}

/** Adds the options of `forward`, and of `listen` with `--to` or `--exec`. */
export function relayOptions(command: Command): Command {
  return command
    .option("--max <connections>", "connections at a time; who comes beyond is turned away (without: 1000)", parseCountOf("Connections", 1_000_000))
    .option("--idle-timeout <seconds>", "reset a connection on which nothing came from either side for so long (without: never)", parseSecondsTo(1e6))
    .option("--half-close-timeout <seconds>", "the same once one side has ended (without: as --idle-timeout)", parseSecondsTo(1e6))
    .option("--grace <seconds>", "how long connections may go on once the command is asked to end (without: 10)", parseSecondsTo(1e6, true));
}

/** The options that say over what connections go. */
export function linkOptions(command: Command): Command {
  const udp = "a link over UDP, no privileges needed: local=ADDR[:PORT][,backup][,mtu=N], or by devices: dev=NAME[,backup|,off][,mtu=N]; may be repeated";
  const tun = "a link over a TUN device, for root: name=NAME,host=ADDR,kernel=ADDR/LEN[,backup][,mtu=N]; may be repeated";
  const endpoint = "what the address of a link is for, as in ip mptcp endpoint: ADDR[,signal][,subflow][,backup][,fullmesh][,port=N][,id=N]; may be repeated (without: a full mesh)";
  command
    .option("--udp <link>", udp, (text: string, all?: readonly LinkOption[]) => parseUdp(text, all ?? []))
    .option("--tun <link>", tun, (text: string, all?: readonly LinkOption[]) => parseTun(text, all ?? []))
    .option("--key <file>", "the key of all --udp links, as mptcp key makes it; without it that of the variable MPTCP_KEY, if there is one")
    .option("--via <whom>", "whose Multipath TCP: userspace, this program's on links, or kernel", parseVia)
    .option("--endpoint <endpoint>", endpoint, (text: string, all?: readonly EndpointOption[]) => parseEndpoint(text, all ?? []))
    .option("--limits <limits>", "as in ip mptcp limits: subflows=N,add-addr-accepted=N (without: 8 and 8)", parseLimits)
    .option("--mode <mode>", "how the paths of a full mesh are used: backup (those flagged so only while no other works), full (all), single-path (one at a time)", parseMode)
    .option("--profile <name>", "whose choices are made where the RFCs leave one: own, or linux, the kernel's", parseProfile)
    .option("--versions <list>", "versions of Multipath TCP, preferred first: 1 (RFC 8684), 0 (RFC 6824), 1,0 or 0,1 (without: 1)", parseVersions)
    .option("--fast-open", "TCP Fast Open: gives cookies out, and takes and sends data with SYNs that have one; what goes with a SYN may come twice")
    .option("--patience <seconds>", "how long a connection waits for another path once it has lost all (without: 60)", parseSecondsTo(A_WEEK))
    .option("--pcap <file>", "write what passes the links, keys and contents too, and what was decided, as pcapng; for the owner of the file alone");
  return controlOptions(command);
}

function socketOptions(command: Command): Command {
  return linkOptions(command)
    .option("--echo", "send back what comes")
    .option("--discard", "throw away what comes")
    .option("--source <bytes>", "send so many bytes instead of standard input", parseCount)
    .option("--json", "print a summary as JSON to standard error at the end")
    .option("-v, --verbose", "tell of devices as they come and go, and how far it is where there is no terminal, too")
    .option("-q, --quiet", "tell of nothing but what goes wrong")
    .option("--secrets", "with --json: the connection's token too, by which anybody may ask to join it");
}

type ListenOptions = Partial<ListenFlags & RelayFlags> & { readonly grace?: number; readonly to?: Place };

function serveProblem({ to, exec, echo, discard, source, keep, secrets }: ListenOptions): string | null {
  if (to !== undefined && exec !== undefined) return "--to and --exec exclude each other";
  if (echo === true || discard === true || source !== undefined) return "with --to or --exec the bytes are those of the other side: leave out --echo, --discard and --source";
  if (keep === true) return "--to and --exec keep listening anyhow: leave out --keep";
  return secrets === true ? "--secrets is for one connection: leave it out" : null;
}

/** What says how connections are passed on means nothing where none is. */
function relayProblem(flags: ListenOptions): string | null {
  const given = ([["max", "--max"], ["idleTimeout", "--idle-timeout"], ["halfCloseTimeout", "--half-close-timeout"], ["grace", "--grace"]] as const).find(([name]) => flags[name] !== undefined);
  return given === undefined ? null : `${given[1]} goes with --to or --exec`;
}

/** `wait` is true where no time is named. */
type ConnectOptions = Partial<SocketFlags> & { readonly wait?: number | true };

/** Seconds of `--wait`. @throws InvalidArgumentError */
export function parseWait(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds === 0) throw new InvalidArgumentError("It takes a number of seconds; without one put it after HOST and PORT.");
  return seconds;
}

function parseVia(text: string): string {
  if (text !== "userspace" && text !== "kernel") throw new InvalidArgumentError("It is userspace or kernel.");
  return text;
}

function parseMode(text: string): PathMode {
  if (text !== "full" && text !== "backup" && text !== "single-path") throw new InvalidArgumentError("It is backup, full or single-path.");
  return text;
}

function parseProfile(text: string): ProfileName {
  const name = (Object.keys(profiles) as ProfileName[]).find((known) => known === text);
  if (name === undefined) throw new InvalidArgumentError(`It is ${Object.keys(profiles).join(" or ")}.`);
  return name;
}

/** @throws InvalidArgumentError */
export function parseVersions(text: string): readonly number[] {
  const known = ["1", "0", "1,0", "0,1"].find((list) => list === text);
  if (known === undefined) throw new InvalidArgumentError("It is 1, 0, 1,0 or 0,1.");
  return known.split(",").map(Number);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw new InvalidArgumentError("Bytes are a whole number.");
  return count;
}

/** s */
const A_WEEK = 604_800;

/** What an option of connections that are passed on is where it is not given. */
export const RELAY_DEFAULTS: RelayFlags & { readonly grace: number } = { max: 1000, idleTimeout: 0, halfCloseTimeout: 0, grace: 10 };

/** What an option is that is not given. */
export const DEFAULTS: ListenFlags = { udp: [], tun: [], key: null, via: "userspace", endpoint: [], limits: {}, mode: "backup", patience: null, profile: "own", versions: [1], fastOpen: false, pcap: null, echo: false, discard: false, source: null, exec: null, json: false, verbose: false, quiet: false, secrets: false, keep: false };

export const LINKS_HELP = `
Links: with several, a connection has a subflow for each pair of addresses, and survives the loss of all but one.
  --udp local=ADDR        both ends are mptcp; each TCP segment goes in a UDP datagram. The UDP ports are the TCP ports.
  --udp local=ADDR:PORT   the port of this address: subflows leave from it, and come to it; it is announced with the address.
                          A listener takes connections there too. IPv6: local=[ADDR]:PORT
  --udp dev=NAME          the addresses of a device, as they come and go: dev=wlan0, 'dev=wl*', or dev=any for all with a default route.
                          The first that fits a device holds: --udp dev=wlan0 --udp dev=tun0,off --udp dev=any,backup
  --key FILE              both ends have the same key (mptcp key --out FILE), and nobody else can read or change what passes.
  --tun name=...          the other end is any Multipath TCP: this machine's kernel, which has the address kernel=, or what it routes to.
                          The device is made, and is gone with the program. To reach the world let the kernel forward, or translate.
  --via kernel            no links: the kernel's own sockets. Its paths are set with ip mptcp.
`;

const EXITS = `
Exit codes: 0 all data went both ways and was acknowledged, 1 it was not, 2 wrong usage, 130 interrupted (Ctrl-C), 143 terminated.
`;

const LISTEN_HELP = `
Examples:
  mptcp listen 5000 --udp local=127.0.0.1 --udp local=127.0.0.2 > received
  mptcp listen 5000 --udp local=192.0.2.1 \\
      --udp local=[2001:db8::1]:5001,backup --discard --json
  mptcp listen 5000 --udp local=127.0.0.1 --echo --keep
  mptcp listen 5000 --tun name=mp0,host=10.1.0.2,kernel=10.1.0.1/24 \\
      --tun name=mp1,host=10.2.0.2,kernel=10.2.0.1/24 \\
      --endpoint 10.2.0.2,signal --pcap listen.pcapng > received
  mptcp listen 5000 --udp local=192.0.2.1 --udp local=198.51.100.1 --to 22
  mptcp listen 5000 --udp local=127.0.0.1 --exec 'tr a-z A-Z'
${LINKS_HELP}${EXITS}`;

const CONNECT_HELP = `
Examples:
  mptcp connect 127.0.0.1 5000 --udp local=127.0.0.3 \\
      --udp local=127.0.0.4 < file
  mptcp connect example.org 5000 --udp 'dev=wl*' --udp dev=any,backup < file
  mptcp connect 127.0.0.1 5000 --udp local=127.0.0.3 --wait 60 < file
  mptcp connect 10.1.0.1 5000 --tun name=mp0,host=10.1.0.2,kernel=10.1.0.1/24 \\
      --source 1000000000 --json
  mptcp connect example.org 80 --via kernel
  mptcp connect 127.0.0.1 5000 --udp local=127.0.0.3 --exec 'tar -cz photos'
${LINKS_HELP}${EXITS}`;
