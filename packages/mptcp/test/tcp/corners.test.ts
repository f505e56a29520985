import { describe, expect, test } from "vitest";
import { SECOND } from "./harness.ts";
import { Script } from "./script.ts";

// Clauses of RFC 7323 and RFC 9293 §3.10 that nothing else here asks for. Those that a peer can see are scripts, too: packages/testbed/scripts/tcp.

const PLAIN = { sack: false, timestamps: false, windowScaling: false };
const STAMPS = { sack: false, windowScaling: false };
const DAY = 86_400 * SECOND;

describe("simultaneous open (RFC 9293 §3.5, figure 7)", () => {
  const crossing = (): Script => new Script({ simultaneousOpen: true, sack: false, timestamps: false }).connect().discard().inject({ flags: "S", seq: 0, mss: 1000, ws: 4, win: 500 }).expect({ flags: "SA", seq: 0, ack: 1 });

  test("the window of a SYN+ACK is not scaled (RFC 7323 §2.2), that of what follows is", () => {
    const s = crossing().inject({ flags: "SA", seq: 0, ack: 1, mss: 1000, ws: 4, win: 500 });
    expect([s.state, s.tcp.peerWindow]).toEqual(["ESTABLISHED", 500]);
    s.inject({ seq: 1, ack: 1, win: 500 });
    expect(s.tcp.peerWindow).toBe(8000);
  });

  test("a SYN+ACK, which lies before the window, has an answer: whoever sent it may have missed ours (§3.10.7.4)", () => {
    crossing().inject({ flags: "SA", seq: 0, ack: 1, mss: 1000, ws: 4 }).expect({ flags: "A", seq: 1, ack: 1 }).silent();
  });

  test("the SYN again is acknowledged again, and the SYN+ACK goes when its time has come", () => {
    crossing().inject({ flags: "S", seq: 0, mss: 1000, ws: 4 }).expect({ flags: "A", seq: 1, ack: 1 }).silent().advance(SECOND).expect({ flags: "SA", seq: 0, ack: 1 });
  });
});

describe("SYN-RECEIVED of a passive open (RFC 9293 §3.10.7.4)", () => {
  test("a SYN+ACK opens nothing, whatever it acknowledges", () => {
    const s = new Script(PLAIN).accept({ mss: 1000 }).discard().inject({ flags: "SA", seq: 0, ack: 1 }).expect({ flags: "A", seq: 1, ack: 1 }).silent();
    expect(s.state).toBe("SYN-RECEIVED");
    expect(s.inject({ seq: 1, ack: 1 }).state).toBe("ESTABLISHED");
  });
});

