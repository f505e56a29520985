import { describe, expect, test } from "vitest";
import { changeOfSysctl, cubic, DEFAULT_TCP_CONFIG, STREAM_EVENT } from "../../src/index.ts";
import { KNOWN_SYSCTLS } from "../../src/host/index.ts";
import { TCP_FLAG } from "../../src/wire/index.ts";
import { has, isData, isSyn, MS, Pair, SECOND } from "../mptcp/pair.ts";
import type { Sent } from "../mptcp/pair.ts";

const fromClient = (sent: Sent): boolean => sent.from === "client";
const fromServer = (sent: Sent): boolean => sent.from === "server";

/** The SYN and SYN+ACK of the next connection. */
function handshake(pair: Pair): [Sent, Sent] {
  const from = pair.sent.length;
  pair.establish();
  const [syn, synAck] = pair.packets(isSyn, from);
  return [syn!, synAck!];
}

describe("what connections to come are made with", () => {
  test("changes while the host runs, for those that it opens and those that come to listeners; open ones stay as they are", () => {
    const pair = new Pair();
    const { client: first } = pair.establish();
    const { hosts } = pair;
    for (const host of [hosts.client, hosts.server]) host.setDefaults({ tcp: { sack: false, timestamps: false, windowScaling: false } });
    for (const { segment } of handshake(pair)) expect([segment.sackPermitted, segment.hasTimestamps, segment.windowScale]).toEqual([false, false, -1]);
    for (const host of [hosts.client, hosts.server]) host.setDefaults({ tcp: { sack: true, timestamps: true, windowScaling: true, receiveBuffer: { initial: 32_768, max: 65_536 * 4, autoTune: true } } });
    for (const { segment } of handshake(pair)) expect([segment.sackPermitted, segment.hasTimestamps, segment.windowScale, segment.window]).toEqual([true, true, 2, 32_768]);
    expect(first.mptcp.tcpInfo(1, pair.now)).toMatchObject({ sack: true, timestamps: true, windowScale: 10 });
    expect(hosts.client.tcpDefaults).toMatchObject({ receiveBuffer: { initial: 32_768 }, retries: DEFAULT_TCP_CONFIG.retries });
  });

  test("is not what whoever opens a connection or listens has said otherwise", () => {
    const pair = new Pair({ listen: { tcp: { sack: true }, multipath: true } });
    for (const host of Object.values(pair.hosts)) host.setDefaults({ tcp: { sack: false }, multipath: false });
    pair.connect({ tcp: { sack: true }, multipath: true });
    pair.run(100);
    const [syn, synAck] = pair.packets(isSyn);
    expect([syn, synAck].map((sent) => [sent!.segment.sackPermitted, has(sent!, "mp_capable")])).toEqual([[true, true], [true, true]]);
  });

  test("is Multipath TCP or not", () => {
    const pair = new Pair();
    pair.hosts.client.setDefaults({ multipath: false });
    expect(handshake(pair).map((sent) => has(sent, "mp_capable"))).toEqual([false, false]);
    pair.hosts.client.setDefaults({ multipath: true });
    pair.hosts.server.setDefaults({ multipath: false });
    expect(handshake(pair).map((sent) => has(sent, "mp_capable"))).toEqual([true, false]);
    pair.hosts.server.setDefaults({ multipath: true });
    expect(handshake(pair).map((sent) => has(sent, "mp_capable"))).toEqual([true, true]);
    expect(new Pair({ client: { multipath: false } }).hosts.client.multipathDefault).toBe(false);
  });

  test("is checksums, refusals of joins to the first address, and when SYN cookies are sent", () => {
    const pair = new Pair();
    pair.hosts.server.setDefaults({ mptcp: { checksum: true, denyJoinInitialAddress: true }, synCookies: "always" });
    const { client } = pair.establish();
    expect([client.mptcp.info(pair.now).checksumEnabled, client.mptcp.session.peerDeniesJoin]).toEqual([true, true]);
    expect(pair.hosts.server.counters.value("TcpExtSyncookiesSent")).toBe(1);
  });
});

describe("a subflow", () => {
  /** Timeouts of the second path, until the client's connection takes it for stale; 0: it never did. */
  function timeoutsUntilStale(staleTimeouts: number): number {
    const pair = new Pair({ clientAddresses: 2, delay: (client) => (client === 0 ? 10 : 5) * MS, client: { mptcp: { staleTimeouts } } });
    const { client } = pair.establish();
    client.write(1000);
    pair.run(500);
    pair.lose((sent) => sent.client === 1);
    client.write(5000);
    let timeouts = 0;
    pair.runUntil(() => {
      timeouts = pair.decisions("client", "rto").filter(({ subflow }) => subflow === 2).length;
      return client.mptcp.subflows.some(({ stale }) => stale);
    }, 5000);
    return client.mptcp.subflows.some(({ stale }) => stale) ? timeouts : 0;
  }

  test("is stale after as many timeouts as are said, or never", () => {
    expect([1, 2, 3, 0].map(timeoutsUntilStale)).toEqual([1, 2, 3, 0]);
  });
});

