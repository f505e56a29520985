import { describe, expect, test } from "vitest";
import { MP_CAPABLE_FLAG, Payload } from "../../src/wire/index.ts";
import { capableOf, checkedPair, checksumByHand, difference, mappingOf, MSS, ON, readAll, spacesOf, splitInHalves, verifyAll } from "./checksum-pair.ts";
import type { App } from "./pair.ts";
import { isData, isReset, option, Pair } from "./pair.ts";

describe("negotiation (RFC 8684 §3.1)", () => {
  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])("client %s, server %s: either is enough, the third ACK confirms it", (client, server) => {
    const pair = new Pair({ client: { mptcp: { checksum: client } }, server: { mptcp: { checksum: server } } });
    const ends = pair.establish();
    ends.client.write(3000);
    ends.server.write(2000);
    pair.run(500);
    ends.client.end();
    ends.server.end();
    pair.run(500);
    const wanted = client || server;
    const flags = pair.sent.flatMap((sent) => capableOf(sent) ?? []).map((capable) => (capable.flags & MP_CAPABLE_FLAG.A) !== 0);
    expect(flags.slice(0, 3)).toEqual([client, wanted, wanted]);
    expect([ends.client.mptcp.session.checksums, ends.server.mptcp.session.checksums]).toEqual([wanted, wanted]);
    const mappings = pair.sent.flatMap((sent) => mappingOf(sent) ?? []);
    expect(mappings.length).toBeGreaterThan(3);
    for (const mapping of mappings) expect(mapping.checksum >= 0).toBe(wanted);
    expect([ends.server.received, ends.client.received, ends.server.corrupt, ends.client.corrupt]).toEqual([3000, 2000, false, false]);
    expect([ends.client.connection.fallback, ends.server.connection.fallback, ends.client.connection.closed]).toEqual([null, null, true]);
  });

  test("first data with MP_CAPABLE carries the checksum", () => {
    const pair = checkedPair();
    const client = pair.connect();
    client.write(500);
    pair.run(500);
    const first = pair.sent.flatMap((sent) => capableOf(sent) ?? []).find((capable) => capable.dataLength >= 0);
    expect([first?.dataLength, (first?.checksum ?? -1) >= 0, (first?.flags ?? 0) & MP_CAPABLE_FLAG.A]).toEqual([500, true, MP_CAPABLE_FLAG.A]);
    const server = pair.accepted[0] as App;
    expect([server.received, server.corrupt]).toEqual([500, false]);
    expect(verifyAll(pair, spacesOf(client, server))).toBeGreaterThan(0);
  });

  test.each(["mp_capable", "dss"] as const)("data in %s without the checksum agreed on: the subflow is reset (§3.3)", (kind) => {
    const pair = checkedPair();
    pair.alter((segment, sent) => {
      if (!isData(sent)) return;
      segment.mptcp = segment.mptcp.map((one) => (one.kind === kind && (one.kind === "mp_capable" || one.kind === "dss") ? Object.assign(Object.create(Object.getPrototypeOf(one) as object) as typeof one, one, { checksum: -1 }) : one));
    });
    const client = pair.connect();
    if (kind === "dss") pair.run(200);
    client.write(1000);
    pair.run(500);
    expect(pair.lines(isReset)[0]).toBe("< 00 RA tcprst(1)");
    expect(pair.decisions("server", "subflow_closed")[0]?.reason).toBe("no_checksum");
    for (const server of pair.accepted) expect(server.received).toBe(0);
  });

  test("data with a checksum that was not agreed on: the subflow is reset (§3.3)", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    pair.alter((segment, sent) => {
      const dss = option(segment, "dss");
      if (isData(sent) && dss !== null) dss.checksum = 7;
    });
    client.write(1000);
    pair.run(100);
    expect(pair.lines(isReset)).toEqual(["< 00 RA tcprst(1)"]);
    expect([server.received, pair.decisions("server", "subflow_closed")[0]?.reason]).toEqual([0, "checksum_not_negotiated"]);
  });
});

