import { describe, expect, it } from "vitest";
import { middleboxes } from "../../../src/sim/index.ts";
import { Payload } from "../../../src/wire/index.ts";
import type { MptcpOption, Packet, TcpSegment } from "../../../src/wire/index.ts";
import { ACK, BoxBench, bytes, CWR, data, ECE, mapping, segment, SYN, tcp, URG } from "./bench.ts";

const CAPABLE: MptcpOption = { kind: "mp_capable", version: 1, flags: 1, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 };
const ANSWER: MptcpOption = { ...CAPABLE, senderKey: new Uint8Array(8) };

function bench(kind: string, parameters: Record<string, unknown> = {}): BoxBench {
  return new BoxBench(middleboxes[kind]!(parameters));
}

function marked(trafficClass: number, fields: Partial<TcpSegment> = {}): Packet {
  return Object.assign(data(1, 10, fields), { trafficClass });
}

describe("an IP header rewriter", () => {
  it("writes DSCP and hop limit, and leaves ECN", () => {
    const box = bench("ip-header-rewriter", { dscp: 10, hopLimit: 5 });
    const [out] = box.outward(marked((46 << 2) | 3));
    expect([out?.trafficClass, out?.hopLimit]).toEqual([(10 << 2) | 3, 5]);
    expect(box.inward(segment({}, "server"))[0]).toMatchObject({ trafficClass: 10 << 2, hopLimit: 5 });
  });

  it("keeps what it is told to keep", () => {
    const box = bench("ip-header-rewriter", { dscp: -1, direction: "outward" });
    expect(box.outward(marked(46 << 2))[0]).toMatchObject({ trafficClass: 46 << 2, hopLimit: 64 });
    expect(box.box.statistics.changed).toBe(0);
    expect(bench("ip-header-rewriter", { direction: "outward" }).inward(Object.assign(segment({}, "server"), { trafficClass: 8 }))[0]?.trafficClass).toBe(8);
  });
});

describe("an ECN bleacher", () => {
  it.each([
    ["all", [0, 0, 0, 0]],
    ["ce", [0, 1, 2, 2]],
    ["none", [0, 1, 2, 3]],
  ])("%s", (codepoints, after) => {
    const box = bench("ecn-bleacher", { codepoints });
    expect([0, 1, 2, 3].map((codepoint) => (box.outward(marked((46 << 2) | codepoint))[0]?.trafficClass ?? 0) & 3)).toEqual(after);
    expect(box.out.every((packet) => packet.trafficClass >> 2 === 46)).toBe(true);
  });

  it("takes the flags off where it is told to", () => {
    const flags = (parameters: Record<string, unknown>, own: number): number => tcp(bench("ecn-bleacher", parameters).outward(segment({ flags: own }))[0]).flags;
    expect(flags({}, SYN | ECE | CWR)).toBe(SYN | ECE | CWR);
    expect(flags({ flags: "syn" }, SYN | ECE | CWR)).toBe(SYN);
    expect(flags({ flags: "syn" }, ACK | ECE)).toBe(ACK | ECE);
    expect(flags({ flags: "all" }, ACK | ECE | CWR)).toBe(ACK);
    expect(flags({ flags: "all", direction: "inward" }, ACK | ECE | CWR)).toBe(ACK | ECE | CWR);
  });
});

describe("an MSS clamp", () => {
  it("lowers what is larger, on SYNs alone", () => {
    const box = bench("mss-clamp", { size: 1000 });
    const size = (fields: Partial<TcpSegment>): number => tcp(box.outward(segment(fields))[0]).maximumSegmentSize;
    expect([size({ flags: SYN, maximumSegmentSize: 1460 }), size({ flags: SYN | ACK, maximumSegmentSize: 1460 })]).toEqual([1000, 1000]);
    expect([size({ flags: SYN, maximumSegmentSize: 536 }), size({ flags: SYN })]).toEqual([536, 0]);
    expect(box.box.statistics.changed).toBe(2);
  });
});

