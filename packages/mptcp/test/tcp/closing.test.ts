import { describe, expect, test } from "vitest";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import { TcpSegment } from "../../src/wire/index.ts";
import { MILLISECOND, SECOND } from "./harness.ts";
import { Script } from "./script.ts";

const PLAIN = { sack: false, timestamps: false, windowScaling: false };

describe("regular close", () => {
  test("active: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, CLOSED", () => {
    const s = new Script(PLAIN).established().end().expect({ flags: "FA", seq: 1, ack: 1 });
    expect(s.state).toBe("FIN-WAIT-1");
    s.inject({ seq: 1, ack: 2 }).silent();
    expect(s.state).toBe("FIN-WAIT-2");
    // Half closed: data still comes in.
    s.inject({ seq: 1, ack: 2, len: 30 }).expect({ ack: 31 });
    expect(s.read()).toBe(30);
    s.inject({ flags: "FA", seq: 31, ack: 2 }).expect({ flags: "A", seq: 2, ack: 32 });
    expect(s.state).toBe("TIME-WAIT");
    expect(s.socket.closed).toBe(true);
    expect(s.socket.error).toBeNull();
    expect(s.socket.takeEvents() & (STREAM_EVENT.closed | STREAM_EVENT.drained)).toBe(STREAM_EVENT.closed | STREAM_EVENT.drained);
    // The peer's FIN again restarts 2 MSL.
    s.advance(40 * SECOND).inject({ flags: "FA", seq: 31, ack: 2 }).expect({ ack: 32 });
    s.advance(40 * SECOND);
    expect(s.state).toBe("TIME-WAIT");
    expect(s.environment.closedCalls).toBe(0);
    s.advance(20 * SECOND);
    expect(s.state).toBe("CLOSED");
    expect(s.environment.closedCalls).toBe(1);
    expect(s.tcp.nextTimeout).toBe(Number.POSITIVE_INFINITY);
  });

  test("passive: CLOSE-WAIT, LAST-ACK, CLOSED", () => {
    const s = new Script(PLAIN).established().inject({ flags: "FA", seq: 1, ack: 1 }).expect({ flags: "A", ack: 2 });
    expect(s.state).toBe("CLOSE-WAIT");
    expect(s.socket.ended).toBe(true);
    s.write(10).expect({ flags: "PA", seq: 1, len: 10 }).end().expect({ flags: "FA", seq: 11, ack: 2 });
    expect(s.state).toBe("LAST-ACK");
    s.inject({ seq: 2, ack: 12 }).silent();
    expect(s.state).toBe("CLOSED");
    expect(s.environment.closedCalls).toBe(1);
  });

  test("FIN+ACK of both in one segment: FIN-WAIT-1 to TIME-WAIT", () => {
    const s = new Script(PLAIN).established().end().discard().inject({ flags: "FA", seq: 1, ack: 2 }).expect({ flags: "A", ack: 2 });
    expect(s.state).toBe("TIME-WAIT");
  });

  test("simultaneous close: CLOSING", () => {
    const s = new Script(PLAIN).established().end().discard().inject({ flags: "FA", seq: 1, ack: 1 }).expect({ flags: "A", seq: 2, ack: 2 });
    expect(s.state).toBe("CLOSING");
    s.inject({ seq: 2, ack: 2 });
    expect(s.state).toBe("TIME-WAIT");
  });

  test("a FIN is sent again when lost", () => {
    const s = new Script(PLAIN).established().write(1500).discard().inject({ seq: 1, ack: 1501 }).end().expect({ flags: "FA", seq: 1501 });
    expect(s.state).toBe("FIN-WAIT-1");
    s.advance(210 * MILLISECOND).expect({ flags: "FA", seq: 1501, len: 0 }).silent();
    s.advance(410 * MILLISECOND).expect({ flags: "FA", seq: 1501 }).silent();
    s.inject({ seq: 1, ack: 1502 });
    expect(s.state).toBe("FIN-WAIT-2");
    s.advance(100 * SECOND).silent();
  });

  test("the FIN rides on the last data, and both are sent again together", () => {
    const s = new Script(PLAIN).established({}, 1000).write(1500).discard().end();
    s.inject({ seq: 1, ack: 1001, win: 1000 }).expect({ flags: "FPA", seq: 1001, len: 500 });
    s.advance(210 * MILLISECOND).expect({ flags: "FPA", seq: 1001, len: 500 });
    s.inject({ seq: 1, ack: 1501 });
    expect(s.state).toBe("FIN-WAIT-1");
    s.inject({ seq: 1, ack: 1502 });
    expect(s.state).toBe("FIN-WAIT-2");
  });

  test("a FIN waits for data that a closed window holds back", () => {
    const s = new Script(PLAIN).established({}, 1000).write(2000).expect({ seq: 1, len: 1000 }).end().silent();
    s.inject({ seq: 1, ack: 1001, win: 0 }).silent();
    expect(s.state).toBe("ESTABLISHED");
    s.inject({ seq: 1, ack: 1001, win: 5000 }).expect({ flags: "FPA", seq: 1001, len: 1000 });
    expect(s.state).toBe("FIN-WAIT-1");
  });

  test("a FIN out of order waits for what is missing", () => {
    const s = new Script(PLAIN).established().inject({ flags: "FA", seq: 11, ack: 1, len: 5 }).expect({ ack: 1 });
    expect(s.state).toBe("ESTABLISHED");
    s.inject({ seq: 1, ack: 1, len: 10 }).expect({ ack: 17 });
    expect(s.state).toBe("CLOSE-WAIT");
    expect(s.read()).toBe(15);
    expect(s.socket.ended).toBe(true);
  });

  test("what follows a FIN is ignored", () => {
    const s = new Script(PLAIN).established().inject({ flags: "FA", seq: 1, ack: 1, len: 5 }).expect({ ack: 7 });
    s.inject({ seq: 7, ack: 1, len: 100 }).inject({ flags: "FA", seq: 7, ack: 1, len: 3 });
    expect(s.read()).toBe(5);
    expect(s.tcp.receivedOffset).toBe(5);
  });

  test("write after end throws, and reading goes on", () => {
    const s = new Script(PLAIN).established().end();
    expect(() => s.write(1)).toThrow(expect.objectContaining({ code: "ERR_STREAM_WRITE_AFTER_END" }));
    s.inject({ seq: 1, ack: 1, len: 4 });
    expect(s.read()).toBe(4);
  });
});

