import { afterAll, describe, expect, test } from "vitest";
import * as testing from "../../packages/mptcp/src/testing/index.ts";
import type { Rules } from "../../packages/mptcp/src/testing/index.ts";
import { PageExamples } from "./examples.ts";

const page = new PageExamples("docs/testing.md");
afterAll(() => page.remove());

const RULES: Readonly<Record<string, Rules>> = {
  scheduler: testing.SCHEDULER_RULES,
  congestion: testing.CONGESTION_RULES,
  "path-manager": testing.PATH_MANAGER_RULES,
  middlebox: testing.MIDDLEBOX_RULES,
  link: testing.LINK_RULES,
  loss: testing.LOSS_RULES,
};
const POINTS = Object.keys(RULES);

describe("docs/testing.md", () => {
  test("has an example for each suite that there is, and all of them compile", () => {
    expect(Object.keys(testing).filter((name) => name.startsWith("check"))).toHaveLength(POINTS.length);
    expect(page.complaints("example: broken", ...POINTS.map((point) => `example: ${point}`))).toEqual([]);
  });

  test.each(POINTS)("what it shows of a %s of one's own passes", async (point) => {
    expect((await page.run(`example: ${point}`))["findings"]).toEqual([]);
  });

  test("says what the suite says of a broken one", async () => {
    expect(page.between("said", "\n\n")).toBe(`\`\`\`text\n${String((await page.run("example: broken"))["said"])}\`\`\``);
  });

  test.each(Object.entries(RULES))("has the rules of a %s as they are", (point, rules) => {
    const rows = Object.entries(rules).map(([name, { contract }]) => `| \`${name}\` | ${contract} |`);
    expect(page.between(`rules: ${point}`, "<!-- end -->").trim().split("\n")).toEqual(["| case | what must be so |", "|---|---|", ...rows]);
  });
});
