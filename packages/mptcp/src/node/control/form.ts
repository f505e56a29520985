import type { PlainObject, PlainValue } from "../../core/index.ts";

/**
 * The form of a JSON value: by it what comes in is checked, the JSON Schema is written, and the type is known. So the three cannot disagree.
 */
export interface Form<T> {
  readonly schema: PlainObject;
  /** What is wrong with `value`, which is to be called `name` in the text; null when nothing is. */
  problem(value: unknown, name: string): string | null;
  /** Never there: it carries the type. */
  readonly type?: T;
}

/** The type of values of a form. */
export type Of<F> = F extends Form<infer T> ? T : never;

/** A field of a record that may be left out. */
export interface Optional<T> {
  readonly optional: Form<T>;
}

/** The fields of a record. */
export type Fields = Readonly<Record<string, Form<unknown> | Optional<unknown>>>;

type RecordOf<F extends Fields> = { readonly [K in keyof F as F[K] extends Optional<unknown> ? never : K]: Of<F[K]> } & {
  readonly [K in keyof F as F[K] extends Optional<unknown> ? K : never]?: F[K] extends Optional<infer T> ? T : never;
};

export function optional<T>(form: Form<T>): Optional<T> {
  return { optional: form };
}

/** Text of at most `longest` characters. */
export function text(description: string, longest = 256, pattern: RegExp | null = null): Form<string> {
  return {
    schema: { type: "string", maxLength: longest, ...(pattern === null ? {} : { pattern: pattern.source }), description },
    problem: (value, name) => {
      if (typeof value !== "string") return `${name} is text`;
      if (value.length > longest) return `${name} is longer than ${longest} characters`;
      return pattern === null || pattern.test(value) ? null : `${name} is not of the form ${pattern.source}`;
    },
  };
}

/** A whole number. */
export function integer(description: string, least = 0, most: number = Number.MAX_SAFE_INTEGER): Form<number> {
  return {
    schema: { type: "integer", minimum: least, maximum: most, description },
    problem: (value, name) => (Number.isInteger(value) && (value as number) >= least && (value as number) <= most ? null : `${name} is a whole number from ${least} to ${most}`),
  };
}

export function flag(description: string): Form<boolean> {
  return { schema: { type: "boolean", description }, problem: (value, name) => (typeof value === "boolean" ? null : `${name} is true or false`) };
}

/** One of some words. */
export function word<const W extends string>(description: string, words: readonly W[]): Form<W> {
  return {
    schema: { enum: words, description },
    problem: (value, name) => (words.some((one) => one === value) ? null : `${name} is one of ${words.join(", ")}`),
  };
}

export function nullable<T>(form: Form<T>): Form<T | null> {
  const { description = "", ...rest } = form.schema;
  return { schema: { anyOf: [rest, { type: "null" }], description }, problem: (value, name) => (value === null ? null : form.problem(value, name)) };
}

/** At most `most` values of one form. */
export function list<T>(description: string, of: Form<T>, most: number | null = null): Form<readonly T[]> {
  return {
    schema: { type: "array", items: of.schema, ...(most === null ? {} : { maxItems: most }), description },
    problem: (value, name) => {
      if (!Array.isArray(value)) return `${name} is a list`;
      if (most !== null && value.length > most) return `${name} has more than ${most} entries`;
      return firstProblem(value.map((entry, index) => [`${name}[${index}]`, of, entry]));
    },
  };
}

/** An object of fields that are known, and no others. */
export function record<F extends Fields>(description: string, fields: F): Form<RecordOf<F>> {
  const known = Object.entries(fields).map(([name, field]) => ({ name, form: "optional" in field ? field.optional : field, isRequired: !("optional" in field) }));
  const byName = new Map(known.map((field) => [field.name, field.form]));
  const required = known.filter(({ isRequired }) => isRequired).map(({ name }) => name);
  return {
    schema: {
      type: "object",
      properties: Object.fromEntries(known.map(({ name, form }) => [name, form.schema])),
      ...(required.length === 0 ? {} : { required }),
      additionalProperties: false,
      description,
    },
    problem: (value, name) => {
      if (!isObject(value)) return `${name} is an object`;
      const unknown = Object.keys(value).find((key) => !byName.has(key));
      if (unknown !== undefined) return `${name} has no field ${JSON.stringify(unknown.slice(0, 40))}; there are ${known.map((field) => field.name).join(", ") || "none"}`;
      const missing = required.find((key) => !Object.hasOwn(value, key));
      if (missing !== undefined) return `${name} lacks ${missing}`;
      return firstProblem(Object.entries(value).map(([key, entry]) => [`${name}.${key}`, byName.get(key) as Form<unknown>, entry]));
    },
  };
}

/** An object whose fields have any name, and values of one form. */
export function named<T>(description: string, of: Form<T>): Form<Readonly<Record<string, T>>> {
  return {
    schema: { type: "object", additionalProperties: of.schema, description },
    problem: (value, name) => (isObject(value) ? firstProblem(Object.entries(value).map(([key, entry]) => [`${name}.${key.slice(0, 40)}`, of, entry])) : `${name} is an object`),
  };
}

/** Numbers, texts, truth values, by name. */
export function parameters(description: string): Form<PlainObject> {
  return {
    schema: { type: "object", additionalProperties: { type: ["number", "string", "boolean", "null"] }, description },
    problem: (value, name) => {
      if (!isObject(value)) return `${name} is an object`;
      return Object.values(value).every((entry) => entry === null || ["number", "string", "boolean"].includes(typeof entry)) ? null : `${name} has values that are no numbers, texts or truth values`;
    },
  };
}

/** Any object that is plain data. */
export function anything(description: string): Form<Readonly<Record<string, PlainValue>>> {
  return { schema: { type: "object", description }, problem: (value, name) => (isObject(value) ? null : `${name} is an object`) };
}

function firstProblem(entries: readonly (readonly [string, Form<unknown>, unknown])[]): string | null {
  for (const [name, form, value] of entries) {
    const problem = form.problem(value, name);
    if (problem !== null) return problem;
  }
  return null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
