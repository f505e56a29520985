import { createHash, createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { version0, version1 } from "../../src/mptcp/index.ts";
import type { Subflow } from "../../src/mptcp/subflow.ts";
import type { Packet } from "../../src/wire/index.ts";
import { decodeMptcpOption, MP_CAPABLE_FLAG, sequenceAdd, tcpHeaderLength } from "../../src/wire/index.ts";
import { checkedPair, corruptOnce } from "./checksum-pair.ts";
import type { App, PairOptions, Sent } from "./pair.ts";
import { has, isData, isReset, isSyn, option, Pair } from "./pair.ts";

const mptcp = { versions: [version0] };
const OLD: PairOptions = { client: { mptcp }, server: { mptcp } };
const sha1 = (octets: Uint8Array): Buffer => createHash("sha1").update(octets).digest();
const third = (sent: Sent): boolean => sent.from === "client" && !isSyn(sent) && !isData(sent) && has(sent, "mp_capable");

/** Both hosts speak version 0, and the addresses beyond the first are joined. */
function establish(options: PairOptions = {}): { pair: Pair; client: App; server: App } {
  const pair = new Pair({ clientAddresses: 2, ...OLD, ...options });
  const ends = pair.establish();
  ends.client.write(1);
  pair.run(1000);
  return { pair, ...ends };
}

/** What both ends got of what the other wrote, and whether the end was a regular one. */
function exchange({ pair, client, server }: { pair: Pair; client: App; server: App }, bytes = 200_000): unknown[] {
  client.write(bytes);
  server.write(bytes);
  client.end();
  server.end();
  pair.run(20_000);
  return [client.received, server.received, client.corrupt, server.corrupt, client.connection.closed, client.connection.error, server.connection.closed, server.connection.error];
}

const whole = (more: number, bytes = 200_000): unknown[] => [bytes, bytes + more, false, false, true, null, true, null];

describe("the three-way handshake (RFC 6824 §3.1)", () => {
  test("has our key on the SYN, the peer's on the SYN+ACK, both on the third ACK; a DSS follows at once", () => {
    const pair = new Pair(OLD);
    const { client, server } = pair.establish();
    expect(pair.lines()).toEqual(["> 00 S capable+key", "< 00 SA capable+key", "> 00 A capable+key+key", "< 00 A dss(ack)"]);
    const [syn, synAck, ack] = pair.sent.map((sent) => option(sent.segment, "mp_capable"));
    for (const one of [syn, synAck, ack]) expect(one).toMatchObject({ version: 0, flags: MP_CAPABLE_FLAG.H, dataLength: -1, checksum: -1 });
    expect([syn?.senderKey, synAck?.senderKey]).toEqual([client.mptcp.session.local.key, server.mptcp.session.local.key]);
    expect([ack?.senderKey, ack?.receiverKey]).toEqual([syn?.senderKey, synAck?.senderKey]);
    expect(server.mptcp.session.remote).toEqual(client.mptcp.session.local);
    expect([client.connection.multipath, server.connection.multipath, client.mptcp.session.fullyEstablished]).toEqual([true, true, true]);
  });

  test("tokens and initial data sequence numbers come from SHA-1 of the keys", () => {
    const pair = new Pair(OLD);
    const { client, server } = pair.establish();
    client.write(100);
    server.write(100);
    pair.run(100);
    for (const [end, from] of [[client, "client"], [server, "server"]] as const) {
      const { key, token } = end.mptcp.session.local;
      expect(token).toBe(sha1(key).readUInt32BE(0));
      const [data] = pair.packets((sent) => sent.from === from && isData(sent));
      expect(option((data as Sent).segment, "dss")?.dsnLow).toBe(sequenceAdd(sha1(key).readUInt32BE(16), 1));
    }
  });

  test("first data has a DSS, since both keys and a mapping do not fit (§3.6)", () => {
    const pair = new Pair(OLD);
    const client = pair.connect();
    client.write(3000);
    pair.run(200);
    expect(pair.lines((sent) => sent.from === "client").slice(0, 3)).toEqual(["> 00 S capable+key", "> 00 A capable+key+key", "> 00 A 1432 dss(ack map 1432@1)"]);
    const [first] = pair.packets((sent) => sent.from === "client" && isData(sent));
    expect(first?.segment.mptcp.map((one) => one.kind)).toEqual(["dss"]);
    expect([pair.accepted[0]?.received, pair.accepted[0]?.corrupt]).toEqual([3000, false]);
  });

  test("a third ACK that is lost is made up for by the Data ACK of first data", () => {
    const pair = new Pair(OLD);
    pair.lose(third, 1);
    const client = pair.connect();
    client.write(50_000);
    pair.run(2000);
    const server = pair.accepted[0] as App;
    expect([server.connection.fallback, client.connection.fallback, server.received, server.corrupt]).toEqual([null, null, 50_000, false]);
    // Without waiting for the SYN+ACK to be sent again.
    expect(pair.packets((sent) => sent.from === "server" && isSyn(sent))).toHaveLength(1);
  });

  test("first data whose Data ACK does not follow from our key makes it regular TCP", () => {
    const pair = new Pair(OLD);
    pair.lose(third);
    pair.alter((segment, sent) => {
      const dss = option(segment, "dss");
      if (sent.from === "client" && dss !== null) dss.dataAckLow = sequenceAdd(dss.dataAckLow, 7);
    });
    const client = pair.connect();
    client.write(50_000);
    pair.run(20_000);
    expect([pair.accepted[0]?.received ?? 0, client.corrupt]).toEqual([0, false]);
  });

  test("one that echoes other keys is none", () => {
    for (const change of [{ senderKey: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }, { receiverKey: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }]) {
      const pair = new Pair(OLD);
      pair.alter((segment, sent) => {
        if (third(sent)) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? { ...one, ...change } : one));
      });
      expect(pair.establish().server.connection.fallback).toBe("no_mp_capable_in_ack");
    }
  });

  test.each([
    ["flag B", { flags: MP_CAPABLE_FLAG.H | MP_CAPABLE_FLAG.B }],
    ["no algorithm", { flags: 0x3e }],
    ["two keys", { receiverKey: new Uint8Array(8) }],
  ])("a SYN with %s gets plain TCP", (_what, change) => {
    const pair = new Pair(OLD);
    pair.alter((segment, sent) => {
      if (sent.from === "client" && isSyn(sent)) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? { ...one, ...change } : one));
    });
    const ends = pair.establish();
    expect(ends.client.connection.fallback).toBe("no_mp_capable_in_synack");
    expect(exchange({ pair, ...ends })).toEqual(whole(0));
  });

  test("flag C is an algorithm, which is not offered and forbids nothing", () => {
    const denying = { versions: [version0], denyJoinInitialAddress: true };
    const pair = new Pair({ client: { mptcp: denying }, server: { mptcp: denying } });
    pair.alter((segment, sent) => {
      if (isSyn(sent)) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? { ...one, flags: one.flags | MP_CAPABLE_FLAG.C } : one));
    });
    const { client, server } = pair.establish();
    for (const sent of pair.packets((one) => has(one, "mp_capable"))) expect(option(sent.segment, "mp_capable")?.flags).toBe(MP_CAPABLE_FLAG.H);
    expect([client.mptcp.session.peerDeniesJoin, server.mptcp.session.peerDeniesJoin]).toEqual([false, false]);
  });

  test("checksums are used where either end asks for them", () => {
    for (const side of ["client", "server"] as const) {
      const pair = new Pair({ ...OLD, [side]: { mptcp: { ...mptcp, checksum: true } } });
      const ends = pair.establish();
      expect(exchange({ pair, ...ends })).toEqual(whole(0));
      for (const sent of pair.packets(isData)) expect(option(sent.segment, "dss")?.checksum).toBeGreaterThanOrEqual(0);
    }
  });

  test("SYN cookies answer it, and take in what comes back; a third ACK that is lost leaves plain TCP", () => {
    for (const [lost, fallback] of [[false, null], [true, "no_data_ack"]] as const) {
      const pair = new Pair({ ...OLD, server: { mptcp, synCookies: "always" } });
      if (lost) pair.lose(third, 1);
      const client = pair.connect();
      client.write(10_000);
      pair.run(5000);
      const server = pair.accepted[0] as App;
      expect([client.connection.fallback, server.connection.multipath, server.received, server.corrupt]).toEqual([fallback, fallback === null, 10_000, false]);
    }
  });

  test("a SYN has neither data nor a request for a Fast Open cookie", () => {
    const pair = new Pair({ client: { mptcp, fastOpen: true }, server: { mptcp, fastOpen: true } });
    const { client } = pair.establish();
    expect(client.connection.multipath).toBe(true);
    for (const sent of pair.packets(isSyn)) expect(sent.segment.otherOptions).toEqual([]);
  });
});

