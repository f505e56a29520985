import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { middleboxes } from "../../packages/mptcp/src/sim/index.ts";
import type { Simulation, Sink } from "../../packages/mptcp/src/sim/index.ts";
import { MIDDLEBOX_SOURCES } from "./middlebox-sources.ts";
import { PageExamples, root } from "./examples.ts";

const PAGE = "docs/middleboxes.md";
const page = new PageExamples(PAGE);
afterAll(() => page.remove());

/** What the registry and the list of sources say of each kind. */
function kinds(): string {
  const blocks = Object.entries(middleboxes).map(([kind, { parameters, text }]) => {
    const listed = parameters.map(({ name, default: usual }) => `\`${name}\` ${Array.isArray(usual) ? usual.join(" ") : String(usual)}`);
    return `### ${kind}\n\n${text}\\\nParameters: ${listed.join(", ")}.\\\n${MIDDLEBOX_SOURCES[kind] ?? "unknown"}\n`;
  });
  return blocks.join("\n");
}

describe(PAGE, () => {
  // `npm run docs` writes it.
  test("has every kind of the registry in three lines, as the registry has it", async () => {
    const [before = "", rest = ""] = readFileSync(`${root}${PAGE}`, "utf8").split("<!-- boxes -->\n");
    const after = rest.split("<!-- end -->")[1] ?? "";
    await expect(`${before}<!-- boxes -->\n${kinds()}<!-- end -->${after}`).toMatchFileSnapshot(`../../${PAGE}`);
  });

  test("says of each kind, and of no other, which RFC or paper tells of it", () => {
    expect(Object.keys(MIDDLEBOX_SOURCES).toSorted()).toEqual(Object.keys(middleboxes).toSorted());
    for (const [kind, source] of Object.entries(MIDDLEBOX_SOURCES)) expect([kind, source]).toEqual([kind, expect.stringMatching(/RFC \d+ §|RFC \d+|IMC'11|Normalization|SIGCOMM/)]);
  });

  test("shows a box of one's own in less than 20 lines, which compiles and works", async () => {
    const code = page.code("example: box");
    expect(code.trim().split("\n").filter((line) => !line.startsWith("import ")).length).toBeLessThan(20);
    expect(page.complaints("example: box")).toEqual([]);
    const { net, sink, simulation } = (await page.run("example: box")) as { simulation: Simulation; sink: Sink; net: { middleboxes: readonly (readonly { statistics: { changed: number } }[])[] } };
    expect([sink.bytesRead, simulation.now]).toEqual([1e6, expect.any(Number)]);
    expect(net.middleboxes[0]?.[0]?.statistics.changed).toBeGreaterThan(100);
  });
});
