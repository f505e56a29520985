import { describe, expect, it } from "vitest";
import { MILLISECOND, SECOND } from "../../../src/core/index.ts";
import type { ConnectionSnapshot } from "../../../src/core/index.ts";
import type { MptcpConnection } from "../../../src/mptcp/index.ts";
import { BulkSender, DIRECTION, multiPath, Simulation, Sink } from "../../../src/sim/index.ts";
import type { AccessPath } from "../../../src/sim/index.ts";
import { cubic, dctcp, infoOfTcp, newReno, TcpSocket } from "../../../src/tcp/index.ts";
import type { AccurateEcnInfo, StreamConnection, TcpConfig, TcpInfo } from "../../../src/tcp/index.ts";
import { packetLength, TCP_OPTION } from "../../../src/wire/index.ts";
import type { Packet } from "../../../src/wire/index.ts";
import { Marker } from "./marker.ts";

interface Run {
  readonly seed?: number;
  readonly bytes?: number;
  readonly share?: number;
  readonly change?: Marker["change"];
  readonly paths?: number;
  readonly family?: 4 | 6;
  readonly multipath?: boolean;
  readonly tcp?: Partial<TcpConfig>;
  readonly serverTcp?: Partial<TcpConfig>;
  readonly link?: Partial<AccessPath>;
  readonly limit?: number;
  readonly cookies?: boolean;
  /** The client's connection is saved and restored on the way. */
  readonly moves?: boolean;
}

interface Ends {
  readonly client: readonly TcpInfo[];
  readonly server: readonly TcpInfo[];
  readonly marked: number;
  readonly complete: boolean;
  readonly fallback: unknown;
}

/** A client sends over paths that mark; what both ends know when all has been acknowledged. */
function run({ seed = 1, bytes = 5_000_000, share = 0.3, change, paths = 1, family = 4, multipath = false, tcp = {}, serverTcp = tcp, link = {}, limit = 120, cookies = false, moves = false }: Run): Ends {
  const simulation = new Simulation({ seed });
  const markers: Marker[] = [];
  const path = (): AccessPath => ({
    rate: 50e6, delay: 5 * MILLISECOND, queue: { packets: 200 }, family, ...link,
    middleboxes: [(name, environment) => {
      const marker = new Marker(name, environment, share, change);
      markers.push(marker);
      return marker;
    }],
  });
  const settings = (own: Partial<TcpConfig>): object => ({ tcp: { ecn: "accurate", ...own } });
  const { client, server, serverAddresses } = multiPath(simulation, { paths: Array.from({ length: paths }, path), client: settings(tcp), server: { ...settings(serverTcp), ...(cookies ? { synCookies: "always" } : {}) } });
  const sink = new Sink();
  server.listen(80, () => sink, { multipath });
  const sender = new BulkSender({ bytes, end: false });
  let connection: unknown = client.connect(serverAddresses[0]![0]!, 80, sender, { multipath });
  if (moves) {
    simulation.runUntil(() => sink.bytesRead > bytes / 2, limit * SECOND);
    const snapshot = JSON.parse(JSON.stringify((connection as StreamConnection).snapshot(simulation.now))) as ConnectionSnapshot;
    client.release(connection as StreamConnection);
    connection = client.restore(snapshot, sender);
  }
  simulation.runUntil(() => sink.bytesRead === bytes, limit * SECOND);
  // The last acknowledgments arrive.
  simulation.run(simulation.now + 100 * MILLISECOND);
  const infos = (one: unknown): TcpInfo[] => (one instanceof TcpSocket ? [one.tcp] : (one as MptcpConnection).subflows.map(({ tcp: subflow }) => subflow)).map((each) => infoOfTcp(each, simulation.now));
  return {
    client: infos(connection), server: infos(server.host.streams()[0]), complete: sink.bytesRead === bytes,
    marked: markers.reduce((sum, { marked }) => sum + marked, 0), fallback: connection instanceof TcpSocket ? null : (connection as MptcpConnection).fallback,
  };
}

/** What the client says was delivered, and the server received, on all of their paths. */
function both({ client, server }: Ends): [AccurateEcnInfo["delivered"], AccurateEcnInfo["received"]][] {
  const byPort = (info: TcpInfo, isClient: boolean): string => (isClient ? `${info.tuple.localAddress}:${info.tuple.localPort}` : `${info.tuple.remoteAddress}:${info.tuple.remotePort}`);
  return client.map((one) => {
    const other = server.find((info) => byPort(info, false) === byPort(one, true));
    return [one.accurateEcn!.delivered, other!.accurateEcn!.received];
  });
}