describe("further subflows (RFC 6824 §3.2)", () => {
  test("are joined by HMAC-SHA1 of the keys and the random numbers", () => {
    const { pair, client, server } = establish();
    expect([client.established, server.established]).toEqual([[1, 2], [1, 2]]);
    const [syn, synAck, ack] = (["mp_join_syn", "mp_join_synack", "mp_join_ack"] as const).map((kind) => pair.packets((sent) => has(sent, kind))[0] as Sent);
    const [own, other] = [client.mptcp.session.local.key, server.mptcp.session.local.key];
    const join = option((syn as Sent).segment, "mp_join_syn");
    const answer = option((synAck as Sent).segment, "mp_join_synack");
    const nonces = Buffer.alloc(8);
    nonces.writeUInt32BE(join?.nonce ?? 0, 0);
    nonces.writeUInt32BE(answer?.nonce ?? 0, 4);
    expect(join?.token).toBe(sha1(other).readUInt32BE(0));
    expect(answer?.hmac).toEqual(new Uint8Array(createHmac("sha1", Buffer.concat([other, own])).update(Buffer.concat([nonces.subarray(4), nonces.subarray(0, 4)])).digest().subarray(0, 8)));
    expect(option((ack as Sent).segment, "mp_join_ack")?.hmac).toEqual(new Uint8Array(createHmac("sha1", Buffer.concat([own, other])).update(nonces).digest()));
    expect(exchange({ pair, client, server })).toEqual(whole(1));
    expect(new Set(pair.packets((sent) => sent.from === "client" && isData(sent)).map((sent) => sent.client))).toEqual(new Set([0, 1]));
  });

  test("a third ACK that is lost is sent again", () => {
    const pair = new Pair({ clientAddresses: 2, ...OLD });
    pair.lose((sent) => has(sent, "mp_join_ack"), 2);
    const ends = pair.establish();
    ends.client.write(1);
    pair.run(5000);
    expect([ends.client.established, ends.server.established]).toEqual([[1, 2], [1, 2]]);
  });

  test("an unknown token, and a wrong HMAC, get a RST that says nothing", () => {
    for (const kind of ["mp_join_syn", "mp_join_ack"] as const) {
      const pair = new Pair({ clientAddresses: 2, ...OLD });
      pair.alter((segment) => {
        segment.mptcp = segment.mptcp.map((one) => {
          if (one.kind !== kind) return one;
          return one.kind === "mp_join_syn" ? { ...one, token: (one.token ^ 1) >>> 0 } : { ...one, hmac: one.hmac.map((octet) => octet ^ 1) };
        });
      });
      const { client } = pair.establish();
      client.write(1);
      pair.run(2000);
      expect(client.established).toEqual([1]);
      const resets = pair.packets((sent) => isReset(sent) && sent.from === "server");
      expect(resets.length).toBeGreaterThan(0);
      for (const sent of resets) expect(sent.segment.mptcp).toEqual([]);
    }
  });

  test("what MP_TCPRST would say is not read: the option is of version 1", () => {
    const { pair, client } = establish();
    pair.alter((segment, sent) => {
      if (isReset(sent)) segment.mptcp = [{ kind: "mp_tcprst", transient: false, reserved: 0, reason: 6 }];
    });
    (client.mptcp.subflows as readonly Subflow[])[1]?.end("silent", pair.now);
    pair.run(500);
    expect(pair.decisions("server", "subflow_closed").map(({ reason }) => reason)).toEqual(["ECONNRESET"]);
    expect([client.connection.error, pair.counter("server", "MPRstRx")]).toEqual([null, 0]);
  });
});

