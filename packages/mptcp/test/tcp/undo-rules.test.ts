import { describe, expect, test } from "vitest";
import { congestionControls } from "../../src/mptcp/index.ts";
import type { TcpConfig } from "../../src/tcp/index.ts";
import { ForwardRto } from "../../src/tcp/recovery/forward-rto.ts";
import type { ForwardAck } from "../../src/tcp/recovery/forward-rto.ts";
import { SpuriousRecovery } from "../../src/tcp/recovery/spurious.ts";
import { factoryOf, RecordingControl } from "./congestion/recording-control.ts";
import { MILLISECOND } from "./harness.ts";
import { Script } from "./script.ts";
import type { Spec } from "./script.ts";

const RTT = 40 * MILLISECOND;

/** A recovery of what [0, 10000) was outstanding, which sent these ranges again. */
function recovery(resent: readonly (readonly [number, number])[], { underWay = 0, timestamp = -1, timeout = false } = {}): SpuriousRecovery {
  const spurious = new SpuriousRecovery();
  spurious.begin(0, 10_000, timeout, underWay);
  for (const [start, end] of resent) spurious.onRetransmission(start, end - start, timestamp);
  return spurious;
}

describe("the Eifel detection (RFC 3522 §3.2)", () => {
  const [OLD, RETRANSMISSION] = [100, 140];

  test.each([
    ["older than the retransmission, after a timeout: the first acceptable ACK decides", { timeout: true }, 1000, OLD, true],
    ["that of the retransmission: it was needed", { timeout: true }, 1000, RETRANSMISSION, false],
    ["older, in fast recovery, but not all has come that was sent again", {}, 1000, OLD, false],
    ["older, in fast recovery, and all has come that was sent again", {}, 3000, OLD, true],
    ["older, in fast recovery, and all has come that was outstanding", {}, 10_000, OLD, true],
  ])("an echo %s", (_, options, ack, echo, isSpurious) => {
    expect(recovery([[0, 1000], [2000, 3000]], { ...options, timestamp: RETRANSMISSION }).onAcknowledged(ack, echo)).toBe(isSpurious);
  });

  test("timestamps are compared modulo 2^32", () => {
    expect(recovery([[0, 1000]], { timeout: true, timestamp: 5 }).onAcknowledged(1000, 0xffff_fff0)).toBe(true);
    expect(recovery([[0, 1000]], { timeout: true, timestamp: 0xffff_fff0 }).onAcknowledged(1000, 5)).toBe(false);
  });

  test("step 1: without timestamps, or where not the oldest was sent again first, nothing is known", () => {
    expect(recovery([[0, 1000]], { timeout: true }).onAcknowledged(1000, OLD)).toBe(false);
    expect(recovery([[1000, 2000], [0, 1000]], { timeout: true, timestamp: RETRANSMISSION }).onAcknowledged(1000, OLD)).toBe(false);
  });

  test("step 3: once an ACK is that of the retransmission, later ones with older echoes say nothing", () => {
    const spurious = recovery([[0, 1000]], { timeout: true, timestamp: RETRANSMISSION });
    expect([spurious.onAcknowledged(1000, RETRANSMISSION), spurious.onAcknowledged(2000, OLD)]).toEqual([false, false]);
  });
});

