import { describe, expect, it } from "vitest";
import { SECOND } from "../../../src/core/index.ts";
import { middleboxes } from "../../../src/sim/index.ts";
import { encodePacket, packetLength } from "../../../src/wire/index.ts";
import type { MptcpOption, Packet, TcpSegment } from "../../../src/wire/index.ts";
import { checksumOfPacket } from "./checksums.ts";
import { ACK, BoxBench, bytes, data, FIN, mapping, ranges, RST, segment, SYN, tcp } from "./bench.ts";

function bench(kind: string, parameters: Record<string, unknown> = {}): BoxBench {
  return new BoxBench(middleboxes[kind]!(parameters));
}

describe("a reorderer", () => {
  it("lets others overtake what it holds, for as long as it is told", () => {
    const box = bench("reorderer", { fraction: 1, wait: 1000, segments: ["data"], afterBytes: 0 });
    box.outward(data(1, 10));
    box.outward(segment({ sequence: 11 }));
    expect(ranges(box.out)).toEqual(["11+0"]);
    box.queue.run();
    expect([ranges(box.out), box.times[1]]).toEqual([["11+0", "1+10"], 1000]);
  });

  it("holds nothing any more when it is switched off", () => {
    const box = bench("reorderer", { fraction: 1 });
    box.outward(data(1, 10));
    box.box.switch(false, 0);
    expect(ranges(box.out)).toEqual(["1+10"]);
    expect(ranges(box.outward(data(11, 10)))).toEqual(["11+10"]);
    expect(box.box.on).toBe(false);
  });
});

describe("a duplicator", () => {
  it("sends copies behind the original, or later", () => {
    expect(ranges(bench("duplicator", { fraction: 1, copies: 2 }).outward(data(1, 10)))).toEqual(["1+10", "1+10", "1+10"]);
    const box = bench("duplicator", { fraction: 1, wait: 500 });
    expect(box.outward(data(1, 10))).toHaveLength(1);
    box.queue.run();
    expect([ranges(box.out), box.times]).toEqual([["1+10", "1+10"], [0, 500]]);
    expect(box.out[0]).not.toBe(box.out[1]);
  });
});

describe("a corrupter", () => {
  it("damages payload and makes the checksum good again, in a copy", () => {
    const before = data(1, 100);
    const shared = tcp(before).payload;
    const [out] = bench("corrupter", { fraction: 1, checksum: "good", octets: 3 }).outward(before);
    const [was, is] = [bytes(1, 100).toUint8Array(), tcp(out).payload.toUint8Array()];
    expect(is.filter((octet, i) => octet !== was[i])).toHaveLength(3);
    expect([...shared.toUint8Array()]).toEqual([...was]);
    const ack = segment({});
    expect(bench("corrupter", { fraction: 1, checksum: "good" }).outward(ack)).toEqual([ack]);
  });

  it.each([1, 2, 3, 100, 255])("damages %i octets of a segment so that TCP drops it", (octets) => {
    const box = bench("corrupter", { fraction: 1, octets });
    for (let i = 0; i < 300; i++) box.outward(data(i * 1000, 400, { mptcp: [mapping(1, 400)] }));
    for (const packet of box.out) {
      expect([packet.tcp, packet.opaque?.protocol]).toEqual([null, 6]);
      const wire = new Uint8Array(packetLength(packet));
      encodePacket(packet, wire, 0);
      expect(checksumOfPacket(wire)).not.toBe(0xffff);
    }
  });
});

