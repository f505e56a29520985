import { describe, expect, it } from "vitest";
import { MILLISECOND } from "../../../src/core/index.ts";
import { queueDisciplines } from "../../../src/sim/index.ts";
import type { PipeOptions } from "../../../src/sim/index.ts";
import { pipeBench, tcpPacket } from "../support.ts";

/** More than any of the tests below has waiting, so that nothing is ever marked. */
const NEVER_MARKS = queueDisciplines.threshold({ packets: 1_000_000 });

describe("a link with a queue discipline", () => {
  it("delivers at the same times as a drop-tail queue, to the nanosecond", () => {
    const options: PipeOptions = { rate: 7e6, delay: 3 * MILLISECOND, queue: { packets: 1000 } };
    const [plain, staged] = [options, { ...options, discipline: NEVER_MARKS }].map((each) => {
      const { queue, sink, send } = pipeBench(each);
      for (let i = 0; i < 40; i++) {
        for (let j = 0; j <= i % 7; j++) send(40 + ((i * 331 + j * 97) % 1460), 100 * i + j);
        queue.run(queue.now + i * 777_777);
      }
      queue.run();
      return [sink.numbers, sink.times];
    });
    expect(staged).toEqual(plain);
  });

  it("counts what waits, and the packet in transmission beside it", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, queue: { packets: 3 }, discipline: NEVER_MARKS });
    for (let i = 0; i < 6; i++) send(1500, i);
    expect(pipe.queuedPackets(0)).toBe(4);
    expect(pipe.statistics(0)).toMatchObject({ inside: 4, queuedPackets: 4, queuedBytes: 6000, maxQueuedPackets: 4, maxQueuedBytes: 6000, droppedQueue: 2, droppedEarly: 0 });
    expect(pipe.roomAt(1, 0)).toBe(4 * MILLISECOND);
    expect(pipe.roomAt(4, 0)).toBe(MILLISECOND);
    queue.run();
    expect(sink.times).toEqual([1, 2, 3, 4].map((ms) => ms * MILLISECOND));
  });

  it("sends what waits at a new rate", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, discipline: queueDisciplines.codel() });
    for (let i = 0; i < 3; i++) send(1500, i);
    queue.run(MILLISECOND / 2);
    pipe.change({ rate: 6e6 }, queue.now);
    queue.run();
    // Half of the first is left, which takes twice as long now.
    expect(sink.times).toEqual([1.5, 3.5, 5.5].map((ms) => ms * MILLISECOND));
  });

  it("loses what waits when it goes down", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, discipline: queueDisciplines["fq-codel"]() });
    for (let i = 0; i < 5; i++) send(1500, i);
    pipe.down(queue.now);
    expect(pipe.statistics(queue.now)).toMatchObject({ droppedDown: 5, inside: 0, queuedBytes: 0 });
    pipe.up(queue.now);
    send(1500, 9);
    queue.run();
    expect(sink.numbers).toEqual([9]);
  });

  it("hands over what waits to another discipline, and to a drop-tail queue", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, discipline: queueDisciplines.codel() });
    for (let i = 0; i < 6; i++) send(1500, i);
    queue.run(1.5 * MILLISECOND);
    pipe.change({ discipline: queueDisciplines.red() }, queue.now);
    send(1500, 6);
    expect(pipe.queuedPackets(queue.now)).toBe(6);
    queue.run(2.5 * MILLISECOND);
    pipe.change({ discipline: null }, queue.now);
    send(1500, 7);
    expect(pipe.queuedPackets(queue.now)).toBe(6);
    queue.run();
    expect(sink.numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(sink.times.at(-1)).toBe(8 * MILLISECOND);
  });

  it("says CE on what says ECT alone, and counts early drops", () => {
    const { queue, pipe, sink } = pipeBench({ rate: 12e6, discipline: queueDisciplines.threshold({ packets: 1 }) });
    [0, 1, 2, 3].forEach((ecn, i) => {
      const packet = tcpPacket(1500, i);
      packet.trafficClass = 0xb8 | ecn;
      pipe.send(packet, 0);
    });
    queue.run();
    expect(sink.arrivals.map(({ packet }) => packet.trafficClass)).toEqual([0xb8, 0xb9, 0xbb, 0xbb]);
    expect(pipe.statistics(queue.now).marked).toBe(2);
  });

  it("draws from a source of its own: the same for the same seed and name, another for another seed", () => {
    const outcome = (seed: number): number[] => {
      const { queue, sink, send } = pipeBench({ rate: 12e6, queue: { packets: 10 }, discipline: queueDisciplines["random-drop"]() }, seed);
      for (let i = 0; i < 100; i++) send(1500, i);
      queue.run();
      return sink.numbers;
    };
    expect(outcome(1)).toEqual(outcome(1));
    expect(outcome(1)).not.toEqual(outcome(2));
  });
});
