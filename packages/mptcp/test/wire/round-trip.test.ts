import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeMptcpOption,
  decodePacket,
  EncodeError,
  encodeMptcpOption,
  encodePacket,
  IpAddress,
  mptcpOptionLength,
  Packet,
  packetLength,
  Payload,
  tcpHeaderLength,
  TcpSegment,
} from "../../src/wire/index.ts";
import { anyPacket, fromHex, hex, mptcpOptions, plain, plainOption } from "./arbitraries.ts";

function encoded(packet: Packet): Uint8Array {
  const bytes = new Uint8Array(packetLength(packet));
  expect(encodePacket(packet, bytes, 0)).toBe(bytes.length);
  return bytes;
}

function decoded(bytes: Uint8Array): Packet {
  const packet = decodePacket(bytes, 0, bytes.length);
  if (typeof packet === "string") throw new Error(`${packet}: ${hex(bytes)}`);
  return packet;
}

function packetWithOptions(octetsOfOption: number): Packet {
  const packet = new Packet(IpAddress.v4(1), IpAddress.v4(2));
  packet.tcp = new TcpSegment();
  packet.tcp.otherOptions = [{ kind: 253, data: new Uint8Array(octetsOfOption) }];
  return packet;
}

function codeOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    if (error instanceof EncodeError && error instanceof RangeError) return error.code;
    throw error;
  }
  return "none";
}

describe("packet -> octets -> packet", () => {
  it("keeps every field of every packet", () => {
    fc.assert(
      fc.property(anyPacket, (packet) => {
        expect(plain(decoded(encoded(packet)))).toEqual(plain(packet));
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it("holds at any place in a larger buffer, whose other octets stay", () => {
    fc.assert(
      fc.property(anyPacket, fc.integer({ min: 0, max: 9 }), (packet, at) => {
        const length = packetLength(packet);
        const buffer = new Uint8Array(at + length + 5).fill(0xa5);
        encodePacket(packet, buffer, at);
        expect(buffer.subarray(0, at).every((octet) => octet === 0xa5)).toBe(true);
        expect(buffer.subarray(at + length).every((octet) => octet === 0xa5)).toBe(true);
        // Link padding behind the packet is no part of it.
        const again = decodePacket(buffer, at, length + 5);
        expect(typeof again === "string" ? again : plain(again)).toEqual(plain(packet));
      }),
      { numRuns: 500, seed: 2 },
    );
  });

  it("writes a header of the length announced", () => {
    fc.assert(
      fc.property(anyPacket, (packet) => {
        if (packet.tcp === null) return;
        const at = packet.source.family === 4 ? 20 : 40;
        expect((encoded(packet)[at + 12] >>> 4) * 4).toBe(tcpHeaderLength(packet.tcp));
      }),
      { numRuns: 1000, seed: 3 },
    );
  });

  it("shares the buffer unless asked to copy", () => {
    const packet = new Packet(IpAddress.v4(1), IpAddress.v4(2));
    packet.tcp = new TcpSegment();
    packet.tcp.payload = Payload.of(Uint8Array.of(1, 2, 3));
    const bytes = encoded(packet);
    const shared = decodePacket(bytes, 0, bytes.length);
    const copied = decodePacket(bytes, 0, bytes.length, { copy: true });
    bytes.fill(0);
    if (typeof shared === "string" || typeof copied === "string") throw new Error("dropped");
    expect(hex(shared.tcp!.payload.toUint8Array())).toBe("000000");
    expect(hex(copied.tcp!.payload.toUint8Array())).toBe("010203");
  });
});

describe("MPTCP option -> octets -> option", () => {
  for (const [name, arbitrary] of Object.entries(mptcpOptions)) {
    it(`keeps every field of ${name}`, () => {
      fc.assert(
        fc.property(arbitrary, (option) => {
          const length = mptcpOptionLength(option);
          const bytes = new Uint8Array(length + 2).fill(0xff);
          expect(encodeMptcpOption(option, bytes, 1)).toBe(length);
          expect([bytes[0], bytes[1], bytes[2], bytes[length + 1]]).toEqual([0xff, 30, length, 0xff]);
          expect(plainOption(decodeMptcpOption(bytes, 1, length))).toEqual(plainOption(option));
        }),
        { numRuns: 500, seed: 4 },
      );
    });
  }
});

describe("option layout", () => {
  it("drops the aligning NOPs only where the options fit in no other way", () => {
    const packet = new Packet(IpAddress.v4(1), IpAddress.v4(2));
    const segment = new TcpSegment();
    packet.tcp = segment;
    segment.hasTimestamps = true;
    segment.windowScale = 7;
    segment.otherOptions = [{ kind: 253, data: new Uint8Array(22) }];
    // 12 + 4 + 24 fills the space exactly.
    expect(tcpHeaderLength(segment)).toBe(60);
    expect(encoded(packet)[40]).toBe(1);
    // One octet more fits only packed: 10 + 3 + 25.
    segment.otherOptions = [{ kind: 253, data: new Uint8Array(23) }];
    expect(tcpHeaderLength(segment)).toBe(60);
    expect(encoded(packet)[40]).toBe(8);
    expect(plain(decoded(encoded(packet)))).toMatchObject({ tcp: { windowScale: 7, hasTimestamps: true } });
  });

  it("puts SACK-permitted in the place of the NOPs before timestamps", () => {
    const packet = new Packet(IpAddress.v4(1), IpAddress.v4(2));
    const segment = new TcpSegment();
    packet.tcp = segment;
    segment.maximumSegmentSize = 1460;
    segment.sackPermitted = true;
    segment.hasTimestamps = true;
    segment.timestampValue = 0x01020304;
    segment.windowScale = 7;
    expect(hex(encoded(packet).subarray(40))).toBe(hex(fromHex("020405b4 0402 080a 01020304 00000000 01 030307")));
  });
});

describe("misuse of the encoder", () => {
  it("throws an EncodeError with a code", () => {
    const small = packetWithOptions(0);
    expect(codeOf(() => encodePacket(small, new Uint8Array(43), 0))).toBe("ERR_MPTCP_BUFFER_TOO_SMALL");
    expect(codeOf(() => encodePacket(small, new Uint8Array(44), 1))).toBe("ERR_MPTCP_BUFFER_TOO_SMALL");
    expect(codeOf(() => encodePacket(small, new Uint8Array(44), 0))).toBe("none");
    expect(codeOf(() => encodePacket(packetWithOptions(39), new Uint8Array(200), 0))).toBe("ERR_MPTCP_NOT_ENCODABLE");
    const mixed = new Packet(IpAddress.v4(1), IpAddress.v6(0, 0, 0, 1));
    expect(codeOf(() => encodePacket(mixed, new Uint8Array(200), 0))).toBe("ERR_MPTCP_NOT_ENCODABLE");
    const huge = packetWithOptions(0);
    huge.tcp!.payload = Payload.virtual(65_536);
    expect(codeOf(() => encodePacket(huge, new Uint8Array(70_000), 0))).toBe("ERR_MPTCP_NOT_ENCODABLE");
  });
});
