import { describe, expect, it } from "vitest";
import { compareMoved, drawMoving } from "./moving.ts";

/** `npm run moving` has 200. */
const RUNS = Number(process.env["MOVING_RUNS"] ?? 30);

describe("a connection that is saved and restored", () => {
  it("sends the same packets at the same times as if nothing had been, wherever it is interrupted", () => {
    const differences: string[] = [];
    for (let seed = 1; seed <= RUNS; seed++) {
      const { difference } = compareMoved(drawMoving(seed));
      if (difference !== null) differences.push(`seed ${seed}: ${difference}`);
    }
    expect(differences).toEqual([]);
  });
});