describe("reset", () => {
  for (const [name, prepare] of Object.entries({
    ESTABLISHED: (s: Script) => s,
    "FIN-WAIT-1": (s: Script) => s.end(),
    "FIN-WAIT-2": (s: Script) => s.end().inject({ seq: 1, ack: 2 }),
    "CLOSE-WAIT": (s: Script) => s.inject({ flags: "FA", seq: 1, ack: 1 }),
    CLOSING: (s: Script) => s.end().inject({ flags: "FA", seq: 1, ack: 1 }),
    "LAST-ACK": (s: Script) => s.inject({ flags: "FA", seq: 1, ack: 1 }).end(),
    "TIME-WAIT": (s: Script) => s.end().inject({ flags: "FA", seq: 1, ack: 2 }),
  })) {
    test(`RFC 5961 §3: in ${name} only a RST in sequence counts`, () => {
      const s = prepare(new Script(PLAIN).established()).discard();
      expect(s.state).toBe(name);
      const next = 1 + s.tcp.receivedOffset + (s.tcp.receiver.finished ? 1 : 0);
      // Out of the window: nothing. In the window: challenge ACK.
      s.inject({ flags: "R", seq: next + 1_000_000 }).inject({ flags: "R", seq: next - 1 }).silent();
      s.inject({ flags: "R", seq: next + 1 }).expect({ flags: "A", ack: next }).silent();
      expect(s.state).toBe(name);
      s.inject({ flags: "RA", seq: next, ack: 1 }).silent();
      expect(s.state).toBe("CLOSED");
      expect(s.environment.closedCalls).toBe(1);
    });

    test(`RFC 5961 §4: in ${name} a SYN gets a challenge ACK`, () => {
      const s = prepare(new Script(PLAIN).established()).discard();
      const next = 1 + s.tcp.receivedOffset + (s.tcp.receiver.finished ? 1 : 0);
      s.inject({ flags: "S", seq: next }).expect({ flags: "A", ack: next });
      s.inject({ flags: "S", seq: next + 2_000_000 }).expect({ flags: "A", ack: next });
      expect(s.state).toBe(name);
    });
  }

  test("error codes: reset while open, nothing after both sides closed", () => {
    const open = new Script(PLAIN).established().inject({ flags: "R", seq: 1 });
    expect(open.socket.error).toBe("ECONNRESET");
    const closing = new Script(PLAIN).established().inject({ flags: "FA", seq: 1, ack: 1 }).end().inject({ flags: "R", seq: 2 });
    expect(closing.socket.error).toBeNull();
    const unsent = new Script(PLAIN).established().inject({ flags: "FA", seq: 1, ack: 1 }).write(100).end().inject({ flags: "R", seq: 2 });
    expect(unsent.socket.error).toBe("ECONNRESET");
  });

  test("abort sends RST with the next sequence number, and nothing after it", () => {
    const s = new Script(PLAIN).established().write(500).discard().abort().expect({ flags: "RA", seq: 501, ack: 1 }).silent();
    expect(s.socket.error).toBe("ECONNABORTED");
    s.inject({ seq: 1, ack: 501 }).silent();
    expect(s.environment.closedCalls).toBe(1);
  });

  test("RFC 5961 §5: an ACK of what was never sent, or long ago, gets a challenge ACK", () => {
    const s = new Script(PLAIN).established();
    s.inject({ seq: 1, ack: 2, len: 10 }).expect({ flags: "A", ack: 1 });
    s.inject({ seq: 1, ack: -70_000, len: 10 }).expect({ flags: "A", ack: 1 });
    expect(s.socket.readable).toBe(0);
    // Of what precedes the first octet, which nothing under way acknowledges.
    s.inject({ seq: 1, ack: -1000, len: 10 }).expect({ flags: "A", ack: 1 });
    expect(s.socket.readable).toBe(0);
    s.write(100).expect({ seq: 1, len: 100 }).inject({ seq: 1, ack: 101 });
    s.inject({ seq: 1, ack: 50, len: 10 });
    expect(s.socket.readable).toBe(10);
  });

  test("RFC 5961 §7: challenge ACKs are limited", () => {
    const s = new Script(PLAIN).established();
    for (let i = 0; i < 100; i++) s.inject({ flags: "R", seq: 2 });
    expect(s.pending).toBe(10);
    s.discard().advance(1100 * MILLISECOND).inject({ flags: "R", seq: 2 });
    expect(s.pending).toBe(1);
  });
});

