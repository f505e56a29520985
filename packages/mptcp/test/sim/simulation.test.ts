import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MICROSECOND, MILLISECOND, SECOND } from "../../src/core/index.ts";
import type { DecisionEvent } from "../../src/core/index.ts";
import { addressOn, EventQueue, Pipe, queueDisciplines, SeriesRecorder, Simulation } from "../../src/sim/index.ts";
import type { LinkOptions, PipeOptions } from "../../src/sim/index.ts";
import { Collector, tcpPacket } from "./support.ts";

/** Two senders on the left, two receivers on the right, one link between. Each sender offers packets at a rate of its own. */
function synthetic(seed: number, bottleneck: LinkOptions, rates: readonly [number, number], until: number) {
  const events: DecisionEvent[] = [];
  const simulation = new Simulation({ seed, observers: [{ event: (event) => events.push(event) }] });
  const [left, right] = [simulation.addRouter("left"), simulation.addRouter("right")];
  const link = simulation.connect(left, right, { name: "bottleneck", ...bottleneck });
  const receivers = rates.map((rate, i) => {
    const source = new Collector(`source${i}`, addressOn(4, 1, i + 1));
    const receiver = new Collector(`receiver${i}`, addressOn(4, 2, i + 1));
    simulation.connect(source, left, { delay: 50 * MICROSECOND });
    simulation.connect(right, receiver, { delay: 50 * MICROSECOND });
    const random = simulation.randomFor(`source${i}`);
    const interval = Math.round(12e12 / rate);
    let number = 0;
    const emit = (now: number): void => {
      source.egresses[0]?.send(tcpPacket(1500, number++, addressOn(4, 1, i + 1), addressOn(4, 2, i + 1)), now);
      const wait = interval / 2 + Math.floor((random.uint32() / 2 ** 32) * interval);
      if (now + wait < until) simulation.at(Math.round(now + wait), emit);
    };
    simulation.at(i * 1000, emit);
    return receiver;
  });
  return { simulation, events, receivers, link };
}

/** Everything that can be observed of a run, as text. */
function trace(seed: number): string {
  const options: LinkOptions = {
    rate: 10e6, delay: 5 * MILLISECOND, queue: { packets: 20 }, loss: { p: 0.01, r: 0.3 }, jitter: MILLISECOND, reorder: true, duplicate: 0.01,
  };
  const { simulation, events, receivers, link } = synthetic(seed, options, [6e6, 6e6], 2 * SECOND);
  simulation.at(SECOND, (now) => link.change({ rate: 4e6 }, now));
  simulation.at(1.5 * SECOND, (now) => link.down(now));
  simulation.at(1.6 * SECOND, (now) => link.up(now));
  simulation.run();
  return JSON.stringify([events, receivers.map(({ times, numbers }) => [times, numbers]), simulation.statistics]);
}

