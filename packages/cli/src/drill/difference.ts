import { compareTranscripts, describeComparison, printDiffering, type Allowance, type Difference } from "mptcp/drill";
import type { ScriptReport } from "./report.ts";

/** The kernel's timers run as late as it lets them: 32 ms with 250 ticks a second, and an eighth of the time that they were set for. */
const ALLOWANCE: Allowance = { time: 40e6, part: 0.125 };

/**
 * What the engine and the kernel did another way in a script, what the script leaves open included, in its order; nothing where it was not run on both. Windows come last: the kernel
 * counts the memory that packets take, so that they differ in many a script, and hide what says more.
 */
export function differencesOf(engine: ScriptReport, kernel: ScriptReport): readonly Difference[] {
  if (engine.transcript === null || kernel.transcript === null) return [];
  const all = compareTranscripts({ name: "engine", transcript: engine.transcript }, { name: "kernel", transcript: kernel.transcript }, ALLOWANCE);
  return [...all.filter((one) => !isOfWindows(one)), ...all.filter(isOfWindows)];
}

const isOfWindows = ({ comparison }: Difference): boolean => comparison.field === "win";

/** How the two stacks differ on a script: whether they do what it says, and the first packet or result that is not the same, one below the other. */
export function differenceText(engine: ScriptReport, kernel: ScriptReport): string {
  if (engine.verdict === "faulty" || kernel.verdict === "faulty") return "";
  const [first, ...further] = differencesOf(engine, kernel);
  const verdicts = verdictsText(engine, kernel, first !== undefined);
  if (first === undefined) return `${indented(verdicts)}\n`;
  const kinds = new Set(further.map(({ what }) => what).filter((what) => what !== first.what)).size;
  const more = kinds === 0 ? "" : ` (and ${kinds} more, which may follow from it)`;
  return `${indented([...verdicts, `the first difference is ${whereOf(first)}: ${whatOf(first)}${more}`, ...describeComparison(first.comparison, ["engine", "kernel"])])}\n`;
}

const indented = (lines: readonly string[]): string => lines.map((line) => `    ${line}`).join("\n");

function whereOf({ line, at }: Difference): string {
  return `${line === 0 ? "before all inputs" : `after the input of line ${line}`}, at ${(at / 1e9).toFixed(3)} s`;
}

function whatOf({ what, comparison }: Difference): string {
  if (comparison.field === "result") return `the result of ${what.split(":")[0]}`;
  if (comparison.field === "time") return what;
  return comparison.field === "" ? what : printDiffering(comparison.field);
}

/** Whether each of the two does what the script says; where that is no packet's fault, what they do instead. */
function verdictsText(engine: ScriptReport, kernel: ScriptReport, isShown: boolean): string[] {
  if (engine.verdict === "passed" && kernel.verdict === "passed") return [isShown ? "both do what the script says, and differ in what it leaves open" : "both do what the script says, packet for packet alike"];
  if (!isShown && engine.line === kernel.line && reasonOf(engine) === reasonOf(kernel)) return [`both do the same, which is not what line ${engine.line} says`];
  if (isShown) return [`${verdictOf(engine)}, ${verdictOf(kernel)}`];
  const at = Math.min(...[engine, kernel].map(({ line }) => line ?? Infinity));
  const did = ({ verdict, line, message }: ScriptReport): string => (verdict === "passed" ? "does what the script says" : line === at ? (message ?? "") : `gets past it, to line ${line}`);
  return [`the first difference is at line ${at}:`, `  engine  ${did(engine)}`, `  kernel  ${did(kernel)}`];
}

function verdictOf({ target, verdict, line }: ScriptReport): string {
  return `the ${target} ${verdict === "passed" ? "does what the script says" : `fails at line ${line}`}`;
}

/** Why a script failed, without times: packets and results are compared by themselves. */
function reasonOf({ kind, message, seen }: ScriptReport): string {
  const details = { assertion: message, command: message, call: seen, packet: seen?.replace(/^\S+ */, "") } as const;
  return `${kind} ${details[kind as keyof typeof details] ?? ""}`;
}
