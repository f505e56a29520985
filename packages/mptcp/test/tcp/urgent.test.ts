import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import { Packet, Payload, sequenceAdd, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import { CLIENT, MILLISECOND, Pair, SECOND, SERVER } from "./harness.ts";
import { Script } from "./script.ts";

const PLAIN = { sack: false, timestamps: false, windowScaling: false };

/** The urgent events since the last look. */
const isTold = (s: Script): boolean => (s.socket.takeEvents() & STREAM_EVENT.urgent) !== 0;

describe("urgent data that arrives (RFC 9293 §3.8.5, §3.10.7.4)", () => {
  test("is read in line, and the application hears of it and of how much is left", () => {
    const s = new Script(PLAIN).established();
    expect([isTold(s), s.socket.urgent, s.socket.readiness.isUrgent]).toEqual([false, 0, false]);
    s.inject({ flags: "AU", seq: 1, ack: 1, len: 100, urg: 60 });
    expect([isTold(s), s.socket.urgent, s.socket.readiness.isUrgent]).toEqual([true, 60, true]);
    expect(s.read(40)).toBe(40);
    expect(s.socket.urgent).toBe(20);
    expect(s.read(20)).toBe(20);
    expect([s.socket.urgent, s.socket.readiness.isUrgent]).toEqual([0, false]);
    expect(s.read()).toBe(40);
  });

  test("is told of before it comes, and again when there is more, not when the pointer says the same", () => {
    const s = new Script(PLAIN).established();
    s.inject({ flags: "AU", seq: 1, ack: 1, len: 10, urg: 3000 });
    expect([isTold(s), s.socket.urgent]).toEqual([true, 3000]);
    s.inject({ flags: "AU", seq: 11, ack: 1, len: 10, urg: 2990 });
    s.inject({ flags: "AU", seq: 21, ack: 1, len: 10, urg: 100 });
    expect([isTold(s), s.socket.urgent]).toEqual([false, 3000]);
    s.inject({ flags: "AU", seq: 31, ack: 1, len: 10, urg: 5000 });
    expect([isTold(s), s.socket.urgent]).toEqual([true, 5030]);
  });

  test("a pointer into what was read already tells nothing, nor does one without URG", () => {
    const s = new Script(PLAIN).established().inject({ seq: 1, ack: 1, len: 100, urg: 50 });
    expect([isTold(s), s.socket.urgent, s.read()]).toEqual([false, 0, 100]);
    s.inject({ flags: "AU", seq: 101, ack: 1, len: 10, urg: 0 });
    expect([isTold(s), s.socket.urgent]).toEqual([false, 10 - 10]);
  });

  test("is told of although the window is closed, and there is no data in the segment", () => {
    const s = new Script({ ...PLAIN, receiveBuffer: { initial: 2000, max: 2000, autoTune: false } }).established();
    s.inject({ seq: 1, ack: 1, len: 1000 }).inject({ seq: 1001, ack: 1, len: 1000 }).discard();
    expect(s.tcp.receiver.rightEdge).toBe(2000);
    s.inject({ flags: "AU", seq: 2001, ack: 1, urg: 77 });
    expect([isTold(s), s.socket.urgent]).toEqual([true, 2077]);
  });

  test("is told of by what comes out of order, and by the SYN+ACK, whose pointer is counted from the SYN", () => {
    const s = new Script(PLAIN).established().inject({ flags: "AU", seq: 1001, ack: 1, len: 1000, urg: 500 });
    expect([isTold(s), s.socket.urgent]).toEqual([true, 1500]);
    const client = new Script(PLAIN).connect().inject({ flags: "SAU", seq: 0, ack: 1, urg: 6 });
    expect([client.state, isTold(client), client.socket.urgent]).toEqual(["ESTABLISHED", true, 5]);
  });

  test("what is not acceptable says nothing, and neither does anything behind the peer's FIN", () => {
    const s = new Script(PLAIN).established().inject({ flags: "AU", seq: 200_000, ack: 1, len: 10, urg: 10 });
    expect([isTold(s), s.socket.urgent]).toEqual([false, 0]);
    s.inject({ flags: "FA", seq: 1, ack: 1, len: 10 }).inject({ flags: "AU", seq: 12, ack: 1, urg: 100 });
    expect([s.state, isTold(s), s.socket.urgent]).toEqual(["CLOSE-WAIT", false, 0]);
  });

  test("a pointer beyond the end of the stream ends with it", () => {
    const s = new Script(PLAIN).established().inject({ flags: "FAU", seq: 1, ack: 1, len: 10, urg: 1000 });
    expect(s.socket.urgent).toBe(10);
    expect([s.read(), s.socket.urgent, s.socket.readiness.isUrgent]).toEqual([10, 0, false]);
  });

  test("whoever does not read any more hears of none", () => {
    const s = new Script(PLAIN).established();
    s.socket.stopReading(s.now);
    s.inject({ flags: "AU", seq: 1, ack: 1, len: 10, urg: 10 });
    expect([isTold(s), s.socket.urgent]).toEqual([false, 0]);
  });
});

describe("urgent data that is sent", () => {
  test("the pointer is that of the octet behind it, on everything that is sent before its end, also again", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND).write(1000).writeUrgent(500).write(10).write(3000);
    s.expect({ flags: "PA", seq: 1, len: 1000 }).expect({ flags: "PAU", seq: 1001, len: 500, urg: 500 }).expect({ flags: "PA", seq: 1501, len: 10, urg: 0 }).expectData(1511, 3).silent();
    for (let i = 0; i < 3; i++) s.inject({ seq: 1, ack: 1 });
    s.expect({ flags: "PAU", seq: 1, len: 1000, urg: 1500 });
    s.discard().inject({ seq: 1, ack: 1501 }).discard().inject({ seq: 1, ack: 1501, len: 1 }).expect({ flags: "A", urg: 0 });
  });

  test("a segment that is acknowledged and holds no urgent octet carries no URG: nor does a pure ACK behind it", () => {
    const s = new Script(PLAIN).established().writeUrgent(10).expect({ flags: "PAU", urg: 10 });
    s.inject({ seq: 1, ack: 11, len: 1 }).expect({ flags: "A", seq: 11, urg: 0 }).write(5).expect({ flags: "PA", seq: 11, urg: 0 });
  });

  test("an ACK says that there is more urgent data than the window has room for", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND, {}, 1000).write(1000).discard().writeUrgent(2000).silent();
    s.inject({ seq: 1, ack: 1, len: 1, win: 1000 }).expect({ flags: "AU", seq: 1001, len: 0, urg: 2000 });
  });

  test("it does not wait: neither for Nagle's algorithm, nor for a cork", () => {
    const s = new Script(PLAIN).established().write(10).discard().write(10).silent().writeUrgent(1).expect({ flags: "PAU", seq: 11, len: 11, urg: 11 }).silent();
    s.socket.configure({ cork: true }, s.now);
    s.inject({ seq: 1, ack: 22 }).write(10).silent().writeUrgent(1).expect({ flags: "PAU", seq: 22, len: 11, urg: 11 });
  });

  test("an end that is too far away for the field is told as the farthest that it can tell", () => {
    const buffer = { sendBuffer: { initial: 1_000_000, max: 1_000_000, autoTune: false } };
    const s = new Script({ timestamps: false, sack: false, ...buffer }).established({ ws: 6 }, 65535).writeUrgent(200_000);
    for (let i = 0; i < 10; i++) s.expect({ flags: "AU", seq: 1 + 1000 * i, urg: 65535 });
    s.silent();
    let seen = 0;
    let isRight = true;
    for (let ack = 10_001; ack <= 200_001; ack += 1000) {
      s.inject({ seq: 1, ack });
      while (s.pending > 0) {
        const { flags, payload, sequence, urgentPointer } = s.take();
        const ahead = 200_001 - ((sequence - s.iss) >>> 0);
        isRight &&= (flags & TCP_FLAG.URG) !== 0 && urgentPointer === Math.min(ahead, 65535) && payload.length > 0;
        seen += payload.length;
      }
    }
    expect([seen, isRight]).toEqual([190_000, true]);
  });

  test("a retransmission far before the end says nothing where its field could only point at what was sent already", () => {
    const buffer = { sendBuffer: { initial: 1_000_000, max: 1_000_000, autoTune: false } };
    const s = new Script({ timestamps: false, sack: false, initialWindowSegments: 100, ...buffer }).establishedAfter(50 * MILLISECOND, { ws: 6 }, 65535).writeUrgent(100_000);
    expect(s.pending).toBe(100);
    s.discard();
    for (let i = 0; i < 3; i++) s.inject({ seq: 1, ack: 1 });
    expect(s.take()).toMatchObject({ flags: TCP_FLAG.ACK, urgentPointer: 0 });
  });

  test("there are no super-segments while it is outstanding, and one that was sent before is cut when it is sent again", () => {
    const s = new Script({ ...PLAIN, segmentationLimit: 64_000 }).establishedAfter(50 * MILLISECOND).write(8000);
    expect(s.take()).toMatchObject({ segmentSize: 1000, urgentPointer: 0 });
    s.writeUrgent(1500).expect({ flags: "AU", seq: 8001, len: 1000, urg: 1500 }).expect({ flags: "PAU", seq: 9001, len: 500, urg: 500 });
    for (let i = 0; i < 3; i++) s.inject({ seq: 1, ack: 1 });
    s.expect({ flags: "AU", seq: 1, len: 1000, urg: 9500 });
    s.discard().inject({ seq: 1, ack: 9501 }).write(5000);
    expect(s.take()).toMatchObject({ segmentSize: 1000, urgentPointer: 0 });
  });

  test("beside a probe of a closed window an ACK tells of it, which may be taken all the same (RFC 9293 §3.10.7.4)", () => {
    const s = new Script(PLAIN).establishedAfter(50 * MILLISECOND).inject({ seq: 1, ack: 1, win: 0 }).writeUrgent(10).silent().advance(2 * SECOND);
    s.expect({ flags: "AU", seq: 1, len: 0, urg: 10 }).expect({ flags: "AU", seq: 0, len: 0, urg: 11 });
    s.discard().inject({ seq: 1, ack: 1, win: 1000 }).expect({ flags: "PAU", seq: 1, len: 10, urg: 10 });
  });

  test("behind a FIN there is none", () => {
    const s = new Script(PLAIN).established().writeUrgent(10).end().discard();
    expect(() => s.socket.writeUrgent(Payload.virtual(1), true, s.now)).toThrow(expect.objectContaining({ code: "ERR_STREAM_WRITE_AFTER_END" }) as Error);
  });

  test("what there was no room for is not urgent yet", () => {
    const s = new Script({ ...PLAIN, sendBuffer: { initial: 1000, max: 1000, autoTune: false } }).established();
    expect(s.socket.writeUrgent(Payload.virtual(1500), true, s.now)).toBe(1000);
    s.poll();
    s.expect({ flags: "PAU", len: 1000, urg: 1000 });
    expect(s.socket.writeUrgent(Payload.virtual(1), true, s.now)).toBe(0);
    s.inject({ seq: 1, ack: 1001, len: 1 }).expect({ flags: "A", urg: 0 });
  });
});

