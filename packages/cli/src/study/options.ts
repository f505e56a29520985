import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { addHelp } from "../help.ts";
import type { Io } from "../io.ts";
import { parseTun } from "../link-options.ts";
import type { LinkOption } from "../link-options.ts";
import { parseCountOf, parsePort, parseSecondsTo, parseSeed } from "../numbers.ts";

/** The flags of `mptcp study`, as they are given. */
export interface StudyFlags {
  readonly server?: boolean;
  readonly tun?: readonly LinkOption[];
  readonly ports?: readonly number[];
  readonly control?: number;
  /** Seconds. */
  readonly wait?: number;
  readonly survey?: number;
  readonly seed?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds `mptcp study` to the program; `done` gets its exit code. */
export function registerStudy(program: Command, io: Io, done: (code: number) => void): void {
  addHelp(program.command("study"), HELP)
    .argument("[server]", "address of a host that runs mptcp study --server")
    .description("find the middleboxes on the way to a host, and name them, by the experiments of IMC'11")
    .option("--server", "be the other half: answer clients, until Ctrl-C")
    .option("--tun <link>", "name=NAME,host=ADDR,kernel=ADDR/LEN[,mtu=N]: the TUN device to send segments over (root)", (text: string, all?: readonly LinkOption[]) => parseTun(text, all ?? []))
    .option("--ports <list>", "ports that are tried, or served (default: 34343,443,80; served: all)", parsePorts)
    .option("--control <port>", "port of the server's at which the halves speak with each other (default: 34344)", parsePort)
    .option("--wait <seconds>", "least wait for an answer (default: 0.3; never less than two round trips)", parseSecondsTo(10))
    .option("--survey <networks>", "no real network: study so many emulated access networks, made up as the paper found them", parseCountOf("networks", 100_000))
    .option("--seed <number>", "seed of the emulated networks (default: 1)", parseSeed)
    .option("--out <file>", "write the report as a page of HTML, too")
    .option("--json", "print the report as JSON")
    .action(async (host: string | undefined, flags: StudyFlags) => {
      const { studyCommand } = await import("./command.ts");
      done(await studyCommand(host ?? null, flags, io));
    });
}

function parsePorts(text: string): readonly number[] {
  const ports = text.split(",").map((one) => parsePort(one.trim()));
  if (new Set(ports).size < ports.length) throw new InvalidArgumentError("A port is there twice.");
  if (ports.length > MOST_PORTS) throw new InvalidArgumentError(`There are ${MOST_PORTS} ports at the most.`);
  return ports;
}

const MOST_PORTS = 16;

const HELP = `
The server's half on a host outside, the client's on the network in question:
  mptcp study --server --tun name=mp0,host=10.1.0.2,kernel=10.1.0.1/24
  mptcp study 203.0.113.9 --tun name=mp0,host=10.1.0.2,kernel=10.1.0.1/24 \\
      --out path.html
  mptcp study --survey 1000

The segments are made one by one, so that they come out of a TUN device, and the host has to forward them. Both ends note what they
send and what arrives; what differs is a finding, and each finding is explained by a kind of box (see docs/middleboxes.md).

Exit codes: 0 nothing was found on the way (with --survey: every share was found within 3 points, and 95 % of the networks'
boxes named), 1 something was, 2 wrong usage, or this host cannot ask, 3 the server cannot be reached, 130 interrupted.
`;
