import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RandomSource } from "../../src/core/index.ts";
import { SeededRandom, seededSources } from "../../src/core/index.ts";
import { deriveKeyMaterial, lowestTimeDistance, roundRobin } from "../../src/mptcp/index.ts";
import { splitter } from "../../src/sim/index.ts";
import type { TcpConfig } from "../../src/tcp/index.ts";
import type { Dss } from "../../src/wire/index.ts";
import { DataSequenceSpace, Packet, packetLength, Payload, sequenceAdd, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import type { App, PairOptions, Sent } from "./pair.ts";
import { has, isData, isReset, isSyn, MS, option, Pair } from "./pair.ts";

const onFirst = (sent: Sent): boolean => sent.client === 0;
const onSecond = (sent: Sent): boolean => sent.client === 1;
const dssOf = (sent: Sent): Dss | null => option(sent.segment, "dss");

function establish(options: PairOptions = {}): { pair: Pair; client: App; server: App } {
  const pair = new Pair({ clientAddresses: 2, ...options });
  return { pair, ...pair.establish() };
}

function fixed(size: number): Partial<TcpConfig> {
  return { receiveBuffer: { initial: size, max: size, autoTune: false } };
}

function whole(...apps: [App, number][]): void {
  for (const [app, bytes] of apps) expect([app.received, app.corrupt]).toEqual([bytes, false]);
}

/** A middlebox that acknowledges the client's data on chosen packets, and forgets it. */
function swallow(pair: Pair, which: (sent: Sent) => boolean): () => void {
  return pair.interfere((packet, sent) => {
    if (sent.from !== "client" || !isData(sent) || !which(sent) || packet.tcp === null) return packet;
    const { tcp } = packet;
    const answer = new Packet(packet.destination, packet.source);
    answer.tcp = Object.assign(new TcpSegment(), {
      sourcePort: tcp.destinationPort,
      destinationPort: tcp.sourcePort,
      flags: TCP_FLAG.ACK,
      sequence: tcp.acknowledgment,
      acknowledgment: sequenceAdd(tcp.sequence, tcp.payload.length),
      window: 60_000,
      hasTimestamps: tcp.hasTimestamps,
      timestampValue: tcp.timestampEcho,
      timestampEcho: tcp.timestampValue,
    });
    answer.length = packetLength(answer);
    pair.enqueue("client", answer, 5 * MS);
    return null;
  });
}

/** Data segments that 20 writes of 10 bytes, one per millisecond, take. */
function segmentsOfSmallWrites(noDelay: boolean): number {
  const { pair, client, server } = establish({ client: { tcp: { noDelay } } });
  for (let i = 0; i < 20; i++) {
    client.write(10);
    pair.run(1);
  }
  pair.run(200);
  whole([server, 200]);
  return pair.packets((sent) => sent.from === "client" && isData(sent)).length;
}

describe("data over several subflows", () => {
  test("uses them all in both directions", () => {
    const { pair, client, server } = establish({ clientAddresses: 3 });
    client.write(600_000);
    server.write(400_000);
    pair.run(5000);
    whole([server, 600_000], [client, 400_000]);
    for (const side of ["client", "server"] as const) expect(new Set(pair.packets((sent) => sent.from === side && isData(sent)).map((sent) => sent.client))).toEqual(new Set([0, 1, 2]));
    expect([pair.packets(isReset), pair.decisions("client", "reinjection")]).toEqual([[], []]);
  });

  test("carries on every data segment a mapping that says where its bytes belong", () => {
    const { pair, client, server } = establish({ client: { mptcp: { scheduler: roundRobin } } });
    client.write(50_000);
    pair.run(1000);
    whole([server, 50_000]);
    const space = new DataSequenceSpace(client.mptcp.session.local.idsnHigh, client.mptcp.session.local.idsnLow);
    const seen = new Set<number>();
    for (const subflow of client.mptcp.subflows) {
      let next = 1;
      for (const sent of pair.packets((one) => one.segment.sourcePort === subflow.tcp.tuple.localPort && one.from === "client" && isData(one))) {
        const dss = dssOf(sent) as Dss;
        expect([dss.subflowSequence, dss.dataLength]).toEqual([next, sent.segment.payload.length]);
        next += dss.dataLength;
        const at = space.positionNear(dss.dsnLow, 0);
        expect(seen.has(at)).toBe(false);
        seen.add(at);
      }
    }
    expect(seen.size).toBeGreaterThan(30);
  });

  test("keeps order across paths of very different delay", () => {
    const { pair, client, server } = establish({ delay: (index) => (index === 0 ? 2 : 150) * MS, client: { mptcp: { scheduler: roundRobin } } });
    pair.run(1000);
    client.write(2_000_000);
    pair.run(30_000);
    whole([server, 2_000_000]);
  });

  test("sends small writes at once without Nagle, and gathers them with it", () => {
    expect(segmentsOfSmallWrites(true)).toBe(20);
    // One round trip is 20 ms.
    expect(segmentsOfSmallWrites(false)).toBeLessThanOrEqual(3);
  });

  test("speaks IPv6 as well", () => {
    const { pair, client, server } = establish({ clientAddresses: ["2001:db8:1::1", "2001:db8:1::2"], serverAddresses: ["2001:db8:2::1"] });
    client.write(300_000);
    server.write(300_000);
    pair.run(3000);
    whole([client, 300_000], [server, 300_000]);
    expect(client.established).toEqual([1, 2]);
    // MSS: 1500 less 40, 20, and 28 of timestamps and DSS.
    expect(Math.max(...pair.packets(isData).map((sent) => sent.segment.payload.length))).toBe(1412);
  });

  test("counts what it does under the kernel's names", () => {
    const { pair, client, server } = establish({ serverAddresses: 1 });
    client.write(100_000);
    pair.run(1000);
    client.end();
    server.end();
    pair.run(1000);
    const named = (side: "client" | "server"): Record<string, number> =>
      Object.fromEntries(Object.entries(pair.hosts[side].counters.snapshot()).filter(([name]) => name.startsWith("MPTcpExt")));
    expect(named("client")).toEqual({ MPTcpExtMPCapableSYNTX: 1, MPTcpExtMPCapableSYNACKRX: 1, MPTcpExtMPJoinSynTx: 1, MPTcpExtMPJoinSynAckRx: 1, MPTcpExtAddAddrTx: 1, MPTcpExtEchoAdd: 1 });
    expect(named("server")).toEqual({ MPTcpExtMPCapableSYNRX: 1, MPTcpExtMPCapableACKRX: 1, MPTcpExtMPJoinSynRx: 1, MPTcpExtMPJoinAckRx: 1, MPTcpExtAddAddr: 1, MPTcpExtEchoAddTx: 1 });
    expect(pair.hosts.client.counters.segments.TcpOutSegs).toBe(pair.packets((sent) => sent.from === "client").length);
    expect(pair.hosts.server.counters.segments.TcpInSegs).toBe(pair.packets((sent) => sent.from === "client").length);
  });
});

describe("data sequence numbers", () => {
  test.each([
    [4, 4],
    [8, 8],
    [4, 8],
    [8, 4],
  ] as const)("of %i octets from the client, %i from the server; 8 are acknowledged with 8 (RFC 8684 §3.3.2)", (ours, theirs) => {
    const { pair, client, server } = establish({ client: { mptcp: { dataSequenceLength: ours } }, server: { mptcp: { dataSequenceLength: theirs } } });
    client.write(100_000);
    server.write(100_000);
    pair.run(2000);
    whole([client, 100_000], [server, 100_000]);
    const mark = pair.sent.length;
    client.write(1000);
    server.write(1000);
    pair.run(500);
    const lengths = (from: Sent["from"]): number[][] => {
      const all = pair.packets((sent) => sent.from === from && isData(sent), mark).map((sent) => dssOf(sent) as Dss);
      return [...new Set(all.map((dss) => `${dss.dsnLength} ${dss.dataAckLength}`))].map((text) => text.split(" ").map(Number));
    };
    expect(lengths("client")).toEqual([[ours, Math.max(ours, theirs)]]);
    expect(lengths("server")).toEqual([[theirs, Math.max(ours, theirs)]]);
  });

  test.each([4, 8] as const)("of %i octets pass the wrap of their lower half", (length) => {
    // SHA-256 of this key ends in ffffe139: the lower half wraps after 7878 bytes.
    const key = Uint8Array.of(0x6d, 0x70, 0x74, 0x63, 0x00, 0x02, 0x88, 0x52);
    expect(deriveKeyMaterial(key).idsnLow).toBe(0xffffe139);
    const keys: RandomSource = { uint32: () => 0, fill: (target) => target.set(key.subarray(0, target.length)) };
    const random = seededSources(5, [], { keys });
    const { pair, client, server } = establish({ client: { random, mptcp: { dataSequenceLength: length } } });
    expect(client.mptcp.session.local.idsnLow).toBe(0xffffe139);
    client.write(100_000);
    client.end();
    pair.run(3000);
    whole([server, 100_000]);
    expect([server.connection.ended, client.drained]).toEqual([true, true]);
    const lows = pair.packets((sent) => sent.from === "client" && (dssOf(sent)?.dsnLength ?? 0) > 0).map((sent) => (dssOf(sent) as Dss).dsnLow);
    expect(Math.max(...lows)).toBeGreaterThan(0xffff0000);
    expect(Math.min(...lows)).toBeLessThan(0x20000);
  });
});

/** The largest right edge that the server offered, and whether the client ever went beyond it. */
function watchWindow(pair: Pair, client: () => App, server: () => App): { beyond: number } {
  const seen = { beyond: 0 };
  let right = 0;
  pair.interfere((packet, sent) => {
    const dss = dssOf(sent);
    if (sent.from === "server") {
      if (dss !== null && dss.dataAckLength !== 0) {
        const { remoteSpace } = server().mptcp.session;
        const scale = isSyn(sent) ? 1 : server().mptcp.subflows[0]?.tcp.receiver.scale ?? 1;
        right = Math.max(right, remoteSpace.positionNear(dss.dataAckLow, right) + sent.segment.window * scale);
      }
    } else if (dss !== null && dss.dsnLength !== 0 && isData(sent)) {
      const end = client().mptcp.session.localSpace.positionNear(dss.dsnLow, right) + sent.segment.payload.length;
      if (right > 0 && end > right) seen.beyond++;
    }
    return packet;
  });
  return seen;
}

describe("the shared receive window", () => {
  test("stops a sender whose peer does not read, and an update on every subflow starts it again", () => {
    const { pair, client, server } = establish({ server: { tcp: fixed(50_000) } });
    const seen = watchWindow(pair, () => client, () => server);
    server.reading = false;
    client.write(400_000);
    pair.run(3000);
    // The window field counts in units of its scale.
    const filled = server.connection.readable;
    expect(filled).toBeGreaterThan(50_000 - (server.mptcp.subflows[0]?.tcp.receiver.scale ?? 0));
    expect([filled <= 50_000, client.engine.sender.una, client.engine.sender.right]).toEqual([true, filled, filled]);
    const mark = pair.sent.length;
    server.reading = true;
    server.read();
    pair.run(1);
    expect(pair.packets((sent) => sent.from === "server", mark).map((sent) => sent.client).toSorted()).toEqual([0, 1]);
    pair.run(10_000);
    whole([server, 400_000]);
    expect(seen.beyond).toBe(0);
  });

  test("whose update is lost on all paths is found open by a probe", () => {
    const { pair, client, server } = establish({ server: { tcp: fixed(30_000) } });
    server.reading = false;
    client.write(200_000);
    pair.run(2000);
    const deaf = pair.lose((sent) => sent.from === "server");
    server.reading = true;
    server.read();
    pair.run(10);
    deaf();
    expect(server.received).toBeLessThanOrEqual(30_000);
    expect(pair.runUntil(() => server.received === 200_000, 20_000)).toBe(true);
    expect(server.corrupt).toBe(false);
  });

  test("closed for long is probed less and less often, and never given up", () => {
    const { pair, client, server } = establish({ server: { tcp: fixed(30_000) } });
    server.reading = false;
    client.write(200_000);
    pair.run(5000);
    const mark = pair.sent.length;
    pair.run(600_000);
    const probes = pair.packets((sent) => sent.from === "client", mark);
    expect(probes.length).toBeGreaterThan(5);
    expect(probes.length).toBeLessThan(200);
    expect(client.connection.closed).toBe(false);
    server.reading = true;
    server.read();
    pair.run(10_000);
    whole([server, 200_000]);
  });

  test("is never overrun, whatever the paths and the reader do", () => {
    const { pair, client, server } = establish({ clientAddresses: 3, delay: (index) => [5, 40, 160][index] as number * MS, server: { tcp: fixed(40_000) } });
    const seen = watchWindow(pair, () => client, () => server);
    server.reading = false;
    client.write(500_000);
    for (let i = 0; i < 4000 && server.received < 500_000; i++) {
      pair.run(7);
      server.read(((i * 7919) % 23) * 100);
      expect(server.engine.receiver.buffered).toBeLessThanOrEqual(40_000);
    }
    pair.run(1000);
    whole([server, 500_000]);
    expect(seen.beyond).toBe(0);
    expect(pair.counter("server", "NoDSSInWindow")).toBe(0);
  });

  test("data beyond it is dropped and not acknowledged (RFC 8684 §3.8)", () => {
    const { pair, client, server } = establish({ clientAddresses: 1 });
    client.write(1000);
    pair.run(200);
    let altered = 0;
    pair.alter((segment, sent) => {
      const dss = option(segment, "dss");
      if (altered > 0 || sent.from !== "client" || !isData(sent) || dss === null) return;
      altered++;
      segment.mptcp = [Object.assign(Object.create(Object.getPrototypeOf(dss) as object) as Dss, dss, { dsnLow: (dss.dsnLow + 50_000_000) >>> 0 })];
    });
    const acknowledged = server.mptcp.subflows[0]?.tcp.receivedOffset;
    client.write(500);
    pair.run(15);
    expect(altered).toBe(1);
    expect([server.received, server.mptcp.subflows[0]?.tcp.receivedOffset]).toEqual([1000, acknowledged]);
    expect(pair.counter("server", "NoDSSInWindow")).toBe(1);
    // The retransmission comes unharmed.
    pair.run(3000);
    whole([server, 1500]);
  });
});

describe("lost paths", () => {
  test("where only the retransmission timeout tells, without SACK: what the path carries goes over the other at once", () => {
    const tcp = { sack: false };
    const pair = new Pair({ clientAddresses: 2, client: { tcp }, server: { tcp } });
    const { client, server } = pair.establish();
    client.write(300_000);
    pair.runUntil(() => server.received > 50_000, 2000);
    pair.lose((sent) => sent.client === 0);
    pair.runUntil(() => server.received === 300_000, 1500);
    expect([server.received, server.corrupt]).toEqual([300_000, false]);
    const causes = pair.decisions("client", "reinjection").map((event) => event.cause);
    expect(causes).toContain("rto");
    expect(causes).not.toContain("data_timeout");
  });

  test("a tail loss probe, or else a timeout, moves the path's data to another one; it is used again when it answers", () => {
    const { pair, client, server } = establish({});
    client.write(200_000);
    pair.run(1000);
    const outage = pair.lose(onSecond);
    client.write(200_000);
    pair.run(2000);
    whole([server, 400_000]);
    for (const event of pair.decisions("client", "reinjection")) expect([event.subflow, ["rto", "tail_loss_probe"].includes(event.cause)]).toEqual([2, true]);
    expect(pair.decisions("client", "reinjection").length).toBeGreaterThan(0);
    expect(pair.decisions("client", "rto").map((event) => event.subflow)).toContain(2);
    expect(client.mptcp.subflows[1]?.stale).toBe(true);
    let mark = pair.sent.length;
    client.write(50_000);
    pair.run(500);
    whole([server, 450_000]);
    expect(pair.packets((sent) => onSecond(sent) && isData(sent) && sent.from === "client", mark).length).toBeLessThanOrEqual(2);
    outage();
    pair.run(10_000);
    expect(client.mptcp.subflows[1]?.stale).toBe(false);
    mark = pair.sent.length;
    client.write(300_000);
    pair.run(2000);
    whole([server, 750_000]);
    expect(pair.packets((sent) => onSecond(sent) && isData(sent) && sent.from === "client", mark).length).toBeGreaterThan(0);
    expect([pair.counter("client", "SubflowStale"), pair.counter("client", "SubflowRecover")]).toEqual([1, 1]);
  });

  test("all paths out at once: everything goes on when they are back", () => {
    const { pair, client, server } = establish({});
    client.write(300_000);
    pair.run(30);
    const outage = pair.lose(() => true);
    pair.run(5000);
    outage();
    pair.run(30_000);
    whole([server, 300_000]);
    expect(client.connection.error).toBeNull();
  });
});

describe("middleboxes", () => {
  test("one that acknowledges data and loses it: the data timeout sends it on another path (RFC 8684 §3.3.6)", () => {
    const { pair, client, server } = establish({});
    client.write(100_000);
    pair.run(1000);
    const stop = swallow(pair, onSecond);
    client.write(100_000);
    // The path seems four times as fast as the honest one, so that a scheduler would love it.
    expect(pair.runUntil(() => server.received === 200_000, 5000)).toBe(true);
    expect(pair.decisions("client", "reinjection").map((event) => event.cause)).toContain("data_timeout");
    client.write(1_000_000);
    expect(pair.runUntil(() => server.received === 1_200_000, 60_000)).toBe(true);
    stop();
    expect([server.corrupt, client.connection.error]).toEqual([false, null]);
  });

  test("one that does so on the only path: nothing wrong is delivered, and the data comes again", () => {
    const { pair, client, server } = establish({ clientAddresses: 1 });
    client.write(10_000);
    pair.run(500);
    const stop = swallow(pair, () => true);
    client.write(5000);
    pair.run(100);
    stop();
    pair.addAddress("client", "10.1.0.2");
    pair.run(20_000);
    whole([server, 15_000]);
  });

  test("one that cuts segments and repeats the options on each part", () => {
    const { pair, client, server } = establish({});
    pair.interfere((packet, sent) => {
      if (!isData(sent) || packet.tcp === null || packet.tcp.payload.length < 400) return packet;
      const { payload, sequence } = packet.tcp;
      const cuts = [0, 100, 399, payload.length];
      return [2, 0, 1].map((i) => {
        const part = packet.clone();
        const from = cuts[i] as number;
        if (part.tcp !== null) {
          part.tcp.payload = payload.slice(from, cuts[i + 1] as number);
          part.tcp.sequence = sequenceAdd(sequence, from);
        }
        part.length = packetLength(part);
        return part;
      });
    });
    client.write(200_000);
    server.write(200_000);
    client.end();
    pair.run(10_000);
    whole([client, 200_000], [server, 200_000]);
    expect([server.connection.ended, pair.packets(isReset)]).toEqual([true, []]);
  });

  test("one that cuts segments and keeps the options on the first part only", () => {
    const { pair, client, server } = establish({});
    pair.middlebox(splitter({ size: 300, options: "first" }));
    client.write(200_000);
    pair.run(5000);
    whole([server, 200_000]);
    expect(pair.counter("server", "DSSNoMapping")).toBe(0);
  });

  test("one that joins two segments and drops the second one's options: the data arrives in the end, unharmed", () => {
    const { pair, client, server } = establish({});
    client.write(10_000);
    pair.run(500);
    let held: Packet | null = null;
    let joined = 0;
    pair.interfere((packet, sent) => {
      if (sent.from !== "client" || !isData(sent) || packet.tcp === null || joined >= 20) return packet;
      if (held !== null && held.tcp !== null && held.tcp.sourcePort === packet.tcp.sourcePort && sequenceAdd(held.tcp.sequence, held.tcp.payload.length) === packet.tcp.sequence) {
        const both = new Uint8Array(held.tcp.payload.length + packet.tcp.payload.length);
        held.tcp.payload.copyTo(both, 0);
        packet.tcp.payload.copyTo(both, held.tcp.payload.length);
        held.tcp.payload = Payload.of(both);
        held.length = packetLength(held);
        const out = held;
        held = null;
        joined++;
        return out;
      }
      const out = held;
      held = packet;
      return out ?? [];
    });
    client.write(300_000);
    pair.run(60_000);
    expect(joined).toBe(20);
    whole([server, 310_000]);
    expect(pair.counter("server", "DSSNoMapping")).toBeGreaterThan(0);
  });

  test("one that contradicts a mapping that it let pass: the subflow is reset, the stream stays whole", () => {
    const { pair, client, server } = establish({});
    client.write(10_000);
    pair.run(500);
    let copies = 0;
    pair.interfere((packet, sent) => {
      const dss = dssOf(sent);
      if (copies > 0 || !onSecond(sent) || sent.from !== "client" || !isData(sent) || dss === null || packet.tcp === null) return packet;
      copies++;
      // The first part is missing, so that the mapping is remembered; then a copy says something else.
      const late = packet.clone();
      const wrong = packet.clone();
      for (const one of [late, wrong]) {
        if (one.tcp === null) continue;
        one.tcp.payload = packet.tcp.payload.slice(100, packet.tcp.payload.length);
        one.tcp.sequence = sequenceAdd(packet.tcp.sequence, 100);
        one.length = packetLength(one);
      }
      if (wrong.tcp !== null) wrong.tcp.mptcp = [Object.assign(Object.create(Object.getPrototypeOf(dss) as object) as Dss, dss, { dsnLow: (dss.dsnLow + 5) >>> 0 })];
      return [late, wrong];
    });
    client.write(200_000);
    pair.run(10_000);
    expect(copies).toBe(1);
    whole([server, 200_000 + 10_000]);
    expect(pair.decisions("server", "subflow_closed").map((event) => event.reason)).toEqual(["mapping_conflict"]);
    expect(pair.lines((sent) => isReset(sent) && sent.from === "server")).toContain("< 10 RA tcprst(1)");
    expect(pair.counter("server", "DSSNotMatching")).toBe(1);
  });
});

/** How long a transfer takes over a fast and a slow path when the window holds neither. */
function transferTime(improved: boolean): { took: number; pair: Pair } {
  const { pair, client, server } = establish({
    delay: (index) => (index === 0 ? 10 : 300) * MS,
    client: { mptcp: { scheduler: lowestTimeDistance, opportunisticRetransmission: improved, penalisation: improved } },
    server: { tcp: fixed(60_000) },
  });
  pair.run(2000);
  client.write(1_500_000);
  const start = pair.now;
  expect(pair.runUntil(() => server.received === 1_500_000, 300_000)).toBe(true);
  expect(server.corrupt).toBe(false);
  return { took: pair.now - start, pair };
}

describe("a slow path and a small window (NSDI'12)", () => {
  test("opportunistic retransmission and penalisation keep the fast path busy", () => {
    const plain = transferTime(false);
    const better = transferTime(true);
    expect(better.took).toBeLessThan(plain.took * 0.8);
    expect(plain.pair.decisions("client", "penalise")).toEqual([]);
    expect(better.pair.decisions("client", "penalise").length).toBeGreaterThan(0);
    expect(better.pair.decisions("client", "reinjection").every((event) => event.cause === "opportunistic")).toBe(true);
  });
});

describe("any network that loses, doubles and reorders", () => {
  interface Weather {
    readonly loss: number;
    readonly double: number;
    readonly reorder: number;
    readonly seed: number;
    readonly clients: number;
    readonly servers: number;
    readonly up: number;
    readonly down: number;
    readonly buffer: number;
  }
  const weather: fc.Arbitrary<Weather> = fc.record({
    loss: fc.integer({ min: 0, max: 10 }),
    double: fc.integer({ min: 0, max: 10 }),
    reorder: fc.integer({ min: 0, max: 30 }),
    seed: fc.nat(1_000_000),
    clients: fc.integer({ min: 1, max: 3 }),
    servers: fc.integer({ min: 1, max: 2 }),
    up: fc.integer({ min: 0, max: 150_000 }),
    down: fc.integer({ min: 0, max: 150_000 }),
    buffer: fc.constantFrom(8000, 40_000, 1_000_000),
  });

  test("delivers both streams whole and closes cleanly", () => {
    fc.assert(
      fc.property(weather, ({ loss, double, reorder, seed, clients, servers, up, down, buffer }) => {
        const random = new SeededRandom(seed);
        const chance = (percent: number): boolean => random.uint32() % 100 < percent;
        const pair = new Pair({ clientAddresses: clients, serverAddresses: servers, seed, client: { tcp: fixed(buffer) }, server: { tcp: fixed(buffer) } });
        pair.interfere((packet, sent) => {
          if (chance(loss)) return null;
          const copies = chance(double) ? [packet, packet.clone()] : [packet];
          return copies.filter((one) => {
            if (!chance(reorder)) return true;
            pair.enqueue(sent.from === "client" ? "server" : "client", one, (10 + (random.uint32() % 30)) * MS);
            return false;
          });
        });
        const client = pair.connect();
        client.write(up);
        client.end();
        pair.runUntil(() => pair.accepted.length > 0 || client.connection.closed, 300_000);
        const server = pair.accepted[0];
        if (server === undefined) throw new Error(`not established: ${client.connection.error}`);
        server.write(down);
        server.end();
        pair.runUntil(() => client.connection.closed && server.connection.closed, 3_000_000);
        whole([server, up], [client, down]);
        expect([client.connection.error, server.connection.error, client.connection.ended, server.connection.ended]).toEqual([null, null, true, true]);
        // Fallback is for paths without options: there is none here.
        expect([client.connection.fallback, server.connection.fallback]).toEqual([null, null]);
        pair.run(2_000_000);
        for (const side of ["client", "server"] as const) expect((pair.hosts[side] as unknown as { tokens: Map<number, unknown> }).tokens.size).toBe(0);
      }),
      { seed: 8684, numRuns: 60 },
    );
  });
});

test("nothing of a first-path stream is lost when its subflow never returns", () => {
  const { pair, client, server } = establish({});
  client.write(400_000);
  server.write(400_000);
  pair.run(45);
  pair.lose(onFirst);
  pair.run(60_000);
  whole([server, 400_000], [client, 400_000]);
  expect(pair.packets((sent) => has(sent, "mp_fastclose"))).toEqual([]);
});
