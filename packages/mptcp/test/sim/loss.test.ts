import { describe, expect, it } from "vitest";
import { MILLISECOND, SeededRandom } from "../../src/core/index.ts";
import { GilbertElliottLoss, ListedLoss, RandomLoss } from "../../src/sim/index.ts";
import type { LossModel, PipeOptions } from "../../src/sim/index.ts";
import { pipeBench, tcpPacket } from "./support.ts";

const packet = tcpPacket(100);

function draw(model: LossModel, count: number): boolean[] {
  return Array.from({ length: count }, () => model.lose(packet, 0));
}

/** Lengths of runs of `value`. */
function runs(values: readonly boolean[], value: boolean): number[] {
  const lengths: number[] = [];
  let current = 0;
  for (const each of [...values, !value]) {
    if (each === value) current++;
    else if (current > 0) {
      lengths.push(current);
      current = 0;
    }
  }
  return lengths;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** For `count` geometric lengths of mean 1/q: four standard deviations of their mean. */
function bound(q: number, count: number): number {
  return (4 * Math.sqrt(1 - q)) / q / Math.sqrt(count);
}

describe("random loss", () => {
  it.each([0.001, 0.01, 0.1, 0.5])("loses a share of %f within four standard deviations", (probability) => {
    const count = 200_000;
    const lost = draw(new RandomLoss(probability, new SeededRandom(5)), count).filter(Boolean).length;
    const deviation = Math.sqrt(count * probability * (1 - probability));
    expect(Math.abs(lost - count * probability)).toBeLessThan(4 * deviation);
  });

  it("loses nothing at 0 and everything at 1", () => {
    expect(draw(new RandomLoss(0, new SeededRandom(1)), 1000).some(Boolean)).toBe(false);
    expect(draw(new RandomLoss(1, new SeededRandom(1)), 1000).every(Boolean)).toBe(true);
  });

  it("uses the time of transmission of what it loses", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, loss: new ListedLoss([0]) });
    send(1500, 0);
    send(1500, 1);
    queue.run();
    expect(sink.times).toEqual([2 * MILLISECOND]);
    expect(pipe.statistics(queue.now)).toMatchObject({ droppedRandom: 1, packetsDelivered: 1 });
    expect(pipe.hops).toBe(2);
  });
});

describe("Gilbert-Elliott loss", () => {
  it("stays as long in each state as p and r say", () => {
    const p = 0.02;
    const r = 0.25;
    const lost = draw(new GilbertElliottLoss({ p, r }, new SeededRandom(9)), 200_000);
    const bad = runs(lost, true);
    const good = runs(lost, false);
    expect(Math.abs(mean(bad) - 1 / r)).toBeLessThan(bound(r, bad.length));
    expect(Math.abs(mean(good) - 1 / p)).toBeLessThan(bound(p, good.length));
    expect(lost.filter(Boolean).length / lost.length).toBeCloseTo(p / (p + r), 2);
  });

  it("loses by state", () => {
    const model = new GilbertElliottLoss({ p: 0.1, r: 0.1, lossGood: 0.05, lossBad: 0.6 }, new SeededRandom(3));
    const seen = { good: 0, goodLost: 0, bad: 0, badLost: 0 };
    for (let i = 0; i < 100_000; i++) {
      const lost = model.lose();
      if (model.bad) {
        seen.bad++;
        if (lost) seen.badLost++;
      } else {
        seen.good++;
        if (lost) seen.goodLost++;
      }
    }
    expect(seen.goodLost / seen.good).toBeCloseTo(0.05, 2);
    expect(Math.abs(seen.badLost / seen.bad - 0.6)).toBeLessThan(4 * Math.sqrt((0.6 * 0.4) / seen.bad));
  });

  it("is an option of a link", () => {
    const { queue, pipe, send } = pipeBench({ loss: { p: 0.05, r: 0.5 } }, 21);
    for (let i = 0; i < 20_000; i++) send(100, i);
    queue.run();
    const share = pipe.statistics(0).droppedRandom / 20_000;
    expect(Math.abs(share - 0.05 / 0.55)).toBeLessThan(0.01);
  });
});

