import { describe, expect, test } from "vitest";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import { Payload } from "../../src/wire/index.ts";
import { MILLISECOND, SECOND } from "./harness.ts";
import { Script } from "./script.ts";

const PLAIN = { sack: false, timestamps: false, windowScaling: false };

describe("what leaves", () => {
  test("the initial window is ten segments (RFC 6928), then ACKs clock out more", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND).write(40_000).expectData(1, 10).silent();
    s.inject({ seq: 1, ack: 2001 }).expectData(10_001, 4).silent();
    expect(s.tcp.inFlight).toBe(12_000);
    expect(s.tcp.canSend()).toBe(false);
  });

  test("the peer's window is a limit", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND, {}, 2500).write(10_000).expectData(1, 2);
    // 500 bytes of window are left: less than half of the largest window, so they wait.
    s.silent().inject({ seq: 1, ack: 1001, win: 1500 }).silent();
    s.inject({ seq: 1, ack: 2001, win: 2500 }).expectData(2001, 2).silent();
  });

  test("a segment that the window cut down to half of its largest size leaves", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND, { win: 800 }, 800).write(10_000).expect({ seq: 1, len: 800 }).silent();
    s.inject({ seq: 1, ack: 801, win: 399 }).silent().inject({ seq: 1, ack: 801, win: 400 }).expect({ seq: 801, len: 400 });
  });

  test("half of the largest window is half of those that came after the SYN, whose window is not scaled", () => {
    new Script(PLAIN).establishedAfter(50 * MILLISECOND, { win: 32_792 }, 900).write(2000).expect({ seq: 1, len: 900 }).silent();
  });

  test("PSH marks the segment that empties the queue", () => {
    new Script(PLAIN).established().write(2500).expect({ flags: "A", len: 1000 }).expect({ flags: "A", len: 1000 }).expect({ flags: "PA", len: 500 });
  });

  test("payload bytes are those written, also across blocks", () => {
    const s = new Script(PLAIN).established();
    const bytes = Uint8Array.from({ length: 7000 }, (_, i) => i % 251);
    for (let at = 0; at < 7000; at += 700) s.socket.write(Payload.of(bytes.subarray(at, at + 700)), at % 1400 === 0, s.now);
    s.poll();
    const seen: number[] = [];
    while (s.pending > 0) seen.push(...s.take().payload.toUint8Array());
    expect(seen).toEqual([...bytes]);
  });

  test("an IPv6 packet has the longer header", () => {
    // The harness checks that length covers header and payload; the MSS is the other trace of it.
    expect(new Script().connect().tcp.ipHeader).toBe(20);
  });
});

describe("Nagle's algorithm, Minshall's variation", () => {
  test("one small segment at a time", () => {
    const s = new Script(PLAIN).established().write(10).expect({ len: 10 }).write(20).write(30).silent();
    s.inject({ seq: 1, ack: 11 }).expect({ seq: 11, len: 50 }).silent();
  });

  test("a small segment behind full ones does not wait", () => {
    new Script(PLAIN).established().write(2010).expectData(1, 2).expect({ seq: 2001, len: 10 }).write(10).silent();
  });

  test("noDelay sends at once", () => {
    new Script({ ...PLAIN, noDelay: true }).established().write(10).write(20).expect({ len: 10 }).expect({ len: 20 });
  });

  test("setNoDelay lets go of what was held back; setNoDelay(false) holds again", () => {
    const s = new Script(PLAIN).established().write(10).write(20).expect({ len: 10 }).silent();
    s.tcp.setNoDelay(true);
    s.poll();
    s.expect({ seq: 11, len: 20 }).write(5).expect({ seq: 31, len: 5 });
    s.tcp.setNoDelay(false);
    s.write(5).silent().inject({ seq: 1, ack: 36 }).expect({ seq: 36, len: 5 });
  });

  test("full segments and the end of the stream do not wait", () => {
    const s = new Script(PLAIN).established().write(10).write(1500).expect({ len: 10 }).expect({ seq: 11, len: 1000 }).silent();
    s.end().expect({ flags: "FPA", seq: 1011, len: 500 });
  });
});