describe("what is sent", () => {
  test.each([4, 8] as const)("%i-octet numbers, two subflows, losses, both directions: every checksum is right", (dataSequenceLength) => {
    const config = { mptcp: { checksum: true, dataSequenceLength } };
    const pair = new Pair({ clientAddresses: 2, client: config, server: config });
    let count = 0;
    pair.lose((sent) => isData(sent) && ++count % 23 === 0);
    const { client, server } = pair.establish();
    client.write(150_001);
    server.write(120_003);
    client.end();
    server.end();
    expect(pair.runUntil(() => client.connection.closed && server.connection.closed)).toBe(true);
    expect([server.received, server.corrupt, client.received, client.corrupt]).toEqual([150_001, false, 120_003, false]);
    expect([client.connection.fallback, pair.counter("client", "DataCsumErr"), pair.counter("server", "DataCsumErr")]).toEqual([null, 0, 0]);
    expect(verifyAll(pair, spacesOf(client, server))).toBeGreaterThan(150);
  });

  test("a DATA_FIN without data has a checksum of the pseudo-header alone; one with data counts in the length", () => {
    const pair = checkedPair();
    const { client, server } = pair.establish();
    client.write(777);
    client.end();
    server.end();
    pair.run(1000);
    const fins = pair.sent.flatMap((sent) => mappingOf(sent) ?? []).filter((dss) => dss.dataFin);
    expect(fins.some((dss) => dss.dataLength === 778)).toBe(true);
    expect(fins.some((dss) => dss.dataLength === 1 && dss.subflowSequence === 0)).toBe(true);
    expect([server.received, server.connection.ended, client.connection.ended, client.connection.closed]).toEqual([777, true, true, true]);
    verifyAll(pair, spacesOf(client, server));
  });

  test("part of a mapping sent again restates all of it, with the same checksum", () => {
    const pair = checkedPair();
    const { client, server } = pair.establish();
    let drops = 1;
    pair.interfere((packet, sent) => {
      const parts = splitInHalves(packet, sent);
      // The second half of one segment is lost.
      return Array.isArray(parts) && sent.from === "client" && drops-- === 1 ? [parts[0] as typeof packet] : parts;
    });
    client.write(40_000);
    pair.run(3000);
    expect([server.received, server.corrupt, pair.counter("server", "DataCsumErr")]).toEqual([40_000, false, 0]);
    const bySequence = new Map<number, Set<number>>();
    for (const sent of pair.sent) {
      const dss = mappingOf(sent);
      if (dss === null || sent.from === "server") continue;
      bySequence.set(dss.subflowSequence, (bySequence.get(dss.subflowSequence) ?? new Set()).add(dss.checksum));
    }
    for (const checksums of bySequence.values()) expect(checksums.size).toBe(1);
    expect(pair.packets((sent) => isData(sent) && sent.from === "client").length).toBeGreaterThan(bySequence.size);
    verifyAll(pair, spacesOf(client, server));
  });

  test("reinjected data has a mapping and a checksum of its own", () => {
    const pair = checkedPair({ clientAddresses: 2 });
    const { client, server } = pair.establish();
    pair.lose((sent) => sent.client === 0);
    client.write(100_000);
    client.end();
    server.end();
    pair.run(20_000);
    expect([server.received, server.corrupt, pair.counter("server", "DataCsumErr")]).toEqual([100_000, false, 0]);
    expect(pair.decisions("client", "reinjection").length).toBeGreaterThan(0);
    verifyAll(pair, spacesOf(client, server));
  });

  test("virtual payload counts as zeros, and options fit beside timestamps", () => {
    const pair = new Pair({ client: { mptcp: { checksum: true, dataSequenceLength: 8 } }, server: ON });
    const { client, server } = pair.establish();
    server.kept = [];
    client.connection.write(Payload.virtual(5000), false, pair.now);
    pair.run(300);
    expect(difference(readAll(server), new Uint8Array(5000))).toBe(-1);
    expect(Math.max(...pair.sent.map((sent) => sent.segment.payload.length))).toBe(1420);
  });
});