describe("a dropper of data on SYNs", () => {
  it("drops the data, or the segment", () => {
    const syn = (): Packet => segment({ flags: SYN, payload: bytes(1, 30), mptcp: [CAPABLE] });
    const [out] = bench("syn-data-dropper").outward(syn());
    expect([tcp(out).payload.length, tcp(out).mptcp]).toEqual([0, [CAPABLE]]);
    const box = bench("syn-data-dropper", { what: "segment" });
    expect([box.outward(syn()), box.outward(segment({ flags: SYN })).length, box.outward(data(1, 10)).length]).toEqual([[], 1, 1]);
    expect(box.events).toMatchObject([{ kind: "packet_lost", cause: "firewall" }]);
  });
});

describe("a rewriter of SYN+ACKs", () => {
  const through = (options: string): TcpSegment => {
    const box = bench("syn-ack-rewriter", { options });
    box.outward(segment({ flags: SYN, mptcp: [CAPABLE], otherOptions: [{ kind: 254, data: new Uint8Array(2) }] }));
    return tcp(box.inward(segment({ flags: SYN | ACK, mptcp: [ANSWER], maximumSegmentSize: 1460 }, "server"))[0]);
  };

  it("sends back the options of the SYN, adds them, or leaves none", () => {
    expect(through("echo")).toMatchObject({ mptcp: [CAPABLE], otherOptions: [{ kind: 254 }], maximumSegmentSize: 1460 });
    expect(through("add").mptcp).toEqual([ANSWER, CAPABLE]);
    expect(through("none")).toMatchObject({ mptcp: [], otherOptions: [], maximumSegmentSize: 1460 });
  });
});

/** The handshake, with scales, and then windows of both ends. */
function scaled(box: BoxBench, client: number, server: number): void {
  box.outward(segment({ flags: SYN, windowScale: client, window: 60_000 }));
  box.inward(segment({ flags: SYN | ACK, windowScale: server, window: 60_000 }, "server"));
}

describe("a window clamp", () => {
  it("counts with the scales of the SYNs, whose own windows have none", () => {
    const box = bench("window-clamp", { window: 10_000 });
    scaled(box, 7, 3);
    expect([tcp(box.out[0]).window, tcp(box.in[0]).window]).toEqual([10_000, 10_000]);
    const [out] = box.outward(segment({ window: 500 }));
    const [back] = box.inward(segment({ window: 5000 }, "server"));
    expect([tcp(out).window, tcp(back).window]).toEqual([Math.floor(10_000 / 128), 1250]);
    expect(tcp(box.outward(segment({ window: 3 }))[0]).window).toBe(3);
  });

  it("counts without scale where one end has none, and closes a window only when it is told to", () => {
    const box = bench("window-clamp", { window: 10_000 });
    scaled(box, 7, -1);
    expect(tcp(box.outward(segment({ window: 12_000 }))[0]).window).toBe(10_000);
    const small = bench("window-clamp", { window: 5 });
    scaled(small, 7, 7);
    expect(tcp(small.outward(segment({ window: 500 }))[0]).window).toBe(1);
    expect(tcp(bench("window-clamp", { window: 0 }).outward(segment({ window: 500 }))[0]).window).toBe(0);
  });
});

describe("a rewriter of window scales", () => {
  it("converts windows to what the peer was told", () => {
    const box = bench("window-scale-rewriter", { scale: 2 });
    scaled(box, 7, 3);
    expect([tcp(box.out[0]).windowScale, tcp(box.in[0]).windowScale]).toEqual([2, 2]);
    expect(tcp(box.outward(segment({ window: 100 }))[0]).window).toBe(100 * 32);
    expect(tcp(box.outward(segment({ window: 65_000 }))[0]).window).toBe(65_535);
    expect(tcp(box.inward(segment({ window: 101 }, "server"))[0]).window).toBe(202);
  });

  it("leaves them, or what is not meant, or not scaled", () => {
    const left = bench("window-scale-rewriter", { scale: 2, windows: "leave" });
    scaled(left, 7, 3);
    expect(tcp(left.outward(segment({ window: 100 }))[0]).window).toBe(100);
    const inward = bench("window-scale-rewriter", { scale: 2, direction: "inward" });
    scaled(inward, 7, 3);
    expect([tcp(inward.out[0]).windowScale, tcp(inward.outward(segment({ window: 100 }))[0]).window]).toEqual([7, 100]);
    const unscaled = bench("window-scale-rewriter", { scale: 2 });
    scaled(unscaled, 7, -1);
    expect(tcp(unscaled.outward(segment({ window: 100 }))[0]).window).toBe(100);
  });
});

