import { describe, expect, test } from "vitest";
import { linuxEndpoints } from "../../src/mptcp/index.ts";
import { IpAddress } from "../../src/wire/index.ts";
import type { App, PairOptions } from "./pair.ts";
import { has, isData, isSyn, option, Pair } from "./pair.ts";

/** A connection that has exchanged a byte, so that both sides may announce and join. */
function establish(options: PairOptions = {}): { pair: Pair; client: App; server: App } {
  const pair = new Pair(options);
  const { client, server } = pair.establish();
  client.write(1);
  pair.run(500);
  return { pair, client, server };
}

/** Has the server announce an address that need not be its own. */
function announce(server: App, addressId: number, address: string, port = 0): void {
  const { session } = server.mptcp;
  server.engine.paths.signals.announce(session.version.addAddress(session.keysOut, { addressId, address: IpAddress.from(address), port }));
}

const syns = (pair: Pair, mark = 0): string[] => pair.packets((sent) => sent.from === "client" && isSyn(sent) && has(sent, "mp_join_syn"), mark).map((sent) => String(sent.packet.destination));

describe("an announced address (RFC 8684 §3.4.1)", () => {
  test("that no other host can have is echoed, counted, and gets no SYN", () => {
    const bad = ["224.0.0.5", "239.1.2.3", "255.255.255.255", "127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.1.0.1", "::1", "::", "ff02::1", "::ffff:127.0.0.1", "::ffff:224.0.0.1", "2001:db8:1::1"];
    const { pair, client, server } = establish({ clientAddresses: ["10.1.0.1", "2001:db8:1::1"] });
    bad.forEach((address, at) => announce(server, 10 + at, address));
    pair.run(5000);
    expect(syns(pair).filter((address) => bad.includes(address))).toEqual([]);
    expect(pair.hosts.client.counters.value("AddAddrUnusable")).toBe(bad.length);
    expect(pair.counter("client", "EchoAddTx")).toBe(bad.length);
    expect(client.mptcp.addresses.remote.map((entry) => entry.id)).toEqual([0]);
    announce(server, 60, "10.2.0.77");
    pair.run(500);
    expect(syns(pair)).toContain("10.2.0.77");
  });

  test("on loopback is joined by a connection on loopback", () => {
    const { pair, client } = establish({ clientAddresses: ["127.0.0.1"], serverAddresses: ["127.0.1.1", "127.0.1.2"] });
    pair.run(500);
    expect(client.established).toEqual([1, 2]);
  });

  test("that both ends have is joined where the peer is at an address of ours: two processes of one machine", () => {
    const addresses = ["127.0.0.1", "127.0.0.2"];
    const { pair, client } = establish({ clientAddresses: addresses, serverAddresses: addresses });
    pair.run(500);
    expect(client.established).toEqual([1, 2, 3, 4]);
  });

  test("with id 0 is the first subflow's, or none", () => {
    const { pair, client, server } = establish();
    announce(server, 0, "10.2.0.9");
    pair.run(200);
    announce(server, 0, "10.2.0.1", 99);
    pair.run(500);
    expect([syns(pair), client.mptcp.addresses.remote.length]).toEqual([[], 1]);
    expect(pair.hosts.client.counters.value("AddAddrUnusable")).toBe(2);
  });

  test("that is the one which the C flag forbids stays forbidden, under any id", () => {
    const { pair, client, server } = establish({ clientAddresses: 2, server: { mptcp: { denyJoinInitialAddress: true } } });
    announce(server, 0, "10.2.0.1");
    announce(server, 7, "10.2.0.1");
    announce(server, 8, "10.2.0.1", 80);
    pair.run(3000);
    expect([syns(pair), client.established]).toEqual([[], [1]]);
    announce(server, 9, "10.2.0.1", 81);
    pair.run(500);
    // Another port is another matter.
    expect(syns(pair).length).toBeGreaterThan(0);
  });
});

