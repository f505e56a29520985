import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fullMesh } from "../../src/mptcp/index.ts";
import { blackHole, optionStripper } from "../../src/sim/index.ts";
import type { MpJoinAck, MpJoinSyn, MpJoinSynAck, Packet } from "../../src/wire/index.ts";
import { MP_CAPABLE_FLAG, TCP_FLAG } from "../../src/wire/index.ts";
import { HandPeer } from "../profiles/hand-peer.ts";
import type { Sent } from "./pair.ts";
import { has, isData, isFin, isReset, isSyn, option, Pair } from "./pair.ts";

const isJoin = (sent: Sent): boolean => has(sent, "mp_join_syn") || has(sent, "mp_join_synack") || has(sent, "mp_join_ack");
const onJoin = (sent: Sent): boolean => sent.client === 1;
const isJoinSyn = (sent: Sent): boolean => has(sent, "mp_join_syn");

function first(pair: Pair, which: (sent: Sent) => boolean): Sent {
  const found = pair.packets(which)[0];
  if (found === undefined) throw new Error("no such packet");
  return found;
}

function hmac(own: Uint8Array, other: Uint8Array, ownNonce: number, otherNonce: number): Buffer {
  const message = Buffer.alloc(8);
  message.writeUInt32BE(ownNonce, 0);
  message.writeUInt32BE(otherNonce, 4);
  return createHmac("sha256", Buffer.concat([own, other])).update(message).digest();
}

/** Why subflows ended, in order. */
function reasons(pair: Pair, side: "client" | "server"): string[] {
  return pair.decisions(side, "subflow_closed").map((event) => event.reason);
}

