import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodePacket,
  encodePacket,
  icmpErrorOf,
  icmpTimeExceeded,
  icmpTooBig,
  icmpUnreachable,
  IpAddress,
  Packet,
  packetLength,
  Payload,
  quotedPacket,
  TcpSegment,
} from "../../src/wire/index.ts";
import type { IcmpError } from "../../src/wire/index.ts";
import { tcpPacket } from "./arbitraries.ts";

const V4 = { source: "10.0.0.1", destination: "10.0.0.2", router: "10.0.0.254" };
const V6 = { source: "2001:db8::1", destination: "2001:db8::2", router: "2001:db8::fe" };

function segmentBetween(source: string, destination: string, payload = 100): Packet {
  const packet = new Packet(IpAddress.from(source), IpAddress.from(destination));
  packet.tcp = new TcpSegment();
  packet.tcp.sourcePort = 40_000;
  packet.tcp.destinationPort = 80;
  packet.tcp.sequence = 0xdeadbeef;
  packet.tcp.payload = Payload.virtual(payload);
  packet.length = packetLength(packet);
  return packet;
}

/** Sends a report over the wire and reads it at the other end. */
function received(report: Packet | null): { error: IcmpError; packet: Packet } {
  if (report === null) throw new Error("no report");
  const bytes = new Uint8Array(packetLength(report));
  expect(report.length).toBe(bytes.length);
  encodePacket(report, bytes, 0);
  const packet = decodePacket(bytes, 0, bytes.length);
  if (typeof packet === "string" || packet.icmp === null) throw new Error(`no message: ${String(packet)}`);
  const error = icmpErrorOf(packet.icmp, packet.source.family);
  if (error === null) throw new Error("no error");
  return { error, packet };
}

for (const [family, { source, destination, router }] of [["IPv4", V4], ["IPv6", V6]] as const) {
  describe(`ICMP errors about ${family}`, () => {
    const packet = segmentBetween(source, destination);
    const from = IpAddress.from(router);
    const isV4 = family === "IPv4";

    it("go from the router to the sender and quote ports and sequence number", () => {
      const { error, packet: report } = received(icmpTimeExceeded(packet, from));
      expect([report.source.toString(), report.destination.toString()]).toEqual([router, source]);
      expect(error.kind).toBe("time_exceeded");
      expect(error.quoted).toEqual({
        source: packet.source,
        destination: packet.destination,
        protocol: 6,
        length: packet.length,
        sourcePort: 40_000,
        destinationPort: 80,
        sequence: 0xdeadbeef,
      });
    });

    it("tell the MTU of the next hop", () => {
      const { error, packet: report } = received(icmpTooBig(packet, from, 1400));
      expect([error.kind, error.mtu, error.hard]).toEqual(["too_big", 1400, false]);
      expect([report.icmp?.type, report.icmp?.code]).toEqual(isV4 ? [3, 4] : [2, 0]);
    });

    it("say what was not reachable in the family's codes", () => {
      const codes = (["network", "host", "protocol", "port", "prohibited"] as const).map((cause) => {
        const { error, packet: report } = received(icmpUnreachable(packet, from, cause));
        return [report.icmp?.type, report.icmp?.code, error.hard];
      });
      expect(codes).toEqual(
        isV4
          ? [[3, 0, false], [3, 1, false], [3, 2, true], [3, 3, true], [3, 13, false]]
          : [[1, 0, false], [1, 3, false], [4, 1, false], [1, 4, true], [1, 1, false]],
      );
    });

    it("stay within 576 or 1280 octets however long the packet", () => {
      const report = icmpTimeExceeded(segmentBetween(source, destination, 60_000), from);
      expect(report?.length).toBe(isV4 ? 576 : 1280);
      expect(received(report).error.quoted.length).toBe(60_000 + (isV4 ? 40 : 60));
    });

    it("are never about an error, or about a packet from nobody", () => {
      const error = icmpTimeExceeded(packet, from);
      expect(icmpTimeExceeded(error!, from)).toBeNull();
      const echo = new Packet(packet.source, packet.destination);
      echo.icmp = { type: isV4 ? 8 : 128, code: 0, word: 1, body: new Uint8Array(8) };
      expect(icmpTimeExceeded(echo, from)).not.toBeNull();
      expect(icmpTimeExceeded(segmentBetween(isV4 ? "0.0.0.0" : "::", destination), from)).toBeNull();
      expect(icmpTimeExceeded(segmentBetween(isV4 ? "224.0.0.1" : "ff02::1", destination), from)).toBeNull();
    });

    it("are not about a packet to a group, except that it was too big for IPv6 (RFC 4443 §2.4)", () => {
      const group = segmentBetween(source, isV4 ? "224.0.0.1" : "ff02::1");
      expect(icmpUnreachable(group, from, "port")).toBeNull();
      expect(icmpTooBig(group, from, 1280) === null).toBe(isV4);
    });
  });
}

describe("reading quotes", () => {
  it("needs the IP header and 8 octets, and never throws", () => {
    fc.assert(
      fc.property(tcpPacket, fc.nat(300), (packet, cut) => {
        const bytes = new Uint8Array(packetLength(packet));
        encodePacket(packet, bytes, 0);
        const body = bytes.subarray(0, cut);
        const header = packet.source.family === 4 ? 20 : 40;
        const quoted = quotedPacket(body);
        if (body.length < header + 8) expect(quoted).toBeNull();
        else expect([quoted?.sourcePort, quoted?.sequence]).toEqual([packet.tcp?.sourcePort, packet.tcp?.sequence]);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it("never throws on random octets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(4 as const, 6 as const), (body, family) => {
        for (let type = 0; type < 16; type++) icmpErrorOf({ type, code: 0, word: 0, body }, family);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });

  it("refuses a quote of the other family and what is no error", () => {
    const report = icmpTimeExceeded(segmentBetween(V4.source, V4.destination), IpAddress.from(V4.router));
    const body = report!.icmp!.body;
    expect(icmpErrorOf({ type: 3, code: 0, word: 0, body }, 6)).toBeNull();
    expect(icmpErrorOf({ type: 0, code: 0, word: 0, body }, 4)).toBeNull();
  });
});
