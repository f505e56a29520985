import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NEVER } from "../../src/core/index.ts";
import type { ReinjectionQueue } from "../../src/mptcp/data/reinjection-queue.ts";
import { roundRobin } from "../../src/mptcp/schedulers/index.ts";
import type { FakeSubflow, SenderBenchOptions } from "./fake-subflow.ts";
import { BITS, MS, pull, SenderBench } from "./fake-subflow.ts";

const CHUNK = 1000;

describe("new data", () => {
  test("goes out in the order in which subflows ask, with a mapping for each piece", () => {
    const bench = new SenderBench();
    const [a, b] = [bench.add(1), bench.add(2, { srtt: 30 * MS })];
    bench.write(5000);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 0, to: 1000 });
    a.room = false;
    expect(pull(bench, b, 700)).toEqual({ from: 1000, to: 1700 });
    expect(pull(bench, b, 700)).toEqual({ from: 1700, to: 2400 });
    a.room = true;
    expect(pull(bench, a, CHUNK)).toEqual({ from: 2400, to: 3400 });
    expect([0, 1].map((i) => a.sent.at(i)).map((m) => [m.dataOffset, m.subflowOffset, m.length])).toEqual([[0, 0, 1000], [2400, 1000, 1000]]);
    expect([0, 1].map((i) => b.sent.at(i)).map((m) => [m.dataOffset, m.subflowOffset, m.length])).toEqual([[1000, 0, 700], [1700, 700, 700]]);
    expect(bench.sender.nxt).toBe(3400);
  });

  test("is pushed with the last byte written", () => {
    const bench = new SenderBench({ noDelay: true });
    const a = bench.add(1);
    bench.write(1500);
    pull(bench, a, CHUNK);
    expect(bench.slot.push).toBe(false);
    pull(bench, a, CHUNK);
    expect(bench.slot.push).toBe(true);
  });

  test("goes to the subflow that the scheduler prefers; that one is woken", () => {
    const bench = new SenderBench();
    const [slow, fast] = [bench.add(1, { srtt: 50 * MS }), bench.add(2, { srtt: 10 * MS })];
    bench.write(5000);
    expect(pull(bench, slow, CHUNK)).toBeNull();
    expect(fast.woken).toBe(1);
    fast.room = false;
    expect(pull(bench, slow, CHUNK)).toEqual({ from: 0, to: 1000 });
  });

  test("waits when the scheduler wants none, and a piece may be taken shorter than offered", () => {
    const bench = new SenderBench();
    const a = bench.add(1);
    bench.add(2);
    bench.write(5000);
    bench.scheduler = { name: "none", select: () => null };
    expect(bench.sender.offer(a.subflow, CHUNK, 0)).toBe(0);
    bench.scheduler = { name: "first", select: (subflows) => subflows[0] ?? null };
    expect(bench.sender.offer(a.subflow, CHUNK, 0)).toBe(1000);
    bench.sender.take(a.subflow, 0, 300, 0, bench.slot);
    expect(bench.sender.nxt).toBe(300);
    expect(bench.slot.payload.length).toBe(300);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 300, to: 1300 });
  });

  test("is offered as the scheduler chose, which is asked once per segment", () => {
    const bench = new SenderBench();
    const subflows = [bench.add(1), bench.add(2), bench.add(3)] as const;
    let asked = 0;
    let turn = 0;
    bench.scheduler = {
      name: "in turn",
      select: (usable) => {
        asked++;
        return usable[turn++ % usable.length] ?? null;
      },
    };
    bench.write(10_000);
    const order: number[] = [];
    for (let polls = 0; order.length < 6 && polls < 100; polls++) {
      const subflow = subflows[(polls * 2) % 3] as FakeSubflow;
      if (pull(bench, subflow, CHUNK) !== null) order.push(subflow.pathIndex);
    }
    expect([order, asked]).toEqual([[1, 2, 3, 1, 2, 3], 6]);
  });

  test("does not make two subflows of one link wake each other for ever, while something waits to be sent again as well", () => {
    for (let turn = 0; turn < 4; turn++) {
      const bench = new SenderBench();
      const dead = bench.add(5);
      const subflows = [bench.add(1), bench.add(3), bench.add(4), bench.add(6)];
      const ring = roundRobin();
      bench.scheduler = ring;
      bench.write(20_000);
      for (const other of subflows) other.room = false;
      for (let i = 0; i < 4; i++) while (pull(bench, dead, CHUNK) === null);
      bench.timeOut(dead);
      for (const other of subflows) other.room = true;
      for (let i = 0; i <= turn; i++) ring.select(subflows.map((one) => one.subflow), { dataOffset: 0, length: 1, reinjection: false, now: 0 });
      // The host serves the link of subflows 1 and 4 until none of the two has anything to send; those that were woken ask again.
      const link = [subflows[0], subflows[2]] as FakeSubflow[];
      const queue = [...link];
      let asked = 0;
      while (queue.length > 0 && asked < 500) {
        const subflow = queue.shift() as FakeSubflow;
        const woken = link.map((one) => one.woken);
        asked++;
        if (pull(bench, subflow, CHUNK) !== null) queue.push(subflow);
        link.forEach((one, i) => {
          if (one.woken > (woken[i] as number) && !queue.includes(one)) queue.push(one);
        });
      }
      expect(asked).toBeLessThan(50);
    }
  });

  test("goes to others once the chosen one has filled its window", () => {
    const bench = new SenderBench();
    const [fast, slow] = [bench.add(1, { srtt: 5 * MS, window: 2500 }), bench.add(2, { srtt: 50 * MS })];
    bench.write(10_000);
    expect(pull(bench, slow, CHUNK)).toBeNull();
    pull(bench, fast, CHUNK);
    expect(slow.woken).toBe(0);
    fast.window = 1500;
    pull(bench, fast, CHUNK);
    expect(slow.woken).toBe(1);
  });

  test("uses backup subflows only without a living regular one, dead ones only without any other", () => {
    const bench = new SenderBench();
    const ids = (): number[] => {
      bench.sender.carriers.changed();
      return bench.sender.carriers.usable().map((subflow) => subflow.pathIndex);
    };
    const [c, b, a] = [bench.add(3), bench.add(2, { backup: true }), bench.add(1)];
    // In order of path index, whatever the order of their coming.
    expect(ids()).toEqual([1, 3]);
    a.stale = true;
    expect(ids()).toEqual([3]);
    c.mayCarryData = false;
    expect(ids()).toEqual([2]);
    b.stale = true;
    expect(ids()).toEqual([1]);
    a.mayCarryData = false;
    expect(ids()).toEqual([2]);
    b.mayCarryData = false;
    expect(ids()).toEqual([]);
    expect(pull(bench, b, CHUNK)).toBeNull();
  });
});

