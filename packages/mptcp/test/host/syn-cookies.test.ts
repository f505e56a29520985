import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/core/index.ts";
import type { SynCookieOffer } from "../../src/host/syn-cookies.ts";
import { SynCookies } from "../../src/host/syn-cookies.ts";
import { version1 } from "../../src/mptcp/index.ts";
import { optionStripper } from "../../src/sim/index.ts";
import { cubic, DEFAULT_TCP_CONFIG } from "../../src/tcp/index.ts";
import { Dss, IpAddress, Packet, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import type { App, PairOptions, Sent } from "../mptcp/pair.ts";
import { has, isData, isReset, isSyn, MS, option, Pair, PORT } from "../mptcp/pair.ts";

const ALWAYS = { synCookies: "always" } as const;
const isThirdAck = (sent: Sent): boolean => sent.from === "client" && !isSyn(sent) && !isData(sent) && has(sent, "mp_capable");

function count(pair: Pair): Record<string, number> {
  const { counters } = pair.hosts.server;
  return { sent: counters.value("TcpExtSyncookiesSent"), received: counters.value("TcpExtSyncookiesRecv"), failed: counters.value("TcpExtSyncookiesFailed") };
}

/** Moves data both ways and closes; all must arrive. */
function exchange(pair: Pair, client: App): App {
  client.write(300_000);
  pair.run(3000);
  const server = pair.accepted.at(-1);
  if (server === undefined) throw new Error("nothing accepted");
  server.write(200_000);
  pair.run(3000);
  expect([server.received, client.received, server.corrupt, client.corrupt]).toEqual([300_000, 200_000, false, false]);
  return server;
}

function finish(pair: Pair, client: App, server: App): void {
  client.end();
  server.end();
  pair.run(5000);
  expect([client.connection.closed, client.connection.error, server.connection.closed, server.connection.error]).toEqual([true, null, true, null]);
  expect(pair.hosts.server.usage).toMatchObject({ tokens: 0 });
}

describe("a listener that remembers no SYN", () => {
  test.each([4, 6])("speaks Multipath TCP with joins, window scaling, SACK and the MSS (IPv%i)", (family) => {
    const addresses: PairOptions = family === 4 ? { clientAddresses: 2 } : { clientAddresses: ["2001:db8::1", "2001:db8::2"], serverAddresses: ["2001:db8:1::1"] };
    const pair = new Pair({ ...addresses, server: ALWAYS });
    const client = pair.connect();
    // Until the ACK is here there is nothing at all.
    pair.run(15);
    expect(pair.hosts.server.usage).toEqual({ connections: 0, orphans: 0, lingering: 0, timeWaits: 0, pendingJoins: 0, tokens: 0, ports: 0, timers: 0 });
    pair.run(200);
    const server = exchange(pair, client);
    expect([client.connection.multipath, server.connection.multipath, client.connection.fallback]).toEqual([true, true, null]);
    expect([client.established, server.established]).toEqual([[1, 2], [1, 2]]);
    const tcp = server.mptcp.subflows[0]?.tcp;
    expect([tcp?.sack, tcp?.timestamps, tcp?.scaling, tcp?.peerMss]).toEqual([true, true, true, family === 4 ? 1460 : 1440]);
    expect(tcp?.sender.scale).toBe(client.mptcp.subflows[0]?.tcp.receiver.scale);
    expect(count(pair)).toEqual({ sent: 1, received: 1, failed: 0 });
    finish(pair, client, server);
  });

  test("has timestamps that never go back", () => {
    const pair = new Pair({ server: ALWAYS });
    const client = pair.connect();
    exchange(pair, client);
    const values = pair.packets((sent) => sent.from === "server").map((sent) => sent.segment.timestampValue);
    expect(values.length).toBeGreaterThan(100);
    for (let i = 1; i < values.length; i++) expect(((values[i] as number) - (values[i - 1] as number)) | 0).toBeGreaterThanOrEqual(0);
  });

  test("does without scaling and SACK where the peer has no timestamps", () => {
    const pair = new Pair({ server: ALWAYS, client: { tcp: { timestamps: false } } });
    const client = pair.connect();
    const server = exchange(pair, client);
    const tcp = server.mptcp.subflows[0]?.tcp;
    expect([tcp?.sack, tcp?.timestamps, tcp?.scaling, tcp?.peerMss, client.mptcp.subflows[0]?.tcp.sack]).toEqual([false, false, false, 1460, false]);
    finish(pair, client, server);
  });

  test("speaks plain TCP with whoever asks for no more, or whose options are lost", () => {
    const pair = new Pair({ server: ALWAYS });
    const plain = pair.connect({ multipath: false });
    const one = exchange(pair, plain);
    expect([one.connection.multipath, one.connection.fallback]).toEqual([false, null]);
    finish(pair, plain, one);
    pair.middlebox(optionStripper({ segments: ["data", "ack", "rst"], direction: "outward" }));
    const cut = pair.connect();
    const two = exchange(pair, cut);
    expect([two.connection.multipath, two.connection.fallback, cut.connection.multipath]).toEqual([false, "no_mp_capable_in_ack", false]);
  });

  test("takes up checksums and the C flag as without cookies", () => {
    const pair = new Pair({ clientAddresses: 1, server: { ...ALWAYS, mptcp: { denyJoinInitialAddress: true } }, client: { mptcp: { checksum: true, denyJoinInitialAddress: true } } });
    const client = pair.connect();
    const server = exchange(pair, client);
    expect([client.mptcp.session.checksums, server.mptcp.session.checksums, client.mptcp.session.peerDeniesJoin, server.mptcp.session.peerDeniesJoin]).toEqual([true, true, true, true]);
    expect(pair.packets((sent) => sent.from === "server" && isSyn(sent)).map((sent) => option(sent.segment, "mp_capable")?.flags)).toEqual([0xa1 | 0x20]);
  });

  test("makes the connection from the first data when the third ACK is lost", () => {
    const pair = new Pair({ server: ALWAYS });
    pair.lose(isThirdAck, 1);
    const client = pair.connect();
    client.write(5000);
    pair.run(3000);
    expect([pair.accepted[0]?.received, pair.accepted[0]?.connection.multipath]).toEqual([5000, true]);
  });

  test("answers a SYN that is sent again", () => {
    const pair = new Pair({ server: ALWAYS });
    pair.lose((sent) => sent.from === "server" && isSyn(sent), 2);
    const client = pair.connect();
    pair.run(5000);
    exchange(pair, client);
    expect(count(pair)).toEqual({ sent: 3, received: 1, failed: 0 });
  });
});

describe("a flood of SYNs from made-up addresses", () => {
  function flood(pair: Pair, number: number): void {
    for (let i = 0; i < number; i++) {
      const packet = new Packet(IpAddress.v4(0xc6330000 + i), pair.address("server", 0));
      const segment = new TcpSegment();
      Object.assign(segment, { sourcePort: 1024 + (i % 60_000), destinationPort: PORT, flags: TCP_FLAG.SYN, sequence: Math.imul(i, 0x9e3779b1) >>> 0, window: 65535, hasTimestamps: true, timestampValue: i, windowScale: 7, sackPermitted: true });
      segment.mptcp = [{ kind: "mp_capable", version: 1, flags: 1, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 }];
      packet.tcp = segment;
      pair.inject("server", packet);
    }
  }

  test("10,000 of them leave no more behind than the limit, and a real client gets through with Multipath TCP", () => {
    const pair = new Pair({ clientAddresses: 2, listen: { halfOpen: 64 } });
    flood(pair, 10_000);
    expect(pair.hosts.server.usage).toMatchObject({ connections: 64, tokens: 64 });
    expect(count(pair)).toEqual({ sent: 9936, received: 0, failed: 0 });
    const client = pair.connect();
    const server = exchange(pair, client);
    expect([server.established, client.connection.fallback]).toEqual([[1, 2], null]);
    expect(pair.hosts.server.counters.value("TcpExtListenOverflows")).toBe(0);
  });

  test("without cookies keeps the client out", () => {
    const pair = new Pair({ listen: { halfOpen: 64 }, server: { synCookies: "never" } });
    flood(pair, 1000);
    expect([pair.hosts.server.usage.connections, pair.hosts.server.counters.value("TcpExtListenOverflows")]).toEqual([64, 936]);
    const client = pair.connect();
    pair.run(500);
    expect([client.connected, count(pair)]).toEqual([false, { sent: 0, received: 0, failed: 0 }]);
  });

  test("does not make connections that nobody accepts", () => {
    const pair = new Pair({ server: ALWAYS, listen: { backlog: 3 }, accept: false });
    for (let i = 0; i < 10; i++) pair.connect();
    pair.run(500);
    expect(pair.hosts.server.usage.connections).toBe(3);
    // Who came too early to be let in is let in when there is room.
    pair.accept = true;
    pair.acceptAll();
    pair.run(10_000);
    expect(pair.accepted.length).toBeGreaterThanOrEqual(3);
  });
});

describe("where cookies are in use", () => {
  /** 3 % of all packets get lost; a thousand clients say at once what they have to say. */
  function lossy(): { pair: Pair; clients: App[] } {
    const pair = new Pair({ server: ALWAYS });
    const random = new SeededRandom(7);
    pair.lose(() => random.uint32() < 0.03 * 2 ** 32);
    const clients = Array.from({ length: 1000 }, () => {
      const client = pair.connect();
      client.write(5000);
      client.end();
      pair.run(2);
      return client;
    });
    pair.run(60_000);
    return { pair, clients };
  }

  test("a lost first packet resets nobody: 1000 connections at 3 % loss, and all complete", () => {
    const { pair, clients } = lossy();
    expect(clients.filter((client) => client.connection.error !== null).length).toBe(0);
    expect([pair.accepted.length, pair.accepted.filter((server) => server.received === 5000 && server.connection.ended).length]).toEqual([1000, 1000]);
    expect(pair.packets((sent) => sent.from === "server" && isReset(sent))).toEqual([]);
  });

  test("data without its first segment is not answered, until the first one comes again", () => {
    const pair = new Pair({ server: ALWAYS });
    const isFirst = (sent: Sent): boolean => sent.from === "client" && has(sent, "mp_capable") && !isSyn(sent);
    const late = pair.lose(isFirst);
    const client = pair.connect();
    client.write(5000);
    pair.run(500);
    expect([pair.hosts.server.usage.connections, count(pair).received]).toEqual([0, 0]);
    expect(count(pair).failed).toBeGreaterThan(0);
    expect(pair.packets((sent) => sent.from === "server" && !isSyn(sent))).toEqual([]);
    late();
    pair.run(5000);
    expect([pair.accepted[0]?.received, pair.accepted[0]?.connection.multipath]).toEqual([5000, true]);
  });

  test("an ACK that somebody drew from the client ahead of its first segment is not answered either", () => {
    const pair = new Pair({ server: ALWAYS });
    const late = pair.lose((sent) => sent.from === "client" && isData(sent));
    const client = pair.connect();
    client.write(5000);
    pair.run(50);
    // Not acceptable to the client, and from anybody: it says what it expects.
    const packet = (pair.packets((sent) => sent.from === "server").at(-1) as Sent).packet.clone();
    Object.assign(packet.tcp as TcpSegment, { flags: 0x10, sequence: ((packet.tcp as TcpSegment).sequence + 2 ** 31) >>> 0, acknowledgment: ((packet.tcp as TcpSegment).acknowledgment + 1) >>> 0, mptcp: [] });
    const mark = pair.sent.length;
    pair.inject("client", packet);
    pair.run(50);
    expect(pair.packets((sent) => sent.from === "client" && !isData(sent), mark).length).toBeGreaterThan(0);
    expect(pair.packets((sent) => sent.from === "server" && isReset(sent))).toEqual([]);
    late();
    pair.run(5000);
    expect([client.connection.error, pair.accepted[0]?.received]).toEqual([null, 5000]);
  });

  test("other data without a connection is answered by RST, as ever (RFC 9293 §3.10.7.1)", () => {
    const pair = new Pair({ server: ALWAYS });
    const client = pair.connect();
    client.write(5000);
    pair.run(500);
    const data = pair.packets((sent) => sent.from === "client" && isData(sent)).at(-1) as Sent;
    const random = new SeededRandom(5);
    const mark = pair.sent.length;
    for (let i = 0; i < 2000; i++) {
      const packet = data.packet.clone();
      Object.assign(packet.tcp as TcpSegment, { sourcePort: 999, acknowledgment: random.uint32() });
      pair.inject("server", packet);
    }
    // One in a thousand looks like a later segment.
    expect(pair.packets((sent) => sent.from === "server" && isReset(sent), mark).length).toBeGreaterThan(1980);
  });

  test("half-open connections never pass their limit: an ACK that proves a cookie without completing the handshake makes none", () => {
    const pair = new Pair({ server: ALWAYS, listen: { halfOpen: 4 } });
    pair.alter((segment, sent) => {
      if (sent.from === "client" && !isSyn(sent)) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? Object.assign(new Dss(), { dataAckLength: 4 as const, dataAckLow: 1 }) : one));
    });
    for (let i = 0; i < 100; i++) pair.connect();
    pair.run(3000);
    expect([pair.hosts.server.usage.connections, pair.listener.halfOpen, count(pair).received]).toEqual([0, 0, 0]);
    expect(count(pair).failed).toBeGreaterThanOrEqual(100);
  });

  test("an ACK that was recorded makes its connection once", () => {
    const pair = new Pair({ server: ALWAYS });
    const client = pair.connect();
    pair.run(100);
    const { packet } = pair.packets(isThirdAck)[0] as Sent;
    client.connection.abort(pair.now);
    pair.run(1000);
    expect(pair.hosts.server.usage.connections).toBe(0);
    for (let i = 0; i < 50; i++) {
      pair.inject("server", packet.clone());
      pair.run(1000);
    }
    expect([pair.hosts.server.usage.connections, pair.accepted.length]).toEqual([0, 1]);
    expect(count(pair)).toEqual({ sent: 1, received: 1, failed: 50 });
  });
});

