import { describe, expect, test } from "vitest";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import { MILLISECOND, Pair, SECOND } from "./harness.ts";
import { Script } from "./script.ts";

const NO_OPTIONS = { sack: false, timestamps: false, windowScaling: false };

describe("active open", () => {
  test("SYN, SYN+ACK, ACK with the options of RFC 7323 and RFC 2018", () => {
    const s = new Script().connect().expect({ flags: "S", seq: 0, mss: 1460, sackOk: true, ws: 10, win: 65535, ts: [-1, 0] });
    expect(s.state).toBe("SYN-SENT");
    s.inject({ flags: "SA", seq: 0, ack: 1, mss: 1400, sackOk: true, ws: 7, ts: [77, 0], win: 1000 });
    expect(s.state).toBe("ESTABLISHED");
    s.expect({ flags: "A", seq: 1, ack: 1, len: 0, ts: [-1, 77] }).silent();
    expect(s.tcp.maxPayload).toBe(1400 - 12);
    expect(s.socket.takeEvents()).toBe(STREAM_EVENT.connected);
    // The window of a SYN is not scaled, that of any other segment is.
    expect(s.tcp.sendRoom()).toBe(1000);
    s.inject({ seq: 1, ack: 1, win: 1000, ts: [78, 0] });
    expect(s.tcp.peerWindow).toBe(128000);
  });

  test("what the peer does not offer is not used", () => {
    const s = new Script().connect().discard();
    s.inject({ flags: "SA", seq: 0, ack: 1, win: 1000 }).expect({ flags: "A", seq: 1, ack: 1 });
    expect(s.tcp.maxPayload).toBe(536);
    s.inject({ seq: 1, ack: 1, win: 500, len: 10 }).take();
    expect(s.tcp.peerWindow).toBe(500);
    expect(s.tcp.sack || s.tcp.timestamps).toBe(false);
  });

  test("the SYN is sent again with backoff, then the connection times out", () => {
    const s = new Script({ synRetries: 3 }).connect().expect({ flags: "S" });
    s.advance(999 * MILLISECOND).silent().advance(2 * MILLISECOND).expect({ flags: "S", seq: 0 });
    s.advance(2 * SECOND).expect({ flags: "S" }).advance(4 * SECOND).expect({ flags: "S" }).silent();
    expect(s.tcp.synRetransmissions).toBe(3);
    s.advance(8 * SECOND).silent();
    expect(s.state).toBe("CLOSED");
    expect(s.socket.error).toBe("ETIMEDOUT");
    expect(s.environment.closedCalls).toBe(1);
  });

  test("RFC 6298 §5.7: a SYN that timed out makes the first RTO three seconds", () => {
    const s = new Script(NO_OPTIONS).connect().discard().advance(1500 * MILLISECOND).discard();
    s.inject({ flags: "SA", seq: 0, ack: 1, mss: 1000 }).discard();
    expect(s.tcp.rto).toBe(3 * SECOND);
  });

  test("RFC 6928 §2: more than one lost SYN makes the initial window one segment", () => {
    expect(initialWindowAfter(0)).toBe(10_000);
    expect(initialWindowAfter(1)).toBe(10_000);
    expect(initialWindowAfter(2)).toBe(1000);
  });

  test("data written before the handshake leaves after it", () => {
    const s = new Script().connect().discard().write(100);
    s.silent().inject({ flags: "SA", seq: 0, ack: 1, mss: 1000 }).expect({ flags: "PA", seq: 1, len: 100, ack: 1 }).silent();
  });

  test("end before the handshake: data and FIN follow it", () => {
    const s = new Script().connect().discard().write(100).end();
    s.inject({ flags: "SA", seq: 0, ack: 1, mss: 1000 }).expect({ flags: "FPA", seq: 1, len: 100 });
    expect(s.state).toBe("FIN-WAIT-1");
  });

  test("an unacceptable ACK is answered with RST, and the connection goes on", () => {
    const s = new Script().connect().discard().inject({ flags: "SA", seq: 0, ack: 2 });
    s.expect({ flags: "R", seq: 2 }).silent();
    s.inject({ flags: "A", seq: 5, ack: 0 }).expect({ flags: "R", seq: 0 });
    expect(s.state).toBe("SYN-SENT");
    s.inject({ flags: "R", seq: 0, ack: 2 }).inject({ flags: "RA", seq: 0, ack: 2 }).silent();
    expect(s.state).toBe("SYN-SENT");
    s.inject({ flags: "SA", seq: 0, ack: 1 });
    expect(s.state).toBe("ESTABLISHED");
  });

  test("RST with an acceptable ACK refuses the connection; without ACK it is ignored", () => {
    const s = new Script().connect().discard().inject({ flags: "R", seq: 0 });
    expect(s.state).toBe("SYN-SENT");
    s.inject({ flags: "RA", seq: 0, ack: 1 }).silent();
    expect(s.state).toBe("CLOSED");
    expect(s.socket.error).toBe("ECONNREFUSED");
    expect(s.socket.takeEvents()).toBe(STREAM_EVENT.closed);
  });

  test("a segment without SYN is dropped", () => {
    const s = new Script().connect().discard().inject({ flags: "A", seq: 1, ack: 1, len: 5 }).silent();
    expect(s.state).toBe("SYN-SENT");
  });

  test("abort before the handshake sends nothing", () => {
    const s = new Script().connect().discard().abort().silent();
    expect(s.state).toBe("CLOSED");
    expect(s.environment.closedCalls).toBe(1);
  });

  test("data on the SYN+ACK is taken", () => {
    const s = new Script(NO_OPTIONS).connect().discard().inject({ flags: "SA", seq: 0, ack: 1, len: 7 });
    s.expect({ flags: "A", ack: 8 });
    expect(s.socket.readable).toBe(7);
  });
});