describe("jitter", () => {
  it("spreads arrivals over its range and keeps the order", () => {
    const { queue, sink, send } = pipeBench({ delay: 1000, jitter: 500 });
    for (let i = 0; i < 2000; i++) {
      send(100, i);
      queue.run(queue.now + 10_000);
    }
    const extras = sink.times.map((at, i) => at - i * 10_000 - 1000);
    expect(Math.min(...extras)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...extras)).toBeLessThanOrEqual(500);
    expect(Math.abs(mean(extras) - 250)).toBeLessThan((4 * 500) / Math.sqrt(12 * 2000));
    expect(new Set(extras).size).toBeGreaterThan(400);
  });

  it("makes the next packet wait behind a late one", () => {
    const { queue, sink, send } = pipeBench({ delay: 1000, jitter: 1_000_000 });
    for (let i = 0; i < 500; i++) {
      send(100, i);
      queue.run(queue.now + 1000);
    }
    queue.run();
    expect(sink.numbers).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it("reorders when asked to, and still delivers everything once and in time", () => {
    const { queue, sink, send } = pipeBench({ delay: 1000, jitter: 100_000, reorder: true });
    for (let i = 0; i < 500; i++) {
      send(100, i);
      queue.run(queue.now + 1000);
    }
    queue.run();
    const { numbers, times } = sink;
    expect(numbers).not.toEqual(numbers.toSorted((x, y) => x - y));
    expect(numbers.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    numbers.forEach((number, i) => {
      const late = (times[i] as number) - number * 1000 - 1000;
      expect(late).toBeGreaterThanOrEqual(0);
      expect(late).toBeLessThanOrEqual(100_000);
    });
  });

  it("sends a share of the packets on a detour", () => {
    const { queue, sink, send } = pipeBench({ delay: 1000, detour: { probability: 0.2, extraDelay: 5500 } });
    for (let i = 0; i < 2000; i++) {
      send(100, i);
      queue.run(queue.now + 1000);
    }
    queue.run();
    const late = sink.arrivals.filter(({ at, packet: { tcp } }) => at - (tcp?.sequence ?? 0) * 1000 === 6500).length;
    const inTime = sink.arrivals.filter(({ at, packet: { tcp } }) => at - (tcp?.sequence ?? 0) * 1000 === 1000).length;
    expect(late + inTime).toBe(2000);
    expect(Math.abs(late - 400)).toBeLessThan(4 * Math.sqrt(2000 * 0.16));
  });
});

describe("duplication", () => {
  it("delivers copies that are packets of their own", () => {
    const { queue, pipe, sink, send } = pipeBench({ duplicate: 0.25 });
    for (let i = 0; i < 4000; i++) send(100, i);
    queue.run();
    const { duplicates, packetsDelivered } = pipe.statistics(0);
    expect(packetsDelivered).toBe(4000 + duplicates);
    expect(Math.abs(duplicates - 1000)).toBeLessThan(4 * Math.sqrt(4000 * 0.25 * 0.75));
    expect(pipe.hops).toBe(4000);
    const copy = sink.arrivals.findIndex(({ packet: { tcp } }, i) => i > 0 && tcp?.sequence === sink.numbers[i - 1]);
    expect(sink.arrivals[copy]?.packet).not.toBe(sink.arrivals[copy - 1]?.packet);
    expect(sink.arrivals[copy]?.packet.tcp).not.toBe(sink.arrivals[copy - 1]?.packet.tcp);
  });
});

function lostWith(options: PipeOptions): number[] {
  const { queue, pipe, send } = pipeBench({ loss: 0.1, ...options }, 77);
  const lost: number[] = [];
  pipe.addTap({ entered: () => {}, delivered: () => {}, dropped: (dropped) => lost.push(dropped.tcp?.sequence ?? -1) });
  for (let i = 0; i < 1000; i++) send(100, i);
  queue.run();
  return lost;
}

it("draws of one kind do not move those of another", () => {
  const plain = lostWith({});
  expect(plain.length).toBeGreaterThan(50);
  expect(lostWith({ jitter: 1000 })).toEqual(plain);
  expect(lostWith({ duplicate: 0.5 })).toEqual(plain);
});
