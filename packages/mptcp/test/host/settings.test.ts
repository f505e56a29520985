import { describe, expect, test } from "vitest";
import { fixedBuffer, newReno, STREAM_EVENT } from "../../src/index.ts";
import { Payload, TCP_FLAG } from "../../src/wire/index.ts";
import { isData, isSyn, MS, Pair, SECOND } from "../mptcp/pair.ts";
import type { App, PairOptions, Sent } from "../mptcp/pair.ts";

/** The same for Multipath TCP, for plain TCP, and for what has become regular TCP. */
const KINDS = ["multipath", "plain", "fallback"] as const;
type Kind = (typeof KINDS)[number];

function open(kind: Kind, options: PairOptions = {}): { pair: Pair; client: App; server: App } {
  const pair = new Pair({ ...options, listen: { ...options.listen, multipath: kind === "multipath" } });
  return { pair, ...pair.establish({ multipath: kind !== "plain" }) };
}

const fromClient = (sent: Sent): boolean => sent.from === "client";
const fromServer = (sent: Sent): boolean => sent.from === "server";
/** Lengths of the client's data segments since `from`. */
const lengths = (pair: Pair, from = 0): number[] => pair.packets((sent) => fromClient(sent) && isData(sent), from).map(({ segment }) => segment.payload.length);

/** Writes virtual octets, whatever is said to follow. */
function write({ connection }: App, pair: Pair, length: number, more = false): number {
  return connection.write(Payload.virtual(length), true, pair.now, more);
}