test("urgent pointers, whatever they say, never change the octets that are delivered", () => {
  const TEXT = Uint8Array.from({ length: 5000 }, (_, i) => (i * 37 + (i >> 5)) & 255);
  const piece = fc.record({ from: fc.nat(4999), length: fc.integer({ min: 0, max: 1500 }), urg: fc.oneof(fc.nat(0xffff), fc.nat(10)), isUrgent: fc.boolean(), read: fc.nat(3000) });
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), fc.boolean(), (pieces, sack) => {
    const s = new Script({ ...PLAIN, sack }).established();
    const got: number[] = [];
    let told = 0;
    const arrive = (from: number, length: number, flags: number, urgentPointer: number): void => {
      const segment = new TcpSegment();
      Object.assign(segment, { sourcePort: 80, destinationPort: 40000, flags, sequence: sequenceAdd(s.peerIss, 1 + from), acknowledgment: sequenceAdd(s.iss, 1), window: 65535, urgentPointer });
      segment.payload = Payload.of(TEXT.slice(from, from + length));
      const packet = new Packet(SERVER, CLIENT);
      packet.tcp = segment;
      packet.length = 40 + segment.payload.length;
      s.tcp.receive(packet, s.now);
      s.poll();
    };
    const read = (most: number): void => {
      for (let left = most, payload = s.socket.read(left, s.now); payload !== null; payload = left > 0 ? s.socket.read(left, s.now) : null) {
        got.push(...payload.toUint8Array());
        left -= payload.length;
      }
    };
    for (const { from, isUrgent, length, read: most, urg } of pieces) {
      const end = from + urg;
      arrive(from, length, TCP_FLAG.ACK | (isUrgent ? TCP_FLAG.URG : 0), urg);
      if (isUrgent && length > 0) told = Math.max(told, end);
      // Nothing is ahead that nobody told of.
      expect(s.socket.urgent).toBeLessThanOrEqual(Math.max(0, told - got.length, s.socket.urgent > 0 ? s.tcp.receiver.urgentEnd - got.length : 0));
      if (most > 0) read(most);
      expect(s.socket.urgent).toBe(Math.max(0, s.tcp.receiver.urgentEnd - got.length));
    }
    arrive(0, 1460, TCP_FLAG.ACK, 0);
    for (let at = 0; at < TEXT.length; at += 1000) arrive(at, 1000, TCP_FLAG.ACK, 0);
    read(Number.MAX_SAFE_INTEGER);
    expect(Buffer.from(got).equals(TEXT)).toBe(true);
  }));
});

