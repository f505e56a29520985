import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { middleboxes } from "../../../src/sim/index.ts";
import { Dss, Packet, packetLength, Payload } from "../../../src/wire/index.ts";
import type { MptcpOption, TcpSegment } from "../../../src/wire/index.ts";
import { mptcpOptions, plainOption } from "../../wire/arbitraries.ts";
import { ACK, BoxBench, bytes, CWR, data, ECE, FIN, isIntact, mapping, PSH, ranges, RST, segment, SYN, tcp, URG } from "./bench.ts";

function bench(parameters: Record<string, unknown> = {}, maxPacket = 65_535): BoxBench {
  return new BoxBench(middleboxes["coalescer"]!({ wait: 1000, ...parameters }), maxPacket);
}

/** Sends them from inside, and lets time pass. @returns ranges of what came out */
function joined(box: BoxBench, ...packets: Packet[]): string[] {
  for (const packet of packets) box.outward(packet);
  box.queue.run();
  return ranges(box.out);
}

describe("a coalescer joins", () => {
  it("what follows in order, and sends it when nothing more has come for a while", () => {
    const box = bench();
    expect(joined(box, data(100, 50), data(150, 60), data(210, 10))).toEqual(["100+120"]);
    expect([isIntact(box.out), box.times]).toEqual([true, [1000]]);
    expect(box.box.statistics).toEqual({ seen: 3, sent: 1, changed: 2, dropped: 0 });
    // The time runs from the first on.
    box.outward(data(300, 10));
    box.queue.call(1900, () => void box.outward(data(310, 10)));
    box.queue.run();
    expect([ranges(box.out).slice(1), box.times[1]]).toEqual([["300+20"], 2000]);
  });

  it("what lies beside each other in one buffer without a copy, and what has no bytes", () => {
    const whole = bytes(0, 300);
    const box = bench();
    joined(box, segment({ sequence: 0, payload: whole.slice(0, 100) }), segment({ sequence: 100, payload: whole.slice(100, 300) }));
    expect([tcp(box.out[0]).payload.bytes, tcp(box.out[0]).payload.length]).toEqual([whole.bytes, 300]);
    expect(joined(box, segment({ sequence: 900, payload: Payload.virtual(10) }), segment({ sequence: 910, payload: Payload.virtual(5) }))).toEqual(["0+300", "900+15"]);
    expect(tcp(box.out[1]).payload.bytes).toBeNull();
    joined(box, segment({ sequence: 5, payload: Payload.virtual(2) }), segment({ sequence: 7, payload: Payload.of(Uint8Array.of(1, 2)) }));
    expect([...tcp(box.out[2]).payload.toUint8Array()]).toEqual([0, 0, 1, 2]);
  });

  it("up to its size, and to the largest packet that the next link takes", () => {
    expect(joined(bench({ size: 100 }), data(0, 60), data(60, 40), data(100, 1))).toEqual(["0+100", "100+1"]);
    expect(joined(bench({}, 140), data(0, 60), data(60, 40), data(100, 1))).toEqual(["0+100", "100+1"]);
    expect(joined(bench({}), data(0, 40_000), data(40_000, 30_000))).toEqual(["0+40000", "40000+30000"]);
  });

  it("until PSH or FIN, which leave at once", () => {
    const box = bench();
    box.outward(data(0, 10));
    expect(ranges(box.outward(data(10, 10, { flags: ACK | PSH })))).toEqual(["0+20"]);
    expect(tcp(box.out[0]).flags).toBe(ACK | PSH);
    expect(ranges(box.outward(data(20, 10, { flags: ACK | PSH })))).toEqual(["20+10"]);
    box.outward(data(30, 10));
    expect(box.outward(data(40, 10, { flags: ACK | FIN })).map((packet) => tcp(packet).flags)).toEqual([ACK | FIN]);
  });

  it("each flow and each direction by itself", () => {
    const box = bench();
    box.outward(data(0, 10));
    box.inward(segment({ sequence: 10, payload: bytes(10, 10) }, "server"));
    box.outward(data(0, 10, { sourcePort: 7 }));
    box.outward(data(10, 10));
    box.outward(data(10, 10, { sourcePort: 7 }));
    box.queue.run();
    expect([ranges(box.out), ranges(box.in)]).toEqual([["0+20", "0+20"], ["10+10"]]);
  });

  it("no more than so many flows at once: one more, and the oldest leaves", () => {
    const box = bench();
    for (let port = 0; port < 65; port++) box.outward(data(0, 10, { sourcePort: port }));
    expect(box.out.map((packet) => tcp(packet).sourcePort)).toEqual([0]);
  });

  it("only one direction, if it is told so", () => {
    const box = bench({ direction: "inward" });
    expect(box.outward(data(0, 10))).toHaveLength(1);
    expect(box.inward(segment({ payload: bytes(0, 10) }, "server"))).toHaveLength(0);
  });
});

