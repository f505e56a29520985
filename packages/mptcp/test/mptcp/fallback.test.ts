import { describe, expect, test } from "vitest";
import { optionStripper } from "../../src/sim/index.ts";
import type { MiddleboxFactory } from "../../src/sim/index.ts";
import { Dss, TCP_FLAG } from "../../src/wire/index.ts";
import type { TcpSegment } from "../../src/wire/index.ts";
import { checkedPair } from "./checksum-pair.ts";
import type { App, PairOptions, Sent, Side } from "./pair.ts";
import { has, isData, isReset, isSyn, MS, option, Pair } from "./pair.ts";

const SYNS = ["syn", "syn-ack"];
const BEHIND_SYNS = ["data", "ack", "rst"];
/** Which way what a side sends goes through a box. */
const WAYS = { client: "outward", server: "inward", both: "both" } as const;

/** Exchanges data and closes from both ends; both applications must see all of it and a clean end. */
function exchange(pair: Pair, client: App, first: Side): App {
  const amounts = { client: 30_000, server: 20_000 };
  if (first === "client") client.write(amounts.client);
  pair.runUntil(() => pair.accepted.length > 0);
  const server = pair.accepted[0] as App;
  if (first === "server") server.write(amounts.server);
  pair.run(2000);
  if (first === "server") client.write(amounts.client);
  else server.write(amounts.server);
  pair.run(2000);
  expect([server.received, client.received]).toEqual([amounts.client, amounts.server]);
  expect([server.corrupt, client.corrupt]).toEqual([false, false]);
  client.end();
  pair.run(500);
  expect(server.connection.ended).toBe(true);
  server.end();
  pair.run(5000);
  expect(client.connection.ended).toBe(true);
  expect([client.connection.closed, client.connection.error, server.connection.closed, server.connection.error]).toEqual([true, null, true, null]);
  return server;
}

function run(box: MiddleboxFactory, first: Side, options: PairOptions = {}): { pair: Pair; client: App; server: App } {
  const pair = new Pair(options);
  pair.middlebox(box);
  const client = pair.connect();
  return { pair, client, server: exchange(pair, client, first) };
}

test.each(["client", "server"] as const)("a connection that fell back outlives a moment without its address (%s)", (side) => {
  const pair = new Pair();
  pair.middlebox(optionStripper({ segments: SYNS }));
  const client = pair.connect();
  client.write(300_000);
  pair.runUntil(() => (pair.accepted[0]?.received ?? 0) > 50_000);
  pair.removeAddress(side, 0);
  const before = pair.accepted[0]?.received;
  pair.run(1000);
  expect(pair.accepted[0]?.received ?? 0).toBeLessThan((before ?? 0) + 60_000);
  expect([client.connection.closed, pair.accepted[0]?.connection.closed]).toEqual([false, false]);
  pair.addAddress(side, side === "client" ? "10.1.0.1" : "10.2.0.1");
  expect(pair.runUntil(() => pair.accepted[0]?.received === 300_000, 10_000)).toBe(true);
  expect([client.connection.fallback, pair.accepted[0]?.corrupt]).toEqual(["no_mp_capable_in_synack", false]);
});

test("a connection that fell back is given up by its timeouts when the address does not return", () => {
  const pair = new Pair({ client: { tcp: { retries: 4 } } });
  pair.middlebox(optionStripper({ segments: SYNS }));
  const client = pair.connect();
  client.write(30_000);
  pair.run(500);
  pair.removeAddress("client", 0);
  client.write(1000);
  pair.run(60_000);
  expect([client.connection.closed, client.connection.error]).toEqual([true, "ETIMEDOUT"]);
  expect(pair.hosts.client.usage).toMatchObject({ connections: 0, tokens: 0 });
});

