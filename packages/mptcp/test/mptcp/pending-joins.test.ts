import { describe, expect, test } from "vitest";
import type { Packet } from "../../src/wire/index.ts";
import { IpAddress, packetLength } from "../../src/wire/index.ts";
import type { App, PairOptions, Sent } from "./pair.ts";
import { has, isReset, isSyn, Pair } from "./pair.ts";

/** A connection on the client's first address. The client's second one comes with `join`. */
function establish(options: PairOptions = {}): { pair: Pair; client: App; server: App } {
  const pair = new Pair(options);
  const { client, server } = pair.establish();
  client.write(1);
  pair.run(500);
  return { pair, client, server };
}

/** A SYN with the connection's token from a made-up address, unless from `source`. */
function spoofed(pair: Pair, server: App, n: number, source = `203.0.113.${1 + (n % 200)}`): Packet {
  const syn = (pair.packets((sent) => sent.from === "client" && isSyn(sent))[0] as Sent).packet.clone();
  const segment = syn.tcp as NonNullable<Packet["tcp"]>;
  segment.sourcePort = 10_000 + n;
  segment.mptcp = [{ kind: "mp_join_syn", backup: false, addressId: 20 + (n % 200), token: server.mptcp.session.local.token, nonce: n }];
  const packet = syn.clone();
  Object.assign(packet, { source: IpAddress.from(source) });
  packet.length = packetLength(packet);
  return packet;
}

const pending = (pair: Pair): number => pair.hosts.server.usage.pendingJoins;

describe("joins whose third ACK is missing", () => {
  test("keep nobody out: nine SYNs with the token, and the client's join goes through at once", () => {
    const { pair, client, server } = establish();
    for (let n = 0; n < 9; n++) pair.inject("server", spoofed(pair, server, n));
    pair.addAddress("client", "10.1.0.2");
    pair.run(100);
    expect([client.established, server.established.length]).toEqual([[1, 2], 2]);
  });

  test("go on keeping nobody out while they come all the time, slower than a round trip allows", () => {
    const { pair, client } = establish();
    const server = pair.accepted[0] as App;
    pair.addAddress("client", "10.1.0.2");
    for (let n = 0; n < 50; n++) {
      pair.inject("server", spoofed(pair, server, n));
      pair.run(10);
    }
    expect(client.established).toEqual([1, 2]);
  });

  test("that are never completed keep nobody else out for longer than seconds, however fast they came", () => {
    const { pair, client } = establish();
    const server = pair.accepted[0] as App;
    pair.addAddress("client", "10.1.0.2");
    for (let n = 0; n < 2000; n++) {
      pair.inject("server", spoofed(pair, server, n));
      pair.run(1);
    }
    expect(pair.runUntil(() => client.established.length === 2, 5000)).toBe(true);
    expect([client.connection.error, server.connection.error]).toEqual([null, null]);
    const left = pending(pair);
    pair.run(10_000);
    const { counters } = pair.hosts.server;
    expect([pending(pair), counters.value("JoinsExpired")]).toEqual([0, left]);
    expect(counters.value("JoinsDisplaced")).toBeGreaterThanOrEqual(2000 - left);
  });

  test("do not hear the peer's key when the connection is broken off (§3.5): they have proven nothing", () => {
    const { pair, server } = establish();
    pair.inject("server", spoofed(pair, server, 1));
    pair.run(50);
    expect(pending(pair)).toBe(1);
    server.abort();
    pair.run(50);
    const resets = pair.packets((sent) => sent.from === "server" && isReset(sent));
    expect(resets.map((sent) => [sent.packet.destination.toString(), has(sent, "mp_fastclose")])).toEqual([["10.1.0.1", true], ["203.0.113.2", false]]);
  });

  test("are a few of a connection, the oldest of which makes room for the next, with a transient RST", () => {
    const { pair, server } = establish({ server: { mptcp: { pendingJoins: 3 } } });
    for (let n = 0; n < 5; n++) pair.inject("server", spoofed(pair, server, n));
    expect([pending(pair), server.mptcp.subflows.length]).toEqual([3, 4]);
    const refusals = pair.packets(isReset).map((sent) => [sent.segment.destinationPort, sent.segment.mptcp]);
    const why = [{ kind: "mp_tcprst", transient: true, reserved: 0, reason: 2 }];
    expect(refusals).toEqual([[10_000, why], [10_001, why]]);
    expect(pair.decisions("server", "join_refused").map((event) => event.reason)).toEqual(["join_displaced", "join_displaced"]);
  });

  test("are a few of a host, and fewer of one peer address", () => {
    const { pair, server } = establish({ server: { pendingJoins: 6, pendingJoinsPerPeer: 2, mptcp: { pendingJoins: 100 } } });
    for (let n = 0; n < 5; n++) pair.inject("server", spoofed(pair, server, n, "203.0.113.9"));
    expect(pending(pair)).toBe(2);
    for (let n = 5; n < 20; n++) pair.inject("server", spoofed(pair, server, n));
    expect(pending(pair)).toBe(6);
  });

  test("live for seconds", () => {
    const { pair, server } = establish();
    for (let n = 0; n < 5; n++) pair.inject("server", spoofed(pair, server, n));
    pair.run(9_900);
    expect(pending(pair)).toBe(5);
    pair.run(200);
    expect([pending(pair), server.mptcp.subflows.length, server.connection.closed]).toEqual([0, 1, false]);
  });

  test("count as subflows once they are verified: what is too many then is refused, for now", () => {
    const limits = { subflows: 1, addAddrAccepted: 8 };
    const { pair, client, server } = establish({ server: { mptcp: { limits } } });
    const held = pair.interfere((packet, sent) => (has(sent, "mp_join_ack") ? null : packet));
    pair.addAddress("client", "10.1.0.2");
    pair.addAddress("client", "10.1.0.3");
    pair.run(200);
    held();
    pair.run(900);
    expect([client.established.length, server.established.length]).toEqual([2, 2]);
    expect(pair.lines(isReset).filter((text) => text.includes("tcprst(3 transient)")).length).toBeGreaterThan(0);
  });
});

test("an address that replaces another gets its subflows where the limit was full: a transient refusal is tried again", () => {
  const pair = new Pair({ clientAddresses: 3, serverAddresses: 3 });
  const { client, server } = pair.establish();
  client.write(1);
  pair.run(5000);
  expect(client.established).toHaveLength(9);
  pair.removeAddress("client", 2);
  pair.addAddress("client", "10.1.0.9");
  pair.run(30_000);
  const onNew = client.mptcp.subflows.filter((subflow) => subflow.established && String(subflow.tcp.tuple.localAddress) === "10.1.0.9");
  expect([onNew.length, server.established.length]).toEqual([3, 9]);
});
