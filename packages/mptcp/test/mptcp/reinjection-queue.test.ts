import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReinjectionQueue } from "../../src/mptcp/data/reinjection-queue.ts";

/** Bytes to resend, each with the subflow to avoid: what the queue is a compact form of. */
type Model = Map<number, number>;

function contents(queue: ReinjectionQueue): Model {
  const found: Model = new Map();
  for (let i = 0; i < queue.size; i++) for (let at = queue.start(i); at < queue.end(i); at++) found.set(at, queue.avoid(i));
  return found;
}

function sorted(model: Model): [number, number][] {
  return [...model].toSorted((a, b) => a[0] - b[0]);
}

type Operation =
  | { readonly kind: "add"; readonly from: number; readonly length: number; readonly avoid: number }
  | { readonly kind: "take"; readonly index: number; readonly length: number }
  | { readonly kind: "drop"; readonly to: number }
  | { readonly kind: "forget"; readonly subflow: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("add" as const), from: fc.nat(200), length: fc.integer({ min: 0, max: 40 }), avoid: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("take" as const), index: fc.nat(), length: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), to: fc.nat(220) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), subflow: fc.integer({ min: 1, max: 3 }) }) },
);

function apply(queue: ReinjectionQueue, model: Model, step: Operation): void {
  switch (step.kind) {
    case "add":
      queue.add(step.from, step.from + step.length, step.avoid);
      for (let at = step.from; at < step.from + step.length; at++) if (!model.has(at)) model.set(at, step.avoid);
      return;
    case "take": {
      if (queue.size === 0) return;
      const index = step.index % queue.size;
      const start = queue.start(index);
      const length = Math.min(step.length, queue.end(index) - start);
      queue.takeFrom(index, length);
      for (let at = start; at < start + length; at++) model.delete(at);
      return;
    }
    case "drop":
      queue.dropBefore(step.to);
      for (const at of model.keys()) if (at < step.to) model.delete(at);
      return;
    case "forget":
      queue.forget(step.subflow);
      for (const [at, avoid] of model) if (avoid === step.subflow) model.set(at, 0);
      return;
  }
}

describe("the reinjection queue", () => {
  test("holds exactly the bytes queued, each once, in order, with the first subflow to avoid", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (steps) => {
        const queue = new ReinjectionQueue();
        const model: Model = new Map();
        for (const step of steps) {
          apply(queue, model, step);
          expect(sorted(contents(queue))).toEqual(sorted(model));
          const lengths = Array.from({ length: queue.size }, (_, i) => queue.end(i) - queue.start(i));
          expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(model.size);
          expect(queue.isEmpty).toBe(model.size === 0);
          for (let i = 0; i < queue.size; i++) {
            expect(queue.start(i)).toBeLessThan(queue.end(i));
            if (i > 0) expect(queue.start(i)).toBeGreaterThanOrEqual(queue.end(i - 1));
          }
        }
      }),
      { seed: 352, numRuns: 500 },
    );
  });

  test("joins what is added in order for one subflow into one range", () => {
    const queue = new ReinjectionQueue();
    for (let at = 0; at < 100; at += 10) queue.add(at, at + 10, 1);
    expect(queue.size).toBe(1);
    queue.add(100, 110, 2);
    expect(queue.size).toBe(2);
    expect([queue.start(1), queue.end(1), queue.avoid(1)]).toEqual([100, 110, 2]);
  });

  test("lets any subflow send what nobody carries any more", () => {
    const queue = new ReinjectionQueue();
    queue.add(0, 10, 1);
    queue.add(10, 20, 2);
    queue.add(20, 30, 1);
    queue.allowAll(0, 15);
    expect([queue.avoid(0), queue.avoid(1), queue.avoid(2)]).toEqual([0, 0, 1]);
  });

  test("empties by clear, and works on after it", () => {
    const queue = new ReinjectionQueue();
    queue.add(5, 10, 1);
    queue.clear();
    expect(queue.isEmpty).toBe(true);
    queue.add(1, 3, 0);
    expect([queue.size, queue.start(0), queue.end(0)]).toEqual([1, 1, 3]);
  });

  test("stays small while ranges come and go", () => {
    const queue = new ReinjectionQueue();
    for (let i = 0; i < 100_000; i++) {
      queue.add(i * 20, i * 20 + 10, (i % 3) + 1);
      if (i >= 100) queue.takeFrom(0, 10);
    }
    expect(queue.size).toBe(100);
    expect((queue as unknown as { starts: unknown[] }).starts.length).toBeLessThan(3000);
  });
});