test("urgent data arrives as it was written over any path, and its end is known where it was written", () => {
  const write = fc.record({ length: fc.integer({ min: 1, max: 6000 }), isUrgent: fc.boolean() });
  const path = fc.record({ delay: fc.constantFrom(0, 20 * MILLISECOND), loss: fc.constantFrom(0, 0.1), duplicate: fc.constantFrom(0, 0.05), reorder: fc.constantFrom(0, 0.1), jitter: fc.constant(20 * MILLISECOND), cut: fc.constantFrom(0, 1448) });
  fc.assert(fc.property(path, path, fc.array(write, { minLength: 1, maxLength: 20 }), fc.constantFrom(0, 30_000), fc.integer({ min: 1, max: 2 ** 31 }), (forward, backward, writes, segmentationLimit, seed) => {
    const pair = new Pair({ forward, backward, client: { segmentationLimit }, seed });
    pair.open();
    const total = writes.reduce((sum, { length }) => sum + length, 0);
    const text = Uint8Array.from({ length: total }, (_, i) => (i * 131 + (i >> 7)) & 255);
    const lastUrgent = writes.reduce(([at, end], { length, isUrgent }) => [at + length, isUrgent ? at + length : end] as [number, number], [0, 0] as [number, number])[1];
    const got: number[] = [];
    let [index, written, into, known] = [0, 0, 0, 0];
    pair.application = () => {
      while (index < writes.length) {
        const { isUrgent, length } = writes[index]!;
        const payload = Payload.of(text.slice(written, written + length - into));
        const taken = isUrgent ? pair.a.writeUrgent(payload, false, pair.now) : pair.a.write(payload, false, pair.now);
        written += taken;
        into += taken;
        if (into < length) break;
        index++;
        into = 0;
      }
      if (index === writes.length) pair.a.end(pair.now);
      if (pair.server.socket === null) return;
      if (pair.b.urgent > 0) known = Math.max(known, got.length + pair.b.urgent);
      for (let payload = pair.b.read(5000, pair.now); payload !== null; payload = pair.b.read(5000, pair.now)) got.push(...payload.toUint8Array());
      if (pair.b.ended) pair.b.end(pair.now);
    };
    pair.runUntil(() => pair.server.socket !== null && pair.b.ended, 1000 * SECOND);
    expect(Buffer.from(got).equals(text)).toBe(true);
    expect(known).toBeLessThanOrEqual(lastUrgent);
    if (forward.loss === 0 && forward.reorder === 0) expect(known).toBe(lastUrgent);
  }), { numRuns: 60 });
});