describe("a join (RFC 8684 §3.2)", () => {
  test("is a handshake of four segments with token, nonces and both HMACs", () => {
    const pair = new Pair({ clientAddresses: 2 });
    const { client, server } = pair.establish();
    expect(pair.lines(onJoin)).toEqual(["> 10 S join_syn", "< 10 SA join_synack", "> 10 A join_ack", "< 10 A dss(ack)"]);
    const syn = option(first(pair, isJoinSyn).segment, "mp_join_syn") as MpJoinSyn;
    const synAck = option(first(pair, (sent) => has(sent, "mp_join_synack")).segment, "mp_join_synack") as MpJoinSynAck;
    const ack = option(first(pair, (sent) => has(sent, "mp_join_ack")).segment, "mp_join_ack") as MpJoinAck;
    const [a, b] = [client.mptcp.session.local.key, server.mptcp.session.local.key];
    expect([syn.token, syn.addressId, syn.backup]).toEqual([server.mptcp.session.local.token, 2, false]);
    expect([synAck.addressId, synAck.backup]).toEqual([0, false]);
    expect(Buffer.from(synAck.hmac).equals(hmac(b, a, synAck.nonce, syn.nonce).subarray(0, 8))).toBe(true);
    expect(Buffer.from(ack.hmac).equals(hmac(a, b, syn.nonce, synAck.nonce).subarray(0, 20))).toBe(true);
    expect(syn.nonce).not.toBe(synAck.nonce);
    expect([client.established, server.established]).toEqual([[1, 2], [1, 2]]);
    expect(pair.decisions("server", "subflow_established")[1]).toMatchObject({ subflow: 2, initiator: false, addressId: 2, backup: false });
  });

  test("waits for a DSS from the peer (§3.1)", () => {
    const pair = new Pair({ clientAddresses: 2 });
    const silence = pair.lose((sent) => sent.from === "server" && !isSyn(sent));
    const client = pair.connect();
    pair.run(500);
    expect(client.connected).toBe(true);
    expect(pair.packets(isJoin)).toEqual([]);
    silence();
    pair.accepted[0]?.write(10);
    pair.run(100);
    expect(client.established).toEqual([1, 2]);
  });

  test("on every pair of addresses: 2 x 1 and 2 x 2", () => {
    for (const [clients, servers] of [[2, 1], [1, 2], [2, 2], [3, 2]] as const) {
      const pair = new Pair({ clientAddresses: clients, serverAddresses: servers });
      const { client, server } = pair.establish();
      client.write(1);
      pair.run(500);
      const count = clients * servers;
      expect(client.established).toEqual(Array.from({ length: count }, (_, i) => i + 1));
      expect(server.established).toHaveLength(count);
      const pairs = new Set(client.mptcp.subflows.map(({ tcp: { tuple } }) => `${tuple.localAddress} ${tuple.remoteAddress} ${tuple.remotePort}`));
      expect(pairs.size).toBe(count);
      expect(pair.packets(isJoinSyn)).toHaveLength(count - 1);
      client.write(200_000);
      pair.run(2000);
      expect([server.received, server.corrupt]).toEqual([200_001, false]);
      const used = new Set(pair.packets((sent) => sent.from === "client" && isData(sent)).map((sent) => `${sent.client}${sent.server}`));
      expect(used.size).toBe(count);
    }
  });

  test("uses new nonces each time", () => {
    const pair = new Pair({ clientAddresses: 3, serverAddresses: 2 });
    pair.establish().client.write(1);
    pair.run(500);
    const nonces = [...pair.packets(isJoinSyn).map((sent) => option(sent.segment, "mp_join_syn")?.nonce), ...pair.packets((sent) => has(sent, "mp_join_synack")).map((sent) => option(sent.segment, "mp_join_synack")?.nonce)];
    expect(nonces).toHaveLength(10);
    expect(new Set(nonces).size).toBe(10);
  });

  test("carries no data before the peer confirmed the third ACK, and then does", () => {
    const pair = new Pair({ clientAddresses: 2, delay: (client) => (client === 1 ? 5e6 : 50e6) });
    pair.lose((sent) => onJoin(sent) && sent.from === "server" && !isSyn(sent), 1);
    const client = pair.connect();
    client.write(2_000_000);
    pair.run(3000);
    const confirmations = pair.packets((sent) => onJoin(sent) && sent.from === "server" && !isSyn(sent));
    const confirmed = (confirmations.find((sent) => !sent.lost) as Sent).at + 5e6;
    const data = pair.packets((sent) => onJoin(sent) && isData(sent));
    expect(data.length).toBeGreaterThan(10);
    expect((data[0] as Sent).at).toBe(confirmed);
    expect(pair.packets((sent) => has(sent, "mp_join_ack")).length).toBeGreaterThan(1);
    expect(pair.accepted[0]?.corrupt).toBe(false);
  });

  test("whose third ACK is lost sends it again until it is answered", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.lose((sent) => has(sent, "mp_join_ack"), 2);
    const { client, server } = pair.establish();
    expect([client.established, server.established]).toEqual([[1], [1]]);
    pair.run(3000);
    expect([client.established, server.established]).toEqual([[1, 2], [1, 2]]);
    const acks = pair.packets((sent) => has(sent, "mp_join_ack"));
    expect(acks.length).toBeGreaterThanOrEqual(3);
    expect(new Set(acks.map((sent) => Buffer.from((option(sent.segment, "mp_join_ack") as MpJoinAck).hmac).toString("hex"))).size).toBe(1);
    expect(pair.packets(isJoinSyn)).toHaveLength(1);
  });

  test("whose confirmation is lost asks again", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.lose((sent) => onJoin(sent) && sent.from === "server" && !isSyn(sent), 2);
    const { client, server } = pair.establish();
    expect([client.established, server.established]).toEqual([[1], [1, 2]]);
    pair.run(3000);
    expect(client.established).toEqual([1, 2]);
  });

  test("that is never confirmed is given up with a RST; the connection goes on", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.lose((sent) => onJoin(sent) && sent.from === "server" && !isSyn(sent));
    const { client, server } = pair.establish();
    pair.run(60_000);
    expect(reasons(pair, "client")).toContain("join_unconfirmed");
    expect(pair.lines((sent) => onJoin(sent) && isReset(sent))).toContain("> 10 RA tcprst(1 transient)");
    client.write(1000);
    pair.run(500);
    expect([server.received, client.connection.error]).toEqual([1000, null]);
  });

  test("whose SYN or SYN+ACK is lost is tried again by TCP", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.lose((sent) => onJoin(sent) && sent.from === "client" && isSyn(sent), 1);
    pair.lose((sent) => onJoin(sent) && sent.from === "server" && isSyn(sent), 1);
    const { client } = pair.establish();
    pair.run(5000);
    expect(client.established).toEqual([1, 2]);
    expect(new Set(pair.packets(isJoinSyn).map((sent) => option(sent.segment, "mp_join_syn")?.nonce)).size).toBe(1);
  });

  test("with doubled segments is one subflow", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.interfere((packet, sent) => (onJoin(sent) ? [packet, packet.clone()] : packet));
    const { client, server } = pair.establish();
    client.write(100_000);
    pair.run(3000);
    expect([client.established, server.established, server.received, server.corrupt]).toEqual([[1, 2], [1, 2], 100_000, false]);
    expect(pair.packets(isReset)).toEqual([]);
  });

  test("says B when its address is a backup one; both sides know", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    pair.addAddress("client", "10.1.0.2", { backup: true });
    pair.run(200);
    expect(option(first(pair, isJoinSyn).segment, "mp_join_syn")?.backup).toBe(true);
    expect(client.mptcp.subflows.map((subflow) => subflow.backup)).toEqual([false, true]);
    expect(server.mptcp.subflows.map((subflow) => subflow.backup)).toEqual([false, true]);
    expect(server.engine.subflows[1]?.peerBackup).toBe(true);
  });
});

