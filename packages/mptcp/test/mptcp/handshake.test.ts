import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { NEVER, seededSources } from "../../src/core/index.ts";
import { blackHole } from "../../src/sim/index.ts";
import type { MpCapable, Packet } from "../../src/wire/index.ts";
import { MP_CAPABLE_FLAG, packetLength, sequenceAdd, TCP_FLAG } from "../../src/wire/index.ts";
import type { App, Sent } from "./pair.ts";
import { has, isData, isSyn, line, option, Pair } from "./pair.ts";

const capableOf = (sent: Sent | undefined): MpCapable => option((sent as Sent).segment, "mp_capable") as MpCapable;
const third = (sent: Sent): boolean => sent.from === "client" && !isSyn(sent) && !isData(sent) && has(sent, "mp_capable");

const fromClient = (sent: Sent): boolean => sent.from === "client" && isSyn(sent);
const fromServer = (sent: Sent): boolean => sent.from === "server" && isSyn(sent);
const swallow = (pair: Pair): (() => void) => pair.middlebox(blackHole({ segments: ["syn"] }));

/** Puts an MP_CAPABLE with other content in place of the one on chosen segments. */
function alterCapable(pair: Pair, which: (sent: Sent) => boolean, change: Partial<MpCapable>): void {
  pair.alter((segment, sent) => {
    if (which(sent)) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? { ...one, ...change } : one));
  });
}

describe("the three-way handshake (RFC 8684 §3.1)", () => {
  test("without data: keys in the order SYN+ACK, third ACK; a DSS follows at once", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    expect(pair.lines()).toEqual(["> 00 S capable", "< 00 SA capable+key", "> 00 A capable+key+key", "< 00 A dss(ack)"]);
    const [syn, synAck, ack] = pair.sent.map((sent) => capableOf(sent));
    for (const one of [syn, synAck, ack]) expect([one?.version, one?.flags, one?.dataLength]).toEqual([1, MP_CAPABLE_FLAG.H, -1]);
    expect(synAck?.senderKey).toEqual(server.mptcp.session.local.key);
    expect(ack?.senderKey).toEqual(client.mptcp.session.local.key);
    expect(ack?.receiverKey).toEqual(server.mptcp.session.local.key);
    expect(server.mptcp.session.remote.key).toEqual(client.mptcp.session.local.key);
    expect(client.mptcp.session.remote.token).toBe(server.mptcp.session.local.token);
    expect([client.connected, server.connected]).toEqual([true, true]);
    expect([client.connection.multipath, server.connection.multipath]).toEqual([true, true]);
    expect([client.mptcp.session.fullyEstablished, server.mptcp.session.fullyEstablished]).toEqual([true, false]);
  });

  test("with data on the third ACK: MP_CAPABLE with both keys and the length stands for the first DSS", () => {
    const pair = new Pair();
    const client = pair.connect();
    client.write(3000);
    pair.run(200);
    expect(pair.lines((sent) => sent.from === "client").slice(0, 4)).toEqual([
      "> 00 S capable",
      "> 00 A 1428 capable+key+key(1428)",
      "> 00 A 1428 dss(ack map 1428@1429)",
      // Nagle holds the rest back until the first Data ACK.
      "> 00 PA 144 dss(ack map 144@2857)",
    ]);
    const server = pair.accepted[0];
    expect([server?.received, server?.corrupt, server?.mptcp.session.fullyEstablished]).toEqual([3000, false, true]);
    expect(client.engine.sender.una).toBe(3000);
  });

  test("tokens and initial data sequence numbers come from SHA-256 of the keys", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    const key = capableOf(pair.sent[1]).senderKey as Uint8Array;
    const digest = createHash("sha256").update(key).digest();
    expect(server.mptcp.session.local.token).toBe(digest.readUInt32BE(0));
    server.write(100);
    client.write(100);
    pair.run(100);
    const data = pair.packets((sent) => sent.from === "server" && isData(sent))[0] as Sent;
    // The first byte follows the octet that MP_CAPABLE takes.
    expect(option(data.segment, "dss")?.dsnLow).toBe(sequenceAdd(digest.readUInt32BE(28), 1));
    const ours = createHash("sha256").update(capableOf(pair.sent[2]).senderKey as Uint8Array).digest();
    const acknowledgment = pair.packets((sent) => sent.from === "server" && !isSyn(sent))[0] as Sent;
    expect(option(acknowledgment.segment, "dss")?.dataAckLow).toBe(sequenceAdd(ours.readUInt32BE(28), 1));
    expect(ours.readUInt32BE(0)).toBe(client.mptcp.session.local.token);
  });

  test("a server that writes first confirms the keys with its data", () => {
    const pair = new Pair();
    const client = pair.connect();
    pair.runUntil(() => pair.accepted.length > 0);
    pair.accepted[0]?.write(2000);
    pair.run(100);
    client.write(10);
    pair.run(100);
    expect([client.received, client.mptcp.session.fullyEstablished]).toEqual([2000, true]);
    expect(pair.lines((sent) => sent.from === "client" && isData(sent))).toEqual(["> 00 PA 10 dss(ack map 10@1)"]);
    expect(pair.accepted[0]?.received).toBe(10);
  });

  test("both ends write before they hear of each other", () => {
    const pair = new Pair();
    const client = pair.connect();
    pair.runUntil(() => client.connected);
    pair.run(5);
    client.write(500);
    pair.runUntil(() => pair.accepted.length > 0);
    pair.accepted[0]?.write(700);
    pair.run(200);
    expect(pair.lines((sent) => sent.from === "client" && isData(sent))).toEqual(["> 00 PA 500 capable+key+key(500)"]);
    expect([client.received, pair.accepted[0]?.received, client.connection.multipath, pair.accepted[0]?.connection.multipath]).toEqual([700, 500, true, true]);
  });

  test("write and end at once: the keys go with the data, the DATA_FIN after the first DSS", () => {
    const pair = new Pair();
    const client = pair.connect();
    client.write(100);
    client.end();
    pair.run(100);
    expect(pair.lines((sent) => sent.from === "client")).toEqual(["> 00 S capable", "> 00 PA 100 capable+key+key(100)", "> 00 A dss(ack map 1@0 fin)"]);
    expect(pair.accepted[0]?.connection.ended).toBe(true);
    expect([client.connection.multipath, client.drained]).toEqual([true, true]);
  });

  test("end without any data: third ACK with the keys, DATA_FIN on an ACK of its own", () => {
    const pair = new Pair();
    const client = pair.connect();
    client.end();
    pair.run(100);
    expect(pair.lines((sent) => sent.from === "client").slice(0, 3)).toEqual(["> 00 S capable", "> 00 A capable+key+key", "> 00 A dss(ack map 1@0 fin)"]);
    expect([pair.accepted[0]?.connection.ended, pair.accepted[0]?.connection.multipath, client.drained]).toEqual([true, true, true]);
  });
});

