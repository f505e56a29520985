import type { PlainObject } from "../core/index.ts";
import type { AckEvent, CongestionContext, CongestionControl, CongestionControlFactory, LossEvent, LostSegment, MarkEvent, SentEvent } from "../tcp/index.ts";
import type { CongestionRule, Problem } from "./congestion-rules.ts";

/** One call to a controller, and what it said afterwards. */
export interface Step {
  /** Makes the same call, on a clock that is `shift` ns ahead. */
  readonly call: (control: CongestionControl, shift: number) => void;
  /** ns */
  readonly now: number;
  readonly window: number;
  readonly threshold: number;
  readonly pacingRate: number | null;
}

/** What {@link watched} saw of all controllers that it made. */
export class Watch {
  /** What was wrong, each rule once. */
  private readonly problems = new Map<CongestionRule, string>();
  /** By controller: the context, and the calls in order. */
  readonly contexts: CongestionContext[] = [];
  readonly traces: Step[][] = [];
  /** Names of the methods that were called. */
  readonly called = new Set<string>();
  /** A controller gave a pacing rate. */
  isPaced = false;
  private readonly bound: number;

  /** @param bound bytes: a larger window makes no sense in this network */
  constructor(bound: number) {
    this.bound = bound;
  }

  get found(): Problem[] {
    return Array.from(this.problems, ([rule, problem]) => ({ rule, problem }));
  }

  note(rule: CongestionRule, problem: string): void {
    if (!this.problems.has(rule)) this.problems.set(rule, problem);
  }

  /** Looks at what a controller says after a call. @param segment the smallest full segment so far, bytes */
  check(control: CongestionControl, segment: number, after: string): void {
    const { window, threshold, pacingRate } = control;
    if (!Number.isFinite(window)) this.note("window", `the window is ${window} after ${after}`);
    else if (window < segment) this.note("window", `the window is ${window} bytes after ${after}, less than a segment of ${segment}`);
    else if (window > this.bound) this.note("window", `the window is ${window} bytes after ${after}, where ${this.bound} cannot be in use`);
    if (!(threshold > 0)) this.note("threshold", `the threshold is ${threshold} after ${after}`);
    if (pacingRate === null) return;
    this.isPaced = true;
    if (!(pacingRate > 0) || !Number.isFinite(pacingRate)) this.note("pacing rate", `the pacing rate is ${pacingRate} after ${after}`);
  }
}

/** Makes the same controllers, and watches them. @param keep whether to keep the calls, for {@link Watch.traces} */
export function watched(factory: CongestionControlFactory, watch: Watch, keep = false): CongestionControlFactory {
  return { name: factory.name, parameters: factory.parameters, create: (context) => new WatchedControl(factory.create(context), context, watch, keep) };
}

/** Passes everything on to another controller, and looks at what that says. */
class WatchedControl implements CongestionControl {
  readonly name: string;
  readonly usesPrr: boolean;
  readonly wantsSamples: boolean;
  readonly marks: "window" | "each";
  private readonly inner: CongestionControl;
  private readonly watch: Watch;
  private readonly trace: Step[] | null;
  private segment: number;
  /** The largest window before a loss that may turn out to be none, bytes. */
  private before = 0;
  /** Of the last call that had a time, ns. */
  private lastTime = 0;

  constructor(inner: CongestionControl, context: CongestionContext, watch: Watch, keep: boolean) {
    this.inner = inner;
    this.watch = watch;
    this.name = inner.name;
    this.usesPrr = inner.usesPrr;
    this.wantsSamples = inner.wantsSamples;
    this.marks = inner.marks;
    this.segment = context.mss;
    this.trace = keep ? [] : null;
    if (this.trace !== null) {
      watch.contexts.push(context);
      watch.traces.push(this.trace);
    }
    watch.check(inner, this.segment, "create");
  }

  get window(): number {
    return this.inner.window;
  }
  get threshold(): number {
    return this.inner.threshold;
  }
  get pacingRate(): number | null {
    return this.inner.pacingRate;
  }

  onSent(sent: SentEvent): void {
    const copy = { ...sent };
    this.step("onSent", sent.now, (control, shift) => control.onSent({ ...copy, now: copy.now + shift }));
  }