describe("the shared window (RFC 8684 §3.3.5)", () => {
  test("bounds what all subflows send together", () => {
    const bench = new SenderBench({ right: 2500 });
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(10_000);
    pull(bench, a, CHUNK);
    a.room = false;
    pull(bench, b, CHUNK);
    expect(pull(bench, b, CHUNK)).toBeNull();
    bench.sender.acknowledge(0, 4000, 0);
    expect(pull(bench, b, CHUNK)).toEqual({ from: 2000, to: 3000 });
    expect(pull(bench, b, CHUNK)).toEqual({ from: 3000, to: 4000 });
    expect(pull(bench, b, CHUNK)).toBeNull();
  });

  test("has a right edge that never moves left", () => {
    const bench = new SenderBench({ right: 5000 });
    const a = bench.add(1);
    bench.write(10_000);
    pull(bench, a, CHUNK);
    expect(bench.sender.acknowledge(1000, 3000, 0)).toBe(true);
    expect(bench.sender.right).toBe(5000);
    expect(bench.sender.acknowledge(500, 5500, 0)).toBe(true);
    expect(bench.sender.right).toBe(5500);
    expect(bench.sender.una).toBe(1000);
    expect(bench.sender.acknowledge(1000, 5500, 0)).toBe(false);
  });

  test("leaves a rest of less than a segment alone while something is in flight, and fills it when nothing is", () => {
    const bench = new SenderBench({ right: 1400 });
    const a = bench.add(1);
    bench.write(10_000);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 0, to: 1000 });
    expect(pull(bench, a, CHUNK)).toBeNull();
    bench.sender.acknowledge(1000, 1400, 0);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 1000, to: 1400 });
  });

  test("tells once that it blocks, and once that it is open", () => {
    const bench = new SenderBench({ right: 1000 });
    const a = bench.add(1);
    bench.write(10_000);
    pull(bench, a, CHUNK);
    for (let i = 0; i < 3; i++) pull(bench, a, CHUNK);
    bench.sender.acknowledge(1000, 5000, 0);
    pull(bench, a, CHUNK);
    pull(bench, a, CHUNK);
    expect(bench.kinds("window").map((event) => event.state)).toEqual(["blocked", "open"]);
  });
});