describe("what arrives", () => {
  test("split segments, in order or not", () => {
    const pair = checkedPair({ delay: () => 10e6 });
    pair.interfere((packet, sent) => {
      const parts = splitInHalves(packet, sent);
      return Array.isArray(parts) && sent.at % 3 === 0 ? (parts as (typeof packet)[]).toReversed() : parts;
    });
    const client = pair.connect();
    client.write(100_000);
    pair.run(3000);
    const server = pair.accepted[0] as App;
    expect([server.received, server.corrupt, pair.counter("server", "DataCsumErr")]).toEqual([100_000, false, 0]);
  });

  test("nothing of a mapping is delivered or DATA_ACKed before all of it is there", () => {
    const pair = checkedPair();
    const { client, server } = pair.establish();
    let halves = true;
    pair.interfere((packet, sent) => {
      const parts = splitInHalves(packet, sent);
      return halves && Array.isArray(parts) && sent.from === "client" ? [parts[0] as typeof packet] : parts;
    });
    client.write(1000);
    pair.run(100);
    expect([server.received, client.engine.sender.una]).toEqual([0, 0]);
    halves = false;
    pair.run(2000);
    expect([server.received, server.corrupt, client.engine.sender.una]).toEqual([1000, false, 1000]);
  });

  test("a mapping restated with a DATA_FIN that was not known at first", () => {
    const pair = checkedPair();
    const { client, server } = pair.establish();
    let first = true;
    pair.interfere((packet, sent) => {
      const dss = packet.tcp === null ? null : option(packet.tcp, "dss");
      if (sent.from === "server" || dss === null || !dss.dataFin || !isData(sent) || !first) return packet;
      first = false;
      dss.dataFin = false;
      dss.dataLength--;
      dss.checksum = checksumByHand(client.mptcp.session.localSpace, 0, dss.subflowSequence, dss.dataLength, dss.dataLength);
      const parts = splitInHalves(packet, sent);
      return Array.isArray(parts) ? [parts[0] as typeof packet] : parts;
    });
    client.write(1000);
    client.end();
    pair.run(3000);
    expect([first, server.received, server.corrupt, server.connection.ended, pair.counter("server", "DataCsumErr")]).toEqual([false, 1000, false, true, 0]);
  });

  test("a mapping that contradicts a known one: the subflow is reset", () => {
    const pair = checkedPair();
    const { client, server } = pair.establish();
    // The first segment is lost, so that the next two mappings are known and wait.
    pair.lose((sent) => mappingOf(sent)?.subflowSequence === 1, 1);
    pair.alter((segment) => {
      const dss = option(segment, "dss");
      if (dss !== null && dss.subflowSequence === 2 * MSS + 1) dss.subflowSequence -= 100;
    });
    client.write(3 * MSS);
    pair.run(15);
    expect(pair.decisions("server", "subflow_closed").map((event) => event.reason)).toEqual(["mapping_conflict"]);
    expect([pair.lines(isReset), server.received, pair.counter("server", "DSSNotMatching")]).toEqual([["< 00 RA tcprst(1)"], 0, 1]);
  });

  test("a DATA_FIN without data whose checksum is wrong does not count: the subflow is reset with MP_FAIL", () => {
    const pair = checkedPair();
    const { client, server } = pair.establish();
    pair.alter((segment) => {
      const dss = option(segment, "dss");
      if (dss !== null && dss.dataFin) dss.checksum ^= 0x100;
    });
    client.end();
    pair.run(50);
    expect(server.connection.ended).toBe(false);
    expect(pair.lines(isReset)).toEqual(["< 00 RA fail tcprst(6)"]);
    expect(pair.counter("server", "DataCsumErr")).toBe(1);
  });
});
