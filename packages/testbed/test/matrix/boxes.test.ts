import { describe, expect, it } from "vitest";
import { PRESCRIBED } from "../../src/matrix/prescribed.ts";
import { cellsOf } from "../../src/matrix/prescription.ts";
import type { MatrixRow } from "../../src/matrix/prescription.ts";
import { CELL_BYTES, problemsOf, runCell, runPassage } from "../../src/matrix/run-cell.ts";

const SEED = 1;

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

describe.each(PRESCRIBED.map((row) => [row.name, row] as const))("%s", (_, row) => {
  it("delivers over plain TCP what is said of it", () => {
    expect(tcpThrough(row)).toEqual([]);
  });

  it("leads to what is prescribed, on one path and on two, with checksums and without", () => {
    const found = cellsOf([row]).flatMap((cell) => {
      const result = runCell(cell, SEED);
      return problemsOf(cell, result).map((problem) => `${cell.place}, checksum ${cell.checksum}, ${cell.data}: ${problem} [${result.outcome}: ${result.reasons.join(", ")}]`);
    });
    expect(found).toEqual([]);
  });
});
