import * as fc from "fast-check";
import { expect, test } from "vitest";
import { MILLISECOND } from "./harness.ts";
import { Script } from "./script.ts";
import type { Spec } from "./script.ts";

const near = fc.oneof(fc.integer({ min: -3, max: 12 }), fc.integer({ min: -70_000, max: 70_000 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: 0, max: 10 }).map((i) => 1 + i * 1000));

const segment = fc.record(
  {
    flags: fc.constantFrom("A", "A", "A", "A", "PA", "S", "SA", "F", "FA", "R", "RA", "", "SFRPAU", "AU"),
    seq: near,
    ack: near,
    win: fc.constantFrom(0, 1, 500, 65535),
    len: fc.constantFrom(0, 0, 1, 10, 1000, 1460, 60_000),
    mss: fc.constantFrom(0, 1, 536, 65535),
    ws: fc.constantFrom(-1, 0, 14, 255),
    sackOk: fc.boolean(),
    ts: fc.tuple(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    sack: fc.array(near, { maxLength: 9 }),
  },
  { requiredKeys: ["flags", "seq", "ack", "win", "len"] },
);

type Action = { inject: Spec } | { advance: number } | { write: number } | "read" | "end" | "abort" | { icmp: number; mtu: number };
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 12, arbitrary: segment.map((spec) => ({ inject: spec as Spec })) },
  { weight: 4, arbitrary: fc.constantFrom(1, 20, 50, 300, 3000, 100_000).map((ms) => ({ advance: ms * MILLISECOND })) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 30_000 }).map((write) => ({ write })) },
  { weight: 2, arbitrary: fc.constant("read" as const) },
  { weight: 1, arbitrary: fc.constantFrom("end" as const, "end" as const, "abort" as const) },
  { weight: 1, arbitrary: fc.record({ icmp: near, mtu: fc.constantFrom(0, 68, 600, 1400, 70_000) }) },
);

const start = fc.constantFrom("SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT");

function begin(state: string, options: Spec, config: ConstructorParameters<typeof Script>[0]): Script {
  const s = new Script(config);
  const stamp: Spec = options.ts === undefined ? {} : { ts: options.ts };
  if (state === "SYN-SENT") return s.connect();
  if (state === "SYN-RECEIVED") return s.accept(options);
  s.established(options);
  if (state === "FIN-WAIT-1") s.end();
  if (state === "FIN-WAIT-2") s.end().inject({ seq: 1, ack: 2, ...stamp });
  if (state === "CLOSE-WAIT") s.inject({ flags: "FA", seq: 1, ack: 1, ...stamp });
  if (state === "CLOSING") s.end().inject({ flags: "FA", seq: 1, ack: 1, ...stamp });
  if (state === "LAST-ACK") s.inject({ flags: "FA", seq: 1, ack: 1, ...stamp }).end();
  if (state === "TIME-WAIT") s.end().inject({ flags: "FA", seq: 1, ack: 2, ...stamp });
  return s;
}

/** What must hold at any time. */
function consistent(s: Script): void {
  const { sender, receiver } = s.tcp;
  const board = sender.board;
  let pipe = 0;
  let lost = 0;
  let sacked = 0;
  let at = sender.una;
  for (let i = 0; i < board.count; i++) {
    const record = board.at(i);
    expect(record.offset).toBe(at);
    expect(record.length).toBe(record.payload.length + (record.fin ? 1 : 0));
    expect(record.length).toBeGreaterThan(0);
    at += record.length;
    if (record.inPipe) pipe += record.length;
    if (record.lost) lost++;
    if (record.sacked) sacked += record.length;
    expect(Number(record.inPipe) + Number(record.lost) + Number(record.sacked)).toBe(1);
  }
  if (board.count > 0) expect(at).toBe(sender.nxt);
  let listed = 0;
  for (let record = board.oldest; record !== null; record = record.newer) {
    listed++;
    if (record.newer !== null) expect(record.newer.serial).toBeGreaterThanOrEqual(record.serial);
  }
  expect({ pipe: board.pipe, lost: board.lostCount, sacked: board.sackedBytes, listed }).toEqual({ pipe, lost, sacked, listed: Array.from({ length: board.count }, (_, i) => board.at(i)).filter((r) => r.inPipe).length });
  expect(s.tcp.inFlight).toBeGreaterThanOrEqual(0);
  expect(sender.una).toBeLessThanOrEqual(sender.nxt);
  expect(receiver.queue.bytes).toBeLessThanOrEqual(receiver.rightEdge + 1);
  expect(receiver.rightEdge).toBeGreaterThanOrEqual(receiver.nxt - 1);
  if (s.state === "CLOSED") {
    expect(board.count).toBe(0);
    expect(s.environment.closedCalls).toBe(1);
  } else {
    expect(s.environment.closedCalls).toBe(0);
  }
  expect(Number.isNaN(s.tcp.nextTimeout)).toBe(false);
  expect(Number.isNaN(s.tcp.congestionWindow)).toBe(false);
}

test("random segments, timers and commands in every state: nothing throws, everything stays consistent", () => {
  fc.assert(
    fc.property(
      start, fc.array(action, { maxLength: 60 }), fc.boolean(), fc.boolean(), fc.boolean(), fc.constantFrom(0, 20_000),
      (state, actions, sack, timestamps, windowScaling, segmentationLimit) => {
        const options: Spec = { mss: 1000, sackOk: true, ws: 3, ...(timestamps ? { ts: [100, 0] as const } : {}) };
        const s = begin(state, options, { sack, timestamps, windowScaling, segmentationLimit, minRto: 200 * MILLISECOND, keepAliveIdle: 30_000 * MILLISECOND });
        expect(s.state).toBe(state);
        for (const step of actions) {
          if (step === "read") s.read();
          else if (step === "end") s.end();
          else if (step === "abort") s.abort();
          else if ("inject" in step) s.inject(step.inject);
          else if ("advance" in step) s.advance(step.advance);
          else if ("write" in step) {
            if (s.socket.writable >= step.write) s.write(step.write);
          } else {
            s.tcp.handleIcmp({ kind: step.mtu > 1000 ? "unreachable" : "packet_too_big", code: 1, mtu: step.mtu, sequence: (s.iss + step.icmp) >>> 0 }, s.now);
            s.poll();
          }
          expect(s.pending).toBeLessThan(5000);
          s.discard();
          consistent(s);
        }
        // Even from TIME-WAIT, abort ends it.
        s.tcp.abort(s.now);
        s.poll();
        consistent(s);
        expect(s.state).toBe("CLOSED");
      },
    ),
    { seed: 31, numRuns: 2000 },
  );
});
