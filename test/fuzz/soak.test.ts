import { expect, test } from "vitest";
import { soakRound } from "../../bench/src/soak/simulated.ts";

test("connections opened, moved and closed for minutes of virtual time while paths are cut: nothing lost, nothing left", () => {
  let [cuts, moves] = [0, 0];
  for (let round = 0; round < 3; round++) {
    const totals = soakRound(1, round, 120);
    expect(totals.connections).toBe(120);
    cuts += totals.cuts;
    moves += totals.moves;
  }
  expect(Math.min(cuts, moves)).toBeGreaterThan(9);
});
