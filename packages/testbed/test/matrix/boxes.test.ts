import { describe, expect, it } from "vitest";
import { PRESCRIBED } from "../../src/matrix/prescribed.ts";
import { cellsBetween, isVirtual, nameOf, PAIRS } from "../../src/matrix/pairs.ts";
import { CELL_BYTES, runPassage } from "../../src/matrix/passage.ts";
import type { MatrixRow } from "../../src/matrix/prescription.ts";
import { runCell } from "../../src/matrix/run-cell.ts";
import { verdictOf } from "../../src/matrix/verdict.ts";

const SEED = 1;
/** `npm run boxes` tries every cell; npm test one in three of each box, beginning with another one each time. */
const EVERY = process.env["BOXES"] === "all" ? 1 : 3;

/** Plain TCP through the box, both ways. */
function tcpThrough(row: MatrixRow): string[] {
  return (["up", "down"] as const)
    .filter((data) => row.data === "either" || row.data === data)
    .flatMap((data) => {
      const result = runPassage({ box: row.box, place: "only", checksum: false, data, transport: "tcp" }, SEED);
      const whole = result.isWhole && result.wrong === 0;
      const seen = whole ? "sent" : result.isOver && result.outcome !== "error" ? "edited" : "broken";
      return seen === row.tcp ? [] : [`${data}: ${seen} instead of ${row.tcp} (${result.read} of ${CELL_BYTES}, ${result.wrong} wrong, ${result.reasons.join(", ")})`];
    });
}

describe.each(PRESCRIBED.map((row, at) => [row.name, row, at] as const))("%s", (_, row, first) => {
  it("delivers over plain TCP what is said of it", () => {
    expect(tcpThrough(row)).toEqual([]);
  });

  it.each(PAIRS.filter(isVirtual).map((pair) => [nameOf(pair), pair] as const))("leads to what is prescribed, on one path and on two, with checksums and without: %s", (_pair, pair) => {
    const cells = cellsBetween(pair, [row]).filter((_cell, at) => (at + first) % EVERY === 0);
    const found = cells.flatMap((cell) => {
      const result = runCell(cell, SEED);
      return verdictOf(cell, result).problems.map((problem) => `${cell.place}, checksum ${cell.checksum}, ${cell.data}: ${problem} [${result.outcome}: ${[...result.reasons, ...result.hints].join(", ")}]`);
    });
    expect(found).toEqual([]);
  });
});
