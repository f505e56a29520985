import { describe, expect, it } from "vitest";
import { kernelObstacle } from "../../src/kernel/index.ts";
import { cellsBetween, isVirtual, nameOf, PAIRS } from "../../src/matrix/pairs.ts";
import type { PairCell } from "../../src/matrix/pairs.ts";
import { PRESCRIBED } from "../../src/matrix/prescribed.ts";
import { resultOf } from "../../src/matrix/row.ts";
import { runCell } from "../../src/matrix/run-cell.ts";

const obstacle = kernelObstacle();
const SEED = 1;

/** What is tried between each pair: something that goes through, that falls back, that resets a subflow, and that changes bytes. The whole of it is `mptcp matrix`. */
const SAMPLE = [
  { name: "none", place: "second", checksum: false, data: "up" },
  { name: "nat44", place: "first", checksum: true, data: "down" },
  { name: "option-stripper/mptcp/syn", place: "only", checksum: false, data: "up" },
  { name: "option-stripper/mptcp/syn", place: "second", checksum: false, data: "down" },
  { name: "splitter/each", place: "only", checksum: true, data: "up" },
  { name: "payload-editor/same/up", place: "second", checksum: true, data: "up" },
  { name: "payload-editor/same/down", place: "only", checksum: false, data: "down" },
] as const;

function chosen(cells: readonly PairCell[]): PairCell[] {
  return SAMPLE.flatMap(({ name, place, checksum, data }) => cells.filter((cell) => cell.row.name === name && cell.place === place && cell.checksum === checksum && cell.data === data));
}

describe.skipIf(obstacle !== null)(`the matrix with the kernel${obstacle === null ? "" : ` (skipped: ${obstacle})`}`, () => {
  it.each(PAIRS.filter((pair) => !isVirtual(pair)).map((pair) => [nameOf(pair), pair] as const))("%s", (_name, pair) => {
    const cells = chosen(cellsBetween(pair, PRESCRIBED));
    expect(cells).toHaveLength(SAMPLE.length);
    const results = cells.map((cell) => resultOf(cell, runCell(cell, SEED)));
    expect(results.filter(({ problem, known }) => problem !== "" && known === "")).toEqual([]);
    expect(results.filter(({ outcome }) => outcome === "broken")).toEqual([]);
  });
});
