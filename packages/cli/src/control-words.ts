import { InvalidArgumentError } from "commander";
import { IpAddress } from "mptcp/wire";

/** What words may follow, as in `ip mptcp endpoint add ADDRESS signal port 5000`. */
export interface WordTable {
  /** Words that stand alone, with what they set. */
  readonly flags?: Readonly<Record<string, readonly [name: string, value: boolean]>>;
  /** Words that a value follows, with the name of the field and what the value may be. */
  readonly values?: Readonly<Record<string, readonly [name: string, read: (text: string) => string | number]>>;
}

/**
 * Reads words into fields.
 * @throws InvalidArgumentError for a word that is not known, is there twice, or lacks its value
 */
export function readWords(words: readonly string[], { flags = {}, values = {} }: WordTable): Readonly<Record<string, string | number | boolean>> {
  const fields: Record<string, string | number | boolean> = {};
  const set = (name: string, value: string | number | boolean, word: string): void => {
    if (Object.hasOwn(fields, name)) throw new InvalidArgumentError(`"${word}" says once more, or otherwise, what was said.`);
    fields[name] = value;
  };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (Object.hasOwn(flags, word)) {
      const [name, value] = flags[word] as readonly [string, boolean];
      set(name, value, word);
    } else if (Object.hasOwn(values, word)) {
      const [name, read] = values[word] as readonly [string, (text: string) => string | number];
      const text = words[++at];
      if (text === undefined) throw new InvalidArgumentError(`"${word}" takes a value after it.`);
      set(name, read(text), word);
    } else {
      throw new InvalidArgumentError(`"${word}" is not one of ${[...Object.keys(flags), ...Object.keys(values)].join(", ")}.`);
    }
  }
  return fields;
}

/** Reads a whole number. @throws InvalidArgumentError */
export function numberIn(what: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) throw new InvalidArgumentError(`${what} is a whole number from ${least} to ${most}.`);
    return value;
  };
}

/** An address as text. @throws InvalidArgumentError */
export function addressText(text: string): string {
  const address = IpAddress.parse(text);
  if (address === null) throw new InvalidArgumentError(`"${text}" is no IP address.`);
  return String(address);
}

/** `ADDR`, `ADDR:PORT` or `[ADDR]:PORT`. @throws InvalidArgumentError */
export function addressAndPort(text: string): { readonly address: string; readonly port: number | null } {
  if (IpAddress.parse(text) !== null) return { address: addressText(text), port: null };
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError(`"${text}" is no address: write 192.0.2.1, 192.0.2.1:5000 or [2001:db8::1]:5000.`);
  return { address: addressText(match[1] ?? match[2] ?? ""), port: numberIn("A port", 1, 65_535)(match[3] ?? "") };
}

/** `key=value` pairs of a policy's parameters: numbers and truth values as such, all else as text. @throws InvalidArgumentError */
export function readParameters(pairs: readonly string[]): Readonly<Record<string, number | boolean | string>> {
  const entries = pairs.map((pair): readonly [string, number | boolean | string] => {
    const at = pair.indexOf("=");
    if (at < 1) throw new InvalidArgumentError(`"${pair}" is no parameter: write key=value.`);
    const value = pair.slice(at + 1);
    if (value === "true" || value === "false") return [pair.slice(0, at), value === "true"];
    return [pair.slice(0, at), value !== "" && Number.isFinite(Number(value)) ? Number(value) : value];
  });
  if (new Set(entries.map(([name]) => name)).size < entries.length) throw new InvalidArgumentError("a parameter is there twice.");
  return Object.fromEntries(entries);
}
