import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { describeProblem, parseScript, planScript } from "../../src/drill/index.ts";
import { OPTION_FORMS } from "../../src/drill/syntax/option-forms.ts";
import { SCRIPT_OPTIONS } from "../../src/drill/syntax/script-options.ts";

const page = readFileSync(new URL("../../../../docs/drill.md", import.meta.url), "utf8");
const mentions = (word: string): boolean => new RegExp(`\`[^\`]*(?<![\\w])${word}(?![\\w])[^\`]*\``).test(page);

function isRefused(text: string): boolean {
  const { script, problems } = parseScript(text);
  return problems.length > 0 || planScript(script).problems.length > 0;
}

describe("docs/drill.md", () => {
  it("has every option of a script", () => {
    expect(Object.keys(SCRIPT_OPTIONS).filter((name) => !page.includes(`\`--${name}\``))).toEqual([]);
  });

  it("has every TCP option, each of its words and each of its fields", () => {
    const flags = /^flag_[c-g]$/;
    const words = Object.entries(OPTION_FORMS).flatMap(([name, form]) => [name, ...(form.words ?? []), ...(form.fields ?? []), ...(form.lists ?? [])]);
    expect(words.filter((word) => !flags.test(word) && !mentions(word))).toEqual([]);
  });

  it("begins with a script that can be read", () => {
    const [, script = ""] = /\n((?: {4}.*\n|\n(?= {4}))+)/.exec(page) ?? [];
    expect(script).toContain("mpcapable");
    expect(parseScript(script).problems).toEqual([]);
  });

  it("names at most ten constructs that are refused, each with an event that is refused", () => {
    const [, table = ""] = /\n## What is refused\n[^|]*\n\|.*\n\|[-|]+\n((?:\|.*\n)+)/.exec(page) ?? [];
    const events = table.split("\n").filter((row) => row !== "").map((row) => /^\|[^|]*\| (`+) ?(.*?) ?\1 \| [^|]+ \|$/.exec(row)?.[2] ?? row);
    expect(events.length).toBeGreaterThan(0);
    expect(events.length).toBeLessThanOrEqual(10);
    expect(events.filter((event) => !isRefused(event))).toEqual([]);
    expect(page).toContain(`${["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"][events.length]} constructs that`);
  });

  it("shows a problem as it is shown", () => {
    const text = `${"\n".repeat(6)}+0 > S. 0:0(0) ack 1 <mss 1460, wscal 8>`;
    const shown = describeProblem("mine.pkt", text, parseScript(text).problems[0]!);
    expect(page).toContain(shown.replace(/^/gm, "    "));
  });
});
