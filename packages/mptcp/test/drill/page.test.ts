import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { describeProblem, parseScript } from "../../src/drill/index.ts";
import { OPTION_FORMS } from "../../src/drill/syntax/option-forms.ts";
import { SCRIPT_OPTIONS } from "../../src/drill/syntax/script-options.ts";

const page = readFileSync(new URL("../../../../docs/drill.md", import.meta.url), "utf8");
const mentions = (word: string): boolean => new RegExp(`\`[^\`]*(?<![\\w])${word}(?![\\w])[^\`]*\``).test(page);

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

  it("shows a problem as it is shown", () => {
    const text = `${"\n".repeat(6)}+0 > S. 0:0(0) ack 1 <mss 1460, wscal 8>`;
    const shown = describeProblem("mine.pkt", text, parseScript(text).problems[0]!);
    expect(page).toContain(shown.replace(/^/gm, "    "));
  });
});
