import { describe, expect, it } from "vitest";
import { compareMoved, drawMoving } from "./moving.ts";

/** `npm run moving` has 200. */
const RUNS = Number(process.env["MOVING_RUNS"] ?? 30);
const FIRST = Number(process.env["MOVING_FIRST"] ?? 1);

describe("a connection that is saved and restored", () => {
  it("sends the same packets at the same times as if nothing had been, wherever it is interrupted", () => {
    const differences: string[] = [];
    for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
      try {
        const { difference } = compareMoved(drawMoving(seed));
        if (difference !== null) differences.push(`seed ${seed}: ${difference}`);
      } catch (error) { differences.push(`seed ${seed}: ${error instanceof Error ? error.stack : error}`); }
    }
    expect(differences).toEqual([]);
  });
});
