import { expect, it } from "vitest";
import { captureTarget } from "../../../../bench/src/fuzz/capture.ts";

it("the reader survives damaged files", () => {
  const run = captureTarget.start(20_250_101);
  for (let index = 0; index < 10_000; index++) run.step(index);
  for (const outcome of ["packet", "problem: truncated", "problem: bad_block_length", "problem: unknown_interface"]) {
    expect(run.outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(10);
  }
});
