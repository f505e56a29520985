import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCaptured, decodePacket, encodePacket, Packet } from "../../src/wire/index.ts";
import type { CapturedPacket } from "../../src/wire/index.ts";
import { anyPacket, fromHex, plain } from "./arbitraries.ts";
import { joined, segmentOctets, within } from "../capture/frames.ts";

function captured(bytes: Uint8Array, wireLength = bytes.length): CapturedPacket {
  const found = decodeCaptured(bytes, 0, bytes.length, wireLength);
  if (typeof found === "string") throw new Error(found);
  return found;
}

/** The TCP header of `segmentOctets` has 20 octets, timestamps up to 32, a DSS up to 60. */
const HEADER = 60;

describe("a whole packet", () => {
  it("is what a host reads, with checksums that are right", () => {
    fc.assert(
      fc.property(anyPacket, (packet) => {
        const bytes = new Uint8Array(packet.length);
        encodePacket(packet, bytes, 0);
        const host = decodePacket(bytes, 0, bytes.length);
        const found = captured(bytes);
        expect(plain(found.packet)).toEqual(plain(host as Packet));
        expect([found.missing, found.optionsCut, found.lengthOfFrame, found.fragment]).toEqual([0, false, false, null]);
        expect(found.ipChecksum).toBe(packet.source.family === 4 ? true : null);
        expect(found.checksum).toBe(packet.opaque === null ? true : null);
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it("may have checksums that are wrong: it is read all the same", () => {
    const bytes = segmentOctets(4);
    bytes[10]! ^= 1;
    bytes[119]! ^= 1;
    expect(captured(bytes)).toMatchObject({ ipChecksum: false, checksum: false, payloadLength: 40 });
  });

  it("has no part in what pads the frame", () => {
    const found = captured(joined(segmentOctets(4, 2), new Uint8Array(6)));
    expect(found).toMatchObject({ missing: 0, payloadLength: 2, checksum: true, lengthOfFrame: false });
    expect(found.packet.tcp!.payload.length).toBe(2);
  });
});

describe.each([4, 6] as const)("a packet that was cut, IPv%i", (family) => {
  const whole = segmentOctets(family);
  const ip = family === 4 ? 20 : 40;

  it("has its headers, the payload's length by the IP header, and an unknown checksum", () => {
    const found = captured(whole.subarray(0, ip + HEADER), whole.length);
    expect(found).toMatchObject({ missing: 40, payloadLength: 40, checksum: null, optionsCut: false, ipChecksum: family === 4 ? true : null });
    expect(found.packet.length).toBe(whole.length);
    expect(found.packet.tcp!.mptcp).toMatchObject([{ kind: "dss", dataLength: 40 }]);
    expect(found.packet.tcp!.payload.length).toBe(0);
  });

  it("has as much payload as is there", () => {
    const { packet } = captured(whole.subarray(0, ip + HEADER + 7), whole.length);
    expect([...packet.tcp!.payload.toUint8Array()]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("has the options that are whole, and says that others are cut", () => {
    const found = captured(whole.subarray(0, ip + HEADER - 1), whole.length);
    expect(found).toMatchObject({ optionsCut: true, payloadLength: 40, missing: 41 });
    expect(found.packet.tcp).toMatchObject({ hasTimestamps: true, timestampValue: 77, mptcp: [] });
    // The timestamps end with octet 32.
    expect(captured(whole.subarray(0, ip + 31), whole.length).packet.tcp).toMatchObject({ hasTimestamps: false, timestampValue: 0 });
  });

  it("has no segment when the header itself is cut", () => {
    const found = captured(whole.subarray(0, ip + 19), whole.length);
    expect(found).toMatchObject({ payloadLength: null, checksum: null, protocol: 6, bodyAt: ip, missing: 81 });
    expect([found.packet.tcp, found.packet.opaque!.payload.length]).toEqual([null, 19]);
  });

  it("may be cut whatever the capture says of the frame's length", () => {
    const short = whole.subarray(0, ip + HEADER);
    expect(captured(short, short.length)).toMatchObject({ missing: 40, checksum: null, payloadLength: 40 });
  });

  it("is none without the whole of IP's header", () => {
    expect(decodeCaptured(whole, 0, ip - 1, whole.length)).toBe("truncated");
  });
});

describe("a length of 0", () => {
  it("in IPv4's header stands for the frame's", () => {
    const bytes = segmentOctets(4, 3000);
    bytes.set([0, 0], 2);
    expect(captured(bytes)).toMatchObject({ lengthOfFrame: true, payloadLength: 3000, checksum: null, packet: { length: 3080 } });
    expect(captured(bytes.subarray(0, 96), 70_000)).toMatchObject({ lengthOfFrame: true, payloadLength: 70_000 - 80, missing: 70_000 - 96 });
  });

  it("in IPv6's header stands for the frame's, or for what a Jumbo Payload option says", () => {
    const bytes = segmentOctets(6, 3000);
    bytes.set([0, 0], 4);
    expect(captured(bytes)).toMatchObject({ lengthOfFrame: true, payloadLength: 3000, checksum: null });
    const jumbo = within(6, 0, "0600 c204 00010068", segmentOctets(6, 40).subarray(40));
    jumbo.set([0, 0], 4);
    expect(captured(jumbo)).toMatchObject({ lengthOfFrame: false, payloadLength: 65_640 - 8 - 60, missing: 65_680 - 148, packet: { tcp: { sourcePort: 50_001 } } });
  });

  it("is IPv6's when no header follows", () => {
    const nothing = within(6, 59, "", new Uint8Array());
    expect(captured(joined(nothing, new Uint8Array(20)))).toMatchObject({ lengthOfFrame: false, missing: 0, payloadLength: 0, packet: { length: 40 } });
  });
});

describe("IPv6 extension headers", () => {
  const tcp = segmentOctets(6).subarray(40);

  it("are stepped over, also on the way of a source route, where the checksum is unknown", () => {
    const options = "2b00 0104 00000000";
    const route = "0602 0401 00000000 20010db8000000000000000000000009";
    expect(captured(within(6, 0, `${options} ${route}`, tcp))).toMatchObject({ checksum: null, payloadLength: 40, packet: { tcp: { sourcePort: 50_001 } } });
    expect(captured(within(6, 51, "0604 0000 00000001 00000001 000000000000000000000000", tcp))).toMatchObject({ payloadLength: 40, bodyAt: 64 });
  });

  it("may be cut: what follows is not known", () => {
    const whole = within(6, 0, "0602 0104 00000000 00000000 00000000 00000000 00000000", tcp);
    const first = captured(whole.subarray(0, 44), whole.length);
    expect(first).toMatchObject({ protocol: 0, payloadLength: null, packet: { tcp: null } });
    const second = captured(whole.subarray(0, 50), whole.length);
    expect(second).toMatchObject({ protocol: 6, payloadLength: null, bodyAt: 64, packet: { tcp: null, opaque: { payload: { length: 0 } } } });
  });

  it("in excess, or longer than the packet, are refused", () => {
    const bad = within(6, 0, "06ff 0104 00000000", tcp);
    expect(decodeCaptured(bad, 0, bad.length)).toBe("bad_extension_header");
    const many = within(6, 60, "3c00 0104 00000000".repeat(9), tcp);
    expect(decodeCaptured(many, 0, many.length)).toBe("bad_extension_header");
  });

  it("may make an atomic fragment, which is a whole packet", () => {
    const bytes = joined(segmentOctets(6).subarray(0, 40), fromHex("0600 0000 00000007"), tcp);
    bytes.set([0, tcp.length + 8, 44], 4);
    expect(captured(bytes)).toMatchObject({ fragment: null, checksum: true });
  });
});

it("a cut ICMP message has the body that is there", () => {
  const echo = within(4, 1, "0800 0000 00010002", new Uint8Array(32));
  expect(captured(echo.subarray(0, 38), echo.length)).toMatchObject({ payloadLength: 32, checksum: null, packet: { icmp: { type: 8, word: 0x10002, body: { length: 10 } } } });
  expect(captured(echo.subarray(0, 24), echo.length)).toMatchObject({ payloadLength: null, packet: { icmp: null, opaque: { protocol: 1, payload: { length: 4 } } } });
});

it("IPv4 options that are cut leave the addresses", () => {
  const bytes = fromHex("4f00 0100 0000 0000 4006 0000 0a000001 0a000002 0102");
  expect(captured(bytes, 256)).toMatchObject({ ipChecksum: null, checksum: null, protocol: 6, bodyAt: 60, missing: 234, packet: { tcp: null } });
});

it("what is wrong and not cut is refused, by name", () => {
  const bytes = segmentOctets(4);
  const changed = (at: number, value: number): Uint8Array => {
    const copy = bytes.slice();
    copy[at] = value;
    return copy;
  };
  for (const [at, value, reason] of [[0, 0x35, "bad_version"], [0, 0x44, "bad_header_length"], [3, 10, "bad_header_length"], [3, 30, "truncated"], [32, 0x40, "bad_header_length"], [3, 70, "truncated"]] as const) {
    expect(decodeCaptured(changed(at, value), 0, bytes.length), `${at} ${value}`).toBe(reason);
  }
  for (const [offset, length] of [[-1, 5], [0, 0], [0, 121], [200, 1], [0, NaN]] as const) expect(decodeCaptured(bytes, offset, length)).toBe("truncated");
});