describe("addresses and priorities (RFC 6824 §3.4, §3.3.8)", () => {
  test("ADD_ADDR has IPVer and neither HMAC nor echo; it leaves on every subflow, and on those that come", () => {
    const { pair, client } = establish({ clientAddresses: 1, serverAddresses: ["10.2.0.1", "10.2.0.2", "2001:db8::9"] });
    const announced = pair.packets((sent) => has(sent, "add_addr"));
    expect(new Set(announced.map((sent) => sent.from))).toEqual(new Set(["server"]));
    for (const sent of announced) expect(option(sent.segment, "add_addr")).toMatchObject({ version: 0, hmac: null, echo: false });
    expect(client.established).toEqual([1, 2]);
    expect(new Set(announced.map((sent) => sent.server))).toEqual(new Set([0, 1]));
    const mark = pair.sent.length;
    pair.addAddress("server", "10.2.0.9");
    pair.run(1000);
    const said = pair.packets((sent) => has(sent, "add_addr"), mark);
    expect(new Set(said.map((sent) => sent.server))).toEqual(new Set([0, 1, 3]));
    expect(client.established).toEqual([1, 2, 3]);
  });

  test("that of version 1, with an HMAC, is dropped", () => {
    const { pair, client, server } = establish({ clientAddresses: 1 });
    pair.alter((segment) => {
      segment.mptcp = segment.mptcp.map((one) => (one.kind === "add_addr" ? { ...one, version: 1, hmac: new Uint8Array(8) } : one));
    });
    pair.addAddress("server", "10.2.0.9");
    pair.run(1000);
    expect([client.established, server.established, pair.counter("client", "AddAddrDrop")]).toEqual([[1], [1], 1]);
  });

  test("REMOVE_ADDR ends the subflows of an address", () => {
    const { pair, client, server } = establish();
    pair.removeAddress("client", 1);
    pair.run(5000);
    expect([client.established, server.established]).toEqual([[1], [1]]);
    expect(pair.packets((sent) => has(sent, "remove_addr")).length).toBeGreaterThan(0);
  });

  test("MP_PRIO with an address id is of all subflows that lead there", () => {
    const { pair, client, server } = establish();
    const [, second] = server.mptcp.subflows;
    client.mptcp.setBackup(1, true, pair.now);
    pair.alter((segment) => {
      segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_prio" ? { ...one, addressId: second?.remoteAddressId ?? -1 } : one));
    });
    pair.run(200);
    expect(pair.packets((sent) => has(sent, "mp_prio")).map((sent) => sent.client)).toEqual([0]);
    expect(server.mptcp.subflows.map(({ backup, pathIndex }) => [pathIndex, backup])).toEqual([[1, false], [2, true]]);
  });
});

