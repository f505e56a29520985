import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DataReceiver } from "../../src/mptcp/data/receiver.ts";
import type { BufferConfig } from "../../src/tcp/index.ts";
import { Payload } from "../../src/wire/index.ts";

const SIZE = 4000;
const STREAM = Uint8Array.from({ length: 3 * SIZE }, (_, i) => (i * 31 + (i >> 8)) & 255);

function buffer(size: number): BufferConfig {
  return { initial: size, max: size, autoTune: false };
}

function part(from: number, to: number): Payload {
  return new Payload(STREAM, from, to - from);
}

function readAll(receiver: DataReceiver, max = Number.POSITIVE_INFINITY): number[] {
  const bytes: number[] = [];
  for (let payload = receiver.read(max); payload !== null; payload = receiver.read(max)) bytes.push(...payload.toUint8Array());
  return bytes;
}

describe("connection-level reassembly", () => {
  const segment = fc.record({ at: fc.nat(2 * SIZE), length: fc.integer({ min: 1, max: 900 }), read: fc.oneof(fc.constant(0), fc.nat(1500)), advertise: fc.boolean() });

  test("gives the stream in order, once, whatever the order, overlaps and duplicates; the window's right edge never moves left", () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 60 }), fc.nat(2 * SIZE), fc.nat(60), fc.constantFrom("ignored", "taken"), (segments, fin, finAt, belowData) => {
        const receiver = new DataReceiver(buffer(SIZE));
        const arrived = new Set<number>();
        const output: number[] = [];
        let right = receiver.right;
        expect(right).toBe(SIZE);
        segments.forEach(({ at, length, read, advertise }, i) => {
          if (i === finAt && receiver.insertFin(fin, belowData)) {
            for (const offset of arrived) if (offset >= fin) arrived.delete(offset);
          }
          const end = at + length;
          if (receiver.acceptable(end)) {
            const before = receiver.readable;
            const gained = receiver.insert(at, part(at, end), 0, 0);
            expect(receiver.readable - before).toBe(gained);
            for (let offset = at; offset < end; offset++) if (receiver.finOffset < 0 || offset < receiver.finOffset) arrived.add(offset);
          } else {
            expect(end).toBeGreaterThan(right);
          }
          let next = 0;
          while (arrived.has(next)) next++;
          expect(receiver.nxt).toBe(next);
          expect(receiver.finReached).toBe(receiver.finOffset === next);
          expect(receiver.acknowledgment).toBe(receiver.finOffset === next ? next + 1 : next);
          if (read > 0) {
            const payload = receiver.read(read);
            if (payload !== null) output.push(...payload.toUint8Array());
          }
          if (advertise) expect(receiver.nxt + receiver.advertise()).toBe(receiver.right);
          expect(receiver.right).toBeGreaterThanOrEqual(right);
          right = receiver.right;
          // Everything held lies between what was read and the right edge.
          expect(receiver.buffered).toBe(arrived.size - output.length);
          expect(receiver.buffered).toBeLessThanOrEqual(SIZE);
          expect(right - output.length).toBeLessThanOrEqual(SIZE);
        });
        output.push(...readAll(receiver));
        expect(output).toEqual([...STREAM.subarray(0, receiver.nxt)]);
      }),
      { seed: 334, numRuns: 150 },
    );
  });

  test("completes when the missing piece comes last", () => {
    const receiver = new DataReceiver(buffer(SIZE));
    for (let at = 3900; at >= 100; at -= 100) expect(receiver.insert(at, part(at, at + 100), 0, 0)).toBe(0);
    expect(receiver.insert(0, part(0, 100), 0, 0)).toBe(4000);
    expect(readAll(receiver)).toEqual([...STREAM.subarray(0, 4000)]);
  });

  test("drops duplicates and what lies before the stream's reading position", () => {
    const receiver = new DataReceiver(buffer(SIZE));
    expect(receiver.insert(0, part(0, 500), 0, 0)).toBe(500);
    expect(receiver.insert(0, part(0, 500), 0, 0)).toBe(0);
    expect(receiver.insert(100, part(100, 600), 0, 0)).toBe(100);
    expect(readAll(receiver)).toEqual([...STREAM.subarray(0, 600)]);
  });

  test("drops what lies behind the DATA_FIN", () => {
    const receiver = new DataReceiver(buffer(SIZE));
    receiver.insertFin(300, "ignored");
    expect(receiver.insert(300, part(300, 400), 0, 0)).toBe(0);
    expect(receiver.insert(200, part(200, 400), 0, 0)).toBe(0);
    expect(receiver.buffered).toBe(100);
    expect(receiver.insert(0, part(0, 200), 0, 0)).toBe(300);
    expect(receiver.finReached).toBe(true);
    expect(receiver.acknowledgment).toBe(301);
  });

  test("takes a DATA_FIN below data, or not, and never one within it", () => {
    for (const belowData of ["ignored", "taken"] as const) {
      const receiver = new DataReceiver(buffer(SIZE));
      receiver.insert(100, part(100, 200), 0, 0);
      receiver.insert(300, part(300, 400), 0, 0);
      for (const within of [100, 150, 300, 399]) expect(receiver.insertFin(within, belowData)).toBe(false);
      expect(receiver.insertFin(250, belowData)).toBe(belowData === "taken");
      expect(receiver.buffered).toBe(belowData === "taken" ? 100 : 200);
      expect(receiver.insert(0, part(0, 100), 0, 0)).toBe(200);
      expect(receiver.insert(200, part(200, 250), 0, 0)).toBe(50);
      expect(receiver.acknowledgment).toBe(belowData === "taken" ? 251 : 250);
      expect(readAll(receiver)).toEqual([...STREAM.subarray(0, 250)]);
    }
  });

  test("acknowledges the DATA_FIN of an empty stream", () => {
    const receiver = new DataReceiver(buffer(SIZE));
    expect(receiver.acknowledgment).toBe(0);
    receiver.insertFin(0, "ignored");
    expect(receiver.acknowledgment).toBe(1);
  });

  test("holds separate runs in bounded memory, what the subflows hold included", () => {
    const size = 1 << 20;
    for (const elsewhere of [0, 3 * size]) {
      const receiver = new DataReceiver(buffer(size));
      for (let at = 1; at < 200_000; at += 2) receiver.insert(at, part(7, 8), elsewhere, 0);
      expect(receiver.buffered).toBeGreaterThan(1000);
      expect(receiver.reorderMemory + elsewhere).toBeLessThanOrEqual(4 * size);
    }
  });
});

