import { describe, expect, it } from "vitest";
import { SECOND, SeededRandom } from "../../src/core/index.ts";
import { Nat } from "../../src/sim/index.ts";
import type { Egress, NatOptions } from "../../src/sim/index.ts";
import {
  decodePacket, encodePacket, icmpErrorOf, icmpTooBig, icmpUnreachable, IpAddress, ipv4HeaderSum, Packet, packetLength, TCP_FLAG,
} from "../../src/wire/index.ts";
import { tcpPacket } from "./support.ts";

const CLIENT = IpAddress.from("192.168.0.2");
const OTHER = IpAddress.from("192.168.0.3");
const EXTERNAL = IpAddress.from("203.0.113.5");
const SERVER = IpAddress.from("198.51.100.1");
const { SYN, ACK, FIN, RST } = TCP_FLAG;

class Bench {
  readonly nat: Nat;
  readonly out: Packet[] = [];
  readonly in: Packet[] = [];

  constructor(options: Partial<NatOptions> = {}) {
    this.nat = new Nat("nat", { external: EXTERNAL, ...options }, new SeededRandom(4));
    for (const side of [this.in, this.out]) {
      const egress: Egress = { name: "", mtu: 1500, maxPacket: 1500, send: (packet) => void side.push(packet), roomAt: (_, now) => now, listener: null };
      this.nat.attach(egress);
    }
  }

  /** Sends from inside; gives the packet that came out, or null. */
  outbound(flags: number, now = 0, source = CLIENT, sourcePort = 5000, destination = SERVER, destinationPort = 80): Packet | null {
    return this.through(0, this.out, make(flags, source, sourcePort, destination, destinationPort), now);
  }

  inbound(flags: number, now = 0, destinationPort = 5000, source = SERVER, sourcePort = 80): Packet | null {
    return this.through(1, this.in, make(flags, source, sourcePort, EXTERNAL, destinationPort), now);
  }

  through(port: number, side: Packet[], packet: Packet, now: number): Packet | null {
    const before = side.length;
    this.nat.receive(packet, port, now);
    return side.length === before ? null : (side.at(-1) ?? null);
  }
}

function make(flags: number, source: IpAddress, sourcePort: number, destination: IpAddress, destinationPort: number): Packet {
  const packet = tcpPacket(40, 0, source, destination);
  if (packet.tcp !== null) Object.assign(packet.tcp, { flags, sourcePort, destinationPort });
  return packet;
}

function tuple(packet: Packet | null): string {
  return packet === null ? "dropped" : `${packet.source}:${packet.tcp?.sourcePort} > ${packet.destination}:${packet.tcp?.destinationPort}`;
}

