import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checksumOf,
  combineSums,
  decodePacket,
  dssChecksum,
  dssChecksumMatches,
  encodePacket,
  foldSum,
  IpAddress,
  ipv4HeaderSum,
  Packet,
  packetLength,
  partialSum,
  Payload,
  payloadSum,
  PROTOCOL,
  pseudoHeaderSum,
  TcpSegment,
  updateChecksum,
  updateChecksum32,
} from "../../src/wire/index.ts";
import { fromHex, ipv4, ipv6, uint16, uint32 } from "./arbitraries.ts";

/** RFC 1071 §4.1, word by word. */
function referenceSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

describe("partial sums", () => {
  it("agree with the plain loop at every length and alignment", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), fc.nat(20), fc.nat(20), (bytes, front, back) => {
        const from = Math.min(front, bytes.length);
        const length = Math.max(0, bytes.length - from - back);
        expect(partialSum(bytes, from, length)).toBe(referenceSum(bytes.slice(from, from + length)));
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it("agree for all ones, the sum with the most carries, up to 9 MiB", () => {
    const bytes = new Uint8Array(9 << 20).fill(0xff);
    for (const length of [1, 95, 96, 97, 65_535, 65_536, (4 << 20) + 4, bytes.length]) {
      expect(partialSum(bytes, 0, length)).toBe(referenceSum(bytes.subarray(0, length)));
    }
  });

  it("do not mix up two buffers in turn", () => {
    const one = new Uint8Array(200).fill(1);
    const two = new Uint8Array(200).fill(2);
    const sums = [one, two, one].map((bytes) => partialSum(bytes, 0, 200));
    expect(sums).toEqual([referenceSum(one), referenceSum(two), referenceSum(one)]);
  });

  it("combine over pieces of odd lengths", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 130 }), { maxLength: 8 }), (pieces) => {
        let sum = 0;
        let position = 0;
        for (const piece of pieces) {
          sum = combineSums(sum, position, payloadSum(Payload.of(piece)));
          position += piece.length;
        }
        expect(sum).toBe(referenceSum(Uint8Array.from(pieces.flatMap((piece) => [...piece]))));
      }),
      { numRuns: 500, seed: 2 },
    );
  });

  it("are 0 for a virtual payload", () => {
    expect(payloadSum(Payload.virtual(1000))).toBe(0);
  });

  it("fold any sum below 2^53", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (sum) => {
        const folded = foldSum(sum);
        expect(folded).toBeLessThanOrEqual(0xffff);
        expect(folded % 0xffff).toBe(sum % 0xffff);
        expect(folded === 0).toBe(sum === 0);
      }),
      { seed: 3 },
    );
  });
});

describe("known checksums", () => {
  it("gives the example of RFC 1071 §3", () => {
    expect(partialSum(fromHex("00 01 f2 03 f4 f5 f6 f7"), 0, 8)).toBe(0xddf2);
  });

  it("gives the example of RFC 1624 §4", () => {
    // The header checksum is 0xdd2f; a word changes from 0x5555 to 0x3285, which must not give 0xffff.
    expect(updateChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it("verifies an IPv4 header captured from a live network", () => {
    const header = fromHex("4500 003c 1c46 4000 4006 b1e6 ac10 0a63 ac10 0a0c");
    expect(ipv4HeaderSum(header, 0, 20)).toBe(0xffff);
    header[8]--;
    expect(ipv4HeaderSum(header, 0, 20)).not.toBe(0xffff);
  });

  it("verifies whole segments with the pseudo-header of either family", () => {
    for (const [source, destination] of [
      ["10.0.0.1", "10.0.0.2"],
      ["2001:db8::1", "2001:db8::2"],
    ] as const) {
      const packet = new Packet(IpAddress.from(source), IpAddress.from(destination));
      packet.tcp = new TcpSegment();
      packet.tcp.payload = Payload.of(Uint8Array.of(1, 2, 3));
      const bytes = new Uint8Array(packetLength(packet));
      encodePacket(packet, bytes, 0);
      const at = bytes.length - 23;
      const sum = referenceSum(
        Uint8Array.from([
          ...bytes.subarray(packet.source.family === 4 ? 12 : 8, at),
          0, 0, 0, 23, 0, 0, 0, PROTOCOL.tcp,
          ...bytes.subarray(at),
        ]),
      );
      expect(sum).toBe(0xffff);
    }
  });
});

describe("incremental update", () => {
  it("equals a new sum", () => {
    fc.assert(
      fc.property(fc.array(uint16, { minLength: 3, maxLength: 20 }), uint32, (words, value) => {
        const bytes = Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 0xff]));
        const before = checksumOf(referenceSum(bytes));
        const changed = Uint8Array.from(bytes);
        new DataView(changed.buffer).setUint32(2, value);
        const old = new DataView(bytes.buffer).getUint32(2);
        const after = updateChecksum32(before, old, value);
        // The sum of the data and its checksum is all ones whichever of the two zeros the checksum is.
        expect((referenceSum(changed) + after) % 0xffff).toBe(0);
      }),
      { seed: 4 },
    );
  });
});

