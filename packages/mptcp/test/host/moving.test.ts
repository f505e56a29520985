import { describe, expect, it } from "vitest";
import { compareMoved, drawMoving } from "./moving.ts";

/** `npm run moving` has 200. */
const RUNS = Number(process.env["MOVING_RUNS"] ?? 30);
const RUNS_OF_A_TEST = 10;

describe("a connection that is saved and restored sends the same packets at the same times as if nothing had been", () => {
  for (let first = 1; first <= RUNS; first += RUNS_OF_A_TEST) {
    const last = Math.min(RUNS, first + RUNS_OF_A_TEST - 1);
    it(`wherever it is interrupted: random runs ${first} to ${last}`, () => {
      for (let seed = first; seed <= last; seed++) expect(compareMoved(drawMoving(seed)), `seed ${seed}`).toMatchObject({ difference: null });
    });
  }
});
