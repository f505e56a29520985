import { parseOverride } from "@mptcp/scenario";
import type { Override } from "@mptcp/scenario";

/** A `--set` that is no override. */
export class OverrideProblem extends Error {}

/** What `--set`, each time that it was given, changes in a scenario. @throws OverrideProblem */
export function overridesOf(texts: readonly string[]): Override[] {
  return texts.map((text) => {
    const parsed = parseOverride(text);
    if (typeof parsed === "string") throw new OverrideProblem(parsed);
    return parsed;
  });
}
