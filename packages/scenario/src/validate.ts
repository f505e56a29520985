import { Ajv } from "ajv";
import type { ErrorObject, ValidateFunction } from "ajv";
import { child, problemAt } from "./problems.ts";
import type { Problem } from "./problems.ts";
import { SCENARIO_SCHEMA } from "./schema.ts";
import { didYouMean } from "./suggest.ts";
import { QUANTITY_PARSERS } from "./units.ts";
import type { Quantity } from "./units.ts";

/** Everything that the schema finds wrong with `value`; empty when it is a `ScenarioSpec`. */
export function schemaProblems(value: unknown): Problem[] {
  const validate = (compiled ??= compile());
  if (validate(value)) return [];
  const problems = (validate.errors ?? []).map((error) => problemOf(value, error));
  return problems.filter((one, index) => problems.findIndex((other) => sameProblem(one, other)) === index);
}

/** What is wrong with a field of that name, where only the known ones may be. */
export function unknownField(name: string, known: readonly string[]): string {
  return `unknown field; ${didYouMean(name, known)}`;
}

function compile(): ValidateFunction {
  const ajv = new Ajv({ allErrors: true, strict: false, verbose: true });
  ajv.addKeyword({ keyword: "quantity", errors: false, validate: (kind: Quantity, data: unknown) => QUANTITY_PARSERS[kind](data).ok });
  ajv.addKeyword({ keyword: "scalar", errors: false, validate: (kind: Quantity, data: unknown) => isGroup(data) || QUANTITY_PARSERS[kind](data).ok });
  ajv.addKeyword({ keyword: "above", errors: false, validate: isAbove });
  ajv.addKeyword({ keyword: "someOf", errors: false, validate: (names: readonly string[], data: unknown, schema?: SomeOf) => unknownNames(names, data, schema).length === 0 });
  const counting = (keyword: string, holds: (present: number) => boolean): void => {
    ajv.addKeyword({
      keyword,
      type: "object",
      errors: false,
      validate: (groups: FieldGroups, data: object) => groups.every((group) => holds(presentFields(group, data).length)),
    });
  };
  counting("exactlyOne", (present) => present === 1);
  counting("atMostOne", (present) => present <= 1);
  counting("atLeastOne", (present) => present >= 1);
  return ajv.compile(SCENARIO_SCHEMA);
}

function problemOf(root: unknown, error: ErrorObject): Problem {
  const path = error.instancePath
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const steps = withIndices(root, path);
  const message = MESSAGES[error.keyword]?.(error) ?? error.message ?? error.keyword;
  if (error.keyword !== "additionalProperties") return problemAt(steps, message);
  return { path: [...steps, (error.params as { additionalProperty: string }).additionalProperty], message, onName: true };
}

function withIndices(root: unknown, path: readonly string[]): (string | number)[] {
  const steps: (string | number)[] = [];
  let value = root;
  for (const step of path) {
    const known = Array.isArray(value) ? Number(step) : step;
    value = child(value, known);
    steps.push(known);
  }
  return steps;
}

function sameProblem(one: Problem, other: Problem): boolean {
  return one.message === other.message && JSON.stringify(one.path) === JSON.stringify(other.path);
}

/** Whether a quantity is above a bound, in the unit of its parser. What is no quantity is wrong for another reason. */
function isAbove(bound: number, data: unknown, schema?: { readonly quantity?: Quantity; readonly scalar?: Quantity }): boolean {
  const kind = schema?.quantity ?? schema?.scalar;
  const parsed = kind === undefined ? null : QUANTITY_PARSERS[kind](data);
  return parsed === null || !parsed.ok || typeof parsed.value !== "number" || parsed.value > bound;
}

function wrongQuantity(error: ErrorObject): string {
  const parsed = QUANTITY_PARSERS[error.schema as Quantity](error.data);
  return parsed.ok ? "is wrong" : parsed.problem;
}

function wrongName(error: ErrorObject): string {
  const allowed = (error.params as { allowedValues: readonly unknown[] }).allowedValues.map(String);
  return `${JSON.stringify(error.data)} is not allowed; ${didYouMean(String(error.data), allowed)}`;
}