describe("PAWS (RFC 7323 §5)", () => {
  const stamped = (): Script => new Script(STAMPS).established({ ts: [1000, 0] }).discard();

  test("after 24 days of silence TS.Recent is that of what comes, and protects from then on (§5.5)", () => {
    const s = stamped().inject({ seq: 1, ack: 1, len: 100, ts: [1005, 0] }).discard().advance(25 * DAY).discard();
    s.inject({ seq: 101, ack: 1, len: 100, ts: [900, 0] }).expect({ ack: 201, ts: [-1, 900] });
    s.inject({ seq: 201, ack: 1, len: 100, ts: [899, 0] }).expect({ ack: 201, ts: [-1, 900] });
    expect(s.socket.readable).toBe(200);
    s.inject({ seq: 201, ack: 1, len: 100, ts: [901, 0] }).expect({ ack: 301, ts: [-1, 901] });
  });

  test("23 days are not enough", () => {
    const s = stamped().inject({ seq: 1, ack: 1, len: 100, ts: [1005, 0] }).discard().advance(23 * DAY).discard();
    s.inject({ seq: 101, ack: 1, len: 100, ts: [900, 0] }).expect({ ack: 101, ts: [-1, 1005] });
  });

  test("timestamps are compared as the circle that they are (§5.2)", () => {
    const s = new Script(STAMPS).established({ ts: [0xffff_fff0, 0] }).discard();
    s.inject({ seq: 1, ack: 1, len: 100, ts: [5, 0] }).expect({ ack: 101, ts: [-1, 5] });
    s.inject({ seq: 101, ack: 1, len: 100, ts: [0xffff_fff1, 0] }).expect({ ack: 101, ts: [-1, 5] });
  });

  test("comes before the sequence number, and what is outside the window is not remembered (§5.3, R1 to R3)", () => {
    const s = stamped().inject({ seq: 900_001, ack: 1, len: 10, ts: [2000, 0] }).expect({ ack: 1, ts: [-1, 1000] });
    s.inject({ seq: 1, ack: 1, len: 10, ts: [1500, 0] }).expect({ ack: 11, ts: [-1, 1500] });
  });

  test("a segment without ACK says nothing by its echo (§3.2)", () => {
    const s = new Script({ ...STAMPS, simultaneousOpen: true }).connect().discard().advance(SECOND / 10).inject({ flags: "S", seq: 0, ts: [1, 12_345] });
    expect([s.state, s.tcp.srtt]).toEqual(["SYN-RECEIVED", 0]);
  });

  test("without an agreement timestamps are ignored, and their segment is taken (§3.2)", () => {
    const s = new Script(PLAIN).established().inject({ seq: 1, ack: 1, len: 10, ts: [1000, 0] }).inject({ seq: 11, ack: 1, len: 10, ts: [10, 0] });
    expect(s.socket.readable).toBe(20);
    expect(s.take().hasTimestamps).toBe(false);
  });

  test("every segment but a RST has timestamps: data, FIN, ACKs, probes (§3.2)", () => {
    const s = new Script({ ...STAMPS, keepAliveIdle: 10 * SECOND }).established({ ts: [1000, 0] }).write(10).advance(20 * SECOND).inject({ seq: 1, ack: 1, win: 0, len: 1, ts: [1001, 0] });
    s.inject({ seq: 2, ack: 11, win: 0, ts: [1002, 0] }).write(10).advance(20 * SECOND).end();
    expect(s.pending).toBeGreaterThan(5);
    while (s.pending > 0) expect(s.take().hasTimestamps).toBe(true);
  });
});

describe("RSTs and timestamps (RFC 7323 §5.2)", () => {
  test("that of an abort has ours, where they were agreed on", () => {
    const s = new Script(STAMPS).established({ ts: [1000, 0] }).discard().abort();
    const segment = s.take();
    expect([segment.hasTimestamps, segment.timestampEcho]).toEqual([true, 1000]);
    expect(segment.timestampValue).toBe(s.tcp.timestampAt(s.now));
    expect(new Script(PLAIN).established().abort().take().hasTimestamps).toBe(false);
  });

  test("one that answers has the timestamp of what it answers, and 0 for ours", () => {
    const s = new Script().accept({ mss: 1000, ts: [1000, 0] }).discard().inject({ seq: 1, ack: 5, ts: [1001, 0] }).expect({ flags: "R", seq: 5, ts: [0, 1001] });
    s.inject({ seq: 1, ack: 7 }).expect({ flags: "R", seq: 7 });
    new Script().connect().discard().inject({ flags: "SA", seq: 0, ack: 9, ts: [77, 0] }).expect({ flags: "R", seq: 9, ts: [0, 77] });
    new Script().connect().discard().inject({ flags: "SA", seq: 0, ack: 9 }).expect({ flags: "R", seq: 9, ts: [0, 0] });
  });

  test("as Linux has them: that of an abort has them, one that answers has none", () => {
    const s = new Script({ resetForm: "full" }).accept({ mss: 1000, ts: [1000, 0] }).discard().inject({ seq: 1, ack: 5, ts: [1001, 0] });
    expect(s.take().hasTimestamps).toBe(false);
    const open = new Script({ resetForm: "full" }).established({ ts: [1000, 0] }).discard().abort().take();
    expect([open.hasTimestamps, open.window > 0]).toEqual([true, true]);
  });

  test("what one says of timestamps changes nothing", () => {
    const s = new Script(STAMPS).established({ ts: [1000, 0] }).discard().inject({ flags: "RA", seq: 11, ack: 1, ts: [5000, 0] }).expect({ flags: "A", ts: [-1, 1000] });
    s.inject({ seq: 1, ack: 1, len: 10, ts: [1001, 0] }).expect({ ack: 11, ts: [-1, 1001] });
  });
});