describe("Nagle at connection level", () => {
  test("holds a small piece back while anything is unacknowledged, on whichever subflow", () => {
    const bench = new SenderBench();
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(100);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 0, to: 100 });
    bench.write(100);
    a.room = false;
    expect(pull(bench, b, CHUNK)).toBeNull();
    bench.sender.acknowledge(100, 100_000, 0);
    expect(pull(bench, b, CHUNK)).toEqual({ from: 100, to: 200 });
  });

  test("lets full segments, the last piece before the end, and everything with noDelay go", () => {
    const bench = new SenderBench();
    const a = bench.add(1);
    bench.write(2100);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 0, to: 1000 });
    expect(pull(bench, a, CHUNK)).toEqual({ from: 1000, to: 2000 });
    expect(pull(bench, a, CHUNK)).toBeNull();
    bench.sender.end();
    expect(pull(bench, a, CHUNK)).toEqual({ from: 2000, to: 2100 });

    const eager = new SenderBench({ noDelay: true });
    const b = eager.add(1);
    eager.write(100);
    pull(eager, b, CHUNK);
    eager.write(100);
    expect(pull(eager, b, CHUNK)).toEqual({ from: 100, to: 200 });
  });
});

describe("a cork at connection level", () => {
  test("holds back what does not fill a segment on any subflow, the end of a super-segment too, though nothing is unacknowledged", () => {
    const bench = new SenderBench({ noDelay: true });
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.sender.configure({ cork: true });
    bench.write(3700);
    expect(pull(bench, a, 10_000)).toEqual({ from: 0, to: 3000 });
    expect([pull(bench, a, 10_000), pull(bench, b, CHUNK)]).toEqual([null, null]);
    bench.sender.acknowledge(3000, 100_000, 0);
    expect(pull(bench, b, CHUNK)).toBeNull();
    // A full segment goes, and what is then left waits anew.
    bench.write(600);
    expect([pull(bench, a, CHUNK), pull(bench, a, CHUNK)]).toEqual([{ from: 3000, to: 4000 }, null]);
    bench.sender.configure({ cork: false });
    expect(pull(bench, a, CHUNK)).toEqual({ from: 4000, to: 4300 });
  });

  test("does not hold back what has to be sent again", () => {
    const bench = new SenderBench();
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(300);
    pull(bench, a, CHUNK);
    bench.sender.configure({ cork: true });
    bench.die(a);
    expect(pull(bench, b, CHUNK)).toEqual({ from: 0, to: 300 });
  });

  test("with a mark for what is unsent, who waits hears of room as soon as data leaves", () => {
    const bench = new SenderBench({ noDelay: true });
    const a = bench.add(1);
    bench.sender.configure({ unsentLowWater: 4000 });
    expect([bench.write(10_000), bench.sender.writable]).toEqual([4000, 0]);
    pull(bench, a, CHUNK);
    pull(bench, a, CHUNK);
    expect([bench.rooms, bench.sender.writable]).toEqual([0, 2000]);
    pull(bench, a, CHUNK);
    expect([bench.rooms, bench.sender.writable]).toEqual([1, 3000]);
  });
});