describe("the third ACK is made reliable (RFC 8684 §3.1)", () => {
  test("lost without data: the SYN+ACK comes again, and so do the keys", () => {
    const pair = new Pair();
    pair.lose(third, 1);
    const client = pair.connect();
    pair.run(3000);
    expect(pair.lines()).toEqual(["> 00 S capable", "< 00 SA capable+key", "> 00 A capable+key+key", "< 00 SA capable+key", "> 00 A capable+key+key", "< 00 A dss(ack)"]);
    expect([client.connection.multipath, pair.accepted[0]?.connection.multipath]).toEqual([true, true]);
  });

  test("lost, then data: the first data brings the keys", () => {
    const pair = new Pair();
    pair.lose(third, 1);
    const client = pair.connect();
    pair.run(50);
    client.write(2000);
    pair.run(100);
    const server = pair.accepted[0];
    expect([server?.received, server?.connection.multipath, client.connection.multipath]).toEqual([2000, true, true]);
  });

  test("lost with its data: what follows without keys waits for the retransmission", () => {
    const pair = new Pair();
    pair.lose((sent) => isData(sent) && has(sent, "mp_capable"), 1);
    const client = pair.connect();
    client.write(6000);
    pair.run(40);
    // Segments with a DSS only have arrived; nothing is established by them.
    expect(pair.accepted).toEqual([]);
    pair.run(3000);
    const server = pair.accepted[0];
    expect([server?.received, server?.corrupt, server?.connection.multipath, client.connection.multipath]).toEqual([6000, false, true, true]);
    expect(pair.packets((sent) => isData(sent) && has(sent, "mp_capable"))).toHaveLength(2);
    expect(client.connection.fallback).toBeNull();
  });

  test("overtaken by data with the keys: it changes nothing when it comes", () => {
    const pair = new Pair();
    const held: Packet[] = [];
    pair.interfere((packet, sent) => {
      if (!third(sent)) return packet;
      held.push(packet);
      return null;
    });
    const client = pair.connect();
    pair.run(50);
    client.write(2000);
    pair.run(50);
    pair.inject("server", held[0] as Packet);
    client.write(2000);
    pair.run(100);
    expect([pair.accepted.length, pair.accepted[0]?.received, pair.accepted[0]?.connection.multipath]).toEqual([1, 4000, true]);
  });

  test("first data doubled by the network counts once", () => {
    const pair = new Pair();
    pair.interfere((packet, sent) => (has(sent, "mp_capable") ? [packet, packet.clone()] : packet));
    const client = pair.connect();
    client.write(2000);
    pair.run(300);
    expect([pair.accepted.length, pair.accepted[0]?.received, pair.accepted[0]?.corrupt]).toEqual([1, 2000, false]);
    expect(client.connection.multipath).toBe(true);
  });

  test("first data cut in two with the option on both parts (segmentation offload)", () => {
    const pair = new Pair();
    pair.interfere((packet, sent) => {
      if (!isData(sent) || !has(sent, "mp_capable") || packet.tcp === null) return packet;
      const rest = packet.clone();
      const { payload } = packet.tcp;
      packet.tcp.payload = payload.slice(0, 600);
      if (rest.tcp !== null) {
        rest.tcp.payload = payload.slice(600, payload.length);
        rest.tcp.sequence = sequenceAdd(packet.tcp.sequence, 600);
      }
      for (const part of [packet, rest]) part.length = packetLength(part);
      return [rest, packet];
    });
    const client = pair.connect();
    client.write(3000);
    pair.run(500);
    expect([pair.accepted[0]?.received, pair.accepted[0]?.corrupt, pair.accepted[0]?.connection.multipath, client.engine.sender.una]).toEqual([3000, false, true, 3000]);
  });

  test("doubled SYN and SYN+ACK make one connection", () => {
    const pair = new Pair();
    pair.interfere((packet, sent) => (isSyn(sent) ? [packet, packet.clone()] : packet));
    const { client, server } = pair.establish();
    client.write(1000);
    server.write(1000);
    pair.run(3000);
    expect([pair.accepted.length, client.received, server.received]).toEqual([1, 1000, 1000]);
    expect([client.connection.multipath, server.connection.multipath]).toEqual([true, true]);
  });
});

