import type { Kind, Schema } from "./kinds.ts";

/**
 * One key of a section: what may be written for it, what it is when nothing is written, and what it does. The scenario's types,
 * its JSON Schema, the plan, `--set` and the reference page (docs/scenarios.md) are all made from this.
 */
export type Key<W, P, D> = RequiredKey<W, P> | OptionalKey<W, P, D>;

/** A key that must be there. */
export interface RequiredKey<W, P> {
  readonly kind: Kind<W, P>;
  readonly required: true;
  /** A sentence for the reference page. */
  readonly does: string;
}

/** A key that may be left out. */
export interface OptionalKey<W, P, D> {
  readonly kind: Kind<W, P>;
  readonly required: false;
  /** The plan's value without it. */
  readonly otherwise: D;
  /** The default in words, for the page; null: `otherwise` as it would be written. */
  readonly shown: string | null;
  /** A sentence for the reference page. */
  readonly does: string;
}

/** The table of a section: its keys by name, in the order of the page. */
export type Keys = Readonly<Record<string, Key<never, unknown, unknown>>>;

/** A group of fields of a scenario. */
export interface Section<T extends Keys = Keys> {
  /** Its heading on the page, and what tests call it. */
  readonly name: string;
  /** What the group is, in sentences, for the page. */
  readonly does: string;
  readonly keys: T;
  /** A section whose keys are among this one's, and which the page describes once. */
  readonly includes: Section | null;
  readonly rules: Rules<string>;
  /** A part of a scenario, in YAML from its top level, for the page. */
  readonly example: string;
}

/** How many keys of each group there must be. */
export interface Rules<N extends string> {
  readonly exactlyOne?: readonly (readonly N[])[];
  readonly atMostOne?: readonly (readonly N[])[];
  readonly atLeastOne?: readonly (readonly N[])[];
}

/** What may be written for a section. */
export type Written<T extends Keys> = Flat<
  { readonly [K in keyof T as IsRequired<T[K]> extends true ? K : never]: WrittenValue<T[K]> } & {
    readonly [K in keyof T as IsRequired<T[K]> extends true ? never : K]?: WrittenValue<T[K]>;
  }
>;

/** A section in the plan's numbers: each key has a value. */
export type Planned<T extends Keys> = { readonly [K in keyof T]: PlannedValue<T[K]> | DefaultValue<T[K]> };

/** The keys that were given, in the plan's numbers. */
export type Given<T extends Keys> = { readonly [K in keyof T]?: PlannedValue<T[K]> };

type Flat<T> = { readonly [K in keyof T]: T[K] };
type IsRequired<K> = K extends { readonly required: true } ? true : false;
type WrittenValue<K> = K extends { readonly kind: { read(written: infer W): unknown } } ? W : never;
type PlannedValue<K> = K extends { readonly kind: { read(written: never): infer P } } ? P : never;
type DefaultValue<K> = K extends { readonly otherwise: infer D } ? D : never;

/** A key that must be there. */
export function required<W, P>(kind: Kind<W, P>, does: string): RequiredKey<W, P> {
  return { kind, required: true, does };
}

/** A key that may be left out; a default of null has to be put into words. */
export function optional<W, P, const D extends P | null>(
  kind: Kind<W, P>,
  entry: { readonly otherwise: D; readonly does: string } & (null extends D ? { readonly shown: string } : { readonly shown?: string }),
): OptionalKey<W, P, D> {
  return { kind, required: false, otherwise: entry.otherwise, shown: entry.shown ?? null, does: entry.does };
}

/** A section, from its table. */
export function section<const T extends Keys>(
  made: { readonly name: string; readonly does: string; readonly keys: T; readonly includes?: Section; readonly rules?: Rules<keyof T & string>; readonly example: string },
): Section<T> {
  return { includes: null, rules: {}, ...made };
}