describe("a NAT", () => {
  it("translates both ways and preserves the port", () => {
    const bench = new Bench();
    expect(tuple(bench.outbound(SYN))).toBe("203.0.113.5:5000 > 198.51.100.1:80");
    expect(tuple(bench.inbound(SYN | ACK))).toBe("198.51.100.1:80 > 192.168.0.2:5000");
  });

  it("gives another port when the wanted one is taken, and keeps the two apart", () => {
    const bench = new Bench();
    bench.outbound(SYN);
    const second = bench.outbound(SYN, 0, OTHER);
    const port = second?.tcp?.sourcePort ?? 0;
    expect(port).not.toBe(5000);
    expect(port).toBeGreaterThanOrEqual(1024);
    expect(tuple(bench.inbound(SYN | ACK, 0, port))).toBe("198.51.100.1:80 > 192.168.0.3:5000");
    expect(tuple(bench.inbound(SYN | ACK, 0, 5000))).toBe("198.51.100.1:80 > 192.168.0.2:5000");
  });

  it("maps an endpoint the same for all destinations", () => {
    const bench = new Bench();
    bench.outbound(SYN, 0, OTHER);
    const first = bench.outbound(SYN);
    const second = bench.outbound(SYN, 0, CLIENT, 5000, IpAddress.from("198.51.100.99"), 443);
    expect(second?.tcp?.sourcePort).toBe(first?.tcp?.sourcePort);
    expect(bench.nat.mappings).toBe(2);
  });

  it("drops what nobody inside asked for", () => {
    const bench = new Bench();
    expect(tuple(bench.inbound(SYN))).toBe("dropped");
    bench.outbound(SYN);
    expect(tuple(bench.inbound(SYN, 0, 5001))).toBe("dropped");
    expect(bench.nat.dropped).toBe(2);
  });

  it("filters by endpoint when told to, and not otherwise", () => {
    const stranger = IpAddress.from("198.51.100.77");
    const open = new Bench();
    open.outbound(SYN);
    expect(tuple(open.inbound(SYN, 0, 5000, stranger))).toBe("198.51.100.77:80 > 192.168.0.2:5000");
    const closed = new Bench({ filtering: "address-and-port-dependent" });
    closed.outbound(SYN);
    expect(tuple(closed.inbound(SYN, 0, 5000, stranger))).toBe("dropped");
    expect(tuple(closed.inbound(SYN, 0, 5000, SERVER, 81))).toBe("dropped");
    expect(tuple(closed.inbound(SYN | ACK))).toBe("198.51.100.1:80 > 192.168.0.2:5000");
  });

  it("forgets a handshake that nobody answered after the short time, and an established connection after the long one", () => {
    const bench = new Bench({ transitoryTimeout: 10 * SECOND, establishedTimeout: 100 * SECOND });
    bench.outbound(SYN);
    expect(tuple(bench.inbound(SYN | ACK, 10 * SECOND))).toBe("dropped");
    bench.outbound(SYN, 20 * SECOND);
    bench.inbound(SYN | ACK, 21 * SECOND);
    bench.outbound(ACK, 22 * SECOND);
    expect(tuple(bench.inbound(ACK, 121 * SECOND))).not.toBe("dropped");
    // Traffic kept it alive until 221 s.
    expect(tuple(bench.inbound(ACK, 220.9 * SECOND))).not.toBe("dropped");
    expect(tuple(bench.inbound(ACK, 321 * SECOND))).toBe("dropped");
  });

  it.each([
    ["both FINs", (bench: Bench) => void [bench.outbound(FIN | ACK, 3), bench.inbound(FIN | ACK, 4)]],
    ["a RST", (bench: Bench) => void bench.inbound(RST, 4)],
  ])("goes back to the short time after %s", (_name, close) => {
    const bench = new Bench({ transitoryTimeout: 10 * SECOND, establishedTimeout: 100 * SECOND });
    bench.outbound(SYN, 0);
    bench.inbound(SYN | ACK, 1);
    bench.outbound(ACK, 2);
    close(bench);
    expect(tuple(bench.inbound(ACK, 5 + 10 * SECOND))).toBe("dropped");
  });

  it("starts with the short time again when the inside reuses a mapping with a new SYN", () => {
    const bench = new Bench({ transitoryTimeout: 10 * SECOND, establishedTimeout: 100 * SECOND });
    bench.outbound(SYN, 0);
    bench.inbound(SYN | ACK, 1);
    bench.outbound(SYN, SECOND);
    expect(tuple(bench.inbound(ACK, 11 * SECOND))).toBe("dropped");
  });

  it("keeps the long time after one FIN: half closed is open", () => {
    const bench = new Bench({ transitoryTimeout: 10 * SECOND, establishedTimeout: 100 * SECOND });
    bench.outbound(SYN, 0);
    bench.inbound(SYN | ACK, 1);
    bench.outbound(FIN | ACK, 2);
    expect(tuple(bench.inbound(ACK, 50 * SECOND))).not.toBe("dropped");
  });

  it("opens a mapping in the middle of a connection only if told so", () => {
    expect(tuple(new Bench().outbound(ACK))).toBe("203.0.113.5:5000 > 198.51.100.1:80");
    expect(tuple(new Bench({ midstream: false }).outbound(ACK))).toBe("dropped");
  });

  it("holds so many mappings and no more, but reuses expired ones", () => {
    const bench = new Bench({ maxMappings: 3, transitoryTimeout: 10 * SECOND });
    for (let port = 1; port <= 3; port++) bench.outbound(SYN, 0, CLIENT, 2000 + port);
    expect(tuple(bench.outbound(SYN, SECOND, CLIENT, 3000))).toBe("dropped");
    expect(bench.nat.mappings).toBe(3);
    expect(tuple(bench.outbound(SYN, 11 * SECOND, CLIENT, 3000))).not.toBe("dropped");
    expect(bench.nat.mappings).toBe(1);
    bench.nat.restart();
    expect(bench.nat.mappings).toBe(0);
  });

  it("connects two hosts inside by the external address", () => {
    const bench = new Bench();
    bench.outbound(SYN, 0, OTHER, 6000);
    bench.nat.receive(make(SYN, CLIENT, 5000, EXTERNAL, 6000), 0, 0);
    expect(tuple(bench.in.at(-1) ?? null)).toBe("203.0.113.5:5000 > 192.168.0.3:6000");
  });

  it("lets IPv6 pass as it is", () => {
    const bench = new Bench();
    const packet = tcpPacket(60, 1, IpAddress.from("fd00::1"), IpAddress.from("fd00::2"));
    bench.nat.receive(packet, 0, 0);
    expect(bench.out).toEqual([packet]);
  });

  it("drops what it cannot translate", () => {
    const bench = new Bench();
    const echo = new Packet(CLIENT, SERVER);
    echo.icmp = { type: 8, code: 0, word: 1, body: new Uint8Array(8) };
    expect(bench.through(0, bench.out, echo, 0)).toBeNull();
  });
});