describe("passive open", () => {
  test("SYN, SYN+ACK, ACK", () => {
    const s = new Script().accept({ mss: 1200, sackOk: true, ws: 3, ts: [5, 0] });
    expect(s.state).toBe("SYN-RECEIVED");
    s.expect({ flags: "SA", seq: 0, ack: 1, mss: 1460, sackOk: true, ws: 10, ts: [-1, 5] }).silent();
    s.inject({ seq: 1, ack: 1, win: 500, ts: [6, 0] }).silent();
    expect(s.state).toBe("ESTABLISHED");
    expect(s.tcp.peerWindow).toBe(4000);
  });

  test("RFC 7323, RFC 2018: a SYN+ACK has only what the SYN had", () => {
    new Script().accept({ mss: 1200 }).expect({ flags: "SA", sackOk: false, ws: -1, mss: 1460 });
    new Script({ windowScaling: false }).accept({ ws: 3, sackOk: true }).expect({ flags: "SA", sackOk: true, ws: -1 });
  });

  test("the SYN+ACK is sent again, then given up", () => {
    const s = new Script({ synRetries: 2 }).accept({ mss: 1000 }).expect({ flags: "SA" });
    s.advance(SECOND).expect({ flags: "SA" }).advance(2 * SECOND).expect({ flags: "SA" }).advance(4 * SECOND).silent();
    expect(s.state).toBe("CLOSED");
    expect(s.socket.error).toBe("ETIMEDOUT");
  });

  test("the SYN again is answered with the SYN+ACK again", () => {
    new Script().accept({ mss: 1000 }).expect({ flags: "SA" }).inject({ flags: "S", seq: 0 }).expect({ flags: "SA", seq: 0, ack: 1 }).silent();
  });

  test("data on the SYN is left to the peer to send again", () => {
    const s = new Script().accept({ mss: 1000, len: 20 }).expect({ flags: "SA", ack: 1 });
    s.inject({ seq: 1, ack: 1, len: 20 }).expect({ ack: 21 });
    expect(s.socket.readable).toBe(20);
  });

  test("an unacceptable ACK is answered with RST, and the connection stays half open", () => {
    const s = new Script().accept({ mss: 1000 }).discard().inject({ seq: 1, ack: 5 }).expect({ flags: "R", seq: 5 });
    expect(s.state).toBe("SYN-RECEIVED");
  });

  test("RST in sequence ends it; others do not", () => {
    const s = new Script().accept({ mss: 1000 }).discard();
    s.inject({ flags: "R", seq: 100_000 }).silent();
    s.inject({ flags: "R", seq: 2 }).expect({ flags: "A", seq: 1, ack: 1 });
    expect(s.state).toBe("SYN-RECEIVED");
    s.inject({ flags: "R", seq: 1 }).silent();
    expect(s.state).toBe("CLOSED");
  });

  test("a SYN in the window is answered by a challenge ACK, and the RST of a peer that has begun anew returns it to LISTEN (RFC 5961 §4.2)", () => {
    const s = new Script().accept({ mss: 1000 }).discard().inject({ flags: "S", seq: 5 }).expect({ flags: "A", seq: 1, ack: 1 });
    expect(s.state).toBe("SYN-RECEIVED");
    s.inject({ flags: "R", seq: 1 }).silent();
    expect(s.state).toBe("CLOSED");
  });

  test("the third ACK may carry data and FIN", () => {
    const s = new Script().accept({ mss: 1000 }).discard().inject({ flags: "FA", seq: 1, ack: 1, len: 10 }).expect({ ack: 12 });
    expect(s.state).toBe("CLOSE-WAIT");
    expect(s.socket.readable).toBe(10);
  });

  test("abort sends a RST, then the 4-tuple is free", () => {
    const s = new Script().accept({ mss: 1000 }).discard();
    s.socket.abort(s.now);
    expect(s.environment.closedCalls).toBe(0);
    s.poll();
    s.expect({ flags: "RA", seq: 1, ack: 1 }).silent();
    expect(s.environment.closedCalls).toBe(1);
  });
});