describe("DATA_FIN (RFC 8684 §3.3.3)", () => {
  test("goes with the last mapping when that is sent after the end", () => {
    const bench = new SenderBench();
    const a = bench.add(1);
    bench.write(1500);
    bench.sender.end();
    pull(bench, a, CHUNK);
    expect(a.sent.at(0).dataFin).toBe(false);
    expect(bench.sender.finSent).toBe(false);
    expect(bench.sender.sentEnd).toBe(1000);
    pull(bench, a, CHUNK);
    expect(a.sent.at(1).dataFin).toBe(true);
    expect(a.sent.at(1).length).toBe(500);
    expect([bench.sender.finSent, bench.sender.sentEnd, bench.sender.nxt]).toEqual([true, 1501, 1500]);
    expect(bench.kinds("data_fin").map((event) => event.dataOffset)).toEqual([1500]);
  });

  test("goes alone when the data left before the end, and only then", () => {
    const bench = new SenderBench({ noDelay: true });
    const a = bench.add(1);
    bench.write(1500);
    expect(bench.sender.releaseFin(0)).toBe(false);
    pull(bench, a, CHUNK);
    bench.sender.end();
    expect(bench.sender.releaseFin(0)).toBe(false);
    pull(bench, a, 200);
    expect(bench.sender.releaseFin(0)).toBe(false);
    const other = new SenderBench({ noDelay: true });
    const b = other.add(1);
    other.write(800);
    pull(other, b, CHUNK);
    other.sender.end();
    expect(other.sender.releaseFin(0)).toBe(true);
    expect(other.sender.releaseFin(0)).toBe(false);
    expect(b.sent.at(0).dataFin).toBe(false);
    expect(other.timerAt).not.toBe(NEVER);
  });

  test("does not go with first data that carries the keys", () => {
    const bench = new SenderBench();
    const a = bench.add(1);
    bench.fullyEstablished = false;
    bench.write(100);
    bench.sender.end();
    pull(bench, a, CHUNK);
    expect(a.sent.at(0).dataFin).toBe(false);
    expect(bench.sender.finSent).toBe(false);
    expect(bench.sender.releaseFin(0)).toBe(true);
  });

  test("is acknowledged by one position after the last byte", () => {
    const bench = new SenderBench();
    const a = bench.add(1);
    bench.write(500);
    bench.sender.end();
    pull(bench, a, CHUNK);
    bench.sender.acknowledge(500, 9000, 0);
    expect(bench.sender.finAcknowledged).toBe(false);
    bench.sender.acknowledge(501, 9000, 0);
    expect(bench.sender.finAcknowledged).toBe(true);
    expect(bench.timerAt).toBe(NEVER);
  });

  test("takes no more data after the end", () => {
    const bench = new SenderBench();
    bench.sender.end();
    expect(bench.sender.writable).toBe(0);
  });

  test("comes again with a reinjection of the last mapping", () => {
    const bench = new SenderBench();
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(500);
    bench.sender.end();
    pull(bench, a, CHUNK);
    bench.sender.reinject(a.subflow, "rto");
    expect(pull(bench, b, CHUNK)).toEqual({ from: 0, to: 500 });
    expect(b.sent.at(0).dataFin).toBe(true);
    expect(bench.kinds("data_fin")).toHaveLength(1);
  });
});

describe("DATA_ACK", () => {
  test("frees the send buffer; data sent stays with the subflows that carry it", () => {
    const bench = new SenderBench({ buffer: { initial: 2000, max: 2000, autoTune: false } });
    const a = bench.add(1);
    expect(bench.write(3000)).toBe(2000);
    expect(bench.sender.takeRoom()).toBe(false);
    expect(bench.sender.writable).toBe(0);
    pull(bench, a, CHUNK);
    const carried = bench.slot.payload;
    bench.sender.acknowledge(1000, 100_000, 0);
    expect(bench.sender.writable).toBe(1000);
    expect(a.sent.size).toBe(1);
    expect(carried.toUint8Array()).toEqual(BITS.subarray(0, 1000));
  });

  test("for what was never sent is ignored, its window too", () => {
    const bench = new SenderBench({ right: 1000 });
    const a = bench.add(1);
    bench.write(5000);
    pull(bench, a, CHUNK);
    for (const nonsense of [1001, 5001, 2 ** 40, Number.MAX_SAFE_INTEGER]) expect(bench.sender.acknowledge(nonsense, nonsense + 9000, 0)).toBe(false);
    expect([bench.sender.una, bench.sender.right, bench.sender.writable]).toEqual([0, 1000, 100_000 - 5000]);
    // The DATA_FIN's position counts only once it was sent.
    pull(bench, a, CHUNK);
    bench.sender.end();
    expect(bench.sender.acknowledge(5001, 9000, 0)).toBe(false);
    expect(bench.sender.finAcknowledged).toBe(false);
  });

  test("takes queued reinjections off", () => {
    const bench = new SenderBench();
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(3000);
    pull(bench, a, CHUNK);
    pull(bench, a, CHUNK);
    bench.sender.reinject(a.subflow, "rto");
    bench.sender.acknowledge(1200, 100_000, 0);
    a.room = false;
    expect(pull(bench, b, CHUNK)).toEqual({ from: 1200, to: 2000 });
    expect(pull(bench, b, CHUNK)).toEqual({ from: 2000, to: 3000 });
  });
});

