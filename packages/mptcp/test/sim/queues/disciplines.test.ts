import { describe, expect, it } from "vitest";
import { MILLISECOND, MptcpError } from "../../../src/core/index.ts";
import { queueDisciplines } from "../../../src/sim/index.ts";
import { DisciplineBench } from "./bench.ts";

const ECT0 = 2;

describe("threshold marking (RFC 8257 §3.1)", () => {
  it("marks what finds the threshold waiting, and drops nothing before the queue is full", () => {
    const bench = new DisciplineBench(queueDisciplines.threshold({ packets: 2 }), { limitPackets: 5 });
    for (let i = 0; i < 7; i++) bench.put(i, 0, { ecn: i === 3 ? 0 : ECT0 });
    expect(bench.marked).toEqual([2, 4]);
    expect(bench.dropped).toEqual([[5, false], [6, false]]);
    expect([0, 1, 2, 3, 4].map(() => bench.next(1))).toEqual([0, 1, 2, 3, 4]);
    expect(bench.next(1)).toBeNull();
    // Two wait no more: nothing is marked.
    bench.put(7, 1, { ecn: ECT0 });
    expect(bench.marked).toEqual([2, 4]);
  });
});

describe("random drop on full (RFC 2309 §3)", () => {
  it("draws who makes room", () => {
    const bench = new DisciplineBench(queueDisciplines["random-drop"](), { limitPackets: 4 });
    for (let i = 0; i < 4; i++) bench.put(i, 0);
    bench.draws.push(0.25, 0.99);
    bench.put(4, 0);
    bench.put(5, 0);
    // Of 0, 1, 2, 3 the second; of 0, 2, 3, 4 the last.
    expect(bench.dropped).toEqual([[1, false], [4, false]]);
    expect([0, 1, 2, 3].map(() => bench.next(0))).toEqual([0, 2, 3, 5]);
  });

  it("takes the oldest where it is to", () => {
    const bench = new DisciplineBench(queueDisciplines["random-drop"]({ which: "oldest" }), { limitPackets: 2 });
    for (let i = 0; i < 4; i++) bench.put(i, 0);
    expect(bench.dropped).toEqual([[0, false], [1, false]]);
  });

  it("makes room for octets, by several if need be", () => {
    const bench = new DisciplineBench(queueDisciplines["random-drop"](), { limitPackets: Number.POSITIVE_INFINITY, limitBytes: 2000 });
    for (let i = 0; i < 4; i++) bench.put(i, 0, { length: 500 });
    bench.draws.push(0, 0, 0);
    bench.put(4, 0, { length: 1500 });
    expect(bench.dropped.map(([number]) => number)).toEqual([0, 1, 2]);
    expect(bench.discipline.bytes).toBe(2000);
  });
});

describe("RED (Floyd and Jacobson 1993, figure 2)", () => {
  const parameters = { least: 1, most: 3, probability: 0.5, weight: 0.5, meanPacket: 500 };

  it("marks by the average: p_b grows with it, and p_a with the packets since the last mark", () => {
    const bench = new DisciplineBench(queueDisciplines.red(parameters), { nsPerByte: 1 });
    // avg: 0 (nothing waits), 0.5, 1.25, 2.125, 3.0625.
    bench.put(0, 0, { ecn: ECT0 });
    bench.put(1, 0, { ecn: ECT0 });
    // avg 1.25: count 0, p_b = 0.5 * 0.25 / 2 = 0.0625, p_a = 0.0625.
    bench.draws.push(0.0626);
    bench.put(2, 0, { ecn: ECT0 });
    expect(bench.marked).toEqual([]);
    // avg 2.125: count 1, p_b = 0.28125, p_a = 0.28125 / (1 - 0.28125) = 0.3913.
    bench.draws.push(0.391);
    bench.put(3, 0, { ecn: ECT0 });
    expect(bench.marked).toEqual([3]);
    // avg 3.0625 is above max_th: dropped, though it could be marked (RFC 3168 §7).
    bench.put(4, 0, { ecn: ECT0 });
    expect(bench.dropped).toEqual([[4, true]]);
  });

  it("drops what cannot be marked", () => {
    const bench = new DisciplineBench(queueDisciplines.red(parameters), { nsPerByte: 1 });
    bench.put(0, 0);
    bench.put(1, 0);
    bench.draws.push(0.06);
    bench.put(2, 0);
    expect(bench.dropped).toEqual([[2, true]]);
    expect(bench.marked).toEqual([]);
  });

  it("lowers the average by the packets that an idle link could have sent", () => {
    const bench = new DisciplineBench(queueDisciplines.red(parameters), { nsPerByte: 1 });
    for (let i = 0; i < 4; i++) bench.put(i, 0);
    const red = bench.discipline as unknown as { average: number };
    expect(red.average).toBeCloseTo(2.125, 12);
    while (bench.next(1000) !== null);
    // 1100 ns idle: two packets of 500 octets. 2.125 / 4.
    bench.put(5, 2100);
    expect(red.average).toBeCloseTo(0.53125, 12);
  });
});

