import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReceivedMappings, SentMapping, SentMappings } from "../../src/mptcp/data/mappings.ts";

const options = { seed: 331, numRuns: 300 };

const mapping = (subflowOffset: number, length: number): SentMapping => new SentMapping(1000 + subflowOffset, subflowOffset, length, false);

describe("mappings that we declared", () => {
  test("stay until all their bytes are acknowledged on the subflow", () => {
    const sent = new SentMappings();
    sent.push(mapping(0, 100));
    sent.push(mapping(100, 50));
    sent.acknowledge(99);
    expect(sent.size).toBe(2);
    sent.acknowledge(100);
    expect(sent.size).toBe(1);
    expect(sent.at(0).subflowOffset).toBe(100);
    sent.acknowledge(149);
    expect(sent.size).toBe(1);
    sent.acknowledge(150);
    expect(sent.size).toBe(0);
  });

  test("are a first-in first-out list under any sequence of acknowledgments", () => {
    const step = fc.record({ pushes: fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 200 }), part: fc.double({ min: 0, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        const sent = new SentMappings();
        let model: SentMapping[] = [];
        let end = 0;
        let acknowledged = 0;
        for (const { pushes, part } of steps) {
          for (const length of pushes) {
            const item = mapping(end, length);
            sent.push(item);
            model.push(item);
            end += length;
          }
          acknowledged = Math.max(acknowledged, Math.floor(end * part));
          sent.acknowledge(acknowledged);
          model = model.filter((item) => item.subflowOffset + item.length > acknowledged);
          expect(sent.size).toBe(model.length);
          for (let i = 0; i < model.length; i += Math.max(1, model.length >> 3)) expect(sent.at(i)).toBe(model[i]);
        }
      }),
      { seed: 331, numRuns: 100 },
    );
  });

  test("do not pile up in a long transfer", () => {
    const sent = new SentMappings();
    for (let i = 0; i < 200_000; i++) {
      sent.push(mapping(i * 10, 10));
      sent.acknowledge((i - 49) * 10);
    }
    expect(sent.size).toBe(50);
    expect((sent as unknown as { items: unknown[] }).items.length).toBeLessThan(5000);
  });

  test("tell for a while who carried what is missing", () => {
    const sent = new SentMappings();
    for (let i = 0; i < 10; i++) sent.push(mapping(i * 100, 100));
    expect(sent.carriedLately(1000)).toBe(false);
    sent.acknowledge(500);
    for (const [offset, carried] of [[999, false], [1000, true], [1499, true], [1500, false]] as const) expect(sent.carriedLately(offset)).toBe(carried);
    for (let i = 10; i < 5000; i++) sent.push(mapping(i * 100, 100));
    sent.acknowledge(499_900);
    expect([sent.carriedLately(1000), sent.carriedLately(1000 + 499_899)]).toEqual([false, true]);
  });

  test("are not remembered after clear", () => {
    const sent = new SentMappings();
    for (let i = 0; i < 10; i++) sent.push(mapping(i * 100, 100));
    sent.acknowledge(1000);
    sent.clear();
    expect([sent.size, sent.carriedLately(1500)]).toEqual([0, false]);
  });

  test("are gone after clear", () => {
    const sent = new SentMappings();
    sent.push(mapping(0, 1));
    sent.clear();
    expect(sent.size).toBe(0);
  });
});

/** Bytes of a subflow in runs, each with its own place in the connection's stream. */
interface Layout {
  readonly total: number;
  readonly shiftAt: (offset: number) => number;
  readonly runEnd: (offset: number) => number;
}

function layoutOf(runs: readonly { length: number; gap: number }[]): Layout {
  const shifts: number[] = [];
  const ends: number[] = [];
  let shift = 0;
  for (const run of runs) {
    shift += run.gap;
    for (let i = 0; i < run.length; i++) shifts.push(shift);
    const end = shifts.length;
    while (ends.length < end) ends.push(end);
  }
  return { total: shifts.length, shiftAt: (offset) => shifts[offset] as number, runEnd: (offset) => ends[offset] as number };
}

const layout = fc.array(fc.record({ length: fc.integer({ min: 1, max: 12 }), gap: fc.integer({ min: 1, max: 40 }) }), { minLength: 1, maxLength: 12 }).map(layoutOf);

