import { MptcpError, SECOND } from "../core/index.ts";
import type { PlainObject } from "../core/index.ts";
import { CouplingGroup } from "../tcp/index.ts";
import type { AckEvent, CongestionContext, CongestionControl, CongestionControlFactory, LossEvent } from "../tcp/index.ts";
import { CONGESTION_RULES } from "./congestion-rules.ts";
import type { CongestionRule, Problem } from "./congestion-rules.ts";
import { CONGESTION_RUNS, MOST_WINDOW, tracedRun } from "./congestion-runs.ts";
import type { Finding } from "./finding.ts";
import { Findings } from "./findings.ts";
import type { Step } from "./watched-control.ts";
import { Watch } from "./watched-control.ts";

/**
 * The conformance suite of congestion controllers. In small networks of virtual time a controller must
 *
 * - keep its window between one segment and what can be in use, and its pacing rate, if it has one, above 0;
 * - grow on a clean path and fill it, get on with losses of one percent, and leave another one of its kind its part;
 * - lower the window on a loss; one that gives a pacing rate is exempt, since it may find by its model of the path that the loss is none of its doing;
 * - lower the window on a mark as on a loss, for good, and keep a queue filled that marks;
 * - come down on a timeout, to half or to four segments at the most, on marks, and on a penalty;
 * - survive idle times, an application that does not fill the window, another segment size, many segments in one ACK, spurious recoveries,
 *   a path without SACK, and an exchange while data flows.
 *
 * From a run it must do the same again when it hears the same again, also from saved state on another clock; and it must leave its group.
 *
 * Nothing here reads a clock: it takes as long as some minutes of virtual time do.
 *
 * @param only names of the cases to run, as findings have them (default: all)
 * @returns what is wrong; nothing for a controller that may be used. The cases are runs; what they look at is in {@link CONGESTION_RULES}
 */
export function checkCongestionControl(factory: CongestionControlFactory, only: readonly string[] = CASES.map(({ name }) => name)): Finding[] {
  const findings = new Findings<CongestionRule>(CONGESTION_RULES);
  const unknown = only.find((name) => CASES.every((one) => one.name !== name));
  if (unknown !== undefined) throw new RangeError(`there is no case "${unknown}"; there are ${CASES.map(({ name }) => name).join(", ")}`);
  let kept: Traced | null = null;
  const trace = (): Traced => {
    const { context, trace: steps } = (kept ??= traced(factory));
    return { context: { ...context, group: new CouplingGroup() }, trace: steps };
  };
  for (const { name, check } of CASES) {
    if (!only.includes(name)) continue;
    const run = (): void => {
      for (const { rule, problem } of check(factory, trace)) findings.add(rule, problem, name);
    };
    findings.guard(name, run, name);
  }
  return findings.list;
}

interface Case {
  readonly name: string;
  /** @param trace of the run whose calls are played again, one for all that play it, with a group of its own for each */
  readonly check: (factory: CongestionControlFactory, trace: () => Traced) => readonly Problem[];
}

/** The calls of a run, and what the controller that got them was made of. */
interface Traced {
  readonly context: CongestionContext;
  readonly trace: readonly Step[];
}

const CASES: readonly Case[] = [
  { name: "name and parameters", check: (factory) => against("names", checkNames(factory)) },
  { name: "its group", check: (factory) => against("group", checkGroup(factory)) },
  { name: "a hand-over", check: (factory) => against("hand-over", checkHandOver(factory)) },
  { name: "whatever comes", check: checkWhateverComes },
  { name: "the same again", check: (factory, trace) => against("the same again", checkSameAgain(factory, trace())) },
  { name: "saved state", check: (factory, trace) => against("saved state", checkSavedState(factory, trace())) },
  ...CONGESTION_RUNS.map(
    ({ name, run }): Case => ({
      name,
      check: (factory) => {
        const { watch, problems } = run(factory);
        return [...watch.found, ...problems];
      },
    }),
  ),
];

function against(rule: CongestionRule, problems: readonly string[]): Problem[] {
  return problems.map((problem) => ({ rule, problem }));
}

function checkNames(factory: CongestionControlFactory): string[] {
  const problems: string[] = [];
  if (factory.name === "") problems.push("it has no name");
  if (!alike(fromJson(factory.parameters), factory.parameters)) problems.push("its parameters are not what JSON can express");
  return problems;
}

