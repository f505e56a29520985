import { closeSync, openSync, readSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { describeFailure, describeProblem, engineTarget, parseScript, planScript, printScript, recordPlan, runPlan, transcribePlan, type Failure, type GivenOption, type Outcome, type Plan, type Problem, type Target, type Transcript, type Wiring } from "mptcp/drill";
import { explain, explainFile } from "../remedies.ts";
import { NO_TIME, type Choices, type Profile, type ScriptReport, type TargetName } from "./report.ts";

/** What is to be done with a script; plain data, so that a thread can be given it. */
export interface ScriptTask {
  readonly file: string;
  readonly target: TargetName;
  /** Options that count more than those of the script. */
  readonly options: readonly GivenOption[];
  readonly seed: number;
  readonly choices: Choices;
  readonly explain: boolean;
  /** Whether what the stack does is told, too. */
  readonly transcribed: boolean;
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

/** For how long after the last input a stack is recorded, ns. */
const RECORDED_TAIL = 250e6;

/** Does to a stack what a script says, and gives what it does then as a script; or what is wrong with the script or the stack. */
export async function recordOne(task: ScriptTask): Promise<{ readonly script: string } | { readonly problem: string }> {
  const prepared = prepare(task);
  if ("verdict" in prepared) return { problem: prepared.text };
  if (task.target === "kernel") rehearse(prepared);
  let target: Target;
  try {
    target = await makeTarget(task, prepared.plan.wiring);
  } catch (error) {
    return { problem: `${task.file}: ${explain(error)}` };
  }
  try {
    return { script: prepared.record(target) };
  } finally {
    target.close();
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

async function makeTarget({ choices, target, seed }: ScriptTask, wiring: Wiring): Promise<Target> {
  if (target === "engine") return engineTarget(wiring, { seed, host: { profile: choices } });
  const { kernelTarget } = await import("@mptcp/testbed");
  return kernelTarget(wiring);
}

const EMPTY: ScriptReport = {
  file: "", target: null, verdict: "passed", line: null, column: null, message: null, kind: null, expected: null, seen: null, text: "", warnings: [], printed: [], explanation: [], scriptMicroseconds: 0,
  profile: NO_TIME, transcript: null,
};

function faulty(file: string, problem: Problem | null, message: string, text: string): ScriptReport {
  return { ...EMPTY, file, verdict: "faulty", kind: "script", line: problem?.place.line ?? null, column: problem?.place.column ?? null, message, text };
}

/** A file that was cut or never written should not pass. */
const NOTHING = "there is no event in it";

/** A script that can be run. */
interface Prepared {
  readonly text: string;
  readonly plan: Plan;
  readonly run: (target: Target, onPrint?: (line: string) => void) => Outcome;
  /** As `run`, with what the stack did. */
  readonly transcribe: (target: Target, onPrint: (line: string) => void) => { readonly outcome: Outcome; readonly transcript: Transcript };
  /** The whole script of what a stack does with the inputs of this one; where it ends before this one does, with why as a comment. */
  readonly record: (target: Target) => string;
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
  if (first === undefined && script.events.length === 0) return faulty(file, null, NOTHING, `${file}: ${NOTHING}`);
  const record = (target: Target): string => {
    const { failure, recording } = recordPlan(planned.plan, target, script, { readFile, tail: RECORDED_TAIL });
    return `${printScript(recording.script())}${failure === null ? "" : `// line ${failure.place.line}: ${failure.message}\n`}`;
  };
  if (first === undefined) {
    const { plan } = planned;
    return { text, plan, run: (target, onPrint = () => {}) => runPlan(plan, target, { readFile, onPrint }), transcribe: (target, onPrint) => transcribePlan(plan, target, { readFile, onPrint }), record };
  }
  return faulty(file, first, first.message, wrong.map((problem) => describeProblem(file, text, problem)).join("\n"));
}

/**
 * The text of a script.
 * @throws what the file system says
 */
export function readScript(file: string): string {
  const descriptor = openSync(file, "r");
  try {
    // A device has no size, and may have no end.
    const parts: Buffer[] = [];
    for (let size = 0; size <= MAX_SIZE; ) {
      const part = Buffer.allocUnsafe(PART);
      const length = readSync(descriptor, part);
      if (length === 0) return Buffer.concat(parts).toString();
      parts.push(part.subarray(0, length));
      size += length;
    }
    throw new Error(`it is larger than ${MAX_SIZE} octets`);
  } finally {
    closeSync(descriptor);
  }
}

/** Octets that are read at once. */
const PART = 2 ** 16;

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
export function optionProblem(option: GivenOption): string | null {
  const { name, value } = option;
  const quoted = value === undefined ? "" : `="${value}"`;
  const { script, problems } = parseScript(`--${name}${quoted}\n`);
  // Whether an address and a file will do depends on the script.
  const more = name.endsWith("_ip") || name === "init_scripts" ? [] : planScript(script).problems;
  return [...problems, ...more][0]?.message ?? null;
}

function run(task: ScriptTask, prepared: Prepared, stack: Stack, profile: (run: number) => Profile): ScriptReport {
  const began = performance.now();
  const printed: string[] = [];
  const onPrint = (line: string): void => void (printed.length < MAX_PRINTED && printed.push(line));
  const { outcome, transcript } = task.transcribed ? prepared.transcribe(stack, onPrint) : { outcome: prepared.run(stack, onPrint), transcript: null };
  const report: ScriptReport = {
    ...EMPTY, file: task.file, target: task.target, printed, scriptMicroseconds: outcome.ended / 1e3, profile: profile(since(began)), explanation: stack.explained, transcript,
    warnings: outcome.warnings.map((warning) => `line ${warning.place.line}: ${warning.message}`),
  };
  if (outcome.passed) return report;
  const { failure } = outcome;
  const { place, message, kind, comparison } = failure;
  const hint = task.target === "kernel" && ((kind === "time" && !message.includes("too early")) || message.endsWith("too late")) ? `\n${LATE}` : "";
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
