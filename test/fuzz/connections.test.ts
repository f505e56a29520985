import { expect, test } from "vitest";
import { Campaign } from "../../bench/src/fuzz/connections/campaign.ts";

const PACKETS = 100_000;

test("whole connections under 100,000 packets from off the path, from the path and from the peer: no exception, storm, wrong byte or end from off the path, nothing left", () => {
  const campaign = new Campaign({ seed: 1, packets: PACKETS });
  while (campaign.goesOn) campaign.step();
  expect(campaign.failures, "npm run fuzz:connections -- --seed 1 --run <index> --shrink --out out/fuzz").toEqual([]);
  // The attack got somewhere: connections in every state were met, by all kinds of packets where there is time for that.
  expect(campaign.coverage.states.map((state) => state.split(" ")[0])).toEqual(
    expect.arrayContaining(["none", "listening", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"]),
  );
  for (const state of ["SYN-RECEIVED", "ESTABLISHED", "ESTABLISHED join", "ESTABLISHED plain", "ESTABLISHED regular", "CLOSE-WAIT plain", "TIME-WAIT"]) {
    expect(campaign.coverage.missing(state), state).toEqual([]);
  }
  expect(campaign.most.subflows).toBeGreaterThan(2);
  expect(campaign.most.pendingJoins).toBeGreaterThan(0);
});