test("an infinite mapping that leaves a gap in the data ends the subflow; nothing is stored for it", () => {
  const pair = new Pair();
  const { client, server } = pair.establish();
  client.write(1000);
  pair.run(200);
  const { remoteSpace } = server.mptcp.session;
  const { receiver } = server.engine;
  pair.alter((segment, sent) => {
    if (sent.from !== "client" || !isData(sent)) return;
    const dss = new Dss();
    Object.assign(dss, { dsnLength: 4, dsnLow: remoteSpace.low(receiver.nxt + 1_000_000), subflowSequence: 1001 });
    segment.mptcp = [dss];
  });
  client.write(5000);
  pair.run(2000);
  expect([server.connection.fallback, server.received, receiver.reorderedBytes]).toEqual([null, 1000, 0]);
  expect(pair.decisions("server", "subflow_closed").map((event) => event.reason)).toEqual(["mapping_conflict"]);
});

describe("options that vanish from a lone subflow whose data had passed with them", () => {
  const senders = ["nobody", "client", "server", "both"] as const;
  const directions = ["client", "server", "both"] as const;
  const orders = senders.flatMap((who) => directions.map((from) => [who, from] as const));

  test.each(orders)("%s has data to send, what the %s sends loses its options: every byte once, no RST", (who, from) => {
    for (const checksum of [false, true]) {
      const pair = new Pair({ client: { mptcp: { checksum } } });
      const { client, server } = pair.establish();
      client.write(3000);
      server.write(2000);
      pair.run(300);
      pair.middlebox(optionStripper({ segments: BEHIND_SYNS, direction: WAYS[from] }));
      if (who === "client" || who === "both") client.write(20_000);
      if (who === "server" || who === "both") server.write(30_000);
      pair.run(3000);
      client.end();
      pair.run(5000);
      expect(server.connection.ended).toBe(true);
      server.write(1000);
      server.end();
      pair.run(30_000);
      const up = who === "client" || who === "both" ? 23_000 : 3000;
      const down = who === "server" || who === "both" ? 33_000 : 3000;
      expect([server.received, server.corrupt, client.received, client.corrupt]).toEqual([up, false, down, false]);
      expect([client.connection.closed, client.connection.error, server.connection.closed, server.connection.error]).toEqual([true, null, true, null]);
      expect([pair.packets(isReset), pair.decisions("client", "reinjection"), pair.decisions("server", "reinjection")]).toEqual([[], [], []]);
      expect(pair.packets((sent) => !isData(sent) && option(sent.segment, "dss")?.dataLength === 0 && option(sent.segment, "dss")?.dsnLength !== 0)).toEqual([]);
    }
  });

  test("what a half-open peer answers to anybody's segments carries options", () => {
    const pair = new Pair();
    pair.lose((sent) => sent.from === "client" && !isSyn(sent), 1);
    const client = pair.connect();
    client.write(300);
    pair.run(15);
    const [syn] = pair.packets(isSyn);
    for (let n = 0; n < 2; n++) {
      const blind = (syn as Sent).packet.clone();
      Object.assign(blind.tcp as TcpSegment, { flags: TCP_FLAG.ACK, sequence: 0, acknowledgment: 0, mptcp: [] });
      pair.inject("server", blind);
    }
    pair.run(5000);
    const answers = pair.packets((sent) => sent.from === "server" && sent.at < 20 * MS);
    expect(answers.length).toBeGreaterThan(2);
    expect(answers.map((sent) => has(sent, "mp_capable"))).toEqual(answers.map(() => true));
    expect([client.connection.fallback, pair.accepted[0]?.connection.fallback, pair.accepted[0]?.received]).toEqual([null, null, 300]);
  });

  test("one ACK of a middlebox's own is no reason: the answer to a probe tells", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    client.write(3000);
    pair.run(300);
    let bare = 0;
    pair.alter((segment, sent) => {
      if (sent.from === "server" && bare++ < 1) segment.mptcp = [];
    });
    client.write(3000);
    pair.run(5000);
    expect([client.connection.fallback, server.connection.fallback, server.received]).toEqual([null, null, 6000]);
  });
});

