import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MptcpError, NEVER, randomBelow, SeededRandom } from "../../src/core/index.ts";
import { EventQueue } from "../../src/sim/index.ts";
import type { Scheduled } from "../../src/sim/index.ts";

class Probe implements Scheduled {
  slot = -1;
  readonly background: boolean;
  readonly id: number;
  private readonly log: string[];

  constructor(id: number, log: string[], background = false) {
    this.id = id;
    this.log = log;
    this.background = background;
  }

  fire(now: number): void {
    this.log.push(`${this.id}@${now}`);
  }
}

describe("EventQueue", () => {
  it("fires by time, and by insertion among equal times", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    const [a, b, c, d] = [0, 1, 2, 3].map((id) => new Probe(id, log)) as [Probe, Probe, Probe, Probe];
    queue.schedule(a, 20);
    queue.schedule(b, 10);
    queue.schedule(c, 20);
    queue.schedule(d, 10);
    queue.run();
    expect(log).toEqual(["1@10", "3@10", "0@20", "2@20"]);
    expect(queue.now).toBe(20);
    expect(queue.fired).toBe(4);
  });

  it("gives a moved entry a new place among equals", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    const [a, b] = [new Probe(0, log), new Probe(1, log)];
    queue.schedule(a, 5);
    queue.schedule(b, 5);
    queue.schedule(a, 5);
    queue.run();
    expect(log).toEqual(["1@5", "0@5"]);
  });

  it("honours an insertion number taken earlier", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    const order = queue.takeOrder();
    queue.schedule(new Probe(0, log), 5);
    queue.scheduleInOrder(new Probe(1, log), 5, order);
    queue.run();
    expect(log).toEqual(["1@5", "0@5"]);
  });

  it("lets an entry schedule itself anew while it fires, at the same time too", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    let left = 3;
    const again: Scheduled = {
      slot: -1,
      background: false,
      fire(now) {
        log.push(`again@${now}`);
        if (--left > 0) queue.schedule(again, now);
      },
    };
    queue.schedule(again, 7);
    queue.schedule(new Probe(1, log), 7);
    queue.run();
    expect(log).toEqual(["again@7", "1@7", "again@7", "again@7"]);
    expect(again.slot).toBe(-1);
    expect(queue.size).toBe(0);
  });

  it("fires an entry once even when an older insertion number appears at its time while it fires", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    const early = queue.takeOrder();
    const late = new Probe(9, log);
    queue.call(5, () => {
      log.push("call");
      queue.scheduleInOrder(late, 5, early);
    });
    queue.run();
    expect(log).toEqual(["call", "9@5"]);
  });

  it("stops at the given time and sets the clock to it", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    queue.schedule(new Probe(0, log), 10);
    queue.schedule(new Probe(1, log), 11);
    queue.run(10);
    expect(log).toEqual(["0@10"]);
    queue.run(10.5);
    expect(queue.now).toBe(10.5);
    expect(queue.next).toBe(11);
  });

  it("ends without a limit when only background entries wait, and serves them until then", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    const sampler: Scheduled = {
      slot: -1,
      background: true,
      fire(now) {
        log.push(`sample@${now}`);
        queue.schedule(sampler, now + 10);
      },
    };
    queue.schedule(sampler, 10);
    queue.schedule(new Probe(0, log), 25);
    queue.run();
    expect(log).toEqual(["sample@10", "sample@20", "0@25"]);
    queue.run(40);
    expect(log.slice(3)).toEqual(["sample@30", "sample@40"]);
  });

  it("stops when told to", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    queue.call(1, () => queue.stop());
    queue.schedule(new Probe(0, log), 2);
    queue.run(100);
    expect(queue.now).toBe(1);
    expect(log).toEqual([]);
    queue.run(100);
    expect(log).toEqual(["0@2"]);
  });

  it("cancels calls, and takes NEVER for not at all", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    const call = queue.call(5, () => log.push("call"));
    const probe = new Probe(0, log);
    queue.schedule(probe, 3);
    queue.schedule(probe, NEVER);
    call.cancel();
    call.cancel();
    queue.run();
    expect(log).toEqual([]);
    expect(queue.next).toBe(NEVER);
    expect(queue.timeOf(probe)).toBe(NEVER);
  });

  it("refuses the past and NaN", () => {
    const queue = new EventQueue();
    queue.run(10);
    expect(() => queue.call(9, () => {})).toThrow(MptcpError);
    expect(() => queue.call(Number.NaN, () => {})).toThrow(MptcpError);
    expect(queue.size).toBe(0);
  });

  it("keeps its order with hundreds of entries that come, move and go", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    const random = new SeededRandom(8);
    const probes = Array.from({ length: 500 }, (_, id) => new Probe(id, log));
    let fired = 0;
    let last = 0;
    for (let i = 0; i < 20_000; i++) {
      const probe = probes[randomBelow(random, probes.length)] as Probe;
      const what = randomBelow(random, 10);
      if (what < 6) queue.schedule(probe, queue.now + randomBelow(random, 100_000));
      else if (what < 9) queue.remove(probe);
      else if (queue.step()) {
        fired++;
        expect(queue.now).toBeGreaterThanOrEqual(last);
        last = queue.now;
      }
      expect(queue.next).toBe(Math.min(...probes.map((each) => queue.timeOf(each))));
    }
    expect(log.length).toBe(fired);
  });

  it("agrees with a sorted list under random schedules, moves and removals", () => {
    const operation = fc.record({ what: fc.constantFrom("schedule", "schedule", "schedule", "remove", "step"), id: fc.nat(39), ahead: fc.nat(50) });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
        const queue = new EventQueue();
        const log: string[] = [];
        const probes = Array.from({ length: 40 }, (_, id) => new Probe(id, log));
        const model = new Map<number, { at: number; order: number }>();
        const expected: string[] = [];
        let order = 0;
        const first = (): [number, { at: number; order: number }] | undefined =>
          [...model].toSorted(([, x], [, y]) => x.at - y.at || x.order - y.order)[0];
        for (const { what, id, ahead } of operations) {
          const probe = probes[id] as Probe;
          if (what === "schedule") {
            queue.schedule(probe, queue.now + ahead);
            model.set(id, { at: queue.now + ahead, order: order++ });
          } else if (what === "remove") {
            queue.remove(probe);
            model.delete(id);
          } else {
            const next = first();
            if (next !== undefined) {
              expected.push(`${next[0]}@${next[1].at}`);
              model.delete(next[0]);
            }
            expect(queue.step()).toBe(next !== undefined);
          }
          expect(queue.size).toBe(model.size);
          expect(queue.next).toBe(first()?.[1].at ?? NEVER);
        }
        for (let next = first(); next !== undefined; next = first()) {
          expected.push(`${next[0]}@${next[1].at}`);
          model.delete(next[0]);
        }
        queue.run();
        expect(log).toEqual(expected);
        expect(probes.every((probe) => probe.slot === -1)).toBe(true);
      }),
      { seed: 11, numRuns: 500 },
    );
  });
});
