/** The way to a field: names of fields and indices of list items. */
export type FieldPath = readonly (string | number)[];

/** What is wrong, and where in the scenario. */
export interface Problem {
  readonly path: FieldPath;
  readonly message: string;
  /** The last step of `path` is a field that should not be there: point at its name, not at its value. */
  readonly onName: boolean;
}

/** A problem with the place in the file it comes from. */
export interface LocatedProblem extends Problem {
  /** The file, or "--set ..." for an override. */
  readonly source: string;
  /** From 1; 0 when there is no text to point at. */
  readonly line: number;
  readonly column: number;
  /** The field as `--set` would name it. */
  readonly field: string;
}

/** A scenario that cannot be run. The message has one line per problem: file:line:column: field: what is wrong. */
export class ScenarioError extends Error {
  readonly code = "ERR_SCENARIO_INVALID";
  readonly problems: readonly LocatedProblem[];

  constructor(problems: readonly LocatedProblem[]) {
    super(problems.map(describeProblem).join("\n"));
    this.name = "ScenarioError";
    this.problems = problems;
  }
}

/** A problem with the value of a field. */
export function problemAt(path: FieldPath, message: string): Problem {
  return { path, message, onName: false };
}

/** "paths.wifi.rate": items of a list go by their name, or else by their index. */
export function fieldName(root: unknown, path: FieldPath): string {
  let value = root;
  const parts: string[] = [];
  for (const step of path) {
    value = child(value, step);
    const own = typeof step === "number" ? child(value, "name") : undefined;
    parts.push(typeof own === "string" ? own : String(step));
  }
  return parts.join(".");
}

/** The value of a field or item; undefined when there is none. */
export function child(value: unknown, step: string | number): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  return (value as Record<string | number, unknown>)[step];
}

function describeProblem(problem: LocatedProblem): string {
  const place = problem.line > 0 ? `${problem.source}:${problem.line}:${problem.column}` : problem.source;
  return `${place}: ${problem.field === "" ? "" : `${problem.field}: `}${problem.message}`;
}