describe("a coalescer keeps apart", () => {
  it.each([
    ["a gap", data(11, 10)],
    ["a repetition", data(0, 10)],
    ["ECE", data(10, 10, { flags: ACK | ECE })],
    ["CWR", data(10, 10, { flags: ACK | CWR })],
    ["URG", data(10, 10, { flags: ACK | URG })],
    ["RST", data(10, 10, { flags: ACK | RST })],
    ["SYN", data(10, 10, { flags: SYN })],
    ["an ACK", segment({ sequence: 10 })],
    ["another acknowledgment", data(10, 10, { acknowledgment: 1 })],
    ["another mapping", data(10, 10, { mptcp: [mapping(11, 10)] })],
    ["an option of another kind", data(10, 10, { otherOptions: [{ kind: 254, data: new Uint8Array(2) }] })],
    ["timestamps", data(10, 10, { hasTimestamps: true })],
    ["SACK blocks", data(10, 10, { sackBlocks: [1, 2] })],
    ["CE", Object.assign(data(10, 10), { trafficClass: 3 })],
    ["another hop limit", Object.assign(data(10, 10), { hopLimit: 63 })],
  ])("%s", (_, packet) => {
    const box = bench();
    const first = data(0, 10);
    box.outward(first);
    box.outward(packet);
    box.queue.run();
    expect(box.out).toEqual([first, packet]);
  });

  it("other timestamps, other SACK blocks and other options of the same kind", () => {
    const options: readonly (readonly [Partial<TcpSegment>, Partial<TcpSegment>])[] = [
      [{ hasTimestamps: true, timestampValue: 1 }, { hasTimestamps: true, timestampValue: 2 }],
      [{ hasTimestamps: true, timestampEcho: 1 }, { hasTimestamps: true, timestampEcho: 2 }],
      [{ sackBlocks: [1, 2] }, { sackBlocks: [1, 3] }],
      [{ otherOptions: [{ kind: 254, data: Uint8Array.of(1) }] }, { otherOptions: [{ kind: 254, data: Uint8Array.of(2) }] }],
      [{ mptcp: [mapping(1, 20)] }, { mptcp: [mapping(1, 21)] }],
    ];
    for (const [one, other] of options) {
      expect(joined(bench(), data(0, 10, one), data(10, 10, other))).toEqual(["0+10", "10+10"]);
      expect(joined(bench(), data(0, 10, one), data(10, 10, structuredClone(one)))).toEqual(["0+20"]);
    }
  });
});

describe("a coalescer that joins whatever the options", () => {
  const one = { acknowledgment: 1, window: 5, hasTimestamps: true, timestampValue: 1, mptcp: [mapping(1, 10)] };
  const two = { acknowledgment: 2, window: 6, hasTimestamps: true, timestampValue: 2, mptcp: [mapping(11, 10), mapping(21, 10)] };

  it("keeps those of the first, and what the last acknowledges", () => {
    const box = bench({ options: "first" });
    expect(joined(box, data(0, 10, one), data(10, 10, two))).toEqual(["0+20"]);
    expect(tcp(box.out[0])).toMatchObject({ ...one, acknowledgment: 2, window: 6 });
  });

  it("or those of the last", () => {
    const box = bench({ options: "last" });
    expect(joined(box, data(0, 10, one), data(10, 10, two))).toEqual(["0+20"]);
    expect(tcp(box.out[0])).toMatchObject(two);
    // With the last one's options there may be less room.
    const headers = packetLength(data(0, 0, two));
    expect(joined(bench({ options: "last" }, headers + 19), data(0, 10, one), data(10, 10, two))).toEqual(["0+10", "10+10"]);
  });
});

