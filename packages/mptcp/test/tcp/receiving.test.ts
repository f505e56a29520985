import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "./harness.ts";
import { Script } from "./script.ts";

const PLAIN = { sack: false, timestamps: false, windowScaling: false };
const SACK = { timestamps: false, windowScaling: false };
const fixed = (bytes: number) => ({ receiveBuffer: { initial: bytes, max: bytes, autoTune: false } });

/** Lets the quick ACKs of the start pass: `n` segments of 1000 bytes from sequence number 1 on. */
function warmUp(s: Script, n = 16): number {
  for (let i = 0; i < n; i++) {
    s.inject({ seq: 1 + i * 1000, ack: 1, len: 1000 });
    s.read();
  }
  s.discard();
  return 1 + n * 1000;
}

describe("acknowledging", () => {
  test("at the start every segment is acknowledged at once", () => {
    const s = new Script(PLAIN).established();
    for (let i = 0; i < 16; i++) s.inject({ seq: 1 + i * 100, ack: 1, len: 100 });
    expect(s.pending).toBe(16);
  });

  // A quarter of a round trip, but between 1 ms and the configured 40 ms; all that while it is unknown.
  test.each([[0.01, 1], [20, 5], [120, 30], [300, 40], [0, 40]])("later every second full segment, and the odd one after a delay (round trip %f ms: %i ms)", (rttMs, delayMs) => {
    const s = new Script(PLAIN).established();
    const at = warmUp(s);
    Object.defineProperty(s.tcp, "receiverRtt", { value: rttMs * MILLISECOND });
    s.inject({ seq: at, ack: 1, len: 1000 }).silent();
    s.inject({ seq: at + 1000, ack: 1, len: 1000 }).expect({ flags: "A", ack: at + 2000 }).silent();
    s.inject({ seq: at + 2000, ack: 1, len: 1000 }).silent().advance((delayMs - 0.5) * MILLISECOND).silent();
    s.advance(MILLISECOND).expect({ flags: "A", ack: at + 3000 }).silent();
    s.advance(SECOND).silent();
  });

  test("data that leaves takes the ACK along", () => {
    const s = new Script(PLAIN).established();
    const at = warmUp(s);
    s.inject({ seq: at, ack: 1, len: 100 }).silent().write(50).expect({ flags: "PA", ack: at + 100, len: 50 });
    s.inject({ seq: at + 100, ack: 51 }).advance(SECOND).silent();
  });

  test("out of order, and filling a gap: at once", () => {
    const s = new Script(PLAIN).established();
    const at = warmUp(s);
    s.inject({ seq: at + 1000, ack: 1, len: 1000 }).expect({ ack: at }).silent();
    s.inject({ seq: at + 2000, ack: 1, len: 1000 }).expect({ ack: at }).silent();
    s.inject({ seq: at, ack: 1, len: 500 }).expect({ ack: at + 500 }).silent();
    s.inject({ seq: at + 500, ack: 1, len: 500 }).expect({ ack: at + 3000 }).silent();
  });

  test("without SACK each out-of-order segment has its own duplicate ACK, even when they arrive in one batch", () => {
    const s = new Script(PLAIN).established();
    const at = warmUp(s);
    const segments = [2, 3, 4].map((i) => ({ seq: at + i * 1000, ack: 1, len: 1000 }));
    const poll = s.poll.bind(s);
    s.poll = () => {};
    for (const segment of segments) s.inject(segment);
    s.poll = poll;
    s.poll();
    s.expect({ ack: at }).expect({ ack: at }).expect({ ack: at }).silent();
  });

  test("overlapping and repeated segments give every byte once", () => {
    const s = new Script(PLAIN).established();
    s.inject({ seq: 1, ack: 1, len: 100 }).inject({ seq: 51, ack: 1, len: 100 }).inject({ seq: 201, ack: 1, len: 100 });
    s.inject({ seq: 181, ack: 1, len: 60 }).inject({ seq: 1, ack: 1, len: 170 }).inject({ seq: 161, ack: 1, len: 30 });
    expect(s.tcp.receivedOffset).toBe(300);
    expect(s.read()).toBe(300);
    expect(s.tcp.bytesReceived).toBe(300);
  });

  test("an unacceptable segment is answered, a probe below the window too", () => {
    const s = new Script(PLAIN).established();
    s.inject({ seq: 0, ack: 1 }).expect({ flags: "A", seq: 1, ack: 1 });
    s.inject({ seq: 200_000, ack: 1, len: 10 }).expect({ ack: 1 });
    s.inject({ seq: 0, ack: 1, len: 1 }).expect({ ack: 1 }).silent();
    expect(s.socket.readable).toBe(0);
  });

  test("urgent data is read in line", () => {
    const s = new Script(PLAIN).established().inject({ flags: "AU", seq: 1, ack: 1, len: 9 });
    expect(s.read()).toBe(9);
  });
});

