import { describe, expect, test } from "vitest";
import type { Version } from "../../src/mptcp/index.ts";
import { version0, version1 } from "../../src/mptcp/index.ts";
import type { Packet } from "../../src/wire/index.ts";
import type { App, PairOptions, Sent } from "./pair.ts";
import { has, isReset, isSyn, option, Pair, SECOND } from "./pair.ts";

const HOUR = 3600 * SECOND;
const sets: Readonly<Record<string, readonly Version[]>> = { "1": [version1], "0": [version0], "1, 0": [version1, version0], "0, 1": [version0, version1] };
const speaks = (name: string): readonly Version[] => sets[name] as readonly Version[];
const fromClient = (sent: Sent): boolean => sent.from === "client" && isSyn(sent);
const fromServer = (sent: Sent): boolean => sent.from === "server" && isSyn(sent);

function pairOf(client: string, server: string | null, options: PairOptions = {}): Pair {
  const speaker = { mptcp: { versions: speaks(server ?? "1") }, multipath: server !== null, ...options.server };
  return new Pair({ clientAddresses: 2, ...options, client: { mptcp: { versions: speaks(client) }, ...options.client }, server: speaker });
}

/** Versions in the MP_CAPABLEs of some segments, null where there is none. */
function offers(pair: Pair, which: (sent: Sent) => boolean, from = 0): (number | null)[] {
  return pair.packets(which, from).filter((sent) => !has(sent, "mp_join_syn") && !has(sent, "mp_join_synack")).map((sent) => option(sent.segment, "mp_capable")?.version ?? null);
}

/** Opens a connection, joins the second address and carries data each way. */
function use(pair: Pair): { client: App; server: App; version: number | null; subflows: number } {
  const client = pair.connect();
  pair.runUntil(() => client.connected && pair.accepted.length > 0);
  pair.run(200);
  const server = pair.accepted.at(-1) as App;
  client.write(30_000);
  server.write(20_000);
  pair.run(1500);
  const { multipath } = client.connection;
  expect([server.received, client.received, server.corrupt, client.corrupt, server.connection.multipath]).toEqual([30_000, 20_000, false, false, multipath]);
  if (multipath) expect(server.mptcp.session.version).toBe(client.mptcp.session.version);
  return { client, server, version: multipath ? client.mptcp.session.version.number : null, subflows: client.established.length };
}

