import { describe, expect, test } from "vitest";
import type { TcpConfig } from "../../src/tcp/index.ts";
import { PathMtu } from "../../src/tcp/sending/path-mtu.ts";
import type { Packet } from "../../src/wire/index.ts";
import { BulkWriter, MILLISECOND, Pair, readAll, SECOND } from "./harness.ts";
import { Script } from "./script.ts";

const PLAIN = { timestamps: false, windowScaling: false };

describe("packet too big (RFC 1191, RFC 8201)", () => {
  test("what was too big goes again in smaller pieces, at once, and cwnd stays", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND, { mss: 1460 }).write(2920).expectData(1, 2, 1460);
    const cwnd = s.tcp.congestionWindow;
    big(s, 1, 1000);
    s.expect({ seq: 1, len: 960 }).expect({ seq: 961, len: 500 }).expect({ seq: 1461, len: 960 }).expect({ seq: 2421, len: 500 }).silent();
    expect(s.tcp.congestionWindow).toBe(cwnd);
    expect(s.tcp.maxPayload).toBe(960);
    s.inject({ seq: 1, ack: 2921 }).write(2000).expect({ len: 960 }).expect({ len: 960 });
  });

  test("a message about nothing in flight, or with a larger MTU, is ignored", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND, { mss: 1460 }).write(1460).discard();
    big(s, 1461, 1000);
    big(s, 0, 1000);
    big(s, 500_000, 1000);
    big(s, 1, 9000);
    s.silent();
    expect(s.tcp.maxPayload).toBe(1460);
  });

  test("an old router's message without MTU means the next plateau; no message goes below 552", () => {
    const mtu = new PathMtu(1500, 4);
    expect(mtu.onTooBig(0, 1500, 0)).toBe(true);
    expect(mtu.current).toBe(1492);
    expect(mtu.onTooBig(0, 1492, 0) && mtu.current === 1006).toBe(true);
    expect(mtu.onTooBig(68, 1492, 0) && mtu.current === 552).toBe(true);
    expect(mtu.onTooBig(68, 1492, 0)).toBe(false);
    const six = new PathMtu(1500, 6);
    expect(six.onTooBig(600, 1500, 0) && six.current === 1280).toBe(true);
  });

  test("ten minutes later the link's MTU is tried again", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND, { mss: 1460 }).write(1460).discard();
    big(s, 1, 1000);
    s.discard().inject({ seq: 1, ack: 1461 }).advance(599 * SECOND);
    expect(s.tcp.maxPayload).toBe(960);
    // By one segment, when there is enough to send.
    s.advance(2 * SECOND).write(960).expect({ len: 960 }).inject({ seq: 1, ack: 2421 });
    s.write(6000).expect({ seq: 2421, len: 1460 }).expect({ seq: 3881, len: 960 });
    expect(s.tcp.maxPayload).toBe(960);
    s.inject({ seq: 1, ack: 3881 });
    expect(s.tcp.maxPayload).toBe(1460);
  });
});

