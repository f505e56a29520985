import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { parseSize } from "@mptcp/scenario/units";
import { addHelp } from "../help.ts";
import { EXIT } from "../io.ts";
import type { Io } from "../io.ts";
import { parseCountOf, parsePort, parseSecondsTo } from "../numbers.ts";
import { withNetwork } from "../socket-command.ts";
import type { LinkFlags } from "../socket-command.ts";
import { DEFAULTS, LINKS_HELP, linkOptions, parseWait } from "../socket-options.ts";
import { perfClient } from "./client.ts";
import { LONGEST_MILLISECONDS, MOST_STREAMS, testProblem } from "./protocol.ts";
import type { Test } from "./protocol.ts";
import { PerfServer } from "./server.ts";

/** The flags of `mptcp perf`, those that are not given missing. */
interface PerfFlags extends Partial<LinkFlags> {
  readonly server?: boolean;
  readonly client?: string;
  readonly port?: number;
  readonly time?: number;
  readonly bytes?: number;
  readonly interval?: number;
  readonly parallel?: number;
  readonly reverse?: boolean;
  readonly bidir?: boolean;
  readonly wait?: number | true;
  readonly oneOff?: boolean;
  readonly json?: boolean;
}

/** Adds `mptcp perf` to the program; `done` hears its exit code. */
export function registerPerf(program: Command, io: Io, done: (code: number) => void): void {
  const command = program
    .command("perf")
    .description("measure what goes through between two hosts, as iperf3 does: one of them is the server, the other one asks for a test")
    .option("-s, --server", "serve test after test, one at a time, until interrupted")
    .option("-c, --client <host>", "run a test with the server on that host")
    .option("-p, --port <port>", "the server's port (without: 5201)", parsePort)
    .option("-t, --time <seconds>", "how long to send (without: 10)", parseSecondsTo(LONGEST_MILLISECONDS / 1000))
    .option("-n, --bytes <size>", "how much to send instead, in each direction: 1000000, 100MB, 1GiB", parseBytes)
    .option("-i, --interval <seconds>", "tell how it goes so often; 0: not at all (without: 1)", parseSecondsTo(LONGEST_MILLISECONDS / 1000, true))
    .option("-P, --parallel <connections>", "connections at a time, in each direction (without: 1)", parseCountOf("Connections", MOST_STREAMS))
    .option("-R, --reverse", "the server sends")
    .option("--bidir", "both send")
    .option("-1, --one-off", "the server ends after one test")
    .option("-J, --json", "print the result as one object of JSON; the server one for each test, a line each")
    .option("--wait [seconds]", "while nobody listens there, try again: for so long, or for ever", parseWait);
  linkOptions(addHelp(command, HELP)).action(async (flags: PerfFlags) => done(await perfCommand(flags, io)));
}

async function perfCommand(flags: PerfFlags, io: Io): Promise<number> {
  const test = testOf(flags);
  const problem = usageProblem(flags) ?? (flags.server === true ? null : testProblem(test));
  if (problem !== null) {
    io.stderr.write(`${problem}\n`);
    return EXIT.usage;
  }
  const { server = false, client = "", port = USUAL_PORT, json = false, oneOff = false } = flags;
  const wait = flags.wait === true ? Number.POSITIVE_INFINITY : (flags.wait ?? 0);
  return withNetwork({ ...DEFAULTS, ...flags }, server ? `perf --server, port ${port}` : `perf --client ${client}`, server ? port : null, io, (network, stopped) =>
    server ? new PerfServer(network, { json, oneOff }, io).serve(port, stopped) : perfClient(client, port, test, { json, wait }, network, io, stopped),
  );
}

function usageProblem(flags: PerfFlags): string | null {
  const { server = false, client } = flags;
  if (server === (client !== undefined)) return "say which end this is: --server, or --client HOST";
  if (!server) {
    if (flags.oneOff === true) return "--one-off is the server's";
    if (flags.time !== undefined && flags.bytes !== undefined) return "--time and --bytes exclude each other";
    return flags.reverse === true && flags.bidir === true ? "--reverse and --bidir exclude each other" : null;
  }
  const other = (["time", "bytes", "interval", "parallel", "reverse", "bidir", "wait"] as const).find((name) => flags[name] !== undefined);
  return other === undefined ? null : `--${other} is the client's`;
}

function testOf({ time, bytes, interval = 1, parallel = 1, reverse = false, bidir = false }: PerfFlags): Test {
  return {
    direction: bidir ? "both" : reverse ? "down" : "up",
    streams: parallel,
    timeMilliseconds: bytes === undefined ? Math.max(1, Math.round((time ?? USUAL_TIME) * 1000)) : null,
    bytes: bytes ?? null,
    intervalMilliseconds: Math.round(interval * 1000),
  };
}

function parseBytes(text: string): number {
  const size = /^\d+$/.test(text) ? { ok: true, value: Number(text) } as const : parseSize(text);
  if (!size.ok) throw new InvalidArgumentError(`${size.problem}.`);
  if (!Number.isSafeInteger(size.value) || size.value < 1) throw new InvalidArgumentError("It is a number of bytes from 1.");
  return size.value;
}

/** That of iperf3. */
const USUAL_PORT = 5201;
/** s */
const USUAL_TIME = 10;

const HELP = `
Examples:
  mptcp perf --server --udp local=192.0.2.1 --udp local=198.51.100.1
  mptcp perf --client 192.0.2.1 --udp local=10.0.0.7 --udp local=172.20.0.4
  mptcp perf -c 192.0.2.1 -R -t 30 -P 4 --udp local=10.0.0.7
  mptcp perf -c 192.0.2.1 --bytes 100MB --bidir --json --udp local=10.0.0.7 \\
      | jq .goodputBitsPerSecond

What counts is what the receiver got. Both ends' figures are told, with a row for each pair of addresses. The server is one of mptcp perf, not of iperf3.
${LINKS_HELP}
Exit codes: 0 the test was done, 1 it was not, or the server refused, 2 wrong usage, 130 interrupted (Ctrl-C), 143 terminated.
`;