describe("which version two hosts speak (RFC 8684 §3.1)", () => {
  test.each([
    // client, server, SYNs, SYN+ACKs, version
    ["1", "1", [1], [1], 1],
    ["1", "0", [1], [null], null],
    ["1", "1, 0", [1], [1], 1],
    // The listener's choice is of no use to who speaks version 1 alone.
    ["1", "0, 1", [1], [0], null],
    ["1", null, [1], [null], null],
    ["0", "1", [0], [null], null],
    ["0", "0", [0], [0], 0],
    ["0", "1, 0", [0], [0], 0],
    ["0", "0, 1", [0], [0], 0],
    ["0", null, [0], [null], null],
    ["1, 0", "1", [1], [1], 1],
    // A listener of version 0 ignores the SYN without a key: one with a key follows.
    ["1, 0", "0", [1, 0], [null, 0], 0],
    ["1, 0", "1, 0", [1], [1], 1],
    ["1, 0", "0, 1", [1], [0], 0],
    ["1, 0", null, [1, 0], [null, null], null],
    ["0, 1", "0", [1, 0], [null, 0], 0],
    ["0, 1", "0, 1", [1], [0], 0],
  ] as const)("a client of %s, a listener of %s", (client, server, syns, synAcks, version) => {
    const pair = pairOf(client, server);
    const result = use(pair);
    expect([offers(pair, fromClient), offers(pair, fromServer), result.version, result.subflows]).toEqual([syns, synAcks, version, version === null ? 1 : 2]);
    // One connection at either end: what was refused is forgotten.
    expect([pair.accepted.length, pair.hosts.client.usage.tokens, pair.hosts.client.usage.ports]).toEqual([1, 1, result.subflows]);
  });

  test("a key is drawn anew for another version, and the connection is known by its token", () => {
    for (const server of ["0", "0, 1"]) {
      const pair = pairOf("1, 0", server);
      const { client } = use(pair);
      const { local } = client.mptcp.session;
      expect(version0.deriveKeys(local.key)).toEqual(local);
      expect(pair.hosts.client.byToken(local.token)).toBe(client.connection);
    }
  });

  test("by SYN cookies as without", () => {
    for (const [client, server, version] of [["1, 0", "1, 0", 1], ["0", "1, 0", 0], ["0", "0, 1", 0], ["1, 0", "0, 1", 0], ["1, 0", "0", 0], ["0", "1", null]] as const) {
      const pair = pairOf(client, server, { server: { synCookies: "always" } });
      expect([client, server, use(pair).version]).toEqual([client, server, version]);
    }
  });

  test("a client that denies joins to its address, and is would be answered by a cookie of an earlier version, gets one of plain TCP; version 0 cannot deny", () => {
    const pair = pairOf("1, 0", "0, 1", { client: { mptcp: { versions: speaks("1, 0"), denyJoinInitialAddress: true } }, server: { synCookies: "always" } });
    expect([use(pair).version, offers(pair, fromClient), offers(pair, fromServer)]).toEqual([0, [1, 0], [null, 0]]);
  });

  test("a SYN+ACK of a version that was not offered is of no use", () => {
    for (const [client, other] of [["1", 0], ["0", 1], ["1, 0", 2]] as const) {
      const pair = pairOf(client, client === "1" ? "1" : "1, 0");
      pair.alter((segment, sent) => {
        if (fromServer(sent)) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? { ...one, version: other } : one));
      });
      expect(pair.establish().client.connection.fallback).toBe("unsupported_version");
    }
  });
});

describe("an earlier version that is offered after the first", () => {
  test("follows a RST for the SYN+ACK that had no MP_CAPABLE, on the same ports", () => {
    const pair = pairOf("1, 0", "0");
    use(pair);
    expect(pair.lines(() => true).slice(0, 6)).toEqual(["> 00 S capable", "< 00 SA", "> 00 R", "> 00 S capable+key", "< 00 SA capable+key", "> 00 A capable+key+key"]);
    expect(new Set(pair.packets(fromClient).filter((sent) => has(sent, "mp_capable")).map((sent) => sent.segment.sourcePort)).size).toBe(1);
    expect(pair.hosts.client.counters.value("EarlierVersionsOffered")).toBe(1);
  });

  test("data that was written before is not lost", () => {
    const pair = pairOf("1, 0", "0");
    const client = pair.connect();
    client.write(50_000);
    client.end();
    pair.run(5000);
    const [server] = pair.accepted;
    expect([server?.received, server?.corrupt, client.mptcp.session.version.number]).toEqual([50_000, false, 0]);
  });

  test("survives the loss of any of its packets", () => {
    for (let lost = 0; lost < 8; lost++) {
      const pair = pairOf("1, 0", "0");
      let count = -1;
      pair.lose(() => ++count === lost);
      const client = pair.connect();
      client.write(5000);
      pair.run(20_000);
      const server = pair.accepted.at(-1) as App;
      expect([lost, server.received, server.corrupt, client.connection.error]).toEqual([lost, 5000, false, null]);
      expect([lost, client.connection.multipath]).toEqual([lost, true]);
    }
  });

  test("has an initial sequence number of its own, so that a SYN+ACK which comes late is refused, and does not end it", () => {
    const pair = pairOf("1, 0", "0");
    let late: Packet | null = null;
    pair.interfere((packet, sent) => {
      if (fromServer(sent) && !has(sent, "mp_capable")) late ??= packet.clone();
      return packet;
    });
    const client = pair.connect();
    pair.runUntil(() => pair.packets(fromClient).length === 2);
    if (late !== null) pair.inject("client", late);
    client.write(5000);
    pair.run(2000);
    const [first, second] = pair.packets(fromClient);
    expect(first?.segment.sequence).not.toBe(second?.segment.sequence);
    expect([client.connection.multipath, pair.accepted.map(({ received }) => received)]).toEqual([true, [5000]]);
  });

  test("is not, where the SYN+ACK acknowledges data: it would come twice", () => {
    const pair = pairOf("1, 0", null, { client: { mptcp: { versions: speaks("1, 0") }, fastOpen: true }, server: { fastOpen: true } });
    pair.establish();
    const client = pair.connect();
    client.write(500);
    pair.run(500);
    const [second] = pair.packets((sent) => fromClient(sent) && sent.segment.payload.length > 0);
    expect(second).toBeDefined();
    expect([client.connection.fallback, pair.accepted.map((server) => server.received)]).toEqual(["no_mp_capable_in_synack", [0, 500]]);
  });

  test("unanswered SYNs say nothing of versions: the last one goes without MP_CAPABLE", () => {
    const pair = pairOf("1, 0", "0");
    pair.lose((sent) => has(sent, "mp_capable"));
    const client = pair.connect();
    pair.run(30_000);
    expect([client.connection.fallback, offers(pair, fromClient)]).toEqual(["mp_capable_unanswered", [1, 1, 1, null]]);
  });
});

