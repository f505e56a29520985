import { describe, expect, it } from "vitest";
import { MILLISECOND, SECOND, SeededRandom } from "../../../src/core/index.ts";
import { queueDisciplines } from "../../../src/sim/index.ts";
import { CouplingGroup, dctcp } from "../../../src/tcp/index.ts";
import type { Dctcp } from "../../../src/tcp/index.ts";
import { DisciplineBench } from "./bench.ts";

/** Each discipline beside a second reading of its text: as the text has it, step by step, on plain lists. */

const ECT0 = 2;

interface Waiting {
  readonly number: number;
  readonly at: number;
  readonly length: number;
  readonly isCapable: boolean;
}

/** RFC 8289 §5.5, with the names of the text. */
class CodelText {
  readonly queue: Waiting[] = [];
  readonly dropped: number[] = [];
  readonly marked: number[] = [];
  private firstAboveTime = 0;
  private dropNext = 0;
  private count = 0;
  private lastCount = 0;
  private dropping = false;

  private dodequeue(now: number): [Waiting | null, boolean] {
    const packet = this.queue.shift() ?? null;
    if (packet === null) {
      this.firstAboveTime = 0;
      return [null, false];
    }
    const bytes = this.queue.reduce((sum, { length }) => sum + length, 0);
    if (now - packet.at < 5 * MILLISECOND || bytes <= 1500) {
      this.firstAboveTime = 0;
      return [packet, false];
    }
    if (this.firstAboveTime === 0) {
      this.firstAboveTime = now + 100 * MILLISECOND;
      return [packet, false];
    }
    return [packet, now >= this.firstAboveTime];
  }

  dequeue(now: number): number | null {
    const law = (t: number): number => t + (100 * MILLISECOND) / Math.sqrt(this.count);
    let [packet, okToDrop] = this.dodequeue(now);
    if (this.dropping) {
      if (!okToDrop) this.dropping = false;
      while (now >= this.dropNext && this.dropping) {
        this.count++;
        if ((packet as Waiting).isCapable) {
          // A mark stands for the drop, and the packet goes out.
          this.marked.push((packet as Waiting).number);
          this.dropNext = law(this.dropNext);
          break;
        }
        this.dropped.push((packet as Waiting).number);
        [packet, okToDrop] = this.dodequeue(now);
        if (!okToDrop) this.dropping = false;
        else this.dropNext = law(this.dropNext);
      }
    } else if (okToDrop) {
      if ((packet as Waiting).isCapable) this.marked.push((packet as Waiting).number);
      else {
        this.dropped.push((packet as Waiting).number);
        [packet] = this.dodequeue(now);
      }
      this.dropping = true;
      const delta = this.count - this.lastCount;
      this.count = 1;
      if (delta > 1 && now - this.dropNext < 16 * 100 * MILLISECOND) this.count = delta;
      this.dropNext = law(now);
      this.lastCount = this.count;
    }
    return packet?.number ?? null;
  }
}

function fractions(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.uint32() / 2 ** 32;
}

describe("CoDel (RFC 8289 §5.5)", () => {
  it.each([0, 0.5, 1])("does what the text does, with %f of the packets ECN-capable", (capable) => {
    for (let seed = 1; seed <= 20; seed++) {
      const draw = fractions(seed);
      const bench = new DisciplineBench(queueDisciplines.codel(), { limitPackets: 100_000 });
      const text = new CodelText();
      const left: (number | null)[][] = [[], []];
      let now = 0;
      for (let number = 0; number < 3000; number++) {
        // Loads that come and go, about the rate at which packets leave.
        const load = 0.5 + Math.sin(number / 400) * 0.6 + draw() * 0.5;
        const length = 200 + Math.floor(draw() * 1300);
        const isCapable = draw() < capable;
        bench.put(number, now, { length, ecn: isCapable ? ECT0 : 0 });
        text.queue.push({ number, at: now, length, isCapable });
        now += Math.floor(draw() * 3 * MILLISECOND);
        if (draw() > load) {
          left[0]!.push(bench.next(now));
          left[1]!.push(text.dequeue(now));
        }
        if (number % 700 === 699) while (text.queue.length > 0) {
          now += MILLISECOND;
          left[0]!.push(bench.next(now));
          left[1]!.push(text.dequeue(now));
        }
      }
      expect([seed, left[0]]).toEqual([seed, left[1]]);
      expect(bench.dropped.map(([number]) => number)).toEqual(text.dropped);
      expect(bench.marked).toEqual(text.marked);
      expect(text.dropped.length + text.marked.length).toBeGreaterThan(20);
    }
  });
});

