import { afterAll, expect, test } from "vitest";
import { PageExamples } from "./examples.ts";

const page = new PageExamples("ARCHITECTURE.md");
afterAll(() => page.remove());

test('"add your own scheduler" of ARCHITECTURE.md is short, compiles and runs', async () => {
  expect(page.code("test: scheduler").trimEnd().split("\n").length).toBeLessThan(25);
  expect(page.complaints("test: scheduler")).toEqual([]);
  expect((await page.run("test: scheduler"))["received"]).toBe(5e6);
});
