import { engineTarget, parseScript, planScript, printScript, recordPlan } from "mptcp/drill";
import type { Plan, Recorded, Recording, Script, Target } from "mptcp/drill";
import { kernelTarget } from "../kernel/index.ts";
import { compareRecordings, type Difference } from "./compare.ts";
import { scriptText, type FuzzCase } from "./generate.ts";
import { knownKind } from "./known.ts";

export type Profile = "own" | "linux";

/** What became of a run on both stacks. */
export interface CaseResult {
  readonly seed: number;
  readonly verdict: "agree" | "known" | "new" | "unstable" | "disturbed" | "faulty";
  /** Names of known kinds that were met. */
  readonly known: readonly string[];
  /** The first difference that is not known. */
  readonly difference: Difference | null;
  /** For a faulty one: why. */
  readonly problem: string | null;
}

export type Stack = "kernel" | "engine";

/** Carries a run out on a stack. @throws Error for inputs that are no script */
export function recordCase(one: FuzzCase, stack: Stack, profile: Profile, timerDelay = 0): Recording {
  const { plan, script } = planned(one);
  const target = makeTarget(stack, plan, profile, timerDelay);
  try {
    const { failure, recording }: Recorded = recordPlan(plan, target, script, { tail: one.tail * 1e6 });
    if (failure !== null) throw new Error(`seed ${one.seed} on the ${stack}: ${failure.message}`);
    return recording;
  } finally {
    target.close();
  }
}

function planned(one: FuzzCase): { plan: Plan; script: Script } {
  const { script, problems } = parseScript(scriptText(one));
  const { plan, problems: more } = planScript(script);
  const problem = [...problems, ...more][0];
  if (problem !== undefined) throw new Error(`seed ${one.seed}: line ${problem.place.line}: ${problem.message}`);
  return { plan, script };
}

function makeTarget(stack: Stack, { wiring }: Plan, profile: Profile, timerDelay: number): Target {
  return stack === "kernel" ? kernelTarget(wiring) : engineTarget(wiring, { host: { profile }, timerDelay });
}

/** The first difference that is not known, and names of the known ones before it. */
export function judge(differences: readonly Difference[]): { known: string[]; difference: Difference | null } {
  const known = new Set<string>();
  for (const difference of differences) {
    const kind = knownKind(difference);
    if (kind === null) return { known: [...known], difference };
    known.add(kind.name);
    if (!difference.goesOn || kind.ends === true) break;
  }
  return { known: [...known], difference: null };
}

/** How late an input may be on the kernel, ns, and how often a run with later ones is begun anew: the machine may have other things to do. */
const LATE = 6e6;
const TRIES = 4;

/** The kernel's recording, with inputs at their times; null where the machine is too busy. */
export function recordKernel(one: FuzzCase, profile: Profile): Recording | null {
  for (let left = TRIES; left > 0; left--) {
    const recording = recordCase(one, "kernel", profile);
    const isPrompt = recording.inputs.every(({ at, began, returned, step }) => began - at < LATE && (step.kind !== "call" || returned === null || returned.at - began < LATE));
    if (isPrompt) return recording;
  }
  return null;
}

/** How much later than due the kernel's timers may be, ns: two ticks of 250 in a second. What comes in between has come before. */
const TIMER_DELAY = 8e6;

/** What differs from the kernel, whether timers are noticed at once or as late as in the kernel: inputs are not always far enough from them. */
export function judgeCase(one: FuzzCase, kernel: Recording, profile: Profile): ReturnType<typeof judge> {
  const prompt = judge(compareRecordings(one, kernel, recordCase(one, "engine", profile)));
  if (prompt.difference === null) return prompt;
  const late = judge(compareRecordings(one, kernel, recordCase(one, "engine", profile, TIMER_DELAY)));
  return late.difference === null ? late : prompt;
}

/** How often a case that differs is done to the kernel. */
const KERNEL_RUNS = 4;

/**
 * Runs a case on both stacks and compares. One that differs is run on the kernel again. `unstable`: the kernel does it in several ways, and the engine in one of
 * them. `new`: the same difference came twice, or the engine did it in none of the kernel's ways.
 */
export function runCase(one: FuzzCase, profile: Profile): CaseResult {
  const { seed } = one;
  const none = { seed, known: [], difference: null, problem: null } as const;
  try {
    const kernel = recordKernel(one, profile);
    if (kernel === null) return { ...none, verdict: "disturbed" };
    const { difference, known } = judgeCase(one, kernel, profile);
    if (difference === null) return { ...none, known, verdict: known.length > 0 ? "known" : "agree" };
    const keys = new Set([keyOf(difference)]);
    for (let left = KERNEL_RUNS - 1; left > 0; left--) {
      const again = recordKernel(one, profile);
      if (again === null) return { ...none, verdict: "disturbed" };
      const judged = judgeCase(one, again, profile);
      if (judged.difference === null) return { ...none, known: judged.known, verdict: "unstable" };
      const key = keyOf(judged.difference);
      if (keys.has(key)) return { ...none, known: judged.known, difference: judged.difference, verdict: "new" };
      keys.add(key);
    }
    return { ...none, known, difference, verdict: "new" };
  } catch (error) {
    return { ...none, verdict: "faulty", problem: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** The kind of a difference. */
export function keyOf({ state, tag, what }: Difference): string {
  return `${what} (${state}; ${tag})`;
}

/** A case with both recordings: the kernel's as the script, the engine's as comments. */
export function describeCase(one: FuzzCase, difference: Difference, profile: Profile): string {
  const kernel = recordKernel(one, profile) ?? recordCase(one, "kernel", profile);
  const engine = recordCase(one, "engine", profile);
  const head = [
    `${difference.what}`,
    `state: ${difference.state}; after: ${difference.tag}; seed ${one.seed}`,
    `kernel: ${difference.kernel}`,
    `engine: ${difference.engine}`,
  ].join("\n");
  return `${comment(head)}\n\n// What the kernel does:\n${printScript(kernel.script())}\n// What the engine does:\n${comment(printScript(engine.script()))}\n`;
}

const comment = (lines: string): string => lines.trimEnd().split("\n").map((line) => `// ${line}`).join("\n");
