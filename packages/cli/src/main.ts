import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { registerControlCommands } from "./control-commands.ts";
import { registerDoctor } from "./doctor-command.ts";
import { registerDrill } from "./drill/index.ts";
import { registerEmulate } from "./emulate/index.ts";
import { registerForward } from "./forward-options.ts";
import { addHelp, configureHelp, pointToHelp } from "./help.ts";
import { EXIT } from "./io.ts";
import type { Io } from "./io.ts";
import { registerKey } from "./link-key.ts";
import { registerMatrix } from "./matrix/index.ts";
import { registerMonitor } from "./monitor-command.ts";
import { parseSeed } from "./numbers.ts";
import { registerPerf } from "./perf/index.ts";
import { registerProbe } from "./probe-command.ts";
import type { RunFlags } from "./run-command.ts";
import { addSocketCommands } from "./socket-options.ts";
import { registerStatus } from "./status-command.ts";
import { registerStudy } from "./study/index.ts";

export { processIo } from "./io.ts";
export type { Io, Output } from "./io.ts";

/**
 * The `mptcp` command. The simulator is loaded by the commands that need it alone, so that the others begin sooner.
 * @param args without the program's name
 * @returns the exit code: 0 success, 1 the run or the transfer failed, 2 wrong usage, 130 interrupted, 143 terminated
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("mptcp");
  program
    .description("Multipath TCP: over real networks, and in a virtual one that shows what the protocol does.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .exitOverride();
  configureHelp(addHelp(program, EXAMPLES), io);
  addHelp(program.command("run"), RUN_HELP)
    .argument("<scenario>", "name of a scenario (see mptcp list), or path to a .yaml, .ts or .js file")
    .description("run a scenario and write capture.pcapng, events.jsonl, summary.json and report.html")
    .option("--file <path>", "file to transfer (default: 16 MiB made up, the same on every machine)")
    .option("--seed <number>", "seed of every random draw (default: the scenario's)", parseSeed)
    .option("--set <path=value>", "change a field of the scenario; may be repeated", (value: string, all: string[] = []) => [...all, value])
    .option("--out <folder>", "where to write (default: out/<scenario>)")
    .option("--json", "print the summary as JSON to stdout, and nothing else there")
    .option("--no-capture", "write no capture")
    .action(async (scenario: string, flags: RunFlags) => {
      const { runCommand } = await import("./run-command.ts");
      code = await runCommand(scenario, { ...RUN_DEFAULTS, ...flags }, io);
    });
  program
    .command("list")
    .description("list the scenarios that come with the project")
    .action(async () => {
      const { listScenarios } = await import("./list-command.ts");
      code = await listScenarios(io);
    });
  addSocketCommands(program, io, (exit) => (code = exit));
  registerForward(program, io, (exit) => (code = exit));
  registerPerf(program, io, (exit) => (code = exit));
  registerDrill(program, io, (exit) => (code = exit));
  registerEmulate(program, io, (exit) => (code = exit));
  registerMatrix(program, io, (exit) => (code = exit));
  registerDoctor(program, io, (exit) => (code = exit));
  registerProbe(program, io, (exit) => (code = exit));
  registerStudy(program, io, (exit) => (code = exit));
  registerStatus(program, io, (exit) => (code = exit));
  registerMonitor(program, io, (exit) => (code = exit));
  registerControlCommands(program, io, (exit) => (code = exit));
  registerKey(program, io, (exit) => (code = exit));
  pointToHelp(program);
  if (args.length === 0) {
    program.outputHelp();
    return EXIT.usage;
  }
  try {
    await program.parseAsync(isUnknown(program, args) ? args.slice(0, 1) : args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  return code;
}

/** Whether there is no such command: then that is what is wrong, also where its help is asked for. */
function isUnknown(program: Command, [name = ""]: readonly string[]): boolean {
  return !name.startsWith("-") && name !== "help" && !program.commands.some((command) => command.name() === name);
}

const RUN_DEFAULTS: RunFlags = { set: [], json: false, capture: true };

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
  mptcp run wifi-3g --set protocol.buffers=100KB --json \\
      | jq .goodputBitsPerSecond
  mptcp run ./my-scenario.yaml --out /tmp/mine
  mptcp listen 5000 --udp local=127.0.0.1 --udp local=127.0.0.2 > received
  mptcp connect 127.0.0.1 5000 --udp local=127.0.0.3 \\
      --udp local=127.0.0.4 < file
  mptcp status
  mptcp monitor
  mptcp policy scheduler round-robin
  mptcp forward 8080 192.0.2.1:5000 --udp local=10.0.0.7 --udp local=172.20.0.4
  mptcp perf --client 192.0.2.1 --udp local=10.0.0.7 --udp local=172.20.0.4
  mptcp drill close.pkt
  mptcp doctor
  mptcp probe example.org 443
  mptcp study --survey 1000
`;

const RUN_HELP = `
The path of --set names fields and, in lists, entries by their name or index:
  --set paths.wifi.rate=5Mb/s
  --set protocol.scheduler=round-robin
  --set changes.0.at=3s

Exit codes: 0 the run ended as the scenario expects (as a rule: everything arrived unchanged), 1 it did not,
or what it tells could not be written, 2 wrong usage or a faulty scenario, 130 interrupted.
`;