function checkGroup(factory: CongestionControlFactory): string[] {
  const group = new CouplingGroup();
  const first = factory.create(contextOf({ group }));
  const second = factory.create(contextOf({ group }));
  const joined = group.members.length;
  first.release();
  const left = group.members.length;
  first.release();
  second.release();
  if (joined > 2) return [`two controllers are ${joined} members of a group`];
  if (left > joined / 2 || group.members.length > 0) return ["it does not leave its group when it is released"];
  return [];
}

function checkHandOver(factory: CongestionControlFactory): string[] {
  const problems: string[] = [];
  for (const segments of [1, 5, 50]) {
    const window = segments * MSS;
    const control = factory.create(contextOf({ handOver: { window, threshold: window } }));
    if (!(control.window >= MSS && control.window <= Math.max(window, 10 * MSS))) problems.push(`from a window of ${window} bytes it starts with ${control.window}`);
  }
  return problems;
}

/** Events that a run does not bring in this way, after some growth. */
function checkWhateverComes(factory: CongestionControlFactory): Problem[] {
  const watch = new Watch(MOST_WINDOW);
  const problems: Problem[] = [];
  const start = (): CongestionControl => {
    const control = factory.create(contextOf({}));
    let now = SECOND;
    for (let i = 0; i < 100; i++) {
      control.onAck(ackOf(MSS, control.window, (now += RTT / 20)));
      watch.check(control, MSS, "an ACK");
    }
    return control;
  };
  const now = 8 * SECOND;
  const many = start();
  const before = many.window;
  many.onAck(ackOf(MANY, before, now));
  watch.check(many, MSS, "an ACK of very many segments");
  if (many.window > before + MANY) problems.push({ rule: "window", problem: `one ACK of ${MANY} bytes makes the window ${many.window - before} bytes larger` });
  const idle = start();
  const unused = idle.window;
  for (let i = 0; i < 200; i++) idle.onAck({ ...ackOf(MSS, 2 * MSS, now + i * RTT), cwndLimited: false });
  watch.check(idle, MSS, "ACKs in an idle time");
  if (idle.pacingRate === null && idle.window > unused) problems.push({ rule: "idle", problem: "the window grows while it is not in use" });
  idle.onIdleRestart(600 * SECOND, now + 700 * SECOND, Number.POSITIVE_INFINITY);
  watch.check(idle, MSS, "a restart");
  const slow = start();
  const high = slow.window;
  for (let consecutive = 1; consecutive <= 10; consecutive++) slow.onTimeout(lossOf(slow.window, consecutive, now + consecutive * SECOND));
  slow.onSpurious(true, now + 20 * SECOND, Number.POSITIVE_INFINITY);
  watch.check(slow, MSS, "timeouts in a row that were spurious");
  if (slow.window > high) problems.push({ rule: "spurious", problem: `the window is ${slow.window} bytes after timeouts that were for nothing, and was ${high}` });
  const twice = start();
  for (let i = 0; i < 20; i++) twice.onLoss(lossOf(twice.window, 0, now + i * RTT));
  twice.onRecovered(2 * MSS, now + SECOND);
  twice.onSpurious(false, now + SECOND, 2 * MSS);
  twice.onRecovered(Number.POSITIVE_INFINITY, now + SECOND);
  watch.check(twice, MSS, "losses without recoveries, and recoveries without a loss");
  const marked = start();
  for (const [at, isFirst] of [true, false, true, false].entries()) {
    if (!isFirst && marked.marks === "window") continue;
    const { window } = marked;
    const una = at * MANY;
    marked.onMarked({ acked: MSS, marked: MSS, isFirst, una, nxt: una + window, loss: lossOf(window, 0, now + at * RTT) });
    watch.check(marked, MSS, "marks");
    const isAnswered = isFirst && marked.pacingRate === null ? marked.window < window || window < LEAST_LOWERED * MSS : marked.window <= window;
    if (!isAnswered) problems.push({ rule: "marks", problem: `the window is ${marked.window} bytes after ${isFirst ? "the first" : "another"} mark of a window of data, and was ${window}` });
  }
  const often = start();
  for (let i = 0; i < 20; i++) {
    const { window } = often;
    often.onMarked({ acked: MSS, marked: MSS, isFirst: true, una: (i + 1) * 100 * MSS, nxt: (i + 2) * 100 * MSS, loss: lossOf(window, 0, now + i * RTT) });
    if (often.pacingRate === null && often.window >= window && window > 2 * MSS) problems.push({ rule: "marks", problem: `the window is ${often.window} bytes after a mark, and was ${window}` });
    watch.check(often, MSS, "marks");
  }
  const once = start();
  once.onMarked({ acked: MSS, marked: MSS, isFirst: true, una: 100 * MSS, nxt: 200 * MSS, loss: lossOf(once.window, 0, now) });
  const least = once.window;
  once.onSpurious(false, now + RTT, Number.POSITIVE_INFINITY);
  if (once.pacingRate === null && once.window > least) problems.push({ rule: "marks", problem: `the window is ${once.window} bytes after a mark that was taken back, and was ${least}` });
  const small = start();
  for (const mss of [500, 9000, 88]) {
    small.onMss(mss);
    small.onPenalty(mss, now);
    small.onAck(ackOf(mss, small.window, now + RTT));
    watch.check(small, 88, `a segment size of ${mss} bytes`);
  }
  return [...watch.found, ...problems];
}

