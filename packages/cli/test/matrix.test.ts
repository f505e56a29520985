import type { MatrixResult } from "@mptcp/testbed/matrix";
import pc from "picocolors";
import { describe, expect, test } from "vitest";
import { matrixPage } from "../src/matrix/page.ts";
import { byPair, countsOf, tableText } from "../src/matrix/summary.ts";

const RUN: MatrixResult = {
  middlebox: "splitter", position: "each", place: "only", paths: 1, checksum: true, data: "up", client: "ours", server: "kernel", version: 1, outcome: "multipath", reason: "",
  prescribed: ["multipath"], clause: "§6", seconds: 0.5, problem: "", known: "",
};
const RUNS: readonly MatrixResult[] = [
  RUN,
  { ...RUN, server: "ours", place: "second", paths: 2, outcome: "fallback", reason: "<options_lost>", problem: "fallback instead of multipath", known: "somebody <else>" },
  { ...RUN, client: "kernel", outcome: "broken", problem: "4 bytes are wrong" },
];

describe("what mptcp matrix shows", () => {
  test("counts runs by what they came to", () => {
    expect(countsOf(RUNS)).toEqual({ runs: 3, multipath: 1, fallback: 1, "subflow-reset": 0, error: 0, broken: 1, prescribed: 1, known: 1, unexpected: 1 });
    expect(byPair(RUNS).map(({ name, results }) => [name, results.length])).toEqual([["ours - ours, version 1", 1], ["ours - kernel, version 1", 1], ["kernel - kernel, version 1", 1]]);
  });

  test("has a line for each pair of ends", () => {
    const text = tableText(RUNS, 12.3, pc.createColors(false));
    expect(text).toContain("kernel - kernel, version 1     1          0         0              0      0       1           0      0           1\n");
    expect(text).toContain("3 runs in 12 s: 1 not as prescribed\n");
    expect(tableText([RUN], 1, pc.createColors(false))).toContain("all as prescribed");
  });

  test("is a page that needs nothing but itself, with every table's head and caption", () => {
    const page = matrixPage(RUNS, { skipped: "no <root>", interrupted: true });
    expect(page).not.toMatch(/<script|src=|href=|url\(/);
    expect(page).toContain("no &lt;root&gt;");
    expect(page).toContain("Interrupted");
    expect(page).toContain("somebody &lt;else&gt;");
    expect(page).toContain("&lt;options_lost&gt;");
    expect(page).toContain('<b class="bad">1 broken !</b>');
    expect(page.match(/<table/g)?.length).toBe(page.match(/<caption>/g)?.length);
    expect(page.match(/<th(?! scope="(col|row)")[ >]/g)).toBeNull();
    expect(matrixPage([RUN], { skipped: null, interrupted: false })).not.toContain("Not as prescribed");
  });
});
