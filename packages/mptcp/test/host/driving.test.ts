import { describe, expect, test } from "vitest";
import { NEVER, seededSources } from "../../src/core/index.ts";
import { Host } from "../../src/host/index.ts";
import { MptcpConnection } from "../../src/mptcp/index.ts";
import { blackHole } from "../../src/sim/index.ts";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import type { StreamConnection } from "../../src/tcp/index.ts";
import type { Packet } from "../../src/wire/index.ts";
import { icmpTooBig, icmpUnreachable, IpAddress, Payload } from "../../src/wire/index.ts";
import { flagLetters, has, isData, isReset, isSyn, MS, Pair, PORT } from "../mptcp/pair.ts";

const [FIRST, SECOND_ADDRESS] = [IpAddress.from("10.0.0.1"), IpAddress.from("10.0.1.1")];
const ROUTER = IpAddress.from("192.0.2.254");

function twoLinks(): Host {
  const host = new Host({ name: "host", random: seededSources(3) });
  host.addAddress(FIRST, { link: 0 }, 0);
  host.addAddress(SECOND_ADDRESS, { link: 1 }, 0);
  return host;
}

function dial(host: Host, from: IpAddress, port: number): StreamConnection {
  return host.connect(IpAddress.from("192.0.2.1"), port, { localAddress: from }, 0);
}

describe("transmission is pulled per link", () => {
  test("a link that is not polled holds up no other, and loses nothing", () => {
    const host = twoLinks();
    for (let port = 1; port <= 5; port++) {
      dial(host, FIRST, port);
      dial(host, SECOND_ADDRESS, port);
    }
    const ports = (link: number): (number | undefined)[] => {
      const found: (number | undefined)[] = [];
      for (let packet = host.pollTransmit(link, 0); packet !== null; packet = host.pollTransmit(link, 0)) found.push(packet.tcp?.destinationPort);
      return found;
    };
    expect([host.hasOutput(0), host.hasOutput(1), host.hasOutput(2)]).toEqual([true, true, false]);
    expect(ports(1)).toEqual([1, 2, 3, 4, 5]);
    expect([host.hasOutput(0), host.hasOutput(1)]).toEqual([true, false]);
    expect(ports(2)).toEqual([]);
    expect(ports(0)).toEqual([1, 2, 3, 4, 5]);
    expect(ports(0)).toEqual([]);
  });

  test("connections of a link take turns, a packet at a time", () => {
    const pair = new Pair();
    const apps = [pair.connect(), pair.connect(), pair.connect()];
    pair.run(300);
    const mark = pair.sent.length;
    for (const app of apps) app.write(12_000);
    pair.run(5);
    const ports = pair.packets((sent) => sent.from === "client" && isData(sent), mark).map((sent) => sent.segment.sourcePort);
    const [a, b, c] = apps.map((app) => app.connection.tuple.localPort);
    expect(ports.slice(0, 9)).toEqual([a, b, c, a, b, c, a, b, c]);
  });

  test("what was queued for an address that went does not leave", () => {
    const host = twoLinks();
    dial(host, FIRST, 1);
    const other = dial(host, SECOND_ADDRESS, 2);
    host.removeAddress(FIRST, 0);
    expect(host.pollTransmit(0, 0)).toBeNull();
    expect(host.pollTransmit(1, 0)?.tcp?.destinationPort).toBe(2);
    expect(other.closed).toBe(false);
  });
});

describe("time", () => {
  test("idle connections have no deadline, and early or repeated calls change nothing", () => {
    const pair = new Pair();
    for (let i = 0; i < 200; i++) pair.connect();
    pair.run(10_000);
    expect(pair.accepted).toHaveLength(200);
    // Deadlines that were called off are forgotten as they come up.
    pair.run(100_000);
    expect([pair.hosts.client.nextTimeout(), pair.hosts.server.nextTimeout()]).toEqual([NEVER, NEVER]);
    const sent = pair.sent.length;
    for (const host of [pair.hosts.client, pair.hosts.server]) for (let i = 0; i < 5; i++) host.handleTimeout(pair.now);
    pair.run(100_000);
    expect(pair.sent.length).toBe(sent);
  });

  test("a call before the deadline sends nothing early", () => {
    const host = twoLinks();
    dial(host, FIRST, 1);
    host.pollTransmit(0, 0);
    expect(host.pollTransmit(0, 0)).toBeNull();
    const deadline = host.nextTimeout();
    expect(deadline).toBe(1000 * MS);
    host.handleTimeout(deadline - 1);
    expect(host.pollTransmit(0, deadline - 1)).toBeNull();
    host.handleTimeout(deadline);
    expect(host.pollTransmit(0, deadline)?.tcp?.flags).toBe(2);
  });
});

