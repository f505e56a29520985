import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lia } from "../../../src/mptcp/congestion/index.ts";
import type { CongestionControl } from "../../../src/tcp/congestion/control.ts";
import { CouplingGroup } from "../../../src/tcp/congestion/coupling.ts";
import { cubic, cubicWith } from "../../../src/tcp/congestion/cubic.ts";
import { Dctcp, dctcp } from "../../../src/tcp/congestion/dctcp.ts";
import { newReno } from "../../../src/tcp/congestion/newreno.ts";
import { ack, avoidingContext, contextOf, lossOf, MILLISECOND, MSS, SECOND, timeoutOf } from "./ack-clock.ts";
import { CubicFormula, DctcpFormula, HyStartFormula, linkedIncrease, RenoFormula } from "./formulas.ts";
import type { Step } from "./formulas.ts";

const sizes = fc.array(fc.integer({ min: 1, max: 4 * MSS }), { minLength: 1, maxLength: 60 });
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: sizes.map((some): Step => ({ kind: "acks", sizes: some })) },
    { weight: 2, arbitrary: fc.double({ min: 0.1, max: 1, noNaN: true }).map((share): Step => ({ kind: "loss", share })) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }).map((consecutive): Step => ({ kind: "timeout", consecutive })) },
  ),
  { minLength: 1, maxLength: 40 },
);

/** Tells a controller and a formula of the same, and compares after each event. */
function stepReno(control: CongestionControl, formula: RenoFormula, run: readonly Step[]): void {
  const compare = (): void => expect([control.window, control.threshold]).toEqual([formula.cwnd, formula.ssthresh]);
  for (const step of run) {
    if (step.kind === "acks") {
      for (const size of step.sizes) {
        control.onAck(ack(size));
        formula.ack(size);
        compare();
      }
    } else if (step.kind === "loss") {
      const flight = Math.ceil(control.window * step.share);
      control.onLoss(lossOf(flight));
      formula.loss(flight);
      compare();
      control.onRecovered(Number.POSITIVE_INFINITY, 0);
    } else {
      const flight = control.window;
      for (let consecutive = 1; consecutive <= step.consecutive; consecutive++) {
        control.onTimeout(timeoutOf(flight, { consecutive }));
        formula.timeout(flight, consecutive === 1);
        compare();
      }
    }
  }
}

/** Windows are whole bytes in the one, fractions of segments in the other. */
function near(is: number, formula: number): void {
  if (!(Math.abs(is - formula) < 0.002 * formula + 0.01)) expect(is).toBe(formula);
}

