import { describe, expect, it } from "vitest";
import { wireTarget } from "../../../../bench/src/fuzz/wire.ts";
import { DROP_REASONS } from "../../src/wire/index.ts";

/** The first cases of the fuzzer, which `npm run fuzz` continues. */
describe("the decoder under damaged octets", () => {
  it("never throws, and what it accepts stays as it is", () => {
    const run = wireTarget.start(20_250_101);
    for (let index = 0; index < 100_000; index++) run.step(index);
    // The run reached everything there is to reach.
    for (const reason of DROP_REASONS) expect(run.outcomes.get(reason) ?? 0, reason).toBeGreaterThan(0);
    for (const kind of ["valid", "decoded TCP", "decoded ICMP", "decoded other", "ICMP error with quote", "dss", "mp_capable", "mptcp_unknown"]) {
      expect(run.outcomes.get(kind) ?? 0, kind).toBeGreaterThan(10);
    }
  });

  it("meets the same cases for the same seed", () => {
    const outcomes = [1, 2].map(() => {
      const run = wireTarget.start(7);
      for (let index = 500; index < 1500; index++) run.step(index);
      return [...run.outcomes];
    });
    expect(outcomes[0]).toEqual(outcomes[1]);
  });
});