function checkSameAgain(factory: CongestionControlFactory, { context, trace }: Traced): string[] {
  const control = factory.create(context);
  return replay(control, trace, 0);
}

function checkSavedState(factory: CongestionControlFactory, { context, trace }: Traced): string[] {
  const problems: string[] = [];
  for (const part of [0, 0.2, 0.4, 0.6, 0.8]) {
    const at = Math.floor(part * trace.length);
    const first = factory.create(context);
    for (const step of trace.slice(0, at)) step.call(first, 0);
    const now = trace[at]?.now ?? 0;
    const state = fromJson(first.snapshot(now));
    first.release();
    // Another driver, whose clock shows something else.
    const shift = 5000 * SECOND;
    const second = factory.create({ ...context, group: new CouplingGroup(), now: now + shift });
    second.restore(state as PlainObject, now + shift);
    const differences = replay(second, trace.slice(at), shift);
    if (differences.length > 0) problems.push(`restored after ${at} of ${trace.length} calls, ${differences.join("; ")}`);
  }
  return problems;
}

/** Makes the calls of a trace again. @returns what is not as it was, the first alone */
function replay(control: CongestionControl, trace: readonly Step[], shift: number): string[] {
  for (let i = 0; i < trace.length; i++) {
    const step = trace[i] as Step;
    step.call(control, shift);
    const { window, threshold, pacingRate } = control;
    if (!Object.is(window, step.window) || !Object.is(threshold, step.threshold) || !Object.is(pacingRate, step.pacingRate)) {
      return [`${i + 1} calls later window, threshold and rate are ${window}, ${threshold}, ${pacingRate} and not ${step.window}, ${step.threshold}, ${step.pacingRate}`];
    }
  }
  return [];
}

function traced(factory: CongestionControlFactory): Traced {
  const watch = tracedRun(factory);
  const [trace] = watch.traces;
  const [context] = watch.contexts;
  if (trace === undefined || context === undefined || trace.length < 100) throw new MptcpError("ERR_MPTCP_TESTING", "the connection never came to send");
  return { context, trace };
}

function contextOf(fields: Partial<CongestionContext>): CongestionContext {
  return { mss: MSS, initialWindow: 10 * MSS, handOver: null, group: new CouplingGroup(), srtt: RTT, now: SECOND, ...fields };
}

/** An ACK of a path that delivers a window per round trip. */
function ackOf(acked: number, inFlight: number, now: number): AckEvent {
  const rate = (inFlight * SECOND) / RTT;
  return {
    acked, recovery: "none", priorInFlight: inFlight, cwndLimited: true, srtt: RTT, minRtt: RTT, latestRtt: RTT, now,
    sample: {
      hasRate: true, rate, delivered: inFlight, interval: RTT, priorDelivered: 0, totalDelivered: inFlight, appLimited: false,
      newlyDelivered: acked, newlyLost: 0, lost: 0, inFlightThen: inFlight, inFlight: Math.max(0, inFlight - acked),
    },
  };
}

function lossOf(inFlight: number, consecutive: number, now: number): LossEvent {
  return { inFlight, window: inFlight, segment: MSS, isAnswered: false, consecutive, srtt: RTT, now };
}

function fromJson(value: PlainObject): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Whether two plain values are the same, whatever the order of their names. */
function alike(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => alike((a as PlainObject)[name], (b as PlainObject)[name]));
}

const MSS = 1000;
const RTT = SECOND / 20;
/** Segments from which on a window can become smaller: two are the least of RFC 5681 §3.1, and four of a model of the path. */
const LEAST_LOWERED = 5;
/** Bytes of an ACK of very many segments. */
const MANY = 500_000;
