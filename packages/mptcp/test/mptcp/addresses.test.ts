import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { SchedulerFactory } from "../../src/mptcp/index.ts";
import { fullMesh, linuxEndpoints } from "../../src/mptcp/index.ts";
import type { AddAddress, TcpSegment } from "../../src/wire/index.ts";
import type { App, PairOptions, Sent } from "./pair.ts";
import { has, isData, isFin, isReset, isSyn, option, Pair } from "./pair.ts";

const isAnnouncement = (sent: Sent): boolean => option(sent.segment, "add_addr")?.echo === false;
const isEcho = (sent: Sent): boolean => option(sent.segment, "add_addr")?.echo === true;
const isJoinSyn = (sent: Sent): boolean => has(sent, "mp_join_syn");
const onSecond = (sent: Sent): boolean => sent.client === 1;

/** A connection that has exchanged a byte, so that both sides may announce. */
function establish(options: PairOptions): { pair: Pair; client: App; server: App } {
  const pair = new Pair(options);
  const { client, server } = pair.establish();
  client.write(1);
  pair.run(500);
  return { pair, client, server };
}

/** Which of the client's addresses data from one side went by. */
function paths(pair: Pair, from: Sent["from"], mark: number): Set<number> {
  return new Set(pair.packets((sent) => sent.from === from && isData(sent), mark).map((sent) => sent.client));
}

/** Adds an option to the next pure ACK that one side sends. */
function slip(pair: Pair, from: Sent["from"], add: (segment: TcpSegment) => TcpSegment["mptcp"]): void {
  let done = false;
  pair.alter((segment, sent) => {
    if (done || sent.from !== from || isSyn(sent) || isData(sent)) return;
    done = true;
    segment.mptcp = add(segment);
  });
}