describe("Simulation", () => {
  it("shares a drop-tail bottleneck between two equal streams", () => {
    const { simulation, receivers, link } = synthetic(3, { rate: 10e6, delay: 10 * MILLISECOND, queue: { packets: 50 } }, [10e6, 10e6], 20 * SECOND);
    simulation.run(20 * SECOND);
    const [x, y] = receivers.map((receiver) => receiver.arrivals.length) as [number, number];
    // 10 Mbit/s are 833.3 packets of 1500 octets per second.
    expect((x + y) / (20 * 833.33)).toBeGreaterThan(0.995);
    expect(Math.abs(x - y) / (x + y)).toBeLessThan(0.03);
    expect(link.forward.statistics(simulation.now).maxQueuedPackets).toBe(50);
  });

  it("gives each stream its demand when the bottleneck is not one", () => {
    const { simulation, receivers } = synthetic(3, { rate: 100e6, delay: MILLISECOND }, [10e6, 30e6], 5 * SECOND);
    simulation.run(6 * SECOND);
    const [x, y] = receivers.map((receiver) => (receiver.arrivals.length * 12_000) / 5) as [number, number];
    expect(Math.abs(x / 10e6 - 1)).toBeLessThan(0.03);
    expect(Math.abs(y / 30e6 - 1)).toBeLessThan(0.03);
  });

  it("gives the same run for the same seed, event for event", () => {
    expect(trace(42)).toBe(trace(42));
    expect(trace(42)).not.toBe(trace(43));
  });

  it("counts packet-hops", () => {
    const { simulation, receivers } = synthetic(1, {}, [1e6, 1e6], SECOND);
    simulation.run();
    expect(simulation.statistics.packetHops).toBe(3 * receivers.reduce((sum, receiver) => sum + receiver.arrivals.length, 0));
  });

  it("runs until a predicate holds, or a time", () => {
    const { simulation, receivers } = synthetic(1, { delay: MILLISECOND }, [10e6, 10e6], SECOND);
    expect(simulation.runUntil(() => (receivers[0]?.arrivals.length ?? 0) >= 10, SECOND)).toBe(true);
    expect(receivers[0]?.arrivals.length).toBe(10);
    expect(simulation.now).toBeLessThan(100 * MILLISECOND);
    expect(simulation.runUntil(() => false, 200 * MILLISECOND)).toBe(false);
    expect(simulation.now).toBe(200 * MILLISECOND);
    simulation.after(MILLISECOND, () => simulation.stop());
    simulation.run();
    expect(simulation.now).toBe(201 * MILLISECOND);
  });

  it("finds links by name and nodes once", () => {
    const { simulation, link } = synthetic(1, {}, [1e6, 1e6], SECOND);
    expect(simulation.link("bottleneck")).toBe(link);
    expect(() => simulation.link("none")).toThrow(RangeError);
    expect(simulation.nodes.length).toBe(6);
    expect(link.from(link.a)).toBe(link.forward);
    expect(link.from(link.b)).toBe(link.backward);
    expect(link.isUp).toBe(true);
  });
});

describe("Simulation.eventsOf", () => {
  it("gives a node's own events their place, by its name, and a host its queue", () => {
    for (const names of [["a", "b"], ["b", "a"]]) {
      const simulation = new Simulation();
      const log: string[] = [];
      for (const name of names) {
        const node = new Collector(name);
        simulation.eventsOf(node).call(5, () => log.push(name));
        simulation.eventsOf(node).call(5, () => log.push(`${name} again`));
      }
      simulation.at(5, () => log.push("experimenter"));
      simulation.run();
      expect(log).toEqual(["experimenter", "a", "a again", "b", "b again"]);
      const host = simulation.addHost("host");
      expect(simulation.eventsOf(host)).toBe(host.queue);
      expect(simulation.nodes.length).toBe(3);
    }
  });
});

describe("SeriesRecorder", () => {
  it("sees each time settled, whatever was scheduled first", () => {
    const simulation = new Simulation();
    let value = 0;
    const recorder = new SeriesRecorder(simulation.queue, 10);
    const { values } = recorder.gauge("value", "", () => value);
    recorder.start();
    const node = simulation.eventsOf(new Collector("node"));
    const grow = (now: number): void => {
      value++;
      if (now < 30) node.call(now + 10, grow);
    };
    node.call(10, grow);
    simulation.run(30);
    expect(values).toEqual([1, 2, 3]);
  });

  it("samples throughput and queue on a grid, and keeps no simulation going", () => {
    const { simulation, link } = synthetic(3, { rate: 10e6, delay: MILLISECOND, queue: { packets: 30 } }, [10e6, 10e6], SECOND);
    const recorder = new SeriesRecorder(simulation.queue, 100 * MILLISECOND);
    const { throughput, queue } = recorder.pipe(link.forward);
    const clock = recorder.gauge("clock", "ns", (now) => now);
    recorder.start();
    simulation.run();
    expect(simulation.now).toBeLessThan(1.1 * SECOND);
    expect(recorder.times.slice(0, 3)).toEqual([100 * MILLISECOND, 200 * MILLISECOND, 300 * MILLISECOND]);
    expect(clock.values).toEqual(recorder.times);
    throughput.values.slice(1).forEach((value) => expect(Math.abs(value / 10e6 - 1)).toBeLessThan(0.013));
    expect(Math.max(...queue.values)).toBeLessThanOrEqual(30);
    expect(Math.min(...queue.values.slice(3))).toBeGreaterThan(20);
    recorder.stop();
    const samples = recorder.times.length;
    simulation.run(5 * SECOND);
    expect(recorder.times.length).toBe(samples);
  });
});