describe("TIME-WAIT", () => {
  test("RFC 6191: a later timestamp, or a higher sequence number, may take the 4-tuple over", () => {
    const { peerIss, tcp } = timeWait(true);
    const next = (peerIss + 2) >>> 0;
    const stamped = tcp.retire(0);
    expect(stamped.mayReuse(syn(next - 500, 102), true)).toBe(true);
    expect(stamped.mayReuse(syn(next + 500, 100), true)).toBe(false);
    expect(stamped.mayReuse(syn(next + 500, 101), true)).toBe(true);
    expect(stamped.mayReuse(syn(next - 500, 101), true)).toBe(false);
    // Where the new one would have no timestamps, the sequence number decides.
    expect(stamped.mayReuse(syn(next + 500, 100), false)).toBe(true);
    expect(stamped.mayReuse(syn(next - 500, 102), false)).toBe(false);
    expect(stamped.mayReuse(syn(next - 500, 0), true)).toBe(false);
    const plain = timeWait(false).tcp.retire(0);
    expect(plain.mayReuse(syn(next + 1, 0), false)).toBe(true);
    expect(plain.mayReuse(syn(next - 1, 0), false)).toBe(false);
    // An old one without timestamps has no segment that could be taken for one of a new one that has.
    expect(plain.mayReuse(syn(next - 1, 7), true)).toBe(true);
    const ack = syn(next + 1, 0);
    ack.flags = 16;
    expect(plain.mayReuse(ack, true)).toBe(false);
  });
});

function timeWait(ts: boolean): Script {
  const stamp = (value: number) => (ts ? { ts: [value, 0] as const } : {});
  const s = new Script().established(stamp(100)).end().discard();
  s.inject({ flags: "FA", seq: 1, ack: 2, ...stamp(101) }).discard();
  expect(s.state).toBe("TIME-WAIT");
  return s;
}

function syn(sequence: number, timestamp: number): TcpSegment {
  const segment = new TcpSegment();
  segment.flags = 2;
  segment.sequence = sequence;
  if (timestamp > 0) {
    segment.hasTimestamps = true;
    segment.timestampValue = timestamp;
  }
  return segment;
}
