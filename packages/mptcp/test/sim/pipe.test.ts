import { describe, expect, it } from "vitest";
import { MILLISECOND, MptcpError } from "../../src/core/index.ts";
import type { DecisionEvent } from "../../src/core/index.ts";
import { EventQueue, ListedLoss, Pipe } from "../../src/sim/index.ts";
import type { PipeTap } from "../../src/sim/index.ts";
import { Collector, pipeBench, tcpPacket } from "./support.ts";

describe("a pipe's times", () => {
  it("delivers after transmission and propagation, to the nanosecond", () => {
    // 1500 octets at 12 Mbit/s: 1 ms each.
    const { queue, sink, send } = pipeBench({ rate: 12e6, delay: 5 * MILLISECOND });
    for (let i = 0; i < 3; i++) send(1500, i);
    queue.run();
    expect(sink.times).toEqual([6 * MILLISECOND, 7 * MILLISECOND, 8 * MILLISECOND]);
    expect(sink.numbers).toEqual([0, 1, 2]);
  });

  it("starts anew after an idle time", () => {
    const { queue, sink, send } = pipeBench({ rate: 8e9, delay: 10 });
    send(1000);
    queue.run(5000);
    send(500);
    queue.run();
    expect(sink.times).toEqual([1010, 5510]);
  });

  it("keeps fractions of a nanosecond, so that a long train is as fast as the rate says", () => {
    const { queue, sink, send } = pipeBench({ rate: 7e9, queue: { packets: 10_000 } });
    for (let i = 0; i < 7000; i++) send(1500, i);
    queue.run();
    sink.times.forEach((at, i) => expect(Math.abs(at - ((i + 1) * 12_000) / 7)).toBeLessThanOrEqual(0.5 + 1e-6));
    expect(sink.times.at(-1)).toBe(12_000_000);
  });

  it("takes no time at an infinite rate and queues nothing", () => {
    const { queue, pipe, sink, send } = pipeBench({ delay: 100, queue: { packets: 1 } });
    for (let i = 0; i < 50; i++) send(1500, i);
    queue.run();
    expect(sink.times).toEqual(Array.from({ length: 50 }, () => 100));
    expect(pipe.statistics(queue.now).droppedQueue).toBe(0);
  });

  it("keeps the order of names among pipes that deliver at the same time, whoever sent first", () => {
    for (const names of [["p", "q"], ["q", "p"]] as const) {
      const queue = new EventQueue();
      const sink = new Collector();
      const pipes = names.map((name) => new Pipe(queue, name, { delay: 10 }, 1, null));
      pipes.forEach((pipe, port) => pipe.connect(sink, port));
      const of = (name: string): Pipe => pipes[names.indexOf(name as "p" | "q")] as Pipe;
      of("q").send(tcpPacket(100, 3), 0);
      of("p").send(tcpPacket(100, 0), 0);
      of("p").send(tcpPacket(100, 1), 0);
      of("q").send(tcpPacket(100, 4), 0);
      of("p").send(tcpPacket(100, 2), 0);
      queue.run();
      expect(sink.numbers).toEqual([0, 1, 2, 3, 4]);
    }
  });
});

describe("a pipe's queue", () => {
  it("counts the packet in transmission, and drops at the tail", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, queue: { packets: 3 } });
    for (let i = 0; i < 5; i++) send(1500, i);
    expect(pipe.queuedPackets(0)).toBe(3);
    queue.run(MILLISECOND);
    expect(pipe.queuedPackets(MILLISECOND)).toBe(2);
    send(1500, 5);
    send(1500, 6);
    queue.run();
    expect(sink.numbers).toEqual([0, 1, 2, 5]);
    const statistics = pipe.statistics(queue.now);
    expect(statistics).toMatchObject({
      packetsIn: 7, packetsDelivered: 4, droppedQueue: 3, inside: 0, queuedPackets: 0, queuedBytes: 0,
      maxQueuedPackets: 3, maxQueuedBytes: 4500, bytesIn: 10_500, bytesDelivered: 6000,
    });
    expect(pipe.hops).toBe(4);
  });

  it("can be limited in octets", () => {
    const { queue, sink, send } = pipeBench({ rate: 1e6, queue: { bytes: 2000 } });
    send(1000, 0);
    send(1000, 1);
    send(40, 2);
    queue.run(8 * MILLISECOND);
    send(1000, 3);
    send(40, 4);
    queue.run();
    expect(sink.numbers).toEqual([0, 1, 3]);
  });

  it("tells when there will be room", () => {
    const { pipe, send } = pipeBench({ rate: 12e6 });
    expect(pipe.roomAt(1, 0)).toBe(0);
    for (let i = 0; i < 4; i++) send(1500, i);
    expect(pipe.roomAt(5, 0)).toBe(0);
    expect(pipe.roomAt(4, 0)).toBe(MILLISECOND);
    expect(pipe.roomAt(1, 0)).toBe(4 * MILLISECOND);
    expect(pipe.roomAt(1, 4 * MILLISECOND)).toBe(4 * MILLISECOND);
  });

  it("grows its ring in order, also after the ring has turned", () => {
    const { queue, sink, send } = pipeBench({ rate: 12e6, delay: 100 * MILLISECOND });
    let number = 0;
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 7; i++) send(1500, number++);
      queue.run(queue.now + 5 * MILLISECOND);
    }
    queue.run();
    expect(sink.numbers).toEqual(Array.from({ length: number }, (_, i) => i));
    sink.times.forEach((at, i) => expect(at).toBe((101 + i) * MILLISECOND));
  });

  it("marks ECN-capable packets above the threshold only", () => {
    const { queue, pipe, sink } = pipeBench({ rate: 12e6, ecnThreshold: 2 });
    for (let i = 0; i < 4; i++) {
      const packet = tcpPacket(1500, i);
      packet.trafficClass = i === 3 ? 0 : 2;
      pipe.send(packet, 0);
    }
    queue.run();
    expect(sink.arrivals.map(({ packet }) => packet.trafficClass)).toEqual([2, 2, 3, 0]);
    expect(pipe.statistics(queue.now).marked).toBe(1);
  });
});

