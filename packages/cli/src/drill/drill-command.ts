import { writeFileSync } from "node:fs";
import { parseScript, printScript, type GivenOption } from "mptcp/drill";
import { EXIT, exitOf, type Io, type Signal } from "../io.ts";
import { explainFile } from "../remedies.ts";
import { ScreenRegion } from "../screen-region.ts";
import { differencesOf, differenceText } from "./difference.ts";
import { findScripts } from "./find-scripts.ts";
import { junit } from "./junit.ts";
import { obstacleOf, optionProblem, readScript, recordOne, runOne, type ScriptTask } from "./one-script.ts";
import { profileText, scriptText, summaryText } from "./report-text.ts";
import { countsOf, type Choices, type ScriptReport, type TargetName } from "./report.ts";
import { runOnThreads } from "./worker-pool.ts";

/** The flags of `mptcp drill`. */
export interface DrillFlags {
  readonly target: TargetName | "both";
  readonly explain: boolean;
  readonly junit?: string;
  readonly json: boolean;
  readonly jobs: number;
  readonly profile: boolean;
  readonly dryRun: boolean;
  readonly print: boolean;
  readonly record: boolean;
  readonly seed: number;
  /** Whose choices the engine makes where an RFC leaves one. */
  readonly choices: Choices;
  /** Options of packetdrill, and `define` for `-D`. */
  readonly options: readonly GivenOption[];
}

/**
 * `mptcp drill`.
 * @returns 0 when every script does what it says, 1 when one does not, 2 when one could not be run or the usage is wrong, 130 or 143 when it was interrupted
 */
export async function drillCommand(paths: readonly string[], flags: DrillFlags, io: Io): Promise<number> {
  const { files, problems } = findScripts(paths);
  const isPair = flags.record && flags.target === "both" ? ["--record is for one stack: --target engine or --target kernel"] : [];
  const wrong = [...problems, ...isPair, ...flags.options.map(optionProblem).filter((problem) => problem !== null)];
  if (wrong.length > 0) {
    io.stderr.write(`${wrong.join("\n")}\n`);
    return EXIT.usage;
  }
  if (flags.print) return printScripts(files, io);
  const targets: readonly TargetName[] = flags.target === "both" ? ["engine", "kernel"] : [flags.target];
  for (const target of flags.dryRun ? [] : targets) {
    const obstacle = await obstacleOf(target);
    if (obstacle === null) continue;
    io.stderr.write(`the ${target} is not to be had here: ${obstacle}\n`);
    return EXIT.usage;
  }
  if (flags.record) return recordScripts(files, targets[0]!, flags, io);
  return new Drill(files, flags.dryRun ? ["engine"] : targets, flags, io).run();
}

/** Scripts as they are printed from what was read of them. */
function printScripts(files: readonly string[], io: Io): number {
  let code: number = EXIT.ok;
  for (const file of files) {
    try {
      const { script, problems } = parseScript(readScript(file));
      if (problems.length === 0) {
        io.stdout.write(printScript(script));
        continue;
      }
      io.stderr.write(`${file}:${problems[0]!.place.line}: ${problems[0]!.message}\n`);
    } catch (error) {
      io.stderr.write(`${explainFile(file, error as NodeJS.ErrnoException)}\n`);
    }
    code = EXIT.usage;
  }
  return code;
}

/** What a stack does with the inputs of scripts, as scripts. */
async function recordScripts(files: readonly string[], target: TargetName, { choices, explain, options, seed }: DrillFlags, io: Io): Promise<number> {
  let code: number = EXIT.ok;
  for (const file of files) {
    const recorded = await recordOne({ file, target, options, choices, seed, explain, transcribed: false, dryRun: false });
    if ("script" in recorded) {
      io.stdout.write(recorded.script);
      continue;
    }
    io.stderr.write(`${recorded.problem}\n`);
    code = EXIT.usage;
  }
  return code;
}

/** All scripts of a call. */
class Drill {
  readonly #files: readonly string[];
  readonly #targets: readonly TargetName[];
  readonly #flags: DrillFlags;
  readonly #io: Io;
  readonly #tasks: readonly ScriptTask[];
  /** By the index of their tasks. */
  readonly #reports: (ScriptReport | undefined)[] = [];
  readonly #region: ScreenRegion;
  #shown = 0;
  #interrupted: Signal | null = null;