describe("black holes (RFC 2923, RFC 4821)", () => {
  test("a path that swallows large packets in silence still carries the data", () => {
    const pair = new Pair({ forward: { delay: 10 * MILLISECOND, drop: (packet) => packet.length > 1300 } }).establish();
    const writer = new BulkWriter(100_000, true);
    let total = 0;
    pair.application = ({ now, a, b }) => {
      writer.run(a, now);
      total += readAll(b, now);
      if (b.ended) b.end(now);
    };
    expect(pair.runUntil(() => total === 100_000, 60 * SECOND)).toBe(true);
    expect(pair.a.tcp.pathMtu.current).toBeLessThanOrEqual(1300);
  });

  const SILENT = [[1500, 1400], [1500, 1281], [1500, 1492], [9000, 1500], [9000, 8000]] as const;
  describe.each([{ sack: true }, { sack: false }])("RFC 4821: the size that passes in silence is found within 5 s, sack: $sack", (settings) => {
    test.each(SILENT)("link of %i, path of %i", (mtu, passes) => {
      const { pair, total } = bulk({ ...settings, mtu }, (packet) => packet.length > passes);
      pair.runTo(5 * SECOND);
      expect(passes - pair.a.tcp.pathMtu.current).toBeGreaterThanOrEqual(0);
      expect(passes - pair.a.tcp.pathMtu.current).toBeLessThan(8);
      // What goes on is as fast as where the size was known.
      const known = bulk({ ...settings, mtu: passes }, () => false);
      known.pair.runTo(5 * SECOND);
      const [before, knownBefore] = [total(), known.total()];
      pair.runTo(15 * SECOND);
      known.pair.runTo(15 * SECOND);
      expect((total() - before) / (known.total() - knownBefore)).toBeGreaterThan(0.97);
    });
  });

  test("a probe that is lost takes nothing from the congestion window", () => {
    const { pair } = bulk({}, (packet) => packet.length > 1400);
    pair.runTo(1500 * MILLISECOND);
    const recoveries = pair.client.environment.counters.value("TcpExtTCPSackRecovery");
    pair.runTo(5 * SECOND);
    const losses = pair.client.environment.counters.value("TcpExtTCPMTUPFail");
    expect(losses).toBeGreaterThanOrEqual(6);
    expect(pair.client.environment.counters.value("TcpExtTCPSackRecovery")).toBe(recoveries);
  });

  test("under loss the size is found all the same", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { pair } = bulk({}, (packet) => packet.length > 1400, { loss: 0.01, seed });
      pair.runTo(20 * SECOND);
      expect(pair.a.tcp.pathMtu.current, `seed ${seed}`).toBeGreaterThan(1392);
      expect(pair.a.tcp.pathMtu.current, `seed ${seed}`).toBeLessThanOrEqual(1400);
    }
  });

  test("what a router says of a probe is tried next", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND, { mss: 1460 }).write(1460).discard();
    big(s, 1, 1000);
    s.discard().inject({ seq: 1, ack: 1461 }).advance(601 * SECOND);
    s.write(8000).expect({ seq: 1461, len: 1460 }).discard();
    big(s, 1461, 1200);
    s.expect({ seq: 1461, len: 960 }).expect({ seq: 2421, len: 500 });
    expect(s.tcp.maxPayload).toBe(960);
    s.write(8000).expect({ seq: 8681, len: 1160 });
  });

  test("a path that was merely down is used in full soon after", () => {
    let down = false;
    const pair = new Pair({ forward: { delay: 10 * MILLISECOND, rate: 1e6, drop: () => down } }).establish();
    const writer = new BulkWriter(Number.MAX_SAFE_INTEGER, false);
    pair.application = ({ now, a, b }) => {
      writer.run(a, now);
      readAll(b, now);
    };
    pair.runTo(2 * SECOND);
    down = true;
    pair.runTo(6 * SECOND);
    expect(pair.a.tcp.pathMtu.current).toBe(1280);
    down = false;
    pair.runTo(20 * SECOND);
    expect(pair.a.tcp.pathMtu.current).toBe(1500);
    expect(pair.a.tcp.backoff).toBe(0);
  });
});

describe("other ICMP errors (RFC 5461, RFC 5927)", () => {
  test("end a connection that is being opened", () => {
    for (const [code, error] of [[0, "ENETUNREACH"], [1, "EHOSTUNREACH"], [3, "ECONNREFUSED"]] as const) {
      const s = new Script().connect();
      unreachable(s, code);
      expect(s.state).toBe("CLOSED");
      expect(s.socket.error).toBe(error);
    }
  });

  test("that are soft do not end one that arrives (RFC 9293 §3.9.2.2), but explain its timeout; hard ones do", () => {
    for (const code of [0, 1, 5]) {
      const s = new Script({ ...PLAIN, retries: 2 }).accept({ mss: 1000 }).discard();
      unreachable(s, code);
      expect(s.state).toBe("SYN-RECEIVED");
      s.inject({ flags: "A", seq: 1, ack: 1 });
      expect(s.state).toBe("ESTABLISHED");
    }
    const s = new Script(PLAIN).accept({ mss: 1000 }).discard();
    unreachable(s, 3);
    expect(s.state).toBe("CLOSED");
  });

  test("do not end an established one, but explain its timeout", () => {
    const s = new Script({ ...PLAIN, retries: 2 }).establishedAfter(50 * MILLISECOND).write(100).discard();
    s.tcp.handleIcmp({ kind: "unreachable", code: 1, mtu: 0, sequence: (s.iss + 1) >>> 0 }, s.now);
    expect(s.state).toBe("ESTABLISHED");
    s.advance(100 * SECOND);
    expect(s.socket.error).toBe("EHOSTUNREACH");
  });
});

/** A transfer without end over 50 ms and 20 Mb/s, where the largest packets are lost in silence. */
function bulk(client: Partial<TcpConfig>, drop: (packet: Packet) => boolean, { loss = 0, seed = 1 } = {}): { pair: Pair; total: () => number } {
  const pair = new Pair({ client, server: { mtu: 9000 }, forward: { delay: 25 * MILLISECOND, rate: 20e6, queue: 125_000, drop, loss }, seed }).establish();
  const writer = new BulkWriter(Number.MAX_SAFE_INTEGER, false);
  let total = 0;
  pair.application = ({ now, a, b }) => {
    writer.run(a, now);
    total += readAll(b, now);
  };
  return { pair, total: () => total };
}

function big(s: Script, sequence: number, mtu: number): void {
  s.tcp.handleIcmp({ kind: "packet_too_big", code: 4, mtu, sequence: (s.iss + sequence) >>> 0 }, s.now);
  s.poll();
}

function unreachable(s: Script, code: number): void {
  s.tcp.handleIcmp({ kind: "unreachable", code, mtu: 0, sequence: s.iss }, s.now);
}