describe("zero window and persist timer (RFC 9293 §3.8.6.1)", () => {
  test("probes at growing intervals until the window opens; the connection stays as long as they are answered", () => {
    const s = new Script({ ...PLAIN, retries: 3 }).establishedAfter(50 * MILLISECOND, {}, 1000).write(3000).expectData(1, 1);
    s.inject({ seq: 1, ack: 1001, win: 0 }).silent();
    const times: number[] = [];
    for (let i = 0; i < 12; i++) {
      const from = s.now;
      while (s.pending === 0) s.advance(10 * MILLISECOND);
      times.push((s.now - from) / SECOND);
      s.expect({ flags: "A", seq: 1000, len: 0 }).silent().inject({ seq: 1, ack: 1001, win: 0 }).silent();
    }
    expect(times.slice(0, 4).map((time) => Math.round(time * 5))).toEqual([1, 2, 4, 8]);
    expect(Math.max(...times)).toBeLessThanOrEqual(120.1);
    expect(s.state).toBe("ESTABLISHED");
    s.inject({ seq: 1, ack: 1001, win: 5000 }).expectData(1001, 2).silent();
    s.inject({ seq: 1, ack: 3001, win: 5000 }).advance(1000 * SECOND).silent();
  });

  test("a peer that does not answer probes is given up", () => {
    const s = new Script({ ...PLAIN, retries: 3 }).established({}, 0).write(100).silent().advance(100 * SECOND);
    expect(s.pending).toBe(3);
    expect(s.state).toBe("CLOSED");
    expect(s.socket.error).toBe("ETIMEDOUT");
  });

  test("a window that stays small is used after the override timeout", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND, {}, 1000).write(3000).expectData(1, 1);
    s.inject({ seq: 1, ack: 1001, win: 300 }).silent().advance(300 * MILLISECOND).expect({ seq: 1001, len: 300 }).silent();
  });

  test("without data there are no probes", () => {
    new Script(PLAIN).established({}, 0).advance(1000 * SECOND).silent();
  });

  test("a window that shrinks below what is in flight harms nothing", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND, {}, 5000).write(10_000).expectData(1, 5);
    s.inject({ seq: 1, ack: 1001, win: 1000 }).silent();
    s.inject({ seq: 1, ack: 5001, win: 2000 }).expectData(5001, 2).silent();
  });

  test("a peer that shrank its window to nothing is not given up while it answers", () => {
    const s = new Script({ ...PLAIN, retries: 3 }).establishedAfter(50 * MILLISECOND, {}, 5000).write(1000).discard();
    for (let i = 0; i < 300 && s.state === "ESTABLISHED"; i++) {
      s.advance(SECOND);
      if (s.pending > 0) s.discard().inject({ seq: 1, ack: 1, win: 0 });
    }
    expect(s.state).toBe("ESTABLISHED");
    s.advance(1000 * SECOND);
    expect(s.state).toBe("CLOSED");
  });
});

describe("keepalive (RFC 9293 §3.8.4)", () => {
  const config = { ...PLAIN, keepAliveIdle: 10 * SECOND, keepAliveInterval: SECOND, keepAliveProbes: 3 };

  test("probes after the idle time, and gives up when nobody answers", () => {
    const s = new Script(config).established().advance(9.9 * SECOND).silent().advance(0.2 * SECOND).expect({ flags: "A", seq: 0, len: 0 }).silent();
    s.inject({ seq: 1, ack: 1 }).advance(9.9 * SECOND).silent().advance(3.2 * SECOND);
    expect(s.pending).toBe(3);
    s.discard().advance(SECOND).silent();
    expect(s.state).toBe("CLOSED");
    expect(s.socket.error).toBe("ETIMEDOUT");
  });

  test("traffic puts it off", () => {
    const s = new Script(config).established();
    for (let i = 0; i < 10; i++) s.advance(5 * SECOND).inject({ seq: 1 + i, ack: 1, len: 1 }).discard();
    s.advance(9.8 * SECOND).silent();
    expect(s.state).toBe("ESTABLISHED");
  });

  test("segments that are not acceptable, which may be anybody's, do not stand for a peer that is gone", () => {
    const s = new Script(config).established();
    for (let n = 0; n < 40; n++) s.advance(SECOND / 2).inject({ seq: 2_000_000_000, ack: 1 }).inject({ seq: 1, ack: 2_000_000_000 }).discard();
    expect(s.state).toBe("CLOSED");
  });
});