describe.each(KINDS)("settings of an open connection (%s)", (kind) => {
  test("are what it was opened with, and what was changed since", () => {
    const { pair, client: { connection } } = open(kind, { client: { tcp: { userTimeout: 5 * SECOND } } });
    expect(connection.settings).toMatchObject({ userTimeout: 5 * SECOND, hopLimit: 64, cork: false, keepAliveIdle: 0, readLowWater: 1 });
    connection.configure({ hopLimit: 3, keepAliveIdle: 60 * SECOND }, pair.now);
    connection.setKeepAlive({ idle: 9 * SECOND, interval: SECOND, probes: 2 }, pair.now);
    connection.configure({ noDelay: true, cork: true }, pair.now);
    expect(connection.settings).toMatchObject({ userTimeout: 5 * SECOND, hopLimit: 3, noDelay: true, cork: true, keepAliveIdle: 9 * SECOND, keepAliveProbes: 2 });
    connection.setNoDelay(false, pair.now);
    expect(connection.settings.noDelay).toBe(false);
  });

  test("one part of keepalive is changed without the others", () => {
    const { pair, client: { connection } } = open(kind);
    connection.setKeepAlive({ idle: 9 * SECOND, interval: SECOND, probes: 2 }, pair.now);
    connection.configure({ keepAliveProbes: 5 }, pair.now);
    expect(connection.settings).toMatchObject({ keepAliveIdle: 9 * SECOND, keepAliveInterval: SECOND, keepAliveProbes: 5 });
    const from = pair.sent.length;
    pair.run(10_000);
    expect(pair.packets((sent) => fromClient(sent), from).length).toBeGreaterThan(0);
  });

  test("that cannot be are refused, and nothing is changed then", () => {
    const { pair, client: { connection } } = open(kind);
    for (const change of [{ hopLimit: 0 }, { hopLimit: 256 }, { trafficClass: -1 }, { userTimeout: Number.NaN }, { sendBuffer: fixedBuffer(0) }, { readLowWater: 0 }]) {
      expect(() => connection.configure({ synRetries: 1, ...change }, pair.now)).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }));
    }
    expect(connection.settings.synRetries).toBe(6);
  });

  test("hop limit and traffic class are those of packets to come; ECN's bits are not touched", () => {
    const { pair, client } = open(kind);
    client.connection.configure({ hopLimit: 7, trafficClass: 0xb9 }, pair.now);
    const from = pair.sent.length;
    client.write(100);
    pair.run(100);
    const headers = pair.packets(fromClient, from).map(({ packet: { hopLimit, trafficClass } }) => [hopLimit, trafficClass]);
    expect(headers.length).toBeGreaterThan(0);
    expect(new Set(headers.map(String))).toEqual(new Set(["7,184"]));
  });

  test("segments are not larger than the MSS that is set, and as large again once it is not", () => {
    const { pair, client } = open(kind);
    const largest = (): number => {
      const from = pair.sent.length;
      client.write(20_000);
      pair.run(1000);
      return Math.max(...lengths(pair, from));
    };
    const before = largest();
    client.connection.configure({ maxSegmentSize: 600 }, pair.now);
    const clamped = largest();
    expect(clamped).toBeLessThanOrEqual(600 - 12);
    expect(clamped).toBeGreaterThan(500);
    client.connection.configure({ maxSegmentSize: 0 }, pair.now);
    expect(largest()).toBe(before);
  });

  test("a send buffer that is larger has room at once, and who waits hears of it; a smaller one drops nothing", () => {
    const { pair, client, server } = open(kind, { client: { tcp: { sendBuffer: fixedBuffer(10_000) } } });
    server.reading = false;
    expect(write(client, pair, 30_000)).toBe(10_000);
    client.connection.takeEvents();
    client.connection.configure({ sendBuffer: fixedBuffer(40_000) }, pair.now);
    expect([client.connection.writable, client.connection.takeEvents() & STREAM_EVENT.writable]).toEqual([30_000, STREAM_EVENT.writable]);
    client.connection.configure({ sendBuffer: fixedBuffer(4000) }, pair.now);
    expect([client.connection.writable, client.connection.sendBuffered]).toEqual([0, 10_000]);
    pair.run(500);
    expect([client.connection.writable, server.connection.readable]).toEqual([4000, 10_000]);
  });

  test("a receive buffer that is larger lets more come; a smaller one takes nothing back that was offered", () => {
    const { pair, client, server } = open(kind, { server: { tcp: { receiveBuffer: fixedBuffer(10_000) } } });
    server.reading = false;
    client.write(100_000);
    pair.run(1000);
    expect(server.connection.readable).toBeGreaterThan(8000);
    expect(server.connection.readable).toBeLessThanOrEqual(10_000);
    server.connection.configure({ receiveBuffer: fixedBuffer(50_000) }, pair.now);
    pair.run(1000);
    expect(server.connection.readable).toBeGreaterThan(45_000);
    server.connection.configure({ receiveBuffer: fixedBuffer(5000) }, pair.now);
    server.reading = true;
    server.look();
    pair.run(20_000);
    expect(server.received).toBe(100_000);
  });

  test("no more is offered than the clamp of the window, from then on", () => {
    const { pair, client, server } = open(kind);
    server.connection.configure({ windowClamp: 3000 }, pair.now);
    client.write(200_000);
    pair.run(500);
    const from = pair.sent.length;
    pair.run(20_000);
    expect(server.received).toBe(200_000);
    const windows = pair.packets((sent) => fromServer(sent) && !isSyn(sent), from).map(({ segment }) => segment.window);
    expect(Math.max(...windows) * 2 ** 10).toBeLessThanOrEqual(4096);
  });

  test("congestion control is exchanged while data flows", () => {
    const { pair, client, server } = open(kind);
    client.write(100_000);
    pair.run(60);
    client.connection.exchange({ congestion: newReno }, pair.now);
    pair.run(2000);
    expect([server.received, server.corrupt]).toEqual([100_000, false]);
    expect(client.connection.tcpInfo(1, pair.now)).toMatchObject({ bytesAcknowledged: 100_000 });
  });

  test("the user timeout ends a connection whose data stays unacknowledged, also when it is set while that waits", () => {
    const { pair, client } = open(kind);
    pair.lose(() => true);
    client.write(1000);
    pair.run(1000);
    client.connection.configure({ userTimeout: 3 * SECOND }, pair.now);
    pair.run(2500);
    expect(client.connection.closed).toBe(false);
    pair.run(1500);
    expect([client.connection.closed, client.connection.error]).toEqual([true, "ETIMEDOUT"]);
  });
});