describe("each controller, stepped against its formula", () => {
  test("NewReno: RFC 5681 §3.1, RFC 3465 §2", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 2, max: 60 }), (run, segments) => {
        stepReno(newReno.create(contextOf(segments)), new RenoFormula(segments * MSS, Number.POSITIVE_INFINITY, MSS), run);
      }),
      { seed: 11, numRuns: 100 },
    );
  });

  test("DCTCP: RFC 8257 §3.3 to §3.5", () => {
    const window = fc.record({ acks: fc.integer({ min: 1, max: 40 }), marks: fc.integer({ min: 0, max: 40 }), loss: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.array(window, { minLength: 1, maxLength: 60 }), (windows) => {
        const control = dctcp.create(avoidingContext(30)) as Dctcp;
        const formula = new DctcpFormula(30 * MSS, 30 * MSS, MSS);
        let una = 0;
        for (const { acks, marks, loss } of windows) {
          for (let i = 0; i < acks; i++) {
            una += MSS;
            const marked = i < marks ? MSS : 0;
            const nxt = una + Math.floor(control.window);
            const isFirst = i === 0 && marks > 0;
            control.onMarked({ acked: MSS, marked, isFirst, una, nxt, loss: lossOf(control.window) });
            formula.feedback(MSS, marked, una, nxt, isFirst, formula.cwnd);
            control.onAck(ack(MSS));
            formula.ack(MSS);
            expect([control.window, control.markedShare]).toEqual([formula.cwnd, formula.alpha]);
          }
          if (loss === 0) stepReno(control, formula, [{ kind: "loss", share: 1 }]);
        }
      }),
      { seed: 12, numRuns: 100 },
    );
  });

  test("CUBIC: RFC 9438 §4, with losses and timeouts", () => {
    const paces = fc.array(fc.record({ rounds: fc.integer({ min: 1, max: 30 }), perAck: fc.integer({ min: 1, max: 3 }), end: fc.constantFrom("loss", "loss", "loss", "timeout") }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(paces, fc.integer({ min: 4, max: 400 }), fc.integer({ min: 1, max: 300 }), (run, segments, ms) => {
        const control = cubicWith({ slowStartLimit: 1000 }).create(avoidingContext(segments));
        const formula = new CubicFormula(segments);
        let now = SECOND;
        for (const { rounds, perAck, end } of run) {
          for (let round = 0; round < rounds; round++) {
            const acks = Math.max(1, Math.floor(control.window / MSS / perAck));
            for (let i = 0; i < acks; i++) {
              now += Math.floor((ms * MILLISECOND) / acks);
              control.onAck(ack(perAck * MSS, { now, srtt: ms * MILLISECOND }));
              formula.ack(perAck, now / SECOND, ms / 1000);
              // Windows are whole bytes.
              near(control.window / MSS, formula.cwnd);
            }
          }
          if (end === "loss") {
            control.onLoss(lossOf(control.window, { now }));
            control.onRecovered(Number.POSITIVE_INFINITY, now);
            formula.loss();
          } else {
            control.onTimeout(timeoutOf(control.window, { now }));
            formula.timeout();
          }
          near(control.threshold / MSS, formula.ssthresh);
        }
      }),
      { seed: 13, numRuns: 60 },
    );
  });

  test("HyStart++: RFC 9406 §4.2", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 20, max: 90 }), { minLength: 6, maxLength: 14 }), fc.integer({ min: 4, max: 20 }), (rounds, segments) => {
        const control = cubic.create(contextOf(segments, { isPaced: true }));
        const formula = new HyStartFormula(segments * MSS);
        let una = 0;
        let nxt = segments * MSS;
        for (const rtt of rounds) {
          const end = nxt;
          for (let i = 0; una < end && formula.ssthresh === Number.POSITIVE_INFINITY && formula.cwnd < 400 * MSS; i++) {
            // Some jitter upwards, as of a queue.
            const latest = rtt + (i % 5);
            const inFlight = nxt - una;
            una += MSS;
            control.onAck(ack(MSS, { priorInFlight: inFlight, latestRtt: latest * MILLISECOND }));
            formula.ack(MSS, nxt, latest);
            nxt = una + formula.cwnd;
            if (control.window !== formula.cwnd || control.threshold !== formula.ssthresh) expect([control.window, control.threshold]).toEqual([formula.cwnd, formula.ssthresh]);
          }
        }
      }),
      { seed: 14, numRuns: 100 },
    );
  });

  test("LIA: RFC 6356 §3, over losses on each subflow", () => {
    const path = fc.record({ segments: fc.integer({ min: 4, max: 60 }), rtt: fc.integer({ min: 5, max: 300 }) });
    fc.assert(
      fc.property(fc.array(path, { minLength: 1, maxLength: 4 }), fc.array(fc.record({ at: fc.nat(), acks: fc.integer({ min: 1, max: 60 }), loss: fc.integer({ min: 0, max: 4 }) }), { maxLength: 150 }), (paths, run) => {
        const group = new CouplingGroup();
        const controls = paths.map(({ segments }) => lia.create(avoidingContext(segments, { group })));
        const rtts = paths.map(({ rtt }) => rtt * MILLISECOND);
        controls.forEach((control, i) => control.onAck(ack(0, { srtt: rtts[i] as number })));
        // What the formula adds, to what the controllers have added.
        const owed = controls.map(() => 0);
        for (const { at, acks, loss } of run) {
          const index = at % controls.length;
          const control = controls[index] as CongestionControl;
          for (let i = 0; i < acks; i++) {
            const windows = controls.map((one) => one.window);
            owed[index] = (owed[index] as number) + linkedIncrease(MSS, control.window, MSS, windows, rtts);
            const before = control.window;
            control.onAck(ack(MSS, { srtt: rtts[index] as number }));
            owed[index] = (owed[index] as number) - (control.window - before);
          }
          if (loss > 0) continue;
          const { window } = control;
          control.onLoss(lossOf(window));
          expect(control.window).toBe(Math.max(Math.floor(window / 2), 2 * MSS));
          control.onRecovered(Number.POSITIVE_INFINITY, 0);
        }
        // It grows by whole segments, whose price changes with the windows.
        for (const bytes of owed) expect(Math.abs(bytes)).toBeLessThan(3 * MSS);
      }),
      { seed: 15, numRuns: 200 },
    );
  });
});