describe("joins to announced addresses are paced", () => {
  /** A peer that announces a host, and takes it back, over and over. @returns SYNs sent to those hosts, by the hundred milliseconds */
  function cannon(options: PairOptions, rounds: number): { pair: Pair; fired: number } {
    const { pair, server } = establish(options);
    const mark = pair.sent.length;
    for (let n = 0; n < rounds; n++) {
      announce(server, 5, `203.0.113.${1 + (n % 250)}`);
      pair.run(25);
      server.engine.paths.signals.withdraw(5);
      pair.run(25);
    }
    return { pair, fired: new Set(syns(pair, mark)).size };
  }

  test("a burst, and so many per second, whatever the peer announces", () => {
    // Five seconds; 100 hosts are announced.
    const { pair, fired } = cannon({ client: { mptcp: { announcedJoins: 4 } } }, 100);
    expect(fired).toBeGreaterThan(4);
    expect(fired).toBeLessThanOrEqual(4 + 4 * 5);
    expect(pair.hosts.client.counters.value("AnnouncedJoinsPaced")).toBeGreaterThan(0);
  });

  test("also with the kernel's rules", () => {
    const { fired } = cannon({ client: { mptcp: { announcedJoins: 4, pathManager: linuxEndpoints } } }, 100);
    expect(fired).toBeGreaterThan(4);
    expect(fired).toBeLessThanOrEqual(4 + 4 * 5);
  });

  test("what had to wait is joined later", () => {
    const { pair, client } = establish({ serverAddresses: 6, client: { mptcp: { announcedJoins: 2 } } });
    pair.run(4000);
    expect(client.established).toHaveLength(6);
  });
});

describe("signals on pure ACKs", () => {
  test("an IPv6 address with a port fits beside timestamps, and asks for no ACKs afterwards", () => {
    const { pair, client, server } = establish();
    announce(server, 9, "2001:db8:2::9", 8080);
    pair.run(500);
    const [sent] = pair.packets((one) => one.from === "server" && has(one, "add_addr"));
    expect([sent?.segment.hasTimestamps, sent === undefined ? 0 : option(sent.segment, "add_addr")?.port, sent?.segment.mptcp.length]).toEqual([true, 8080, 1]);
    expect(pair.counter("client", "EchoAddTx")).toBe(1);
    const mark = pair.sent.length;
    server.write(100_000);
    pair.run(1000);
    expect([client.received, pair.packets((one) => one.from === "server" && !isData(one), mark)]).toEqual([100_000, []]);
  });

  test("what waits for a subflow that ended asks nobody for ACKs any more", () => {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    client.mptcp.setBackup(2, true, pair.now);
    client.engine.paths.close(2, pair.now);
    pair.removeAddress("client", 1);
    pair.run(2000);
    const mark = pair.sent.length;
    client.write(100_000);
    pair.run(1000);
    expect([server.received, pair.packets((one) => one.from === "client" && !isData(one), mark)]).toEqual([100_001, []]);
    expect(client.engine.paths.signals.waiting).toBe(false);
  });

  test("no more than two in a row: the rest follows a round trip later each", () => {
    const pair = new Pair({ serverAddresses: 6 });
    const { client } = pair.establish();
    client.write(1);
    pair.run(2000);
    const times = pair.packets((one) => one.from === "server" && option(one.segment, "add_addr")?.echo === false).map((one) => one.at);
    expect(times).toHaveLength(5);
    expect([times[0], times[2]]).toEqual([times[1], times[3]]);
    expect((times[2] as number) - (times[1] as number)).toBeGreaterThanOrEqual(20e6);
    expect((times[4] as number) - (times[3] as number)).toBeGreaterThanOrEqual(20e6);
    expect(client.established).toHaveLength(6);
  });
});

test("an ACK that is asked for meanwhile carries no third signal in a row, unless it acknowledges more data", () => {
  const pair = new Pair({ serverAddresses: 6 });
  const client = pair.connect();
  const announced = (): number => pair.packets((one) => one.from === "server" && option(one.segment, "add_addr")?.echo === false).length;
  expect(pair.runUntil(() => announced() > 0 && pair.accepted.length > 0, 1000)).toBe(true);
  const server = pair.accepted[0] as App;
  expect(announced()).toBe(2);
  const acks = (): number => pair.packets((one) => one.from === "server" && !isData(one)).length;
  const before = acks();
  for (let n = 0; n < 3; n++) {
    server.engine.subflows[0]?.requestAck();
    pair.run(1);
  }
  expect([acks() - before, announced()]).toEqual([3, 2]);
  client.write(1);
  pair.runUntil(() => server.received === 1, 100);
  server.engine.subflows[0]?.requestAck();
  pair.run(1);
  expect(announced()).toBeGreaterThan(2);
});

