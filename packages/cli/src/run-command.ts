import { join } from "node:path";
import { ScenarioError, ScenarioRun } from "@mptcp/scenario";
import type { LoadedScenario, RunResult } from "@mptcp/scenario";
import { findScenario, loadScenario, moduleFault, RunFileError, RunFolder, ScenarioNotFound } from "@mptcp/scenario/node";
import type { DecisionEvent } from "mptcp";
import { OverrideProblem, overridesOf } from "./given-overrides.ts";
import { EXIT } from "./io.ts";
import type { Io } from "./io.ts";
import { makeProgress } from "./progress.ts";
import type { Progress } from "./progress.ts";
import { explainFile } from "./remedies.ts";
import { summaryText } from "./summary-table.ts";
import { FileProblem, transferFile } from "./transfer-file.ts";
import type { TransferFile } from "./transfer-file.ts";

/** The options of `mptcp run`. */
export interface RunFlags {
  readonly file?: string;
  readonly seed?: number;
  readonly set: readonly string[];
  readonly out?: string;
  readonly json: boolean;
  readonly capture: boolean;
}

/** `mptcp run`: returns the exit code. */
export async function runCommand(name: string, flags: RunFlags, io: Io): Promise<number> {
  let scenario: LoadedScenario;
  let file: TransferFile | null;
  let path: string;
  try {
    path = findScenario(name);
    scenario = await loadScenario(path, overridesOf(flags.set));
    file = transferFile(scenario, path, flags.file);
  } catch (error) {
    if (!(error instanceof ScenarioNotFound || error instanceof ScenarioError || error instanceof FileProblem || error instanceof OverrideProblem)) throw error;
    io.stderr.write(`${error.message}\n`);
    return EXIT.usage;
  }
  const out = flags.out ?? join("out", scenario.plan.name);
  let folder: RunFolder;
  try {
    folder = new RunFolder(out, flags.capture);
  } catch (error) {
    io.stderr.write(`cannot write to ${out}: ${(error as Error).message}\n`);
    return EXIT.usage;
  }
  const shown = flags.json ? io.stderr : io.stdout;
  shown.write(`${scenario.plan.title} (${name}, seed ${flags.seed ?? scenario.plan.seed}${file === null ? "" : `, ${file.path}`})\n`);
  const progress = makeProgress(scenario.plan.name, shown, () => io.clock());
  let outcome: { result: RunResult; interrupted: boolean };
  try {
    outcome = await execute(scenario, flags, file, folder, progress, io);
    folder.finish(scenario, outcome.result, commandsFor(name, flags, outcome.result, folder));
  } catch (error) {
    return failed(error, path, scenario, folder, io);
  }
  const { result, interrupted } = outcome;
  shown.write(`\n${summaryText(scenario.plan.title, result.summary, shown)}\n`);
  shown.write(`  report   ${folder.file("report.html")}\n`);
  if (flags.capture) shown.write(`  capture  ${folder.file("capture.pcapng")}\n`);
  if (flags.json) io.stdout.write(`${JSON.stringify(result.summary, null, 2)}\n`);
  if (interrupted) return EXIT.interrupted;
  return result.summary.asExpected ? EXIT.ok : EXIT.failed;
}

/** A run that came to nothing: a file that could not be written, or an error of the scenario's own code. */
function failed(error: unknown, path: string, scenario: LoadedScenario, folder: RunFolder, io: Io): number {
  folder.abandon();
  if (error instanceof RunFileError) {
    io.stderr.write(`${explainFile(error.path, error.cause)}\n`);
    return EXIT.failed;
  }
  const fault = moduleFault(error, path, scenario.source);
  if (fault === null) throw error;
  io.stderr.write(`${fault.message}\n`);
  return EXIT.usage;
}

/** Runs in slices, so that progress can be shown and signals are heard. */
async function execute(
  scenario: LoadedScenario,
  flags: RunFlags,
  file: TransferFile | null,
  folder: RunFolder,
  progress: Progress,
  io: Io,
): Promise<{ result: RunResult; interrupted: boolean }> {
  const { options } = folder;
  const notes = new NetworkNotes(progress);
  const run = new ScenarioRun(scenario, {
    ...options,
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...(file === null ? {} : { file: file.bytes }),
    content: "random",
    clock: () => io.clock(),
    onEvent: (event) => {
      options.onEvent?.(event);
      notes.add(event);
    },
  });
  let interrupted = false;
  const cancel = io.onInterrupt(() => {
    interrupted = true;
    run.interrupt();
  });
  let restedAt = io.clock();
  try {
    while (run.advance(SLICE)) {
      progress.update(run.status);
      if (io.clock() - restedAt < BREATH) continue;
      await new Promise((resume) => setImmediate(resume));
      restedAt = io.clock();
    }
  } finally {
    cancel();
  }
  progress.done(run.status);
  return { result: run.finish(), interrupted };
}

/** Tells of links and addresses that change; both directions of a link are one change. */
class NetworkNotes {
  private readonly progress: Progress;
  private last = "";

  constructor(progress: Progress) {
    this.progress = progress;
  }

  add(event: DecisionEvent): void {
    const text =
      event.kind === "link" ? `link ${event.host.replace(/[<>]$/, "")}: ${event.change}` : event.kind === "address" ? `address ${event.address} ${event.change} at ${event.host}` : "";
    if (text === "") return;
    const line = `${(event.at / 1e9).toFixed(2).padStart(8)} s  ${text}`;
    if (line !== this.last) this.progress.note(line);
    this.last = line;
  }
}

/** Command lines that the report shows. */
function commandsFor(name: string, flags: RunFlags, result: RunResult, folder: RunFolder): { label: string; command: string }[] {
  const parts = ["mptcp run", quoted(name), `--seed ${result.summary.seed}`];
  if (flags.file !== undefined) parts.push(`--file ${quoted(flags.file)}`);
  for (const set of flags.set) parts.push(`--set ${quoted(set)}`);
  const commands = [{ label: "Run it again, with the same result:", command: parts.join(" ") }];
  if (!flags.capture) return commands;
  const capture = quoted(folder.file("capture.pcapng"));
  commands.push(
    { label: "Look at the packets:", command: `wireshark ${capture}` },
    { label: "See what Multipath TCP said:", command: `tshark -r ${capture} -Y tcp.options.mptcp.subtype -T fields -e frame.time_relative -e frame.interface_name -e tcp.options.mptcp.subtype` },
  );
  return commands;
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** ns of virtual time between two looks at the clock. */
const SLICE = 20e6;
/** Seconds of real time between two chances for signals. */
const BREATH = 0.02;