/** The plan's values of a section that the schema has accepted. */
export function planned<T extends Keys>(of: Section<T>, written: Written<T>): Planned<T> {
  const fields = written as Readonly<Record<string, unknown>>;
  const values = Object.entries<Keys[string]>(of.keys).map(([name, key]) => {
    const value = fields[name];
    if (value === undefined) return [name, key.required ? undefined : key.otherwise];
    return [name, key.kind.read(value as never)];
  });
  return Object.fromEntries(values) as Planned<T>;
}

/** The default of a group: that of each of its keys. */
export function defaultsOf<T extends Keys>(of: Section<T>): { readonly otherwise: Planned<T>; readonly shown: string } {
  return { otherwise: planned(of, {} as Written<T>), shown: "its defaults" };
}

/** The plan's values of those keys that were given. */
export function given<T extends Keys>(of: Section<T>, written: Written<T>): Given<T> {
  const fields = Object.entries(written).filter(([, value]) => value !== undefined);
  return Object.fromEntries(fields.map(([name, value]) => [name, (of.keys[name] as Keys[string]).kind.read(value as never)])) as Given<T>;
}

/** The schema of a section's fields, without saying that nothing but a group may stand there. */
export function fieldsSchema(of: Section): Schema {
  const keys = Object.entries(of.keys);
  const names = keys.filter(([, key]) => key.required).map(([name]) => name);
  return {
    properties: Object.fromEntries(keys.map(([name, key]) => [name, { ...key.kind.schema, description: key.does }])),
    additionalProperties: false,
    ...(names.length === 0 ? {} : { required: names }),
    ...of.rules,
  };
}

/** A group of fields. */
export function group<T extends Keys>(of: Section<T>): Kind<Written<T>, Planned<T>> {
  return { ...groupParts(of), read: (written) => planned(of, written) };
}

/** A group of fields that takes the place of others: what it leaves out stays as it is elsewhere. */
export function overriding<T extends Keys>(of: Section<T>): Kind<Written<T>, Given<T>> {
  return { ...groupParts(of), read: (written) => given(of, written) };
}

function groupParts(of: Section): Pick<Kind<never, unknown>, "schema" | "type" | "bounds" | "fields"> {
  return {
    schema: { type: "object", ...fieldsSchema(of) },
    type: `group: ${linkTo(of)}`,
    bounds: "",
    fields: { section: of, isList: false },
  };
}

/** A list of groups. In `--set` they go by their names. */
export function list<T extends Keys>(of: Section<T>, minimum: number): Kind<readonly Written<T>[], readonly Planned<T>[]> {
  return {
    schema: { type: "array", items: { type: "object", ...fieldsSchema(of) }, minItems: minimum },
    type: `list: ${linkTo(of)}`,
    bounds: minimum === 0 ? "" : `${minimum} or more`,
    read: (written) => written.map((one) => planned(of, one)),
    fields: { section: of, isList: true },
  };
}

/** A single value, or a group of fields. */
export function scalarOrGroup<W, P, T extends Keys, Q>(
  scalar: Kind<W, P>,
  of: Section<T>,
  become: { readonly scalar: (value: P) => Q; readonly group: (values: Planned<T>) => Q },
): Kind<W | Written<T>, Q> {
  const { quantity, ...more } = scalar.schema;
  return {
    schema: { ...fieldsSchema(of), scalar: quantity, ...more },
    type: `${scalar.type}, or group: ${linkTo(of)}`,
    bounds: scalar.bounds,
    read: (written) => (typeof written === "object" ? become.group(planned(of, written as Written<T>)) : become.scalar(scalar.read(written as W))),
    fields: { section: of, isList: false },
  };
}

/** All sections from one on, each once, in the order of the page. */
export function sectionsBelow(top: Section): Section[] {
  const found = new Set<Section>();
  const visit = (one: Section): void => {
    if (found.has(one)) return;
    found.add(one);
    if (one.includes !== null) visit(one.includes);
    for (const key of Object.values(one.keys)) if (key.kind.fields !== null) visit(key.kind.fields.section);
  };
  visit(top);
  return [...found];
}

/** A link to a section on the reference page. */
export function linkTo(of: Section): string {
  return `[${of.name}](#${of.name.replaceAll(" ", "-")})`;
}