describe("events", () => {
  test("name a connection once, however much happened", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    const host = pair.hosts.server;
    expect(host.pollEvent()).toBeNull();
    client.write(5000);
    client.end();
    // The network alone, without applications that look.
    const arrived: Packet[] = [];
    for (let packet = pair.hosts.client.pollTransmit(0, pair.now); packet !== null; packet = pair.hosts.client.pollTransmit(0, pair.now)) arrived.push(packet);
    for (const packet of arrived) host.receive(packet, 0, pair.now);
    expect(arrived.length).toBeGreaterThan(2);
    expect(host.pollEvent()).toBe(server.connection);
    expect(host.pollEvent()).toBeNull();
    const events = server.connection.takeEvents();
    expect(events & STREAM_EVENT.readable).toBe(STREAM_EVENT.readable);
    expect(server.connection.takeEvents()).toBe(0);
  });
});

describe("demultiplexing", () => {
  test("a SYN with MP_JOIN again, and its third ACK, find the pending join by four-tuple", () => {
    const pair = new Pair({ clientAddresses: 2 });
    const hold = pair.middlebox(blackHole({ options: ["mp_join"], segments: ["third-ack"] }));
    pair.establish();
    expect(pair.hosts.server.usage.pendingJoins).toBe(1);
    const join = pair.packets((sent) => has(sent, "mp_join_syn"))[0]?.packet.clone() as Packet;
    pair.inject("server", join);
    expect(pair.hosts.server.usage.pendingJoins).toBe(1);
    hold();
    pair.run(3000);
    expect([pair.hosts.server.usage.pendingJoins, pair.accepted[0]?.established]).toEqual([0, [1, 2]]);
  });

  test("a connection in TIME-WAIT gives way to a new one from the same port", () => {
    const pair = new Pair();
    const { client, server } = pair.establish({ localPort: 4000 });
    client.write(10);
    server.end();
    pair.run(100);
    client.end();
    pair.run(200);
    // The server closed first: TIME-WAIT is there.
    expect([pair.hosts.client.usage, pair.hosts.server.usage]).toMatchObject([{ connections: 0, timeWaits: 0 }, { connections: 0, timeWaits: 1 }]);
    pair.run(1000);
    const again = pair.connect({ localPort: 4000 });
    again.write(2000);
    pair.run(500);
    expect([pair.accepted.length, pair.accepted[1]?.received, again.connection.multipath]).toEqual([2, 2000, true]);
    expect(pair.hosts.server.usage).toMatchObject({ connections: 1, timeWaits: 0 });
  });

  test("a connection in TIME-WAIT that owes an ACK does not send it once it has given way", () => {
    const lab = new Pair();
    const { client, server } = lab.establish({ localPort: 4000 });
    server.end();
    lab.run(100);
    client.end();
    lab.run(2000);
    const fin = lab.packets((sent) => sent.from === "client" && flagLetters(sent.segment).includes("F")).at(-1);
    const host = lab.hosts.server;
    const first = lab.packets(isSyn)[0];
    if (fin === undefined || first === undefined || first.packet.tcp === null) throw new Error("no FIN, or no SYN");
    host.receive(fin.packet, 0, lab.now);
    const syn = first.packet.clone();
    if (syn.tcp === null) return;
    syn.tcp.sequence = (fin.segment.sequence + 100_000) >>> 0;
    syn.tcp.timestampValue = (fin.segment.timestampValue + 5000) >>> 0;
    host.receive(syn, 0, lab.now);
    const answers: string[] = [];
    for (let packet = host.pollTransmit(0, lab.now); packet !== null; packet = host.pollTransmit(0, lab.now)) if (packet.tcp !== null) answers.push(flagLetters(packet.tcp));
    expect(answers).toEqual(["SA"]);
    expect(host.usage.connections).toBe(1);
  });

  test("listeners on one address take only what is for it", () => {
    const pair = new Pair({ serverAddresses: 2, listen: { address: IpAddress.from("10.2.0.1") } });
    const good = pair.connect({ to: 0 });
    const bad = pair.connect({ to: 1 });
    pair.run(200);
    expect([good.connected, bad.connection.error]).toEqual([true, "ECONNREFUSED"]);
    // A join goes by its token, also to an address without a listener.
    good.write(1);
    pair.run(500);
    expect(good.established).toEqual([1, 2]);
  });
});