describe("flags and versions (RFC 8684 §3.1)", () => {
  const onSyn: readonly (readonly [string, Partial<MpCapable>])[] = [
    ["version 0", { version: 0 }],
    ["version 0", { version: 0 }],
    ["the extensibility flag B", { flags: MP_CAPABLE_FLAG.H | MP_CAPABLE_FLAG.B }],
    ["no algorithm at all", { flags: 0 }],
    ["only unknown algorithms", { flags: 0x02 }],
  ];
  test.each(onSyn)("a SYN with %s is answered as regular TCP", (_name, change) => {
    const pair = new Pair();
    alterCapable(pair, fromClient, change);
    const { client, server } = pair.establish();
    client.write(5000);
    server.write(4000);
    pair.run(300);
    expect(pair.lines(isSyn)).toEqual(["> 00 S capable", "< 00 SA"]);
    expect(pair.packets((sent) => !isSyn(sent) && sent.segment.mptcp.length > 0)).toEqual([]);
    expect([client.connection.multipath, client.connection.fallback, server.connection.multipath]).toEqual([false, "no_mp_capable_in_synack", false]);
    expect([client.received, server.received]).toEqual([4000, 5000]);
    // An offer that is refused is none, as the kernel counts.
    expect([pair.counter("client", "MPCapableFallbackSYNACK"), pair.counter("server", "MPCapableSYNRX")]).toEqual([1, 0]);
  });

  const onSynAck: readonly (readonly [string, Partial<MpCapable>, string])[] = [
    ["version 2", { version: 2 }, "unsupported_version"],
    ["the extensibility flag B", { flags: MP_CAPABLE_FLAG.H | MP_CAPABLE_FLAG.B }, "unknown_extension_flag"],
    ["no algorithm", { flags: 0 }, "no_common_algorithm"],
    ["no key", { senderKey: null }, "no_key_in_synack"],
  ];
  test.each(onSynAck)("a SYN+ACK with %s makes both ends regular TCP", (_name, change, reason) => {
    const pair = new Pair();
    alterCapable(pair, fromServer, change);
    const { client, server } = pair.establish();
    client.write(5000);
    server.write(4000);
    pair.run(300);
    expect([client.connection.fallback, server.connection.fallback]).toEqual([reason, "no_mp_capable_in_ack"]);
    expect([client.connection.multipath, server.connection.multipath]).toEqual([false, false]);
    expect([client.received, server.received]).toEqual([4000, 5000]);
    expect(pair.counter("server", "MPCapableFallbackACK")).toBe(1);
  });

  test("a third ACK that does not echo the key makes the connection regular TCP", () => {
    const pair = new Pair();
    alterCapable(pair, third, { receiverKey: new Uint8Array(8) });
    const client = pair.connect();
    pair.run(100);
    client.write(1000);
    pair.run(1000);
    pair.accepted[0]?.write(2000);
    pair.run(1000);
    expect([pair.accepted[0]?.connection.fallback, pair.accepted[0]?.received]).toEqual(["no_mp_capable_in_ack", 1000]);
    expect([client.connection.multipath, client.received]).toEqual([false, 2000]);
  });

  test("a black hole is remembered from when it was found, however long that connection lives", () => {
    const pair = new Pair({ client: { mptcp: { blackholeMemory: 30e9 } } });
    const lost = swallow(pair);
    const first = pair.connect();
    pair.run(20_000);
    expect(first.connection.fallback).toBe("mp_capable_unanswered");
    lost();
    for (let i = 0; i < 40; i++) {
      pair.accepted[0]?.write(10);
      pair.run(1000);
    }
    expect([first.received, pair.connect().connection.fallback]).toEqual([400, null]);
  });

  test("the C flag goes with SYN and SYN+ACK; the peer opens nothing to that address", () => {
    const pair = new Pair({ clientAddresses: 2, server: { mptcp: { denyJoinInitialAddress: true } } });
    const { client, server } = pair.establish();
    client.write(1000);
    pair.run(2000);
    expect(capableOf(pair.sent[1]).flags).toBe(MP_CAPABLE_FLAG.H | MP_CAPABLE_FLAG.C);
    expect(pair.lines((sent) => has(sent, "mp_join_syn"))).toEqual([]);
    expect([client.mptcp.session.peerDeniesJoin, server.mptcp.session.peerDeniesJoin]).toEqual([true, false]);
    // Another address of the server's is fair game.
    pair.addAddress("server", "10.2.0.2");
    pair.run(2000);
    expect(pair.lines((sent) => has(sent, "mp_join_syn"))).toEqual(["> 01 S join_syn", "> 11 S join_syn"]);
    expect(client.established).toHaveLength(3);
  });

  test("the C flag of a client is known to the server", () => {
    const pair = new Pair();
    const { client, server } = pair.establish({ mptcp: { denyJoinInitialAddress: true } });
    expect(capableOf(pair.sent[0]).flags).toBe(MP_CAPABLE_FLAG.H | MP_CAPABLE_FLAG.C);
    expect([client.mptcp.session.peerDeniesJoin, server.mptcp.session.peerDeniesJoin]).toEqual([false, true]);
  });
});

