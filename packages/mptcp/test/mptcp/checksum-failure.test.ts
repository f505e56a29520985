import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/core/index.ts";
import { checkedPair, corruptOnce, difference, flip, gateway, mappingOf, MSS, readAll, stream } from "./checksum-pair.ts";
import type { App, Sent, Side } from "./pair.ts";
import { has, isData, isFin, isReset, isSyn, option, Pair } from "./pair.ts";

describe("a changed byte with two subflows (RFC 8684 §3.7)", () => {
  test.each(["client", "server"] as const)("from the %s: RST with MP_FAIL, the data comes on the other", (from) => {
    const pair = checkedPair({ clientAddresses: 2 });
    const ends = pair.establish();
    const [sender, receiver] = from === "client" ? [ends.client, ends.server] : [ends.server, ends.client];
    const other = from === "client" ? "server" : "client";
    expect(sender.established).toEqual([1, 2]);
    // Path 2 changes a byte of everything.
    pair.alter((segment, sent) => {
      if (sent.client === 1 && sent.from === from && isData(sent)) segment.payload = flip(segment.payload, segment.payload.length - 1);
    });
    sender.write(200_000);
    pair.run(5000);
    expect([receiver.received, receiver.corrupt]).toEqual([200_000, false]);
    expect([ends.client.connection.multipath, ends.server.connection.multipath]).toEqual([true, true]);
    const resets = pair.packets((sent) => isReset(sent) && has(sent, "mp_fail"));
    expect(resets.length).toBeGreaterThan(0);
    // The MP_FAIL names the start of a mapping that was sent on that subflow, in 64 bits.
    const fail = option((resets[0] as Sent).segment, "mp_fail");
    const failed = sender.mptcp.session.localSpace.position(fail?.dsnHigh ?? 0, fail?.dsnLow ?? 0);
    const starts = pair.packets((sent) => sent.from === from && sent.client === 1).flatMap((sent) => mappingOf(sent) ?? []).map((dss) => sender.mptcp.session.localSpace.positionNear(dss.dsnLow, failed));
    expect(starts).toContain(failed);
    expect(resets.every((sent) => sent.client === 1 && sent.from === other)).toBe(true);
    expect(pair.counter(other, "DataCsumErr")).toBe(resets.length);
    expect([pair.counter(other, "MPFailTx"), pair.counter(from, "MPFailRx")]).toEqual([resets.length, resets.length]);
    expect(pair.decisions(other, "subflow_closed")[0]?.reason).toBe("checksum_failed");
  });

  test("once joined, the last subflow is reset too: falling back is no choice any more", () => {
    const pair = checkedPair({ clientAddresses: 2 });
    const { client, server } = pair.establish();
    pair.removeAddress("client", 1);
    pair.run(1000);
    expect(client.established).toEqual([1]);
    corruptOnce(pair, (sent) => sent.from === "client" && isData(sent));
    client.write(5000);
    pair.run(100);
    expect(pair.lines(isReset)).toContain("< 00 RA fail tcprst(6)");
    expect([server.connection.multipath, server.corrupt]).toEqual([true, false]);
  });

  test("an MP_FAIL on an ACK where another subflow is resets that subflow", () => {
    const pair = checkedPair({ clientAddresses: 2 });
    const { client, server } = pair.establish();
    pair.alter((segment, sent) => {
      if (sent.from === "server" && sent.client === 1 && !isData(sent) && !isSyn(sent)) segment.mptcp = [...segment.mptcp, { kind: "mp_fail", dsnHigh: client.mptcp.session.localSpace.high(0), dsnLow: client.mptcp.session.localSpace.low(0) }];
    });
    client.write(100_000);
    pair.run(5000);
    expect([server.received, server.corrupt, client.connection.multipath]).toEqual([100_000, false, true]);
    expect(pair.decisions("client", "subflow_closed").map((event) => event.reason)).toContain("mp_fail");
  });
});

