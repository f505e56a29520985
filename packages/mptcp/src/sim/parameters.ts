import { MptcpError } from "../core/index.ts";
import { IpAddress } from "../wire/index.ts";

/**
 * What a parameter is, for whoever reads it from a file:
 *
 * - `time`: whole nanoseconds, 0 or more;
 * - `octets`, `count`: a whole number;
 * - `fraction`: a number, whole or not;
 * - `address`: an IP address, as text;
 * - `choice`: one of `choices`;
 * - `list`: some of `choices`, at least one; numbers from 2 to 255 too where these are TCP options.
 */
export type ParameterType = "time" | "octets" | "count" | "fraction" | "address" | "choice" | "list";

/** A value that JSON can express. */
export type ParameterValue = string | number | readonly (string | number)[];

/** A parameter of a kind of middlebox, or of a queue discipline, as data for files, commands and documents. */
export interface ParameterDescription {
  readonly name: string;
  readonly type: ParameterType;
  readonly default: ParameterValue;
  /** What it says, in one sentence. */
  readonly text: string;
  /** What there is to choose from; none for numbers. */
  readonly choices: readonly string[];
  /** The numbers that may be given; null where none may. */
  readonly range: NumberRange | null;
}

/** Numbers from `least` to `most`. */
export interface NumberRange {
  readonly least: number;
  readonly most: number;
}

/** Parameters as they come from a file. They are checked. */
export type PlainParameters = Readonly<Record<string, unknown>>;

/** How one parameter is described and read. */
export interface Parameter<T> extends Omit<ParameterDescription, "name"> {
  readonly default: T & ParameterValue;
  /** What a value must be, for an error: "is ..." */
  readonly rule: string;
  /** The value, or null when it is none. */
  read(value: unknown): T | null;
}

export type ParameterTable = Readonly<Record<string, Parameter<ParameterValue>>>;

/** The values of a table's parameters. */
export type ValuesOf<T extends ParameterTable> = { readonly [K in keyof T]: T[K] extends Parameter<infer V> ? V : never };

/** All values of a table: those given, and the defaults. @throws MptcpError ERR_SIM_OPTION */
export function readParameters<T extends ParameterTable>(kind: string, table: T, given: PlainParameters): ValuesOf<T> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(table, name)) throw new MptcpError("ERR_SIM_OPTION", `${kind} has no parameter ${name}; it has ${Object.keys(table).join(", ")}`);
  }
  const values = Object.entries(table).map(([name, parameter]) => {
    const value = given[name];
    if (value === undefined) return [name, parameter.default] as const;
    const read = parameter.read(value);
    if (read === null) throw new MptcpError("ERR_SIM_OPTION", `${kind}: ${name} is ${parameter.rule}, not ${JSON.stringify(value)}`);
    return [name, read] as const;
  });
  return Object.fromEntries(values) as ValuesOf<T>;
}

/** What a table says of its parameters, as data. */
export function descriptionsOf(table: ParameterTable): readonly ParameterDescription[] {
  return Object.entries(table).map(([name, { type, default: usual, text, choices, range }]) => ({ name, type, default: usual, text, choices, range }));
}

// ---- the types of parameters

/** A time, ns. */
export function timeParameter(usual: number, text: string): Parameter<number> {
  return number("time", usual, 0, Number.MAX_SAFE_INTEGER, "a time in whole nanoseconds, 0 or more", text);
}

/** A number of octets, from `least` to `most`. */
export function octetsParameter(usual: number, least: number, most: number, text: string): Parameter<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
  return number("octets", usual, least, most, `a whole number of octets, ${range}`, text);
}

/** A number of something, from `least` to `most`. */
export function countParameter(usual: number, least: number, most: number, text: string): Parameter<number> {
  return number("count", usual, least, most, `a whole number, ${least} to ${most}`, text);
}

/** A number that need not be whole, from `least` to `most`. */
export function fractionParameter(usual: number, least: number, most: number, text: string): Parameter<number> {
  const read = (value: unknown): number | null => (typeof value === "number" && value >= least && value <= most ? value : null);
  return { type: "fraction", default: usual, text, choices: [], range: { least, most }, rule: `a number, ${least} to ${most}`, read };
}

/** An IPv4 address. */
export function addressParameter(usual: string, text: string): Parameter<string> {
  return { type: "address", default: usual, text, choices: [], range: null, rule: "an IPv4 address", read: readAddress };
}

/** One of several words. */
export function choiceParameter<const C extends string>(choices: readonly C[], usual: NoInfer<C>, text: string): Parameter<C> {
  const read = (value: unknown): C | null => choices.find((choice) => choice === value) ?? null;
  return { type: "choice", default: usual, text, choices, range: null, rule: `one of ${choices.join(", ")}`, read };
}

/** Some of several words, at least one. */
export function listParameter<const C extends string>(choices: readonly C[], usual: readonly NoInfer<C>[], text: string): Parameter<readonly C[]> {
  const read = (value: unknown): readonly C[] | null => {
    if (!Array.isArray(value) || value.length === 0) return null;
    const chosen = choices.filter((choice) => value.includes(choice));
    return value.every((entry) => chosen.some((choice) => choice === entry)) ? chosen : null;
  };
  return { type: "list", default: usual, text, choices, range: null, rule: `a list of ${choices.join(", ")}`, read };
}

function readAddress(value: unknown): string | null {
  return typeof value === "string" && IpAddress.parse(value)?.family === 4 ? value : null;
}

function number(type: ParameterType, usual: number, least: number, most: number, rule: string, text: string): Parameter<number> {
  const read = (value: unknown): number | null =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most ? value : null;
  return { type, default: usual, text, choices: [], range: { least, most }, rule, read };
}