describe("peers without Multipath TCP", () => {
  test("a listener that does not want it is spoken to in plain TCP", () => {
    const pair = new Pair({ listen: { multipath: false } });
    const { client, server } = pair.establish();
    client.write(100_000);
    client.end();
    server.write(50_000);
    server.end();
    pair.run(3000);
    expect([client.connection.fallback, server.connection.fallback]).toEqual(["no_mp_capable_in_synack", null]);
    expect([client.received, server.received, client.corrupt, server.corrupt]).toEqual([50_000, 100_000, false, false]);
    expect([client.connection.ended, client.connection.closed, client.connection.error, server.connection.closed, server.connection.error]).toEqual([true, true, null, true, null]);
    expect([client.drained, server.drained]).toEqual([true, true]);
    expect(pair.packets((sent) => sent.segment.mptcp.length > 0)).toHaveLength(1);
  });

  test("a client that does not ask for it gets plain TCP", () => {
    const pair = new Pair();
    const { client, server } = pair.establish({ multipath: false });
    client.write(10_000);
    pair.run(300);
    expect(pair.packets((sent) => sent.segment.mptcp.length > 0)).toEqual([]);
    expect([client.connection.multipath, client.connection.fallback, server.connection.multipath, server.received]).toEqual([false, null, false, 10_000]);
  });

  test("a closed port refuses", () => {
    const pair = new Pair();
    pair.listener.close(0);
    const client = pair.connect();
    pair.run(100);
    expect(pair.lines()).toEqual(["> 00 S capable", "< 00 RA"]);
    expect([client.connection.closed, client.connection.error]).toEqual([true, "ECONNREFUSED"]);
    pair.run(2000);
    expect(pair.hosts.client.nextTimeout()).toBe(NEVER);
  });
});