describe("SACK (RFC 2018) and D-SACK (RFC 2883)", () => {
  test("the range that the segment belongs to comes first, then the most recent ones", () => {
    const s = new Script(SACK).established();
    s.inject({ seq: 1001, ack: 1, len: 1000 }).expect({ ack: 1, sack: [1001, 2001] });
    s.inject({ seq: 3001, ack: 1, len: 1000 }).expect({ ack: 1, sack: [3001, 4001, 1001, 2001] });
    s.inject({ seq: 5001, ack: 1, len: 1000 }).expect({ sack: [5001, 6001, 3001, 4001, 1001, 2001] });
    s.inject({ seq: 4001, ack: 1, len: 1000 }).expect({ sack: [3001, 6001, 1001, 2001] });
    s.inject({ seq: 1, ack: 1, len: 1000 }).expect({ ack: 2001, sack: [3001, 6001] });
    s.inject({ seq: 2001, ack: 1, len: 1000 }).expect({ ack: 6001, sack: [] });
  });

  test("four blocks without timestamps, three with them", () => {
    for (const [timestamps, blocks] of [[false, 4], [true, 3]] as const) {
      const stamp = timestamps ? { ts: [1, 0] as const } : {};
      const s = new Script({ ...SACK, timestamps }).established(stamp);
      for (let i = 1; i <= 6; i++) s.inject({ seq: 1 + i * 2000, ack: 1, len: 100, ...stamp });
      s.discard().inject({ seq: 20_001, ack: 1, len: 100, ...stamp });
      const segment = s.take();
      expect(segment.sackBlocks.length).toBe(2 * blocks);
    }
  });

  test.each([["our own choice", {}], ["the memory that packets take", { offeredWindow: "half", acknowledging: "adaptive" }]] as const)(
    "without SACK the window of a duplicate is that of the ACK before, though there is more room (RFC 5681 §2): %s",
    (_, config) => {
      const s = new Script({ ...PLAIN, ...config, receiveBuffer: { initial: 60_000, max: 600_000, autoTune: true } }).established();
      s.inject({ seq: 1, ack: 1, len: 1000 });
      const { acknowledgment, window } = s.take();
      s.read();
      for (let i = 0; i < 4; i++) {
        s.inject({ seq: 2001 + i * 1000, ack: 1, len: 1000 });
        const duplicate = s.take();
        expect([duplicate.acknowledgment, duplicate.window]).toEqual([acknowledgment, window]);
      }
    },
  );

  test("a duplicate below the cumulative ACK is reported once", () => {
    const s = new Script(SACK).established().inject({ seq: 1, ack: 1, len: 2000 }).discard();
    s.inject({ seq: 1, ack: 1, len: 1000 }).expect({ ack: 2001, sack: [1, 1001] }).silent();
    s.inject({ seq: 2001, ack: 1, len: 1000 }).expect({ ack: 3001, sack: [] });
  });

  test("each duplicate of what the window held lately has its ACK; older ones have as few as other segments that are not acceptable", () => {
    const s = new Script(SACK).established();
    for (let at = 1; at < 400_000; at += 1000) {
      s.inject({ seq: at, ack: 1, len: 1000 }).discard();
      s.socket.read(1000, 0);
    }
    let acks = 0;
    for (let i = 0; i < 50; i++) {
      s.inject({ seq: 399_001, ack: 1, len: 1000 });
      acks += s.pending;
      s.discard();
    }
    expect(acks).toBe(50);
    acks = 0;
    for (let i = 0; i < 50; i++) {
      s.inject({ seq: 1, ack: 1, len: 1000 });
      acks += s.pending;
      s.discard();
    }
    expect(acks).toBe(10);
  });

  test("a partial duplicate, and one inside an out-of-order range", () => {
    const s = new Script(SACK).established().inject({ seq: 1, ack: 1, len: 1000 }).discard();
    s.inject({ seq: 501, ack: 1, len: 1000 }).expect({ ack: 1501, sack: [501, 1001] });
    s.inject({ seq: 3001, ack: 1, len: 1000 }).expect({ ack: 1501, sack: [3001, 4001] });
    s.inject({ seq: 3001, ack: 1, len: 500 }).expect({ ack: 1501, sack: [3001, 3501, 3001, 4001] });
  });

  test("a pending ACK with SACK blocks is not replaced by data", () => {
    const s = new Script(SACK).established();
    s.inject({ seq: 1001, ack: 1, len: 1000 }).discard();
    const poll = s.poll.bind(s);
    s.poll = () => {};
    s.inject({ seq: 3001, ack: 1, len: 1000 }).write(100);
    s.poll = poll;
    s.poll();
    s.expect({ flags: "A", len: 0, sack: [3001, 4001, 1001, 2001] }).expect({ flags: "PA", len: 100, sack: [] }).silent();
  });
});