/** One subflow, checksums on; a byte of what `from` sends is changed. */
function changedByte(from: Side, amount: number, prepare: (pair: Pair) => void = () => {}): { pair: Pair; sender: App; receiver: App; other: Side } {
  const pair = checkedPair();
  const ends = pair.establish();
  const [sender, receiver] = from === "client" ? [ends.client, ends.server] : [ends.server, ends.client];
  receiver.kept = [];
  prepare(pair);
  // The third segment.
  let nth = 0;
  corruptOnce(pair, (sent) => sent.from === from && isData(sent) && ++nth >= Math.min(3, Math.ceil(amount / MSS)), 10);
  sender.write(amount);
  return { pair, sender, receiver, other: from === "client" ? "server" : "client" };
}

const isInfinite = (sent: Sent): boolean => mappingOf(sent)?.dataLength === 0;

describe("a changed byte with the only subflow (RFC 8684 §3.7)", () => {
  test.each(["client", "server"] as const)("from the %s: MP_FAIL, MP_FAIL in answer, an infinite mapping, regular TCP", (from) => {
    const { pair, sender, receiver, other } = changedByte(from, 60_000);
    pair.run(3000);
    receiver.write(10_000);
    pair.run(2000);
    expect([sender.connection.multipath, receiver.connection.multipath]).toEqual([false, false]);
    expect([sender.connection.fallback, receiver.connection.fallback]).toEqual(["mp_fail", "checksum_failed"]);
    expect(pair.packets(isReset)).toEqual([]);
    // The bytes of the failed mapping are delivered as they arrived.
    const got = readAll(receiver);
    const wanted = stream(60_000);
    wanted[2 * MSS + 10] = (wanted[2 * MSS + 10] as number) ^ 0x20;
    expect([got.length, difference(got, wanted)]).toEqual([60_000, -1]);
    expect([sender.received, sender.corrupt]).toEqual([10_000, false]);
    // MP_FAIL names the third mapping; it is on ACKs alone, in both directions.
    const fails = pair.packets((sent) => has(sent, "mp_fail"));
    const first = option((fails[0] as Sent).segment, "mp_fail");
    expect([fails[0]?.from, sender.mptcp.session.localSpace.position(first?.dsnHigh ?? 0, first?.dsnLow ?? 0)]).toEqual([other, 2 * MSS]);
    expect(new Set(fails.map((sent) => sent.from))).toEqual(new Set(["client", "server"]));
    expect(fails.some((sent) => isData(sent))).toBe(false);
    // One infinite mapping each, retroactive from the Data ACK, with checksum 0, on all segments until it is acknowledged.
    const infinite = [from, other].map((side) => pair.packets((sent) => isInfinite(sent) && sent.from === side)[0]);
    const mapping = mappingOf(infinite[0] as Sent);
    expect([sender.mptcp.session.localSpace.positionNear(mapping?.dsnLow ?? 0, 0), mapping?.subflowSequence, mapping?.checksum]).toEqual([2 * MSS, 2 * MSS + 1, 0]);
    for (const [side, one] of [[from, infinite[0]], [other, infinite[1]]] as const) {
      const after = pair.packets((sent) => sent.from === side && option(sent.segment, "dss") !== null && !isInfinite(sent), pair.sent.indexOf(one as Sent) + 1);
      expect(after).toEqual([]);
    }
    expect([pair.counter(other, "DataCsumErr"), pair.counter(from, "DataCsumErr")]).toEqual([1, 0]);
    for (const side of ["client", "server"] as const) {
      expect(pair.counter(side, "MPFailTx")).toBeGreaterThan(0);
      expect(pair.counter(side, "MPFailRx")).toBeGreaterThan(0);
      expect([pair.counter(side, "InfiniteMapTx"), pair.counter(side, "InfiniteMapRx")]).toEqual([1, side === other ? 1 : 0]);
    }
  });

  test.each(["client", "server"] as const)("from the %s, in the last segment, with a DATA_FIN: the FIN ends the stream", (from) => {
    const { pair, sender, receiver } = changedByte(from, 1000);
    sender.end();
    receiver.end();
    pair.run(10_000);
    const got = readAll(receiver);
    const wanted = stream(1000);
    wanted[10] = (wanted[10] as number) ^ 0x20;
    expect([got.length, difference(got, wanted)]).toEqual([1000, -1]);
    expect([receiver.connection.ended, sender.connection.ended]).toEqual([true, true]);
    expect([sender.connection.closed, sender.connection.error, receiver.connection.closed, receiver.connection.error]).toEqual([true, null, true, null]);
    expect(pair.packets(isReset)).toEqual([]);
  });

  test("nothing is delivered from the failed mapping on before the peer has answered", () => {
    const { pair, sender, receiver } = changedByte("client", 60_000, (one) => one.lose((sent) => has(sent, "mp_fail") && sent.from === "server"));
    pair.run(600);
    expect(sender.connection.multipath).toBe(true);
    const got = readAll(receiver);
    expect(difference(got, stream(got.length))).toBe(-1);
    expect([got.length, sender.engine.sender.una]).toEqual([2 * MSS, 2 * MSS]);
  });

  test("a lost MP_FAIL, or a lost answer, is repeated until the peer has gone over", () => {
    for (const side of ["client", "server"] as const) {
      const { pair, sender, receiver } = changedByte("client", 1000, (one) => one.lose((sent) => sent.from === side && has(sent, "mp_fail"), 2));
      pair.run(5000);
      expect([sender.connection.fallback, receiver.connection.fallback]).toEqual(["mp_fail", "checksum_failed"]);
      expect(readAll(receiver)).toHaveLength(1000);
      expect(pair.packets(isReset)).toEqual([]);
      // It stops then.
      const before = pair.sent.length;
      pair.run(60_000);
      expect(pair.packets((sent) => has(sent, "mp_fail"), before)).toEqual([]);
    }
  });

  test("the infinite mapping and the answer are lost: unmapped data, or the FIN, tells", () => {
    const { pair, sender, receiver } = changedByte("client", 200_000, (one) => {
      one.alter((segment, sent) => {
        if (sent.from === "client" && (isInfinite(sent) || has(sent, "mp_fail"))) segment.mptcp = [];
      });
    });
    sender.end();
    pair.run(20_000);
    expect([receiver.received, receiver.connection.ended]).toEqual([200_000, true]);
    expect([sender.connection.fallback, receiver.connection.fallback]).toEqual(["mp_fail", "checksum_failed"]);
  });

  test("an MP_FAIL that never arrives: the subflow is reset, nothing wrong was delivered", () => {
    const { pair, receiver } = changedByte("client", 4200, (one) => one.lose((sent) => has(sent, "mp_fail") && !isReset(sent)));
    pair.run(120_000);
    expect(pair.lines(isReset).some((text) => text.includes("fail"))).toBe(true);
    const got = readAll(receiver);
    expect(difference(got, stream(got.length))).toBe(-1);
    expect(receiver.connection.multipath).toBe(true);
  });

  test("both directions changed at once", () => {
    const pair = checkedPair();
    const { client, server } = pair.establish();
    client.kept = [];
    server.kept = [];
    corruptOnce(pair, (sent) => sent.from === "client" && isData(sent));
    corruptOnce(pair, (sent) => sent.from === "server" && isData(sent));
    client.write(20_000);
    server.write(20_000);
    client.end();
    server.end();
    pair.run(20_000);
    const wanted = stream(20_000);
    wanted[10] = (wanted[10] as number) ^ 0x20;
    for (const app of [client, server]) expect(difference(readAll(app), wanted)).toBe(-1);
    expect([client.connection.closed, client.connection.error, server.connection.closed, server.connection.error]).toEqual([true, null, true, null]);
    const before = pair.sent.length;
    pair.run(60_000);
    expect(pair.packets((sent) => has(sent, "mp_fail"), before)).toEqual([]);
  });

  test("data sent twice makes the stream uneven: RST with MP_FAIL instead", () => {
    const pair = checkedPair({ client: { mptcp: { noSubflowTimeout: 1e9 } } });
    const { client, server } = pair.establish();
    client.write(1000);
    pair.run(200);
    Object.assign(client.engine.sender, { hasReinjected: true });
    server.write(3000);
    corruptOnce(pair, (sent) => sent.from === "server" && isData(sent));
    pair.run(100);
    server.write(3000);
    pair.run(200);
    expect(pair.lines(isReset)).toContain("> 00 RA fail tcprst(6)");
    expect([client.corrupt, client.connection.multipath]).toEqual([false, true]);
  });

  test("a join under way when the byte is changed is given up", () => {
    const pair = checkedPair();
    const { client, server } = pair.establish();
    server.kept = [];
    corruptOnce(pair, (sent) => sent.from === "client" && isData(sent));
    client.write(30_000);
    pair.addAddress("client", "10.1.0.9");
    pair.run(10_000);
    const got = readAll(server);
    // Whichever was first, both ends agree, and nothing is lost or doubled.
    expect(client.connection.multipath).toBe(server.connection.multipath);
    if (server.connection.multipath) expect([got.length, difference(got, stream(30_000))]).toEqual([30_000, -1]);
    else expect(got).toHaveLength(30_000);
  });
});