const isCounters = ({ kind }: { readonly kind: number }): boolean => kind === TCP_OPTION.accurateEcn0 || kind === TCP_OPTION.accurateEcn1;

/** Takes the option off, as a firewall does. */
function strip(packet: Packet): void {
  if (packet.tcp === null || !packet.tcp.otherOptions.some(isCounters)) return;
  packet.tcp.otherOptions = packet.tcp.otherOptions.filter((option) => !isCounters(option));
  packet.length = packetLength(packet);
}

/** A hundred megabytes are some 70,000 segments. */
const MANY = 50_000_000;

describe("accurate ECN's counters agree at both ends", () => {
  for (const family of [4, 6] as const) {
    it(`over 10,000 marks, by IPv${family}`, () => {
      const ends = run({ bytes: MANY, family, limit: 1200 });
      const [[delivered, received]] = both(ends) as [[AccurateEcnInfo["delivered"], AccurateEcnInfo["received"]]];
      expect(ends.complete).toBe(true);
      expect(received.packets).toBeGreaterThan(10_000);
      expect(received.packets).toBe(ends.marked);
      expect(delivered).toEqual(received);
      expect(delivered.ce + delivered.ect0).toBe(MANY);
    });

    it(`over 10,000 marks without an option, by IPv${family}`, () => {
      const ends = run({ bytes: MANY, family, limit: 1200, change: (packet) => (strip(packet), true) });
      const [[delivered, received]] = both(ends) as [[AccurateEcnInfo["delivered"], AccurateEcnInfo["received"]]];
      expect(ends.complete).toBe(true);
      expect(received.packets).toBeGreaterThan(10_000);
      expect(delivered.packets).toBe(received.packets);
      expect(ends.client[0]!.accurateEcn!.options).toBe("absent");
      // Octets are worked out from packets: the last segment is the only one that is not full.
      expect(Math.abs(delivered.ce - received.ce)).toBeLessThan(0.001 * received.ce);
    });
  }

  it("over 10,000 marks while the option is stripped for some of the time, and whatever is lost", () => {
    for (const seed of [1, 2, 3]) {
      let packets = 0;
      const ends = run({ seed, bytes: MANY, limit: 600, change: (packet, _direction, random) => {
        if (Math.floor(packets++ / 5000) % 2 === 1) strip(packet);
        return random() >= 0.002;
      } });
      const [[delivered, received]] = both(ends) as [[AccurateEcnInfo["delivered"], AccurateEcnInfo["received"]]];
      expect(ends.complete).toBe(true);
      expect(received.packets).toBeGreaterThan(10_000);
      expect([seed, delivered.packets]).toEqual([seed, received.packets]);
      expect(ends.client[0]!.accurateEcn!.failure).toBe("none");
      // The last option says all.
      if (ends.client[0]!.accurateEcn!.options === "seen" && Math.floor(packets / 5000) % 2 === 0) expect([seed, delivered.ce]).toEqual([seed, received.ce]);
    }
  });

  it("with each controller, and ACKs lost by the tenth", () => {
    for (const congestion of [newReno, cubic, dctcp]) {
      const ends = run({ bytes: 20_000_000, share: 0.05, tcp: { congestion }, limit: 600, change: (_packet, direction, random) => direction === DIRECTION.outward || random() >= 0.1 });
      const [[delivered, received]] = both(ends) as [[AccurateEcnInfo["delivered"], AccurateEcnInfo["received"]]];
      expect(received.packets).toBeGreaterThan(300);
      expect([congestion.name, delivered]).toEqual([congestion.name, received]);
    }
  });

  it("on every subflow of a Multipath TCP connection, which keeps its own options", () => {
    for (const family of [4, 6] as const) {
      const ends = run({ bytes: 20_000_000, multipath: true, paths: 2, family });
      expect([ends.complete, ends.fallback, ends.client.length]).toEqual([true, null, 2]);
      for (const [delivered, received] of both(ends)) {
        expect(received.packets).toBeGreaterThan(1000);
        expect(delivered).toEqual(received);
      }
    }
  });

  it("where SYN cookies answered, with Multipath TCP and without", () => {
    for (const multipath of [false, true]) {
      for (const family of [4, 6] as const) {
        const ends = run({ bytes: 2_000_000, multipath, family, cookies: true });
        expect([ends.complete, ends.fallback]).toEqual([true, null]);
        const [[delivered, received]] = both(ends) as [[AccurateEcnInfo["delivered"], AccurateEcnInfo["received"]]];
        expect(received.packets).toBeGreaterThan(300);
        expect(delivered).toEqual(received);
        const plain = run({ bytes: 200_000, multipath, family, cookies: true, tcp: { ecn: "on" }, serverTcp: { ecn: "accurate" } });
        expect([plain.complete, plain.client[0]!.ecn, plain.server[0]!.ecn]).toEqual([true, false, false]);
      }
    }
  });

  it("in a connection that is saved and restored", () => {
    for (const multipath of [false, true]) {
      const ends = run({ multipath, moves: true });
      expect([ends.complete, ends.fallback]).toEqual([true, null]);
      const [[delivered, received]] = both(ends) as [[AccurateEcnInfo["delivered"], AccurateEcnInfo["received"]]];
      expect(received.packets).toBeGreaterThan(500);
      expect(delivered).toEqual(received);
    }
  });

  it("with super-segments, which a link cuts", () => {
    const ends = run({ bytes: 20_000_000, link: { segmentation: true } });
    const [[delivered, received]] = both(ends) as [[AccurateEcnInfo["delivered"], AccurateEcnInfo["received"]]];
    expect(ends.complete).toBe(true);
    expect(received.packets).toBeGreaterThan(1.5 * ends.marked);
    expect(delivered).toEqual(received);
  });
});

