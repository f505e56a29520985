import { describe, expect, test } from "vitest";
import type { FallbackReason } from "../../src/core/index.ts";
import { MptcpConnection, version0 } from "../../src/mptcp/index.ts";
import { blackHole, optionStripper } from "../../src/sim/index.ts";
import type { PlainParameters } from "../../src/sim/index.ts";
import type { MpCapable, Packet } from "../../src/wire/index.ts";
import { IpAddress, MP_CAPABLE_FLAG, packetLength } from "../../src/wire/index.ts";
import { checkedPair, corruptOnce } from "./checksum-pair.ts";
import type { App, PairOptions, Side } from "./pair.ts";
import { has, isData, isSyn, option, Pair, SECOND } from "./pair.ts";
import { PartSpy } from "./part-spy.ts";
import type { Retired } from "./part-spy.ts";

const spy = new PartSpy();

const SMALL = { initial: 20_000, max: 20_000, autoTune: false };
const TCP = { retries: 4, receiveBuffer: SMALL, sendBuffer: SMALL };
const HOSTS: PairOptions = { client: { tcp: TCP }, server: { tcp: TCP } };

/** Two ends, one of which at least is regular TCP. */
interface Ends {
  readonly pair: Pair;
  readonly client: App;
  readonly server: App;
}

/** Makes a connection that falls back for a reason, on one side. */
interface Fall {
  readonly side: Side;
  readonly run: () => Ends;
  /** Whether a join is under way then. */
  readonly joins?: boolean;
}

/** How a connection falls back for every reason that there is. */
const FALLS: Readonly<Record<FallbackReason, Fall>> = {
  no_mp_capable_in_synack: { side: "client", run: () => stripped({ segments: ["syn", "syn-ack"] }) },
  no_mp_capable_in_ack: { side: "server", run: () => stripped({ segments: ["syn-ack"] }) },
  mp_capable_unanswered: { side: "client", run: swallowed },
  blackhole_remembered: {
    side: "client",
    run: () => {
      const { pair, client } = swallowed();
      client.abort();
      pair.run(100);
      return connected(pair);
    },
  },
  own_key_in_synack: { side: "client", run: reflected },
  no_key_in_synack: { side: "client", run: () => altered((capable) => ({ ...capable, senderKey: null })) },
  malformed_capable: { side: "client", run: () => altered((capable) => ({ ...capable, receiverKey: capable.senderKey })) },
  no_mp_capable_in_syn: {
    side: "server",
    run: () => {
      const pair = new Pair(HOSTS);
      pair.lose((sent) => sent.from === "server" && isSyn(sent) && has(sent, "mp_capable"));
      return connected(pair);
    },
  },
  options_lost: {
    side: "server",
    run: () => {
      const ends = talked(connected(new Pair(HOSTS)));
      ends.pair.middlebox(optionStripper({ direction: "outward" }));
      return talked(ends);
    },
  },
  unsupported_version: { side: "client", run: () => altered((capable) => ({ ...capable, version: 0 })) },
  unknown_extension_flag: { side: "client", run: () => altered((capable) => ({ ...capable, flags: capable.flags | MP_CAPABLE_FLAG.B })) },
  no_common_algorithm: { side: "client", run: () => altered((capable) => ({ ...capable, flags: 0 })) },
  options_lost_on_data: { side: "server", run: () => talked(stripped({ segments: ["data"] })) },
  no_data_ack: { side: "client", run: () => talked(stripped({ segments: ["data"] })) },
  infinite_mapping: { side: "server", run: () => talked(stripped({ segments: ["data", "ack", "rst"], direction: "inward" })) },
  checksum_failed: { side: "server", joins: true, run: corrupted },
  mp_fail: { side: "client", joins: true, run: corrupted },
};

/** A byte is changed while a join is under way at both ends: its third ACK does not arrive. */
function corrupted(): Ends {
  const pair = checkedPair(HOSTS);
  pair.lose((sent) => has(sent, "mp_join_ack"));
  const ends = { pair, ...pair.establish() };
  ends.client.write(1000);
  pair.run(100);
  pair.addAddress("client", "10.1.0.9");
  pair.run(100);
  corruptOnce(pair, (sent) => sent.from === "client" && isData(sent));
  return talked(ends);
}

function stripped(parameters: PlainParameters): Ends {
  const pair = new Pair(HOSTS);
  pair.middlebox(optionStripper(parameters));
  return connected(pair);
}