describe("ICMP errors", () => {
  test("about a SYN end the attempt", () => {
    const pair = new Pair();
    const client = pair.connect();
    pair.run(1);
    const error = icmpUnreachable(pair.sent[0]?.packet.clone() as Packet, ROUTER, "host") as Packet;
    pair.inject("client", error);
    expect([client.connection.closed, client.connection.error]).toEqual([true, "EHOSTUNREACH"]);
  });

  test("about the SYN of a join end that subflow alone", () => {
    const pair = new Pair({ clientAddresses: 2 });
    pair.lose((sent) => sent.client === 1);
    const { client } = pair.establish();
    const syn = pair.packets((sent) => has(sent, "mp_join_syn"))[0]?.packet.clone() as Packet;
    pair.inject("client", icmpUnreachable(syn, ROUTER, "network") as Packet);
    expect(client.mptcp.subflows.map((subflow) => subflow.pathIndex)).toEqual([1]);
    expect(pair.decisions("client", "subflow_closed")).toMatchObject([{ subflow: 2, reason: "ENETUNREACH" }]);
    client.write(1000);
    pair.run(200);
    expect(pair.accepted[0]?.received).toBe(1000);
  });

  test("about a living connection do not end it (RFC 5927)", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    client.write(1000);
    pair.run(1);
    const data = pair.packets(isData).at(-1)?.packet.clone() as Packet;
    pair.inject("client", icmpUnreachable(data, ROUTER, "port") as Packet);
    pair.run(200);
    expect([client.connection.closed, server.received]).toEqual([false, 1000]);
  });

  test("that a packet was too big make the next ones of that path smaller, not those of the others", () => {
    const pair = new Pair({ clientAddresses: 2 });
    let told = 0;
    pair.interfere((packet, sent) => {
      if (sent.client !== 1 || sent.from !== "client" || packet.length <= 1300) return packet;
      if (told++ === 0) pair.enqueue("client", icmpTooBig(packet, ROUTER, 1300) as Packet, 5 * MS);
      return null;
    });
    const { client, server } = pair.establish();
    client.write(400_000);
    pair.run(10_000);
    expect([server.received, server.corrupt]).toEqual([400_000, false]);
    const sizes = (path: number): number[] => pair.packets((sent) => sent.client === path && sent.from === "client" && isData(sent) && !sent.lost).map((sent) => sent.packet.length);
    expect(Math.max(...sizes(1))).toBeLessThanOrEqual(1300);
    expect(Math.max(...sizes(0))).toBe(1500);
  });

  test("about nothing that the host knows are counted", () => {
    const pair = new Pair();
    pair.establish();
    const syn = pair.sent[0]?.packet.clone() as Packet;
    if (syn.tcp !== null) syn.tcp.sourcePort = 9;
    pair.inject("client", icmpUnreachable(syn, ROUTER, "host") as Packet);
    expect(pair.hosts.client.counters.value("IcmpInErrors")).toBe(1);
  });
});

test("a new connection leaves from an address of the destination's family", () => {
  const pair = new Pair({ clientAddresses: ["10.1.0.1", "2001:db8:1::1"], serverAddresses: ["2001:db8:2::1"] });
  const connection = pair.hosts.client.connect(pair.address("server", 0), PORT, {}, 0);
  pair.run(200);
  expect([String(connection.tuple.localAddress), connection instanceof MptcpConnection]).toEqual(["2001:db8:1::1", true]);
  expect(pair.packets(isSyn).map((sent) => [sent.client, flagLetters(sent.segment)])).toEqual([[1, "S"], [1, "SA"]]);
  expect(connection.write(Payload.virtual(10), true, pair.now)).toBe(10);
  pair.run(200);
  expect([pair.accepted[0]?.connection.readable ?? 0, pair.packets(isReset).length]).toEqual([0, 0]);
});