describe("reinjection", () => {
  test("goes before new data, never on the subflow that carries it", () => {
    const bench = new SenderBench();
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(10_000);
    pull(bench, a, CHUNK);
    pull(bench, a, CHUNK);
    bench.sender.reinject(a.subflow, "rto");
    expect(pull(bench, a, CHUNK)).toEqual({ from: 2000, to: 3000 });
    a.room = false;
    expect(pull(bench, b, 600)).toEqual({ from: 0, to: 600 });
    expect(pull(bench, b, 600)).toEqual({ from: 600, to: 1200 });
    expect(pull(bench, b, CHUNK)).toEqual({ from: 1200, to: 2000 });
    expect(pull(bench, b, CHUNK)).toEqual({ from: 3000, to: 4000 });
    expect(bench.sender.bytesReinjected).toBe(2000);
  });

  test("of a dead subflow's data goes anywhere", () => {
    const bench = new SenderBench();
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(10_000);
    pull(bench, a, CHUNK);
    a.room = false;
    pull(bench, b, CHUNK);
    bench.remove(b);
    bench.sender.reinject(b.subflow, "subflow_death");
    a.room = true;
    expect(pull(bench, a, CHUNK)).toEqual({ from: 1000, to: 2000 });
  });

  test("leaves out what is acknowledged already", () => {
    const bench = new SenderBench();
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(10_000);
    for (let i = 0; i < 3; i++) pull(bench, a, CHUNK);
    bench.sender.acknowledge(1500, 100_000, 0);
    bench.sender.reinject(a.subflow, "remove_addr");
    a.room = false;
    expect(pull(bench, b, CHUNK)).toEqual({ from: 1500, to: 2500 });
    expect(bench.kinds("reinjection").map((event) => [event.cause, event.dataOffset, event.length])).toEqual([["remove_addr", 1500, 1500]]);
  });

  test("goes beyond the shared window's use: it lies inside it anyway", () => {
    const bench = new SenderBench({ right: 1000 });
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(10_000);
    pull(bench, a, CHUNK);
    bench.sender.reinject(a.subflow, "rto");
    expect(pull(bench, b, CHUNK)).toEqual({ from: 0, to: 1000 });
  });
});

