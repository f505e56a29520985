import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/core/index.ts";
import type { ConnectOptions, ListenOptions } from "../../src/host/index.ts";
import { TCP_FLAG, readFastOpen } from "../../src/wire/index.ts";
import { MS, Pair } from "../mptcp/pair.ts";
import type { App, PairOptions, Sent } from "../mptcp/pair.ts";

const SYN = TCP_FLAG.SYN;
const isSyn = ({ segment }: Sent): boolean => (segment.flags & (SYN | TCP_FLAG.ACK)) === SYN;
const isSynAck = ({ segment }: Sent): boolean => (segment.flags & SYN) !== 0 && (segment.flags & TCP_FLAG.ACK) !== 0;
const cookieOf = ({ segment }: Sent): number | null => readFastOpen(segment)?.cookie.length ?? null;

/** A pair whose listener takes Fast Open, in plain TCP or in Multipath TCP. */
function pairOf(multipath: boolean, options: PairOptions = {}, listen: ListenOptions = {}): Pair {
  return new Pair({ ...options, listen: { multipath, fastOpen: true, ...listen } });
}

/** Opens a connection, and writes at once. */
function open(pair: Pair, multipath: boolean, bytes: number, options: ConnectOptions = {}): { client: App; from: number } {
  const from = pair.sent.length;
  const client = pair.connect({ multipath, fastOpen: true, ...options });
  if (bytes > 0) client.write(bytes);
  return { client, from };
}

/** Has the client get its cookie, by a connection that ends. */
function warm(pair: Pair, multipath: boolean): void {
  const { client } = open(pair, multipath, 10);
  pair.run(300);
  client.end();
  pair.accepted.at(-1)?.end();
  pair.run(2000);
}

const server = (pair: Pair): App => pair.accepted.at(-1) as App;