const pipeOptions: fc.Arbitrary<PipeOptions> = fc.record(
  {
    rate: fc.constantFrom(1e6, 3.3e6, 12e6, 1e9, Number.POSITIVE_INFINITY),
    delay: fc.constantFrom(0, 1, 1000, 2_000_000),
    queue: fc.constantFrom({ packets: 1 }, { packets: 5 }, { bytes: 4000 }, { packets: 40, bytes: 20_000 }),
    loss: fc.constantFrom(0, 0.2, 1, { p: 0.2, r: 0.4 }),
    jitter: fc.constantFrom(0, 500, 1_000_000),
    reorder: fc.boolean(),
    detour: fc.constantFrom({ probability: 0, extraDelay: 0 }, { probability: 0.3, extraDelay: 3_000_000 }),
    duplicate: fc.constantFrom(0, 0.3),
    mtu: fc.constantFrom(1500, 1000),
    discipline: fc.constantFrom(null, ...Object.values(queueDisciplines).map((kind) => kind())),
  },
  { requiredKeys: [] },
);

const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("send" as const), length: fc.integer({ min: 40, max: 1500 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("run" as const), time: fc.nat(5_000_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("down" as const), keep: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("up" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("change" as const), options: pipeOptions }) },
);

describe("properties of a pipe", () => {
  it("what goes in is delivered, dropped or inside, under any operations", () => {
    fc.assert(
      fc.property(pipeOptions, fc.array(operation, { maxLength: 120 }), fc.integer(), (options, operations, seed) => {
        const queue = new EventQueue();
        const pipe = new Pipe(queue, "pipe", options, seed, null);
        const sink = new Collector();
        pipe.connect(sink, 0);
        let sent = 0;
        const check = (): void => {
          const s = pipe.statistics(queue.now);
          expect(s.packetsIn).toBe(sent);
          expect(s.packetsIn + s.duplicates).toBe(s.packetsDelivered + s.droppedQueue + s.droppedRandom + s.droppedDown + s.droppedMtu + s.inside);
          expect(s.packetsDelivered).toBe(sink.arrivals.length);
          expect(s.queuedPackets).toBeLessThanOrEqual(s.inside);
          expect(s.queuedBytes).toBeGreaterThanOrEqual(s.queuedPackets * 40);
          expect(s.queuedPackets === 0 ? s.queuedBytes : 0).toBe(0);
          expect(sink.times).toEqual(sink.times.toSorted((x, y) => x - y));
        };
        for (const step of operations) {
          if (step.kind === "send") pipe.send(tcpPacket(step.length, sent++), queue.now);
          else if (step.kind === "run") queue.run(queue.now + step.time);
          else if (step.kind === "down") pipe.down(queue.now, step.keep);
          else if (step.kind === "up") pipe.up(queue.now);
          else pipe.change(step.options, queue.now);
          check();
        }
        queue.run();
        check();
        expect(pipe.statistics(queue.now).inside).toBe(0);
      }),
      { seed: 5, numRuns: 400 },
    );
  });

  it("in order and with constant options, each packet arrives when a model of one event per packet says", () => {
    const train = fc.array(fc.record({ gap: fc.nat(3_000_000), length: fc.integer({ min: 40, max: 1500 }) }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(train, fc.constantFrom(2e6, 7e6, 1e9), fc.constantFrom(0, 12_345), fc.integer({ min: 1, max: 8 }), (packets, rate, delay, limit) => {
        const queue = new EventQueue();
        const pipe = new Pipe(queue, "pipe", { rate, delay, queue: { packets: limit } }, 1, null);
        const sink = new Collector();
        pipe.connect(sink, 0);
        const expected: number[][] = [];
        let departures: number[] = [];
        let now = 0;
        packets.forEach(({ gap, length }, number) => {
          now += gap;
          queue.run(now);
          pipe.send(tcpPacket(length, number), now);
          departures = departures.filter((departure) => departure > now);
          if (departures.length >= limit) return;
          const departure = Math.max(now, departures.at(-1) ?? 0) + length * (8e9 / rate);
          departures.push(departure);
          expected.push([number, Math.round(departure) + delay]);
        });
        queue.run();
        expect(sink.numbers.map((number, i) => [number, sink.times[i]])).toEqual(expected);
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});
