import type { IpAddress } from "mptcp/wire";
import { formatRate, formatSize, formatTime, QUANTITY_PARSERS } from "../units.ts";
import type { Progress, Quantity } from "../units.ts";
import type { Section } from "./section.ts";

/** A JSON Schema, as far as this package writes any. */
export type Schema = Readonly<Record<string, unknown>>;

/** What may be written for a key, and what becomes of it in the plan. */
export interface Kind<W, P> {
  /** Keywords of our own: see validate.ts. */
  readonly schema: Schema;
  /** For the reference page: "time", "true or false". */
  readonly type: string;
  /** For the reference page; empty when there are none. */
  readonly bounds: string;
  /** Where there are fields inside. */
  readonly fields: Fields | null;
  /** The plan's value of what is written, which the schema has accepted. */
  read(written: W): P;
  /** A value of the plan as it would be written; not there where a default has to be put into words. */
  write?(value: P): string;
}

/** The fields of a group, or of each group in a list. */
export interface Fields {
  readonly section: Section;
  readonly isList: boolean;
}

/** Any text. */
export const text: Kind<string, string> = { ...plain<string>("text"), schema: { type: "string" } };
/** The name of a scenario: also that of a folder. */
export const folderName: Kind<string, string> = {
  ...plain<string>("name"), schema: { type: "string", pattern: "^[a-z0-9][a-z0-9-]*$" }, bounds: "`a-z`, `0-9` and `-`",
};
/** The name of a part of the network. */
export const label: Kind<string, string> = {
  ...plain<string>("name"), schema: { type: "string", pattern: "^[A-Za-z0-9_-]+$" }, bounds: "letters, digits, `_` and `-`",
};
/** true or false */
export const flag: Kind<boolean, boolean> = { ...plain<boolean>("true or false"), schema: { type: "boolean" } };
/** A rate; bit/s in the plan. */
export const rate: Kind<string, number> = { ...quantity("rate", formatRate), bounds: "above 0" };
/** A time; ns in the plan. */
export const time: Kind<string, number> = quantity("time", formatTime);
/** A size; bytes in the plan. */
export const size: Kind<string, number> = quantity("size", formatSize);
/** A probability, from 0 to 1 in the plan. */
export const probability: Kind<string | number, number> = {
  ...quantity<string | number, number>("probability", (value) => `${value * 100} %`), bounds: "0 to 1, or 0 % to 100 %",
};
/** How far a transfer is. */
export const progress: Kind<string, Progress> = quantity("progress");
/** The size of a buffer; null in the plan: it grows as it is needed. */
export const bufferSize: Kind<string, number | null> = { ...above0(quantity<string, number | null>("buffer")), type: "size, or `auto`" };
/** An IP address. */
export const address: Kind<string, IpAddress> = { ...quantity<string, IpAddress>("address"), type: "IP address" };

/** The same quantity, but not 0. */
export function above0<P extends number | null>(kind: Kind<string, P>): Kind<string, P> {
  return { ...kind, schema: { ...kind.schema, above: 0 }, bounds: "above 0" };
}

/** A whole number. */
export function whole(minimum: number, maximum?: number): Kind<number, number> {
  return {
    ...plain<number>("whole number"),
    schema: { type: "integer", minimum, ...(maximum === undefined ? {} : { maximum }) },
    bounds: maximum === undefined ? `${minimum} or more` : `${minimum} to ${maximum}`,
  };
}

/** A number that need not be whole. */
export const positiveNumber: Kind<number, number> = { ...plain<number>("number"), schema: { type: "number", exclusiveMinimum: 0 }, bounds: "above 0" };

/** A number that need not be whole, within bounds. */
export function between(minimum: number, maximum: number): Kind<number, number> {
  return { ...plain<number>("number"), schema: { type: "number", minimum, maximum }, bounds: `${minimum} to ${maximum}` };
}

/** One of a few values. */
export function oneOf<const T extends string | number>(...values: readonly T[]): Kind<T, T> {
  return { ...plain<T>(choice(values)), schema: { enum: values } };
}

/** One of a few values, or a list of some of them; a list in the plan. */
export function someOf<const T extends string>(...values: readonly T[]): Kind<T | readonly T[], readonly T[]> {
  return {
    ...plain<T>(`${choice(values)}, or a list of them`),
    schema: { someOf: values },
    read: (written) => (typeof written === "string" ? [written] : written),
    write: (value) => value.join(", "),
  };
}

/** One of a few values or of some numbers, or a list of them; a list in the plan. */
export function someOfOrNumbers(values: readonly string[], least: number, most: number): Kind<string | number | readonly (string | number)[], readonly (string | number)[]> {
  return {
    ...plain<string>(`${choice(values)}, or a number, or a list of them`),
    bounds: `${least} to ${most}`,
    schema: { someOf: values, orNumbers: [least, most] },
    read: (written) => (typeof written === "object" ? written : [written]),
    write: (value) => value.join(", "),
  };
}

/** A value that is the same in the plan. */
export function plain<T>(type: string): Kind<T, T> {
  return { schema: {}, type, bounds: "", fields: null, read: (written) => written, write: String };
}

function quantity<W, P>(name: Quantity, write?: (value: P) => string): Kind<W, P> {
  return {
    schema: { quantity: name },
    type: name,
    bounds: "",
    fields: null,
    read: (written) => {
      const parsed = QUANTITY_PARSERS[name](written);
      if (!parsed.ok) throw new RangeError(parsed.problem);
      return parsed.value as P;
    },
    ...(write === undefined ? {} : { write: (value) => (value === 0 ? "0" : write(value)) }),
  };
}

function choice(values: readonly (string | number)[]): string {
  const shown = values.map((value) => `\`${value}\``);
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} or ${shown.at(-1) as string}`;
}