function quotedSource(packet: Packet | null): string {
  const quoted = packet?.icmp ? icmpErrorOf(packet.icmp, 4)?.quoted : undefined;
  return `${quoted?.source}:${quoted?.sourcePort}`;
}

describe("ICMP errors through a NAT", () => {
  it("are given the inside endpoint on the way in, with checksums that hold", () => {
    const bench = new Bench();
    bench.outbound(SYN, 0, OTHER);
    const sent = bench.outbound(SYN);
    if (sent === null) throw new Error("dropped");
    const error = icmpTooBig(sent, IpAddress.from("198.51.100.254"), 1280);
    if (error === null) throw new Error("no error");
    const before = new Uint8Array(error.icmp?.body ?? []);
    const shared = error.icmp?.body;
    const got = bench.through(1, bench.in, error, 1);
    expect(got?.destination).toBe(CLIENT);
    expect(got?.icmp && icmpErrorOf(got.icmp, 4)).toMatchObject({ kind: "too_big", mtu: 1280 });
    expect(quotedSource(got)).toBe("192.168.0.2:5000");
    // What was quoted is not changed in place: others may hold it.
    expect(shared).toEqual(before);
    const body = got?.icmp?.body ?? new Uint8Array();
    const original = decodePacket(body, 0, body.length);
    expect(original).toBeInstanceOf(Packet);
    expect(ipv4HeaderSum(body, 0, 20)).toBe(0xffff);
  });

  it("are given the external endpoint on the way out", () => {
    const bench = new Bench();
    bench.outbound(SYN, 0, OTHER);
    const mapped = bench.outbound(SYN)?.tcp?.sourcePort ?? 0;
    const arrived = bench.inbound(SYN | ACK, 0, mapped);
    if (arrived === null) throw new Error("dropped");
    const error = icmpUnreachable(arrived, CLIENT, "port");
    if (error === null) throw new Error("no error");
    const got = bench.through(0, bench.out, error, 1);
    expect(got?.source).toBe(EXTERNAL);
    const quoted = got?.icmp && icmpErrorOf(got.icmp, 4)?.quoted;
    expect(`${quoted?.destination}:${quoted?.destinationPort}`).toBe(`${EXTERNAL}:${mapped}`);
  });

  it("are dropped when they quote nothing that is mapped", () => {
    const bench = new Bench();
    const error = icmpTooBig(make(SYN, EXTERNAL, 5000, SERVER, 80), SERVER, 1280);
    if (error === null) throw new Error("no error");
    expect(bench.through(1, bench.in, error, 0)).toBeNull();
    expect(packetLength(error)).toBe(error.length);
    const bytes = new Uint8Array(error.length);
    encodePacket(error, bytes, 0);
    expect(bench.nat.dropped).toBe(1);
  });
});