describe("payload of another length (an application-level gateway)", () => {
  test.each([
    ["longer", 5000, 4, "a longer text"],
    ["shorter", 5000, 20, "short"],
    ["longer by what fills a segment", 100, 0, "x".repeat(50)],
  ])("%s, one subflow: the stream goes on as in regular TCP", (_name, at, remove, insert) => {
    const pair = checkedPair();
    gateway(pair, "client", at, remove, insert);
    const { client, server } = pair.establish();
    server.kept = [];
    client.write(40_000);
    client.end();
    pair.run(20_000);
    const original = stream(40_000);
    const wanted = Uint8Array.from([...original.subarray(0, at), ...new TextEncoder().encode(insert), ...original.subarray(at + remove)]);
    const got = readAll(server);
    expect([got.length, difference(got, wanted)]).toEqual([wanted.length, -1]);
    expect([client.connection.fallback, server.connection.fallback, server.connection.ended]).toEqual(["mp_fail", "checksum_failed", true]);
    server.write(5000);
    server.end();
    pair.run(5000);
    expect([client.received, client.corrupt, client.connection.closed, client.connection.error]).toEqual([5000, false, true, null]);
  });

  test.each([
    ["longer", 4, "a longer text"],
    ["shorter", 20, "short"],
  ])("%s, two subflows: the other carries all of it", (_name, remove, insert) => {
    const pair = checkedPair({ clientAddresses: 2 });
    gateway(pair, "client", 3000, remove, insert);
    const { client, server } = pair.establish();
    expect(client.established).toEqual([1, 2]);
    client.write(300_000);
    pair.run(20_000);
    expect([server.received, server.corrupt, server.connection.multipath]).toEqual([300_000, false, true]);
    expect(pair.counter("server", "DataCsumErr")).toBeGreaterThan(0);
  });

  test("shorter, and nothing sent after it: nothing wrong is delivered", () => {
    const pair = checkedPair();
    gateway(pair, "client", 500, 20, "short");
    const { client, server } = pair.establish();
    server.kept = [];
    client.write(1000);
    pair.run(30_000);
    const got = readAll(server);
    if (server.connection.multipath) expect(difference(got, stream(got.length))).toBe(-1);
    else expect(got).toHaveLength(985);
    expect(pair.counter("server", "DataCsumErr")).toBeGreaterThan(0);
  });
});

