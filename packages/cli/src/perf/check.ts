/** Reads a value that somebody else wrote. @throws Malformed */
export type Check<T> = (value: unknown, where: string) => T;

/** Something that came is not what it should be. */
export class Malformed extends Error {}

/** A whole number from 0, `most` at the most. */
export function whole(most: number, least = 0): Check<number> {
  return (value, where) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least || value > most) throw new Malformed(`${where} is no whole number from ${least} to ${most}`);
    return value;
  };
}

/** Text of characters that can be shown, `longest` at the most: terminals obey others. */
export function text(longest: number): Check<string> {
  return (value, where) => {
    if (typeof value !== "string" || value.length > longest || !/^[\u0020-\u007E]*$/.test(value)) throw new Malformed(`${where} is no text of up to ${longest} characters`);
    return value;
  };
}

export function oneOf<const T extends string>(...all: readonly T[]): Check<T> {
  return (value, where) => {
    const known = all.find((one) => one === value);
    if (known === undefined) throw new Malformed(`${where} is none of ${all.join(", ")}`);
    return known;
  };
}

export function nullOr<T>(check: Check<T>): Check<T | null> {
  return (value, where) => (value === null ? null : check(value, where));
}

/** @param most the longest list */
export function list<T>(check: Check<T>, most: number): Check<readonly T[]> {
  return (value, where) => {
    if (!Array.isArray(value) || value.length > most) throw new Malformed(`${where} is no list of up to ${most}`);
    return value.map((one, at) => check(one, `${where}[${at}]`));
  };
}

/** An object with these fields; others are left out, for a later version may have them. */
export function object<T extends object>(fields: { readonly [K in keyof T]: Check<T[K]> }): Check<T> {
  return (value, where) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed(`${where} is no object`);
    const given = value as Readonly<Record<string, unknown>>;
    const entries = Object.entries(fields) as [string, Check<unknown>][];
    // What an object inherits was not sent.
    return Object.fromEntries(entries.map(([name, check]) => [name, check(Object.hasOwn(given, name) ? given[name] : undefined, `${where}.${name}`)])) as T;
  };
}