describe("the data timeout (RFC 8684 §3.3.6)", () => {
  test("sends the head again when no subflow carries it any more", () => {
    const bench = new SenderBench();
    const a = bench.add(1);
    bench.write(5000);
    for (let i = 0; i < 3; i++) pull(bench, a, CHUNK);
    expect(bench.timerAt).toBe(300 * MS);
    // A middlebox acknowledges the first two segments and loses them.
    a.sent.acknowledge(2000);
    expect(bench.sender.handleTimeout(299 * MS)).toBe(false);
    expect(bench.sender.handleTimeout(300 * MS)).toBe(true);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 0, to: 1000 });
    expect(pull(bench, a, CHUNK)).toEqual({ from: 1000, to: 2000 });
    expect(pull(bench, a, CHUNK)).toEqual({ from: 3000, to: 4000 });
    expect(bench.kinds("reinjection").map((event) => event.cause)).toEqual(["data_timeout"]);
  });

  test("resends hole after hole as DATA_ACKs uncover them, without a timeout for each", () => {
    const bench = new SenderBench();
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(8000);
    for (let i = 0; i < 3; i++) {
      [a.room, b.room] = [true, false];
      pull(bench, a, CHUNK);
      [a.room, b.room] = [false, true];
      pull(bench, b, CHUNK);
    }
    // Everything on subflow 2 was acknowledged and lost; the rest arrived.
    b.sent.acknowledge(3000);
    a.sent.acknowledge(3000);
    bench.sender.acknowledge(1000, 100_000, 0);
    bench.sender.handleTimeout(bench.timerAt);
    [a.room, b.room] = [true, true];
    expect(pull(bench, a, CHUNK)).toEqual({ from: 1000, to: 2000 });
    a.sent.acknowledge(4000);
    bench.sender.acknowledge(3000, 100_000, 0);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 3000, to: 4000 });
    a.sent.acknowledge(5000);
    bench.sender.acknowledge(5000, 100_000, 0);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 5000, to: 6000 });
    bench.sender.acknowledge(6000, 100_000, 0);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 6000, to: 7000 });
  });

  test("keeps the subflow that acknowledged what is missing off data, twice as long each time", () => {
    const bench = new SenderBench({ buffer: { initial: 1e6, max: 1e6, autoTune: false }, right: 1e6 });
    const [honest, liar] = [bench.add(1, { srtt: 50 * MS }), bench.add(2, { srtt: 5 * MS })];
    bench.write(500_000);
    let kept = 65536;
    for (let round = 0; round < 3; round++) {
      const from = bench.sender.nxt;
      expect(pull(bench, honest, CHUNK)).toBeNull();
      expect(pull(bench, liar, CHUNK)).toEqual({ from, to: from + 1000 });
      liar.sent.acknowledge(liar.end);
      bench.sender.handleTimeout(bench.timerAt);
      expect(bench.sender.carriers.usable().map((subflow) => subflow.pathIndex)).toEqual([1]);
      while (bench.sender.una < from + 1000 + kept) {
        expect(pull(bench, liar, CHUNK)).toBeNull();
        expect(pull(bench, honest, CHUNK)).not.toBeNull();
        bench.arrive(honest, true);
      }
      expect(bench.sender.carriers.usable().map((subflow) => subflow.pathIndex)).toEqual([1, 2]);
      kept *= 2;
    }
    // Without another one it is used all the same.
    bench.remove(honest);
    pull(bench, liar, CHUNK);
    liar.sent.acknowledge(liar.end);
    bench.sender.handleTimeout(bench.timerAt);
    expect(pull(bench, liar, CHUNK)).not.toBeNull();
  });

  test("leaves the head alone while a living subflow carries it, and backs off", () => {
    const bench = new SenderBench();
    const a = bench.add(1);
    bench.write(1000);
    pull(bench, a, CHUNK);
    let at = bench.timerAt;
    let wait = 300 * MS;
    for (let i = 0; i < 4; i++) {
      expect(bench.sender.handleTimeout(at)).toBe(true);
      wait *= 2;
      expect(bench.timerAt).toBe(at + wait);
      at += wait;
    }
    expect(bench.sender.hasReinjections).toBe(false);
    expect(bench.kinds("reinjection")).toEqual([]);
  });

  test("frees data queued for other subflows that have gone, once its own has lost it", () => {
    const bench = new SenderBench();
    const [a, b] = [bench.add(1), bench.add(2)];
    bench.write(1000);
    pull(bench, a, CHUNK);
    a.stale = true;
    bench.sender.carriers.changed();
    bench.sender.reinject(a.subflow, "rto");
    bench.remove(b);
    // Nothing else to go by: the subflow's own retransmission may still arrive.
    expect(pull(bench, a, CHUNK)).toBeNull();
    bench.sender.handleTimeout(bench.timerAt);
    expect(pull(bench, a, CHUNK)).toBeNull();
    // It does, but its data was dropped behind the subflow's acknowledgment.
    a.stale = false;
    a.sent.acknowledge(1000);
    bench.sender.handleTimeout(bench.timerAt);
    expect(pull(bench, a, CHUNK)).toEqual({ from: 0, to: 1000 });
  });

  test("is over when everything is acknowledged, and starts again with new data", () => {
    const bench = new SenderBench({ noDelay: true });
    const a = bench.add(1);
    bench.write(1000);
    pull(bench, a, CHUNK);
    bench.sender.acknowledge(1000, 100_000, 10 * MS);
    expect(bench.timerAt).toBe(NEVER);
    bench.write(1000);
    pull(bench, a, CHUNK, 50 * MS);
    expect(bench.timerAt).toBe(350 * MS);
  });

  test("covers a DATA_FIN without data", () => {
    const bench = new SenderBench();
    bench.add(1);
    bench.sender.end();
    bench.sender.releaseFin(0);
    expect(bench.sender.handleTimeout(bench.timerAt)).toBe(true);
    expect(bench.sender.hasReinjections).toBe(false);
    bench.sender.acknowledge(1, 1000, 0);
    expect(bench.timerAt).toBe(NEVER);
  });
});

/** The shared window is full: its first half went over a slow subflow, its second over a fast one that has room. */
function blocked(options: SenderBenchOptions = {}): { bench: SenderBench; slow: FakeSubflow; fast: FakeSubflow } {
  const bench = new SenderBench({ right: 4000, ...options });
  const slow = bench.add(1, { srtt: 200 * MS });
  const fast = bench.add(2, { srtt: 20 * MS });
  bench.write(20_000);
  fast.room = false;
  pull(bench, slow, CHUNK);
  pull(bench, slow, CHUNK);
  slow.room = false;
  fast.room = true;
  pull(bench, fast, CHUNK);
  pull(bench, fast, CHUNK);
  return { bench, slow, fast };
}

