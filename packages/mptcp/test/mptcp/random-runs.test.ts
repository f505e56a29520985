import { expect, test } from "vitest";
import { drawNetwork, runNetwork } from "./random-network.ts";

const RUNS = 200;

test(`${RUNS} random networks deliver every byte once, in order, and close cleanly`, () => {
  const failures: string[] = [];
  for (let seed = 1; seed <= RUNS; seed++) {
    const { problems } = runNetwork(drawNetwork(seed));
    if (problems.length > 0) failures.push(`seed ${seed}: ${problems.join("; ")}`);
  }
  expect(failures, "replay one with runNetwork(drawNetwork(seed))").toEqual([]);
});
