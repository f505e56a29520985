import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import type { TestSpecification, Vitest } from "vitest/node";
import { LONG, LongestFirst } from "./longest-first.ts";

test("the files that last are there, and each is named once", () => {
  expect(LONG.filter((name) => !existsSync(new URL(`../../${name}`, import.meta.url)))).toEqual([]);
  expect(new Set(LONG).size).toBe(LONG.length);
});

test("they begin first, those that share processes behind the others", async () => {
  const file = (name: string, isolate: boolean): TestSpecification =>
    ({ moduleId: `/there/${name}`, project: { name: String(isolate), config: { isolate, sequence: { groupOrder: 0 } } } }) as TestSpecification;
  const files = [file("packages/engine/short.test.ts", false), file(LONG.at(-1) as string, false), file("test/short.test.ts", true), file(LONG[1] as string, true), file(LONG[0] as string, true)];
  const vitest = { config: { root: "/there" }, cache: { getFileTestResults: () => undefined, getFileStats: () => undefined } } as unknown as Vitest;
  // oxlint-disable-next-line unicorn/no-array-sort
  const sorted = await new LongestFirst(vitest).sort(files);
  expect(sorted.map(({ moduleId }) => moduleId.slice("/there/".length))).toEqual([LONG[0], LONG[1], "test/short.test.ts", LONG.at(-1), "packages/engine/short.test.ts"]);
});