describe("random meddling", () => {
  /** Loss, and one change of the payload somewhere; both ends send and close. */
  function meddle(seed: number): string | null {
    const random = new SeededRandom(seed);
    const below = (n: number): number => Math.floor((random.uint32() / 2 ** 32) * n);
    const paths = 1 + below(2);
    const pair = checkedPair({ seed, clientAddresses: paths, delay: (client) => (5 + 30 * client) * 1e6 });
    const percent = below(2) * below(8);
    pair.lose(() => below(100) < percent);
    const from = below(2) === 0 ? "client" : "server";
    const path = below(paths);
    let delta = 0;
    if (below(3) === 0) {
      delta = 1 + below(30);
      gateway(pair, from, below(30_000), 0, "y".repeat(delta), path);
    } else {
      let skip = below(30);
      corruptOnce(pair, (sent) => sent.from === from && sent.client === path && isData(sent) && skip-- <= 0, below(20));
    }
    const [up, down] = [1000 + below(150_000), 1000 + below(150_000)];
    const client = pair.connect();
    client.write(up);
    client.end();
    pair.runUntil(() => pair.accepted.length > 0);
    const server = pair.accepted[0] as App;
    server.write(down);
    server.end();
    pair.run(300_000);
    const ends = [client, server];
    if (client.connection.multipath !== server.connection.multipath) return "only one end has fallen back";
    if (ends.some((app) => !app.connection.closed)) return "not closed";
    if (client.connection.multipath) {
      if (ends.some((app) => app.corrupt)) return "changed bytes were delivered silently";
      if (ends.some((app) => app.connection.error !== null)) return paths === 2 ? `broke: ${client.connection.error} ${server.connection.error}` : null;
      return server.received === up && client.received === down ? null : "not complete";
    }
    const extra = server.received - up + client.received - down;
    return extra === 0 || extra === delta ? null : `${extra} bytes more, the gateway adds ${delta}`;
  }

  test("what was changed is detected, and the two ends agree on what follows", () => {
    const failures: string[] = [];
    for (let seed = 1; seed <= 200; seed++) {
      const problem = meddle(seed);
      if (problem !== null) failures.push(`seed ${seed}: ${problem}`);
    }
    expect(failures).toEqual([]);
  });
});

