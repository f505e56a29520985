import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { FUNCTIONS } from "../../../src/drill/assert/parser.ts";
import { BUILTINS } from "../../../src/drill/shell/builtins.ts";
import { FILTERS } from "../../../src/drill/shell/filters/index.ts";
import { COMMANDS } from "../../../src/drill/system/index.ts";

const page = readFileSync(new URL("../../../../../docs/drill.md", import.meta.url), "utf8");

it("docs/drill.md has every command of a shell line and every function of code", () => {
  const names = [...Object.keys(BUILTINS), ...Object.keys(FILTERS), ...COMMANDS, ...Object.keys(FUNCTIONS)];
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