describe("the end (RFC 6824 §3.3.3, §3.5, §3.6)", () => {
  test("an abort is an ACK with MP_FASTCLOSE on one subflow, RSTs on the others; the RST that answers it ends the connection", () => {
    const { pair, client, server } = establish();
    const mark = pair.sent.length;
    client.abort();
    pair.run(500);
    expect(pair.lines((sent) => sent.from === "client", mark)).toEqual(["> 00 A fastclose", "> 10 RA"]);
    expect(pair.lines((sent) => sent.from === "server" && isReset(sent), mark).length).toBeGreaterThan(0);
    expect([server.connection.error, client.connection.closed, pair.hosts.client.usage.connections]).toEqual(["ECONNRESET", true, 0]);
  });

  test("that ACK is sent three times more, at intervals of a retransmission timeout, and then a RST", () => {
    const { pair, client } = establish({ clientAddresses: 1 });
    pair.lose((sent) => sent.from === "server");
    const mark = pair.sent.length;
    client.abort();
    pair.run(20_000);
    expect(pair.packets((sent) => has(sent, "mp_fastclose") && !isReset(sent), mark)).toHaveLength(4);
    expect([isReset(pair.sent.at(-1) as Sent), pair.hosts.client.usage.connections]).toEqual([true, 0]);
  });

  test("both ends may abort at once", () => {
    const { pair, client, server } = establish();
    client.abort();
    server.abort();
    pair.run(2000);
    expect([pair.hosts.client.usage.connections, pair.hosts.server.usage.connections]).toEqual([0, 0]);
  });

  test("a wrong checksum among several subflows is a RST with MP_FAIL and nothing else", () => {
    const pair = checkedPair({ clientAddresses: 2, client: { mptcp: { ...mptcp, checksum: true } }, server: { mptcp } });
    const ends = pair.establish();
    ends.client.write(1);
    pair.run(1000);
    corruptOnce(pair, (sent: { readonly from: string; readonly packet: Packet } & Sent) => sent.from === "client" && isData(sent));
    expect(exchange({ pair, ...ends })).toEqual(whole(1));
    const failed = pair.packets((sent) => isReset(sent) && has(sent, "mp_fail"));
    expect(failed.map((sent) => sent.segment.mptcp.map((one) => one.kind))).toEqual([["mp_fail"]]);
  });

  test("a wrong checksum on the only subflow makes it regular TCP, by an infinite mapping", () => {
    const pair = checkedPair({ client: { mptcp: { ...mptcp, checksum: true } }, server: { mptcp } });
    const ends = pair.establish();
    ends.client.write(1000);
    pair.run(100);
    corruptOnce(pair, (sent) => sent.from === "client" && isData(sent));
    ends.client.write(20_000);
    pair.run(5000);
    expect([ends.client.connection.fallback, ends.server.connection.fallback, ends.server.received]).toEqual(["mp_fail", "checksum_failed", 21_000]);
  });

  test("options that vanish from data make it regular TCP (§3.6)", () => {
    const pair = new Pair(OLD);
    pair.alter((segment, sent) => {
      if (isData(sent) || !isSyn(sent)) segment.mptcp = segment.mptcp.filter((one) => one.kind === "mp_capable");
    });
    const ends = pair.establish();
    expect(exchange({ pair, ...ends })).toEqual(whole(0));
    expect([ends.client.connection.multipath, ends.server.connection.multipath]).toEqual([false, false]);
  });
});