describe("pseudo-header", () => {
  it("is the sum of its octets", () => {
    fc.assert(
      fc.property(fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6)), uint16, ([source, destination], length) => {
        const words = [source, destination].flatMap((a) => [a.w0, a.w1, a.w2, a.w3]);
        const bytes = new Uint8Array(40);
        const view = new DataView(bytes.buffer);
        words.forEach((word, i) => view.setUint32(4 * i, word));
        view.setUint32(32, length);
        view.setUint32(36, 6);
        expect(pseudoHeaderSum(source, destination, 6, length)).toBe(referenceSum(bytes));
      }),
      { seed: 5 },
    );
  });

  it("is what an encoder leaves for an offloading device", () => {
    const packet = new Packet(IpAddress.v4(0x0a000001), IpAddress.v4(0x0a000002));
    packet.tcp = new TcpSegment();
    packet.tcp.payload = Payload.virtual(100);
    const bytes = new Uint8Array(140);
    encodePacket(packet, bytes, 0, { tcpChecksum: "partial" });
    expect((bytes[36] << 8) | bytes[37]).toBe(pseudoHeaderSum(packet.source, packet.destination, 6, 120));
    expect(decodePacket(bytes, 0, 140)).toBe("bad_tcp_checksum");
    expect(decodePacket(bytes, 0, 140, { verifyTransportChecksum: false })).toBeInstanceOf(Packet);
  });
});

describe("DSS checksum", () => {
  it("covers the pseudo-header of RFC 8684 Figure 10 and the data", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), uint32, uint32, uint32, (data, high, low, subflow) => {
        const bytes = new Uint8Array(16 + data.length);
        const view = new DataView(bytes.buffer);
        view.setUint32(0, high);
        view.setUint32(4, low);
        view.setUint32(8, subflow);
        view.setUint16(12, data.length);
        bytes.set(data, 16);
        const sum = partialSum(data, 0, data.length);
        const checksum = dssChecksum(sum, high, low, subflow, data.length);
        expect(checksum).toBe(checksumOf(referenceSum(bytes)));
        expect(dssChecksumMatches(checksum, sum, high, low, subflow, data.length)).toBe(true);
        expect(dssChecksumMatches(checksum ^ 0x0100, sum, high, low, subflow, data.length)).toBe(false);
      }),
      { seed: 6 },
    );
  });

  it("takes both zeros for the same", () => {
    // A pseudo-header that sums to 0xffff has the checksum 0; a sender may as well write 0xffff.
    expect(dssChecksum(0, 0, 0, 0, 0xffff)).toBe(0);
    expect(dssChecksumMatches(0, 0, 0, 0, 0, 0xffff)).toBe(true);
    expect(dssChecksumMatches(0xffff, 0, 0, 0, 0, 0xffff)).toBe(true);
  });
});