describe("counting D-SACKs (RFC 3708 §3)", () => {
  const reports = (spurious: SpuriousRecovery, ranges: readonly (readonly [number, number])[]): readonly boolean[] => ranges.map(([start, end]) => spurious.onDuplicate(start, end));

  test.each([
    ["each range that was sent again", [[0, 1000], [3000, 4000]], [[0, 1000], [3000, 4000]], [false, true]],
    ["in another order", [[0, 1000], [3000, 4000]], [[3000, 4000], [0, 1000]], [false, true]],
    ["in parts, and across a boundary of segments", [[0, 1000], [1000, 3000]], [[0, 500], [500, 2500], [2500, 3000]], [false, false, true]],
    ["the middle first", [[0, 3000]], [[1000, 2000], [0, 1000], [2000, 3000]], [false, false, true]],
    ["what left twice has to be reported twice", [[0, 1000], [0, 1000]], [[0, 1000], [0, 1000]], [false, true]],
    ["one range twice is not two ranges: the network made a copy", [[0, 1000], [3000, 4000]], [[0, 1000], [0, 1000], [3000, 4000]], [false, false, false]],
    ["what was not sent again: the network made a copy", [[0, 1000]], [[5000, 6000], [0, 1000]], [false, false]],
    ["of data before the recovery, or after it: not its own", [[0, 1000]], [[10_000, 11_000], [0, 1000]], [false, true]],
  ] as const)("%s", (_, resent, reported, verdicts) => {
    expect(reports(recovery(resent), reported)).toEqual(verdicts);
  });

  test("what was under way when it began is reported as well", () => {
    expect(reports(recovery([[0, 1000]], { underWay: 1000 }), [[9000, 10_000], [0, 1000]])).toEqual([false, true]);
    expect(reports(recovery([[0, 1000]], { underWay: 1000 }), [[0, 1000]])).toEqual([false]);
  });

  test("more ranges than are remembered say nothing", () => {
    const ranges = Array.from({ length: 600 }, (_, at) => [16 * at, 16 * at + 8] as const);
    expect(reports(recovery(ranges), ranges).includes(true)).toBe(false);
    expect(reports(recovery(ranges.slice(0, 500)), ranges.slice(0, 500)).at(-1)).toBe(true);
  });
});

describe("F-RTO", () => {
  const NOTHING: ForwardAck = { original: false, advanced: "no", behind: false, newData: "ready", sack: false };
  /** What ACKs lead to, the first of them after the retransmission. */
  function after(sack: boolean, ...acks: readonly Partial<ForwardAck>[]): string {
    const forward = new ForwardRto();
    forward.begin(true);
    for (const ack of acks) if (forward.onAck({ ...NOTHING, sack, ...ack })) return "spurious";
    return forward.isRunning ? (forward.sendsNew ? "new data" : "waits") : "conventional";
  }

  test.each([
    ["§2.1 2a: a duplicate", [{ behind: true }], "conventional"],
    ["§2.1 2a: not all that was sent again", [{ advanced: "part" }], "conventional"],
    ["§2.1 2b: it advances", [{ advanced: "whole" }], "new data"],
    ["§2.1 2b: it advances, and there is nothing new to send", [{ advanced: "whole", newData: "none" }], "conventional"],
    ["§2.1 3a: a duplicate after new data", [{ advanced: "whole" }, { behind: true, newData: "sent" }], "conventional"],
    ["§2.1 3b: it advances after new data", [{ advanced: "whole" }, { advanced: "whole", original: true, newData: "sent" }], "spurious"],
    ["what neither advances nor is a duplicate is ignored, in step 2", [{}], "waits"],
    ["and in step 3", [{ advanced: "whole" }, { newData: "sent" }], "new data"],
  ] as const)("%s", (_, acks, outcome) => {
    expect(after(false, ...acks)).toBe(outcome);
  });

  test.each([
    ["§3.1 2: duplicates are waited out", [{ behind: true }, { behind: true }], "waits"],
    ["§3.1 2: and so is what acknowledges less than was sent again", [{ advanced: "part" }], "waits"],
    ["§3.1 2b: it advances", [{ behind: true }, { advanced: "whole" }], "new data"],
    ["§3.1 2b: it advances, and there is nothing new to send", [{ advanced: "whole", newData: "none" }], "conventional"],
    ["§3.1 3a: what was sent since is SACKed, and nothing of what was sent before", [{ advanced: "whole" }, { behind: true, newData: "sent" }], "conventional"],
    ["§3.1 3b: what was sent before is SACKed", [{ advanced: "whole" }, { behind: true, original: true, newData: "sent" }], "spurious"],
  ] as const)("%s", (_, acks, outcome) => {
    expect(after(true, ...acks)).toBe(outcome);
  });

  test("step 1: another timeout begins it anew", () => {
    const forward = new ForwardRto();
    forward.begin(true);
    forward.onRetransmission(1000);
    expect([forward.hasArrived(999), forward.hasArrived(1000)]).toEqual([false, true]);
    forward.onAck({ ...NOTHING, advanced: "whole" });
    forward.begin(false);
    expect([forward.isRunning, forward.sendsNew, forward.hasArrived(1000)]).toEqual([true, false, false]);
  });

  test("over the wire, without SACK: a duplicate as the first answer, then what would have been step 3", () => {
    const s = flight({ sack: false, timestamps: false });
    s.inject({ seq: 1, ack: 1 }).inject({ seq: 1, ack: 1001 });
    s.expectData(1001, 2).silent();
    expect(s.tcp.sender.spurious.forward.isRunning).toBe(false);
  });
});

