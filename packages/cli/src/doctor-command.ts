import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { doctor, fixScript } from "mptcp/node";
import type { Check, CheckState, DoctorReport, System, Use } from "mptcp/node";
import { addHelp } from "./help.ts";
import { EXIT } from "./io.ts";
import type { Colors, Io } from "./io.ts";

/** The flags of `mptcp doctor`. */
export interface DoctorFlags {
  /** What is to work; empty: whatever does. */
  readonly for: readonly Use[];
  readonly json: boolean;
  readonly fixScript: boolean;
}

/** Adds `mptcp doctor` to the program; `done` gets its exit code. */
export function registerDoctor(program: Command, io: Io, done: (code: number) => void): void {
  addHelp(program.command("doctor"), HELP)
    .description("look at what this host has and lacks for Multipath TCP, and say what mends it; changes nothing")
    .option("--for <use>", "what must work, kernel, tun or udp: without it, any of these will do; may be repeated", collectUse)
    .option("--json", "print the checks as JSON")
    .option("--fix-script", "print the commands that mend what failed or warned, as a shell script")
    .action(async (flags: Partial<DoctorFlags>) => done(await doctorCommand({ for: [], json: false, fixScript: false, ...flags }, io)));
}

/**
 * `mptcp doctor`.
 * @returns 0 when nothing fails, 1 when something does
 */
export async function doctorCommand(flags: DoctorFlags, io: Io, system?: System): Promise<number> {
  const report = await doctor({ uses: flags.for, ...(system === undefined ? {} : { system }) });
  if (flags.json) io.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else if (flags.fixScript) io.stdout.write(fixScript(report));
  else io.stdout.write(describe(report, io.stdout.colors));
  return report.fit ? EXIT.ok : EXIT.failed;
}

function describe(report: DoctorReport, colors: Colors): string {
  const lines: string[] = [];
  let section = "";
  for (const check of report.checks) {
    if (check.section !== section) {
      section = check.section;
      lines.push(colors.bold(section));
    }
    lines.push(...describeCheck(check, colors));
  }
  const count = (state: CheckState): number => report.checks.filter((check) => check.state === state).length;
  const summary = [`${count("fail")} failed`, `${count("warn")} warned`, `${count("ok")} ok`].join(", ");
  lines.push("", report.fit ? summary : colors.red(summary));
  if (report.checks.some((check) => (check.state === "fail" || check.state === "warn") && check.mends.length > 0)) lines.push("mptcp doctor --fix-script prints the commands as a script");
  return `${lines.join("\n")}\n`;
}

function describeCheck(check: Check, colors: Colors): readonly string[] {
  const paint = { ok: colors.green, note: colors.cyan, warn: colors.yellow, fail: colors.red, unknown: colors.dim }[check.state];
  const lines = [`  ${paint(check.state.padEnd(8))}${check.name}: ${check.found}`];
  if (check.state === "ok") return lines;
  if (check.advice !== null) lines.push(`          ${colors.dim(check.advice)}`);
  for (const mend of check.mends) lines.push(`            ${mend}`);
  return lines;
}

function collectUse(value: string, all: readonly Use[] = []): readonly Use[] {
  const use = USES.find((one) => one === value);
  if (use === undefined) throw new InvalidArgumentError(`It is one of ${USES.join(", ")}.`);
  return [...all, use];
}

const USES: readonly Use[] = ["kernel", "tun", "udp"];

const HELP = `
States: ok; note, of no weight for most; warn, something one may expect will be missing; fail, what is wanted will not work;
unknown, it could not be found out. With --for, what the named way of use lacks fails.

  mptcp doctor --for kernel
  mptcp doctor --for tun --fix-script

Exit codes: 0 nothing fails, 1 something does, 2 wrong usage.
`;