/** Segments of a stream, one after the other, each with options of its own; some segments come twice, some are missing. */
const stream = fc.array(
  fc.record({
    length: fc.integer({ min: 0, max: 400 }),
    flags: fc.constantFrom(ACK, ACK, ACK, ACK | PSH, ACK | ECE, ACK | PSH | FIN),
    mptcp: fc.array(fc.oneof(...Object.values(mptcpOptions)), { maxLength: 1 }),
    timestamp: fc.option(fc.integer({ min: 0, max: 3 })),
    acknowledgment: fc.integer({ min: 0, max: 2 }),
    fate: fc.constantFrom("once", "once", "once", "twice", "lost"),
  }),
  { maxLength: 20 },
);

/** What each byte is told by: the options, flags and numbers of the segments that carry it, without FIN and PSH. */
function meanings(packets: readonly Packet[]): string[] {
  return packets.flatMap((packet) => {
    const { sequence, payload, mptcp, hasTimestamps, timestampValue, acknowledgment, flags } = tcp(packet);
    const options = JSON.stringify([mptcp.map(plainOption), hasTimestamps ? timestampValue : null, acknowledgment, flags & ~(PSH | FIN)]);
    const octets = payload.toUint8Array();
    return Array.from(octets, (octet, i) => `${sequence + i} ${octet} ${options}`);
  });
}

describe("a splitter and then a coalescer", () => {
  it("keep the byte stream, and for each byte the meaning of all options", () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 1000 }), (parts, cut, size) => {
        const splitting = new BoxBench(middleboxes["splitter"]!({ size: cut }));
        const joining = bench({ size });
        const sent: Packet[] = [];
        let sequence = 1000;
        for (const { length, flags, mptcp, timestamp, acknowledgment, fate } of parts) {
          const fields = { flags, mptcp, acknowledgment, hasTimestamps: timestamp !== null, timestampValue: timestamp ?? 0 };
          for (let i = 0; i < { once: 1, twice: 2, lost: 0 }[fate]; i++) sent.push(data(sequence, length, fields));
          sequence += length;
        }
        const copies = sent.map((packet) => packet.clone());
        for (const packet of sent) for (const piece of splitting.outward(packet)) joining.outward(piece);
        joining.queue.run();
        expect(meanings(joining.out)).toEqual(meanings(copies));
        // FIN and PSH are still behind the same byte, and every segment without payload is there.
        const ends = (packets: readonly Packet[], flag: number): number[] =>
          packets.filter((packet) => (tcp(packet).flags & flag) !== 0).map((packet) => tcp(packet).sequence + tcp(packet).payload.length);
        for (const flag of [FIN, PSH]) expect(ends(joining.out, flag)).toEqual(ends(copies, flag));
        const empty = (packets: readonly Packet[]): number => packets.filter((packet) => tcp(packet).payload.length === 0).length;
        expect(empty(joining.out)).toBe(empty(copies));
        expect(Math.max(0, ...joining.out.map((packet) => tcp(packet).payload.length))).toBeLessThanOrEqual(Math.max(size, cut));
      }),
      { numRuns: 300 },
    );
  });

  it("give back a segment as it was", () => {
    const option: MptcpOption = Object.assign(new Dss(), { dataAckLength: 8, dsnLength: 8, dsnLow: 5, subflowSequence: 1, dataLength: 5000, checksum: 7 });
    const packet = data(50, 5000, { flags: ACK | PSH, mptcp: [option], hasTimestamps: true, timestampValue: 9 });
    const before = packet.clone();
    const splitting = new BoxBench(middleboxes["splitter"]!({ size: 999 }));
    const joining = bench();
    for (const piece of splitting.outward(packet)) joining.outward(piece);
    expect(joining.out).toHaveLength(1);
    expect(joining.out[0]).toEqual(before);
  });
});
