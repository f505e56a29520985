import { isMap, isScalar, LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";
import { applyOverrides } from "./overrides.ts";
import type { Override } from "./overrides.ts";
import type { LiveRun, ScenarioApi } from "./live-run.ts";
import { planScenario } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { fieldName, problemAt, ScenarioError } from "./problems.ts";
import type { LocatedProblem, Problem } from "./problems.ts";
import type { OwnParts } from "./protocol.ts";
import type { ScenarioSpec } from "./spec.ts";
import { schemaProblems } from "./validate.ts";
import { valueOf } from "./yaml-value.ts";

/** A scenario that passed every check. */
export interface LoadedScenario {
  readonly spec: ScenarioSpec;
  readonly plan: Plan;
  /** The text it was read from; a YAML rendering of it when it came as a value. */
  readonly text: string;
  /** Where it came from: a file's name. */
  readonly source: string;
  readonly overrides: readonly Override[];
  /** What a TypeScript scenario brings beyond data. */
  readonly parts: OwnParts;
  readonly onStart: readonly ((run: LiveRun) => void)[];
}

/**
 * Reads a scenario from YAML text.
 * @param source name of the file, for messages
 * @throws ScenarioError naming line, column and field of everything that is wrong
 */
export function parseScenario(text: string, source: string, overrides: readonly Override[] = []): LoadedScenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ScenarioError(
      document.errors.map((error) => {
        const at = lines.linePos(error.pos[0]);
        return { ...problemAt([], error.message), source, line: at.line, column: at.col, field: "" };
      }),
    );
  }
  const read = valueOf(document);
  if (!read.ok) {
    const at = lines.linePos(read.offset);
    throw new ScenarioError([{ ...problemAt([], read.problem), source, line: at.line, column: at.col, field: "" }]);
  }
  const locate = (problem: Problem): { line: number; column: number } => position(document, lines, problem);
  return check(read.value, text, source, overrides, locate);
}

/**
 * Checks a scenario that came as a value: the default export of a module, or one made by a program.
 * @throws ScenarioError naming the field of everything that is wrong
 */
export function checkScenario(value: unknown, source: string, overrides: readonly Override[] = [], text?: string): LoadedScenario {
  return check(value, text ?? JSON.stringify(value, null, 2), source, overrides, () => ({ line: 0, column: 0 }));
}

/** A scenario that was not checked yet, or one that was. */
export function loaded(scenario: LoadedScenario | ScenarioSpec): LoadedScenario {
  return "plan" in scenario ? scenario : checkScenario(scenario, "scenario");
}

/**
 * Runs a scenario that is a function, which defines its data and brings its own parts, and checks the data.
 * @throws ScenarioError naming the field of everything that is wrong
 */
export function callScenario(scenario: (api: ScenarioApi) => void, source: string, overrides: readonly Override[] = [], text?: string): LoadedScenario {
  const specs: ScenarioSpec[] = [];
  const onStart: ((run: LiveRun) => void)[] = [];
  let parts: OwnParts = {};
  const returned: unknown = scenario({
    define: (spec) => specs.push(spec),
    use: (more) => (parts = { ...parts, ...more }),
    onStart: (action) => onStart.push(action),
  });
  if (specs.length !== 1) {
    const isAsync = returned instanceof Promise;
    // What it may throw later is of no interest any more.
    if (isAsync) returned.catch(() => {});
    const message = `the function must call api.define once${isAsync ? " before it waits for anything" : ""}, not ${specs.length} times`;
    throw new ScenarioError([{ ...problemAt([], message), source, line: 0, column: 0, field: "" }]);
  }
  return { ...checkScenario(specs[0], source, overrides, text), parts, onStart };
}

type Locate = (problem: Problem) => { line: number; column: number };

function check(original: unknown, text: string, source: string, overrides: readonly Override[], locate: Locate): LoadedScenario {
  const value = plainData(original, source);
  const { set, problems } = applyOverrides(value, overrides);
  if (problems.length > 0) throw new ScenarioError(problems.map(({ override, problem }) => ofOverride(problem, value, override)));
  const placed = (problem: Problem): LocatedProblem => {
    const culprit = set.findLast(({ path }) => isPrefix(path, problem.path) || (problem.onName && isPrefix(problem.path, path)));
    if (culprit !== undefined) return ofOverride(problem, value, culprit.override);
    return { ...problem, source, field: fieldName(value, problem.path), ...locate(problem) };
  };
  const wrong = schemaProblems(value);
  if (wrong.length > 0) throw new ScenarioError(wrong.map(placed));
  const spec = value as ScenarioSpec;
  const plan = planScenario(spec);
  if (Array.isArray(plan)) throw new ScenarioError((plan as readonly Problem[]).map(placed));
  return { spec, plan: plan as Plan, text, source, overrides, parts: {}, onStart: [] };
}

function ofOverride(problem: Problem, value: unknown, override: Override): LocatedProblem {
  return { ...problem, source: `--set ${override.text}`, line: 0, column: 0, field: fieldName(value, problem.path) };
}

/** A copy of the value, for a program may go on with its own. @throws ScenarioError when there is a function in it, or the like */
function plainData(value: unknown, source: string): unknown {
  try {
    return structuredClone(value);
  } catch (error) {
    throw new ScenarioError([{ ...problemAt([], `is not plain data: ${(error as Error).message}`), source, line: 0, column: 0, field: "" }]);
  }
}

function isPrefix(prefix: readonly unknown[], path: readonly unknown[]): boolean {
  return prefix.length <= path.length && prefix.every((step, index) => step === path[index]);
}

/** Line and column of a field's value, or of its name; of the nearest one around it when it is not in the text. */
function position(document: Document.Parsed, lines: LineCounter, problem: Problem): { line: number; column: number } {
  const { path } = problem;
  for (let depth = path.length; depth >= 0; depth--) {
    const offset = offsetOf(document, path.slice(0, depth), problem.onName && depth === path.length);
    if (offset === null) continue;
    const at = lines.linePos(offset);
    return { line: at.line, column: at.col };
  }
  return { line: 1, column: 1 };
}

function offsetOf(document: Document.Parsed, path: readonly (string | number)[], ofName: boolean): number | null {
  const last = path.at(-1);
  const holder = path.length === 0 ? null : path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isMap(holder)) {
    const pair = holder.items.find((item) => isScalar(item.key) && String(item.key.value) === String(last));
    if (pair === undefined) return null;
    const value = pair.value as { range?: readonly number[] | null } | null;
    const key = pair.key as { range?: readonly number[] | null };
    // A group or list is best found by the name above it.
    const node = ofName || value === null || !isScalar(pair.value) ? key : value;
    return node.range?.[0] ?? null;
  }
  const node = path.length === 0 ? document.contents : (document.getIn(path, true) as { range?: readonly number[] | null } | undefined);
  return node?.range?.[0] ?? null;
}
