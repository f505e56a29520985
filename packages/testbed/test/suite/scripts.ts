import { readdirSync, readFileSync } from "node:fs";
import { describeFailure, engineTarget, parseScript, planScript, runPlan, wiringOf, type Plan, type ReadFile, type Target } from "mptcp/drill";

/** The scripts of this project, by topic. */
export const FOLDER = new URL("../../scripts/", import.meta.url);

/** How a script runs on the engine: as it is by default, or with the choices of Linux. */
export type ProfileName = "own" | "linux";

export interface SuiteScript {
  /** Path below the folder, without its ending. */
  readonly name: string;
  readonly text: string;
  /** Its first line says `// profile: linux` behind the fact where it is about what the RFC leaves open. */
  readonly profiles: readonly ProfileName[];
  /** The stacks that pass it. */
  readonly on: "both" | Passing;
}

export function suite(): readonly SuiteScript[] {
  const differing = differences();
  const names = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".pkt")).map((name) => name.slice(0, -4).replaceAll("\\", "/"));
  return names.toSorted().map((name) => {
    const text = readFileSync(urlOf(name), "utf8");
    return { name, text, profiles: profilesOf(text, differing.get(name)), on: differing.get(name) ?? "both" };
  });
}

function profilesOf(text: string, on: Passing | undefined): readonly ProfileName[] {
  if (on === "own choices") return ["own"];
  return text.includes("\n// profile: linux\n") ? ["linux"] : ["own", "linux"];
}

/** Who passes a script that not both stacks pass: the engine, the engine with its own choices alone, or the kernel. */
export type Passing = "engine" | "own choices" | "kernel";

/** Scripts that not both stacks pass. */
export function differences(): ReadonlyMap<string, Passing> {
  const rows = readFileSync(new URL("differences.md", FOLDER), "utf8").matchAll(/^\| (\S+\/\S+) \| (engine|own choices|kernel) \| RFC \d+ §.+ \|$/gmu);
  return new Map(Array.from(rows, ([, name = "", stack]) => [name, stack as Passing]));
}

export function urlOf(name: string): URL {
  return new URL(`${name}.pkt`, FOLDER);
}

function readerOf(name: string): ReadFile {
  return (path) => {
    try {
      return readFileSync(new URL(path, urlOf(name)), "utf8");
    } catch {
      return null;
    }
  };
}

/** @param tolerance µs; unless given, what the script says */
export function planOf({ name, text }: SuiteScript, tolerance?: number): Plan {
  const { script, problems } = parseScript(text);
  const options = tolerance === undefined ? [] : [{ name: "tolerance_usecs", value: String(tolerance) }];
  const planned = planScript(script, { readFile: readerOf(name), options });
  const [first] = [...problems, ...planned.problems];
  if (first !== undefined) throw new Error(`${name}:${first.place.line}:${first.place.column}: ${first.message}`);
  return planned.plan;
}

/** "passed", or how the script failed on a stack, which is closed. */
export function told(script: SuiteScript, plan: Plan, target: Target): string {
  const outcome = runPlan(plan, target, { readFile: readerOf(script.name) });
  target.close();
  return outcome.passed ? "passed" : describeFailure(`${script.name}.pkt`, script.text, outcome.failure);
}

export function toldByEngine(script: SuiteScript, profile: ProfileName, watch: (target: Target) => Target = (target) => target): string {
  const plan = planOf(script);
  return told(script, plan, watch(engineTarget(wiringOf(plan.settings), { host: { profile } })));
}