describe("a pipe's MTU", () => {
  it("drops what is larger", () => {
    const { queue, pipe, sink, send } = pipeBench({ mtu: 1400 });
    send(1400, 0);
    send(1401, 1);
    queue.run();
    expect(sink.numbers).toEqual([0]);
    expect(pipe.statistics(0).droppedMtu).toBe(1);
  });

  it("counts a super-segment as the segments it becomes where the link segments", () => {
    const { queue, pipe, sink } = pipeBench({ rate: 8e9, mtu: 1500, segmentation: true });
    // 14,600 octets of payload in segments of 1460, 40 of headers each: 15,000 octets on the wire.
    pipe.send(tcpPacket(14_640, 0), 0);
    pipe.send(tcpPacket(14_641, 1), 0);
    queue.run();
    expect(sink.times).toEqual([15_000, 15_000 + 14_601 + 11 * 40]);
    expect(pipe.statistics(queue.now)).toMatchObject({ packetsIn: 2, bytesIn: 30_041, bytesDelivered: 30_041, maxQueuedPackets: 2 });
    expect(pipe.maxPacket).toBe(65_535);
  });
});

describe("a pipe's watchers", () => {
  it("see what enters, arrives and is dropped", () => {
    const { queue, pipe, send } = pipeBench({ rate: 12e6, queue: { packets: 2 }, loss: new ListedLoss([1]) });
    const log: string[] = [];
    const tap = (name: string): PipeTap => ({
      entered: (packet, departure, now) => log.push(`${name} in ${packet.tcp?.sequence} ${departure} @${now}`),
      delivered: (packet, now) => log.push(`${name} out ${packet.tcp?.sequence} @${now}`),
      dropped: (packet, cause, now) => log.push(`${name} ${cause} ${packet.tcp?.sequence} @${now}`),
    });
    pipe.addTap(tap("x"));
    for (let i = 0; i < 3; i++) send(1500, i);
    queue.run();
    expect(log).toEqual(["x in 0 1000000 @0", "x in 1 2000000 @0", "x queue 2 @0", "x out 0 @1000000", "x random 1 @2000000"]);
    pipe.addTap(tap("y"));
    pipe.addTap(tap("z"));
    log.length = 0;
    send(1500, 3);
    expect(log).toEqual(["x in 3 3000000 @2000000", "y in 3 3000000 @2000000", "z in 3 3000000 @2000000"]);
  });

  it("hear of losses and changes in the decision log", () => {
    const queue = new EventQueue();
    const events: DecisionEvent[] = [];
    const pipe = new Pipe(queue, "p", { rate: 12e6, queue: { packets: 1 } }, 1, { event: (event) => events.push(event) });
    pipe.connect(new Collector(), 0);
    pipe.send(tcpPacket(1500), 0);
    pipe.send(tcpPacket(600), 0);
    pipe.down(0);
    pipe.up(0);
    pipe.change({ rate: 1e6 }, 0);
    expect(events.map(({ kind, host }) => `${host} ${kind}`)).toEqual(["p packet_lost", "p packet_lost", "p link", "p link", "p link"]);
    expect(events[0]).toMatchObject({ cause: "queue", length: 600 });
    expect(events[1]).toMatchObject({ cause: "down", length: 1500 });
    expect(events[4]).toMatchObject({ change: "changed", detail: "rate" });
  });
});

describe("a pipe's options", () => {
  it.each([
    { rate: 0 }, { rate: -1 }, { rate: Number.NaN }, { delay: -1 }, { delay: 0.5 }, { jitter: -5 }, { loss: 1.5 }, { loss: { p: 2, r: 1 } },
    { duplicate: -0.1 }, { queue: { packets: 0 } }, { queue: { bytes: 0 } }, { mtu: 20 }, { mtu: 70_000 }, { detour: { probability: 2, extraDelay: 1 } },
    { ecnThreshold: 0 },
  ])("refuse %j", (options) => {
    expect(() => pipeBench(options)).toThrow(MptcpError);
    const { pipe } = pipeBench({ rate: 5e6 });
    expect(() => pipe.change(options, 0)).toThrow(MptcpError);
    expect(pipe.options).toEqual({ rate: 5e6 });
  });
});