describe("whatever options come", () => {
  const options = fc.array(fc.record({ at: fc.nat(25), kind: fc.constantFrom("replace", "remove", "add"), octets: fc.uint8Array({ minLength: 1, maxLength: 38 }), subtype: fc.nat(9) }), { minLength: 1, maxLength: 8 });
  const speaks = fc.constantFrom([version0], [version1, version0], [version0, version1]);

  test("nothing throws, bytes are those that were written, and both ends come to an end (property)", () => {
    fc.assert(
      fc.property(options, speaks, speaks, fc.constantFrom("auto" as const, "always" as const), (drawn, client, server, synCookies) => {
        const pair = new Pair({ clientAddresses: 2, client: { mptcp: { versions: client } }, server: { mptcp: { versions: server }, synCookies } });
        let count = 0;
        pair.alter((segment) => {
          const here = drawn.filter(({ at }) => at === count);
          count++;
          for (const { kind, octets, subtype } of here) {
            const bytes = Uint8Array.of(30, octets.length + 2, ...octets);
            bytes[2] = (subtype << 4) | ((bytes[2] as number) & 15);
            const before = segment.mptcp;
            const other = decodeMptcpOption(bytes, 0, bytes.length);
            segment.mptcp = kind === "remove" ? [] : kind === "add" ? [...before, other] : [other];
            if (tcpHeaderLength(segment) > 60) segment.mptcp = before;
          }
        });
        const app = pair.connect();
        app.write(20_000);
        pair.run(1000);
        pair.accepted[0]?.write(20_000);
        pair.run(4000);
        expect([app.corrupt, pair.accepted.some((peer) => peer.corrupt)]).toEqual([false, false]);
        app.abort();
        for (const peer of pair.accepted) peer.abort();
        pair.run(60_000);
        expect([pair.hosts.client.usage.connections, pair.hosts.client.usage.tokens, pair.hosts.client.usage.timers]).toEqual([0, 0, 0]);
      }),
      { seed: 6824, numRuns: 300 },
    );
  });
});