describe("the user timeout (RFC 9293 §3.10.8) with a closed window", () => {
  const closed = (userTimeout: number): Script => new Script({ ...PLAIN, userTimeout }).established({}, 1000).write(1000).inject({ seq: 1, ack: 1001, win: 0 }).write(500).discard();

  /** Time passes, and every probe is answered. */
  const answering = (s: Script, seconds: number, win = 0): Script => {
    for (let i = 0; i < seconds * 10; i++) {
      s.advance(SECOND / 10);
      if (s.pending > 0 && s.state === "ESTABLISHED") s.discard().inject({ seq: 1, ack: 1001, win });
    }
    return s;
  };

  test("ends a connection whose peer answers every probe, and none without it", () => {
    const s = answering(closed(5 * SECOND), 4.8);
    expect(s.state).toBe("ESTABLISHED");
    expect(answering(s, 0.4).socket.error).toBe("ETIMEDOUT");
    expect(answering(closed(0), 300).state).toBe("ESTABLISHED");
  });

  test("counts from the data once the window opens", () => {
    const s = answering(closed(5 * SECOND), 4).inject({ seq: 1, ack: 1001, win: 1000 }).expect({ seq: 1001, len: 500 }).discard().advance(4 * SECOND);
    expect(s.state).toBe("ESTABLISHED");
    s.inject({ seq: 1, ack: 1501, win: 1000 }).advance(10 * SECOND);
    expect(s.state).toBe("ESTABLISHED");
  });

  test("counts from when it is set", () => {
    const s = answering(closed(0), 60);
    s.socket.configure({ userTimeout: 2 * SECOND }, s.now);
    expect(answering(s, 1.8).state).toBe("ESTABLISHED");
    expect(answering(s, 0.4).socket.error).toBe("ETIMEDOUT");
  });
});

test("a closed window lets a RST in (RFC 9293 §3.10.7.4, first)", () => {
  const s = new Script({ ...PLAIN, receiveBuffer: { initial: 1000, max: 1000, autoTune: false } }).established().inject({ seq: 1, ack: 1, len: 1000 }).discard();
  s.inject({ flags: "R", seq: 1002 }).silent();
  expect([s.state, s.inject({ flags: "R", seq: 1001 }).socket.error]).toEqual(["ESTABLISHED", "ECONNRESET"]);
});

describe("windows that shrink (RFC 7323 §2.4)", () => {
  test("what was in the window when it was sent is sent again, and nothing new is sent", () => {
    const s = new Script(PLAIN).establishedAfter(SECOND / 20).write(3000).discard().inject({ seq: 1, ack: 1, win: 500 }).write(1000).silent();
    s.advance(2 * SECOND).expect({ seq: 1, len: 1000 });
    while (s.pending > 0) expect(s.take().payload.length).toBe(1000);
    s.inject({ seq: 1, ack: 3001, win: 500 });
    if (s.pending > 0) s.expect({ seq: 3001, len: 500 });
  });

  test("data that was in the window of any ACK is taken", () => {
    const s = new Script({ ...PLAIN, receiveBuffer: { initial: 10_000, max: 10_000, autoTune: false } }).established();
    s.socket.configure({ windowClamp: 2000 }, s.now);
    s.inject({ seq: 1, ack: 1, len: 1000 }).inject({ seq: 9001, ack: 1, len: 1000 }).inject({ seq: 1001, ack: 1, len: 8000 });
    expect(s.read()).toBe(10_000);
  });
});
