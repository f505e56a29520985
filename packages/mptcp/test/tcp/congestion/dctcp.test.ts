import { describe, expect, test } from "vitest";
import { Dctcp, dctcp, dctcpWith } from "../../../src/tcp/congestion/dctcp.ts";
import type { MarkEvent } from "../../../src/tcp/congestion/control.ts";
import { ack, avoidingContext, contextOf, lossOf, MSS } from "./ack-clock.ts";

const inAvoidance = (segments: number): Dctcp => dctcp.create(avoidingContext(segments)) as Dctcp;

function marks(control: Dctcp, fields: Partial<MarkEvent>): void {
  control.onMarked({ acked: MSS, marked: 0, isFirst: false, una: 0, nxt: 0, loss: lossOf(control.window), ...fields });
}

/** A window of 10 segments is acknowledged, of which the first `marked` were marked. @param start offset of its first byte */
function observe(control: Dctcp, start: number, marked: number): void {
  for (let i = 1; i <= 10; i++) {
    marks(control, { una: start + i * MSS, nxt: start + 10 * MSS + i * MSS, marked: i <= marked ? MSS : 0, isFirst: i === 1 && marked > 0 });
  }
}

describe("DCTCP (RFC 8257 §3.3)", () => {
  test("begins with alpha 1, so that the first mark halves the window", () => {
    const control = inAvoidance(40);
    marks(control, { una: MSS, nxt: 40 * MSS, marked: MSS, isFirst: true });
    expect(control.window).toBe(20 * MSS);
    expect(control.threshold).toBe(20 * MSS);
  });

  test("takes the share of marked bytes into alpha once per window of data, with a weight of 1/16", () => {
    const control = inAvoidance(10);
    // DCTCP.WindowEnd is SND.UNA at first: the first ACK is a window of its own.
    marks(control, { una: MSS, nxt: 11 * MSS, marked: MSS });
    expect(control.markedShare).toBe(1);
    for (let i = 2; i <= 11; i++) marks(control, { una: i * MSS, nxt: (i + 10) * MSS });
    // Up to 10 segments are not beyond the window's end: it ends with what is acknowledged next.
    expect(control.markedShare).toBe(1);
    marks(control, { una: 11 * MSS + 1, nxt: 21 * MSS, acked: 1, marked: 0 });
    expect(control.markedShare).toBeCloseTo(15 / 16, 12);
    // 3 of 10 segments.
    for (let i = 12; i <= 21; i++) marks(control, { una: i * MSS, nxt: (i + 10) * MSS, marked: i < 15 ? MSS : 0 });
    marks(control, { una: 22 * MSS, nxt: 32 * MSS, acked: 0 });
    expect(control.markedShare).toBeCloseTo((15 / 16) * (15 / 16) + 0.3 / 16, 12);
  });

  test("lowers the window by half of alpha", () => {
    const control = inAvoidance(100);
    // 40 windows without a mark: alpha is (15/16)^40.
    for (let i = 1; i <= 40; i++) marks(control, { una: 10 * i * MSS + 1, nxt: 10 * (i + 1) * MSS });
    const alpha = (15 / 16) ** 40;
    expect(control.markedShare).toBeCloseTo(alpha, 12);
    marks(control, { una: 500 * MSS, nxt: 500 * MSS, acked: 0, marked: MSS, isFirst: true });
    expect(control.window).toBe(Math.floor(100 * MSS * (1 - control.markedShare / 2)));
    // What follows in the same window of data lowers it no further.
    const { window } = control;
    marks(control, { una: 500 * MSS, nxt: 500 * MSS, marked: MSS });
    expect(control.window).toBe(window);
  });

  test("goes down to two segments at the least", () => {
    const control = inAvoidance(3);
    marks(control, { una: MSS, nxt: 3 * MSS, marked: MSS, isFirst: true });
    expect(control.window).toBe(2 * MSS);
  });

  test("grows, and answers losses, as standard TCP (§3.4, §3.5)", () => {
    const control = inAvoidance(10);
    for (let i = 0; i < 10; i++) control.onAck(ack(MSS));
    expect(control.window).toBe(11 * MSS);
    control.onLoss(lossOf(10 * MSS));
    expect(control.window).toBe(5 * MSS);
    const fresh = dctcp.create(contextOf(10));
    fresh.onAck(ack(MSS));
    expect(fresh.window).toBe(11 * MSS);
  });

  test("a loss that was none gives the window back, and leaves what is known of marks since", () => {
    const control = inAvoidance(20);
    marks(control, { una: 0, nxt: 10 * MSS });
    control.onLoss(lossOf(20 * MSS));
    marks(control, { una: 11 * MSS, nxt: 21 * MSS });
    marks(control, { una: 22 * MSS, nxt: 32 * MSS });
    expect(control.markedShare).toBeCloseTo((15 / 16) ** 2, 12);
    control.onSpurious(false, 0, Number.POSITIVE_INFINITY);
    expect([control.window, control.markedShare]).toEqual([20 * MSS, expect.closeTo((15 / 16) ** 2, 12)]);
    // The window of observation is the present one.
    marks(control, { una: 32 * MSS, nxt: 42 * MSS, marked: MSS });
    expect(control.markedShare).toBeCloseTo((15 / 16) ** 2, 12);
  });

  test("remembers all of it in its snapshot", () => {
    const control = inAvoidance(10);
    marks(control, { una: 0, nxt: 10 * MSS });
    observe(control, 5 * MSS, 3);
    const copy = inAvoidance(10);
    copy.restore(control.snapshot(0), 0);
    for (const one of [control, copy]) observe(one, 15 * MSS, 2);
    expect([copy.markedShare, copy.window]).toEqual([control.markedShare, control.window]);
  });

  test("takes another weight, and refuses one that is none", () => {
    const control = dctcpWith({ gain: 0.5 }).create(avoidingContext(10)) as Dctcp;
    marks(control, { una: 11 * MSS, nxt: 20 * MSS });
    expect(control.markedShare).toBe(0.5);
    expect(() => dctcpWith({ gain: 0 })).toThrow("gain: 0");
  });
});
