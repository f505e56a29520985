import { describe, expect, it } from "vitest";
import { PRESCRIBED } from "../../src/matrix/prescribed.ts";
import { cellsOf, PLACES } from "../../src/matrix/prescription.ts";

describe("what is prescribed for middleboxes", () => {
  it("has one row for each name, and something for each place", () => {
    const names = PRESCRIBED.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, expected, withChecksums = expected } of PRESCRIBED) {
      for (const place of PLACES) {
        for (const { outcomes, clause, within = 60 } of [expected[place], withChecksums[place]]) {
          expect(outcomes.length, name).toBeGreaterThan(0);
          expect(clause, name).toMatch(/§\d/);
          // Whoever is at a loss says so within a minute, but where nothing arrives at all.
          expect(within === 60 || (within === null && outcomes.includes("error")), name).toBe(true);
        }
      }
    }
  });

  it("never prescribes a fallback for a subflow that has company, nor a reset of the only one", () => {
    for (const { row, place, prescription } of cellsOf(PRESCRIBED)) {
      if (place === "only") expect(prescription.outcomes, row.name).not.toEqual(["subflow-reset"]);
      if (place === "second" && !prescription.outcomes.includes("multipath")) expect(prescription.outcomes, row.name).not.toContain("fallback");
    }
  });

  it("has a cell for each place, with and without checksums, and each direction that a row is about", () => {
    const cells = cellsOf(PRESCRIBED);
    const wanted = PRESCRIBED.reduce((sum, { data }) => sum + 6 * (data === "either" ? 2 : 1), 0);
    expect(cells).toHaveLength(wanted);
    const [changed] = cells.filter(({ row, place, checksum }) => row.name === "payload-editor/longer/up" && place === "only" && checksum);
    expect(changed?.prescription).toMatchObject({ outcomes: ["fallback"], bytes: "edited" });
  });
});