test("the C flag is on every MP_CAPABLE, so that a listener without state learns it (RFC 8684 §3.1)", () => {
  for (const synCookies of ["never", "always"] as const) {
    const pair = new Pair({ client: { mptcp: { denyJoinInitialAddress: true } }, server: { synCookies } });
    const { client, server } = pair.establish();
    client.write(10);
    pair.run(100);
    const flags = pair.packets((sent) => sent.from === "client" && has(sent, "mp_capable")).map((sent) => option(sent.segment, "mp_capable")?.flags ?? 0);
    expect(flags).toHaveLength(2);
    expect([flags.every((octet) => (octet & 0x20) !== 0), server.mptcp.session.peerDeniesJoin]).toEqual([true, true]);
    expect(server.engine.paths.remote.map((entry) => entry.joinable)).toEqual([false]);
  }
});

test("an ADD_ADDR that comes before the first DSS is echoed at once (RFC 8684 §3.4.1), and opens no subflow: only a DSS lets one begin (§3.1)", () => {
  const pair = new Pair({ serverAddresses: 2 });
  pair.alter((segment, sent) => {
    // As a Linux server does, whose ADD_ADDR takes the place of the DSS.
    if (sent.from === "server") segment.mptcp = segment.mptcp.filter((one) => one.kind !== "dss");
  });
  const { client } = pair.establish();
  pair.run(3000);
  const announced = pair.packets((sent) => sent.from === "server" && has(sent, "add_addr"));
  const echoes = pair.packets((sent) => sent.from === "client" && has(sent, "add_addr"));
  expect([announced.length, echoes.length, client.mptcp.session.fullyEstablished]).toEqual([1, 1, false]);
  expect(pair.packets((sent) => sent.from === "client" && has(sent, "mp_join_syn"))).toEqual([]);
  expect((echoes[0]?.at ?? 0) - (announced[0]?.at ?? 0)).toBe(10e6);
});

describe("address ids", () => {
  test("that joins taught are not counted as announced ones, neither when they come nor when they go", () => {
    const limits = { subflows: 8, addAddrAccepted: 1 };
    // The server's announcement is taken in; the client's addresses are learnt from its joins, its announcements being lost.
    const pair = new Pair({ clientAddresses: 3, serverAddresses: 1, server: { mptcp: { limits } } });
    const { client, server } = pair.establish();
    client.write(1);
    pair.run(2000);
    expect(server.engine.paths.acceptedAddresses).toBe(1);
    const learnt = server.engine.paths.remote.map((entry) => entry.id).filter((id) => id > 0);
    expect(learnt).toHaveLength(2);
    const { session } = client.mptcp;
    // What goes is the address that a join taught: the announced one still takes the only place.
    const taught = learnt.at(-1) as number;
    client.engine.paths.signals.withdraw(taught);
    pair.run(300);
    client.engine.paths.signals.announce(session.version.addAddress(session.keysOut, { addressId: 50, address: IpAddress.from("10.1.0.50"), port: 0 }));
    pair.run(300);
    expect([server.engine.paths.acceptedAddresses, server.engine.paths.remote.some((entry) => entry.id === 50)]).toEqual([1, false]);
  });

  test("beyond the table's sixteen are echoed and left, whatever their ports, and their removal changes no count", () => {
    const limits = { subflows: 2, addAddrAccepted: 200 };
    const { pair, client, server } = establish({ client: { mptcp: { limits } } });
    for (let id = 10; id < 40; id++) announce(server, id, `10.2.1.${id}`, 1000 + id);
    pair.run(5000);
    const { paths } = client.engine;
    expect([pair.counter("client", "EchoAddTx"), paths.remote.length, paths.acceptedAddresses]).toEqual([30, 16, 15]);
    server.engine.paths.signals.withdraw(39);
    pair.run(300);
    expect(paths.acceptedAddresses).toBe(15);
    server.engine.paths.signals.withdraw(10);
    pair.run(300);
    expect([paths.acceptedAddresses, paths.remote.some((entry) => entry.id === 10)]).toEqual([14, false]);
  });
});