test.each([0, 1])("a DSS with a Data-Level Length of 0 on a segment without data is an ACK (RFC 8684, figure 20): subflow sequence number %i", (subflowSequence) => {
  const pair = new Pair();
  const { client, server } = pair.establish();
  let changed = 0;
  pair.alter((segment, sent) => {
    const dss = option(segment, "dss");
    if (sent.from !== "server" || isData(sent) || dss === null || dss.dsnLength !== 0) return;
    Object.assign(dss, { dsnLength: 4, dsnLow: client.mptcp.session.remoteSpace.low(0), subflowSequence, dataLength: 0 });
    changed++;
  });
  client.write(100_000);
  pair.run(5000);
  expect([client.connection.fallback, server.connection.fallback, server.received, client.connection.sendBuffered]).toEqual([null, null, 100_000, 0]);
  expect([changed > 10, pair.decisions("client", "subflow_closed")]).toEqual([true, []]);
});

describe("options stripped by a middlebox (RFC 8684 §3.7)", () => {
  test("from the SYN: a plain connection on both sides", () => {
    for (const first of ["client", "server"] as const) {
      const { pair, client, server } = run(optionStripper({ segments: ["syn"] }), first);
      expect([client.connection.fallback, server.connection.fallback, server.connection.multipath]).toEqual(["no_mp_capable_in_synack", null, false]);
      expect(pair.packets((sent) => !isSyn(sent) && sent.segment.mptcp.length > 0)).toEqual([]);
    }
  });

  test("from the SYN+ACK: the client sends no option more, the server notices by the third ACK", () => {
    for (const first of ["client", "server"] as const) {
      const { pair, client, server } = run(optionStripper({ segments: ["syn-ack"] }), first);
      expect([client.connection.fallback, server.connection.fallback]).toEqual(["no_mp_capable_in_synack", "no_mp_capable_in_ack"]);
      expect(pair.packets((sent) => !isSyn(sent) && sent.segment.mptcp.length > 0)).toEqual([]);
    }
  });

  test("from the third ACK only: the server falls back, the client by the server's ACKs", () => {
    const { client, server } = run(optionStripper({ segments: ["third-ack"] }), "server");
    expect([server.connection.fallback, client.connection.multipath]).toEqual(["no_mp_capable_in_ack", false]);
    expect(client.connection.fallback).not.toBeNull();
  });

  test("from everything but SYNs, in both directions", () => {
    for (const first of ["client", "server"] as const) {
      const { pair, client, server } = run(optionStripper({ segments: BEHIND_SYNS }), first);
      expect([client.connection.multipath, server.connection.multipath]).toEqual([false, false]);
      expect(server.connection.fallback).toBe("no_mp_capable_in_ack");
      expect(client.connection.fallback).toBe(first === "client" ? "no_data_ack" : "options_lost_on_data");
      expect(pair.packets(isReset)).toEqual([]);
    }
  });

  test("from everything but SYNs, on the way to the server only", () => {
    for (const first of ["client", "server"] as const) {
      const { client, server } = run(optionStripper({ segments: BEHIND_SYNS, direction: "outward" }), first);
      expect([client.connection.multipath, server.connection.multipath]).toEqual([false, false]);
      expect(server.connection.fallback).toBe("no_mp_capable_in_ack");
    }
  });

  test("from everything but SYNs, on the way to the client only: the infinite mapping tells the server", () => {
    const { pair, client, server } = run(optionStripper({ segments: BEHIND_SYNS, direction: "inward" }), "client");
    expect([client.connection.fallback, server.connection.fallback]).toEqual(["no_data_ack", "infinite_mapping"]);
    const infinite = pair.packets((sent) => sent.from === "client" && option(sent.segment, "dss")?.dataLength === 0 && option(sent.segment, "dss")?.dsnLength !== 0);
    // The same mapping on every segment of the first flight, and nothing more is signalled once that is acknowledged.
    expect(new Set(infinite.map((sent) => option(sent.segment, "dss")?.subflowSequence)).size).toBe(1);
    expect(pair.counter("server", "InfiniteMapRx")).toBe(1);
    const at = pair.sent.indexOf(infinite[0] as Sent);
    expect(pair.packets((sent) => sent.from === "client" && isData(sent) && sent.at < (infinite[0] as Sent).at + 20 * MS, at).every((sent) => infinite.includes(sent))).toBe(true);
    expect(pair.packets((sent) => sent.from === "client" && sent.segment.mptcp.length > 0 && sent.at > (infinite[0] as Sent).at + 40 * MS, at)).toEqual([]);
  });

  test("from everything but SYNs, on the way to the client only, the server writing first", () => {
    const { client, server } = run(optionStripper({ segments: BEHIND_SYNS, direction: "inward" }), "server");
    expect([client.connection.fallback, server.connection.fallback]).toEqual(["options_lost_on_data", "no_data_ack"]);
  });

  test("from data, while pure ACKs pass", () => {
    for (const first of ["client", "server"] as const) {
      const { client, server } = run(optionStripper({ segments: ["data"] }), first);
      expect([client.connection.multipath, server.connection.multipath]).toEqual([false, false]);
    }
    // The client writes long after the handshake, which went well.
    const pair = new Pair();
    pair.middlebox(optionStripper({ segments: ["data"] }));
    const { client } = pair.establish();
    const server = exchange(pair, client, "client");
    expect([client.connection.fallback, server.connection.fallback]).toEqual(["no_data_ack", "options_lost_on_data"]);
  });

  test("from the beginning of first data, with checksums in use: what a mapping covers behind it goes to regular TCP too", () => {
    const pair = checkedPair();
    const { client, server } = pair.establish();
    let mapped = 0;
    pair.alter((segment, sent) => {
      if (sent.from !== "client" || !isData(sent)) return;
      segment.mptcp = segment.mptcp.map((one) => {
        if (one.kind !== "dss" || one.dsnLength === 0) return one;
        mapped++;
        return Object.assign(new Dss(), one, { dsnLow: one.dsnLow + 100, subflowSequence: one.subflowSequence + 100, dataLength: one.dataLength - 100 });
      });
    });
    client.write(1000);
    pair.run(100);
    expect([mapped, server.connection.fallback, server.received, server.corrupt]).toEqual([1, "options_lost_on_data", 1000, false]);
  });

  test("to a client that only closes: the FIN tells the server", () => {
    const pair = new Pair();
    pair.middlebox(optionStripper({ segments: BEHIND_SYNS, direction: "inward" }));
    const client = pair.connect();
    client.write(1000);
    client.end();
    pair.run(3000);
    const server = pair.accepted[0] as App;
    expect([server.received, server.connection.ended]).toEqual([1000, true]);
    server.write(500);
    server.end();
    pair.run(10_000);
    expect([client.received, client.connection.closed, client.connection.error, server.connection.closed, server.connection.error]).toEqual([500, true, null, true, null]);
  });

  test("from data of a join: that subflow is reset with the reason, its data arrives on the other", () => {
    const pair = new Pair({ clientAddresses: 2 });
    const { client, server } = pair.establish();
    pair.run(200);
    pair.middlebox(optionStripper({ segments: BEHIND_SYNS, direction: "inward" }), (sent) => sent.client === 1);
    expect(client.established).toEqual([1, 2]);
    client.write(200_000);
    pair.run(5000);
    expect([server.received, server.corrupt]).toEqual([200_000, false]);
    expect(client.established.includes(1)).toBe(true);
    expect(pair.lines((sent) => isReset(sent) && sent.from === "client")).toContain("> 10 RA tcprst(6)");
    expect([client.connection.multipath, server.connection.multipath]).toEqual([true, true]);
  });

  test("from a join whose third ACK is confirmed without them: it never carries data", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.middlebox(optionStripper({ segments: BEHIND_SYNS, direction: "inward" }), (sent) => sent.client === 1);
    const { client, server } = pair.establish();
    client.write(200_000);
    pair.run(20_000);
    expect([server.received, server.corrupt, client.received]).toEqual([200_000, false, 0]);
    expect(pair.packets((sent) => sent.client === 1 && sent.from === "client" && isData(sent))).toEqual([]);
    expect(pair.decisions("client", "subflow_closed").map((event) => event.reason)).toContain("options_lost");
  });

  test("from all subflows of a connection that has several: an error at both ends", () => {
    for (const from of ["client", "server", "both"] as const) {
      const mptcp = { noSubflowTimeout: 20_000 * MS };
      const pair = new Pair({ clientAddresses: 2, client: { mptcp }, server: { mptcp } });
      const { client, server } = pair.establish();
      client.write(10_000);
      pair.run(500);
      pair.middlebox(optionStripper({ segments: BEHIND_SYNS, direction: WAYS[from] }));
      client.write(10_000);
      server.write(10_000);
      pair.run(60_000);
      expect([client.connection.error, server.connection.error, client.corrupt, server.corrupt], from).toEqual(["ETIMEDOUT", "ETIMEDOUT", false, false]);
    }
  });
});

