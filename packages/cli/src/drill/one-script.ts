import { readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { describeFailure, describeProblem, engineTarget, parseScript, planScript, runPlan, type Failure, type GivenOption, type Outcome, type Plan, type Problem, type Target, type Wiring } from "mptcp/drill";
import { explain, explainFile } from "../remedies.ts";
import { NO_TIME, type Profile, type ScriptReport, type TargetName } from "./report.ts";

/** What is to be done with a script; plain data, so that a thread can be given it. */
export interface ScriptTask {
  readonly file: string;
  readonly target: TargetName;
  /** Options that count more than those of the script. */
  readonly options: readonly GivenOption[];
  readonly seed: number;
  readonly explain: boolean;
  /** Whether it is checked only. */
  readonly dryRun: boolean;
}

/** Larger files are no scripts. */
const MAX_SIZE = 2 ** 21;

/** Runs a script on its stack. Whatever is wrong with it, or with the stack, is in the report. */
export async function runOne(task: ScriptTask): Promise<ScriptReport> {
  const began = performance.now();
  const prepared = prepare(task);
  const read = since(began);
  if ("verdict" in prepared) return { ...prepared, profile: { ...NO_TIME, read } };
  if (task.dryRun) return { ...EMPTY, file: task.file, profile: { ...NO_TIME, read } };
  const setUpBegan = performance.now();
  if (task.target === "kernel") rehearse(prepared);
  let stack: Stack;
  try {
    stack = new Stack(await makeTarget(task, prepared.plan.wiring), task.explain);
  } catch (error) {
    return { ...faulty(task.file, null, explain(error), `${task.file}: ${explain(error)}`), target: task.target, profile: { ...NO_TIME, read } };
  }
  const setUp = since(setUpBegan);
  try {
    return run(task, prepared, stack, (runTime) => ({ read, setUp, run: runTime }));
  } finally {
    stack.close();
  }
}

/**
 * Runs the script on the engine, and looks at nothing of it: what runs it is compiled by then. The kernel's time is real, and a first run is milliseconds slower than the next, more
 * than scripts tolerate.
 */
function rehearse(prepared: Prepared): void {
  for (const times = rehearsed + 1 < FIRST_REHEARSALS ? FIRST_REHEARSALS : 1, until = rehearsed + times; rehearsed < until; rehearsed++) {
    const engine = engineTarget(prepared.plan.wiring);
    prepared.run(engine);
    engine.close();
  }
}

const FIRST_REHEARSALS = 3;
let rehearsed = 0;

/** Why a stack is none here; null where it is one. */
export async function obstacleOf(target: TargetName): Promise<string | null> {
  if (target === "engine") return null;
  const { kernelObstacle } = await import("@mptcp/testbed");
  return kernelObstacle();
}

async function makeTarget({ target, seed }: ScriptTask, wiring: Wiring): Promise<Target> {
  if (target === "engine") return engineTarget(wiring, { seed });
  const { kernelTarget } = await import("@mptcp/testbed");
  return kernelTarget(wiring);
}

const EMPTY: ScriptReport = {
  file: "", target: null, verdict: "passed", line: null, column: null, message: null, kind: null, expected: null, seen: null, text: "", warnings: [], printed: [], explanation: [], scriptMicroseconds: 0,
  profile: NO_TIME,
};

function faulty(file: string, problem: Problem | null, message: string, text: string): ScriptReport {
  return { ...EMPTY, file, verdict: "faulty", kind: "script", line: problem?.place.line ?? null, column: problem?.place.column ?? null, message, text };
}

/** A script that can be run. */
interface Prepared {
  readonly text: string;
  readonly plan: Plan;
  readonly run: (target: Target, onPrint?: (line: string) => void) => Outcome;
}

function prepare({ file, options }: ScriptTask): Prepared | ScriptReport {
  let text: string;
  try {
    text = readScript(file);
  } catch (error) {
    const message = explainFile(file, error as NodeJS.ErrnoException);
    return faulty(file, null, message, message);
  }
  const { script, problems } = parseScript(text);
  const readFile = (path: string): string | null => readBeside(file, path);
  const planned = planScript(script, { options, readFile });
  // What could not be read is missing from the plan, and what is said of that does not count.
  const wrong = problems.length > 0 ? problems : planned.problems;
  const [first] = wrong;
  if (first === undefined) return { text, plan: planned.plan, run: (target, onPrint = () => {}) => runPlan(planned.plan, target, { readFile, onPrint }) };
  return faulty(file, first, first.message, wrong.map((problem) => describeProblem(file, text, problem)).join("\n"));
}

/**
 * The text of a script.
 * @throws what the file system says
 */
export function readScript(file: string): string {
  if (statSync(file).size > MAX_SIZE) throw new Error(`it is larger than ${MAX_SIZE} octets`);
  return readFileSync(file, "utf8");
}

/** A file that a shell line calls, by its name relative to the script's folder. */
function readBeside(file: string, path: string): string | null {
  if (isAbsolute(path)) return null;
  try {
    return readScript(join(dirname(file), path));
  } catch {
    return null;
  }
}

/** What is wrong with options that are given for all scripts: they are read as those of a script are. */
export function optionProblem({ name, value }: GivenOption): string | null {
  const quoted = value === undefined ? "" : `="${value}"`;
  return parseScript(`--${name}${quoted}\n`).problems[0]?.message ?? null;
}

function run(task: ScriptTask, prepared: Prepared, stack: Stack, profile: (run: number) => Profile): ScriptReport {
  const began = performance.now();
  const printed: string[] = [];
  const outcome = prepared.run(stack, (line) => void (printed.length < MAX_PRINTED && printed.push(line)));
  const report: ScriptReport = {
    ...EMPTY, file: task.file, target: task.target, printed, scriptMicroseconds: outcome.ended / 1e3, profile: profile(since(began)), explanation: stack.explained,
    warnings: outcome.warnings.map((warning) => `line ${warning.place.line}: ${warning.message}`),
  };
  if (outcome.passed) return report;
  const { failure } = outcome;
  const { place, message, kind, comparison } = failure;
  const hint = task.target === "kernel" && kind === "time" ? `\n${LATE}` : "";
  const text = describeFailure(task.file, prepared.text, shortened(failure, task.explain)) + hint;
  return { ...report, verdict: "failed", line: place.line, column: place.column, message, kind, expected: comparison?.expected.trim() ?? null, seen: comparison?.seen.trim() ?? null, text };
}

const LATE = "  The kernel's time is real, and a busy machine is late: --tolerance_usecs=14000 allows for more.";

/** Decisions are shown once where they are asked for, with those before. */
function shortened(failure: Failure, isExplained: boolean): Failure {
  return isExplained ? { ...failure, explanation: [] } : failure;
}

function since(began: number): number {
  return Math.round((performance.now() - began) * 1e3);
}

/** A stack that keeps what it said of its decisions. */
class Stack implements Target {
  readonly explained: string[] = [];
  readonly #target: Target;
  readonly #keeps: boolean;

  constructor(target: Target, keeps: boolean) {
    this.#target = target;
    this.#keeps = keeps;
  }

  get name(): TargetName {
    return this.#target.name;
  }

  get now(): number {
    return this.#target.now;
  }

  inject: Target["inject"] = (octets) => this.#target.inject(octets);
  begin: Target["begin"] = (call) => this.#target.begin(call);
  /** On the kernel in slices, so that a thread that waits for it can be ended meanwhile. */
  advance: Target["advance"] = (until) => this.#target.advance(this.name === "kernel" ? Math.min(until, this.#target.now + LONGEST_WAIT) : until);
  take: Target["take"] = () => this.#target.take();
  command: Target["command"] = (words) => this.#target.command(words);

  explain(): readonly string[] {
    const lines = this.#target.explain();
    if (this.#keeps && this.explained.length < MAX_EXPLAINED) this.explained.push(...lines.slice(0, MAX_EXPLAINED - this.explained.length));
    return lines;
  }

  close(): void {
    this.explain();
    this.#target.close();
  }
}

/** ns. */
const LONGEST_WAIT = 100e6;
/** Lines that are kept of what code prints. */
const MAX_PRINTED = 1_000;
/** Lines of decisions that are kept of a script. */
const MAX_EXPLAINED = 2_000;
