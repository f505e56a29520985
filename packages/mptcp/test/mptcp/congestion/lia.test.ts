import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { congestionControl, congestionControls, coupled, lia, liaFixedPoint } from "../../../src/mptcp/congestion/index.ts";
import type { CongestionControl, CongestionControlFactory, CouplingMember } from "../../../src/tcp/index.ts";
import { CouplingGroup, CouplingRule, newReno } from "../../../src/tcp/index.ts";
import { ack, avoidingContext, contextOf, lossOf, MILLISECOND, MSS, SECOND, timeoutOf } from "../../tcp/congestion/ack-clock.ts";
import { LossyNetwork, sharesOfBottleneck } from "./lossy-network.ts";

/** Subflows in congestion avoidance with windows in segments and round-trip times in ms, one quiet acknowledgment behind them. */
function subflows(congestion: CongestionControlFactory, paths: readonly (readonly [number, number, number?])[]): CongestionControl[] {
  const group = new CouplingGroup();
  const controls = paths.map(([segments, , mss = MSS]) => congestion.create(avoidingContext(segments, { mss, group })));
  controls.forEach((control, i) => {
    const [, rtt] = paths[i] as readonly [number, number];
    control.onAck(ack(0, { srtt: rtt * MILLISECOND }));
  });
  return controls;
}

/** Bytes that have to be acknowledged until the window grows, `each` of them at a time. */
function bytesUntilGrowth(control: CongestionControl, rtt: number, each = 1): number {
  const before = control.window;
  let bytes = 0;
  while (control.window === before) {
    control.onAck(ack(each, { srtt: rtt * MILLISECOND }));
    bytes += each;
  }
  return bytes;
}

describe("the increase of RFC 6356 (1)", () => {
  test("is that of TCP for a lone subflow", () => {
    const [control] = subflows(lia, [[20, 50]]);
    expect(bytesUntilGrowth(control as CongestionControl, 50)).toBe(20 * MSS);
  });

  test("is alpha * acked * mss / total where that is less than TCP's", () => {
    // Equal paths: alpha = total * (w / r^2) / (2 w / r)^2 = 1/2, so a segment per total / alpha = 4 w bytes.
    const [control] = subflows(lia, [[20, 50], [20, 50]]);
    expect(bytesUntilGrowth(control as CongestionControl, 50)).toBe(80 * MSS);
  });

  test("follows RFC 6356 (2) for unequal paths and never exceeds TCP's", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 1, max: 400 })), { minLength: 1, maxLength: 4 }),
        (paths) => {
          const control = subflows(lia, paths)[0] as CongestionControl;
          const total = paths.reduce((sum, [w]) => sum + w, 0);
          const best = Math.max(...paths.map(([w, r]) => w / r ** 2));
          const alpha = (total * best) / paths.reduce((sum, [w, r]) => sum + w / r, 0) ** 2;
          const [own, rtt] = paths[0] as [number, number];
          const expected = Math.max((total / alpha) * MSS, own * MSS);
          fc.pre(expected < 500_000);
          expect(Math.abs(bytesUntilGrowth(control, rtt) - expected)).toBeLessThanOrEqual(1.001);
        },
      ),
      { seed: 3, numRuns: 60 },
    );
  });

  test("counts windows in bytes when segment sizes differ", () => {
    const [small] = subflows(lia, [[40, 50, 500], [20, 50, 1000]]);
    expect(bytesUntilGrowth(small as CongestionControl, 50)).toBe(80_000);
  });
});

