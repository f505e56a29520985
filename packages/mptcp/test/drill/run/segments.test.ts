import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Dss, TCP_FLAG, type MptcpOption } from "../../../src/wire/index.ts";
import { joinSegments, splitSegment } from "../../../src/drill/run/segments.ts";
import { readLeft, type LivePacket, type LiveTcp } from "../../../src/drill/run/live-packet.ts";
import { FakeTarget, server } from "./fake-target.ts";
import { run, told } from "./running.ts";

const HANDSHAKE = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1
+0 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
`;
const WRITE = `${HANDSHAKE}+0 write(4, ..., 3000) = 3000\n`;

test("a line may stand for several segments in a row, up to the one that is pushed", () => {
  expect(run(`${WRITE}+0 > P. 1:3001(3000) ack 1\n`, server()).passed).toBe(true);
  expect(run(`${WRITE}+0 > . 1:2001(2000) ack 1\n+0 > P. 2001:3001(1000) ack 1\n`, server()).passed).toBe(true);
});

test("several lines may stand for a super-segment", () => {
  expect(run(`${WRITE}+0 > P. 1:1001(1000) ack 1\n+0 > P. 1001:3001(2000) ack 1\n`, server({ super: true })).passed).toBe(true);
});

test("with --strict_segments a line stands for one segment", () => {
  expect(told(`--strict_segments\n${WRITE}+0 > P. 1:3001(3000) ack 1\n`, server())).toContain("seen      0.0 > . 1:1001(1000) ack 1\n");
  expect(told(`--strict_segments\n${WRITE}+0 > . 1:1001(1000) ack 1\n`, server({ super: true }))).toContain("seen      0.0 > P. 1:3001(3000) ack 1\n");
});

test("a segment that is no super-segment is not cut, and what does not come is missing", () => {
  expect(told(`${HANDSHAKE}+0 write(4, ..., 1000) = 1000\n+0 > P. 1:501(500) ack 1\n`, server())).toContain("seen      0.0 > P. 1:1001(1000) ack 1\n");
  expect(told(`${HANDSHAKE}+0 write(4, ..., 1000) = 1000\n+0 > P. 1:2001(2000) ack 1\n`, server())).toContain("seen      0.0 > P. 1:1001(1000) ack 1\n");
});

/** A segment that left, with a mapping. */
function segment(length: number, change: Partial<Dss>, flags: number): LivePacket {
  const left: MptcpOption[] = [Object.assign(new Dss(), { dataAckLength: 4, dataAckLow: 9, dsnLength: 8, dsnHigh: 1, dsnLow: 0xffff_ff00, subflowSequence: 5, dataLength: length, ...change })];
  const other = new FakeTarget({ packet: (packet, fake) => fake.reply(packet, { flags, sequence: 77, length, segmentSize: 10, change: (one) => void (one.mptcp = left) }) });
  run("0 < . 1:1(0) ack 1", other);
  return other.lastLeft === null ? fail() : (readLeft(other.lastLeft) as LivePacket);
}
function fail(): never {
  throw new Error("nothing left");
}
const tcp = (live: LivePacket): LiveTcp => live.body as LiveTcp;
const mapping = (live: LivePacket): Dss => tcp(live).options.find(({ mptcp }) => mptcp instanceof Dss)!.mptcp as Dss;

test("a super-segment that is cut and put together again is the same, mapping included", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 400 }), fc.double({ min: 0.01, max: 0.99, noNaN: true }), fc.boolean(), (length, where, fin) => {
      const whole = segment(length, {}, TCP_FLAG.ACK | TCP_FLAG.PSH | (fin ? TCP_FLAG.FIN : 0));
      const at = Math.max(1, Math.floor(where * length));
      const [first, second] = splitSegment(whole, at);
      expect([tcp(first).payload.length, tcp(second).payload.length]).toEqual([at, length - at]);
      expect([mapping(first).dataLength, mapping(second).dataLength, mapping(second).subflowSequence]).toEqual([at, length - at, 5 + at]);
      const both = joinSegments(first, second)!;
      expect(mapping(both)).toEqual(mapping(whole));
      expect([tcp(both).flags, tcp(both).sequence, tcp(both).payload.length]).toEqual([tcp(whole).flags, tcp(whole).sequence, length]);
      expect(tcp(both).payload.toUint8Array()).toEqual(tcp(whole).payload.toUint8Array());
    }),
    { numRuns: 30 },
  );
});

test("segments that say different things are not put together", () => {
  const [first, second] = splitSegment(segment(20, {}, TCP_FLAG.ACK), 10);
  const change = (live: LivePacket, body: Partial<LiveTcp>): LivePacket => ({ ...live, body: { ...tcp(live), ...body } });
  expect(joinSegments(second, first)).toBeNull();
  expect(joinSegments(first, change(second, { acknowledgment: 5 }))).toBeNull();
  expect(joinSegments(first, change(second, { options: [] }))).toBeNull();
  expect(joinSegments(change(first, { flags: TCP_FLAG.ACK | TCP_FLAG.FIN }), second)).toBeNull();
  expect(joinSegments(first, change(second, { flags: TCP_FLAG.ACK | TCP_FLAG.ECE }))).toBeNull();
});