describe("sysctls of Linux", () => {
  test("say what defaults they change", () => {
    expect(changeOfSysctl("net.ipv4.tcp_sack", "0")).toEqual({ tcp: { sack: false } });
    expect(changeOfSysctl("net/ipv4/tcp_timestamps", "1")).toEqual({ tcp: { timestamps: true } });
    expect(changeOfSysctl("net.ipv4.tcp_rmem", "4096\t131072\t6291456")).toEqual({ tcp: { receiveBuffer: { initial: 131_072, max: 6_291_456, autoTune: true } } });
    expect(changeOfSysctl("net.ipv4.tcp_wmem", "4096 20000 20000")).toEqual({ tcp: { sendBuffer: { initial: 20_000, max: 20_000, autoTune: false } } });
    expect(changeOfSysctl("net.ipv4.tcp_notsent_lowat", "4294967295")).toEqual({ tcp: { unsentLowWater: 0 } });
    expect(changeOfSysctl("net.mptcp.enabled", "0")).toEqual({ multipath: false });
    expect(changeOfSysctl("net.mptcp.add_addr_timeout", "1")).toEqual({ mptcp: { addAddrTimeout: SECOND } });
    expect(changeOfSysctl("net.mptcp.allow_join_initial_addr_port", "0")).toEqual({ mptcp: { denyJoinInitialAddress: true } });
    expect(changeOfSysctl("net.ipv4.tcp_syncookies", "2")).toEqual({ synCookies: "always" });
    expect(changeOfSysctl("net.ipv4.tcp_congestion_control", "cubic")?.tcp?.congestion?.name).toBe(cubic.name);
    expect(changeOfSysctl("net.ipv4.tcp_no_metrics_save", "1")).toBeNull();
    expect(changeOfSysctl("toString", "1")).toBeNull();
  });

  test("each of them can be set on a host, and one with a value that cannot be is refused", () => {
    const { hosts: { client } } = new Pair();
    const values: Record<string, string> = { "net.ipv4.tcp_congestion_control": "reno", "net.ipv4.tcp_rmem": "1 2 3", "net.ipv4.tcp_wmem": "1 2 3", "net.mptcp.path_manager": "userspace" };
    for (const name of KNOWN_SYSCTLS) {
      client.setDefaults(changeOfSysctl(name, values[name] ?? "1")!);
      expect(() => changeOfSysctl(name, "-1")).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_OUT_OF_RANGE$|^ERR_MPTCP_PARAMETER$/) as string }));
    }
    expect(() => changeOfSysctl("net.ipv4.tcp_rmem", "1 2")).toThrow("three");
    expect(client.mptcpDefaults).toMatchObject({ checksum: true, staleTimeouts: 1, capableSyns: 2, noSubflowTimeout: SECOND });
  });
});

describe("a listener", () => {
  test("tells which connections wait to be accepted, and whether any does", () => {
    const pair = new Pair({ accept: false });
    const { listener } = pair;
    expect([listener.isReady, listener.waiting]).toEqual([false, []]);
    const clients = [pair.connect(), pair.connect()];
    pair.run(100);
    expect([listener.isReady, listener.waiting.map(({ tuple }) => tuple.remotePort)]).toEqual([true, clients.map(({ connection }) => connection.tuple.localPort)]);
    const [first] = listener.waiting;
    expect(listener.accept()).toBe(first);
    expect(listener.waiting).toHaveLength(1);
    listener.accept();
    expect([listener.isReady, listener.accept()]).toEqual([false, null]);
  });

  test("has another backlog from when that is changed", () => {
    const pair = new Pair({ accept: false, listen: { backlog: 1 }, server: { synCookies: "never" } });
    const { listener } = pair;
    const opened = (): number => {
      const app = pair.connect();
      pair.run(100);
      return app.connected ? 1 : 0;
    };
    expect([opened(), opened(), listener.backlog]).toEqual([1, 0, 1]);
    listener.setBacklog(3);
    expect([opened(), opened(), opened()]).toEqual([1, 1, 0]);
    listener.setBacklog(1);
    expect([listener.waiting.length, listener.backlog, opened()]).toEqual([3, 1, 0]);
  });
});

describe.each(["multipath", "plain"])("a listener that waits for data (%s)", (kind) => {
  const multipath = kind === "multipath";

  test("accepts a connection once its data is there, in whose handshake no ACK without it counts", () => {
    const pair = new Pair({ listen: { deferAccept: 10 * SECOND } });
    const client = pair.connect({ multipath });
    pair.run(2000);
    expect([client.connected, pair.accepted.length, pair.listener.halfOpen]).toEqual([true, 0, 1]);
    // The SYN+ACK is not sent again meanwhile.
    expect(pair.packets((sent) => fromServer(sent) && isSyn(sent))).toHaveLength(1);
    client.write(700);
    pair.run(200);
    expect(pair.accepted.map(({ received, connection }) => [received, connection.multipath])).toEqual([[700, multipath]]);
    // What completed the handshake is no sample of the round-trip time.
    expect(pair.accepted[0]!.connection.tcpInfo(1, pair.now)!.rtt / MS).toBeLessThan(30);
  });

  test("accepts it without when it has waited for long enough", () => {
    const pair = new Pair({ listen: { deferAccept: 3 * SECOND } });
    const client = pair.connect({ multipath });
    pair.run(2900);
    expect(pair.accepted).toHaveLength(0);
    pair.run(300);
    expect([pair.accepted.length, pair.accepted[0]?.connected]).toEqual([1, true]);
    client.write(10);
    client.end();
    pair.run(500);
    expect([pair.accepted[0]!.received, (client.seen & STREAM_EVENT.drained) !== 0]).toEqual([10, true]);
    expect(pair.packets((sent) => fromClient(sent) && isData(sent)).length).toBe(1);
  });

  test("knows of one that ends without having said anything", () => {
    const pair = new Pair({ listen: { deferAccept: 10 * SECOND } });
    const client = pair.connect({ multipath });
    pair.run(100);
    client.end();
    pair.run(40_000);
    expect(pair.accepted.map(({ connection }) => connection.ended)).toEqual([true]);
    expect(pair.packets((sent) => (sent.segment.flags & TCP_FLAG.RST) !== 0)).toEqual([]);
  });
});
