import { parseDocument } from "yaml";
import type { Fields } from "./keys/kinds.ts";
import { SCENARIO } from "./keys/scenario.ts";
import type { Keys } from "./keys/section.ts";
import { child, problemAt } from "./problems.ts";
import type { FieldPath, Problem } from "./problems.ts";
import { didYouMean } from "./suggest.ts";
import { unknownField } from "./validate.ts";
import { valueOf } from "./yaml-value.ts";

/** One `--set path=value`. */
export interface Override {
  /** As it was written. */
  readonly text: string;
  readonly steps: readonly string[];
  readonly value: unknown;
}

/** Parses "paths.wifi.rate=5Mb/s"; the value is YAML, so that numbers, true and {packets: 80} work. A sentence when it is wrong. */
export function parseOverride(text: string): Override | string {
  const equals = text.indexOf("=");
  if (equals <= 0) return `--set ${text}: write it as path=value, for example paths.wifi.rate=5Mb/s`;
  const steps = text.slice(0, equals).trim().split(".");
  if (steps.some((step) => step === "")) return `--set ${text}: the path has an empty step`;
  if (steps.some((step) => FORBIDDEN.has(step))) return `--set ${text}: no such field`;
  const document = parseDocument(text.slice(equals + 1));
  const error = document.errors[0];
  if (error !== undefined) return `--set ${text}: the value is not valid YAML: ${error.message.split("\n")[0] as string}`;
  const read = valueOf(document);
  return read.ok ? { text, steps, value: read.value } : `--set ${text}: ${read.problem}`;
}

/** The outcome of overrides: for each the field that it set, or what is wrong with it. */
export interface Overridden {
  readonly set: readonly { readonly override: Override; readonly path: FieldPath }[];
  readonly problems: readonly { readonly override: Override; readonly problem: Problem }[];
}

/** Puts overrides into `root`. Fields on the way are made; items of lists must be there (by name or index). */
export function applyOverrides(root: unknown, overrides: readonly Override[]): Overridden {
  const set: { override: Override; path: FieldPath }[] = [];
  const problems: { override: Override; problem: Problem }[] = [];
  for (const override of overrides) {
    const outcome = applyOne(root, override);
    if ("problem" in outcome) problems.push({ override, problem: outcome.problem });
    else set.push({ override, path: outcome.path });
  }
  return { set, problems };
}

/** The way of an override goes along the tables of the sections, so that it finds what is not there yet. */
function applyOne(root: unknown, override: Override): { path: FieldPath } | { problem: Problem } {
  const path: (string | number)[] = [];
  let holder = root;
  let fields: Fields | null = { section: SCENARIO, isList: false };
  for (const [at, name] of override.steps.entries()) {
    let step: string | number = name;
    let next: Fields | null = null;
    if (Array.isArray(holder)) {
      step = indexOf(holder, name);
      if (step < 0) return { problem: problemAt(path, absent(name, holder)) };
      if (fields !== null) next = { ...fields, isList: false };
    } else if (typeof holder !== "object" || holder === null || fields === null) {
      return { problem: problemAt(path, `has no fields, so "${name}" cannot be set`) };
    } else {
      const keys: Keys = fields.section.keys;
      if (!Object.hasOwn(keys, name)) return { problem: { path: [...path, name], message: unknownField(name, Object.keys(keys)), onName: true } };
      next = (keys[name] as Keys[string]).kind.fields;
    }
    path.push(step);
    const inside = holder as Record<string | number, unknown>;
    if (at === override.steps.length - 1) inside[step] = override.value;
    else inside[step] ??= next?.isList === true ? [] : {};
    holder = inside[step];
    fields = next;
  }
  return { path };
}

function absent(name: string, items: readonly unknown[]): string {
  if (items.length === 0) return `there is no "${name}"; the list is empty`;
  return `there is no "${name}"; ${didYouMean(name, items.map((item, at) => String(child(item, "name") ?? at)))}`;
}

function indexOf(items: readonly unknown[], name: string): number {
  const named = items.findIndex((item) => child(item, "name") === name);
  if (named >= 0) return named;
  const index = /^\d+$/.test(name) ? Number(name) : -1;
  return index < items.length ? index : -1;
}

const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);
