import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Bbr } from "../../../src/tcp/index.ts";
import type { RateSample } from "../../../src/tcp/index.ts";
import { ack, contextOf, MILLISECOND, MSS, SECOND } from "./ack-clock.ts";
import { BbrDraft } from "./bbr-draft.ts";

/** A round trip of ACKs: what it delivers per second, how long it is in ms, how much is in flight, and how much of that is lost, each as a share. */
const round = fc.record({
  rate: fc.double({ min: 0.3, max: 1.6, noNaN: true }),
  rtt: fc.integer({ min: 90_000, max: 130_000 }),
  inFlight: fc.double({ min: 0.3, max: 3, noNaN: true }),
  lost: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.double({ min: 0.001, max: 0.08, noNaN: true }) }),
  cwndLimited: fc.boolean(),
  appLimited: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  times: fc.integer({ min: 1, max: 12 }),
});

const NAMES = { startup: "Startup", drain: "Drain", down: "ProbeBW_DOWN", cruise: "ProbeBW_CRUISE", refill: "ProbeBW_REFILL", up: "ProbeBW_UP", "probe-rtt": "ProbeRTT" } as const;

test("BBR goes from state to state, and has the window and the rate, of the draft's pseudocode at each ACK", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(round, { minLength: 10, maxLength: 60 }), (rounds) => {
      let now = SECOND;
      const control = new Bbr(contextOf(10, { srtt: 100 * MILLISECOND, now }));
      const draft = new BbrDraft(10 * MSS, MSS, 0.1, now / SECOND, () => {
        // What is left to chance.
        const { machine, model } = control as unknown as { machine: { probeWait: number }; model: { roundsSinceProbe: number } };
        return { wait: machine.probeWait / SECOND, rounds: model.roundsSinceProbe };
      });
      let delivered = 0;
      let lost = 0;
      const compare = (): void => {
        seen.add(draft.state);
        const same = NAMES[control.state as keyof typeof NAMES] === draft.state && isNear(control.window, draft.cwnd) && isNear(control.pacingRate, draft.pacing_rate);
        if (!same) expect([NAMES[control.state as keyof typeof NAMES], control.window, control.pacingRate]).toEqual([draft.state, draft.cwnd, draft.pacing_rate]);
      };
      for (const { rate, rtt, inFlight, lost: share, cwndLimited, appLimited, times } of rounds) {
        for (let i = 0; i < times; i++) {
          const start = { delivered, lost };
          const bytes = Math.max(1, Math.round((rate * RATE * rtt) / 1e6 / ACKS));
          const flight = inFlight * BDP;
          for (let each = 0; each < ACKS; each++) {
            now += Math.round((rtt * 1000) / ACKS);
            const newlyLost = each === 1 ? share * flight : 0;
            if (newlyLost > 0) {
              lost += newlyLost;
              const segment = { bytes: newlyLost, lost: lost - start.lost, inFlightThen: flight, appLimited, totalDelivered: delivered };
              control.onSegmentLost(segment);
              // Losses come without a time: that of the ACK before.
              draft.onLost(segment, (now - Math.round((rtt * 1000) / ACKS)) / SECOND);
            }
            delivered += bytes;
            const sample: RateSample = {
              hasRate: true, rate: rate * RATE, delivered: bytes * ACKS, interval: rtt * 1000, priorDelivered: start.delivered, totalDelivered: delivered, appLimited,
              newlyDelivered: bytes, newlyLost, lost: lost - start.lost, inFlightThen: flight, inFlight: flight * (0.9 + 0.02 * each),
            };
            control.onAck(ack(bytes, { now, srtt: rtt * 1000, minRtt: rtt * 1000, latestRtt: rtt * 1000, cwndLimited, sample }));
            draft.onAck(sample, rtt / 1e6, cwndLimited, now / SECOND);
            compare();
          }
        }
      }
    }),
    { seed: 21, numRuns: 150 },
  );
  expect([...seen].toSorted()).toEqual(Object.values(NAMES).toSorted());
});

function isNear(is: number, formula: number): boolean {
  return Math.abs(is - formula) <= 1e-6 * formula;
}

const ACKS = 5;
/** 20 segments fill the path. */
const RATE = 200_000;
const BDP = 20 * MSS;