describe("the shared receive window (RFC 8684 §3.3.4)", () => {
  test("shrinks as unread data arrives, by nothing else", () => {
    const receiver = new DataReceiver(buffer(1000));
    expect(receiver.advertise()).toBe(1000);
    receiver.insert(500, part(500, 800), 0, 0);
    expect(receiver.advertise()).toBe(1000);
    receiver.insert(0, part(0, 100), 0, 0);
    expect(receiver.advertise()).toBe(900);
    expect(receiver.takeClosed()).toBe(false);
    receiver.insert(100, part(100, 500), 0, 0);
    expect(receiver.nxt).toBe(800);
    expect(receiver.advertise()).toBe(200);
    // Less than half of the buffer, or than a segment, counts as closed.
    expect(receiver.takeClosed()).toBe(true);
    receiver.insert(800, part(800, 1000), 0, 0);
    expect(receiver.advertise()).toBe(0);
  });

  test("accepts data up to its right edge exactly", () => {
    const receiver = new DataReceiver(buffer(1000));
    expect(receiver.acceptable(1000)).toBe(true);
    expect(receiver.acceptable(1001)).toBe(false);
    receiver.insert(0, part(0, 400), 0, 0);
    readAll(receiver);
    expect(receiver.acceptable(1001)).toBe(false);
    receiver.advertise();
    expect(receiver.acceptable(1400)).toBe(true);
    expect(receiver.acceptable(1401)).toBe(false);
  });

  test("wants an update once a segment's worth was read and the peer's rest is no larger than the gain", () => {
    const receiver = new DataReceiver(buffer(10_000));
    receiver.advertise();
    receiver.insert(0, part(0, 8000), 0, 0);
    receiver.read(1400);
    expect(receiver.updateWorthwhile(1460)).toBe(false);
    receiver.read(500);
    // 1900 read, 2000 left.
    expect(receiver.updateWorthwhile(1460)).toBe(false);
    receiver.read(200);
    expect(receiver.updateWorthwhile(1460)).toBe(true);
    receiver.advertise();
    expect(receiver.updateWorthwhile(1460)).toBe(false);
  });

  test("a buffer smaller than two segments opens by halves (RFC 9293 §3.8.6.2.2)", () => {
    const receiver = new DataReceiver(buffer(1000));
    receiver.advertise();
    receiver.insert(0, part(0, 1000), 0, 0);
    expect(receiver.advertise()).toBe(0);
    receiver.read(499);
    expect(receiver.updateWorthwhile(1460)).toBe(false);
    receiver.read(1);
    expect(receiver.updateWorthwhile(1460)).toBe(true);
  });

  test("grows to twice what the application takes in the longest round-trip time, up to its maximum", () => {
    const MILLISECOND = 1_000_000;
    const receiver = new DataReceiver({ initial: 20_000, max: 300_000, autoTune: true });
    expect(receiver.limit).toBe(20_000);
    let now = 0;
    let previous = receiver.limit;
    for (let round = 0; round < 30; round++) {
      // 100 kB per 100 ms.
      for (let i = 0; i < 10; i++) {
        receiver.consumed(10_000, 100 * MILLISECOND, 1400, now);
        now += 10 * MILLISECOND;
      }
      expect(receiver.limit).toBeGreaterThanOrEqual(previous);
      previous = receiver.limit;
    }
    expect(receiver.limit).toBeGreaterThanOrEqual(200_000);
    expect(receiver.limit).toBeLessThanOrEqual(300_000);
    const fixed = new DataReceiver({ initial: 20_000, max: 300_000, autoTune: false });
    for (let i = 0; i < 300; i++) fixed.consumed(10_000, 100 * MILLISECOND, 1400, i * 10 * MILLISECOND);
    expect(fixed.limit).toBe(20_000);
  });
});
