import { describe, expect, it } from "vitest";
import { middleboxes } from "../../../src/sim/index.ts";
import { ACK, BoxBench, data, mapping, segment, SYN } from "./bench.ts";

function bench(parameters: Record<string, unknown> = {}): BoxBench {
  return new BoxBench(middleboxes["black-hole"]!(parameters));
}

describe("a black hole", () => {
  it("drops what carries Multipath TCP, by default, and tells it by name", () => {
    const box = bench();
    expect(box.outward(segment({ flags: SYN, mptcp: [mapping(1, 1)] }))).toEqual([]);
    expect(box.inward(segment({ mptcp: [mapping(1, 1)] }, "server"))).toEqual([]);
    const plain = data(1, 10, { hasTimestamps: true });
    expect(box.outward(plain)).toEqual([plain]);
    expect(box.box.statistics).toEqual({ seen: 3, sent: 1, changed: 0, dropped: 2 });
    expect(box.events).toMatchObject([{ kind: "packet_lost", cause: "black_hole", host: "box" }, { kind: "packet_lost", cause: "black_hole" }]);
  });

  it("drops by other options", () => {
    const box = bench({ options: ["timestamps", 254] });
    expect(box.outward(segment({ hasTimestamps: true }))).toEqual([]);
    expect(box.outward(segment({ otherOptions: [{ kind: 254, data: new Uint8Array(1) }] }))).toEqual([]);
    expect(box.outward(segment({ mptcp: [mapping(1, 1)] }))).toHaveLength(1);
  });

  it("spares segments that are not meant: a third ACK, here, but not data", () => {
    const box = bench({ segments: ["third-ack"] });
    const mptcp = [mapping(1, 1)];
    expect(box.outward(segment({ flags: SYN, sequence: 100, mptcp }))).toHaveLength(1);
    expect(box.inward(segment({ flags: SYN | ACK, sequence: 500, acknowledgment: 101, mptcp }, "server"))).toHaveLength(1);
    expect(box.outward(segment({ sequence: 101, acknowledgment: 501, mptcp }))).toHaveLength(0);
    expect(box.outward(data(101, 10, { acknowledgment: 501, mptcp }))).toHaveLength(1);
  });
});