/** Ten segments of 1000 bytes in flight, and the retransmission timer has fired; the outbox is empty. */
function flight(config: Partial<TcpConfig>, syn: Spec = {}, control: RecordingControl | null = null): Script {
  const s = new Script({ windowScaling: false, sendBuffer: { initial: 60_000, max: 60_000, autoTune: false }, ...config, ...(control === null ? {} : { congestion: factoryOf(control) }) });
  s.establishedAfter(RTT, syn).write(30_000);
  // The oldest segment alone is sent again.
  if (control !== null) control.window = 1000;
  while (s.tcp.sender.timeouts === 0) s.advance(10 * MILLISECOND);
  return s.discard();
}

describe("the answer (RFC 4015 §3.1)", () => {
  test("step 9: the window may be what is in flight and what was acknowledged, of which the initial window is the most", () => {
    for (const [ack, acknowledged] of [[3001, 3000], [9001, 4000]] as const) {
      const control = new RecordingControl(10_000, false);
      const s = flight({ timestamps: false, initialWindowSegments: 4 }, {}, control);
      s.inject({ seq: 1, ack });
      expect(control.of("spurious").map(({ timeout, limit }) => [timeout, limit])).toEqual([[true, s.tcp.nextOffset - (ack - 1) + acknowledged]]);
    }
  });

  test("without a limit where the setting has it so", () => {
    const control = new RecordingControl(10_000, false);
    flight({ timestamps: false, undo: "full" }, {}, control).inject({ seq: 1, ack: 3001 });
    expect(control.of("spurious").map(({ limit }) => limit)).toEqual([Number.POSITIVE_INFINITY]);
  });

  test("step 9: an ACK that tells of congestion ends recovery, and the window stays lower", () => {
    const told = (flags: string): readonly number[] => {
      const control = new RecordingControl(10_000, false);
      const s = flight({ timestamps: false, ecn: "on" }, { flags: "SEW" }, control);
      s.inject({ flags, seq: 1, ack: 3001 });
      expect(s.tcp.sender.board.lostCount).toBe(0);
      return control.of("spurious").map(({ limit }) => limit);
    };
    expect([told("A").length, told("AE").length]).toEqual([1, 0]);
  });

  test.each(Object.values(congestionControls).map((factory) => [factory.name, factory] as const))("%s is told once, and its window is no larger than before, nor than allowed", (_, factory) => {
    const s = flight({ timestamps: false, congestion: factory, initialWindowSegments: 10 });
    const before = s.tcp.congestion.window;
    s.inject({ seq: 1, ack: 3001 });
    expect(s.environment.counters.value("TcpExtTCPLossUndo")).toBe(1);
    expect(s.tcp.congestion.window).toBeGreaterThanOrEqual(before);
    expect(s.tcp.congestion.window).toBeLessThanOrEqual(20_000);
    s.inject({ seq: 1, ack: 4001 });
    expect(s.environment.counters.value("TcpExtTCPLossUndo")).toBe(1);
  });
});