describe("before the application accepted the connection", () => {
  test("a join finds it", () => {
    const pair = new Pair({ clientAddresses: 2, accept: false });
    const client = pair.connect();
    client.write(50_000);
    pair.run(1000);
    expect(client.established).toEqual([1, 2]);
    expect(pair.accepted).toEqual([]);
    pair.acceptAll();
    expect(pair.accepted[0]?.established).toEqual([1, 2]);
    pair.run(1000);
    expect([pair.accepted[0]?.received, pair.accepted[0]?.corrupt]).toEqual([50_000, false]);
  });

  test("its events wait for the first look", () => {
    const pair = new Pair({ clientAddresses: 2, accept: false });
    const client = pair.connect();
    client.write(100);
    client.end();
    pair.run(1000);
    pair.acceptAll();
    const server = pair.accepted[0];
    expect([server?.connected, server?.received, server?.connection.ended]).toEqual([true, 100, true]);
  });
});

describe("joins that are refused", () => {
  test("an unknown token gets a RST that says so, and never reaches the listener", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.alter((segment, sent) => {
      if (isJoinSyn(sent)) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_join_syn" ? { ...one, token: one.token ^ 1 } : one));
    });
    const { client, server } = pair.establish();
    pair.run(10_000);
    expect(pair.lines(onJoin)).toEqual(["> 10 S join_syn", "< 10 RA tcprst(1)"]);
    const reset = first(pair, isReset).segment;
    expect(reset.acknowledgment).toBe((first(pair, isJoinSyn).segment.sequence + 1) >>> 0);
    expect([pair.accepted.length, server.established, client.established]).toEqual([1, [1], [1]]);
    expect(pair.counter("server", "MPJoinNoTokenFound")).toBe(1);
    // Refused for good: no further attempt (§3.6).
    expect(reasons(pair, "client")).toEqual(["refused_1"]);
  });

  test("a SYN that joins and asks for a new connection joins only", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.alter((segment, sent) => {
      if (isJoinSyn(sent)) segment.mptcp = [{ kind: "mp_capable", version: 1, flags: 1, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 }, { kind: "mp_join_syn", backup: false, addressId: 1, token: 7, nonce: 1 }];
    });
    pair.establish();
    pair.run(1000);
    expect(pair.lines(onJoin)).toEqual(["> 10 S join_syn", "< 10 RA tcprst(1)"]);
    expect(pair.accepted).toHaveLength(1);
  });

  test("the server's HMAC is wrong: the client resets", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.alter((segment, sent) => {
      if (has(sent, "mp_join_synack")) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_join_synack" ? { ...one, hmac: one.hmac.map((octet, i) => (i === 7 ? octet ^ 1 : octet)) } : one));
    });
    const { client, server } = pair.establish();
    pair.run(100);
    expect(pair.lines(onJoin).slice(0, 3)).toEqual(["> 10 S join_syn", "< 10 SA join_synack", "> 10 RA tcprst(1)"]);
    expect([client.established, server.mptcp.subflows.length]).toEqual([[1], 1]);
    expect(pair.counter("client", "MPJoinSynAckHMacFailure")).toBe(1);
    expect(client.connection.error).toBeNull();
  });

  test("the client's HMAC is wrong: the server resets", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.alter((segment, sent) => {
      if (has(sent, "mp_join_ack")) segment.mptcp = [{ kind: "mp_join_ack", hmac: new Uint8Array(20) }];
    });
    const { client, server } = pair.establish();
    expect(pair.lines((sent) => onJoin(sent) && isReset(sent))).toEqual(["< 10 RA tcprst(1)"]);
    expect([client.established, server.established, server.mptcp.subflows.length]).toEqual([[1], [1], 1]);
    expect(pair.counter("server", "MPJoinAckHMacFailure")).toBe(1);
    expect(reasons(pair, "client")).toEqual(["refused_1"]);
  });

  test("the SYN+ACK has no MP_JOIN: the client resets", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.middlebox(optionStripper({ options: ["mp_join"], segments: ["syn-ack"] }));
    const { client, server } = pair.establish();
    expect(pair.lines(onJoin).slice(0, 3)).toEqual(["> 10 S join_syn", "< 10 SA join_synack", "> 10 RA tcprst(1)"]);
    expect([client.established, server.established]).toEqual([[1], [1]]);
  });

  test("the SYN lost its option: a listener takes it for plain TCP, the client resets it", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.middlebox(optionStripper({ options: ["mp_join"], segments: ["syn"] }));
    const { client } = pair.establish();
    pair.run(2000);
    expect(pair.lines(onJoin).slice(0, 3)).toEqual(["> 10 S join_syn", "< 10 SA", "> 10 RA tcprst(1)"]);
    expect([client.established, pair.accepted.length]).toEqual([[1], 1]);
  });

  test("one that is never confirmed teaches no address", () => {
    const pair = new Pair({ clientAddresses: 2, server: { mptcp: { limits: { subflows: 8, addAddrAccepted: 0 } } } });
    pair.middlebox(blackHole({ options: ["mp_join"], segments: ["third-ack"] }));
    const { server } = pair.establish();
    expect(pair.lines(onJoin)).toContain("< 10 SA join_synack");
    expect(server.mptcp.addresses.remote.map((entry) => entry.id)).toEqual([0]);
  });

  test("the third ACK has no MP_JOIN: the server resets", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.middlebox(optionStripper({ options: ["mp_join"], segments: ["third-ack"] }));
    const { client, server } = pair.establish();
    expect(pair.lines((sent) => onJoin(sent) && isReset(sent))).toEqual(["< 10 RA tcprst(6)"]);
    expect([client.established, server.established]).toEqual([[1], [1]]);
  });

  test("by the server's limit: administratively prohibited, for now", () => {
    const pair = new Pair({ clientAddresses: 4, server: { mptcp: { limits: { subflows: 2, addAddrAccepted: 8 } } } });
    const { client, server } = pair.establish();
    pair.run(700);
    expect([client.established.length, server.established.length]).toEqual([3, 3]);
    expect(pair.lines(isReset)).toEqual(["< 30 RA tcprst(3 transient)"]);
    expect(pair.counter("server", "MPJoinRejected")).toBe(1);
    expect(pair.decisions("server", "join_refused").map((event) => event.remote)).toEqual(["10.1.0.4"]);
  });

  test("by the C flag, when the client does not obey it: administratively prohibited", () => {
    const pair = new Pair({ clientAddresses: 2, server: { mptcp: { denyJoinInitialAddress: true } } });
    pair.alter((segment) => {
      segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? { ...one, flags: one.flags & ~MP_CAPABLE_FLAG.C } : one));
    });
    const { client, server } = pair.establish();
    pair.run(5000);
    expect(pair.lines(onJoin)).toEqual(["> 10 S join_syn", "< 10 RA tcprst(3)"]);
    expect([client.established, server.established]).toEqual([[1], [1]]);
  });

  test("the client's own limit keeps it from asking", () => {
    const pair = new Pair({ clientAddresses: 4, client: { mptcp: { limits: { subflows: 1, addAddrAccepted: 8 } } } });
    const { client } = pair.establish();
    pair.run(1000);
    expect([client.established, pair.packets(isJoinSyn).length, pair.packets(isReset).length]).toEqual([[1, 2], 1, 0]);
  });

  test("for a connection that is over", () => {
    const pair = new Pair({ clientAddresses: 1 });
    const { client, server } = pair.establish();
    const { token } = server.mptcp.session.local;
    client.abort();
    pair.run(100);
    const mark = pair.sent.length;
    const other = pair.establish();
    const syn = first(pair, (sent) => sent.from === "client" && isSyn(sent)).packet.clone() as Packet;
    if (syn.tcp !== null) {
      syn.tcp.sourcePort = 12345;
      syn.tcp.mptcp = [{ kind: "mp_join_syn", backup: false, addressId: 3, token, nonce: 5 }];
    }
    pair.inject("server", syn);
    pair.run(100);
    expect(pair.lines(isReset, mark)).toEqual(["< 00 RA tcprst(1)"]);
    expect(other.server.established).toEqual([1]);
  });

  test("for a connection that is plain TCP", () => {
    const pair = new Pair();
    pair.middlebox(optionStripper({ segments: ["data", "ack", "rst"] }));
    const { server } = pair.establish();
    const syn = first(pair, (sent) => sent.from === "client" && isSyn(sent)).packet.clone();
    if (syn.tcp !== null) {
      syn.tcp.sourcePort = 12345;
      syn.tcp.mptcp = [{ kind: "mp_join_syn", backup: false, addressId: 3, token: server.mptcp.session.local.token, nonce: 5 }];
    }
    pair.inject("server", syn);
    pair.run(100);
    expect(pair.lines(isReset)).toEqual(["< 00 RA tcprst(1)"]);
    expect(server.connection.fallback).toBe("no_mp_capable_in_ack");
  });
});