test.each([1, 2, 5])("an infinite mapping outlives the loss of the first %i segments that carry it", (losses) => {
  const pair = new Pair();
  const { client } = pair.establish();
  pair.middlebox(optionStripper({ segments: BEHIND_SYNS, direction: "inward" }));
  const isInfinite = (sent: Sent): boolean => sent.from === "client" && isData(sent) && option(sent.segment, "dss")?.dataLength === 0;
  pair.lose(isInfinite, losses);
  const server = exchange(pair, client, "client");
  expect(pair.packets((sent) => isInfinite(sent) && sent.lost)).toHaveLength(losses);
  expect([client.connection.fallback, server.connection.fallback]).toEqual(["no_data_ack", "infinite_mapping"]);
});

describe("after fallback", () => {
  test("a large transfer in both directions with losses is as good as plain TCP's", () => {
    const pair = new Pair();
    pair.middlebox(optionStripper({ segments: BEHIND_SYNS }));
    let count = 0;
    pair.lose((sent) => isData(sent) && ++count % 50 === 0);
    const client = pair.connect();
    client.write(400_000);
    pair.runUntil(() => pair.accepted.length > 0);
    const server = pair.accepted[0] as App;
    server.write(300_000);
    pair.run(60_000);
    expect([server.received, server.corrupt, client.received, client.corrupt]).toEqual([400_000, false, 300_000, false]);
    expect(pair.decisions("client", "reinjection")).toEqual([]);
    expect(pair.decisions("server", "reinjection")).toEqual([]);
  });

  test("no join is opened or accepted", () => {
    const pair = new Pair({ clientAddresses: 2, serverAddresses: 2 });
    pair.middlebox(optionStripper({ segments: BEHIND_SYNS }));
    const client = pair.connect();
    client.write(5000);
    pair.run(3000);
    expect(pair.packets((sent) => has(sent, "mp_join_syn"))).toEqual([]);
    pair.addAddress("client", "10.1.0.3");
    pair.run(3000);
    expect(pair.packets((sent) => has(sent, "mp_join_syn") || has(sent, "add_addr"))).toEqual([]);
  });

  test("abort is a plain RST", () => {
    const pair = new Pair();
    pair.middlebox(optionStripper({ segments: BEHIND_SYNS }));
    const client = pair.connect();
    client.write(5000);
    pair.run(1000);
    client.abort();
    pair.run(100);
    const server = pair.accepted[0] as App;
    expect(pair.lines(isReset)).toEqual(["> 00 RA"]);
    expect([client.connection.error, server.connection.closed, server.connection.error]).toEqual(["ECONNABORTED", true, "ECONNRESET"]);
  });

  test("every fallback is told once, with its reason, to application and log", () => {
    const { pair, client } = run(optionStripper({ segments: BEHIND_SYNS }), "client");
    expect(client.seen & 64).toBe(64);
    expect(pair.decisions("client", "fallback").map((event) => event.reason)).toEqual([client.connection.fallback]);
    expect(pair.decisions("server", "fallback").map((event) => event.reason)).toEqual(["no_mp_capable_in_ack"]);
    expect(pair.counter("client", "MPCapableDataFallback")).toBe(1);
  });
});
