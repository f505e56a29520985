import { describe, expect, it } from "vitest";
import { MILLISECOND } from "../../../src/core/index.ts";
import { queueDisciplines } from "../../../src/sim/index.ts";
import { cubic, dctcp } from "../../../src/tcp/index.ts";
import { Bottleneck } from "./bottleneck.ts";

describe("figures over a link that marks", () => {
  it("CUBIC, 50 Mb/s, 20 ms, a threshold of 40 packets: nothing is dropped, and the link is full", () => {
    const net = new Bottleneck({ flows: 1, link: { rate: 50e6, queue: { packets: 1000 }, discipline: queueDisciplines.threshold({ packets: 40 }) }, rtt: 20 * MILLISECOND, tcp: { congestion: cubic, ecn: "on" } });
    net.begin(2);
    const { droppedQueue } = net.statistics;
    net.run(12);
    expect(net.statistics.droppedQueue).toBe(droppedQueue);
    expect(net.statistics.marked).toBeGreaterThan(10);
    expect(net.goodput).toBeGreaterThan(0.97);
  });

  it("DCTCP, 2 flows, 1 Gb/s, 1 ms, a threshold of 65 packets: the queue is about as long as the threshold", () => {
    const net = new Bottleneck({ flows: 2, link: { rate: 1e9, queue: { packets: 1000 }, discipline: queueDisciplines.threshold({ packets: 65 }) }, rtt: MILLISECOND, tcp: { congestion: dctcp, ecn: "on" } });
    net.begin(0.2);
    net.run(1.2);
    expect(net.meanLength).toBeGreaterThan(0.5 * 65);
    expect(net.meanLength).toBeLessThan(1.5 * 65);
    expect(net.goodput).toBeGreaterThan(0.95);
    expect(net.statistics.droppedQueue).toBe(0);
  });

  for (const ecn of ["off", "on"] as const) {
    for (const flows of [1, 8]) {
      for (const [name, target] of [["codel", 5], ["fq-codel", 5], ["pie", 15]] as const) {
        it(`${name}, ${flows} CUBIC flows, 20 Mb/s, 100 ms, ECN ${ecn}: packets wait for twice the target at the most`, () => {
          const net = new Bottleneck({ flows, link: { rate: 20e6, queue: { packets: 1000 }, discipline: queueDisciplines[name]() }, rtt: 100 * MILLISECOND, tcp: { congestion: cubic, ecn } });
          net.begin(10);
          net.run(30);
          expect(net.meanWait).toBeLessThanOrEqual(2 * target * MILLISECOND);
          expect(net.goodput).toBeGreaterThan(0.9);
        });
      }
    }
  }

  it("FQ-CoDel: a flow that sends little waits for less than 10 ms in 99 cases of 100, beside 8 bulk flows", () => {
    const net = new Bottleneck({ flows: 8, sparse: true, link: { rate: 20e6, queue: { packets: 1000 }, discipline: queueDisciplines["fq-codel"]() }, rtt: 100 * MILLISECOND, tcp: { congestion: cubic } });
    net.begin(5);
    net.run(25);
    expect(net.sparseWait).toBeLessThan(10 * MILLISECOND);
    expect(net.goodput).toBeGreaterThan(0.9);
  });
});
