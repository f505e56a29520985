import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/core/index.ts";
import { lia } from "../../src/mptcp/index.ts";
import { BulkSender, multiPath, Simulation, Sink } from "../../src/sim/index.ts";
import type { AccessPath } from "../../src/sim/index.ts";
import type { CongestionControlFactory } from "../../src/tcp/index.ts";
import { CouplingGroup, cubic, newReno, TcpSocket } from "../../src/tcp/index.ts";
import { checkCongestionControl } from "../../src/testing/index.ts";
import { LossyNetwork, sharesOfBottleneck } from "../mptcp/congestion/lossy-network.ts";
import { ack, avoidingContext, lossOf, MSS } from "../tcp/congestion/ack-clock.ts";
import { coupledCubic, ewtcp, fullyCoupled, rateModel, weightedVegas } from "./sketches.ts";

describe.each([ewtcp, fullyCoupled, coupledCubic, weightedVegas, rateModel].map((factory) => [factory.name, factory] as const))("%s", (_, factory) => {
  test("passes the conformance suite", () => {
    expect(checkCongestionControl(factory)).toEqual([]);
  });
});

/** Share of a path's rate that one connection's payload gets in so many seconds after the first ten, and the round-trip time then, ms. */
function alone(factory: CongestionControlFactory, path: AccessPath, seconds: number): { readonly share: number; readonly rtt: number } {
  const simulation = new Simulation({ seed: 9 });
  const { client, server, serverAddresses } = multiPath(simulation, { paths: [path], client: { tcp: { congestion: factory } } });
  const sink = new Sink();
  server.listen(80, () => sink, { multipath: false });
  const connection = client.connect(serverAddresses[0]![0]!, 80, new BulkSender(), { multipath: false });
  simulation.run(10 * SECOND);
  const before = sink.bytesRead;
  simulation.run((10 + seconds) * SECOND);
  const rtt = connection instanceof TcpSocket ? connection.tcp.srtt / MILLISECOND : 0;
  return { share: ((sink.bytesRead - before) * 8) / seconds / (path.rate as number), rtt };
}

describe("the interface carries", () => {
  test("rules that take all subflows together: EWTCP, COUPLED", () => {
    for (const [factory, windows] of [[ewtcp, 4], [fullyCoupled, 2]] as const) {
      const group = new CouplingGroup();
      const [first, second] = [20, 20].map((segments) => factory.create(avoidingContext(segments, { group })));
      for (const control of [first, second]) control?.onAck(ack(0));
      first?.onAck(ack(windows * 20 * MSS - 1));
      expect(first?.window).toBe(20 * MSS);
      first?.onAck(ack(1));
      expect(first?.window, factory.name).toBe(21 * MSS);
      second?.onLoss(lossOf(20 * MSS));
      expect(second?.window).toBe(factory === ewtcp ? 10 * MSS : 2 * MSS);
    }
    // What COUPLED is known for: the congested path is all but given up, where EWTCP's windows are as 1/sqrt(p).
    const paths = [{ rtt: 50, loss: 0.0005 }, { rtt: 50, loss: 0.005 }];
    const left = [fullyCoupled, lia, ewtcp].map((factory) => {
      const [better, worse] = new LossyNetwork(factory, paths, 14).run(1200).rates as [number, number];
      return worse / better;
    }) as [number, number, number];
    expect(left[0]).toBeLessThan(left[1]);
    expect(left[0]).toBeLessThan(0.5 * left[2]);
  });

  test("CUBIC as the window of a coupled controller", () => {
    const [together] = sharesOfBottleneck([[coupledCubic, 2], [cubic, 1]], 400, 20_000, 13) as [number];
    const [apart] = sharesOfBottleneck([[cubic, 2], [cubic, 1]], 400, 20_000, 13) as [number];
    expect(apart).toBeGreaterThan(0.6);
    expect(together).toBeLessThan(apart - 0.05);
  });

  test("a window that follows the delay", () => {
    const deep: AccessPath = { rate: 20e6, delay: 20 * MILLISECOND, queue: { packets: 400 } };
    const vegas = alone(weightedVegas, deep, 10);
    const reno = alone(newReno, deep, 10);
    expect(vegas.share).toBeGreaterThan(0.9);
    expect(vegas.rtt).toBeLessThan(56);
    expect(reno.rtt).toBeGreaterThan(90);
  });

  test("a rate by a model of the path: 90 % of 20 Mb/s over 100 ms with 1 % random loss, where CUBIC gets a fraction", () => {
    for (const [delay, least] of [[50, 0.9], [100, 0.85]] as const) {
      const lossy: AccessPath = { rate: 20e6, delay: delay * MILLISECOND, queue: { packets: 300 }, loss: 0.01 };
      expect(alone(rateModel, lossy, 20).share, `${delay} ms one way`).toBeGreaterThan(least);
      expect(alone(cubic, lossy, 20).share).toBeLessThan(0.3);
    }
  });
});