function wrongGroup(error: ErrorObject, phrase: string, holds: (present: number) => boolean): string {
  const data = error.data as object;
  const wrong = (error.schema as FieldGroups).filter((group) => !holds(presentFields(group, data).length));
  return wrong
    .map((group) => {
      const present = presentFields(group, data);
      return `needs ${phrase} of ${group.join(", ")}${present.length > 0 ? ` (has ${present.join(", ")})` : ""}`;
    })
    .join("; ");
}

/** Names that are not known, of one or a list of them, nor numbers that may be; an empty list is wrong too. */
function unknownNames(known: readonly string[], data: unknown, schema: SomeOf = {}): unknown[] {
  const names: unknown[] = Array.isArray(data) ? data : [data];
  const { orNumbers: [least, most] = [0, -1] } = schema;
  const isKnown = (name: unknown): boolean => known.includes(name as string) || (Number.isInteger(name) && (name as number) >= least && (name as number) <= most);
  return names.length === 0 ? [""] : names.filter((name) => !isKnown(name));
}

/** The keyword beside `someOf` with the numbers that may stand for names, from the least to the most. */
interface SomeOf {
  readonly orNumbers?: readonly [number, number];
}

function isGroup(data: unknown): boolean {
  return typeof data === "object" && data !== null && !Array.isArray(data);
}

type FieldGroups = readonly (readonly string[])[];

function presentFields(group: readonly string[], data: object): string[] {
  return group.filter((field) => Object.hasOwn(data, field));
}

function shown(data: unknown): string {
  return Array.isArray(data) ? "a list" : data === null ? "nothing" : typeof data === "object" ? "a group of fields" : JSON.stringify(data);
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: "a group of fields", array: "a list", string: "text", integer: "a whole number", number: "a number", boolean: "true or false",
};

const MESSAGES: Readonly<Record<string, (error: ErrorObject) => string>> = {
  quantity: wrongQuantity,
  scalar: wrongQuantity,
  additionalProperties: (error) =>
    unknownField((error.params as { additionalProperty: string }).additionalProperty, Object.keys((error.parentSchema?.["properties"] ?? {}) as object)),
  enum: wrongName,
  required: (error) => `the field "${(error.params as { missingProperty: string }).missingProperty}" is missing`,
  type: (error) => {
    const types = [error.schema as string | string[]].flat().map((type) => TYPE_NAMES[type] ?? type);
    return `must be ${types.join(" or ")}, not ${shown(error.data)}`;
  },
  pattern: (error) => `${JSON.stringify(error.data)} is not a valid name (pattern ${String(error.schema)})`,
  minimum: (error) => `${String(error.data)} is too small: at least ${String(error.schema)}`,
  above: (error) => `${JSON.stringify(error.data)} is too small: must be above ${String(error.schema)}`,
  exclusiveMinimum: (error) => `${String(error.data)} is too small: must be above ${String(error.schema)}`,
  maximum: (error) => `${String(error.data)} is too large: at most ${String(error.schema)}`,
  minItems: (error) => `needs at least ${String(error.schema)} ${error.schema === 1 ? "entry" : "entries"}`,
  maxItems: (error) => `has room for ${String(error.schema)} entries`,
  someOf: (error) => {
    const known = error.schema as readonly string[];
    const schema = error.parentSchema as SomeOf;
    const numbers = schema.orNumbers === undefined ? "" : ` (numbers from ${schema.orNumbers.join(" to ")} are)`;
    const unknown = unknownNames(known, error.data, schema);
    return unknown.map((name) => `${JSON.stringify(name)} is not allowed; ${didYouMean(String(name), known)}${numbers}`).join("; ");
  },
  exactlyOne: (error) => wrongGroup(error, "exactly one", (present) => present === 1),
  atMostOne: (error) => wrongGroup(error, "at most one", (present) => present <= 1),
  atLeastOne: (error) => wrongGroup(error, "at least one", (present) => present >= 1),
};

let compiled: ValidateFunction | null = null;