function altered(change: (capable: MpCapable) => MpCapable): Ends {
  const pair = new Pair(HOSTS);
  pair.alter((segment, sent) => {
    if (sent.from === "server" && isSyn(sent)) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? change(one) : one));
  });
  return connected(pair);
}

/** The client speaks version 0, whose SYN has a key, and the path sends options back as they are. */
function reflected(): Ends {
  const pair = new Pair({ ...HOSTS, client: { tcp: TCP, mptcp: { versions: [version0] } } });
  let offered: MpCapable | null = null;
  pair.alter((segment, sent) => {
    if (!isSyn(sent)) return;
    if (sent.from === "client") offered = option(sent.segment, "mp_capable");
    else if (offered !== null) segment.mptcp = [offered];
  });
  return connected(pair);
}

function swallowed(): Ends {
  const pair = new Pair(HOSTS);
  pair.middlebox(blackHole({ options: ["mp_capable"], segments: ["syn", "syn-ack"] }));
  return connected(pair);
}

function connected(pair: Pair): Ends {
  const before = pair.accepted.length;
  const client = pair.connect();
  if (!pair.runUntil(() => pair.accepted.length > before && client.connected)) throw new Error("not connected");
  return { pair, client, server: pair.accepted[before] as App };
}

function talked(ends: Ends): Ends {
  ends.client.write(5000);
  ends.pair.run(1000);
  return ends;
}

/** All that can happen to a connection while it lives. */
function live(ends: Ends, side: Side): void {
  const { pair, client, server } = ends;
  const [own, other] = side === "client" ? [client, server] : [server, client];
  const connection = own.mptcp;
  const address = pair.address(side, 0);
  // Data both ways, with losses.
  let count = 0;
  const healed = pair.lose((sent) => isData(sent) && ++count % 15 === 0);
  exchange(ends, 30_000, 10_000);
  healed();
  closeWindows(ends);
  // What applications ask and command.
  ask(own, pair.now);
  for (const enable of [true, false]) {
    connection.setNoDelay(enable, pair.now);
    exchange(ends, 100, 500);
  }
  const before = pair.sent.length;
  connection.setKeepAlive({ idle: SECOND, interval: SECOND, probes: 3 }, pair.now);
  pair.run(10_000);
  expect(pair.packets((sent) => sent.from === side, before).length).toBeGreaterThan(5);
  expect([
    connection.openSubflow({ local: address, remote: connection.tuple.remoteAddress }, false, pair.now),
    connection.allowLocal(IpAddress.from("10.1.0.77"), pair.now),
    connection.denyLocal(address, pair.now),
    connection.setBackup(2, true, pair.now),
    connection.closeSubflow(1, pair.now),
  ]).toEqual([false, false, false, false, false]);
  // Addresses of the host go and come, that of the connection too.
  pair.removeAddress(side, 0);
  other.write(1000);
  pair.run(700);
  pair.addAddress(side, String(address));
  pair.addAddress(side, side === "client" ? "10.1.0.88" : "10.2.0.88");
  pair.run(5000);
  exchange(ends, 1000, 5000);
  join(pair, side, connection);
  // Timers fire, and early.
  connection.handleTimeout(pair.now);
  pair.run(5000);
  connection.setKeepAlive(null, pair.now);
}

/** Both ends write, and have read it all after `time` ms. */
function exchange({ pair, client, server }: Ends, bytes: number, time: number): void {
  const due = [client.received + bytes, server.received + bytes];
  for (const app of [client, server]) app.write(bytes);
  pair.run(time);
  expect([client.received, server.received]).toEqual(due);
}

/** Nobody reads, so that windows close and are probed; then they open again. */
function closeWindows({ pair, client, server }: Ends): void {
  const before = [client.received, server.received];
  for (const app of [client, server]) {
    app.reading = false;
    app.write(60_000);
  }
  pair.run(10_000);
  expect([client.received, server.received]).toEqual(before);
  for (const app of [client, server]) {
    app.reading = true;
    app.look();
  }
  pair.run(10_000);
  expect([client.received, server.received]).toEqual(before.map((bytes) => bytes + 60_000));
}

/** Everything that can be read. */
function ask({ mptcp: connection }: App, now: number): void {
  const { addresses, subflows, multipath, fallback, writable, readable, sendBuffered, receiveBuffered, ended, closed, error, connectedAt, nextTimeout, subflowConfig } = connection;
  expect([multipath, fallback === null, connection.info(now).fallback, connection.subflowInfo(2)]).toEqual([false, false, fallback, null]);
  for (const { tcp, established, mayCarryData, backup, stale, bytesReinjected } of subflows) expect([tcp.tuple, established, mayCarryData, backup, stale, bytesReinjected]).toHaveLength(6);
  expect([addresses, writable, readable, sendBuffered, receiveBuffered, ended, closed, error, connectedAt, nextTimeout, subflowConfig]).toHaveLength(11);
}