  constructor(files: readonly string[], targets: readonly TargetName[], flags: DrillFlags, io: Io) {
    const { choices, options, seed, explain, dryRun } = flags;
    this.#files = files;
    this.#targets = targets;
    this.#flags = flags;
    this.#io = io;
    this.#tasks = files.flatMap((file) => targets.map((target) => ({ file, target, options, choices, seed, explain, transcribed: targets.length > 1, dryRun })));
    this.#region = new ScreenRegion(io.stdout);
  }

  async run(): Promise<number> {
    const { jobs, json, profile } = this.#flags;
    const { stdout, clock } = this.#io;
    const began = clock();
    const stop = new AbortController();
    const cancel = this.#io.onInterrupt((signal = "SIGINT") => {
      this.#interrupted = signal;
      stop.abort();
    });
    try {
      // A script that waits for the kernel keeps its thread from hearing signals.
      if (this.#targets.includes("kernel") || (jobs > 1 && this.#tasks.length > 1)) await runOnThreads(this.#tasks, jobs, stop.signal, (index, report) => this.#done(index, report));
      else await this.#oneByOne();
    } finally {
      cancel();
      if (this.#isTerminal) this.#region.clear();
    }
    const reports = this.#reports.filter((report) => report !== undefined);
    const seconds = clock() - began;
    if (json) stdout.write(`${JSON.stringify(this.#summary(reports, seconds), null, 2)}\n`);
    else {
      if (profile) stdout.write(profileText(reports, stdout.colors));
      stdout.write(summaryText(reports, seconds, this.#interrupted !== null, stdout.colors));
    }
    return this.#exit(reports);
  }

  get #isTerminal(): boolean {
    return !this.#flags.json && this.#io.stdout.columns > 0;
  }

  async #oneByOne(): Promise<void> {
    for (const [index, task] of this.#tasks.entries()) {
      // Signals are heard between scripts.
      await new Promise((resume) => setImmediate(resume));
      if (this.#interrupted !== null) return;
      this.#done(index, await runOne(task));
    }
  }

  /** Shows reports in the order of their tasks, as far as they are there. */
  #done(index: number, report: ScriptReport): void {
    this.#reports[index] = report;
    if (this.#flags.json) return;
    if (this.#isTerminal) this.#region.clear();
    const count = this.#targets.length;
    for (let first = this.#shown; this.#reports.slice(first, first + count).filter((one) => one !== undefined).length === count; first = this.#shown) {
      this.#show(this.#reports.slice(first, first + count) as ScriptReport[]);
      this.#shown += count;
    }
    const done = this.#reports.filter((one) => one !== undefined).length;
    if (this.#isTerminal && done < this.#tasks.length) this.#region.draw([`${done} of ${this.#tasks.length}  ${this.#tasks[done]!.file}`]);
  }

  /** A script on all its stacks. */
  #show(reports: readonly ScriptReport[]): void {
    const { stdout } = this.#io;
    const isBoth = this.#targets.length > 1;
    for (const report of reports) stdout.write(scriptText(report, stdout.colors, { target: isBoth, explain: this.#flags.explain }));
    if (isBoth) stdout.write(differenceText(reports[0]!, reports[1]!));
  }

  #summary(reports: readonly ScriptReport[], seconds: number): unknown {
    const counts = countsOf(reports);
    const scripts = reports.map((report) => ({ ...report, transcript: undefined }));
    return { ...counts, interrupted: this.#interrupted !== null, microseconds: Math.round(seconds * 1e6), scripts, ...(this.#targets.length > 1 ? { differences: this.#differences() } : {}) };
  }

  /** The first difference of each script that both stacks have run. */
  #differences(): readonly unknown[] {
    return this.#files.flatMap((file, index) => {
      const [engine, kernel] = this.#reports.slice(index * 2, index * 2 + 2);
      const [first] = engine === undefined || kernel === undefined ? [] : differencesOf(engine, kernel);
      return first === undefined ? [] : [{ file, line: first.line, microseconds: Math.round(first.at / 1e3), what: first.what, engine: first.comparison.expected, kernel: first.comparison.seen }];
    });
  }

  #exit(reports: readonly ScriptReport[]): number {
    const { failed, faulty } = countsOf(reports);
    const { junit: path } = this.#flags;
    if (path !== undefined) {
      try {
        writeFileSync(path, junit(reports, this.#interrupted !== null));
      } catch (error) {
        this.#io.stderr.write(`${explainFile(path, error as NodeJS.ErrnoException)}\n`);
        return EXIT.usage;
      }
    }
    if (this.#interrupted !== null) return exitOf(this.#interrupted);
    return failed > 0 ? EXIT.failed : faulty > 0 || this.#files.length === 0 ? EXIT.usage : EXIT.ok;
  }
}
