import * as fc from "fast-check";
import { checksumOf, encodePacket, ipv4HeaderSum, IpAddress, Packet, Payload, TcpSegment } from "mptcp/wire";
import { describe, expect, test } from "vitest";
import { CrossingPacket, crossingPacket, writeCrossing } from "../../src/emulator/crossing.ts";
import { complete, WHOLE } from "../../src/system/device.ts";
import type { Offload } from "../../src/system/device.ts";

const FROM = { 4: IpAddress.from("10.0.1.2"), 6: IpAddress.from("fd00::2") };
const TO = { 4: IpAddress.from("10.0.0.1"), 6: IpAddress.from("fd00::1") };

function segment(family: 4 | 6, payload: Uint8Array, change: (segment: TcpSegment) => void = () => {}): Packet {
  const packet = new Packet(FROM[family], TO[family]);
  packet.tcp = Object.assign(new TcpSegment(), { sourcePort: 4000, destinationPort: 80, sequence: 7, flags: 0x18, hasTimestamps: true, timestampValue: 9, payload: Payload.of(payload) });
  change(packet.tcp);
  return packet;
}

function octetsOf(packet: Packet, tcpChecksum: "full" | "partial" = "full"): Uint8Array {
  const octets = new Uint8Array(70_000);
  return octets.slice(0, encodePacket(packet, octets, 0, { tcpChecksum }));
}

function arrived(packet: Packet): { octets: Uint8Array; offload: Offload } {
  const octets = new Uint8Array(70_000);
  const { length, offload } = writeCrossing(packet, octets);
  return { octets: octets.slice(0, length), offload };
}

/** With an IPv4 option that the library does not read: a router alert (RFC 2113), and the reserved bit. */
function withIpOption(octets: Uint8Array): Uint8Array {
  const result = new Uint8Array(octets.length + 4);
  result.set(octets.subarray(0, 20));
  result.set([0x94, 4, 0, 0], 20);
  result.set(octets.subarray(20), 24);
  const view = new DataView(result.buffer);
  view.setUint8(0, 0x46);
  view.setUint16(2, result.length);
  view.setUint16(6, 0xc000);
  view.setUint16(10, 0);
  view.setUint16(10, checksumOf(ipv4HeaderSum(result, 0, 24)));
  return result;
}

describe("a packet that crosses a network", () => {
  test("arrives octet for octet where nothing was changed, whatever it is", () => {
    fc.assert(
      fc.property(fc.constantFrom(4 as const, 6 as const), fc.uint8Array({ maxLength: 200 }), fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 6 }), (family, payload, changes) => {
        const octets = octetsOf(segment(family, payload));
        for (const [at, value] of changes) if (at > 0) octets[at % octets.length] = value;
        const packet = crossingPacket({ octets, offload: WHOLE });
        if (packet === null) expect([4, 6]).not.toContain(octets[0]! >>> 4);
        else expect(arrived(packet).octets).toEqual(octets);
      }),
    );
  });

  test("keeps what the library does not read: options of IP, reserved bits, fragments, other protocols", () => {
    const octets = withIpOption(octetsOf(segment(4, new Uint8Array(10))));
    const fragment = octetsOf(segment(4, new Uint8Array(64)));
    new DataView(fragment.buffer).setUint16(6, 0x2003);
    const udp = octetsOf(Object.assign(new Packet(FROM[6], TO[6]), { opaque: { protocol: 17, payload: Payload.of(new Uint8Array(30).fill(5)) } }));
    for (const came of [octets, fragment, udp]) expect(arrived(crossingPacket({ octets: came, offload: WHOLE })!).octets).toEqual(came);
    expect(crossingPacket({ octets: new Uint8Array(12), offload: WHOLE })).toBeNull();
    expect(crossingPacket({ octets: new Uint8Array(40).fill(0x10), offload: WHOLE })).toBeNull();
  });

  test("has its hop limit and its mark written in, and a right header checksum", () => {
    for (const family of [4, 6] as const) {
      const octets = family === 4 ? withIpOption(octetsOf(segment(4, new Uint8Array(10)))) : octetsOf(segment(6, new Uint8Array(10)));
      const packet = crossingPacket({ octets, offload: WHOLE })!;
      packet.hopLimit -= 1;
      packet.trafficClass = 0x03;
      const { octets: now } = arrived(packet);
      const again = crossingPacket({ octets: now, offload: WHOLE })!;
      expect([again.hopLimit, again.trafficClass, again.tcp?.payload.length]).toEqual([63, 3, 10]);
      if (family === 4) expect(ipv4HeaderSum(now, 0, 24)).toBe(0xffff);
      expect(now.length).toBe(octets.length);
      expect(Buffer.from(now.subarray(24)).equals(octets.subarray(24))).toBe(true);
    }
  });

  test("that a middlebox has changed is written anew, and its checksum is left to do", () => {
    for (const family of [4, 6] as const) {
      const packet = crossingPacket({ octets: octetsOf(segment(family, new Uint8Array([1, 2, 3]))), offload: WHOLE })!;
      packet.tcp!.sourcePort = 4001;
      const { octets, offload } = arrived(packet);
      expect(offload).toMatchObject({ checksumFrom: family === 4 ? 20 : 40, checksumOffset: 16, kind: 0 });
      complete(octets, offload);
      expect(octets).toEqual(octetsOf(segment(family, new Uint8Array([1, 2, 3]), (one) => (one.sourcePort = 4001))));
      const other = crossingPacket({ octets: octetsOf(segment(family, new Uint8Array([1, 2, 3]))), offload: WHOLE })!;
      other.source = TO[family];
      expect(other.isAsItCame).toBe(false);
    }
  });

  test("is copied with its octets, and the copy is changed for itself", () => {
    const octets = octetsOf(segment(4, new Uint8Array(5)));
    const packet = crossingPacket({ octets, offload: WHOLE })!;
    const copy = packet.clone();
    copy.tcp!.window = 1;
    expect(copy).toBeInstanceOf(CrossingPacket);
    expect([packet.isAsItCame, copy.isAsItCame]).toEqual([true, false]);
    expect(arrived(packet).octets).toEqual(octets);
  });

  test("as a super-segment keeps what is left to do, and tells it anew when it was changed", () => {
    for (const family of [4, 6] as const) {
      const headers = (family === 4 ? 20 : 40) + 32;
      const octets = octetsOf(segment(family, new Uint8Array(4000)), "partial");
      const offload: Offload = { checksumFrom: headers - 32, checksumOffset: 16, kind: family === 4 ? 1 : 4, headerLength: headers, segmentSize: 1448 };
      const packet = crossingPacket({ octets, offload })!;
      packet.hopLimit--;
      expect(arrived(packet).offload).toEqual(offload);
      packet.tcp!.window = 99;
      expect(arrived(packet).offload).toEqual(offload);
    }
  });
});
