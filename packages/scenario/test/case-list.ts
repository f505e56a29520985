import type { OwnParts } from "../src/protocol.ts";

/** What a run leaves behind; each key shows in one of these at least: in the plan alone, where no run of a single connection has anything to show. */
export type Trace = "capture" | "events" | "summary" | "report" | "plan";

/** A key at work: a run without it or with another value, and a run with this one. */
export interface KeyCase {
  readonly base: "paths" | "single" | "topology";
  /** Fields that both runs have, as for `--set`. */
  readonly both?: readonly string[];
  /** The key itself, and after it what else its value asks for. */
  readonly set: readonly [string, ...string[]];
  /** Where the difference shows. */
  readonly shows: Trace;
  /** What a module would bring. */
  readonly parts?: OwnParts;
}

/** Cases of keys at one place of a scenario: by key its value, or that and what else it asks for. */
export function at(base: KeyCase["base"], place: string, shows: Trace, cases: Readonly<Record<string, string | readonly [string, ...string[]]>>, both: readonly string[] = []): [string, KeyCase][] {
  return Object.entries(cases).map(([key, value]) => {
    const [first, ...more] = typeof value === "string" ? [value] : value;
    return [key, { base, both, set: [`${place}${key}=${first}`, ...more], shows }];
  });
}
