import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { congestionControls } from "../../../src/mptcp/congestion/index.ts";
import type { CongestionControl, CongestionControlFactory } from "../../../src/tcp/index.ts";
import { CouplingGroup } from "../../../src/tcp/index.ts";
import { ack, contextOf, lossOf, MILLISECOND, MSS, SECOND, timeoutOf } from "../../tcp/congestion/ack-clock.ts";

/** Something that happens to one of two subflows. */
interface Happening {
  readonly subflow: 0 | 1;
  readonly what: "ack" | "idle" | "loss" | "recovered" | "timeout" | "penalty";
  readonly segments: number;
  readonly rtt: number;
  /** ms */
  readonly after: number;
}

const happening: fc.Arbitrary<Happening> = fc.record({
  subflow: fc.constantFrom(0, 1),
  what: fc.oneof({ arbitrary: fc.constant("ack" as const), weight: 12 }, { arbitrary: fc.constantFrom("idle", "loss", "recovered", "timeout", "penalty"), weight: 1 }),
  segments: fc.integer({ min: 1, max: 30 }),
  rtt: fc.integer({ min: 10, max: 60 }),
  after: fc.integer({ min: 0, max: 40 }),
});

function pairOf(factory: CongestionControlFactory): readonly CongestionControl[] {
  const group = new CouplingGroup();
  return [factory.create(contextOf(10, { group })), factory.create(contextOf(4, { group }))];
}

/** Lets everything happen, from `now` on. @returns the time after it, and the windows after each step */
function play(controls: readonly CongestionControl[], story: readonly Happening[], now: number): { readonly now: number; readonly windows: readonly number[] } {
  const windows: number[] = [];
  const delivered = [0, 0];
  let at = now;
  for (const { subflow, what, segments, rtt, after } of story) {
    at += after * MILLISECOND;
    const control = controls[subflow] as CongestionControl;
    const times = { srtt: rtt * MILLISECOND, now: at };
    if (what === "ack" || what === "idle") {
      const [acked, priorDelivered] = [segments * MSS, delivered[subflow] as number];
      delivered[subflow] = priorDelivered + acked;
      const sample = {
        hasRate: true, rate: (acked * 1000) / rtt, delivered: acked, interval: times.srtt, priorDelivered, totalDelivered: priorDelivered + acked, appLimited: what === "idle",
        newlyDelivered: acked, newlyLost: 0, lost: 0, inFlightThen: control.window, inFlight: Math.max(0, control.window - acked),
      };
      control.onAck(ack(acked, { ...times, latestRtt: times.srtt, priorInFlight: control.window, cwndLimited: what === "ack", sample }));
    } else if (what === "loss") {
      control.onSegmentLost({ bytes: MSS, lost: segments * MSS, inFlightThen: control.window, appLimited: false, totalDelivered: delivered[subflow] as number });
      control.onLoss(lossOf(control.window, times));
    } else if (what === "recovered") control.onRecovered(Number.POSITIVE_INFINITY, at);
    else if (what === "timeout") control.onTimeout(timeoutOf(control.window, times));
    else control.onPenalty(Math.max(MSS, Math.floor(control.window / 2)), at);
    windows.push(control.window, control.threshold, control.pacingRate ?? 0);
  }
  return { now: at, windows };
}

describe.each(Object.values(congestionControls).map((factory) => [factory.name, factory] as const))("%s", (_, factory) => {
  test("goes on from saved state as if nothing had been, on another clock too", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), fc.array(happening, { minLength: 20, maxLength: 60 }), (before, after) => {
        const first = pairOf(factory);
        const { now } = play(first, before, SECOND);
        const saved = JSON.parse(JSON.stringify(first.map((control) => control.snapshot(now)))) as ReturnType<CongestionControl["snapshot"]>[];
        const second = pairOf(factory);
        const restart = 7000 * SECOND;
        second.forEach((control, i) => control.restore(saved[i] ?? {}, restart));
        expect(second.map(({ window, threshold }) => [window, threshold])).toEqual(first.map(({ window, threshold }) => [window, threshold]));
        expect(play(second, after, restart).windows).toEqual(play(first, after, now).windows);
      }),
      { seed: 17, numRuns: 150 },
    );
  });

  test("refuses what it never saved", () => {
    const control = factory.create(contextOf(10));
    const saved = control.snapshot(0);
    for (const name of Object.keys(saved)) {
      const { [name]: _lost, ...rest } = saved;
      for (const state of [rest, { ...saved, [name]: "?" }]) {
        expect(() => factory.create(contextOf(10)).restore(state, 0), name).toThrow(expect.objectContaining({ code: "ERR_MPTCP_STATE" }));
      }
    }
  });
});