describe("the sum over the subflows", () => {
  test("leaves out those without a round-trip time", () => {
    const group = new CouplingGroup();
    const control = lia.create(avoidingContext(20, { group }));
    lia.create(contextOf(20, { group }));
    expect(bytesUntilGrowth(control, 50)).toBe(20 * MSS);
  });

  test("leaves out those that are released, and those long idle", () => {
    const [first, second] = subflows(lia, [[20, 50], [20, 50]]) as [CongestionControl, CongestionControl];
    second.release();
    expect(bytesUntilGrowth(first, 50)).toBe(20 * MSS);
    const [active] = subflows(lia, [[20, 50], [20, 50]]) as [CongestionControl];
    active.onAck(ack(20 * MSS, { now: 10 * SECOND, srtt: 50 * MILLISECOND }));
    expect(active.window).toBe(21 * MSS);
  });

  test("takes ssthresh for a subflow in recovery, and the flight of one that does not fill its window", () => {
    const [first, second] = subflows(lia, [[20, 50], [20, 50]]) as [CongestionControl, CongestionControl];
    second.onLoss(lossOf(20 * MSS));
    // (20 + 10)^2 / 20 segments.
    expect(Math.abs(bytesUntilGrowth(first, 50) - 45 * MSS)).toBeLessThanOrEqual(1);
    second.onRecovered(Number.POSITIVE_INFINITY, 0);
    second.onAck(ack(MSS, { cwndLimited: false, priorInFlight: 5 * MSS, srtt: 50 * MILLISECOND }));
    first.onPenalty(20 * MSS, 0);
    // (20 + 5)^2 / 20 segments.
    expect(Math.abs(bytesUntilGrowth(first, 50) - 31_250)).toBeLessThanOrEqual(1);
  });

  test("is a connection's own", () => {
    const [first] = subflows(lia, [[20, 50]]);
    subflows(lia, [[20, 50], [20, 50]]);
    expect(bytesUntilGrowth(first as CongestionControl, 50)).toBe(20 * MSS);
  });
});

describe("the rest is TCP", () => {
  test("slow start, loss and timeout are those of NewReno", () => {
    const group = new CouplingGroup();
    const control = lia.create(contextOf(10, { group }));
    lia.create(contextOf(10, { group }));
    for (let i = 0; i < 10; i++) control.onAck(ack(MSS));
    expect(control.window).toBe(20 * MSS);
    control.onLoss(lossOf(20 * MSS));
    expect(control.threshold).toBe(10 * MSS);
    control.onTimeout(timeoutOf(8 * MSS));
    expect(control.threshold).toBe(4 * MSS);
    expect(control.window).toBe(MSS);
  });

  test("every choice is listed under a name and makes a controller", () => {
    for (const [name, congestion] of Object.entries(congestionControls)) {
      expect([congestion.name, congestion.create(contextOf(10)).name]).toEqual([name, name]);
    }
  });

  test("every choice can be made again from its name and its parameters as JSON", () => {
    for (const congestion of [...Object.values(congestionControls), congestionControl("lia", { slowStartLimit: 1 }), congestionControl("cubic", { hyStart: false })]) {
      const { name, parameters } = JSON.parse(JSON.stringify(congestion)) as CongestionControlFactory;
      expect(congestionControl(name, parameters)).toMatchObject({ name: congestion.name, parameters: congestion.parameters });
    }
    const slow = congestionControl("lia", { slowStartLimit: 1 }).create(contextOf(10));
    slow.onAck(ack(5 * MSS));
    expect(slow.window).toBe(11 * MSS);
  });

  test("what cannot be made is refused", () => {
    for (const [name, parameters] of [["vegas", {}], ["toString", {}], ["reno", { hyStart: true }], ["cubic", { hyStart: 1 }], ["lia", { slowStartLimit: 0 }]] as const) {
      expect(() => congestionControl(name, parameters), name).toThrow(expect.objectContaining({ code: "ERR_MPTCP_PARAMETER" }));
    }
  });

  test("another formula is a rule with one method", () => {
    class Shared extends CouplingRule {
      readonly name = "shared";
      bytesPerSegment({ group, now }: CouplingMember): number {
        return group.members.reduce((sum, member) => sum + member.window(now), 0);
      }
    }
    const controls = subflows(coupled(() => new Shared()), [[20, 50], [30, 50]]);
    expect(bytesUntilGrowth(controls[0] as CongestionControl, 50)).toBe(50 * MSS);
  });
});