describe("a holder of holes", () => {
  const open = (parameters: Record<string, unknown>): BoxBench => {
    const box = bench("hole-holder", parameters);
    box.outward(segment({ flags: SYN, sequence: 100 }));
    box.out.length = 0;
    return box;
  };

  it("waits until a hole is filled, and sends all in order", () => {
    const box = open({});
    for (const packet of [data(121, 10), data(141, 10), data(131, 10), segment({ flags: ACK | FIN, sequence: 151 })]) box.outward(packet);
    expect(box.out).toEqual([]);
    box.outward(segment({ sequence: 500 }));
    box.outward(data(101, 20));
    expect(ranges(box.out)).toEqual(["500+0", "101+20", "121+10", "131+10", "141+10", "151+0"]);
    // What is sent again passes.
    expect(ranges(box.outward(data(101, 20)))).toEqual(["101+20"]);
  });

  it.each([["release", ["121+10", "141+10"]], ["drop", []]])("gives up after a time: %s", (fate, left) => {
    const box = open({ wait: SECOND, fate });
    box.outward(data(121, 10));
    box.outward(data(141, 10));
    box.queue.run();
    expect([ranges(box.out), box.queue.now, box.box.statistics.dropped]).toEqual([left, SECOND, 2 - left.length]);
  });

  it("holds so many at the most", () => {
    const box = open({ packets: 2 });
    for (const from of [121, 141, 161]) box.outward(data(from, 10));
    expect(ranges(box.out)).toEqual(["121+10", "141+10", "161+10"]);
    expect(ranges(box.outward(data(171, 10)))).toEqual(["171+10"]);
  });

  it("holds one direction, and lets RSTs and connections that it has not seen begin pass", () => {
    const box = open({ direction: "outward" });
    box.outward(data(121, 10));
    expect(box.outward(segment({ flags: RST, sequence: 300 }))).toHaveLength(1);
    expect(box.outward(data(121, 10, { sourcePort: 7 }))).toHaveLength(1);
    expect(box.inward(segment({ sequence: 900, payload: bytes(900, 5) }, "server"))).toHaveLength(1);
  });
});

describe("a filter of ACKs", () => {
  const ack = (acknowledgment: number, fields: Partial<TcpSegment> = {}): Packet => segment({ sequence: 1, acknowledgment, ...fields });
  const acks = (packets: readonly Packet[]): number[] => packets.map((packet) => tcp(packet).acknowledgment);

  it("drops what a later one says too", () => {
    const box = bench("ack-filter", { wait: 1000 });
    for (const number of [100, 200, 300]) box.outward(ack(number));
    expect(box.out).toEqual([]);
    box.queue.run();
    expect([acks(box.out), box.times, box.box.statistics.dropped]).toEqual([[300], [1000], 2]);
    expect(box.events).toMatchObject([{ cause: "filtered" }, { cause: "filtered" }]);
  });

  it("keeps duplicates, what has other flags, SACK blocks or options, and the order before data", () => {
    const special: MptcpOption = { kind: "remove_addr", addressIds: [1] };
    for (const first of [ack(100), ack(90, { sackBlocks: [1, 2] }), ack(90, { mptcp: [special] }), ack(90, { mptcp: [mapping(1, 2)] })]) {
      const box = bench("ack-filter", { wait: 1000 });
      box.outward(first);
      box.outward(ack(100));
      box.queue.run();
      expect(acks(box.out)).toEqual([tcp(first).acknowledgment, 100]);
    }
    const box = bench("ack-filter", { wait: 1000 });
    box.outward(ack(100));
    box.outward(data(1, 10, { acknowledgment: 200 }));
    expect(acks(box.out)).toEqual([100, 200]);
    const careless = bench("ack-filter", { wait: 1000, options: "ignore" });
    careless.outward(ack(90, { mptcp: [special] }));
    careless.outward(ack(100));
    careless.queue.run();
    expect(acks(careless.out)).toEqual([100]);
  });

  it("sends one after so many", () => {
    const box = bench("ack-filter", { wait: 1000, most: 2 });
    for (const number of [100, 200, 300, 400]) box.outward(ack(number));
    expect(acks(box.out)).toEqual([300]);
    box.box.switch(false, 0);
    expect(acks(box.out)).toEqual([300, 400]);
  });
});