describe.each([["TCP", false], ["Multipath TCP", true]] as const)("Fast Open over %s", (_name, multipath) => {
  it("is off unless both ends ask for it", () => {
    for (const [connect, listen] of [[false, true], [true, false], [false, false]] as const) {
      const pair = pairOf(multipath, {}, { fastOpen: listen });
      for (let i = 0; i < 2; i++) {
        open(pair, multipath, 100, { fastOpen: connect });
        pair.run(500);
      }
      expect(server(pair).received).toBe(100);
      expect(pair.packets((sent) => isSyn(sent) && sent.segment.payload.length > 0)).toEqual([]);
      expect(pair.packets((sent) => isSynAck(sent) && cookieOf(sent) !== null)).toEqual([]);
      if (!connect) expect(pair.packets((sent) => cookieOf(sent) !== null)).toEqual([]);
    }
  });

  it("asks for a cookie on the first SYN, without data, and gets one of 8 octets", () => {
    const pair = pairOf(multipath);
    const { client } = open(pair, multipath, 100);
    pair.run(500);
    const [syn] = pair.packets(isSyn) as [Sent];
    const [synAck] = pair.packets(isSynAck) as [Sent];
    expect([cookieOf(syn), syn.segment.payload.length, cookieOf(synAck)]).toEqual([0, 0, 8]);
    expect([server(pair).received, server(pair).corrupt, client.connection.multipath]).toEqual([100, false, multipath]);
    expect(client.connection.tcpInfo(1, pair.now)).toMatchObject({ synDataAcknowledged: 0, fastOpenFailure: "no_cookie" });
    expect(pair.hosts.server.counters.value("TcpExtTCPFastOpenCookieReqd")).toBe(1);
  });

  it("sends data with the SYN, which is there half a round trip later, and goes on from there", () => {
    const pair = pairOf(multipath);
    warm(pair, multipath);
    const began = pair.now;
    const { client, from } = open(pair, multipath, 1000);
    expect(pair.runUntil(() => pair.accepted.length === 2 && server(pair).received === 1000, 1000)).toBe(true);
    expect(pair.now - began).toBe(10 * MS);
    const [syn] = pair.packets(isSyn, from) as [Sent];
    expect([cookieOf(syn), syn.segment.payload.length]).toEqual([8, 1000]);
    client.write(50_000);
    server(pair).write(30_000);
    pair.run(2000);
    expect([server(pair).received, server(pair).corrupt, client.received, client.corrupt]).toEqual([51_000, false, 30_000, false]);
    expect([client.connection.multipath, server(pair).connection.multipath]).toEqual([multipath, multipath]);
    for (const end of [client, server(pair)]) expect(end.connection.tcpInfo(1, pair.now)?.synDataAcknowledged).toBe(1000);
    expect(pair.hosts.client.counters.value("TcpExtTCPFastOpenActive")).toBe(1);
    expect(pair.hosts.server.counters.value("TcpExtTCPFastOpenPassive")).toBe(1);
    expect(pair.decisions("client", "fast_open").at(-1)).toMatchObject({ role: "client", sent: 1000, acknowledged: 1000 });
    expect(pair.decisions("server", "fast_open").at(-1)).toMatchObject({ role: "server", sent: 1000, acknowledged: 1000 });
    client.end();
    server(pair).end();
    pair.run(3000);
    expect([client.connection.closed, client.connection.error, server(pair).connection.error]).toEqual([true, null, null]);
  });

  it("has no more on the SYN than the server's MSS takes, and the rest behind it", () => {
    const pair = pairOf(multipath, {}, { tcp: { maxSegmentSize: 1000 } });
    warm(pair, multipath);
    const { from } = open(pair, multipath, 20_000);
    pair.run(1000);
    expect((pair.packets(isSyn, from)[0] as Sent).segment.payload.length).toBe(960);
    expect([server(pair).received, server(pair).corrupt]).toEqual([20_000, false]);
  });

  it("sends at once again what the SYN+ACK does not acknowledge, and remembers a new cookie", () => {
    const pair = pairOf(multipath);
    warm(pair, multipath);
    pair.hosts.server.setFastOpenKeys([new Uint8Array(16).fill(7)]);
    const began = pair.now;
    const { client, from } = open(pair, multipath, 1000);
    pair.runUntil(() => pair.accepted.length === 2 && server(pair).received === 1000, 1000);
    // As without Fast Open: the data comes one and a half round trips after the SYN left.
    expect(pair.now - began).toBe(30 * MS);
    expect(pair.packets((sent) => sent.from === "client", from).map(({ segment }) => segment.payload.length).slice(0, 2)).toContain(1000);
    pair.run(500);
    expect([server(pair).received, server(pair).corrupt]).toEqual([1000, false]);
    expect(client.connection.tcpInfo(1, pair.now)).toMatchObject({ synDataAcknowledged: 0, fastOpenFailure: "not_acknowledged" });
    expect(pair.hosts.server.counters.value("TcpExtTCPFastOpenPassiveFail")).toBe(1);
    expect(pair.hosts.client.counters.value("TcpExtTCPFastOpenActiveFail")).toBe(1);
    open(pair, multipath, 500);
    pair.run(10);
    expect(server(pair).received).toBe(500);
  });

  it("sends the rest at once where a part is acknowledged", () => {
    const pair = pairOf(multipath);
    warm(pair, multipath);
    // Somebody on the path shortens the SYN.
    pair.alter((segment, sent) => {
      if (isSyn(sent)) segment.payload = segment.payload.slice(0, 400);
    });
    const { client } = open(pair, multipath, 1000);
    pair.run(30);
    expect([server(pair).received, server(pair).corrupt]).toEqual([1000, false]);
    expect(client.connection.tcpInfo(1, pair.now)).toMatchObject({ synDataAcknowledged: 400, fastOpenFailure: "not_acknowledged" });
    client.write(10_000);
    server(pair).write(10_000);
    pair.run(1000);
    expect([server(pair).received, server(pair).corrupt, client.received, client.corrupt, client.connection.multipath]).toEqual([11_000, false, 10_000, false, multipath]);
  });

  it("costs nothing where the option is stripped", () => {
    const pair = pairOf(multipath);
    warm(pair, multipath);
    pair.alter((segment) => {
      segment.otherOptions = [];
    });
    const began = pair.now;
    open(pair, multipath, 1000);
    pair.runUntil(() => pair.accepted.length === 2 && server(pair).received === 1000, 1000);
    expect(pair.now - began).toBe(30 * MS);
    expect(server(pair).corrupt).toBe(false);
  });

  it("repeats a SYN that gets no answer without option and data, and does without on that path for a while", () => {
    const pair = pairOf(multipath);
    warm(pair, multipath);
    const heal = pair.lose((sent) => isSyn(sent) && cookieOf(sent) !== null);
    for (const [after, tries] of [[0, true], [1000, false], [61_000, true], [100_000, false], [25_000, true]] as const) {
      pair.run(after);
      const { client, from } = open(pair, multipath, 1000);
      pair.run(5000);
      const syns = pair.packets(isSyn, from);
      expect([cookieOf(syns[0] as Sent) !== null, (syns[0] as Sent).segment.payload.length]).toEqual([tries, tries ? 1000 : 0]);
      if (tries) expect([cookieOf(syns[1] as Sent), (syns[1] as Sent).segment.payload.length]).toEqual([null, 0]);
      expect([server(pair).received, server(pair).corrupt, client.connection.multipath]).toEqual([1000, false, multipath]);
    }
    heal();
    expect(pair.hosts.client.counters.value(LIMITS.fastOpenAvoidance.counter)).toBe(3);
    expect(pair.hosts.client.counters.value("TcpExtTCPFastOpenActiveFail")).toBe(3);
    pair.run(4 * 61_000);
    const { from } = open(pair, multipath, 1000);
    pair.run(10);
    expect(server(pair).received).toBe(1000);
    expect(pair.packets(isSyn, from).length).toBe(1);
  });

  it("takes the SYN's data once where the SYN+ACK is lost", () => {
    const pair = pairOf(multipath);
    warm(pair, multipath);
    pair.lose(isSynAck, 1);
    const { client, from } = open(pair, multipath, 1000);
    pair.run(5000);
    client.write(1000);
    pair.run(500);
    expect([server(pair).received, server(pair).corrupt, pair.accepted.length]).toEqual([2000, false, 2]);
    // The answer to the repeated SYN acknowledges the data, and has no cookie.
    expect(new Set(pair.packets(isSynAck, from).map(cookieOf))).toEqual(new Set([null]));
    expect(client.connection.tcpInfo(1, pair.now)?.synDataAcknowledged).toBe(1000);
    expect(pair.hosts.client.counters.value(LIMITS.fastOpenAvoidance.counter)).toBe(0);
  });

  it("gives the data to the application before the third ACK, and ends with a reset before that", () => {
    const pair = pairOf(multipath);
    warm(pair, multipath);
    pair.lose((sent) => sent.from === "client" && !isSyn(sent));
    const { client } = open(pair, multipath, 1000);
    pair.run(100);
    expect([server(pair).received, server(pair).connection.closed, server(pair).connection.tcpInfo(1, pair.now)?.state]).toEqual([1000, false, "SYN-RECEIVED"]);
    pair.run(400_000);
    expect([server(pair).connection.closed, server(pair).connection.error]).toEqual([true, "ETIMEDOUT"]);
    client.abort();
    expect(pair.hosts.server.usage.connections).toBe(0);
  });

  it("waits with the SYN until something is written, where that is asked for and a cookie is there", () => {
    const pair = pairOf(multipath);
    const options = { multipath, fastOpen: { waits: true } };
    // Without a cookie there is nothing to wait for.
    const first = pair.connect(options);
    pair.run(100);
    expect(first.connected).toBe(true);
    const client = pair.connect(options);
    const from = pair.sent.length;
    pair.run(500);
    expect(pair.packets(isSyn, from)).toEqual([]);
    client.write(100);
    pair.run(10);
    expect(server(pair).received).toBe(100);
    // Nobody waits longer than is said.
    const patient = pair.connect({ multipath, fastOpen: { waits: 50 * MS } });
    const began = pair.sent.length;
    pair.run(49);
    expect(pair.packets(isSyn, began)).toEqual([]);
    pair.run(21);
    expect([patient.connected, pair.packets(isSyn, began).length, cookieOf(pair.packets(isSyn, began)[0] as Sent)]).toEqual([true, 1, 8]);
    // Whoever has nothing to say opens the connection by its end.
    const silent = pair.connect(options);
    silent.end();
    pair.run(500);
    expect([silent.connected, server(pair).received]).toEqual([true, 0]);
  });

  it("takes data from anybody where no cookie is wanted, and sends it without one where that is said", () => {
    const pair = pairOf(multipath, {}, { fastOpen: { cookies: "none" } });
    open(pair, multipath, 500, { fastOpen: { cookies: "none" } });
    pair.run(10);
    expect([server(pair).received, cookieOf(pair.sent[0] as Sent)]).toEqual([500, null]);
    pair.run(500);
    expect(server(pair).corrupt).toBe(false);
  });

  it("goes on after the connection was saved and restored, also while its SYN waits", () => {
    const pair = pairOf(multipath);
    for (const bytes of [0, 100]) {
      const { client } = open(pair, multipath, 100);
      pair.run(500);
      for (const [side, app] of [["client", client], ["server", server(pair)]] as const) {
        const host = pair.hosts[side];
        const saved = JSON.parse(JSON.stringify(app.connection.snapshot(pair.now))) as ReturnType<typeof app.connection.snapshot>;
        host.release(app.connection);
        expect(host.restore(saved, {}, pair.now).tcpInfo(1, pair.now)?.synDataAcknowledged).toBe(bytes);
      }
    }
    const { client } = pair.hosts;
    const { connection } = pair.connect({ multipath, fastOpen: { waits: true } });
    const saved = connection.snapshot(pair.now);
    client.release(connection);
    expect(client.awaitsData(client.restore(saved, {}, pair.now))).toBe(true);
  });

  it("gives no cookie by SYN cookies, and takes no data", () => {
    const pair = pairOf(multipath, { server: { synCookies: "always" } });
    for (let i = 0; i < 2; i++) {
      open(pair, multipath, 1000);
      pair.run(1000);
      expect([server(pair).received, server(pair).corrupt]).toEqual([1000, false]);
    }
    expect(pair.packets((sent) => isSynAck(sent) && cookieOf(sent) !== null)).toEqual([]);
  });
});