describe("ADD_ADDR (RFC 8684 §3.4.1)", () => {
  test("travels on a pure ACK with HMAC, comes back without it, and is joined", () => {
    const { pair, client, server } = establish({ serverAddresses: 2 });
    const announcement = pair.packets(isAnnouncement);
    expect(announcement).toHaveLength(1);
    const { segment } = announcement[0] as Sent;
    expect(segment.payload.length).toBe(0);
    const named = option(segment, "add_addr") as AddAddress;
    expect([named.version, named.addressId, String(named.address), named.port]).toEqual([1, 2, "10.2.0.2", 0]);
    const secret = Buffer.concat([server.mptcp.session.local.key, client.mptcp.session.local.key]);
    const digest = createHmac("sha256", secret).update(Buffer.of(2, 10, 2, 0, 2, 0, 0)).digest();
    expect(Buffer.from(named.hmac as Uint8Array).equals(digest.subarray(24))).toBe(true);
    const echo = pair.packets(isEcho);
    expect(echo).toHaveLength(1);
    expect(option((echo[0] as Sent).segment, "add_addr")).toEqual({ ...named, echo: true, hmac: null });
    expect(client.established).toEqual([1, 2]);
    expect(pair.lines(isJoinSyn)).toEqual(["> 01 S join_syn"]);
    expect([pair.counter("server", "AddAddrTx"), pair.counter("client", "AddAddr"), pair.counter("client", "EchoAddTx"), pair.counter("server", "EchoAdd")]).toEqual([1, 1, 1, 1]);
  });

  test("that is lost is sent again after a while, twice as long each time, until echoed", () => {
    const pair = new Pair({ serverAddresses: 2 });
    pair.lose(isAnnouncement, 2);
    const { client } = pair.establish();
    client.write(1);
    pair.run(10_000);
    const times = pair.packets(isAnnouncement).map((sent) => sent.at / 1e6);
    expect(times).toHaveLength(3);
    expect([(times[1] as number) - (times[0] as number), (times[2] as number) - (times[1] as number)]).toEqual([500, 1000]);
    expect(client.established).toEqual([1, 2]);
  });

  test("that is lost on a path that is dead is sent again on another one, also on a connection that is idle", () => {
    const { pair, client } = establish({ clientAddresses: 3 });
    expect(client.established).toEqual([1, 2, 3]);
    // The way from and to the server's new address is another one.
    pair.lose(({ client: at, server: to }) => to === 0 && at !== 2);
    const mark = pair.sent.length;
    pair.addAddress("server", "10.2.0.99");
    pair.run(5000);
    const tried = pair.packets(isAnnouncement, mark).map((sent) => sent.client);
    expect([new Set(tried).has(2), tried.length <= 4]).toEqual([true, true]);
    expect(pair.packets(isEcho, mark)).toHaveLength(1);
    expect(pair.packets(isJoinSyn, mark).length).toBeGreaterThan(0);
  });

  test("goes out on a subflow that something came on of late, rather than on one that has gone silent", () => {
    const { pair, client } = establish({ clientAddresses: 2 });
    expect(client.established).toEqual([1, 2]);
    pair.lose(({ client: at }) => at === 0);
    // The server, which sends no data, does not find out by itself.
    client.write(50_000);
    pair.run(5000);
    client.write(1000);
    pair.run(200);
    expect(paths(pair, "server", 0).size).toBe(0);
    const mark = pair.sent.length;
    pair.addAddress("server", "10.2.0.99");
    pair.run(100);
    expect(pair.packets(isAnnouncement, mark).map((sent) => sent.client)).toEqual([1]);
  });

  test("does not go along with a REMOVE_ADDR on a subflow whose data timed out", () => {
    const { pair, client, server } = establish({ clientAddresses: 2, serverAddresses: 2 });
    pair.run(500);
    expect(client.established).toHaveLength(4);
    pair.lose(({ client: at }) => at === 0);
    for (let i = 0; i < 20; i++) {
      server.write(20_000);
      client.write(20_000);
      pair.run(50);
    }
    const mark = pair.sent.length;
    pair.removeAddress("server", 1);
    pair.addAddress("server", "10.2.0.99");
    pair.run(100);
    expect(pair.packets((sent) => has(sent, "remove_addr"), mark).map((sent) => sent.client).toSorted()).toEqual([0, 1]);
    expect(pair.packets(isAnnouncement, mark).map((sent) => sent.client)).toEqual([1]);
  });

  test("that is never echoed is given up after some tries", () => {
    const pair = new Pair({ serverAddresses: 2, server: { mptcp: { addAddrRetries: 2 } } });
    pair.lose(isEcho);
    const { client } = pair.establish();
    client.write(1);
    pair.run(60_000);
    expect(pair.packets(isAnnouncement)).toHaveLength(3);
    expect(pair.packets(isEcho)).toHaveLength(3);
    // It is joined once all the same.
    expect([client.established, pair.packets(isJoinSyn).length]).toEqual([[1, 2], 1]);
  });

  test("is repeated for some two minutes, at intervals that grow to a minute", () => {
    const pair = new Pair({ serverAddresses: 2 });
    pair.lose(isAnnouncement);
    const { client } = pair.establish();
    client.write(1);
    pair.run(600_000);
    const times = pair.packets(isAnnouncement).map((sent) => sent.at / 1e6);
    expect(times.slice(1).map((at, i) => at - (times[i] as number))).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]);
  });

  test("that was given up is said again on a subflow that is established later, until it is echoed", () => {
    const pair = new Pair({ serverAddresses: 2 });
    const isOfServer = (sent: Sent): boolean => isAnnouncement(sent) && sent.from === "server";
    const passes = pair.lose(isOfServer);
    const { client } = pair.establish();
    client.write(1);
    pair.run(600_000);
    expect(client.established).toEqual([1]);
    const mark = pair.sent.length;
    pair.addAddress("client", "10.1.0.2");
    pair.run(70_000);
    passes();
    expect(pair.packets(isOfServer, mark).length).toBeLessThanOrEqual(3);
    pair.addAddress("client", "10.1.0.3");
    pair.run(1000);
    expect(pair.packets(isOfServer).at(-1)?.lost).toBe(false);
    expect(client.mptcp.addresses.remote.length).toBe(2);
    const settled = pair.packets(isOfServer).length;
    pair.run(600_000);
    expect(pair.packets(isOfServer)).toHaveLength(settled);
  });

  test("that is refreshed brings a new attempt (RFC 8684 §3.9.3), from either path manager", () => {
    for (const pathManager of [linuxEndpoints, fullMesh]) {
      const pair = new Pair({ serverAddresses: 2, client: { mptcp: { pathManager } } });
      const up = pair.lose((sent) => sent.server === 1);
      const { client, server } = pair.establish();
      client.write(1);
      pair.run(600_000);
      const joins = pair.packets(isJoinSyn).length;
      expect([client.established, joins > 0]).toEqual([[1], true]);
      up();
      pair.run(600_000);
      expect(pair.packets(isJoinSyn)).toHaveLength(joins);
      server.engine.paths.announce(2, 0);
      pair.run(1000);
      expect(client.established).toEqual([1, 2]);
    }
  });

  test("with a wrong HMAC is ignored in silence", () => {
    const pair = new Pair({ serverAddresses: 2 });
    pair.alter((segment) => {
      segment.mptcp = segment.mptcp.map((one) => (one.kind === "add_addr" && one.hmac !== null ? { ...one, hmac: one.hmac.map((octet, i) => (i === 0 ? octet ^ 1 : octet)) } : one));
    });
    const { client } = pair.establish();
    client.write(1);
    pair.run(10_000);
    expect(pair.packets(isAnnouncement).length).toBeGreaterThan(1);
    expect([pair.packets(isEcho), pair.packets(isJoinSyn), pair.packets(isReset)]).toEqual([[], [], []]);
    expect(pair.counter("client", "AddAddrDrop")).toBe(pair.packets(isAnnouncement).length);
    expect(client.established).toEqual([1]);
  });

  test("whose address was changed on the way does not pass either", () => {
    const pair = new Pair({ serverAddresses: 2 });
    pair.alter((segment) => {
      segment.mptcp = segment.mptcp.map((one) => (one.kind === "add_addr" ? { ...one, port: 99 } : one));
    });
    const { client } = pair.establish();
    client.write(1);
    pair.run(3000);
    expect(pair.packets(isJoinSyn)).toEqual([]);
    expect(pair.counter("client", "AddAddrDrop")).toBeGreaterThan(0);
  });

  test("with a port is joined there", () => {
    const { pair, client, server } = establish({});
    const index = pair.addAddress("server", "10.2.0.2");
    server.engine.paths.announce(2, 8080);
    pair.run(500);
    expect(index).toBe(1);
    const ports = pair.packets(isJoinSyn).map((sent) => sent.segment.destinationPort);
    expect(ports).toContain(8080);
    // Counted as the kernel does: as an announcement and for its port, and so is its echo.
    expect([pair.counter("client", "PortAdd"), pair.counter("server", "PortAdd"), pair.counter("client", "AddAddr")]).toEqual([1, 1, 1]);
    expect(client.mptcp.subflows.some((subflow) => subflow.established && subflow.tcp.tuple.remotePort === 8080)).toBe(true);
  });

  test("beyond the limit is echoed, not remembered", () => {
    const { pair, client } = establish({ serverAddresses: 4, client: { mptcp: { limits: { subflows: 8, addAddrAccepted: 2 } } } });
    pair.run(5000);
    expect(pair.packets(isEcho)).toHaveLength(3);
    expect(client.mptcp.addresses.remote.map((entry) => entry.id)).toEqual([0, 2, 3]);
    expect(client.established).toHaveLength(3);
  });

  test("crosses address families: IPv6 announced over IPv4, and the other way round", () => {
    for (const [clients, servers] of [[["10.1.0.1", "2001:db8:1::1"], ["10.2.0.1", "2001:db8:2::1"]], [["2001:db8:1::1", "10.1.0.1"], ["2001:db8:2::1", "10.2.0.1"]]] as const) {
      const { pair, client, server } = establish({ clientAddresses: clients, serverAddresses: servers });
      pair.run(2000);
      expect(pair.lines(isJoinSyn)).toEqual(["> 11 S join_syn"]);
      expect(client.established).toEqual([1, 2]);
      client.write(100_000);
      server.write(100_000);
      pair.run(3000);
      expect([server.received, client.received, server.corrupt, client.corrupt]).toEqual([100_001, 100_000, false, false]);
      const used = new Set(pair.packets((sent) => sent.from === "client" && isData(sent)).map((sent) => sent.packet.source.family));
      expect(used).toEqual(new Set([4, 6]));
    }
  });

  test("of an address that comes later opens a path then", () => {
    const { pair, client, server } = establish({});
    pair.addAddress("server", "10.2.0.7");
    pair.run(500);
    expect([client.established, server.established]).toEqual([[1, 2], [1, 2]]);
    pair.addAddress("client", "10.1.0.7");
    pair.run(500);
    expect(client.established).toHaveLength(4);
  });

  test("does not take the place of the Data ACK or the DATA_FIN that was due", () => {
    for (const addresses of [["10.1.0.1", "10.1.0.2"], ["2001:db8:1::1", "2001:db8:1::2"]]) {
      const pair = new Pair({ clientAddresses: addresses, serverAddresses: addresses[0]?.includes(":") === true ? ["2001:db8:2::1"] : 1 });
      pair.lose(onSecond);
      const client = pair.connect();
      client.write(3000);
      client.end();
      pair.run(150);
      expect(pair.packets(isAnnouncement).length).toBeGreaterThan(0);
      expect([pair.accepted[0]?.received, pair.accepted[0]?.connection.ended, client.drained]).toEqual([3000, true, true]);
    }
  });
});

