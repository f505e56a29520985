import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/core/index.ts";
import { ReassemblyQueue, ReceiveQueue, SendQueue } from "../../src/tcp/index.ts";
import { Payload } from "../../src/wire/index.ts";

/** The bytes of a stream: byte i is a function of i. */
function stream(from: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => ((from + i) * 31 + ((from + i) >> 8)) & 255);
}

/** The general comparison takes many times as long, and has only to say what differs. */
function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) !== 0) expect(actual).toEqual(expected);
}

describe("SendQueue", () => {
  test("slices are what was appended, whatever the pieces, copied or kept, and across releases", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("append" as const), length: fc.integer({ min: 0, max: 9000 }), keep: fc.boolean() }),
      fc.record({ kind: fc.constant("slice" as const), at: fc.double({ min: 0, max: 1, noNaN: true }), length: fc.integer({ min: 1, max: 3000 }) }),
      fc.record({ kind: fc.constant("release" as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const queue = new SendQueue();
        for (const op of steps) {
          const held = queue.end - queue.start;
          if (op.kind === "append") {
            const bytes = stream(queue.end, op.length);
            queue.append(Payload.of(bytes), op.keep);
            // A copied buffer may be used again at once.
            if (!op.keep) bytes.fill(0);
          } else if (op.kind === "slice" && held > 0) {
            const from = queue.start + Math.floor(op.at * (held - 1));
            const length = Math.min(op.length, queue.end - from);
            expect(queue.slice(from, length).toUint8Array()).toEqual(stream(from, length));
          } else if (op.kind === "release") {
            const to = queue.start + Math.floor(op.part * held);
            queue.release(to);
            expect(queue.start).toBe(to);
          }
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("short messages of several queues share memory, and none can be reached from another one's", () => {
    const queues = Array.from({ length: 100 }, () => new SendQueue());
    queues.forEach((queue, i) => queue.append(Payload.of(stream(i * 1000, 100)), false));
    const slices = queues.map((queue) => queue.slice(0, 100));
    expect(new Set(slices.map(({ bytes }) => bytes?.buffer)).size).toBeLessThanOrEqual(6);
    slices.forEach(({ bytes, offset, length }, i) => {
      // What is saved of a queue is the whole array.
      expect([bytes?.length, offset, length]).toEqual([100, 0, 100]);
      expectBytes(bytes as Uint8Array, stream(i * 1000, 100));
    });
  });

  test("virtual writes merge, and a run as long as the last one is the same object", () => {
    const queue = new SendQueue();
    for (let i = 0; i < 1000; i++) queue.append(Payload.virtual(1000), true);
    expect(queue.length).toBe(1_000_000);
    const first = queue.slice(0, 1448);
    expect(first.bytes).toBeNull();
    expect(queue.slice(500_000, 1448)).toBe(first);
    queue.release(999_999);
    expect(queue.slice(999_999, 1).length).toBe(1);
    queue.release(2_000_000);
    expect(queue.start).toBe(1_000_000);
    queue.append(Payload.of(stream(1_000_000, 10)), false);
    expect(queue.slice(1_000_002, 3).toUint8Array()).toEqual(stream(1_000_002, 3));
  });

  test("virtual and real bytes in one slice: zeros for the virtual ones", () => {
    const queue = new SendQueue();
    queue.append(Payload.virtual(4), true);
    queue.append(Payload.of(Uint8Array.of(1, 2, 3)), true);
    queue.append(Payload.virtual(2), true);
    expect([...queue.slice(2, 6).toUint8Array()]).toEqual([0, 0, 1, 2, 3, 0]);
  });

  test("a slice inside a chunk shares its buffer", () => {
    const bytes = stream(0, 5000);
    const queue = new SendQueue();
    queue.append(Payload.of(bytes), true);
    expect(queue.slice(100, 1448).bytes).toBe(bytes);
  });
});

describe("ReceiveQueue", () => {
  test("gives the bytes in order without copying", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: -500, max: -1 })), { maxLength: 100 }), (steps) => {
        const queue = new ReceiveQueue();
        let pushed = 0;
        let read = 0;
        for (const step of steps) {
          if (step > 0) {
            queue.push(Payload.of(stream(pushed, step)));
            pushed += step;
          } else {
            const payload = queue.read(-step);
            if (payload !== null) {
              expect(payload.length).toBeLessThanOrEqual(-step);
              expectBytes(payload.toUint8Array(), stream(read, payload.length));
              read += payload.length;
            } else expect(read).toBe(pushed);
          }
          expect(queue.length).toBe(pushed - read);
        }
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  test("many single octets take little more than their number, and come out as they were", () => {
    const count = 100_000;
    const bytes = stream(0, count);
    const queue = new ReceiveQueue();
    let most = 0;
    for (let i = 0; i < count; i++) {
      queue.push(Payload.of(bytes.slice(i, i + 1)));
      most = Math.max(most, queue.memory - i);
    }
    expect(most).toBeLessThan(65_536);
    let next = 0;
    for (let piece = queue.read(701); piece !== null; piece = queue.read(701)) {
      expectBytes(piece.toUint8Array(), bytes.subarray(next, next + piece.length));
      next += piece.length;
    }
    expect([next, queue.memory]).toEqual([count, 0]);
  });

  test("small and large ones mixed, read while they arrive, are the stream", () => {
    const random = new SeededRandom(11);
    const queue = new ReceiveQueue();
    let pushed = 0;
    let read = 0;
    for (let i = 0; i < 5000; i++) {
      const length = random.uint32() % 5 === 0 ? 1024 + (random.uint32() % 500) : 1 + (random.uint32() % 40);
      queue.push(Payload.of(stream(pushed, length)));
      pushed += length;
      const piece = random.uint32() % 3 === 0 ? queue.read(1 + (random.uint32() % 900)) : null;
      if (piece === null) continue;
      expectBytes(piece.toUint8Array(), stream(read, piece.length));
      read += piece.length;
    }
    expect(queue.length).toBe(pushed - read);
  });

  test("virtual runs merge", () => {
    const queue = new ReceiveQueue();
    for (let i = 0; i < 100; i++) queue.push(Payload.virtual(10));
    expect(queue.read(5000)?.length).toBe(1000);
    expect(queue.read(1)).toBeNull();
  });
});

/** More than these tests need. */
const MEMORY = 1e9;

describe("ReassemblyQueue", () => {
  const segment = fc.record({ offset: fc.integer({ min: 0, max: 400 }), length: fc.integer({ min: 1, max: 60 }), virtual: fc.boolean() });

  test("agrees with a model: bytes stored, ranges, and what comes out", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: segment }, fc.constant("pop" as const)), { maxLength: 80 }), fc.boolean(), (steps, onlyVirtual) => {
        const queue = new ReassemblyQueue(MEMORY);
        const model = new Set<number>();
        let expected = 0;
        for (const step of steps) {
          if (step === "pop") {
            const payload = queue.pop(expected);
            for (const at of model) if (at < expected) model.delete(at);
            if (payload === null) expect(model.has(expected)).toBe(false);
            else {
              if (payload.bytes !== null) expectBytes(payload.toUint8Array(), stream(expected, payload.length));
              let unknown = 0;
              for (let i = 0; i < payload.length; i++) if (!model.delete(expected + i)) unknown++;
              expect(unknown).toBe(0);
              expected += payload.length;
            }
            if (payload === null) expected += 7;
          } else {
            const virtual = onlyVirtual || step.virtual;
            const payload = virtual ? Payload.virtual(step.length) : Payload.of(stream(step.offset, step.length));
            let fresh = 0;
            for (let i = step.offset; i < step.offset + step.length; i++) {
              if (!model.has(i)) fresh++;
              model.add(i);
            }
            expect(queue.insert(step.offset, payload)).toBe(fresh);
          }
        }
        compare(queue, model, expected);
        if (onlyVirtual) expect(queue.pieces).toBe(queue.ranges);
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  test("50,000 separate ranges in any order: no quadratic work", () => {
    const random = new SeededRandom(5);
    const order = Array.from({ length: 50_000 }, (_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = random.uint32() % (i + 1);
      [order[i], order[j]] = [order[j] as number, order[i] as number];
    }
    const queue = new ReassemblyQueue(MEMORY);
    for (const i of order) expect(queue.insert(1 + i * 20, Payload.virtual(10))).toBe(10);
    expect(queue.ranges).toBe(50_000);
    expect(queue.highest).toBe(1 + 49_999 * 20 + 10);
    for (const i of order) queue.insert(11 + i * 20, Payload.virtual(10));
    expect(queue.ranges).toBe(1);
    expect(queue.insert(0, Payload.virtual(1))).toBe(1);
    expect(queue.pop(0)?.length).toBe(1_000_001);
    expect(queue.bytes).toBe(0);
  });

  test("the limit on memory refuses, and lets go again", () => {
    const one = new ReassemblyQueue(MEMORY);
    one.insert(10, Payload.of(Uint8Array.of(1)));
    const queue = new ReassemblyQueue(3 * one.memory);
    for (let i = 0; i < 5; i++) queue.insert(10 + 10 * i, Payload.of(Uint8Array.of(1)));
    expect([queue.pieces, queue.bytes, queue.memory]).toEqual([3, 3, 3 * one.memory]);
    expect(queue.pop(10)?.length).toBe(1);
    expect(queue.insert(60, Payload.of(Uint8Array.of(1)))).toBe(1);
    queue.clear();
    expect(queue.memory).toBe(0);
    expect(queue.rangeAt(20)).toBeNull();
    expect(queue.highest).toBe(-1);
  });

  test.each(["ascending", "descending", "shuffled"])("single octets that touch are put together, and come out as they were (%s)", (order) => {
    const count = 60_000;
    const random = new SeededRandom(7);
    const offsets = Array.from({ length: count }, (_, i) => (order === "descending" ? count - i : i + 1));
    if (order === "shuffled") {
      // In blocks, as what is not touching at all cannot be put together.
      for (let i = 0; i < count; i++) {
        const j = i - (i % 500) + (random.uint32() % 500);
        [offsets[i], offsets[j]] = [offsets[j] as number, offsets[i] as number];
      }
    }
    const bytes = stream(0, count + 1);
    const queue = new ReassemblyQueue(4 * 65536);
    let most = 0;
    for (const offset of offsets) {
      expect(queue.insert(offset, Payload.of(bytes.slice(offset, offset + 1)))).toBe(1);
      most = Math.max(most, queue.memory);
    }
    expect(most).toBeLessThanOrEqual(4 * 65536);
    expect([queue.bytes, queue.ranges]).toEqual([count, 1]);
    let next = 1;
    for (let piece = queue.pop(next); piece !== null; piece = queue.pop(next)) {
      expectBytes(piece.toUint8Array(), bytes.subarray(next, next + piece.length));
      next += piece.length;
    }
    expect([next, queue.bytes, queue.memory]).toEqual([count + 1, 0, 0]);
  });

  test("a small part of a large buffer does not keep it", () => {
    const queue = new ReassemblyQueue(MEMORY);
    queue.insert(5, new Payload(stream(0, 100_000), 5, 3));
    const piece = queue.pop(5);
    expect(piece?.toUint8Array()).toEqual(stream(5, 3));
    expect(piece?.bytes?.buffer.byteLength).toBe(3);
  });
});

/** Ranges and rangeAt against the model (which may hold bytes below `expected` that pop has not dropped yet). */
function compare(queue: ReassemblyQueue, model: ReadonlySet<number>, expected: number): void {
  const ranges: [number, number][] = [];
  queue.forEachRange((start, end) => {
    if (end > expected) ranges.push([Math.max(start, expected), end]);
    return true;
  });
  const sorted = [...model].filter((at) => at >= expected).toSorted((a, b) => a - b);
  const merged: [number, number][] = [];
  for (const at of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && last[1] === at) last[1]++;
    else merged.push([at, at + 1]);
  }
  expect(ranges).toEqual(merged);
  for (const [start, end] of merged) {
    expect(queue.rangeAt(end - 1)?.end).toBe(end);
    expect(queue.rangeAt(end)).toBeNull();
    expect(queue.rangeAt(start)?.end).toBe(end);
  }
}
