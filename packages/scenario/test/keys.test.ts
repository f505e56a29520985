import { describe, expect, it } from "vitest";
import type { LoadedScenario } from "../src/index.ts";
import { SCENARIO } from "../src/keys/scenario.ts";
import { sectionsBelow } from "../src/keys/section.ts";
import type { Keys } from "../src/keys/section.ts";
import { nativeSha256 } from "../src/node/index.ts";
import { parseOverride } from "../src/overrides.ts";
import { parseScenario } from "../src/parse.ts";
import { renderReport } from "../src/report/report.ts";
import { runScenario } from "../src/runner.ts";
import type { KeyCase, Trace } from "./case-list.ts";
import { BASES, CASES } from "./keys-cases.ts";

const runs = new Map<string, Readonly<Record<Trace, string>>>();

function scenarioOf(base: KeyCase["base"], set: readonly string[]): LoadedScenario {
  const overrides = set.map((text) => {
    const parsed = parseOverride(text);
    if (typeof parsed === "string") throw new Error(parsed);
    return parsed;
  });
  return parseScenario(BASES[base], base, overrides);
}

/** What a run leaves behind, or digests of it. */
function run({ base, both = [], parts = {} }: KeyCase, set: readonly string[]): Readonly<Record<Trace, string>> {
  const name = [base, ...both, ...Object.keys(parts), ...set].join("\n");
  const known = runs.get(name);
  if (known !== undefined) return known;
  const scenario = { ...scenarioOf(base, [...both, ...set]), parts };
  const capture = nativeSha256();
  const events = nativeSha256();
  const { summary, record } = runScenario(scenario, {
    content: "random",
    hash: nativeSha256,
    sample: 50e6,
    onCapture: (chunk) => capture.update(chunk),
    onEvent: (event) => events.update(Buffer.from(JSON.stringify(event))),
  });
  const { title, description } = scenario.plan;
  const report = renderReport({ title, description, summary, record: record!, scenarioText: "", commands: [] }, { script: "", style: "" });
  const traces = { capture: capture.hex(), events: events.hex(), summary: JSON.stringify(summary, null, 1), report, plan: JSON.stringify(scenario.plan.network.links.map((link) => link.middleboxes)) };
  runs.set(name, traces);
  return traces;
}

/** The default of a key as it would be written; null when it is not a value that can be written. */
function writtenDefault(key: Keys[string]): string | null {
  if (key.required) return null;
  if (key.shown !== null) return /^`([^`]+)`$/.exec(key.shown)?.[1] ?? null;
  return key.kind.write?.(key.otherwise) ?? null;
}

const sections = sectionsBelow(SCENARIO).map((section) => [section.name, section.keys] as const);

describe("every key of a scenario", () => {
  it("has a case here, and every case a key", () => {
    const names = (of: Readonly<Record<string, object>>): string[] => Object.keys(of).toSorted();
    expect(Object.fromEntries(Object.entries(CASES).map(([name, cases]) => [name, names(cases)]))).toEqual(Object.fromEntries(sections.map(([name, keys]) => [name, names(keys)])));
  });

  const cases = sections.flatMap(([name, keys]) => Object.entries<Keys[string]>(keys).flatMap(([key, entry]) => {
    const one = CASES[name]?.[key];
    return one === undefined ? [] : [{ name: `${name}: ${key}`, entry, ...one }];
  }));

  it.each(cases)("changes a run: $name", (one) => {
    expect(run(one, one.set)[one.shows]).not.toBe(run(one, [])[one.shows]);
  });

  const defaults = cases.flatMap((one) => {
    const written = writtenDefault(one.entry);
    return written === null ? [] : [{ ...one, written: `${one.set[0].slice(0, one.set[0].indexOf("="))}=${written}` }];
  });

  it.each(defaults)("has the default that the page shows: $written", (one) => {
    // Without the key, or there would be nothing to compare the default with.
    expect(scenarioOf(one.base, one.both ?? []).spec).not.toEqual(scenarioOf(one.base, [...(one.both ?? []), one.written]).spec);
    expect(run(one, [one.written])).toEqual(run(one, []));
  });
});