  onIdleRestart(idle: number, now: number, limit: number): void {
    this.step("onIdleRestart", now, (control, shift) => control.onIdleRestart(idle, now + shift, limit));
  }

  onAck(ack: AckEvent): void {
    const copy = { ...ack, sample: ack.sample === null ? null : { ...ack.sample } };
    this.step("onAck", ack.now, (control, shift) => control.onAck({ ...copy, now: copy.now + shift }));
  }

  onSegmentLost(lost: LostSegment): void {
    const copy = { ...lost };
    this.step("onSegmentLost", this.lastTime, (control) => control.onSegmentLost(copy));
  }

  onLoss(loss: LossEvent): void {
    const copy = { ...loss };
    this.segment = Math.min(this.segment, loss.segment);
    this.before = Math.max(this.inner.window, loss.window);
    this.step("onLoss", loss.now, (control, shift) => control.onLoss({ ...copy, now: copy.now + shift }));
    const { window, pacingRate } = this.inner;
    // A controller that paces itself by a model of the path may find that a loss is none of its doing.
    if (pacingRate === null && window >= loss.window && window > 2 * this.segment) {
      this.watch.note("loss", `the window is ${window} bytes after a loss, and was ${loss.window}`);
    }
  }

  onRecovered(limit: number, now: number): void {
    this.step("onRecovered", now, (control, shift) => control.onRecovered(limit, now + shift));
  }

  onTimeout(loss: LossEvent): void {
    const copy = { ...loss };
    this.segment = Math.min(this.segment, loss.segment);
    if (loss.consecutive === 1) this.before = Math.max(this.inner.window, loss.window);
    this.step("onTimeout", loss.now, (control, shift) => control.onTimeout({ ...copy, now: copy.now + shift }));
    const { window } = this.inner;
    if (window > Math.max(loss.window / 2, 4 * this.segment)) this.watch.note("timeout", `the window is ${window} bytes after a timeout, and was ${loss.window}`);
  }

  onMarked(event: MarkEvent): void {
    const copy = { ...event, loss: { ...event.loss } };
    const before = this.inner.window;
    this.step("onMarked", event.loss.now, (control, shift) => control.onMarked({ ...copy, loss: { ...copy.loss, now: copy.loss.now + shift } }));
    const { window, pacingRate } = this.inner;
    if (pacingRate !== null) return;
    // Marks are no guess that may turn out to be wrong.
    if (event.isFirst) this.before = 0;
    if (event.isFirst ? window >= copy.loss.window && window > 2 * this.segment : window > before) this.watch.note("marks", `the window is ${window} bytes after ${event.isFirst ? "the first" : "another"} mark of a window of data, and was ${Math.min(before, copy.loss.window)}`);
  }

  onSpurious(timeout: boolean, now: number, limit: number): void {
    const most = Math.max(this.before, this.inner.window);
    this.step("onSpurious", now, (control, shift) => control.onSpurious(timeout, now + shift, limit));
    const { window } = this.inner;
    if (window > most) this.watch.note("spurious", `the window is ${window} bytes after a recovery that was for nothing, and was never more than ${most}`);
    this.before = 0;
  }

  onPenalty(window: number, now: number): void {
    const before = this.inner.window;
    this.step("onPenalty", now, (control, shift) => control.onPenalty(window, now + shift));
    if (this.inner.window > Math.max(before, window)) this.watch.note("penalty", `the window is ${this.inner.window} bytes after a penalty that asked for ${window}, and was ${before}`);
  }

  onMss(mss: number): void {
    this.segment = Math.min(this.segment, mss);
    this.step("onMss", this.lastTime, (control) => control.onMss(mss));
  }

  release(): void {
    this.inner.release();
  }

  snapshot(now: number): PlainObject {
    return this.inner.snapshot(now);
  }

  restore(state: PlainObject, now: number): void {
    this.inner.restore(state, now);
  }

  private step(name: string, now: number, call: Step["call"]): void {
    const { inner, watch } = this;
    call(inner, 0);
    this.lastTime = now;
    watch.called.add(name);
    watch.check(inner, this.segment, name);
    if (this.trace !== null) this.trace.push({ call, now, window: inner.window, threshold: inner.threshold, pacingRate: inner.pacingRate });
  }
}