/** A SYN arrives that would join the connection; it is refused. */
function join(pair: Pair, to: Side, connection: MptcpConnection): void {
  const syn = pair.packets((sent) => sent.from === "client" && isSyn(sent))[0]?.packet.clone() as Packet;
  if (syn.tcp === null) throw new Error("not TCP");
  const { localAddress, localPort, remoteAddress } = connection.tuple;
  Object.assign(syn, { source: remoteAddress, destination: localAddress });
  Object.assign(syn.tcp, { sourcePort: 12345, destinationPort: localPort, mptcp: [{ kind: "mp_join_syn", backup: false, addressId: 3, token: connection.session.local.token, nonce: 5 }] });
  const before = pair.counter(to, "MPJoinRejected");
  pair.inject(to, syn);
  expect(pair.counter(to, "MPJoinRejected")).toBe(before + 1);
}

/** How a connection ends. */
const ENDS = {
  "half closed, then closed by the peer": ({ pair }: Ends, own: App, other: App) => {
    own.end();
    pair.run(500);
    other.write(30_000);
    pair.run(2000);
    other.end();
  },
  "closed by the peer first, while data flows": ({ pair }: Ends, own: App, other: App) => {
    other.end();
    own.write(30_000);
    pair.run(2000);
    own.end();
  },
  "aborted": (_: Ends, own: App) => own.abort(),
  "reset by the peer": (_: Ends, _own: App, other: App) => other.abort(),
  "given up after a silence": ({ pair }: Ends, own: App) => {
    pair.lose(() => true);
    own.write(1000);
  },
} as const;
const NAMES = Object.keys(ENDS) as (keyof typeof ENDS)[];

/** Every reason with one end, and some with all. */
const LIVES = (Object.keys(FALLS) as FallbackReason[]).flatMap((reason, at) =>
  NAMES.filter((_, i) => i === at % NAMES.length || reason === "no_mp_capable_in_synack" || reason === "checksum_failed").map((end) => [reason, end] as const),
);

describe("no part of Multipath TCP is called once a connection has become regular TCP", () => {
  test.each(LIVES)("%s, until it is %s", (reason, end) => {
    const { side, run, joins = false } = FALLS[reason];
    const ends = run();
    const { pair, client, server } = ends;
    const [own, other] = side === "client" ? [client, server] : [server, client];
    const { mptcp: connection } = own;
    expect(connection.fallback).toBe(reason);
    live(ends, side);
    ENDS[end](ends, own, other);
    pair.run(600_000);
    expect([connection.closed, pair.hosts[side].usage.tokens]).toEqual([true, 0]);
    ask(own, pair.now);
    connection.read(10, pair.now);
    own.abort();
    connection.handleTimeout(pair.now);

    for (const app of [own, other]) {
      if (!(app.connection instanceof MptcpConnection)) continue;
      const { parts, returning, later } = spy.of(app.connection) as Retired;
      expect([returning, later]).toEqual([[], []]);
      expect(parts).toEqual(expect.arrayContaining(["Multipath", "DataSender", "Carriers", "DataReceiver", "Subflow", "Inbound", "CapableOpening", "OptionReader", "Paths", "Signals", "Ending", "ChecksumFailure"]));
      expect([parts.filter((name) => name === "Subflow").length, parts.includes("JoinOpening")]).toEqual(joins ? [2, true] : [1, false]);
    }
  });

  test("what a part of it is asked all the same would be seen", () => {
    const { client, pair } = connected(new Pair());
    expect([spy.of(client.mptcp), client.mptcp.fallback]).toEqual([null, null]);
    const stale = client.engine;
    pair.interfere((packet, sent) => {
      if (packet.tcp !== null && sent.from === "server" && !isSyn(sent)) packet.tcp.mptcp = [];
      packet.length = packetLength(packet);
      return packet;
    });
    client.write(100);
    pair.run(1000);
    expect([client.mptcp.fallback, spy.of(client.mptcp)?.later]).toEqual(["no_data_ack", []]);
    expect(stale.sender.writable).toBeGreaterThan(0);
    expect(spy.of(client.mptcp)?.later).toEqual(["DataSender.writable"]);
  });
});