describe("CoDel (RFC 8289 §5.5)", () => {
  const ms = (value: number): number => value * MILLISECOND;
  /** A queue that always waits for 20 ms: a packet leaves each millisecond, and its place is taken. @returns when the bench dropped or marked */
  function standing(bench: DisciplineBench, until: number, ecn: number): number[] {
    const times: number[] = [];
    const noted = (): number => bench.dropped.length + bench.marked.length;
    for (let t = 0; t < until; t++) {
      bench.put(t, ms(t), { ecn });
      if (t < 20) continue;
      const before = noted();
      bench.next(ms(t));
      for (let i = before; i < noted(); i++) times.push(t);
      // What was dropped came out beside the one that left: the wait stays what it was.
      if (ecn === 0) for (let i = before; i < noted(); i++) bench.put(100_000 + t, ms(t));
    }
    return times;
  }

  it("marks a standing queue after an interval, then at intervals over the square root of the count", () => {
    const bench = new DisciplineBench(queueDisciplines.codel());
    // Above the target at 20 ms; the first at 120, then 120 + 100 = 220, + 100/sqrt(2) = 290.7, + 100/sqrt(3) = 348.4, + 100/sqrt(4) = 398.4, + 100/sqrt(5) = 443.2.
    expect(standing(bench, 445, ECT0)).toEqual([120, 220, 291, 349, 399, 444]);
    expect(bench.dropped).toEqual([]);
  });

  it("drops at the same times where nothing can be marked, from the head", () => {
    const bench = new DisciplineBench(queueDisciplines.codel());
    expect(standing(bench, 300, 0)).toEqual([120, 220, 291]);
    // At 120 ms the packet of 100 ms was at the head.
    expect(bench.dropped[0]).toEqual([100, true]);
  });

  it("stops once a wait is short, and begins again with the rate that it had, if that is not long ago", () => {
    const bench = new DisciplineBench(queueDisciplines.codel());
    standing(bench, 400, ECT0);
    expect(bench.marked.length).toBe(5);
    while (bench.next(ms(400)) !== null);
    // A wait of 20 ms from 420 on: an interval later, at 520, it marks; count was 5 and is 5 - 1 = 4: the next is 100/sqrt(4) = 50 ms away.
    const times: number[] = [];
    for (let t = 400; t < 580; t++) {
      bench.put(t, ms(t), { ecn: ECT0 });
      if (t < 420) continue;
      const before = bench.marked.length;
      bench.next(ms(t));
      if (bench.marked.length > before) times.push(t);
    }
    expect(times).toEqual([520, 570]);
  });

  it("lets a queue of one packet wait", () => {
    const bench = new DisciplineBench(queueDisciplines.codel());
    for (let t = 0; t < 1000; t += 50) {
      bench.put(t, ms(t), { ecn: ECT0 });
      bench.put(t + 1, ms(t), { ecn: ECT0, length: 100 });
      bench.next(ms(t + 49));
      bench.next(ms(t + 49));
    }
    expect(bench.marked).toEqual([]);
  });
});

describe("FQ-CoDel (RFC 8290 §4)", () => {
  it("lets flows take turns of a quantum, and one that was empty come first", () => {
    const bench = new DisciplineBench(queueDisciplines["fq-codel"]({ quantum: 1500 }));
    for (let i = 0; i < 4; i++) bench.put(i, 0, { flow: 1 });
    for (let i = 10; i < 14; i++) bench.put(i, 0, { flow: 2 });
    expect([0, 1, 2, 3].map(() => bench.next(0))).toEqual([0, 10, 1, 11]);
    bench.put(20, 0, { flow: 3, length: 100 });
    expect([0, 1, 2].map(() => bench.next(0))).toEqual([20, 2, 12]);
    expect(bench.discipline.packets).toBe(2);
  });

  it("gives a flow with small packets as many octets as the others", () => {
    const bench = new DisciplineBench(queueDisciplines["fq-codel"]({ quantum: 1500 }));
    for (let i = 0; i < 3; i++) bench.put(i, 0, { flow: 1 });
    for (let i = 10; i < 18; i++) bench.put(i, 0, { flow: 2, length: 500 });
    expect(Array.from({ length: 8 }, () => bench.next(0))).toEqual([0, 10, 11, 12, 1, 13, 14, 15]);
  });

  it("does not let a flow that is new again and again starve the old ones", () => {
    const bench = new DisciplineBench(queueDisciplines["fq-codel"]({ quantum: 1500 }));
    for (let i = 0; i < 10; i++) bench.put(i, 0, { flow: 1 });
    const left: (number | null)[] = [bench.next(0)];
    for (let i = 100; i < 106; i++) {
      bench.put(i, 0, { flow: 2 });
      left.push(bench.next(0));
    }
    expect(left.filter((number) => number! < 100).length).toBeGreaterThanOrEqual(3);
  });

  it("drops from the head of the longest queue when all together are too long, half of it at once", () => {
    const bench = new DisciplineBench(queueDisciplines["fq-codel"](), { limitPackets: 10 });
    bench.put(50, 0, { flow: 2 });
    for (let i = 0; i < 10; i++) bench.put(i, 0, { flow: 1 });
    // Eleven wait, ten of them of one flow: five go.
    expect(bench.dropped).toEqual([0, 1, 2, 3, 4].map((number) => [number, false]));
    expect(bench.discipline.packets).toBe(6);
    expect(bench.discipline.bytes).toBe(9000);
  });
});

