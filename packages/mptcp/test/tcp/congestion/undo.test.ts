import { describe, expect, test } from "vitest";
import type { PlainObject } from "../../../src/core/index.ts";
import { congestionControls } from "../../../src/mptcp/index.ts";
import { cubic } from "../../../src/tcp/congestion/cubic.ts";
import { newReno } from "../../../src/tcp/congestion/newreno.ts";
import type { CongestionControl, CongestionControlFactory } from "../../../src/tcp/index.ts";
import { LossBasedControl } from "../../../src/tcp/index.ts";
import { ack, AckClock, avoidingContext, contextOf, lossOf, MILLISECOND, MSS, SECOND, timeoutOf } from "./ack-clock.ts";

const NO_LIMIT = Number.POSITIVE_INFINITY;

/** What it remembers, but for what it could go back to. */
function stateOf(control: CongestionControl, now: number): PlainObject {
  const { prior: _prior, ...state } = control.snapshot(now);
  return state;
}

/** In congestion avoidance for some round trips. */
function grown(factory: CongestionControlFactory): CongestionControl {
  const control = factory.create(avoidingContext(20));
  new AckClock(control, 100 * MILLISECOND).rounds(12);
  return control;
}

const LOSS_BASED = Object.values(congestionControls).filter((factory) => factory.create(contextOf()) instanceof LossBasedControl);

describe.each(LOSS_BASED.map((factory) => [factory.name, factory] as const))("%s goes back to what it was (RFC 4015 §3.1, RFC 9438 §4.9)", (_, factory) => {
  const now = 2 * SECOND;

  test.each([
    ["a loss", (control: CongestionControl) => control.onLoss(lossOf(control.window, { now }))],
    ["timeouts in a row", (control: CongestionControl) => [1, 2, 3].forEach((consecutive) => control.onTimeout(timeoutOf(control.window, { consecutive, now: now + consecutive })))],
  ])("after %s", (_name, lose) => {
    const control = grown(factory);
    const before = { state: stateOf(control, now), window: control.window, threshold: control.threshold };
    lose(control);
    expect(control.window).toBeLessThan(before.window);
    control.onSpurious(false, now + SECOND, NO_LIMIT);
    expect([control.window, control.threshold]).toEqual([before.window, before.threshold]);
    expect(stateOf(control, now)).toEqual(before.state);
    // Once.
    control.onPenalty(MSS, now + SECOND);
    control.onSpurious(false, now + SECOND, NO_LIMIT);
    expect(control.window).toBe(MSS);
  });

  test("by slow start where a burst would leave", () => {
    const control = grown(factory);
    const { window } = control;
    control.onTimeout(timeoutOf(window, { now }));
    control.onSpurious(true, now + SECOND, 5 * MSS);
    expect(control.window).toBe(5 * MSS);
    expect(control.threshold).toBe(Math.max(window, control.threshold));
    control.onAck(ack(MSS, { now: now + SECOND }));
    expect(control.window).toBe(6 * MSS);
  });

  test("not where the window has become as large meanwhile, and never down", () => {
    const control = factory.create(contextOf(10));
    control.onLoss(lossOf(10 * MSS, { now: 0 }));
    new AckClock(control, 100 * MILLISECOND).rounds(100);
    const { window, threshold } = control;
    expect(window).toBeGreaterThan(10 * MSS);
    control.onSpurious(false, 20 * SECOND, NO_LIMIT);
    expect([control.window, control.threshold]).toEqual([window, threshold]);
  });

  test("also when it was saved and restored in between, on another clock", () => {
    const control = grown(factory);
    const { window } = control;
    control.onLoss(lossOf(window, { now }));
    const state = JSON.parse(JSON.stringify(control.snapshot(now + SECOND))) as PlainObject;
    const other = factory.create(avoidingContext(20));
    other.restore(state, 900 * SECOND);
    control.onSpurious(false, now + SECOND, NO_LIMIT);
    other.onSpurious(false, 900 * SECOND, NO_LIMIT);
    expect(other.window).toBe(window);
    expect(stateOf(other, 900 * SECOND)).toEqual(stateOf(control, now + SECOND));
  });
});

describe("what is not the loss's doing stays", () => {
  test("a penalty", () => {
    const control = newReno.create(contextOf(20));
    control.onLoss(lossOf(20 * MSS));
    control.onPenalty(4 * MSS, SECOND);
    control.onSpurious(false, SECOND, NO_LIMIT);
    expect(control.window).toBe(4 * MSS);
  });

  test("a pause that took from the window", () => {
    const control = cubic.create(contextOf(20));
    control.onLoss(lossOf(20 * MSS));
    control.onIdleRestart(SECOND, SECOND, 2 * MSS);
    control.onSpurious(false, SECOND, NO_LIMIT);
    expect(control.window).toBe(2 * MSS);
  });

  test("no loss at all", () => {
    const control = cubic.create(contextOf(20));
    control.onSpurious(false, SECOND, NO_LIMIT);
    expect(control.window).toBe(20 * MSS);
  });
});
