import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TIMER } from "../../src/tcp/timers.ts";
import type { TcpSegment } from "../../src/wire/index.ts";
import { Script } from "./script.ts";
import type { Spec } from "./script.ts";

/** A connection in TIME-WAIT; RCV.NXT and SND.NXT are 2 beyond the initial numbers. */
function timeWait(timestamps: boolean): Script {
  const stamp = (value: number): Spec => (timestamps ? { ts: [value, 0] } : {});
  const script = new Script({}, 0x8000_0000).established(stamp(100)).end().discard();
  script.inject({ flags: "FA", seq: 1, ack: 2, ...stamp(101) }).discard();
  expect(script.state).toBe("TIME-WAIT");
  return script;
}

const segment = fc.record({
  flags: fc.constantFrom("A", "FA", "SA", "R", "RA", "S", "F", "PA", ""),
  seq: fc.oneof(fc.integer({ min: -3, max: 6 }), fc.constantFrom(-200_000, 70_000, 131_071, 131_074, 131_075, 1_000_000)),
  ack: fc.oneof(fc.integer({ min: -2, max: 4 }), fc.constantFrom(-100_000, 100_000)),
  len: fc.constantFrom(0, 0, 1, 1000),
  stamp: fc.integer({ min: 98, max: 104 }),
  after: fc.constantFrom(0, 1, 200, 1100),
});

test("what is left of a connection in TIME-WAIT answers each segment as the connection itself did", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(segment, { minLength: 1, maxLength: 30 }), (timestamps, segments) => {
      const whole = timeWait(timestamps);
      const rest = timeWait(timestamps).tcp.retire(0);
      const { environment } = new Script();
      for (const { flags, seq, ack, len, stamp, after } of segments) {
        // Both count their answers by the second, from its beginning or from the first one on.
        whole.now = after === 1100 ? (Math.floor(whole.now / 1e9) + 2) * 1e9 : whole.now + after * 1000;
        let injected: TcpSegment | null = null;
        const { tcp } = whole;
        const until = 1e15;
        tcp.timers[TIMER.timeWait] = until;
        const receive = tcp.receive.bind(tcp);
        tcp.receive = (packet, now) => {
          injected = packet.tcp;
          receive(packet, now);
        };
        whole.inject({ flags, seq, ack, len, ...(timestamps ? { ts: [stamp, 0] } : {}) });
        tcp.receive = receive;
        if (injected === null) throw new Error("nothing was injected");
        const verdict = rest.receive(injected, environment, whole.now);
        const isOver = whole.state === "CLOSED";
        expect(verdict).toEqual({ answer: whole.pending > 0, restart: !isOver && tcp.timers[TIMER.timeWait] !== until, over: isOver });
        if (isOver) return;
        if (verdict.answer) {
          const [expected, given] = [whole.take(), rest.acknowledgment(whole.now).tcp as TcpSegment];
          for (const name of ["flags", "sequence", "acknowledgment", "window", "hasTimestamps", "timestampValue", "timestampEcho", "sourcePort", "destinationPort"] as const) {
            expect(given[name], name).toBe(expected[name]);
          }
        }
        expect(whole.pending).toBe(0);
      }
    }),
    { seed: 60, numRuns: 500 },
  );
});