describe("PIE (RFC 8033 §4, §5)", () => {
  it("works out the probability as the text does", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const draw = fractions(seed);
      const nsPerByte = 8000;
      const bench = new DisciplineBench(queueDisciplines.pie(), { limitPackets: 100_000, nsPerByte });
      const pie = bench.discipline as unknown as { readonly probability: number };
      bench.put(0, 0, { length: 1000 });
      let [probability, old, bytes] = [0, 0, 1000];
      for (let step = 1; step <= 400; step++) {
        const current = (bytes * nsPerByte) / SECOND;
        let p = 0.125 * (current - 0.015) + 1.25 * (current - old);
        if (probability < 0.000_001) p /= 2048;
        else if (probability < 0.000_01) p /= 512;
        else if (probability < 0.000_1) p /= 128;
        else if (probability < 0.001) p /= 32;
        else if (probability < 0.01) p /= 8;
        else if (probability < 0.1) p /= 2;
        if (probability >= 0.1 && p > 0.02) p = 0.02;
        probability += p;
        if (current === 0 && old === 0) probability *= 0.98;
        probability = Math.min(1, Math.max(0, probability));
        old = current;
        // Just after the update a packet comes or goes, which must not change the number.
        const now = step * 15 * MILLISECOND;
        if (draw() < (step % 100 < 50 ? 0.65 : 0.3)) {
          bench.draws.push(0.999_999_9);
          bench.put(step, now, { length: 1000 });
          if (bench.dropped.length === 0 || bench.dropped.at(-1)![0] !== step) bytes += 1000;
        } else if (bench.next(now) !== null) bytes -= 1000;
        else bench.next(now);
        expect([seed, step, pie.probability]).toEqual([seed, step, expect.closeTo(probability, 12)]);
      }
    }
  });
});

describe("RED (Floyd and Jacobson 1993, figure 2)", () => {
  it("averages, and marks, as the paper does", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const draw = fractions(seed);
      const parameters = { least: 3, most: 9, probability: 0.1, weight: 0.02, meanPacket: 500 };
      const nsPerByte = 1000;
      const bench = new DisciplineBench(queueDisciplines.red(parameters), { limitPackets: 1000, nsPerByte });
      const red = bench.discipline as unknown as { readonly average: number };
      let [average, count, waiting, emptySince, now] = [0, -1, 0, 0, 0];
      const dropped: number[] = [];
      for (let number = 0; number < 2000; number++) {
        now += Math.floor(draw() * 2_000_000);
        if (waiting > 0) average = (1 - 0.02) * average + 0.02 * waiting;
        else average *= (1 - 0.02) ** Math.floor((now - emptySince) / (500 * nsPerByte));
        const random = draw();
        let isMarked = false;
        if (average >= 3 && average < 9) {
          count++;
          const b = (0.1 * (average - 3)) / (9 - 3);
          const a = b / (1 - count * b);
          if (a < 0 || random < a) {
            isMarked = true;
            count = 0;
          }
          bench.draws.push(random);
        } else if (average >= 9) {
          isMarked = true;
          count = 0;
        } else count = -1;
        bench.put(number, now);
        if (isMarked) dropped.push(number);
        else waiting++;
        expect([seed, number, red.average]).toEqual([seed, number, expect.closeTo(average, 9)]);
        while (waiting > 0 && draw() < (number % 500 < 250 ? 0.4 : 0.55)) {
          bench.next(now);
          if (--waiting === 0) emptySince = now;
        }
      }
      expect(bench.dropped.map(([number]) => number)).toEqual(dropped);
      expect(dropped.length).toBeGreaterThan(20);
    }
  });
});