describe("MP_FAIL from a peer", () => {
  test("for what was never sent is ignored", () => {
    const pair = checkedPair();
    const { client, server } = pair.establish();
    pair.alter((segment, sent) => {
      if (sent.from === "server" && !isSyn(sent) && !isFin(sent)) segment.mptcp = [...segment.mptcp, { kind: "mp_fail", dsnHigh: 1, dsnLow: 2 }];
    });
    client.write(20_000);
    pair.run(1000);
    expect([server.received, client.connection.multipath, pair.packets(isReset).length]).toEqual([20_000, true, 0]);
  });

  test("where checksums are not in use makes both ends regular TCP all the same", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    client.write(5000);
    pair.run(200);
    let injected = false;
    pair.alter((segment, sent) => {
      if (injected || sent.from !== "server" || isData(sent)) return;
      injected = true;
      const space = client.mptcp.session.localSpace;
      segment.mptcp = [...segment.mptcp, { kind: "mp_fail", dsnHigh: space.high(5000), dsnLow: space.low(5000) }];
    });
    client.write(20_000);
    pair.run(2000);
    client.write(20_000);
    server.write(20_000);
    pair.run(2000);
    expect([client.connection.fallback, server.connection.multipath]).toEqual(["mp_fail", false]);
    expect([server.received, server.corrupt, client.received, client.corrupt]).toEqual([45_000, false, 20_000, false]);
    expect(pair.packets(isInfinite)[0]?.segment.mptcp.flatMap((one) => (one.kind === "dss" ? [one.checksum] : []))).toEqual([-1]);
  });
});