describe("opportunistic retransmission and penalisation (NSDI'12 §4.2)", () => {
  test("resends the head of a blocked window on the fast subflow, once, and halves the slow one's window", () => {
    const { bench, slow, fast } = blocked();
    expect(pull(bench, fast, CHUNK, 300 * MS)).toEqual({ from: 0, to: 1000 });
    expect(slow.penalties).toBe(1);
    // It carries the head itself now.
    expect(pull(bench, fast, CHUNK, 300 * MS)).toBeNull();
    bench.sender.acknowledge(1000, 4000, 300 * MS);
    expect(pull(bench, fast, CHUNK, 300 * MS)).toEqual({ from: 1000, to: 2000 });
    expect(pull(bench, fast, CHUNK, 300 * MS)).toBeNull();
    expect(slow.penalties).toBe(1);
    expect(bench.kinds("reinjection").map((event) => event.cause)).toEqual(["opportunistic", "opportunistic"]);
    expect(bench.kinds("penalise")).toHaveLength(1);
  });

  test("penalises no more than once per round trip of the slow subflow", () => {
    const { bench, slow, fast } = blocked();
    const times = [1000, 1199, 1200, 1300, 1400];
    const penalties = times.map((time, i) => {
      expect(pull(bench, fast, 100, time * MS)).toEqual({ from: i * 100, to: i * 100 + 100 });
      bench.sender.acknowledge(i * 100 + 100, 4000, time * MS);
      return slow.penalties;
    });
    expect(penalties).toEqual([1, 1, 2, 2, 3]);
  });

  test("is not for the slow subflow, for an unmeasured one, nor while the window is open", () => {
    const { bench, slow, fast } = blocked();
    slow.room = true;
    expect(pull(bench, slow, CHUNK)).toBeNull();
    fast.srtt = 0;
    expect(pull(bench, fast, CHUNK)).toBeNull();
    fast.srtt = 20 * MS;
    bench.sender.acknowledge(0, 8000, 0);
    expect(pull(bench, fast, CHUNK)).toEqual({ from: 4000, to: 5000 });
    expect(slow.penalties).toBe(0);
  });

  test("is not when the head is the fast subflow's own, or was acknowledged", () => {
    const { bench, fast } = blocked();
    bench.sender.acknowledge(2000, 4000, 0);
    expect(pull(bench, fast, CHUNK)).toBeNull();
  });

  test("each can be switched off", () => {
    const off = blocked({ opportunistic: false });
    expect(pull(off.bench, off.fast, CHUNK)).toBeNull();
    const gentle = blocked({ penalise: false });
    expect(pull(gentle.bench, gentle.fast, CHUNK)).toEqual({ from: 0, to: 1000 });
    expect(gentle.slow.penalties).toBe(0);
  });

  test("also when the send buffer is what is full", () => {
    const bench = new SenderBench({ buffer: { initial: 4000, max: 4000, autoTune: false } });
    const slow = bench.add(1, { srtt: 200 * MS });
    const fast = bench.add(2, { srtt: 20 * MS });
    expect(bench.write(6000)).toBe(4000);
    fast.room = false;
    pull(bench, slow, CHUNK);
    fast.room = true;
    slow.room = false;
    for (let i = 0; i < 3; i++) pull(bench, fast, CHUNK);
    expect(pull(bench, fast, CHUNK)).toEqual({ from: 0, to: 1000 });
  });

  test("takes the lowest data that the slow subflow carries, also behind reinjections", () => {
    const { bench, slow, fast } = blocked();
    // The slow subflow got the fast one's data again, behind its own.
    (bench.sender as unknown as { readonly reinjections: ReinjectionQueue }).reinjections.add(2000, 3000, 2);
    slow.room = true;
    expect(pull(bench, slow, CHUNK)).toEqual({ from: 2000, to: 3000 });
    slow.sent.acknowledge(1000);
    bench.sender.acknowledge(1000, 4000, 0);
    slow.room = false;
    expect(pull(bench, fast, CHUNK)).toEqual({ from: 1000, to: 2000 });
  });
});