describe("a path that swallows SYNs with MP_CAPABLE", () => {
  test("is crossed in plain TCP after some SYNs", () => {
    const pair = new Pair();
    swallow(pair);
    const client = pair.connect();
    client.write(1000);
    pair.run(20_000);
    expect(pair.lines(isSyn)).toEqual(["> 00 S capable", "> 00 S capable", "> 00 S capable", "> 00 S", "< 00 SA"]);
    expect([client.connection.fallback, client.connection.multipath, pair.accepted[0]?.received]).toEqual(["mp_capable_unanswered", false, 1000]);
  });

  test("after as many as configured", () => {
    const pair = new Pair({ client: { mptcp: { capableSyns: 1 } } });
    swallow(pair);
    pair.connect();
    pair.run(20_000);
    expect(pair.lines(isSyn)).toEqual(["> 00 S capable", "> 00 S", "< 00 SA"]);
  });

  test("is remembered for a while, by destination", () => {
    const pair = new Pair({ serverAddresses: 2, client: { mptcp: { blackholeMemory: 60e9 } } });
    const open = swallow(pair);
    pair.connect();
    pair.run(20_000);
    let mark = pair.sent.length;
    const second = pair.connect();
    second.write(1000);
    pair.run(500);
    expect(pair.lines(isSyn, mark)).toEqual(["> 00 S", "< 00 SA"]);
    expect([second.connection.fallback, second.connection.multipath, pair.accepted[1]?.received]).toEqual(["blackhole_remembered", false, 1000]);
    open();
    mark = pair.sent.length;
    pair.connect({ to: 1 });
    pair.run(500);
    expect(pair.lines((sent) => isSyn(sent) && sent.server === 1, mark)).toEqual(["> 01 S capable", "< 01 SA capable+key"]);
    pair.run(60_000);
    mark = pair.sent.length;
    pair.connect();
    pair.run(500);
    expect(pair.lines((sent) => isSyn(sent) && sent.server === 0, mark)).toEqual(["> 00 S capable", "< 00 SA capable+key"]);
  });

  test("an answer to an early SYN that comes late is still Multipath TCP", () => {
    const pair = new Pair({ client: { mptcp: { capableSyns: 1 } } });
    const held: Packet[] = [];
    const release = pair.interfere((packet, sent) => {
      if (!isSyn(sent) || sent.from !== "client") return packet;
      held.push(packet);
      return null;
    });
    const client = pair.connect();
    pair.run(1500);
    release();
    expect(held).toHaveLength(2);
    pair.inject("server", held[0] as Packet);
    pair.run(100);
    expect([client.connection.multipath, pair.accepted[0]?.connection.multipath]).toEqual([true, true]);
    // The plain SYN arrives after all: the connection stands.
    pair.inject("server", held[1] as Packet);
    client.write(1000);
    pair.run(1000);
    expect([pair.accepted.length, pair.accepted[0]?.received]).toEqual([1, 1000]);
  });
});