describe("the window", () => {
  test("it closes, opens by an update, and never moves back", () => {
    const s = new Script({ ...PLAIN, ...fixed(4000) }).established();
    s.inject({ seq: 1, ack: 1, len: 1000 }).expect({ ack: 1001, win: 3000 });
    s.inject({ seq: 1001, ack: 1, len: 3000 }).expect({ ack: 4001, win: 0 });
    // Too little: silly-window avoidance (RFC 9293 §3.8.6.2.2).
    expect(s.read(500)).toBe(500);
    s.silent();
    expect(s.read(2500)).toBe(2500);
    s.expect({ flags: "A", ack: 4001, win: 3000 }).silent();
    expect(s.read()).toBe(1000);
    s.silent();
  });

  test("a closed window takes nothing, yet the ACK of a probe counts", () => {
    const s = new Script({ ...PLAIN, ...fixed(1000) }).established();
    s.inject({ seq: 1, ack: 1, len: 1000 }).expect({ ack: 1001, win: 0 });
    s.write(100).expect({ len: 100 });
    s.inject({ seq: 1001, ack: 101, len: 1 }).expect({ ack: 1001, win: 0 });
    expect(s.tcp.ackedOffset).toBe(100);
    expect(s.socket.readable).toBe(1000);
  });

  test("what lies beyond the window is cut off", () => {
    const s = new Script({ ...PLAIN, ...fixed(1000) }).established();
    s.inject({ flags: "FA", seq: 1, ack: 1, len: 1500 }).expect({ ack: 1001, win: 0 });
    expect(s.read()).toBe(1000);
    expect(s.state).toBe("ESTABLISHED");
  });

  test("a FIN right behind a full window is taken", () => {
    const s = new Script({ ...PLAIN, ...fixed(1000) }).established();
    s.inject({ flags: "FA", seq: 1, ack: 1, len: 1000 });
    expect(s.state).toBe("CLOSE-WAIT");
  });

  test("with a scale the right edge neither shrinks nor creeps", () => {
    const s = new Script({ timestamps: false, receiveBuffer: { initial: 200_000, max: 64 * 2 ** 20, autoTune: false } }).established({ ws: 2 });
    let right = 0;
    let at = 1;
    for (let i = 0; i < 120; i++) {
      s.inject({ seq: at, ack: 1, len: 1461 });
      at += 1461;
      while (s.pending > 0) {
        const ack = s.take();
        const edge = ((ack.acknowledgment - s.peerIss) | 0) + ack.window * 1024;
        expect(edge).toBeGreaterThanOrEqual(right - 1023);
        right = Math.max(right, edge);
        expect(right).toBeLessThanOrEqual(200_001 + 1024);
      }
    }
    expect(right).toBeGreaterThan(198_000);
  });

  test("reading as fast as data comes costs no extra ACKs", () => {
    const s = new Script({ ...PLAIN, ...fixed(60_000) }).established();
    let at = warmUp(s);
    for (let i = 0; i < 100; i++) {
      s.inject({ seq: at, ack: 1, len: 1000 });
      s.read();
      at += 1000;
    }
    expect(s.pending).toBe(50);
  });
});