describe("mappings that the peer declared", () => {
  test("answer like a table of bytes: any order, duplicates, overlaps, parts, while offsets advance", () => {
    const operation = fc.record({ at: fc.nat(), length: fc.integer({ min: 1, max: 14 }), advance: fc.boolean(), by: fc.integer({ min: 0, max: 6 }) });
    fc.assert(
      fc.property(layout, fc.array(operation, { maxLength: 80 }), (truth, operations) => {
        const received = new ReceivedMappings();
        const model = new Map<number, number>();
        let next = 0;
        for (const { at, length, advance, by } of operations) {
          const start = at % truth.total;
          const end = Math.min(start + length, truth.runEnd(start));
          expect(received.add(start, start + truth.shiftAt(start), end - start)).toBe(true);
          for (let i = start; i < end; i++) model.set(i, i + truth.shiftAt(i));
          if (advance) next = Math.min(next + by, truth.total);
          const index = received.find(next);
          expect(index >= 0).toBe(model.has(next));
          if (index < 0) continue;
          const runEnd = received.end(index);
          expect(runEnd).toBeGreaterThan(next);
          for (let offset = next; offset < runEnd; offset++) expect(received.dataOffset(index, offset)).toBe(model.get(offset));
        }
        for (let offset = next; offset < truth.total; offset++) {
          const index = received.find(offset);
          expect(index < 0 ? undefined : received.dataOffset(index, offset)).toBe(model.get(offset));
        }
      }),
      options,
    );
  });

  test("refuse what contradicts any byte still known, and only that", () => {
    const operation = fc.record({ at: fc.nat(), length: fc.integer({ min: 1, max: 14 }) });
    fc.assert(
      fc.property(layout, fc.array(operation, { minLength: 1, maxLength: 20 }), operation, fc.integer({ min: 1, max: 5 }), (truth, operations, wrong, offBy) => {
        const received = new ReceivedMappings();
        const known = new Set<number>();
        for (const { at, length } of operations) {
          const start = at % truth.total;
          const end = Math.min(start + length, truth.runEnd(start));
          received.add(start, start + truth.shiftAt(start), end - start);
          for (let i = start; i < end; i++) known.add(i);
        }
        const start = wrong.at % truth.total;
        let touches = false;
        for (let i = start; i < start + wrong.length; i++) if (known.has(i)) touches = true;
        // No run of the layout has this distance between the two levels.
        expect(received.add(start, start + 100_000 + offBy, wrong.length)).toBe(!touches);
      }),
      options,
    );
  });

  test("fill the parts before, between and after known ones with one large mapping", () => {
    const received = new ReceivedMappings();
    expect(received.add(20, 120, 10)).toBe(true);
    expect(received.add(40, 140, 10)).toBe(true);
    expect(received.add(0, 100, 100)).toBe(true);
    for (let offset = 0; offset < 100; offset++) {
      const index = received.find(offset);
      expect(index).toBeGreaterThanOrEqual(0);
      expect(received.dataOffset(index, offset)).toBe(100 + offset);
    }
    expect(received.find(100)).toBe(-1);
  });

  test("keep neighbours on the subflow apart that are no neighbours in the stream", () => {
    const received = new ReceivedMappings();
    received.add(0, 0, 10);
    received.add(10, 500, 10);
    const first = received.find(5);
    expect(received.end(first)).toBe(10);
    expect(received.dataOffset(first, 5)).toBe(5);
    const second = received.find(10);
    expect(received.end(second)).toBe(20);
    expect(received.dataOffset(second, 12)).toBe(502);
  });

  test("change nothing when a retransmission repeats one that was used up", () => {
    const received = new ReceivedMappings();
    received.add(0, 0, 10);
    received.add(10, 10, 10);
    expect(received.find(10)).toBeGreaterThanOrEqual(0);
    expect(received.add(0, 0, 10)).toBe(true);
    const index = received.find(10);
    expect(received.dataOffset(index, 10)).toBe(10);
    expect(received.find(20)).toBe(-1);
    expect(received.size).toBe(0);
  });

  test("do not keep what was used up", () => {
    const received = new ReceivedMappings();
    for (let i = 0; i < 100_000; i++) {
      received.add(i * 10, i * 20, 10);
      expect(received.find(i * 10)).toBeGreaterThanOrEqual(0);
    }
    expect(received.size).toBe(1);
    expect(received.capacity).toBeLessThanOrEqual(32);
  });
});