describe("FlowQueue CoDel (RFC 8290 §4)", () => {
  it("takes turns as the text does", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const draw = fractions(seed);
      // Nothing waits for long, so that CoDel has no part in it.
      const bench = new DisciplineBench(queueDisciplines["fq-codel"]({ quantum: 1514 }), { limitPackets: 100_000 });
      const queues = new Map<number, { packets: [number, number][]; credit: number }>();
      const [fresh, old]: number[][] = [[], []];
      const left: (number | null)[][] = [[], []];
      const dequeue = (): number | null => {
        for (;;) {
          const list = fresh!.length > 0 ? fresh! : old!;
          const flow = list[0];
          if (flow === undefined) return null;
          const queue = queues.get(flow)!;
          if (queue.credit <= 0) {
            queue.credit += 1514;
            list.shift();
            old!.push(flow);
            continue;
          }
          const packet = queue.packets.shift();
          if (packet === undefined) {
            list.shift();
            // From the new ones it goes to the old ones, and from these it goes.
            if (list === fresh) old!.push(flow);
            continue;
          }
          queue.credit -= packet[1];
          return packet[0];
        }
      };
      for (let number = 0; number < 2000; number++) {
        const flow = 1000 + Math.floor(draw() * 5);
        const length = 100 + Math.floor(draw() * 1400);
        bench.put(number, 0, { length, flow });
        const queue = queues.get(flow) ?? { packets: [], credit: 0 };
        queues.set(flow, queue);
        queue.packets.push([number, length]);
        if (!fresh!.includes(flow) && !old!.includes(flow)) {
          queue.credit = 1514;
          fresh!.push(flow);
        }
        while (draw() < 0.5) {
          left[0]!.push(bench.next(0));
          left[1]!.push(dequeue());
        }
      }
      expect([seed, left[0]]).toEqual([seed, left[1]]);
    }
  });
});

describe("DCTCP (RFC 8257 §3.3)", () => {
  it("estimates as the text does", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const draw = fractions(seed);
      const control = dctcp.create({ mss: 1000, initialWindow: 10_000, handOver: null, group: new CouplingGroup(), srtt: 0, now: 0 }) as Dctcp;
      let [alpha, windowEnd, acked, marked, una, nxt] = [1, 0, 0, 0, 0, 10_000];
      for (let i = 0; i < 2000; i++) {
        const bytes = 1000 * (1 + Math.floor(draw() * 2));
        const isMarked = draw() < (i % 400 < 100 ? 0.5 : 0.02);
        una += bytes;
        nxt = Math.max(nxt, una) + 1000 * Math.floor(draw() * 3);
        acked += bytes;
        if (isMarked) marked += bytes;
        if (una > windowEnd) {
          alpha = alpha * (1 - 1 / 16) + (1 / 16) * (marked / acked);
          windowEnd = nxt;
          acked = 0;
          marked = 0;
        }
        const { window } = control;
        const isFirst = isMarked && draw() < 0.3;
        control.onMarked({ acked: bytes, marked: isMarked ? bytes : 0, isFirst, una, nxt, loss: { inFlight: window, window, segment: 1000, isAnswered: false, consecutive: 0, srtt: 0, now: 0 } });
        expect([seed, i, control.markedShare]).toEqual([seed, i, expect.closeTo(alpha, 12)]);
        expect(control.window).toBe(isFirst ? Math.max(2000, Math.floor(window * (1 - control.markedShare / 2))) : window);
      }
    }
  });
});