describe("PIE (RFC 8033 §4)", () => {
  const ms = (value: number): number => value * MILLISECOND;
  type Inside = { probability: number };

  it("works the probability out of the wait and its change, in steps that are smaller when it is low", () => {
    // 1500 octets take 3 ms: 10 packets wait for 30 ms.
    const bench = new DisciplineBench(queueDisciplines.pie(), { nsPerByte: 2000 });
    for (let i = 0; i < 11; i++) bench.put(i, 0);
    const pie = bench.discipline as unknown as Inside;
    // At 15 ms 11 wait for 33 ms: 0.125 * (33 - 15) ms + 1.25 * 33 ms = 0.0435, over 2048.
    bench.next(ms(16));
    let p = (0.125 * 0.018 + 1.25 * 0.033) / 2048;
    expect(pie.probability).toBeCloseTo(p, 15);
    // At 30 ms 10 wait for 30 ms: 0.125 * 15 ms + 1.25 * -3 ms, over 128 (p is 0.000021).
    bench.next(ms(31));
    p += (0.125 * 0.015 - 1.25 * 0.003) / 128;
    expect(pie.probability).toBeCloseTo(Math.max(0, p), 15);
  });

  it("lets a burst through, then drops what is drawn, and marks where it may", () => {
    const bench = new DisciplineBench(queueDisciplines.pie({ burst: ms(30) }), { nsPerByte: 2000 });
    for (let i = 0; i < 400; i++) bench.put(i, 0, { ecn: ECT0 });
    bench.draws.push(...Array.from({ length: 50 }, () => 0));
    // 15 ms: the allowance is 15 ms; nothing is drawn though the queue is 1.2 s long.
    bench.put(1000, ms(20), { ecn: ECT0 });
    expect(bench.marked).toEqual([]);
    // 30 ms: none is left.
    bench.put(1001, ms(31), { ecn: ECT0 });
    expect(bench.marked).toEqual([1001]);
    bench.put(1002, ms(31), { ecn: 0 });
    expect(bench.dropped).toEqual([[1002, true]]);
    // A second later the probability is above MARK_ECNTH: what could be marked is dropped, too.
    bench.put(1003, ms(1000), { ecn: ECT0 });
    expect((bench.discipline as unknown as Inside).probability).toBeGreaterThan(0.1);
    expect(bench.dropped.at(-1)).toEqual([1003, true]);
  });

  it("forgets in a silence, however long, and lets a burst through again", () => {
    const bench = new DisciplineBench(queueDisciplines.pie({ burst: ms(30) }), { nsPerByte: 2000 });
    for (let i = 0; i < 400; i++) bench.put(i, 0);
    bench.draws.push(1 - 2 ** -32);
    bench.put(1000, ms(500));
    while (bench.next(ms(500)) !== null);
    const pie = bench.discipline as unknown as Inside;
    expect(pie.probability).toBeGreaterThan(0);
    bench.put(1001, ms(3_600_000));
    expect(pie.probability).toBe(0);
    bench.draws.push(0);
    for (let i = 0; i < 20; i++) bench.put(2000 + i, ms(3_600_000));
    expect(bench.dropped).toEqual([]);
  });
});

describe("the kinds of disciplines", () => {
  it("refuse parameters that they do not have, or that make no sense", () => {
    expect(() => queueDisciplines.codel({ goal: 1 })).toThrow(MptcpError);
    expect(() => queueDisciplines.codel({ goal: 1 })).toThrow("codel has no parameter goal; it has target, interval");
    expect(() => queueDisciplines.red({ probability: 2 })).toThrow("red: probability is a number, 0 to 1, not 2");
    expect(() => queueDisciplines.threshold({ packets: 0 })).toThrow("threshold: packets is a whole number, 1 to 1000000, not 0");
  });

  it("say all about a discipline by name and parameters", () => {
    expect(queueDisciplines.codel({ target: 1000 })).toMatchObject({ name: "codel", parameters: { target: 1000, interval: 100 * MILLISECOND } });
    for (const [name, kind] of Object.entries(queueDisciplines)) expect(kind().name).toBe(name);
  });
});