describe("simultaneous open (RFC 9293 §3.5, figure 7)", () => {
  test("SYN against SYN", () => {
    const s = new Script({ simultaneousOpen: true }).connect().discard().inject({ flags: "S", seq: 0, mss: 1000, sackOk: true, ts: [1, 0] });
    expect(s.state).toBe("SYN-RECEIVED");
    s.expect({ flags: "SA", seq: 0, ack: 1 }).silent();
    s.inject({ flags: "SA", seq: 0, ack: 1, ts: [2, 0] });
    expect(s.state).toBe("ESTABLISHED");
    s.inject({ seq: 1, ack: 1, len: 3, ts: [3, 0] });
    expect(s.socket.readable).toBe(3);
  });

  test("refused: RST in SYN-RECEIVED of an active open", () => {
    const s = new Script({ simultaneousOpen: true }).connect().discard().inject({ flags: "S", seq: 0 }).discard().inject({ flags: "R", seq: 1 });
    expect(s.socket.error).toBe("ECONNREFUSED");
  });
});

test("a pair of sockets connects over a lossy path", () => {
  const lost = new Set([0, 1]);
  const pair = new Pair({ forward: { drop: (_, index) => lost.has(index) }, backward: { drop: (_, index) => index === 0 } });
  pair.establish();
  expect(pair.a.tcp.established && pair.b.tcp.established).toBe(true);
});

function initialWindowAfter(lost: number): number {
  const s = new Script(NO_OPTIONS).connect().advance((2 ** lost - 0.5) * SECOND);
  expect(s.tcp.synRetransmissions).toBe(lost);
  s.inject({ flags: "SA", seq: 0, ack: 1, mss: 1000 });
  return s.tcp.congestionWindow;
}
