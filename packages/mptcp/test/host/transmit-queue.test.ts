import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TransmitQueue } from "../../src/host/transmit-queue.ts";
import type { TcpConnection } from "../../src/tcp/index.ts";

function connection(name: number): TcpConnection {
  return { connectionId: name } as TcpConnection;
}

describe("the transmit queue of a link", () => {
  test("is a first-in first-out ring that can rotate, of any size", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("push", "push", "push", "shift", "rotate"), { maxLength: 300 }), (steps) => {
        const queue = new TransmitQueue();
        const model: TcpConnection[] = [];
        let made = 0;
        for (const step of steps) {
          if (step === "push") {
            const tcp = connection(made++);
            queue.push(tcp);
            model.push(tcp);
          } else if (step === "rotate") {
            queue.rotate();
            if (model.length > 0) model.push(model.shift() as TcpConnection);
          } else if (model.length > 0) {
            queue.shift();
            model.shift();
          }
          expect(queue.size).toBe(model.length);
          expect(queue.first()).toBe(model[0] ?? null);
        }
        for (const tcp of model) {
          expect(queue.first()).toBe(tcp);
          queue.shift();
        }
        expect(queue.first()).toBeNull();
      }),
      { seed: 9, numRuns: 200 },
    );
  });

  test("keeps its order when it grows while wrapped around", () => {
    const queue = new TransmitQueue();
    for (let i = 0; i < 10; i++) queue.push(connection(i));
    for (let i = 0; i < 8; i++) queue.shift();
    for (let i = 10; i < 60; i++) queue.push(connection(i));
    const order: number[] = [];
    for (let tcp = queue.first(); tcp !== null; tcp = queue.first()) {
      order.push(tcp.connectionId);
      queue.shift();
    }
    expect(order).toEqual(Array.from({ length: 52 }, (_, i) => i + 8));
  });

  test("does not hold on to what left", () => {
    const queue = new TransmitQueue();
    queue.push(connection(1));
    queue.shift();
    expect((queue as unknown as { ring: unknown[] }).ring.every((slot) => slot === null)).toBe(true);
  });
});
