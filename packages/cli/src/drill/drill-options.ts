import { availableParallelism } from "node:os";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { GivenOption } from "mptcp/drill";
import { addHelp } from "../help.ts";
import type { Io } from "../io.ts";
import { parseSeed } from "../numbers.ts";
import type { DrillFlags } from "./drill-command.ts";

/** Options of packetdrill with a value, by its names. */
const WITH_VALUE = [
  "tolerance_usecs", "tolerance_percent", "ip_version", "local_ip", "gateway_ip", "netmask_ip", "remote_ip", "bind_port", "connect_port", "mtu", "mss", "tcp_ts_tick_usecs", "speed", "non_fatal", "init_scripts",
] as const;
/** Those without one. */
const WITHOUT_VALUE = ["strict_segments", "send_omit_free", "verbose", "debug"] as const;

/** Adds `mptcp drill` to the program; `done` gets its exit code. */
export function registerDrill(program: Command, io: Io, done: (code: number) => void): void {
  const command = addHelp(program.command("drill"), HELP)
    .argument("<scripts...>", "packet scripts, and folders of which every *.pkt is run")
    .description("run packet scripts, packetdrill's language, on the engine or this machine's kernel")
    .addOption(new Option("--target <stack>", "what they are run on, engine, kernel or both").choices(["engine", "kernel", "both"]).default("engine"))
    .addOption(new Option("--kernel", "the same as --target kernel").conflicts(["both", "target"]))
    .addOption(new Option("--both", "the same as --target both: shows the first packet or result in which the two differ, side by side").conflicts("target"))
    .option("--explain", "show what the engine decided, for every script")
    .option("--junit <file>", "write the results as JUnit's XML, too")
    .option("--json", "print the results as JSON, and nothing else")
    .option("--jobs <number>", "how many scripts to run at once (default: 1)", parseJobs)
    .option("--profile", "show which scripts took longest, and for what")
    .option("-D, --define <NAME=VALUE>", "what a symbol in the scripts stands for; may be repeated", collect)
    .option("--dry-run", "check the scripts, and run nothing")
    .option("--print", "print the scripts as they were read, and run nothing")
    .option("--record", "do what the scripts do to the stack, and print whole scripts with what it does then")
    .addOption(new Option("--choices <whose>", "what the engine does where an RFC leaves a choice, as Linux or as is its own").choices(["linux", "own"]).default("linux"))
    .option("--seed <number>", "seed of the engine's random draws (default: 1)", parseSeed);
  command.addOption(new Option("--dry_run").hideHelp());
  for (const name of WITH_VALUE) command.addOption(new Option(`--${name} <value>`).hideHelp());
  for (const name of WITHOUT_VALUE) command.addOption(new Option(`--${name}`).hideHelp());
  const { outputError = (text: string, write: (text: string) => void): void => write(text) } = command.configureOutput();
  command.configureOutput({ outputError: (text, write) => outputError(suggested(text), write) });
  command.action(async (scripts: string[], given: Given) => {
    const { drillCommand } = await import("./drill-command.ts");
    done(await drillCommand(scripts, flagsOf(given), io));
  });
}

/** An unknown option may be one of packetdrill's, which help does not list: the one that begins like it. */
function suggested(text: string): string {
  const asked = /^error: unknown option '--([^'=]+)(?:=[^']*)?'\n$/.exec(text)?.[1]?.replaceAll("-", "_");
  if (asked === undefined) return text;
  let best = "";
  let most = LEAST_ALIKE - 1;
  for (const name of [...WITH_VALUE, ...WITHOUT_VALUE]) {
    let alike = 0;
    while (alike < asked.length && asked[alike] === name[alike]) alike++;
    if (alike > most) [best, most] = [name, alike];
  }
  return best === "" ? text : `${text}(Did you mean --${best}?)\n`;
}

/** Letters that two names begin with. */
const LEAST_ALIKE = 4;

type Given = Readonly<Record<string, unknown>> & Partial<DrillFlags> & { readonly kernel?: boolean; readonly both?: boolean; readonly define?: readonly string[]; readonly dry_run?: boolean };

function flagsOf(given: Given): DrillFlags {
  const { target = "engine", choices = "linux", explain = false, junit, json = false, jobs = 1, profile = false, dryRun = false, dry_run = false, print = false, record = false, seed = 1, define = [] } = given;
  const valued = WITH_VALUE.flatMap((name): GivenOption[] => (typeof given[name] === "string" ? [{ name, value: given[name] }] : []));
  const plain = WITHOUT_VALUE.flatMap((name): GivenOption[] => (given[name] === true ? [{ name }] : []));
  return {
    target: given.both === true ? "both" : given.kernel === true ? "kernel" : target,
    choices, explain, json, jobs, profile, print, record, seed,
    ...(junit === undefined ? {} : { junit }),
    dryRun: dryRun || dry_run,
    options: [...valued, ...plain, ...define.map((value) => ({ name: "define", value }))],
  };
}

function collect(value: string, all: readonly string[] = []): readonly string[] {
  if (!/^[A-Za-z_]\w*=/.test(value)) throw new InvalidArgumentError("It is NAME=VALUE.");
  return [...all, value];
}

function parseJobs(text: string): number {
  const jobs = Number(text);
  if (!/^\d+$/.test(text) || jobs < 1 || jobs > MOST_JOBS) throw new InvalidArgumentError(`It is a number from 1 to ${MOST_JOBS}; this machine does ${availableParallelism()} at once.`);
  return jobs;
}

const MOST_JOBS = 256;

const HELP = `
packetdrill's own options count more than those of the scripts: --ip_version, --tolerance_usecs, --local_ip, --remote_ip, --mtu, --bind_port, --connect_port, --init_scripts,
--non_fatal, --strict_segments and so on, each as --NAME=VALUE.

Everything in a script is checked before any of it runs. The engine runs in virtual time and needs no privileges. The kernel is this machine's, in a network
namespace of its own; it needs Linux and root, and the time is real.

  mptcp drill close.pkt
  mptcp drill tests/net/tcp --jobs 4 --junit results.xml
  mptcp drill close.pkt --ip_version=ipv6 -D MSS=1440
  mptcp drill close.pkt --both
  mptcp drill inputs.pkt --record --kernel > close.pkt

Exit codes: 0 every script does what it says, 1 one does not, 2 all that ran do but one could not be run, or wrong usage, 130 interrupted.
`;