describe("keys", () => {
  test("differ for each connection, and so do tokens", () => {
    const pair = new Pair();
    const tokens = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const { client, server } = pair.establish();
      tokens.add(client.mptcp.session.local.token).add(server.mptcp.session.local.token);
    }
    expect(tokens.size).toBe(40);
  });

  test("whose token is in use are drawn again", () => {
    // A source that gives the same octets twice before it goes on.
    let draws = 0;
    const keys = {
      uint32: () => (draws * 2654435761) >>> 0,
      fill: (target: Uint8Array) => target.fill(draws++ < 2 ? 1 : draws),
    };
    const pair = new Pair({ server: { random: seededSources(1, [], { keys }) } });
    const first = pair.establish();
    const second = pair.establish();
    expect(pair.counter("server", "TokenCollision")).toBe(1);
    expect(first.server.mptcp.session.local.token).not.toBe(second.server.mptcp.session.local.token);
  });

  test("of a finished connection free their token", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    const { tokens } = pair.hosts.server as unknown as { tokens: Map<number, unknown> };
    expect(tokens.has(server.mptcp.session.local.token)).toBe(true);
    client.end();
    server.end();
    pair.run(70_000);
    expect(tokens.size).toBe(0);
    expect((pair.hosts.client as unknown as { tokens: Map<number, unknown> }).tokens.size).toBe(0);
  });
});

test("packets are described by lines", () => {
  const pair = new Pair();
  pair.establish();
  const ack = pair.sent[2] as Sent;
  expect(line(ack)).toBe("> 00 A capable+key+key");
  expect(ack.segment.flags).toBe(TCP_FLAG.ACK);
});

describe("a path that swallows MP_CAPABLE", () => {
  test("on SYN+ACKs: a SYN without it is answered without it, and both ends are plain (RFC 8684 §3.1)", () => {
    const pair = new Pair();
    pair.lose((sent) => sent.from === "server" && isSyn(sent) && has(sent, "mp_capable"));
    const client = pair.connect();
    client.write(5000);
    pair.run(30_000);
    const server = pair.accepted[0] as App;
    expect([server.received, server.corrupt]).toEqual([5000, false]);
    expect([client.connection.fallback, server.connection.fallback]).toEqual(["mp_capable_unanswered", "no_mp_capable_in_syn"]);
    expect(pair.packets((sent) => !isSyn(sent) && sent.segment.mptcp.length > 0)).toEqual([]);
  });

  test("a path that lost a SYN without it too is no black hole, and is not remembered for one", () => {
    const pair = new Pair({ client: { mptcp: { capableSyns: 2, blackholeFirstMemory: 60e9 } } });
    let left = 3;
    pair.lose((sent) => sent.from === "client" && isSyn(sent) && left-- > 0);
    const connect = (): string | null => {
      const app = pair.connect();
      pair.run(20_000);
      expect(app.connected).toBe(true);
      app.abort();
      return app.connection.fallback;
    };
    expect([connect(), pair.counter("client", "Blackhole"), connect(), pair.counter("client", "MPCapableSYNTXDisabled")]).toEqual(["mp_capable_unanswered", 0, null, 0]);
    left = 2;
    expect([connect(), pair.counter("client", "Blackhole"), connect(), pair.counter("client", "MPCapableSYNTXDisabled")]).toEqual(["mp_capable_unanswered", 1, "blackhole_remembered", 1]);
  });

  test("a server that was away for a moment is plain for seconds, not for an hour; confirmed it is longer; success ends it", () => {
    const pair = new Pair();
    const connect = (): string | null => {
      const app = pair.connect();
      pair.run(10_000);
      app.abort();
      return app.connection.fallback;
    };
    let open = swallow(pair);
    expect([connect(), connect()]).toEqual(["mp_capable_unanswered", "blackhole_remembered"]);
    pair.run(10_000);
    expect(connect()).toBe("mp_capable_unanswered");
    open();
    pair.run(20_000);
    expect(connect()).toBe("blackhole_remembered");
    pair.run(40_000);
    expect(connect()).toBeNull();
    open = swallow(pair);
    expect(connect()).toBe("mp_capable_unanswered");
    open();
    pair.run(15_000);
    expect(connect()).toBeNull();
  });

  test("who requires Multipath TCP sends no plain SYN, and is not stopped by what is remembered", () => {
    const pair = new Pair();
    const stop = swallow(pair);
    const plain = pair.connect();
    pair.run(10_000);
    expect(plain.connection.fallback).toBe("mp_capable_unanswered");
    const from = pair.sent.length;
    const required = pair.connect({ require: true });
    pair.run(20_000);
    expect(pair.packets((sent) => sent.from === "client" && isSyn(sent) && !has(sent, "mp_capable"), from)).toEqual([]);
    stop();
    pair.run(60_000);
    expect([required.connected, required.connection.multipath]).toEqual([true, true]);
  });
});