describe.each(KINDS)("small segments (%s)", (kind) => {
  const quick: PairOptions = { delay: () => 5 * MS };

  test("a cork holds back what does not fill a segment, until it is taken away", () => {
    const { pair, client, server } = open(kind, quick);
    client.connection.configure({ cork: true, noDelay: true }, pair.now);
    const from = pair.sent.length;
    for (let i = 0; i < 5; i++) write(client, pair, 400);
    pair.run(100);
    const full = lengths(pair, from)[0]!;
    expect(lengths(pair, from)).toEqual([full]);
    expect(full).toBeGreaterThan(1400);
    client.connection.configure({ cork: false }, pair.now);
    pair.run(50);
    expect([lengths(pair, from), server.received]).toEqual([[full, 2000 - full], 2000]);
  });

  test("for 200 ms at the most, and then anew", () => {
    const { pair, client } = open(kind, quick);
    client.connection.configure({ cork: true }, pair.now);
    const from = pair.sent.length;
    write(client, pair, 300);
    pair.run(199);
    expect(lengths(pair, from)).toEqual([]);
    pair.run(2);
    expect(lengths(pair, from)).toEqual([300]);
    write(client, pair, 200);
    pair.run(199);
    expect(lengths(pair, from)).toEqual([300]);
    pair.run(2);
    expect(lengths(pair, from)).toEqual([300, 200]);
  });

  test("more that is said to come is waited for; the write without it sends all", () => {
    const { pair, client, server } = open(kind, quick);
    const from = pair.sent.length;
    write(client, pair, 300, true);
    write(client, pair, 300, true);
    pair.run(100);
    expect(lengths(pair, from)).toEqual([]);
    write(client, pair, 50);
    pair.run(30);
    expect([lengths(pair, from), server.received]).toEqual([[650], 650]);
    write(client, pair, 10, true);
    expect(write(client, pair, 0)).toBe(0);
    pair.run(30);
    expect(lengths(pair, from)).toEqual([650, 10]);
  });

  test("the end of the stream is not held back, nor what is before it", () => {
    const { pair, client, server } = open(kind, quick);
    client.connection.configure({ cork: true }, pair.now);
    write(client, pair, 300);
    client.connection.end(pair.now);
    pair.run(50);
    expect([server.received, server.connection.ended]).toEqual([300, true]);
  });

  test("turning Nagle's algorithm off sends once what the cork holds back", () => {
    const { pair, client } = open(kind, quick);
    client.connection.configure({ cork: true }, pair.now);
    const from = pair.sent.length;
    write(client, pair, 300);
    client.connection.setNoDelay(true, pair.now);
    pair.run(50);
    write(client, pair, 200);
    pair.run(50);
    expect(lengths(pair, from)).toEqual([300]);
  });

  test("a connection is opened with a cork where the configuration says so", () => {
    const { pair, client } = open(kind, { ...quick, client: { tcp: { cork: true } } });
    const from = pair.sent.length;
    write(client, pair, 300);
    pair.run(150);
    expect(lengths(pair, from)).toEqual([]);
    pair.run(60);
    expect(lengths(pair, from)).toEqual([300]);
  });
});

describe.each(KINDS)("acknowledgments (%s)", (kind) => {
  /** When the server acknowledged each of some single segments, ms after they arrived. */
  function delays(quick: boolean): number[] {
    const { pair, client, server } = open(kind, { delay: () => 30 * MS, client: { tcp: { noDelay: true } } });
    for (let i = 0; i < 20; i++) {
      client.write(100);
      pair.run(200);
    }
    if (quick) server.connection.setQuickAck(true, pair.now);
    return Array.from({ length: 4 }, () => {
      const from = pair.sent.length;
      const at = pair.now + 30 * MS;
      client.write(100);
      pair.run(200);
      return (pair.packets(fromServer, from)[0]!.at - at) / MS;
    });
  }

  test("come late once a connection is no longer new, and at once where that is asked for", () => {
    expect(delays(false)).toEqual([40, 40, 40, 40]);
    expect(delays(true)).toEqual([0, 0, 0, 0]);
  });

  test("one that waits leaves when quick ones are asked for", () => {
    const { pair, client, server } = open(kind, { delay: () => 30 * MS });
    client.write(100);
    pair.run(200);
    server.connection.setQuickAck(false, pair.now);
    client.write(100);
    pair.run(35);
    const from = pair.sent.length;
    server.connection.setQuickAck(true, pair.now);
    pair.run(0);
    expect(pair.packets(fromServer, from)).toHaveLength(1);
  });
});