describe("what is no cookie", () => {
  test("guessed ACKs are answered by RST and make nothing", () => {
    const pair = new Pair({ server: ALWAYS });
    pair.connect();
    pair.run(100);
    const real = pair.packets(isThirdAck)[0] as Sent;
    const random = new SeededRandom(3);
    for (let i = 0; i < 2000; i++) {
      const packet = real.packet.clone();
      if (packet.tcp === null) return;
      packet.tcp.sourcePort = 999;
      packet.tcp.acknowledgment = random.uint32();
      pair.inject("server", packet);
    }
    expect(count(pair)).toEqual({ sent: 1, received: 1, failed: 2000 });
    // One in a thousand looks like a later segment.
    expect(pair.packets((sent) => sent.from === "server" && isReset(sent)).length).toBeGreaterThan(1980);
    expect(pair.hosts.server.usage.connections).toBe(1);
  });

  test("nothing is looked at as one while none was sent", () => {
    const pair = new Pair();
    pair.connect();
    pair.run(100);
    const packet = (pair.packets(isThirdAck)[0] as Sent).packet.clone();
    if (packet.tcp === null) return;
    packet.tcp.sourcePort = 999;
    pair.inject("server", packet);
    expect([count(pair).failed, pair.packets((sent) => sent.from === "server" && isReset(sent)).length]).toEqual([0, 1]);
  });

  test("one that is replayed after a minute is refused", () => {
    const pair = new Pair({ server: ALWAYS });
    const client = pair.connect();
    pair.run(100);
    const { packet } = pair.packets(isThirdAck)[0] as Sent;
    client.connection.abort(pair.now);
    pair.run(60_000);
    expect(pair.hosts.server.usage.connections).toBe(0);
    pair.inject("server", packet.clone());
    expect(pair.hosts.server.usage.connections).toBe(0);
    expect(count(pair)).toEqual({ sent: 1, received: 1, failed: 1 });
  });
});

