import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MptcpError, NEVER, randomBelow, SeededRandom } from "../../src/core/index.ts";
import { EventQueue, NodeEvents } from "../../src/sim/index.ts";
import type { EventOwner, Scheduled } from "../../src/sim/index.ts";

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

/** An owner that is its own entry, as a pipe is. */
class SolePipe implements EventOwner, Scheduled {
  readonly kind = "link";
  readonly name: string;
  rank = 0;
  slot = -1;
  readonly background = false;
  private fired = 0;
  private readonly log: string[];
  private readonly afterwards: (now: number, fired: number) => void;

  constructor(queue: EventQueue, name: string, log: string[], afterwards: (now: number, fired: number) => void = () => {}) {
    this.name = name;
    this.log = log;
    this.afterwards = afterwards;
    queue.register(this);
  }

  fire(now: number): void {
    this.log.push(this.name);
    this.afterwards(now, ++this.fired);
  }
}

describe("EventQueue", () => {
  it("fires by time, and what one owner scheduled for the same time in that order", () => {
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

  it("fires what is simultaneous by owners: the experimenter, links by name, nodes by name, watchers", () => {
    const log: string[] = [];
    // Everything waits for the same time; neither the order of owners nor that of scheduling may show.
    for (const shift of [0, 1, 2, 3, 4, 5, 6]) {
      log.length = 0;
      const queue = new EventQueue();
      const turn = <T>(list: readonly T[]): T[] => [...list.slice(shift % list.length), ...list.slice(0, shift % list.length)];
      const links = new Map<string, SolePipe>();
      const nodes = new Map<string, NodeEvents>();
      const make: (() => void)[] = [
        ...["b>", "a<", "a>", "10>"].map((name) => () => void links.set(name, new SolePipe(queue, name, log))),
        ...["beta", "alpha", "Zeta"].map((name) => () => void nodes.set(name, new NodeEvents(queue, name))),
      ];
      for (const each of turn(make)) each();
      const schedule: (() => void)[] = [
        () => queue.schedule(new Probe(9, log, true), 5),
        ...[...links.values()].map((link) => () => queue.scheduleFor(link, link, 5)),
        ...[...nodes].map(([name, node]) => () => {
          node.call(5, () => log.push(`${name} first`));
          node.call(5, () => log.push(`${name} second`));
        }),
        () => {
          queue.call(5, () => log.push("experimenter first"));
          queue.call(5, () => log.push("experimenter second"));
        },
      ];
      for (const each of turn(schedule)) each();
      queue.run(10);
      expect(log).toEqual([
        "experimenter first",
        "experimenter second",
        "10>",
        "a<",
        "a>",
        "b>",
        ...["Zeta", "alpha", "beta"].flatMap((name) => [`${name} first`, `${name} second`]),
        "9@5",
      ]);
    }
  });

  it("takes owners in while it runs, and keeps the order of what waits", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    const say = (text: string) => (): void => void log.push(text);
    const node = new NodeEvents(queue, "m");
    node.call(5, say("m at 5"));
    node.call(7, say("m first"));
    node.call(7, say("m second"));
    node.call(5, () => {
      const late = new NodeEvents(queue, "b");
      late.call(5, say("b at 5"));
      late.call(7, say("b first"));
      const pipe = new SolePipe(queue, "x>", log);
      queue.scheduleFor(pipe, pipe, 7);
      late.call(7, say("b second"));
      queue.call(7, say("experimenter"));
    });
    node.call(5, say("m at 5 again"));
    queue.run();
    expect(log).toEqual(["m at 5", "b at 5", "m at 5 again", "experimenter", "x>", "b first", "b second", "m first", "m second"]);
  });

  it("lets what is scheduled for the present take its place among what still waits", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    const [early, late] = [new NodeEvents(queue, "a"), new NodeEvents(queue, "z")];
    late.call(5, () => {
      log.push("z");
      early.call(5, () => log.push("a, late"));
    });
    late.call(5, () => log.push("z again"));
    early.call(5, () => log.push("a"));
    queue.run();
    expect(log).toEqual(["a", "z", "a, late", "z again"]);
  });

  it("refuses a second owner of one kind and name", () => {
    const queue = new EventQueue();
    new NodeEvents(queue, "a").call(1, () => {});
    const pipe = new SolePipe(queue, "a", []);
    expect(() => queue.register(pipe)).toThrow(MptcpError);
    expect(() => new NodeEvents(queue, "a")).toThrow(MptcpError);
    expect(() => new SolePipe(queue, "a", [])).toThrow("there is a link a already");
  });

  it("fires an owner that is its own entry once per scheduling, at the same time too", () => {
    const queue = new EventQueue();
    const log: string[] = [];
    const pipe = new SolePipe(queue, "p>", log, (now, fired) => fired < 3 && queue.scheduleFor(pipe, pipe, now));
    queue.scheduleFor(pipe, pipe, 5);
    queue.scheduleFor(pipe, pipe, 4);
    queue.run();
    expect(log).toEqual(["p>", "p>", "p>"]);
    expect([queue.now, queue.fired, queue.size, pipe.slot]).toEqual([4, 3, 0, -1]);
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

  it("agrees with a sorted list under random schedules, moves, removals and owners that come", () => {
    const what = fc.constantFrom("schedule", "schedule", "schedule", "remove", "step", "own");
    const operation = fc.record({ what, id: fc.nat(39), ahead: fc.nat(20), name: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
        const queue = new EventQueue();
        const log: string[] = [];
        const probes = Array.from({ length: 40 }, (_, id) => new Probe(id, log));
        const owners = new Map<number, NodeEvents>();
        const model = new Map<number, { at: number; rank: number; order: number }>();
        const expected: string[] = [];
        let order = 0;
        const first = (): [number, { at: number }] | undefined => [...model].toSorted(([, x], [, y]) => x.at - y.at || x.rank - y.rank || x.order - y.order)[0];
        for (const { what: action, id, ahead, name } of operations) {
          const probe = probes[id] as Probe;
          const owner = owners.get(name);
          if (action === "own") {
            if (owner === undefined) owners.set(name, new NodeEvents(queue, `node ${name}`));
          } else if (action === "schedule") {
            (owner ?? queue).schedule(probe, queue.now + ahead);
            model.set(id, { at: queue.now + ahead, rank: owner === undefined ? -1 : name, order: order++ });
          } else if (action === "remove") {
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
