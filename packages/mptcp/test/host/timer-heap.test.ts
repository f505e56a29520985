import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TimerHeap } from "../../src/host/timer-heap.ts";
import type { Filed } from "../../src/host/timer-heap.ts";
import { NEVER } from "../../src/core/index.ts";

class Entry implements Filed {
  nextTimeout = NEVER;
  timerSlot = -1;
  timerAt = NEVER;
  readonly name: number;

  constructor(name: number, at = NEVER) {
    this.name = name;
    this.nextTimeout = at;
  }

  handleTimeout(): void {}
}

function drain(heap: TimerHeap, now: number): Entry[] {
  const found: Entry[] = [];
  for (let entry = heap.due(now); entry !== null; entry = heap.due(now)) found.push(entry as Entry);
  return found;
}

type Step =
  | { readonly kind: "set"; readonly who: number; readonly at: number; readonly file: boolean }
  | { readonly kind: "stop"; readonly who: number }
  | { readonly kind: "remove"; readonly who: number }
  | { readonly kind: "pass"; readonly by: number };

const who = fc.nat(19);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("set" as const), who, at: fc.nat(200), file: fc.constant(true) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stop" as const), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), by: fc.nat(30) }) },
);

describe("the timer heap", () => {
  test("an entry that stays due comes up once per round, so that none can hang its host", () => {
    const heap = new TimerHeap();
    const stuck = new Entry(1, 50);
    heap.file(stuck);
    heap.floor = 101;
    expect(heap.due(100)).toBe(stuck);
    heap.file(stuck);
    expect(heap.due(100)).toBeNull();
    heap.floor = 0;
    expect(heap.next).toBe(101);
    expect(heap.due(101)).toBe(stuck);
  });

  test("gives what is due, in order of time, like a sorted list; deadlines that moved later come when they are due", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const heap = new TimerHeap();
        const entries = Array.from({ length: 20 }, (_, i) => new Entry(i));
        const filed = new Set<Entry>();
        let now = 0;
        for (const event of steps) {
          if (event.kind === "pass") {
            now += event.by;
            const due = drain(heap, now);
            const expected = [...filed].filter((entry) => entry.nextTimeout <= now);
            expect(new Set(due)).toEqual(new Set(expected));
            expect(due.map((entry) => entry.nextTimeout)).toEqual(due.map((entry) => entry.nextTimeout).toSorted((a, b) => a - b));
            for (const entry of due) {
              expect(entry.timerSlot).toBe(-1);
              entry.nextTimeout = NEVER;
              filed.delete(entry);
            }
          } else {
            const entry = entries[event.who] as Entry;
            if (event.kind === "remove") {
              heap.remove(entry);
              filed.delete(entry);
              expect(entry.timerSlot).toBe(-1);
            } else {
              entry.nextTimeout = event.kind === "stop" ? NEVER : now + event.at;
              heap.file(entry);
              if (entry.nextTimeout !== NEVER) filed.add(entry);
            }
          }
          // Never too late: the heap wakes at or before the earliest deadline.
          const earliest = Math.min(NEVER, ...[...filed].map((entry) => entry.nextTimeout));
          expect(heap.next).toBeLessThanOrEqual(earliest);
          for (const entry of filed) if (entry.nextTimeout !== NEVER) expect(entry.timerAt).toBeLessThanOrEqual(entry.nextTimeout);
        }
        expect(new Set(drain(heap, Number.MAX_SAFE_INTEGER))).toEqual(new Set([...filed].filter((entry) => entry.nextTimeout !== NEVER)));
        expect(heap.size).toBe(0);
        expect(heap.next).toBe(NEVER);
      }),
      { seed: 6298, numRuns: 300 },
    );
  });

  test("leaves a deadline that moves later where it is, and looks again when that time comes", () => {
    const heap = new TimerHeap();
    const entry = new Entry(1, 100);
    heap.file(entry);
    entry.nextTimeout = 500;
    heap.file(entry);
    expect(heap.next).toBe(100);
    expect(heap.due(100)).toBeNull();
    expect(heap.next).toBe(500);
    expect(heap.due(500)).toBe(entry);
  });

  test("lets go of an entry whose deadline was called off", () => {
    const heap = new TimerHeap();
    const entry = new Entry(1, 100);
    heap.file(entry);
    entry.nextTimeout = NEVER;
    heap.file(entry);
    expect(heap.due(100)).toBeNull();
    expect(heap.size).toBe(0);
  });

  test("takes no entry without a deadline, and none twice", () => {
    const heap = new TimerHeap();
    const entry = new Entry(1);
    heap.file(entry);
    expect(heap.size).toBe(0);
    entry.nextTimeout = 7;
    heap.file(entry);
    heap.file(entry);
    expect(heap.size).toBe(1);
    heap.remove(entry);
    heap.remove(entry);
    expect(heap.size).toBe(0);
  });

  test("keeps the notes of what has no room for them, until it is removed", () => {
    const heap = new TimerHeap();
    const calls: number[] = [];
    const timed = { nextTimeout: 100, handleTimeout: (now: number) => calls.push(now) };
    heap.fileFor(timed);
    heap.fileFor(timed);
    expect([heap.size, heap.next]).toEqual([1, 100]);
    timed.nextTimeout = 40;
    heap.fileFor(timed);
    expect([heap.size, heap.next]).toEqual([1, 40]);
    const due = heap.due(40);
    due?.handleTimeout(40);
    expect([calls, heap.size, due?.nextTimeout]).toEqual([[40], 0, 40]);
    timed.nextTimeout = 70;
    heap.fileFor(timed);
    heap.removeFor(timed);
    heap.removeFor(timed);
    expect([heap.size, heap.next]).toEqual([0, NEVER]);
  });

  test("ten thousand entries come out in order", () => {
    const heap = new TimerHeap();
    for (let i = 0; i < 10_000; i++) heap.file(new Entry(i, (i * 7919) % 10_007));
    const times = drain(heap, 20_000).map((entry) => entry.nextTimeout);
    expect(times).toHaveLength(10_000);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});