describe("ECN of RFC 3168", () => {
  for (const family of [4, 6] as const) {
    it(`is agreed, marked and answered by IPv${family}, and on each subflow of Multipath TCP`, () => {
      for (const multipath of [false, true]) {
        const paths = multipath ? 2 : 1;
        const ends = run({ bytes: 5_000_000, share: 0.02, tcp: { ecn: "on" }, family, multipath, paths });
        expect([ends.complete, ends.fallback, ends.client.length]).toEqual([true, null, paths]);
        for (const info of ends.client) expect([info.ecn, info.markReductions > 5, info.bytesMarked > 0, info.retransmissions]).toEqual([true, true, true, 0]);
        for (const info of ends.server) expect([info.ecn, info.ecnSeen, info.accurateEcn]).toEqual([true, true, null]);
        expect(ends.server.reduce((sum, { marksReceived }) => sum + marksReceived, 0)).toBe(ends.marked);
      }
    });
  }
});

describe("what a path and a peer leave of accurate ECN", () => {
  it("RFC 3168 with a peer that knows no more, and nothing with one that knows none", () => {
    for (const [ecn, isSpoken] of [["accept", true], ["on", true], ["off", false]] as const) {
      const ends = run({ serverTcp: { ecn } });
      expect([ends.complete, ends.client[0]!.accurateEcn, ends.client[0]!.ecn, ends.server[0]!.ecn]).toEqual([true, null, isSpoken, isSpoken]);
      expect(ends.client[0]!.markReductions > 0).toBe(isSpoken);
    }
    const asked = run({ tcp: { ecn: "on" }, serverTcp: { ecn: "accurate" } });
    expect([asked.complete, asked.client[0]!.accurateEcn, asked.client[0]!.ecn]).toEqual([true, null, true]);
  });

  it("no marks where the path clears the ECN field or sets it, and all data all the same", () => {
    const cleared = run({ change: (packet) => ((packet.trafficClass &= ~3), true) });
    expect([cleared.complete, cleared.marked, cleared.client[0]!.accurateEcn!.failure]).toEqual([true, 0, "none"]);
    for (const codepoint of [1, 2, 3]) {
      const set = run({ bytes: 500_000, share: 0, change: (packet) => ((packet.trafficClass |= codepoint), true) });
      expect([set.complete, set.client[0]!.accurateEcn!.failure]).toEqual([true, "field_changed"]);
    }
  });

  it("a counter that is cleared is not believed, and all data arrives", () => {
    const ends = run({ change: (packet) => {
      if (packet.tcp !== null && (packet.tcp.flags & 2) === 0) packet.tcp.flags &= ~0x1c0;
      return true;
    } });
    expect([ends.complete, ends.server[0]!.accurateEcn!.failure]).toEqual([true, "counter_cleared"]);
  });

  it("a path that drops what asks for it, or what has the option", () => {
    const asking = run({ change: (packet) => packet.tcp === null || (packet.tcp.flags & 0x1c2) !== 0x1c2 });
    expect([asking.complete, asking.client[0]!.ecn]).toEqual([true, false]);
    const options = run({ bytes: 500_000, change: (packet) => packet.tcp === null || !packet.tcp.otherOptions.some(isCounters) });
    expect(options.complete).toBe(true);
    expect(options.server[0]!.accurateEcn!.sendsOptions).toBe(false);
  });
});