describe("cookies by themselves", () => {
  const config = { ...DEFAULT_TCP_CONFIG, congestion: cubic };
  const offer: SynCookieOffer = { config, version: version1, isEarlier: false, capableFlags: 1, peerDeniesJoin: false, isFree: () => true };
  const [A, B] = [IpAddress.from("192.0.2.1"), IpAddress.from("192.0.2.2")];

  function syn(fields: Partial<TcpSegment>): { packet: Packet; segment: TcpSegment } {
    const packet = new Packet(A, B);
    const segment = Object.assign(new TcpSegment(), { sourcePort: 4000, destinationPort: 80, flags: TCP_FLAG.SYN, window: 65535, ...fields });
    packet.tcp = segment;
    return { packet, segment };
  }

  function ackOf(answer: Packet, fields: Partial<TcpSegment> = {}): { packet: Packet; segment: TcpSegment } {
    const reply = answer.tcp as TcpSegment;
    const { packet, segment } = syn({ flags: TCP_FLAG.ACK, sequence: reply.acknowledgment, acknowledgment: (reply.sequence + 1) >>> 0, hasTimestamps: reply.hasTimestamps, timestampEcho: reply.timestampValue, ...fields });
    return { packet, segment };
  }

  test("bring back what they were made of, until they are old; nothing else is one", () => {
    const number = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(number, number, fc.constantFrom(0, 88, 536, 1300, 1460, 9000), fc.integer({ min: -1, max: 14 }), fc.boolean(), fc.boolean(), fc.integer({ min: 0, max: 1e6 }), (sequence, seed, mss, scale, sack, stamps, at) => {
        const cookies = new SynCookies(new SeededRandom(seed), { offsetBetween: () => seed });
        const now = at * MS;
        const { packet, segment } = syn({ sequence, maximumSegmentSize: mss, windowScale: scale, sackPermitted: sack, hasTimestamps: stamps, timestampValue: seed });
        const answer = cookies.answer(packet, segment, { ...offer, peerDeniesJoin: sack }, now);
        const ack = ackOf(answer);
        const found = cookies.check(ack.packet, ack.segment, now + 30_000 * MS);
        if (found === null || found === "later" || found.syn.tcp === null) throw new Error("refused");
        const known = found.syn.tcp;
        expect(known.sequence).toBe(sequence);
        expect(known.maximumSegmentSize).toBeLessThanOrEqual(Math.max(536, mss));
        expect(known.maximumSegmentSize).toBeGreaterThan(Math.min(mss, 8940) * 0.5);
        expect([known.windowScale, known.sackPermitted, found.peerDeniesJoin]).toEqual([stamps ? scale : -1, stamps && sack, sack]);
        expect(found.key).toEqual(answer.tcp?.mptcp[0]?.kind === "mp_capable" ? answer.tcp.mptcp[0].senderKey : undefined);
        // Our timestamps go on from the one sent.
        if (stamps) expect((found.sent.timestampOffset + at - (answer.tcp?.timestampValue ?? 0)) | 0).toBeGreaterThanOrEqual(0);
        expect(cookies.check(ack.packet, ack.segment, now + 60_000 * MS)).toBeNull();
        const later = ackOf(answer, { sequence: (ack.segment.sequence + 1) >>> 0 });
        expect(cookies.check(later.packet, later.segment, now)).toBe("later");
        for (const changed of [{ sourcePort: 4001 }, { acknowledgment: ack.segment.acknowledgment ^ (1 << (seed & 23)) }]) {
          const other = ackOf(answer, changed);
          expect(["later", null]).toContain(cookies.check(other.packet, other.segment, now));
        }
        expect(["later", null]).toContain(new SynCookies(new SeededRandom(seed + 1), { offsetBetween: () => seed }).check(ack.packet, ack.segment, now));
      }),
      { seed: 9, numRuns: 200 },
    );
  });

  test("offer plain TCP where the key's token is taken", () => {
    const cookies = new SynCookies(new SeededRandom(1), { offsetBetween: () => 0 });
    const { packet, segment } = syn({ sequence: 7 });
    const answer = cookies.answer(packet, segment, { ...offer, isFree: () => false }, 0);
    expect(answer.tcp?.mptcp).toEqual([]);
    const ack = ackOf(answer);
    expect(cookies.check(ack.packet, ack.segment, 0)).toMatchObject({ key: null });
  });
});