describe.each(KINDS)("what an application that polls is told (%s)", (kind) => {
  test("a new connection has room, and nothing to read", () => {
    const { client } = open(kind);
    expect(client.connection.readiness).toEqual({ isReadable: false, isAtEnd: false, isWritable: true, isPeerEnded: false, isHungUp: false, isUrgent: false, error: null });
  });

  test("one that is being opened has neither", () => {
    const pair = new Pair();
    const { connection } = pair.connect({ multipath: kind !== "plain" });
    expect(connection.readiness).toMatchObject({ isReadable: false, isWritable: false, isHungUp: false });
  });

  test("data, then the end, then both ends", () => {
    const { pair, client, server } = open(kind);
    server.reading = false;
    client.write(500);
    pair.run(50);
    expect(server.connection.readiness).toMatchObject({ isReadable: true, isAtEnd: false, isPeerEnded: false });
    client.end();
    pair.run(100);
    expect(server.connection.readiness).toMatchObject({ isReadable: true, isAtEnd: false, isPeerEnded: true });
    server.connection.read(1000, pair.now);
    expect(server.connection.readiness).toMatchObject({ isReadable: true, isAtEnd: true, isHungUp: false, isWritable: true });
    server.connection.end(pair.now);
    expect(server.connection.readiness).toMatchObject({ isAtEnd: true, isHungUp: true });
  });

  test("an error, after which reading and writing do not wait", () => {
    const { pair, client, server } = open(kind);
    client.abort();
    pair.run(100);
    expect(server.connection.readiness).toMatchObject({ error: "ECONNRESET", isReadable: true, isWritable: true, isHungUp: true });
  });

  test("a buffer that is full has no room until a third of it is free", () => {
    const { pair, client, server } = open(kind, { client: { tcp: { sendBuffer: fixedBuffer(9000) } }, server: { tcp: { receiveBuffer: fixedBuffer(3000) } } });
    server.reading = false;
    write(client, pair, 9000);
    expect(client.connection.readiness.isWritable).toBe(false);
    pair.run(300);
    expect([client.connection.readiness.isWritable, client.connection.sendBuffered > 0]).toEqual([true, true]);
  });

  test("of what is written and not sent there is no more than the mark, and who waits hears of it below half of it", () => {
    const { pair, client, server } = open(kind, { client: { tcp: { unsentLowWater: 20_000, sendBuffer: fixedBuffer(1_000_000) } } });
    let most = 0;
    let least = Number.POSITIVE_INFINITY;
    let left = 400_000;
    for (let steps = 0; steps < 2000 && server.received < 400_000; steps++) {
      if (left > 0) left -= write(client, pair, left);
      most = Math.max(most, client.connection.unsent);
      client.seen = 0;
      pair.run(1);
      // Who was told has room for half of the mark at the least.
      if ((client.seen & STREAM_EVENT.writable) !== 0) least = Math.min(least, client.connection.writable);
    }
    expect([server.received, most, least]).toEqual([400_000, 20_000, expect.any(Number)]);
    expect(least).toBeGreaterThan(10_000);
    expect(least).toBeLessThanOrEqual(20_000);
    expect(client.connection.unsent).toBe(0);
    client.connection.configure({ unsentLowWater: 0 }, pair.now);
    expect(write(client, pair, 500_000)).toBe(500_000);
    expect(client.connection.unsent).toBeGreaterThan(20_000);
  });

  test("it hears of data once as much waits as it asked for, or the end has come", () => {
    const { pair, client, server } = open(kind);
    server.reading = false;
    server.connection.configure({ readLowWater: 1000 }, pair.now);
    server.connection.takeEvents();
    const heard = (): boolean => (server.connection.takeEvents() & STREAM_EVENT.readable) !== 0;
    server.seen = 0;
    client.write(999);
    pair.run(100);
    expect([server.seen & STREAM_EVENT.readable, server.connection.readiness.isReadable, server.connection.readable]).toEqual([0, false, 999]);
    client.write(1);
    pair.run(100);
    expect([server.seen & STREAM_EVENT.readable, server.connection.readiness.isReadable]).toEqual([STREAM_EVENT.readable, true]);
    server.connection.read(1000, pair.now);
    client.write(10);
    pair.run(100);
    expect(server.connection.readiness.isReadable).toBe(false);
    server.connection.configure({ readLowWater: 5 }, pair.now);
    expect(heard()).toBe(true);
    client.end();
    pair.run(100);
    expect(server.connection.readiness).toMatchObject({ isReadable: true, isPeerEnded: true });
  });
});