describe("Fast Open", () => {
  it("over TCP answers before the third ACK, and keeps its FIN until it", () => {
    const pair = pairOf(false);
    warm(pair, false);
    pair.lose((sent) => sent.from === "client" && !isSyn(sent), 1);
    const began = pair.now;
    const { client } = open(pair, false, 100);
    pair.run(10);
    server(pair).write(5000);
    server(pair).end();
    expect(pair.runUntil(() => client.received === 5000, 1000)).toBe(true);
    expect(pair.now - began).toBe(20 * MS);
    client.end();
    pair.run(5000);
    expect([client.corrupt, client.connection.error, server(pair).connection.error, server(pair).connection.closed]).toEqual([false, null, null, true]);
  });

  it("sends what was lost ahead of the third ACK again", () => {
    const pair = pairOf(false);
    warm(pair, false);
    pair.lose((sent) => sent.from === "server" && sent.segment.payload.length > 0, 2);
    const { client } = open(pair, false, 100);
    pair.run(10);
    server(pair).write(10_000);
    pair.run(5000);
    expect([client.received, client.corrupt]).toEqual([10_000, false]);
  });

  it("falls back to TCP with its data where MP_CAPABLE is stripped, on whichever segment", () => {
    for (const which of [isSyn, isSynAck, (sent: Sent) => !isSyn(sent) && sent.from === "client", () => true]) {
      const pair = pairOf(true);
      warm(pair, true);
      pair.alter((segment, sent) => {
        if (which(sent)) segment.mptcp = [];
      });
      const { client } = open(pair, true, 1000);
      client.write(20_000);
      pair.run(15);
      expect(server(pair).received).toBe(1000 + 420);
      server(pair).write(20_000);
      pair.run(5000);
      expect([server(pair).received, server(pair).corrupt, client.received, client.corrupt, client.connection.multipath]).toEqual([21_000, false, 20_000, false, false]);
    }
  });

  it("counts mappings and checksums from behind the SYN's data, joins included", () => {
    const pair = pairOf(true, { clientAddresses: 2, client: { mptcp: { checksum: true } } });
    warm(pair, true);
    const { client, from } = open(pair, true, 1000);
    client.write(100_000);
    pair.run(15);
    server(pair).write(100_000);
    pair.run(3000);
    expect([server(pair).received, server(pair).corrupt, client.received, client.corrupt]).toEqual([101_000, false, 100_000, false]);
    expect([client.established, client.connection.multipath]).toEqual([[1, 2], true]);
    expect((pair.packets(isSyn, from)[0] as Sent).segment.payload.length).toBe(1420);
    expect(pair.counter("server", "DataCsumErr")).toBe(0);
  });

  it("leaves timestamps out where a SYN+ACK has MP_CAPABLE and a cookie (RFC 8684 §B.1)", () => {
    for (const profile of ["own", "linux"] as const) {
      const pair = pairOf(true, { client: { profile }, server: { profile } });
      open(pair, true, 100);
      pair.run(500);
      const synAcks = pair.packets(isSynAck).map(({ segment }) => [segment.hasTimestamps, segment.mptcp.length, readFastOpen(segment)?.cookie.length]);
      expect(synAcks).toEqual([[false, 1, 8]]);
      open(pair, true, 100);
      pair.run(500);
      expect((pair.packets(isSynAck)[1] as Sent).segment.hasTimestamps).toBe(true);
    }
  });

  it("takes cookies of the key before, gives a new one, and no longer takes those of keys before that", () => {
    const keys = [1, 2, 3].map((octet) => new Uint8Array(16).fill(octet)) as [Uint8Array, Uint8Array, Uint8Array];
    const pair = pairOf(false);
    pair.hosts.server.setFastOpenKeys([keys[0]]);
    warm(pair, false);
    pair.hosts.server.setFastOpenKeys([keys[1], keys[0]]);
    const { from } = open(pair, false, 100);
    pair.run(10);
    expect(server(pair).received).toBe(100);
    pair.run(500);
    expect(pair.packets(isSynAck, from).map(cookieOf)).toEqual([8]);
    expect(pair.hosts.server.counters.value("TcpExtTCPFastOpenPassiveAltKey")).toBe(1);
    pair.hosts.server.setFastOpenKeys([keys[2], keys[1]]);
    open(pair, false, 100);
    pair.run(10);
    expect(server(pair).received).toBe(100);
    expect(() => pair.hosts.server.setFastOpenKeys([new Uint8Array(8)])).toThrow("16 octets");
  });

  it("changes the keys that it draws every six hours, and takes the cookies of the one before for as long", () => {
    const hour = 3_600_000;
    const pair = pairOf(false);
    warm(pair, false);
    for (const [hours, isTaken] of [[7, true], [7, true], [13, false]] as const) {
      pair.run(hours * hour);
      open(pair, false, 100);
      const before = pair.accepted.length;
      pair.run(10);
      expect(pair.accepted.length > before).toBe(isTaken);
      pair.run(500);
      pair.accepted.at(-1)?.abort();
      pair.run(500);
    }
  });

  it("takes no cookie of another address", () => {
    const pair = pairOf(false, { clientAddresses: 2 });
    warm(pair, false);
    const from = pair.sent.length;
    const client = pair.connect({ multipath: false, fastOpen: true, from: 1 });
    client.write(100);
    pair.run(500);
    expect(cookieOf(pair.packets(isSyn, from)[0] as Sent)).toBe(0);
  });
});
