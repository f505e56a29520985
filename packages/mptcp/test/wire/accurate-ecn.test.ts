import { describe, expect, it } from "vitest";
import { accurateEcnOption, decodePacket, encodePacket, IpAddress, Packet, packetLength, readAccurateEcn, TCP_FLAG, TCP_MINIMUM_HEADER_LENGTH, tcpHeaderLength, TcpSegment } from "../../src/wire/index.ts";

const COUNTERS = { ect0: 0x10203, ce: 0x40506, ect1: 0x70809 };

/** Option octets of a segment on the wire, as kinds; 1 is a NOP. */
function kinds(segment: TcpSegment): number[] {
  const packet = Object.assign(new Packet(IpAddress.v4(1), IpAddress.v4(2)), { tcp: segment });
  const octets = new Uint8Array(packetLength(packet));
  encodePacket(packet, octets, 0);
  const found: number[] = [];
  for (let i = 40; i < octets.length; i += octets[i] === 1 ? 1 : (octets[i + 1] as number)) found.push(octets[i] as number);
  const decoded = decodePacket(octets, 0, octets.length, { copy: true });
  const counters = { ect0: 0, ce: 0, ect1: 0 };
  if (typeof decoded !== "string" && readAccurateEcn(decoded.tcp as TcpSegment, counters)) for (const [name, value] of Object.entries(counters)) expect([-1, COUNTERS[name as keyof typeof COUNTERS]]).toContain(value);
  return found;
}

function aligned(fields: number, own: Partial<TcpSegment>): TcpSegment {
  return Object.assign(new TcpSegment(), { flags: TCP_FLAG.ACK, alignsOptions: true, otherOptions: [accurateEcnOption(COUNTERS, 1, fields)], ...own });
}

describe("the option of accurate ECN among aligned options", () => {
  it("stands behind timestamps, and fills the place of NOPs where it ends beside them", () => {
    const ts = { hasTimestamps: true };
    const sack = { sackBlocks: [1, 2] };
    expect(kinds(aligned(3, { maximumSegmentSize: 1460, sackPermitted: true, windowScale: 8, flags: TCP_FLAG.SYN }))).toEqual([2, 174, 1, 1, 1, 4, 1, 3]);
    expect(kinds(aligned(3, { ...ts, maximumSegmentSize: 1460, sackPermitted: true, windowScale: 8, flags: TCP_FLAG.SYN }))).toEqual([2, 4, 8, 174, 1, 1, 3]);
    expect(kinds(aligned(3, { ...ts, ...sack }))).toEqual([1, 1, 8, 174, 1, 1, 1, 5]);
    expect(kinds(aligned(2, { ...ts, ...sack }))).toEqual([1, 1, 8, 174, 1, 1, 5]);
    expect(kinds(aligned(1, { ...ts, ...sack }))).toEqual([1, 1, 8, 174, 1, 5]);
    expect(kinds(aligned(0, { ...ts, ...sack }))).toEqual([1, 1, 8, 174, 5]);
    expect(kinds(aligned(1, { windowScale: 3, flags: TCP_FLAG.SYN }))).toEqual([174, 3]);
    expect(kinds(aligned(1, ts))).toEqual([1, 1, 8, 174, 1, 1, 1]);
  });

  it("is as long as it is said to be, whatever it stands beside", () => {
    for (let fields = 0; fields <= 3; fields++) {
      for (const sackPermitted of [false, true]) for (const hasTimestamps of [false, true]) for (const windowScale of [-1, 7]) for (const sackBlocks of [[], [1, 2], [1, 2, 3, 4]]) {
        const segment = aligned(fields, { sackPermitted, hasTimestamps, windowScale, sackBlocks });
        if (tcpHeaderLength(segment) > 60) continue;
        const octets = kinds(segment).reduce((sum, kind) => sum + (kind === 1 ? 1 : kind === 174 ? 2 + 3 * fields : kind === 8 ? 10 : kind === 4 ? 2 : kind === 3 ? 3 : 2 + 4 * sackBlocks.length), 0);
        expect(tcpHeaderLength(segment) - TCP_MINIMUM_HEADER_LENGTH).toBe(octets);
      }
    }
  });
});