describe("a subflow alone", () => {
  test("closes by FIN when the path manager wants it; the connection lives", () => {
    const pair = new Pair({ clientAddresses: 2 });
    const { client, server } = pair.establish();
    const mark = pair.sent.length;
    client.mptcp.closeSubflow(2, pair.now);
    pair.run(200);
    expect(pair.lines(isFin, mark)).toEqual(["> 10 FA dss(ack)", "< 10 FA dss(ack)"]);
    expect([client.established, server.established]).toEqual([[1], [1]]);
    client.write(10_000);
    pair.run(500);
    expect([server.received, client.connection.closed]).toEqual([10_000, false]);
    expect(pair.packets((sent) => onJoin(sent) && isData(sent), mark)).toEqual([]);
    expect([...reasons(pair, "client"), ...reasons(pair, "server")]).toEqual(["fin", "fin"]);
  });

  test("with data under way sends the FIN after it", () => {
    const pair = new Pair({ clientAddresses: 2, client: { mptcp: { scheduler: () => ({ name: "second", select: (subflows) => subflows.find((subflow) => subflow.pathIndex === 2) ?? null }) } } });
    const { client, server } = pair.establish();
    client.write(10_000);
    const mark = pair.sent.length;
    client.mptcp.closeSubflow(2, pair.now);
    client.engine.sender.carriers.exchange({ name: "any", select: (subflows) => subflows[0] ?? null });
    pair.run(2000);
    expect([server.received, server.corrupt]).toEqual([10_000, false]);
    expect(pair.lines(isReset, mark)).toEqual([]);
    expect([client.established, server.established]).toEqual([[1], [1]]);
  });

  test("that is reset by a middlebox leaves its data to the others", () => {
    const pair = new Pair({ clientAddresses: 2, client: { mptcp: { pathManager: () => fullMesh({ mode: "full" }) } } });
    const { client, server } = pair.establish();
    client.write(300_000);
    pair.run(15);
    const last = pair.packets((sent) => onJoin(sent) && isData(sent)).at(-1) as Sent;
    const stop = pair.lose(onJoin);
    const forged = last.packet.clone();
    if (forged.tcp !== null) {
      forged.tcp.flags = TCP_FLAG.RST | TCP_FLAG.ACK;
      forged.tcp.payload = forged.tcp.payload.slice(0, 0);
      forged.tcp.mptcp = [];
      // To the client, in its order of sequence numbers.
      [forged.source, forged.destination] = [forged.destination, forged.source];
      [forged.tcp.sourcePort, forged.tcp.destinationPort] = [forged.tcp.destinationPort, forged.tcp.sourcePort];
      forged.tcp.sequence = last.segment.acknowledgment;
    }
    pair.inject("client", forged);
    expect(client.established).toEqual([1]);
    expect(reasons(pair, "client")).toEqual(["ECONNRESET"]);
    pair.run(100);
    expect(pair.decisions("client", "reinjection").map((event) => event.cause)).toEqual(["subflow_death"]);
    stop();
    pair.run(5000);
    expect([server.received, server.corrupt, client.connection.closed]).toEqual([300_000, false, false]);
    // The path comes back (full mesh).
    expect(client.established).toHaveLength(2);
  });
});

describe("MP_JOIN where there is nothing to join (RFC 8684 §3.2)", () => {
  test("says nothing on a first subflow that is established", () => {
    const peer = new HandPeer({ profile: "own" }).listen().open();
    peer.send(".", { dss: { ack: 0 } }).take();
    peer.send(".", { mptcp: [{ kind: "mp_join_ack", hmac: new Uint8Array(20) }] });
    expect(peer.pass(500).take()).toEqual([]);
  });
});