describe("timestamps (RFC 7323)", () => {
  test("every segment carries one and echoes the newest in order", () => {
    const s = stamped();
    s.inject({ seq: 1, ack: 1, len: 100, ts: [1005, 0] }).expect({ ts: [-1, 1005] });
    s.inject({ seq: 201, ack: 1, len: 100, ts: [1010, 0] }).expect({ ts: [-1, 1005] });
    s.inject({ seq: 101, ack: 1, len: 100, ts: [1009, 0] }).expect({ ack: 301, ts: [-1, 1009] });
  });

  test("with a delayed ACK the earlier one is echoed", () => {
    const s = stamped();
    let at = 1;
    for (let i = 0; i < 16; i++, at += 1000) s.inject({ seq: at, ack: 1, len: 1000, ts: [1005, 0] });
    s.discard().inject({ seq: at, ack: 1, len: 1000, ts: [1010, 0] }).inject({ seq: at + 1000, ack: 1, len: 1000, ts: [1020, 0] });
    s.expect({ ack: at + 2000, ts: [-1, 1010] });
  });

  test("PAWS: an old timestamp makes a segment unacceptable, but not a RST", () => {
    const s = stamped().inject({ seq: 1, ack: 1, len: 100, ts: [1005, 0] }).discard();
    s.inject({ seq: 101, ack: 1, len: 100, ts: [900, 0] }).expect({ flags: "A", ack: 101 });
    expect(s.socket.readable).toBe(100);
    expect(s.environment.counters.value("TcpExtPAWSEstab")).toBe(1);
    s.inject({ flags: "R", seq: 101, ts: [900, 0] });
    expect(s.state).toBe("CLOSED");
  });

  test("PAWS: after 24 days without traffic TS.Recent is not valid", () => {
    const s = stamped().inject({ seq: 1, ack: 1, len: 100, ts: [1005, 0] }).discard();
    s.advance(25 * 86400 * SECOND);
    s.inject({ seq: 101, ack: 1, len: 100, ts: [900, 0] });
    expect(s.socket.readable).toBe(200);
  });

  test("a segment whose timestamp a middlebox removed is taken all the same", () => {
    const s = stamped().inject({ seq: 1, ack: 1, len: 100 });
    expect(s.socket.readable).toBe(100);
  });
});

test("memory for out-of-order data is bounded, whatever it comes in", () => {
  const buffer = 60_000;
  const s = new Script({ ...SACK, receiveBuffer: { initial: buffer, max: buffer, autoTune: false } }).established();
  // Every other octet: nothing of it can be put together.
  for (let i = 0; i < 29_000; i++) s.inject({ seq: 3 + 2 * i, ack: 1, len: 1 }).discard();
  expect(s.tcp.outOfOrderBytes).toBeGreaterThan(100);
  expect(s.tcp.outOfOrderMemory).toBeLessThanOrEqual(5 * buffer);
  s.inject({ seq: 1, ack: 1, len: 2 });
  expect(s.tcp.receivedOffset).toBe(3);
  // The octets between: what was refused before has room as far as it touches.
  for (let i = 0; i < 29_000; i++) s.inject({ seq: 4 + 2 * i, ack: 1, len: 1 }).discard();
  expect(s.tcp.outOfOrderMemory).toBeLessThanOrEqual(5 * buffer);
  for (let at = s.tcp.receivedOffset + 1; at < buffer; at = Math.max(at + 1000, s.tcp.receivedOffset + 1)) s.inject({ seq: at, ack: 1, len: 1000 }).discard();
  expect(s.tcp.receivedOffset).toBeGreaterThanOrEqual(buffer - 1000);
  expect(s.tcp.outOfOrderMemory).toBe(0);
});

function stamped(): Script {
  return new Script({ windowScaling: false }).established({ ts: [1000, 0] }).discard();
}
