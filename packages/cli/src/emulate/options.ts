import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { addHelp } from "../help.ts";
import { EXIT } from "../io.ts";
import type { Io } from "../io.ts";
import { parseSecondsTo, parseSeed } from "../numbers.ts";

interface Given {
  readonly netns?: readonly { readonly host: string; readonly namespace: string }[];
  readonly prefix?: string;
  readonly set?: readonly string[];
  readonly seed?: number;
  /** Seconds. */
  readonly for?: number;
  readonly pcap?: string;
  readonly superSegments?: "auto" | "always" | "never";
  readonly json?: boolean;
}

/** Adds `mptcp emulate` and `mptcp change` to the program; `done` gets their exit code. */
export function registerEmulate(program: Command, io: Io, done: (code: number) => void): void {
  addHelp(program.command("emulate"), EMULATE_HELP)
    .argument("<scenario>", "name of a scenario (see mptcp list), or path to a .yaml, .ts or .js file")
    .description("a scenario's network in real time, between TUN devices: for the kernel's sockets, and any program (root, Linux)")
    .option("--netns <host=name>", "put the devices of a host into a namespace that is there; may be repeated", parseNamespace)
    .option("--prefix <text>", "what the names of namespaces begin with that are made for the other hosts (default: nothing)", parsePrefix)
    .option("--set <path=value>", "change a field of the scenario; may be repeated", (value: string, all: string[] = []) => [...all, value])
    .option("--seed <number>", "seed of every random draw (default: the scenario's)", parseSeed)
    .option("--for <seconds>", "end after so long (default: q, or Ctrl-C)", parseSecondsTo(MOST_SECONDS))
    .option("--pcap <file>", "write all packets to a capture, as the devices take and give them")
    .addOption(new Option("--super-segments <when>", "have the kernel's super-segments cross whole: auto where nothing on the way limits or changes packets").choices(["auto", "always", "never"]).default("auto"))
    .option("--json", "print figures as JSON, a line every half second")
    .action(async (scenario: string, given: Given) => {
      const { emulateCommand } = await import("./command.ts");
      const { netns = [], prefix = "", set = [], seed = null, pcap = null, superSegments = "auto", json = false } = given;
      done(await emulateCommand(scenario, { netns, prefix, set, seed, pcap, json, time: given.for === undefined ? null : given.for * 1e9, superSegments: superSegments === "auto" ? null : superSegments === "always" }, io));
    });
  addHelp(program.command("change"), CHANGE_HELP)
    .argument("<path>", "a path, link, middlebox or host.interface of the emulation")
    .argument("<key=value...>", "what becomes of it: state, rate, delay, rtt, loss, direction, power, address")
    .description("change a path of an emulation while it runs")
    .option("--emulation <scenario>", "of which, where several run (of one scenario: with - and the number of its process)")
    .action(async (path: string, settings: readonly string[], { emulation }: { emulation?: string }) => {
      const { sendChange } = await import("./change-socket.ts");
      const problem = await sendChange([path, ...settings].join(" "), emulation ?? null);
      if (problem !== null) io.stderr.write(`${problem}\n`);
      done(problem === null ? EXIT.ok : EXIT.failed);
    });
}

function parseNamespace(text: string, all: readonly { host: string; namespace: string }[] = []): readonly { host: string; namespace: string }[] {
  const [, host, namespace] = /^([\w-]+)=([\w.-]+)$/.exec(text) ?? [];
  if (host === undefined || namespace === undefined) throw new InvalidArgumentError("It is a host of the scenario, =, and the name of a namespace.");
  return [...all, { host, namespace }];
}

function parsePrefix(text: string): string {
  if (!/^[\w.-]*$/.test(text)) throw new InvalidArgumentError("It is part of a file's name: letters, digits, - and _.");
  return text;
}

/** What a timer of Node takes, ms in 31 bits, and no more. */
const MOST_SECONDS = 2_000_000;

const EMULATE_HELP = `
Each host of the scenario becomes a network namespace, each of its interfaces a TUN device with its address, its routes and an endpoint of the kernel's Multipath TCP. Whatever programs
send there crosses the scenario's links, queues and middleboxes in real time: TCP, UDP, ping, anything of IP. The scenario's hosts and its workload play no part.
Packets that nothing on the way changes arrive octet for octet as they were sent.

Examples:
  mptcp emulate two-paths
  ip netns exec client ping 10.0.0.1
  mptcp emulate wifi-lte-handover --set paths.wifi.loss=1% --pcap wifi.pcapng
  mptcp emulate two-paths --netns client=left --netns server=right --for 60
  mptcp change wifi state=down
  mptcp change lte rate=5Mb/s rtt=200ms direction=up

Exit codes: 0 it ended by q or --for, 1 it could not go on, 2 it could not begin, 130 or 143 interrupted.
`;

const CHANGE_HELP = `
The keys and values are those of a scenario's changes (docs/scenarios.md). The change is carried out at once, and stays.

Examples:
  mptcp change wifi state=down
  mptcp change wifi state=up rate=1Mb/s loss=2%
  mptcp change wifi-splitter power=off
  mptcp change client.lte address=removed

Exit codes: 0 it is done, 1 there is no such emulation, or no such change, 2 wrong usage.
`;
