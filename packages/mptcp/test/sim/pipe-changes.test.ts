import { describe, expect, it } from "vitest";
import { MILLISECOND } from "../../src/core/index.ts";
import { ListedLoss } from "../../src/sim/index.ts";
import { pipeBench } from "./support.ts";

const MS = MILLISECOND;

describe("a change of rate", () => {
  it("takes hold of the packet in transmission and of the queue, not of the wire", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, delay: 10 * MS });
    for (let i = 0; i < 4; i++) send(1500, i);
    // At 1.5 ms packet 0 is on the wire and half of packet 1 is out.
    queue.run(1.5 * MS);
    pipe.change({ rate: 6e6 }, queue.now);
    expect(pipe.queuedPackets(queue.now)).toBe(3);
    queue.run();
    expect(sink.times).toEqual([11 * MS, 12.5 * MS, 14.5 * MS, 16.5 * MS]);
  });

  it("can go up to infinity and down from it", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, delay: MS });
    for (let i = 0; i < 3; i++) send(1500, i);
    queue.run(0.25 * MS);
    pipe.change({ rate: Number.POSITIVE_INFINITY }, queue.now);
    send(1500, 3);
    pipe.change({ rate: 12e6 }, queue.now);
    send(1500, 4);
    queue.run();
    expect(sink.times).toEqual([1.25 * MS, 1.25 * MS, 1.25 * MS, 1.25 * MS, 2.25 * MS]);
    expect(sink.numbers).toEqual([0, 1, 2, 3, 4]);
  });

  it("tells whoever waits for room", () => {
    const { pipe } = pipeBench({ rate: 12e6 });
    const calls: number[] = [];
    pipe.listener = { egressChanged: (_egress, now) => calls.push(now) };
    pipe.change({ rate: 1e6 }, 1);
    pipe.down(2);
    pipe.up(3);
    expect(calls).toEqual([1, 2, 3]);
  });
});

describe("a change of delay", () => {
  it("is for what has not departed, and lets nobody overtake", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, delay: 20 * MS });
    for (let i = 0; i < 3; i++) send(1500, i);
    queue.run(1 * MS);
    pipe.change({ delay: 5 * MS }, queue.now);
    queue.run();
    // Packet 0 is on the wire until 21 ms; 1 and 2 would arrive at 7 and 8 ms and wait behind it.
    expect(sink.times).toEqual([21 * MS, 21 * MS, 21 * MS]);
    expect(sink.numbers).toEqual([0, 1, 2]);
    send(1500, 3);
    queue.run();
    expect(sink.times[3]).toBe(21 * MS + MS + 5 * MS);
  });
});

describe("a link that goes down", () => {
  it("loses queue, wire and what is sent, and comes back empty", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, delay: 10 * MS });
    for (let i = 0; i < 5; i++) send(1500, i);
    queue.run(2.5 * MS);
    pipe.down(queue.now);
    send(1500, 5);
    expect(pipe.statistics(queue.now)).toMatchObject({ droppedDown: 6, inside: 0, queuedBytes: 0 });
    queue.run(50 * MS);
    pipe.up(queue.now);
    send(1500, 6);
    queue.run();
    expect(sink.numbers).toEqual([6]);
    expect(sink.times).toEqual([61 * MS]);
  });

  it("keeps what is in flight when asked to", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, delay: 10 * MS });
    for (let i = 0; i < 5; i++) send(1500, i);
    queue.run(2.5 * MS);
    pipe.down(queue.now, true);
    queue.run(3 * MS);
    pipe.up(queue.now);
    send(1500, 7);
    queue.run();
    expect(sink.numbers).toEqual([0, 1, 7]);
    expect(sink.times).toEqual([11 * MS, 12 * MS, 14 * MS]);
    expect(pipe.statistics(queue.now)).toMatchObject({ droppedDown: 3, packetsDelivered: 3 });
  });

  it("lets nothing sent afterwards overtake what it kept", () => {
    const { queue, pipe, sink, send } = pipeBench({ delay: MS, jitter: 50 * MS });
    for (let i = 0; i < 40; i++) {
      send(1500, i);
      queue.run(queue.now + 1000);
      pipe.down(queue.now, true);
      pipe.up(queue.now);
    }
    queue.run();
    expect(sink.numbers).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  it("can be told so twice", () => {
    const { queue, pipe, sink, send } = pipeBench({ delay: MS });
    pipe.down(0);
    pipe.down(0);
    pipe.up(0);
    pipe.up(0);
    send(100, 1);
    queue.run();
    expect(sink.numbers).toEqual([1]);
  });
});

describe("a change of loss", () => {
  it("is for what leaves the wire from then on, and other changes keep the model's state", () => {
    const { queue, pipe, sink, send } = pipeBench({ delay: 10, loss: new ListedLoss([0, 3]) });
    for (let i = 0; i < 3; i++) send(100, i);
    queue.run();
    pipe.change({ delay: 20 }, queue.now);
    for (let i = 3; i < 6; i++) send(100, i);
    queue.run();
    expect(sink.numbers).toEqual([1, 2, 4, 5]);
    pipe.change({ loss: 1 }, queue.now);
    send(100, 6);
    pipe.change({ loss: 0 }, queue.now);
    send(100, 7);
    queue.run();
    expect(sink.numbers).toEqual([1, 2, 4, 5, 6, 7]);
  });
});

it("keeps the state of a chain of losses through other changes", () => {
  // Alternates: lost, delivered, lost, ...
  const { queue, pipe, sink, send } = pipeBench({ loss: { p: 1, r: 1 } });
  for (let i = 0; i < 6; i++) {
    send(100, i);
    queue.run();
    pipe.change({ delay: i }, queue.now);
  }
  expect(sink.numbers).toEqual([1, 3, 5]);
});

describe("a change to reordering and back", () => {
  it("loses nothing and keeps the arrival of what was on the wire", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, delay: 10 * MS });
    for (let i = 0; i < 4; i++) send(1500, i);
    queue.run(2 * MS);
    pipe.change({ reorder: true, jitter: 0 }, queue.now);
    queue.run(3 * MS);
    pipe.change({ reorder: false, delay: 1 * MS }, queue.now);
    queue.run();
    // 0 and 1 on the wire before; 2 departed at 3 ms under reordering with 10 ms; 3 departs at 4 ms with 1 ms.
    expect([...sink.arrivals].map(({ at, packet }) => [packet.tcp?.sequence, at])).toEqual([
      [3, 5 * MS], [0, 11 * MS], [1, 12 * MS], [2, 13 * MS],
    ]);
  });

  it("delays what departs in the very instant of the change", () => {
    const { queue, pipe, sink, send } = pipeBench({ rate: 12e6, delay: 10 * MS, reorder: true });
    // The call has the smaller insertion number: it comes before the pipe takes note of the departure.
    queue.call(1 * MS, (now) => pipe.change({ reorder: false }, now));
    send(1500, 0);
    queue.run();
    expect(sink.times).toEqual([11 * MS]);
  });
});
