import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import type { Io } from "./io.ts";
import { parseEndpoint, parseLimits, parseTun, parseUdp } from "./link-options.ts";
import type { EndpointOption, LinkOption } from "./link-options.ts";
import { connectCommand, listenCommand } from "./socket-command.ts";
import type { ListenFlags, SocketFlags } from "./socket-command.ts";

/** Adds `listen` and `connect` to the command; `done` hears their exit codes. */
export function addSocketCommands(program: Command, io: Io, done: (code: number) => void): void {
  const listen = program.command("listen").argument("<port>", "port to listen on", parsePort);
  socketOptions(listen.description("accept a Multipath TCP connection; standard input goes out, what comes goes to standard output"))
    .option("--keep", "serve connections until interrupted; with --echo or --discard")
    .addHelpText("after", LISTEN_HELP)
    .action(async (port: number, flags: Partial<ListenFlags>) => done(await listenCommand(port, { ...DEFAULTS, ...flags }, io)));
  const connect = program.command("connect").argument("<host>", "address or name to connect to").argument("<port>", "its port", parsePort);
  socketOptions(connect.description("open a Multipath TCP connection, the other end of listen"))
    .option("--wait [seconds]", "while nobody listens there, try again: for so long, or for ever", parseWait)
    .addHelpText("after", CONNECT_HELP)
    .action(async (host: string, port: number, { wait, ...flags }: ConnectOptions) => {
      const seconds = wait === true ? Number.POSITIVE_INFINITY : (wait ?? 0);
      done(await connectCommand(host, port, { ...DEFAULTS, ...flags, wait: seconds }, io));
    });
}

/** A port of a command line, 1 to 65535. @throws InvalidArgumentError */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) throw new InvalidArgumentError("A port is a whole number from 1 to 65535.");
  return port;
}

function socketOptions(command: Command): Command {
  const udp = "a link over UDP, no privileges needed: local=ADDR[:PORT][,backup][,mtu=N]; may be repeated";
  const tun = "a link over a TUN device, for root: name=NAME,host=ADDR,kernel=ADDR/LEN[,backup][,mtu=N]; may be repeated";
  const endpoint = "what the address of a link is for, as in ip mptcp endpoint: ADDR[,signal][,subflow][,backup][,fullmesh][,port=N][,id=N]; may be repeated (without: a full mesh)";
  return command
    .option("--udp <link>", udp, (text: string, all?: readonly LinkOption[]) => parseUdp(text, all ?? []))
    .option("--tun <link>", tun, (text: string, all?: readonly LinkOption[]) => parseTun(text, all ?? []))
    .option("--via <whom>", "whose Multipath TCP: userspace, this program's on links, or kernel", parseVia)
    .option("--endpoint <endpoint>", endpoint, (text: string, all?: readonly EndpointOption[]) => parseEndpoint(text, all ?? []))
    .option("--limits <limits>", "as in ip mptcp limits: subflows=N,add-addr-accepted=N (without: 8 and 8)", parseLimits)
    .option("--pcap <file>", "write what passes the links, keys and contents too, and what was decided, as pcapng; for the owner of the file alone")
    .option("--echo", "send back what comes")
    .option("--discard", "throw away what comes")
    .option("--source <bytes>", "send so many bytes instead of standard input", parseCount)
    .option("--json", "print a summary as JSON to standard error at the end")
    .option("-v, --verbose", "tell how far it is where there is no terminal, too")
    .option("--secrets", "with --json: the connection's token too, by which anybody may ask to join it");
}

/** `wait` is true where no time is named. */
type ConnectOptions = Partial<SocketFlags> & { readonly wait?: number | true };

function parseWait(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds === 0) throw new InvalidArgumentError("It takes a number of seconds; without one put it after HOST and PORT.");
  return seconds;
}

function parseVia(text: string): string {
  if (text !== "userspace" && text !== "kernel") throw new InvalidArgumentError("It is userspace or kernel.");
  return text;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw new InvalidArgumentError("Bytes are a whole number.");
  return count;
}

/** What an option is that is not given. */
const DEFAULTS: ListenFlags = { udp: [], tun: [], via: "userspace", endpoint: [], limits: {}, pcap: null, echo: false, discard: false, source: null, json: false, verbose: false, secrets: false, keep: false };

const LINKS_HELP = `
Links: with several, a connection has a subflow for each pair of addresses, and survives the loss of all but one.
  --udp local=ADDR        both ends are mptcp; each TCP segment goes in a UDP datagram. The UDP ports are the TCP ports.
  --udp local=ADDR:PORT   the port of this address: subflows leave from it, and come to it; it is announced with the address.
                          A listener takes connections there too. IPv6: local=[ADDR]:PORT
  --tun name=...          the other end is any Multipath TCP: this machine's kernel, which has the address kernel=, or what it routes to.
                          The device is made, and is gone with the program. To reach the world let the kernel forward, or translate.
  --via kernel            no links: the kernel's own sockets. Its paths are set with ip mptcp.

Exit codes: 0 all data went both ways and was acknowledged, 1 it was not, 2 wrong usage, 130 interrupted (Ctrl-C), 143 terminated.
`;

const LISTEN_HELP = `
Examples:
  mptcp listen 5000 --udp local=127.0.0.1 --udp local=127.0.0.2 > received
  mptcp listen 5000 --udp local=192.0.2.1 --udp local=[2001:db8::1]:5001,backup --discard --json
  mptcp listen 5000 --udp local=127.0.0.1 --echo --keep
  mptcp listen 5000 --tun name=mp0,host=10.1.0.2,kernel=10.1.0.1/24 --tun name=mp1,host=10.2.0.2,kernel=10.2.0.1/24 \\
      --endpoint 10.2.0.2,signal --pcap listen.pcapng > received
${LINKS_HELP}`;

const CONNECT_HELP = `
Examples:
  mptcp connect 127.0.0.1 5000 --udp local=127.0.0.3 --udp local=127.0.0.4 < file
  mptcp connect 127.0.0.1 5000 --udp local=127.0.0.3 --wait 60 < file        # the listener may start later
  mptcp connect 10.1.0.1 5000 --tun name=mp0,host=10.1.0.2,kernel=10.1.0.1/24 --source 1000000000 --json
  mptcp connect example.org 80 --via kernel
${LINKS_HELP}`;
