import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { registerDoctor } from "./doctor-command.ts";
import { EXIT } from "./io.ts";
import type { Io } from "./io.ts";
import { listScenarios } from "./list-command.ts";
import { parseTun, parseUdp } from "./link-options.ts";
import type { LinkOption } from "./link-options.ts";
import { runCommand } from "./run-command.ts";
import type { RunFlags } from "./run-command.ts";
import { connectCommand, listenCommand } from "./socket-command.ts";
import type { SocketFlags } from "./socket-command.ts";

export { processIo } from "./io.ts";
export type { Io, Output } from "./io.ts";

/**
 * The `mptcp` command.
 * @param args without the program's name
 * @returns the exit code: 0 success, 1 the run failed, 2 wrong usage, 130 interrupted
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("mptcp");
  program
    .description("Multipath TCP in a virtual network: runs scenarios, and shows what the protocol did.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("(mptcp --help shows what there is)")
    .addHelpText("after", EXAMPLES);
  program
    .command("run")
    .argument("<scenario>", "name of a scenario (see mptcp list), or path to a .yaml, .ts or .js file")
    .description("run a scenario and write capture.pcapng, events.jsonl, summary.json and report.html")
    .option("--file <path>", "file to transfer (default: the beginning of the Node executable)")
    .option("--seed <number>", "seed of every random draw (default: the scenario's)", parseSeed)
    .option("--set <path=value>", "change a field of the scenario; may be repeated", (value: string, all: string[]) => [...all, value], [])
    .option("--out <folder>", "where to write (default: out/<scenario>)")
    .option("--json", "print the summary as JSON to stdout, and nothing else there", false)
    .option("--no-capture", "write no capture")
    .addHelpText("after", RUN_EXAMPLES)
    .action(async (scenario: string, flags: RunFlags) => {
      code = await runCommand(scenario, flags, io);
    });
  program
    .command("list")
    .description("list the scenarios that come with the project")
    .action(async () => {
      code = await listScenarios(io);
    });
  socketOptions(program.command("listen").argument("<port>", "port to listen on", parsePort).description("accept a connection over user-space Multipath TCP; standard input goes out, what comes goes to standard output")).action(
    async (port: number, flags: SocketFlags) => {
      code = await listenCommand(port, flags, io);
    },
  );
  socketOptions(program.command("connect").argument("<host>", "address to connect to").argument("<port>", "its port", parsePort).description("open a connection over user-space Multipath TCP, the other end of listen")).action(
    async (host: string, port: number, flags: SocketFlags) => {
      code = await connectCommand(host, port, flags, io);
    },
  );
  registerDoctor(program, io, (exit) => (code = exit));
  if (args.length === 0) {
    io.stdout.write(program.helpInformation() + EXAMPLES);
    return EXIT.usage;
  }
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  return code;
}

function socketOptions(command: Command): Command {
  return command
    .option("--udp <local=ADDR[,backup][,mtu=N]>", "a link over UDP from this address, no privileges needed; may be repeated", parseUdp, [] as readonly LinkOption[])
    .option("--tun <name=NAME,host=ADDR,kernel=ADDR/LEN[,backup][,mtu=N]>", "a link over a TUN device (root); may be repeated", parseTun, [] as readonly LinkOption[])
    .option("--echo", "send back what comes", false)
    .option("--discard", "throw away what comes", false)
    .option("--source <bytes>", "send so many bytes instead of standard input", parseCount, null)
    .option("--json", "print a summary as JSON to standard error at the end", false);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new InvalidArgumentError("A port is a whole number from 1 to 65535.");
  return port;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 0) throw new InvalidArgumentError("Bytes are a whole number.");
  return count;
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed)) throw new InvalidArgumentError("a seed is a whole number from 0.");
  return seed;
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

const EXAMPLES = `
Examples:
  mptcp list
  mptcp run wifi-lte-handover
  mptcp run wifi-lte-handover --file some.iso --seed 7
  mptcp run two-paths --set paths.right.rtt=200ms --set paths.right.loss=1%
  mptcp run wifi-3g --set protocol.buffers=100KB --json | jq .goodputBitsPerSecond
  mptcp run ./my-scenario.yaml --out /tmp/mine
`;

const RUN_EXAMPLES = `
The path of --set names fields and, in lists, entries by their name or index:
  --set paths.wifi.rate=5Mb/s    --set protocol.scheduler=round-robin    --set changes.0.at=3s

Exit codes: 0 the run ended as the scenario expects (as a rule: everything arrived unchanged), 1 it did not,
2 wrong usage or a faulty scenario, 130 interrupted.
`;