describe("what is remembered of a peer", () => {
  function again(pair: Pair, after = 0): { version: number | null; syns: (number | null)[] } {
    pair.run(1000);
    pair.now += after;
    const mark = pair.sent.length;
    const { version } = use(pair);
    return { version, syns: offers(pair, fromClient, mark) };
  }

  test("one of version 0 is offered that at once, for an hour", () => {
    const pair = pairOf("1, 0", "0");
    expect(again(pair)).toEqual({ version: 0, syns: [1, 0] });
    expect(again(pair)).toEqual({ version: 0, syns: [0] });
    expect(again(pair, HOUR / 2)).toEqual({ version: 0, syns: [0] });
    expect(again(pair, HOUR / 2)).toEqual({ version: 0, syns: [1, 0] });
  });

  test("one of plain TCP is asked once, and the highest version is offered as ever", () => {
    const pair = pairOf("1, 0", null);
    expect(again(pair)).toEqual({ version: null, syns: [1, 0] });
    expect(again(pair)).toEqual({ version: null, syns: [1] });
    expect(again(pair, HOUR)).toEqual({ version: null, syns: [1, 0] });
  });

  test("one that speaks the highest, after all, is remembered no more", () => {
    const pair = pairOf("1, 0", "0");
    again(pair);
    pair.listener.close(pair.now);
    pair.hosts.server.listen(81, { mptcp: { versions: [version1] } });
    const connect = (): App => {
      const client = pair.hosts.client.connect(pair.address("server", 0), 81, {}, pair.now);
      pair.run(500);
      return { connection: client } as App;
    };
    // It ignores the SYN of version 0, and from then on the highest is offered.
    expect(connect().connection.multipath).toBe(false);
    expect(connect().connection.multipath).toBe(true);
    expect(connect().connection.multipath).toBe(true);
    expect(offers(pair, (sent) => fromClient(sent) && sent.segment.destinationPort === 81)).toEqual([0, 1, 1]);
  });

  test("nothing, where one version is spoken", () => {
    const pair = pairOf("1", "0");
    expect(again(pair)).toEqual({ version: null, syns: [1] });
    expect(again(pair)).toEqual({ version: null, syns: [1] });
  });
});

test("SYNs of a joined address and of a connection do not mix: a RST does not end what another version began", () => {
  const pair = pairOf("1, 0", "0");
  const { client } = use(pair);
  expect(pair.packets((sent) => isReset(sent))).toHaveLength(1);
  expect(client.established).toEqual([1, 2]);
});