describe("the send buffer (D7)", () => {
  test("grows to twice what all paths carry in the longest round-trip time, not beyond its maximum", () => {
    const bench = new SenderBench({ buffer: { initial: 10_000, max: 1_000_000, autoTune: true } });
    const a = bench.add(1, { srtt: 10 * MS, cwnd: 20_000 });
    bench.add(2, { srtt: 100 * MS, cwnd: 50_000 });
    bench.write(10_000);
    pull(bench, a, CHUNK);
    bench.sender.acknowledge(1000, 100_000, 0);
    expect(bench.sender.limit).toBe(2 * (20_000 * 10 + 50_000));
    a.cwnd = 500_000;
    bench.write(300_000);
    pull(bench, a, CHUNK);
    bench.sender.acknowledge(2000, 100_000, 0);
    expect(bench.sender.limit).toBe(1_000_000);
  });

  test("does not grow for an application that leaves it empty, nor shrink", () => {
    const bench = new SenderBench({ buffer: { initial: 100_000, max: 1_000_000, autoTune: true } });
    const a = bench.add(1, { srtt: 10 * MS, cwnd: 200_000 });
    bench.write(1000);
    pull(bench, a, CHUNK);
    bench.sender.acknowledge(1000, 100_000, 0);
    expect(bench.sender.limit).toBe(100_000);
    bench.write(100_000);
    a.cwnd = 1000;
    pull(bench, a, CHUNK);
    bench.sender.acknowledge(2000, 100_000, 0);
    expect(bench.sender.limit).toBe(100_000);
  });

  test("is not made large for what stands in queues", () => {
    const bench = new SenderBench({ buffer: { initial: 10_000, max: 64 << 20, autoTune: true } });
    const a = bench.add(1, { srtt: 10 * MS, minRtt: MS, cwnd: 20_000_000 });
    bench.write(10_000);
    pull(bench, a, CHUNK);
    bench.sender.acknowledge(1000, 100_000, 0);
    expect(bench.sender.limit).toBe(8 << 20);
    a.minRtt = 6 * MS;
    bench.write(4_000_000);
    pull(bench, a, CHUNK);
    bench.sender.acknowledge(2000, 100_000, 0);
    expect(bench.sender.limit).toBe(40_000_000);
  });

  test("stays as it is without tuning", () => {
    const bench = new SenderBench({ buffer: { initial: 10_000, max: 1_000_000, autoTune: false } });
    const a = bench.add(1, { srtt: 10 * MS, cwnd: 200_000 });
    bench.write(10_000);
    pull(bench, a, CHUNK);
    bench.sender.acknowledge(1000, 100_000, 0);
    expect(bench.sender.limit).toBe(10_000);
  });
});

describe("any course of events", () => {
  type Step =
    | { readonly kind: "write"; readonly amount: number }
    | { readonly kind: "wait"; readonly amount: number }
    | { readonly kind: "pull"; readonly who: number; readonly limit: number }
    | { readonly kind: "arrive" | "swallow" | "rto" | "die"; readonly who: number };
  const who = fc.nat(2);
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("write" as const), amount: fc.integer({ min: 1, max: 4000 }) }) },
    { weight: 8, arbitrary: fc.record({ kind: fc.constant("pull" as const), who, limit: fc.integer({ min: 1, max: 1000 }) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("arrive" as const), who }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("swallow" as const), who }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("rto" as const), who }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), amount: fc.integer({ min: 1, max: 2000 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("die" as const), who }) },
  );

  test("delivers everything in the end, never beyond the window, over the subflow that is left", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const bench = new SenderBench({ window: 6000, right: 6000 });
        const all = [bench.add(1, { srtt: 10 * MS }), bench.add(2, { srtt: 40 * MS }), bench.add(3, { srtt: 200 * MS, backup: true })];
        let written = 0;
        const live = (index: number): FakeSubflow | null => (bench.subflows.includes((all[index] as FakeSubflow).subflow) ? (all[index] as FakeSubflow) : null);
        for (const event of steps) {
          if (event.kind === "write") written += bench.write(event.amount);
          else if (event.kind === "wait") bench.advance(event.amount * MS);
          else {
            const subflow = live(event.who);
            if (subflow === null) continue;
            if (event.kind === "pull") {
              for (const other of all) other.room = other === subflow;
              pull(bench, subflow, event.limit);
            } else if (event.kind === "arrive") bench.arrive(subflow, true);
            else if (event.kind === "swallow") bench.arrive(subflow, false);
            else if (event.kind === "rto") bench.timeOut(subflow);
            else if (bench.subflows.length > 1) bench.die(subflow);
          }
          expect(bench.sender.nxt).toBeLessThanOrEqual(bench.sender.right);
          expect(bench.sender.una).toBeLessThanOrEqual(bench.sender.nxt);
        }
        // From now on all is well: every subflow that is left works.
        for (let round = 0; round < 2000 && bench.received < written; round++) {
          for (const subflow of all.filter((entry) => bench.subflows.includes(entry.subflow))) {
            for (const other of all) other.room = other === subflow;
            while (pull(bench, subflow, 1000) !== null);
            bench.arrive(subflow, true);
          }
          bench.advance(500 * MS);
        }
        expect(bench.received).toBe(written);
        expect(bench.sender.una).toBe(written);
      }),
      { seed: 336, numRuns: 300 },
    );
  });
});