describe("a normaliser", () => {
  const odd: Partial<TcpSegment> = {
    flags: SYN | ECE | CWR | URG, urgentPointer: 3, maximumSegmentSize: 1460, windowScale: 7, sackPermitted: true, hasTimestamps: true,
    mptcp: [CAPABLE], otherOptions: [{ kind: 34, data: new Uint8Array(4) }], payload: bytes(1, 20),
  };

  it("leaves what every TCP has", () => {
    const [out] = bench("normaliser", { size: 1400 }).outward(Object.assign(segment(odd), { trafficClass: 0xb9 }));
    expect(out?.trafficClass).toBe(0);
    expect(tcp(out)).toMatchObject({
      flags: SYN, urgentPointer: 0, maximumSegmentSize: 1400, windowScale: 7, sackPermitted: true, hasTimestamps: true, mptcp: [], otherOptions: [], payload: Payload.EMPTY,
    });
    expect(tcp(bench("normaliser", { timestamps: "remove" }).outward(segment(odd))[0]).hasTimestamps).toBe(false);
  });

  it("looks at its port alone, at either end", () => {
    const other = segment({ ...odd, destinationPort: 443 });
    expect(bench("normaliser").outward(other)).toEqual([other]);
    expect(tcp(other).mptcp).toEqual([CAPABLE]);
    expect(tcp(bench("normaliser", { port: 0 }).outward(segment({ ...odd, destinationPort: 443 }))[0]).mptcp).toEqual([]);
    expect(tcp(bench("normaliser").inward(segment({ ...odd, sourcePort: 80 }, "server"))[0]).mptcp).toEqual([]);
  });
});

describe("a duplicator of options", () => {
  it("writes them as often as there is room", () => {
    const ack: MptcpOption = { kind: "mp_prio", backup: true, addressId: -1 };
    const kinds = (parameters: Record<string, unknown>, mptcp: readonly MptcpOption[]): string[] => tcp(bench("option-duplicator", parameters).outward(segment({ mptcp, hasTimestamps: true }))[0]).mptcp.map(({ kind }) => kind);
    expect(kinds({}, [ack, mapping(1, 10)])).toEqual(["mp_prio", "mp_prio", "dss"]);
    expect(kinds({ copies: 2, options: ["mp_prio"] }, [mapping(1, 10), ack])).toEqual(["dss", "mp_prio", "mp_prio", "mp_prio"]);
    expect(kinds({ copies: 9 }, [ack])).toHaveLength(10);
    expect(kinds({}, [])).toEqual([]);
  });
});

describe("a reorderer of options", () => {
  it("turns their order round, or shuffles it, and loses none", () => {
    const options: readonly MptcpOption[] = [{ kind: "mp_prio", backup: true, addressId: -1 }, mapping(1, 10), { kind: "remove_addr", addressIds: [1] }];
    expect(tcp(bench("option-reorderer").outward(segment({ mptcp: options }))[0]).mptcp).toEqual(options.toReversed());
    const box = bench("option-reorderer", { order: "shuffled" });
    const orders = Array.from({ length: 40 }, () => tcp(box.outward(segment({ mptcp: options }))[0]).mptcp);
    for (const order of orders) expect(order.toSorted((x, y) => (x.kind < y.kind ? -1 : 1)).map(({ kind }) => kind)).toEqual(["dss", "mp_prio", "remove_addr"]);
    expect(new Set(orders.map((order) => order.map(({ kind }) => kind).join(" "))).size).toBe(6);
  });
});