describe("REMOVE_ADDR (RFC 8684 §3.4.2)", () => {
  test("goes out on the other subflows when an address disappears; the peer asks on the path, waits, and resets it", () => {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    const mark = pair.sent.length;
    pair.removeAddress("client", 1);
    expect(client.established).toEqual([1]);
    pair.run(20);
    expect(pair.lines((sent) => has(sent, "remove_addr"), mark)).toEqual(["> 00 A dss(ack) remove_addr(2)"]);
    // A probe: one octet before what the peer expects.
    const probe = pair.packets((sent) => sent.from === "server" && onSecond(sent), mark)[0] as Sent;
    const before = pair.packets((sent) => sent.from === "server" && onSecond(sent)).filter((sent) => sent.at < probe.at).at(-1) as Sent;
    expect((before.segment.sequence - probe.segment.sequence) | 0).toBe(1);
    expect(server.established).toEqual([1, 2]);
    pair.run(2000);
    expect(server.established).toEqual([1]);
    expect(pair.decisions("server", "subflow_closed").map((event) => event.reason)).toEqual(["remove_addr"]);
    expect(pair.packets((sent) => sent.from === "server" && onSecond(sent) && isReset(sent))).toHaveLength(1);
    expect([pair.counter("client", "RmAddrTx"), pair.counter("server", "RmAddr")]).toEqual([1, 1]);
  });

  test("moves the data of the path to the others at once", () => {
    const { pair, client, server } = establish({ clientAddresses: 2, server: { mptcp: { scheduler: () => ({ name: "second first", select: (subflows) => subflows.find((one) => one.pathIndex === 2 && one.hasRoom) ?? null }) } } });
    // What leaves on path 2 is lost, and then the path is gone.
    pair.lose(onSecond);
    server.write(10_000);
    pair.run(1);
    expect(server.engine.subflows[1]?.sent.size).toBeGreaterThan(5);
    server.engine.sender.carriers.exchange({ name: "any", select: (subflows) => subflows.find((one) => one.hasRoom) ?? null });
    pair.removeAddress("client", 1);
    const start = pair.now;
    expect(pair.runUntil(() => client.received === 10_000, 100)).toBe(true);
    // One way for the REMOVE_ADDR, one for the data.
    expect(pair.now - start).toBeLessThanOrEqual(40e6);
    expect(pair.decisions("server", "reinjection").map((event) => event.cause)).toEqual(["remove_addr"]);
    expect(client.corrupt).toBe(false);
  });

  test("for a path that still answers changes nothing but its use for joins", () => {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    slip(pair, "client", () => [{ kind: "remove_addr", addressIds: [2] }]);
    server.write(1000);
    pair.run(5000);
    expect(pair.counter("server", "RmAddr")).toBe(1);
    expect([server.established, client.established, client.received]).toEqual([[1, 2], [1, 2], 1000]);
    expect(pair.packets(isReset)).toEqual([]);
    client.write(100_000);
    server.write(100_000);
    pair.run(3000);
    expect(pair.packets((sent) => sent.from === "server" && onSecond(sent) && isData(sent)).length).toBeGreaterThan(0);
  });

  test("is not disproved by what was on its way on the lost path", () => {
    const slow = (client: number): number => (client === 0 ? 10e6 : 100e6);
    const scheduler: SchedulerFactory = () => ({ name: "second first", select: (subflows) => subflows.find((one) => one.pathIndex === 2 && one.hasRoom) ?? null });
    const { pair, client, server } = establish({ clientAddresses: 2, delay: slow, client: { mptcp: { scheduler } } });
    const mark = pair.sent.length;
    client.write(10_000);
    pair.run(1);
    pair.removeAddress("client", 1);
    pair.run(60);
    // The data leaves the path after the REMOVE_ADDR was read.
    expect([server.established, server.engine.subflows[1]?.mayCarryData === false]).toEqual([[1, 2], true]);
    expect(pair.packets((sent) => sent.from === "client" && onSecond(sent) && isData(sent), mark).length).toBeGreaterThan(5);
    pair.run(1500);
    expect(pair.decisions("server", "subflow_closed").map((event) => event.reason)).toEqual(["remove_addr"]);
    expect(pair.packets((sent) => sent.from === "server" && onSecond(sent) && isReset(sent), mark)).toHaveLength(1);
  });

  test("of the first address: nobody joins it any more", () => {
    const { pair, client, server } = establish({ serverAddresses: 2 });
    pair.removeAddress("server", 0);
    pair.run(5000);
    expect([client.established, server.established]).toEqual([[2], [2]]);
    expect(client.mptcp.addresses.remote.map((entry) => entry.id)).not.toContain(0);
    const mark = pair.sent.length;
    pair.addAddress("client", "10.1.0.7");
    pair.run(10_000);
    // Joins go to the other address only.
    expect(new Set(pair.packets(isJoinSyn, mark).map((sent) => sent.server))).toEqual(new Set([1]));
  });

  test("for an unknown id is ignored", () => {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    slip(pair, "client", () => [{ kind: "remove_addr", addressIds: [77, 78, 255] }]);
    server.write(1000);
    pair.run(5000);
    expect([server.established, client.received, pair.packets(isReset).length]).toEqual([[1, 2], 1000, 0]);
  });

  test("names the first subflow's address 0", () => {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    const mark = pair.sent.length;
    pair.removeAddress("client", 0);
    pair.run(3000);
    expect(pair.lines((sent) => has(sent, "remove_addr"), mark)).toEqual(["> 10 A dss(ack) remove_addr(0)"]);
    expect([client.established, server.established]).toEqual([[2], [2]]);
    client.write(50_000);
    pair.run(1000);
    expect([server.received, server.corrupt]).toEqual([50_001, false]);
  });

  test("goes out on every other subflow, since nobody echoes it", () => {
    const { pair } = establish({ clientAddresses: 4 });
    const mark = pair.sent.length;
    pair.removeAddress("client", 3);
    pair.run(100);
    expect(pair.packets((sent) => has(sent, "remove_addr"), mark).map((sent) => sent.client).toSorted()).toEqual([0, 1, 2]);
  });

  test("is followed by a new path when the address returns", () => {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    for (let round = 0; round < 3; round++) {
      pair.removeAddress("client", 1);
      pair.run(3000);
      expect([client.established, server.established]).toEqual([[1], [1]]);
      pair.addAddress("client", "10.1.0.2");
      pair.run(3000);
      expect([client.established.length, server.established.length]).toEqual([2, 2]);
    }
    client.write(100_000);
    pair.run(2000);
    expect([server.received, server.corrupt]).toEqual([100_001, false]);
  });

  test("by a server: the client stops using that address", () => {
    const { pair, client, server } = establish({ serverAddresses: 2 });
    expect(client.established).toEqual([1, 2]);
    pair.removeAddress("server", 1);
    pair.run(5000);
    expect([client.established, server.established]).toEqual([[1], [1]]);
    const mark = pair.sent.length;
    pair.run(30_000);
    expect(pair.packets(isJoinSyn, mark)).toEqual([]);
    expect(client.mptcp.addresses.remote.map((entry) => entry.id)).toEqual([0]);
  });
});

