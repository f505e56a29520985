import { afterAll, expect, test } from "vitest";
import { readFileSync } from "node:fs";
import { OWNERS } from "../../tools/src/table.ts";
import { PageExamples } from "./examples.ts";

const page = new PageExamples("ARCHITECTURE.md");
afterAll(() => page.remove());

test('"add your own scheduler" of ARCHITECTURE.md is short, compiles and runs', async () => {
  expect(page.code("test: scheduler").trimEnd().split("\n").length).toBeLessThan(25);
  expect(page.complaints("test: scheduler")).toEqual([]);
  expect((await page.run("test: scheduler"))["received"]).toBe(5e6);
});

test('each owner in the table of "who owns what" is one whose state is checked', () => {
  const text = readFileSync(new URL("../../ARCHITECTURE.md", import.meta.url), "utf8");
  const table = text.slice(text.indexOf("| owner, in `mptcp/` |")).split("\n\n", 1)[0] ?? "";
  const names = table.split("\n").slice(2).flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([A-Z]\w+)`/g)].map(([, name]) => name));
  expect(names.length).toBeGreaterThan(14);
  expect(names.filter((name) => !OWNERS.some((owner) => owner.name === name || (name === "Opening" && owner.name.endsWith("Opening"))))).toEqual([]);
});