describe.each(KINDS)("reading (%s)", (kind) => {
  test("what is peeked at stays, whole however often it is looked at", () => {
    const { pair, client, server } = open(kind);
    server.reading = false;
    const sent = Uint8Array.from({ length: 4000 }, (_, i) => i % 251);
    client.connection.write(Payload.of(sent), false, pair.now);
    pair.run(100);
    const looked: number[] = [];
    for (let at = 0; ; ) {
      const piece = server.connection.peek(1500, at);
      if (piece === null) break;
      expect(piece.length).toBeLessThanOrEqual(1500);
      looked.push(...piece.toUint8Array());
      at += piece.length;
    }
    expect(Uint8Array.from(looked)).toEqual(sent);
    expect([server.connection.readable, server.connection.peek(10, 4000)]).toEqual([4000, null]);
    expect(server.connection.peek(3)?.toUint8Array()).toEqual(sent.slice(0, 3));
  });

  test("once nobody reads any more, what comes is acknowledged and thrown away, and writing goes on", () => {
    const { pair, client, server } = open(kind, { server: { tcp: { receiveBuffer: fixedBuffer(10_000) } } });
    server.reading = false;
    client.write(200_000);
    pair.run(500);
    server.connection.stopReading(pair.now);
    expect([server.connection.readable, server.connection.ended]).toEqual([0, true]);
    server.write(5000);
    client.end();
    pair.run(5000);
    expect([client.drained, server.connection.receiveBuffered, client.received]).toEqual([true, 0, 5000]);
    expect(server.connection.readiness).toMatchObject({ isAtEnd: true, isPeerEnded: true });
  });
});

describe("subflows to come", () => {
  test("have the settings that were changed: hop limit, traffic class, MSS, how often a SYN is repeated", () => {
    const pair = new Pair({ client: { mptcp: { joinSynRetries: 6 } } });
    const { client } = pair.establish();
    client.connection.configure({ hopLimit: 9, trafficClass: 0x20, maxSegmentSize: 700, synRetries: 1, userTimeout: 7 * SECOND }, pair.now);
    client.write(10);
    pair.run(100);
    const from = pair.sent.length;
    pair.lose((sent) => sent.client === 1);
    pair.addAddress("client", "10.1.0.99");
    pair.run(20_000);
    const syns = pair.packets((sent) => isSyn(sent) && sent.client === 1, from).filter(({ segment }) => segment.sourcePort === pair.packets((sent) => isSyn(sent) && sent.client === 1, from)[0]!.segment.sourcePort);
    expect(syns.map(({ packet, segment }) => [packet.hopLimit, packet.trafficClass, segment.maximumSegmentSize])).toEqual([[9, 0x20, 700], [9, 0x20, 700]]);
  });
});

describe("a SYN", () => {
  test("is repeated as often as the connection is told while it is being opened", () => {
    const pair = new Pair();
    pair.lose(() => true);
    const { connection } = pair.connect({ multipath: false });
    connection.configure({ synRetries: 2 }, pair.now);
    pair.run(60_000);
    expect([pair.packets((sent) => (sent.segment.flags & TCP_FLAG.SYN) !== 0).length, connection.error]).toEqual([3, "ETIMEDOUT"]);
  });
});

describe.each(KINDS)("a connection that is saved and restored (%s)", (kind) => {
  test("keeps its settings, what is held back, and until when", () => {
    const { pair, client } = open(kind);
    client.connection.configure({ cork: true, hopLimit: 5, unsentLowWater: 9000, readLowWater: 300 }, pair.now);
    write(client, pair, 400);
    pair.run(150);
    const { client: host } = pair.hosts;
    const saved = client.connection.snapshot(pair.now);
    host.release(client.connection);
    const restored = host.restore(saved, {}, pair.now);
    expect(restored.settings).toMatchObject({ cork: true, hopLimit: 5, unsentLowWater: 9000, readLowWater: 300 });
    expect([restored.unsent, restored.writable]).toEqual([400, 8600]);
    const from = pair.sent.length;
    pair.run(49);
    expect(lengths(pair, from)).toEqual([]);
    pair.run(2);
    expect(pair.packets((sent) => fromClient(sent) && isData(sent), from).map(({ packet, segment }) => [segment.payload.length, packet.hopLimit])).toEqual([[400, 5]]);
  });
});