describe("MP_PRIO (RFC 8684 §3.3.8)", () => {
  test("makes a subflow a backup one for both sides, and regular again", () => {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    let mark = pair.sent.length;
    client.mptcp.setBackup(1, true, pair.now);
    pair.run(100);
    expect(pair.lines((sent) => has(sent, "mp_prio"), mark)).toEqual(["> 00 A dss(ack) prio(backup)"]);
    expect(server.mptcp.subflows[0]?.backup).toBe(true);
    mark = pair.sent.length;
    server.write(200_000);
    client.write(200_000);
    pair.run(3000);
    expect([paths(pair, "server", mark), paths(pair, "client", mark)]).toEqual([new Set([1]), new Set([1])]);
    expect([client.received, server.received]).toEqual([200_000, 200_001]);
    mark = pair.sent.length;
    client.mptcp.setBackup(1, false, pair.now);
    pair.run(100);
    server.write(200_000);
    pair.run(3000);
    expect(pair.lines((sent) => has(sent, "mp_prio"), mark)).toEqual(["> 00 A dss(ack) prio(regular)"]);
    expect(paths(pair, "server", mark)).toContain(0);
    expect([pair.counter("client", "MPPrioTx"), pair.counter("server", "MPPrioRx")]).toEqual([2, 2]);
  });

  test("works from the server's side as well", () => {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    server.mptcp.setBackup(2, true, pair.now);
    pair.run(100);
    const mark = pair.sent.length;
    client.write(100_000);
    pair.run(2000);
    expect(pair.lines((sent) => has(sent, "mp_prio"))).toEqual(["< 10 A dss(ack) prio(backup)"]);
    expect([client.engine.subflows[1]?.peerBackup, paths(pair, "client", mark), server.received]).toEqual([true, new Set([0]), 100_001]);
  });

  test("a backup path carries data once the regular ones are gone, and no longer when they are back", () => {
    const pair = new Pair({ clientAddresses: 1 });
    const { client, server } = pair.establish();
    pair.addAddress("client", "10.1.0.2", { backup: true });
    client.write(50_000);
    pair.run(2000);
    expect([client.established, paths(pair, "client", 0), server.received]).toEqual([[1, 2], new Set([0]), 50_000]);
    let mark = pair.sent.length;
    pair.removeAddress("client", 0);
    client.write(50_000);
    pair.run(3000);
    expect([paths(pair, "client", mark), server.received, client.established]).toEqual([new Set([1]), 100_000, [2]]);
    pair.addAddress("client", "10.1.0.1");
    pair.run(3000);
    mark = pair.sent.length;
    client.write(50_000);
    pair.run(3000);
    expect([paths(pair, "client", mark), server.received, server.corrupt]).toEqual([new Set([0]), 150_000, false]);
  });

  test("a backup path helps out while a regular one times out", () => {
    const pair = new Pair({ clientAddresses: 1 });
    const { client, server } = pair.establish();
    pair.addAddress("client", "10.1.0.2", { backup: true });
    client.write(1000);
    pair.run(1000);
    const outage = pair.lose((sent) => sent.client === 0);
    const mark = pair.sent.length;
    client.write(100_000);
    pair.run(3000);
    expect([server.received, server.corrupt]).toEqual([101_000, false]);
    expect(paths(pair, "client", mark)).toEqual(new Set([0, 1]));
    outage();
    pair.run(10_000);
    const after = pair.sent.length;
    client.write(20_000);
    pair.run(2000);
    expect([paths(pair, "client", after), server.received]).toEqual([new Set([0]), 121_000]);
  });

  test("an address that becomes a backup one is told by the path manager", () => {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    pair.addAddress("client", "10.1.0.2", { backup: true });
    pair.run(100);
    expect(pair.lines((sent) => has(sent, "mp_prio"))).toEqual(["> 10 A dss(ack) prio(backup)"]);
    expect([client.mptcp.subflows[1]?.backup, server.mptcp.subflows[1]?.backup]).toEqual([true, true]);
  });
});

test("signals never ride on SYN, FIN or RST", () => {
  const { pair, client, server } = establish({ clientAddresses: 3, serverAddresses: 2 });
  client.write(200_000);
  server.write(200_000);
  pair.run(50);
  pair.removeAddress("client", 2);
  client.mptcp.setBackup(2, true, pair.now);
  pair.run(3000);
  client.end();
  server.end();
  pair.run(5000);
  const signals = pair.packets((sent) => has(sent, "add_addr") || has(sent, "remove_addr") || has(sent, "mp_prio"));
  expect(signals.length).toBeGreaterThan(6);
  for (const sent of signals) expect([isSyn(sent), isFin(sent), isReset(sent), isData(sent)]).toEqual([false, false, false, false]);
  expect([client.received, server.received]).toEqual([200_000, 200_001]);
});
