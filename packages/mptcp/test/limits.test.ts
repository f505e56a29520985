import { describe, expect, test } from "vitest";
import type { LimitName } from "../src/core/index.ts";
import { Counters, LIMITS } from "../src/core/index.ts";
import { BlackHoles } from "../src/host/black-holes.ts";
import { CookieMemory } from "../src/host/fast-open/index.ts";
import { PeerVersions } from "../src/host/peer-versions.ts";
import { UsedCookies } from "../src/host/used-cookies.ts";
import type { MptcpConnection } from "../src/mptcp/index.ts";
import { linuxEndpoints, PathTable, version0, version1 } from "../src/mptcp/index.ts";
import type { Subflow } from "../src/mptcp/subflow.ts";
import { IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "../src/wire/index.ts";
import type { App, PairOptions, Sent, Side } from "./mptcp/pair.ts";
import { has, isData, isReset, isSyn, Pair, PORT, SECOND } from "./mptcp/pair.ts";

/** A run in which a limit is kept first, and then passed. */
class Run {
  readonly pair: Pair;
  readonly client: App;
  readonly server: App;
  private readonly counter: string;
  private readonly side: Side;
  private before = 0;

  /** @param side whose counter it is */
  constructor(limit: LimitName, side: Side, options: PairOptions = {}) {
    this.counter = LIMITS[limit].counter;
    this.side = side;
    this.pair = new Pair(options);
    ({ client: this.client, server: this.server } = this.pair.establish());
    this.client.write(1);
    this.pair.run(500);
  }

  get count(): number {
    return this.pair.hosts[this.side].counters.value(this.counter) - this.before;
  }

  /** Up to here nothing was too much; what counted before was something else. */
  kept(): void {
    expect(this.count, this.counter).toBe(0);
  }

  /** What was too much was counted. */
  passed(): void {
    expect(this.count, this.counter).toBeGreaterThan(0);
  }

  /** Has the server announce an address that leads nowhere. */
  announce(addressId: number): void {
    const { session } = this.server.mptcp;
    this.server.engine.paths.signals.announce(session.version.addAddress(session.keysOut, { addressId, address: IpAddress.from(`203.0.113.${addressId}`), port: 0 }));
    this.pair.run(100);
  }

  /** A SYN with the token of the connection from a made-up address, that is never heard of again. */
  join(n: number, source = `203.0.113.${1 + n}`): void {
    const first = this.pair.packets((sent) => sent.from === "client" && isSyn(sent))[0] as Sent;
    const packet = new Packet(IpAddress.from(source), first.packet.destination);
    const segment = Object.assign(new TcpSegment(), { sourcePort: 10_000 + n, destinationPort: PORT, flags: TCP_FLAG.SYN, sequence: n, window: 65535 });
    segment.mptcp = [{ kind: "mp_join_syn", backup: false, addressId: 20 + n, token: this.server.mptcp.session.local.token, nonce: n }];
    packet.tcp = segment;
    packet.length = packetLength(packet);
    this.pair.inject("server", packet);
  }

  /** A SYN of a new connection from a made-up address. */
  syn(n: number): void {
    syn(this.pair, n);
  }
}

function syn(pair: Pair, n: number, bytes = 0): void {
  const packet = new Packet(IpAddress.v4(0xc6330000 + n), pair.address("server", 0));
  packet.tcp = Object.assign(new TcpSegment(), { sourcePort: 1024 + n, destinationPort: PORT, flags: TCP_FLAG.SYN, sequence: n, window: 65535, payload: Payload.virtual(bytes) });
  packet.length = packetLength(packet);
  pair.inject("server", packet);
}

/** A segment as the client would send it now. */
function forged(pair: Pair, shift: number, bytes: number): Packet {
  const last = pair.packets((sent) => sent.from === "client" && !isSyn(sent) && !isReset(sent)).at(-1) as Sent;
  const packet = last.packet.clone();
  const segment = packet.tcp as TcpSegment;
  segment.sequence = (segment.sequence + segment.payload.length + shift) >>> 0;
  segment.payload = Payload.of(new Uint8Array(bytes));
  packet.length = packetLength(packet);
  return packet;
}

/** A connection that closes and loses its only subflow before the FINs are through. */
function linger(pair: Pair): void {
  const { connection } = pair.connect();
  pair.run(200);
  connection.end(pair.now);
  pair.accepted.at(-1)?.end();
  pair.runUntil(() => connection.closed, 1000);
  const [subflow] = (connection as MptcpConnection).subflows as readonly Subflow[];
  subflow?.end("silent", pair.now);
  pair.run(500);
}

/** Octets one by one behind a hole that stays. */
function octetsBehindAHole(run: Run, octets: number): void {
  const { pair, client } = run;
  client.write(20_000);
  pair.run(500);
  let first = -1;
  pair.lose((sent) => {
    if (sent.from !== "client" || !isData(sent)) return false;
    if (first < 0) first = sent.segment.sequence;
    return sent.segment.sequence === first;
  });
  octetsWritten(run, octets);
}

function octetsWritten({ client, pair }: Run, octets: number): void {
  for (let i = 0; i < octets; i++) {
    client.write(1);
    pair.run(i % 100 === 99 ? 1 : 0);
  }
}

/** A SYN+ACK that brings a cookie. */
const ANSWER = { cookie: new Uint8Array(8), experimental: false, mss: 1460, isUnanswered: false, isDropped: false };

const CASES: Readonly<Record<LimitName, () => void>> = {
  subflows: () => {
    const limits = { subflows: 1, addAddrAccepted: 8 };
    const run = new Run("subflows", "server", { server: { mptcp: { limits } } });
    run.pair.addAddress("client", "10.1.0.2");
    run.pair.run(500);
    run.kept();
    run.pair.addAddress("client", "10.1.0.3");
    run.pair.run(500);
    expect(run.server.established).toHaveLength(2);
    run.passed();
  },
  addAddrAccepted: () => {
    const run = new Run("addAddrAccepted", "client", { client: { mptcp: { limits: { subflows: 8, addAddrAccepted: 2 } } } });
    for (const id of [1, 2]) run.announce(id);
    run.kept();
    run.announce(3);
    expect(run.client.mptcp.addresses.remote).toHaveLength(3);
    run.passed();
  },
  pendingJoins: () => {
    const run = new Run("pendingJoins", "server", { server: { mptcp: { pendingJoins: 3 } } });
    for (let n = 0; n < 3; n++) run.join(n);
    run.kept();
    run.join(3);
    expect(run.pair.hosts.server.usage.pendingJoins).toBe(3);
    run.passed();
  },
  hostPendingJoins: () => {
    const run = new Run("hostPendingJoins", "server", { server: { pendingJoins: 3 } });
    for (let n = 0; n < 3; n++) run.join(n);
    run.kept();
    run.join(3);
    expect(run.pair.hosts.server.usage.pendingJoins).toBe(3);
    run.passed();
  },
  pendingJoinsPerPeer: () => {
    const run = new Run("pendingJoinsPerPeer", "server", { server: { pendingJoinsPerPeer: 2 } });
    for (const n of [0, 1]) run.join(n, "203.0.113.9");
    run.join(2);
    run.kept();
    run.join(3, "203.0.113.9");
    expect(run.pair.hosts.server.usage.pendingJoins).toBe(3);
    run.passed();
  },
  pendingJoinTimeout: () => {
    const run = new Run("pendingJoinTimeout", "server", { server: { mptcp: { pendingJoinTimeout: 2 * SECOND } } });
    run.join(0);
    run.pair.run(1900);
    run.kept();
    run.pair.run(200);
    expect(run.pair.hosts.server.usage.pendingJoins).toBe(0);
    run.passed();
  },
  announcedJoins: () => {
    const run = new Run("announcedJoins", "client", { client: { mptcp: { announcedJoins: 1 } } });
    run.announce(1);
    run.kept();
    run.announce(2);
    run.passed();
  },
  joinSynRetries: () => {
    const run = new Run("joinSynRetries", "client", { client: { mptcp: { joinSynRetries: 1 } } });
    run.announce(1);
    run.kept();
    run.pair.run(4000);
    run.passed();
  },
  addAddrRetries: () => {
    const run = new Run("addAddrRetries", "server", { server: { mptcp: { addAddrRetries: 1, addAddrTimeout: SECOND, pathManager: linuxEndpoints } } });
    run.pair.lose((sent) => sent.from === "client" && has(sent, "add_addr"));
    run.announce(1);
    run.pair.run(1000);
    run.kept();
    run.pair.run(5000);
    expect(run.pair.packets((sent) => sent.from === "server" && has(sent, "add_addr"))).toHaveLength(2);
    run.passed();
  },
  noSubflowTimeout: () => {
    const run = new Run("noSubflowTimeout", "client", { client: { mptcp: { noSubflowTimeout: 5 * SECOND } } });
    run.pair.removeAddress("client", 0);
    run.pair.run(4900);
    run.kept();
    run.pair.run(200);
    expect(run.client.connection.error).toBe("ETIMEDOUT");
    run.passed();
  },
  noOptionsTimeout: () => {
    const run = new Run("noOptionsTimeout", "client", { clientAddresses: 2 });
    run.pair.alter((segment, sent) => {
      if (!isSyn(sent)) segment.mptcp = [];
    });
    run.client.write(5000);
    run.pair.run(20_000);
    run.kept();
    run.pair.run(10_000);
    expect(run.client.connection.error).toBe("ETIMEDOUT");
    run.passed();
  },
  pathAddresses: () => {
    const run = new Run("pathAddresses", "client", { client: { mptcp: { limits: { subflows: 0, addAddrAccepted: 100 } } } });
    const { default: most } = LIMITS.pathAddresses;
    for (let id = 1; id < most; id++) run.announce(id);
    run.kept();
    expect(run.client.mptcp.addresses.remote).toHaveLength(most);
    run.announce(most);
    expect(run.client.mptcp.addresses.remote).toHaveLength(most);
    run.passed();
    for (let i = 1; i <= most; i++) run.pair.addAddress("client", `10.1.1.${i}`);
    expect(run.client.mptcp.addresses.local).toHaveLength(most);
  },
  paths: () => {
    const counters = new Counters();
    const table = new PathTable(undefined, counters);
    const [local, remote] = [IpAddress.from("10.0.0.1"), IpAddress.from("10.0.0.2")];
    const learn = (id: number): number => table.learn(local, 0, remote, id, 1000 + id);
    const { counter, default: most } = LIMITS.paths;
    table.first(local, 0, 1000, remote, 0, 80);
    for (let id = 1; id < most; id++) expect(learn(id)).toBe(id + 1);
    expect([counters.value(counter), table.paths.length]).toEqual([0, most]);
    // All have subflows: there is no room. One without makes room for the next.
    expect([learn(most), counters.value(counter)]).toEqual([0, 1]);
    table.markOpen(5, false);
    expect([learn(most), counters.value(counter), table.paths.length, table.path(5)]).toEqual([most + 1, 2, most, null]);
  },
  signalsInARow: () => {
    const run = new Run("signalsInARow", "server", { server: { mptcp: { pathManager: linuxEndpoints } } });
    run.announce(1);
    run.announce(2);
    run.kept();
    const { session } = run.server.mptcp;
    for (let addressId = 3; addressId < 6; addressId++) run.server.engine.paths.signals.announce(session.version.addAddress(session.keysOut, { addressId, address: IpAddress.from("203.0.113.9"), port: 0 }));
    run.pair.run(0);
    run.passed();
  },
  echoes: () => {
    const run = new Run("echoes", "server");
    const { session } = run.client.mptcp;
    // Two leave at once, and the rest waits for a round trip.
    for (let addressId = 10; addressId < 60; addressId++) {
      if (addressId === 10 + 2 + LIMITS.echoes.default) run.kept();
      const packet = forged(run.pair, 0, 0);
      (packet.tcp as TcpSegment).mptcp = [session.version.addAddress(session.keysOut, { addressId, address: IpAddress.from("203.0.113.9"), port: addressId })];
      packet.length = packetLength(packet);
      run.pair.inject("server", packet);
    }
    run.passed();
  },
  mappings: () => {
    const receiveBuffer = { initial: 65_536, max: 65_536, autoTune: false };
    const run = new Run("mappings", "server", { client: { tcp: { noDelay: true } }, server: { tcp: { receiveBuffer } } });
    octetsBehindAHole(run, 1000);
    run.kept();
    octetsWritten(run, 2000);
    expect(run.server.engine.subflows[0]?.mappingsRemembered).toBeLessThanOrEqual(1024);
    run.passed();
  },
  outOfOrder: () => {
    // What there is room for in one buffer only costs more in pieces of an octet.
    const receiveBuffer = { initial: 1 << 18, max: 1 << 18, autoTune: false };
    const run = new Run("outOfOrder", "server", { client: { tcp: { noDelay: true } }, server: { tcp: { receiveBuffer } } });
    run.pair.run(100);
    const behind = forged(run.pair, 10, 1);
    run.kept();
    for (let i = 0; i < 60_000 && run.count === 0; i++) {
      const packet = behind.clone();
      const segment = packet.tcp as TcpSegment;
      segment.sequence = (segment.sequence + 3 * i) >>> 0;
      segment.mptcp = [];
      packet.length = packetLength(packet);
      run.pair.hosts.server.receive(packet, 0, run.pair.now);
    }
    expect(run.server.engine.outOfOrderMemory(null)).toBeLessThanOrEqual(4 << 18);
    run.passed();
  },
  silenceTimeout: () => {
    const run = new Run("silenceTimeout", "client", { client: { tcp: { silenceTimeout: 10 * SECOND } } });
    run.pair.lose(() => true);
    run.client.write(1000);
    run.pair.run(9000);
    run.kept();
    run.pair.run(60_000);
    expect(run.client.connection.error).toBe("ETIMEDOUT");
    run.passed();
  },
  orphanTimeout: () => {
    const run = new Run("orphanTimeout", "client", { client: { tcp: { orphanTimeout: 10 * SECOND } } });
    run.pair.lose(() => true);
    run.client.write(1000);
    run.client.abandon();
    run.pair.run(9000);
    run.kept();
    run.pair.run(12_000);
    expect(run.client.connection.closed).toBe(true);
    run.passed();
  },
  challenges: () => {
    const run = new Run("challenges", "server");
    const far = forged(run.pair, -100_000, 0);
    const mark = run.pair.sent.length;
    for (let i = 0; i < 10; i++) run.pair.inject("server", far.clone());
    run.kept();
    for (let i = 0; i < 100; i++) run.pair.inject("server", far.clone());
    expect(run.pair.packets((sent) => sent.from === "server", mark)).toHaveLength(10);
    run.passed();
  },
  halfOpen: () => {
    const run = new Run("halfOpen", "server", { listen: { halfOpen: 4 } });
    for (let n = 0; n < 4; n++) run.syn(n);
    run.kept();
    run.syn(4);
    expect(run.pair.listener.halfOpen).toBe(4);
    run.passed();
  },
  backlog: () => {
    const run = new Run("backlog", "server", { listen: { backlog: 2 } });
    run.pair.accept = false;
    for (let n = 0; n < 2; n++) run.pair.connect();
    run.pair.run(500);
    run.kept();
    const third = run.pair.connect();
    run.pair.run(500);
    expect(third.connected).toBe(false);
    run.passed();
  },
  blackholeFirstMemory: () => blackhole("blackholeFirstMemory", { blackholeFirstMemory: 20 * SECOND }, 20_000),
  blackholeMemory: () => blackhole("blackholeMemory", { blackholeMemory: 5 * SECOND }, 5000),
  connections: () => {
    const run = new Run("connections", "server", { server: { connections: 3 } });
    for (let i = 0; i < 2; i++) run.pair.connect();
    run.pair.run(500);
    run.kept();
    const fourth = run.pair.connect();
    run.pair.run(500);
    expect([fourth.connected, run.pair.hosts.server.usage.connections]).toEqual([false, 3]);
    run.passed();
    // A subflow more is refused too, for a reason that passes.
    run.pair.addAddress("client", "10.1.0.2");
    run.pair.run(500);
    expect(run.client.established).toEqual([1]);
    expect(run.pair.lines((sent) => isReset(sent)).at(-1)).toContain("tcprst(2 transient)");
  },
  connectionsPerPeer: () => {
    const run = new Run("connectionsPerPeer", "server", { server: { connectionsPerPeer: 2 } });
    run.syn(0);
    run.pair.connect();
    run.pair.run(500);
    run.kept();
    const third = run.pair.connect();
    run.pair.run(500);
    expect(third.connected).toBe(false);
    run.passed();
    // Others are let in.
    run.syn(1);
    expect(run.pair.listener.halfOpen).toBe(2);
  },
  orphans: () => {
    // The client's network is gone when the applications are.
    const run = new Run("orphans", "client", { client: { orphans: 2 } });
    const { pair } = run;
    const others = [pair.connect(), pair.connect({ multipath: false }), pair.connect({ multipath: false })];
    pair.run(500);
    const stop = pair.lose((sent) => sent.from === "client" && !isReset(sent));
    for (const { connection } of others.slice(0, 2)) connection.abandon(pair.now);
    pair.run(500);
    run.kept();
    expect(pair.hosts.client.usage.orphans).toBe(2);
    others[2]?.connection.abandon(pair.now);
    run.client.connection.abandon(pair.now);
    pair.run(500);
    expect([others[2]?.connection.closed, run.client.connection.closed, others[0]?.connection.closed]).toEqual([true, true, false]);
    expect(pair.hosts.client.counters.value("TcpExtTCPAbortOnMemory")).toBe(2);
    run.passed();
    stop();
    pair.run(70_000);
    expect(pair.hosts.client.usage.orphans).toBe(0);
  },
  memoryPressure: () => {
    const limitOf = ({ client, pair, server }: Run): number => {
      client.write(600_000);
      pair.runUntil(() => server.received === 600_001, 5000);
      expect(server.corrupt).toBe(false);
      return client.engine.sender.limit + server.engine.receiver.limit;
    };
    const free = new Run("memoryPressure", "client");
    const grown = limitOf(free);
    free.kept();
    const tight = { memoryPressure: 60_000 };
    const run = new Run("memoryPressure", "client", { client: tight, server: tight });
    const first = run.client.engine.sender.limit + run.server.engine.receiver.limit;
    const held = limitOf(run);
    run.passed();
    expect(grown).toBeGreaterThan(first);
    expect(held).toBeLessThan(grown);
  },
  memory: () => {
    const run = new Run("memory", "server", { server: { memory: 100_000 } });
    const { pair, client, server } = run;
    run.kept();
    server.reading = false;
    client.write(120_000);
    pair.run(1000);
    const refused = pair.connect();
    pair.run(500);
    expect(refused.connected).toBe(false);
    expect(pair.hosts.server.usage.connections).toBe(1);
    run.passed();
    server.reading = true;
    server.read();
    expect(pair.runUntil(() => refused.connected, 10_000)).toBe(true);
    expect([server.received, server.corrupt]).toEqual([120_001, false]);
  },
  lingering: () => {
    const run = new Run("lingering", "client", { client: { lingering: 2 } });
    const { client } = run.pair.hosts;
    for (let i = 0; i < 2; i++) linger(run.pair);
    run.kept();
    expect(client.usage).toMatchObject({ lingering: 2, tokens: 3 });
    linger(run.pair);
    expect(client.usage).toMatchObject({ lingering: 2, tokens: 3 });
    run.passed();
    run.pair.run(70_000);
    expect(client.usage).toMatchObject({ lingering: 0, tokens: 1 });
  },
  timeWaits: () => {
    const run = new Run("timeWaits", "client", { client: { timeWaits: 2 } });
    const close = ({ client, pair }: Run): void => {
      const connection = pair.connect();
      pair.run(200);
      connection.end();
      pair.run(100);
      pair.accepted.at(-1)?.end();
      pair.run(300);
      expect([client.connection.closed, connection.connection.closed]).toEqual([false, true]);
    };
    for (let i = 0; i < 2; i++) close(run);
    run.kept();
    close(run);
    expect(run.pair.hosts.client.usage.timeWaits).toBe(2);
    run.passed();
  },
  usedCookies: () => {
    const used = new UsedCookies();
    const limit = LIMITS.usedCookies.default;
    for (let id = 0; id < limit; id++) expect(used.add(id, 0)).toBe(false);
    // What it says is what the host counts.
    expect([used.add(limit, 0), used.has(0), used.has(1), used.has(limit)]).toEqual([true, false, true, true]);
    expect([used.add(limit + 1, 60 * SECOND), used.has(1)]).toEqual([false, true]);
    expect([used.add(limit + 2, 120 * SECOND), used.has(1), used.has(limit + 1)]).toEqual([false, false, true]);
  },
  fastOpenPending: () => {
    const run = new Run("fastOpenPending", "server", { listen: { fastOpen: { pending: 2, cookies: "none" } } });
    const before = run.pair.accepted.length;
    for (const n of [0, 1]) syn(run.pair, n, 100);
    run.kept();
    expect(run.pair.accepted.length).toBe(before + 2);
    syn(run.pair, 2, 100);
    expect(run.pair.accepted.length).toBe(before + 2);
    run.passed();
    // A reset makes no room before a minute has passed (RFC 7413 §5.1).
    for (const app of run.pair.accepted.slice(before)) app.abort();
    for (const [ms, accepted] of [[100, 2], [61_000, 3]] as const) {
      run.pair.run(ms);
      syn(run.pair, 10 + accepted, 100);
      expect(run.pair.accepted.length).toBe(before + accepted);
    }
  },
  fastOpenCookies: () => {
    const counters = new Counters();
    const memory = new CookieMemory(counters);
    const local = IpAddress.from("10.1.0.1");
    const learn = (i: number): void => memory.learn({ localAddress: local, localPort: 1, remoteAddress: IpAddress.v4(0x0a000000 + i), remotePort: 80 }, ANSWER, 0);
    const cookieOf = (i: number): Uint8Array | null | undefined => memory.startFor(local, IpAddress.v4(0x0a000000 + i), 0)?.cookie;
    const { counter, default: most } = LIMITS.fastOpenCookies;
    for (let i = 0; i < most; i++) learn(i);
    // What is used stays.
    learn(0);
    expect([counters.value(counter), memory.size]).toEqual([0, most]);
    learn(most);
    expect([counters.value(counter), memory.size, cookieOf(0)?.length, cookieOf(1)]).toEqual([1, most, 8, null]);
  },
  fastOpenAvoidance: () => {
    const counters = new Counters();
    const memory = new CookieMemory(counters);
    const [localAddress, remoteAddress] = [IpAddress.from("10.1.0.1"), IpAddress.from("10.2.0.1")];
    let now = 0;
    for (let i = 0; i < 12; i++) {
      expect(memory.startFor(localAddress, remoteAddress, now)).not.toBeNull();
      memory.learn({ localAddress, localPort: 1, remoteAddress, remotePort: 80 }, { ...ANSWER, cookie: null, isDropped: true }, now);
      now += Math.min(LIMITS.fastOpenAvoidance.default, 60 * SECOND * 2 ** i) - 1;
      expect(memory.startFor(localAddress, remoteAddress, now)).toBeNull();
      now++;
    }
    expect(counters.value(LIMITS.fastOpenAvoidance.counter)).toBe(12);
  },
  blackholes: () => {
    const counters = new Counters();
    const holes = new BlackHoles({ mptcp: { blackholeFirstMemory: 10 * SECOND, blackholeMemory: 60 * SECOND } }, counters);
    const address = (i: number): IpAddress => IpAddress.from(`10.0.${i >> 8}.${i & 255}`);
    const { counter, default: most } = LIMITS.blackholes;
    for (let i = 0; i < most; i++) holes.learn(address(i), true, 0);
    expect([counters.value(counter), holes.has(address(0), 0)]).toEqual([0, true]);
    holes.learn(address(most), true, 0);
    expect([counters.value(counter), holes.has(address(0), 0), holes.has(address(1), 0), holes.has(address(most), 0)]).toEqual([1, false, true, true]);
  },
  peerVersions: () => {
    const counters = new Counters();
    const peers = new PeerVersions(counters);
    const versions = [version1, version0];
    const triesEarlier = (i: number): boolean => peers.offerTo(IpAddress.from(`10.0.${i >> 8}.${i & 255}`), versions, 0).triesEarlier;
    const { counter, default: most } = LIMITS.peerVersions;
    for (let i = 0; i < most; i++) peers.learn(IpAddress.from(`10.0.${i >> 8}.${i & 255}`), null, versions, 0);
    expect([counters.value(counter), triesEarlier(0)]).toEqual([0, false]);
    peers.learn(IpAddress.from(`10.0.${most >> 8}.${most & 255}`), null, versions, 0);
    expect([counters.value(counter), triesEarlier(0), triesEarlier(1), triesEarlier(most)]).toEqual([1, true, false, false]);
  },
  peerVersionMemory: () => {
    const run = new Run("peerVersionMemory", "client", { client: { mptcp: { versions: [version1, version0] } }, server: { multipath: false } });
    const { pair } = run;
    const { counter, default: memory } = LIMITS.peerVersionMemory;
    const offers = (): number => pair.hosts.client.counters.value(counter);
    expect(offers()).toBe(1);
    pair.now += memory - SECOND;
    pair.connect();
    pair.run(500);
    expect(offers()).toBe(1);
    pair.now += 2 * SECOND;
    pair.connect();
    pair.run(500);
    expect(offers()).toBe(2);
  },
  strays: () => {
    const run = new Run("strays", "server");
    const { server } = run.pair.hosts;
    const packet = forged(run.pair, 0, 0);
    Object.assign(packet.tcp as TcpSegment, { destinationPort: PORT + 1 });
    for (let i = 0; i < LIMITS.strays.default; i++) server.receive(packet.clone(), 0, run.pair.now);
    run.kept();
    server.receive(packet.clone(), 0, run.pair.now);
    const mark = run.pair.sent.length;
    run.pair.run(0);
    expect(run.pair.packets((sent) => sent.from === "server", mark)).toHaveLength(LIMITS.strays.default);
    run.passed();
  },
};

/** A path that loses SYNs with MP_CAPABLE: it is remembered for `memory` ms, and no longer. */
function blackhole(limit: LimitName, mptcp: NonNullable<NonNullable<PairOptions["client"]>["mptcp"]>, memory: number): void {
  const run = new Run(limit, "client", { client: { mptcp } });
  const { pair } = run;
  const stop = pair.lose((sent) => isSyn(sent) && has(sent, "mp_capable"));
  const first = pair.connect();
  expect(pair.runUntil(() => first.connected)).toBe(true);
  stop();
  run.kept();
  pair.connect();
  run.passed();
  pair.run(memory);
  const later = pair.connect();
  pair.run(500);
  expect(later.connection.multipath).toBe(true);
}

test("a host that is full opens no connection either", () => {
  const pair = new Pair({ client: { connections: 1 } });
  pair.establish();
  expect(() => pair.connect()).toThrow(expect.objectContaining({ code: "ENOBUFS" }));
  expect(pair.hosts.client.counters.value(LIMITS.connections.counter)).toBe(1);
});

describe("every limit bites, and its counter moves", () => {
  test.each(Object.keys(LIMITS) as LimitName[])("%s", (name) => CASES[name]());
});