describe("the fixed-point form", () => {
  test("agrees with the exact one within its resolution", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 5, max: 60 }), fc.integer({ min: 5, max: 200 })), { minLength: 1, maxLength: 4 }),
        (paths) => {
          const rtt = (paths[0] as [number, number])[1];
          const exact = subflows(lia, paths)[0] as CongestionControl;
          const fixed = subflows(liaFixedPoint, paths)[0] as CongestionControl;
          const expected = bytesUntilGrowth(exact, rtt, 20);
          fc.pre(expected < 500_000);
          // Alpha has 12 fractional bits, and the window in segments is rounded down.
          const total = paths.reduce((sum, [w]) => sum + w, 0);
          const alpha = (total * MSS) / expected;
          const tolerance = expected * (2 / (alpha * 4096) + 0.004) + MSS;
          expect(Math.abs(bytesUntilGrowth(fixed, rtt, 20) - expected)).toBeLessThanOrEqual(tolerance);
        },
      ),
      { seed: 4, numRuns: 60 },
    );
  });

  test("copes with windows beyond 2^16 segments", () => {
    const [exact] = subflows(lia, [[200_000, 100], [300_000, 20]]);
    const [fixed] = subflows(liaFixedPoint, [[200_000, 100], [300_000, 20]]);
    for (const control of [exact, fixed]) {
      for (let i = 0; i < 100; i++) (control as CongestionControl).onAck(ack(10_000 * MSS, { srtt: 100 * MILLISECOND }));
    }
    expect(Math.abs((fixed as CongestionControl).window - (exact as CongestionControl).window)).toBeLessThanOrEqual(MSS);
  });
});

describe("the goals of RFC 6356 §1, on paths of given loss rates", () => {
  const TCP = newReno;

  test("1: the connection gets what TCP would get on the best path", () => {
    for (const paths of [
      [{ rtt: 50, loss: 0.001 }, { rtt: 50, loss: 0.001 }],
      [{ rtt: 20, loss: 0.004 }, { rtt: 200, loss: 0.0005 }],
      [{ rtt: 100, loss: 0.0005 }, { rtt: 30, loss: 0.005 }, { rtt: 60, loss: 0.002 }],
    ]) {
      const best = Math.max(...paths.map((path) => new LossyNetwork(TCP, [path], 11).run(1200).total));
      const { total } = new LossyNetwork(lia, paths, 11).run(1200);
      expect(total / best, JSON.stringify(paths)).toBeGreaterThan(0.85);
      expect(total / best, JSON.stringify(paths)).toBeLessThan(1.2);
    }
  });

  test("2: no subflow takes more than TCP would on its path", () => {
    const paths = [{ rtt: 20, loss: 0.004 }, { rtt: 200, loss: 0.0005 }];
    const { rates } = new LossyNetwork(lia, paths, 12).run(1200);
    paths.forEach((path, i) => {
      const alone = new LossyNetwork(TCP, [path], 12).run(1200).total;
      expect((rates[i] as number) / alone).toBeLessThan(1.05);
    });
  });

  test("2: all subflows together take no more than TCPs at a shared bottleneck", () => {
    for (const count of [2, 4]) {
      const [linked] = sharesOfBottleneck([[lia, count], [TCP, 1], [TCP, 1]], 400, 40_000, 13) as [number];
      const [separate] = sharesOfBottleneck([[TCP, count], [TCP, 1], [TCP, 1]], 400, 40_000, 13) as [number];
      // A little above: formula (2) takes the greatest of the windows, and at any moment one of them is near its peak.
      expect(linked, `${count} subflows`).toBeLessThan(1.2 / 3);
      expect(linked, `${count} subflows`).toBeGreaterThan(0.8 / 3);
      expect(separate).toBeGreaterThan((0.9 * count) / (count + 2));
    }
  });

  test("3: traffic moves away from the more congested path", () => {
    const paths = [{ rtt: 50, loss: 0.0005 }, { rtt: 50, loss: 0.005 }];
    const linked = new LossyNetwork(lia, paths, 14).run(1200).rates as [number, number];
    const separate = new LossyNetwork(TCP, paths, 14).run(1200).rates as [number, number];
    // Windows are as 1/p for LIA and as 1/sqrt(p) for TCP.
    expect(linked[1] / linked[0]).toBeLessThan(0.6 * (separate[1] / separate[0]));
  });
});
