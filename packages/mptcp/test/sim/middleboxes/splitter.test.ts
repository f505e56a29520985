import { describe, expect, it } from "vitest";
import { middleboxes } from "../../../src/sim/index.ts";
import { Payload } from "../../../src/wire/index.ts";
import { ACK, BoxBench, bytes, CWR, data, ECE, FIN, isIntact, mapping, PSH, ranges, RST, segment, SYN, tcp, URG } from "./bench.ts";

function bench(parameters: Record<string, unknown>): BoxBench {
  return new BoxBench(middleboxes["splitter"]!(parameters));
}

describe("a splitter", () => {
  it("cuts what is longer than its size, in order, and nothing else", () => {
    const box = bench({ size: 500 });
    const pieces = box.outward(data(1000, 1400, { acknowledgment: 77, window: 12 }));
    expect(ranges(pieces)).toEqual(["1000+500", "1500+500", "2000+400"]);
    expect(isIntact(pieces)).toBe(true);
    for (const piece of pieces) expect(tcp(piece)).toMatchObject({ acknowledgment: 77, window: 12, flags: ACK, sourcePort: 1000, destinationPort: 80 });
    const whole = data(1, 500);
    expect(box.outward(whole)).toEqual([whole]);
    const ack = segment({ sequence: 3 });
    expect(box.outward(ack)).toEqual([ack]);
    expect(box.box.statistics).toEqual({ seen: 3, sent: 5, changed: 1, dropped: 0 });
  });

  it("copies all options to each piece, as a network card does", () => {
    const options = { hasTimestamps: true, timestampValue: 5, timestampEcho: 6, sackBlocks: [1, 2], mptcp: [mapping(1, 1400)], otherOptions: [{ kind: 254, data: Uint8Array.of(1) }] };
    const pieces = bench({ size: 500 }).outward(data(1000, 1400, options));
    expect(pieces).toHaveLength(3);
    for (const piece of pieces) expect(tcp(piece)).toMatchObject(options);
  });

  it("or only the timestamps to the pieces behind the first", () => {
    const options = { hasTimestamps: true, timestampValue: 5, timestampEcho: 6, sackBlocks: [1, 2], mptcp: [mapping(1, 1400)], otherOptions: [{ kind: 254, data: Uint8Array.of(1) }] };
    const [first, ...rest] = bench({ size: 500, options: "first" }).outward(data(1000, 1400, options));
    expect(tcp(first)).toMatchObject(options);
    for (const piece of rest) expect(tcp(piece)).toMatchObject({ hasTimestamps: true, timestampValue: 5, timestampEcho: 6, sackBlocks: [], mptcp: [], otherOptions: [] });
  });

  it("puts FIN and PSH on the last piece, CWR on the first, ECE on all", () => {
    const pieces = bench({ size: 500 }).outward(data(1000, 1400, { flags: ACK | FIN | PSH | CWR | ECE }));
    expect(pieces.map((piece) => tcp(piece).flags)).toEqual([ACK | CWR | ECE, ACK | ECE, ACK | ECE | FIN | PSH]);
  });

  it("counts on over the end of the sequence numbers, and the identification of IPv4", () => {
    const packet = data(0xffff_ff00, 600);
    packet.dontFragment = false;
    packet.identification = 0xffff;
    packet.hopLimit = 9;
    packet.trafficClass = 2;
    const pieces = bench({ size: 256 }).outward(packet);
    expect(pieces.map((piece) => [tcp(piece).sequence, piece.identification])).toEqual([[0xffff_ff00, 0xffff], [0, 0], [256, 1]]);
    for (const piece of pieces) expect([piece.hopLimit, piece.trafficClass, piece.dontFragment]).toEqual([9, 2, false]);
  });

  it("cuts virtual payloads and super-segments", () => {
    const pieces = bench({ size: 1400 }).outward(segment({ sequence: 1, payload: Payload.virtual(5000), segmentSize: 1400 }));
    expect(ranges(pieces)).toEqual(["1+1400", "1401+1400", "2801+1400", "4201+800"]);
    expect(pieces.map((piece) => [tcp(piece).payload.bytes, tcp(piece).segmentSize])).toEqual(pieces.map(() => [null, 0]));
  });

  it("leaves segments with SYN, RST and URG whole", () => {
    for (const flags of [SYN, RST | ACK, URG | ACK]) expect(bench({ size: 10 }).outward(data(1, 100, { flags }))).toHaveLength(1);
  });

  it("works in one direction, if it is told so", () => {
    const box = bench({ size: 50, direction: "inward" });
    expect(box.outward(data(1, 100))).toHaveLength(1);
    expect(box.inward(segment({ payload: bytes(0, 100) }, "server"))).toHaveLength(2);
  });
});