describe("keepalive turned on and off while the connection is open", () => {
  const keepAlive = { idle: 10 * SECOND, interval: SECOND, probes: 2 };

  test("counts from when the peer was last heard of", () => {
    const s = new Script(PLAIN).established().advance(4 * SECOND);
    s.tcp.setKeepAlive(keepAlive, s.now);
    s.advance(5.9 * SECOND).silent().advance(0.2 * SECOND).expect({ flags: "A", seq: 0, len: 0 }).advance(2 * SECOND);
    expect(s.socket.error).toBe("ETIMEDOUT");
  });

  test("asks at once where the silence is longer already", () => {
    const s = new Script(PLAIN).established().advance(60 * SECOND).silent();
    s.tcp.setKeepAlive(keepAlive, s.now);
    s.advance(0.1 * SECOND).expect({ flags: "A", seq: 0, len: 0 });
    s.inject({ seq: 1, ack: 1 }).advance(9.8 * SECOND).silent();
  });

  test("asks no more once it is off", () => {
    const s = new Script({ ...PLAIN, keepAliveIdle: SECOND, keepAliveInterval: SECOND, keepAliveProbes: 2 }).established();
    s.tcp.setKeepAlive(null, s.now);
    s.advance(3600 * SECOND).silent();
    expect(s.state).toBe("ESTABLISHED");
  });

  test("before the connection is open it says what will be then", () => {
    const s = new Script(PLAIN).connect();
    s.tcp.setKeepAlive(keepAlive, s.now);
    s.tcp.setKeepAlive(null, s.now);
    s.tcp.setKeepAlive(keepAlive, s.now);
    expect(s.tcp.keepAlive).toBe(keepAlive);
  });
});

describe("giving up", () => {
  test("after `retries` timeouts in a row (RFC 9293 §3.8.3)", () => {
    const s = new Script({ ...PLAIN, retries: 4 }).establishedAfter(50 * MILLISECOND).write(100).discard().advance(100 * SECOND);
    expect(s.pending).toBe(4);
    expect(s.socket.error).toBe("ETIMEDOUT");
    expect(s.socket.takeEvents() & STREAM_EVENT.closed).toBe(STREAM_EVENT.closed);
  });

  test("after the user timeout (RFC 5482), counted from the oldest data", () => {
    const s = new Script({ ...PLAIN, userTimeout: 5 * SECOND }).establishedAfter(50 * MILLISECOND).advance(100 * SECOND).write(100).advance(4.9 * SECOND);
    expect(s.state).toBe("ESTABLISHED");
    s.inject({ seq: 1, ack: 51 }).advance(4.9 * SECOND);
    expect(s.state).toBe("ESTABLISHED");
    s.advance(0.2 * SECOND);
    expect(s.socket.error).toBe("ETIMEDOUT");
  });
});

describe("a socket's buffers and events", () => {
  test("write takes what fits, writable follows when there is room again", () => {
    const s = new Script({ ...PLAIN, sendBuffer: { initial: 3000, max: 3000, autoTune: false } }).established();
    expect(s.socket.write(Payload.virtual(5000), true, 0)).toBe(3000);
    expect(s.socket.writable).toBe(0);
    s.poll();
    s.socket.takeEvents();
    s.inject({ seq: 1, ack: 1001 });
    expect(s.socket.takeEvents() & STREAM_EVENT.writable).toBe(STREAM_EVENT.writable);
    expect(s.socket.writable).toBe(1000);
  });

  test("drained once everything and the end were acknowledged", () => {
    const s = new Script(PLAIN).established().write(10).end();
    s.socket.takeEvents();
    s.inject({ seq: 1, ack: 11 });
    expect(s.socket.takeEvents() & STREAM_EVENT.drained).toBe(0);
    s.inject({ seq: 1, ack: 12 });
    expect(s.socket.takeEvents() & STREAM_EVENT.drained).toBe(STREAM_EVENT.drained);
  });

  test("the send buffer grows with the congestion window", () => {
    const s = new Script({ ...PLAIN, sendBuffer: { initial: 10_000, max: 1_000_000, autoTune: true } }).establishedAfter(50 * MILLISECOND);
    let taken = 0;
    for (let acked = 0; acked < 60_000; acked += 2000) {
      taken += s.socket.write(Payload.virtual(1_000_000), true, s.now);
      s.poll();
      s.discard().inject({ seq: 1, ack: acked + 2001 });
    }
    expect(s.tcp.congestionWindow).toBe(70_000);
    expect(taken - 60_000).toBeGreaterThan(2 * 68_000);
    expect(taken - 60_000).toBeLessThanOrEqual(4 * 70_000);
  });
});
