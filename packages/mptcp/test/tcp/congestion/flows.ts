import { BulkSender, dumbbell, Simulation, Sink } from "../../../src/sim/index.ts";
import type { PipeOptions } from "../../../src/sim/index.ts";
import type { CongestionControlFactory, TcpConfig } from "../../../src/tcp/index.ts";
import { TcpSocket } from "../../../src/tcp/index.ts";
import { MILLISECOND, SECOND } from "./ack-clock.ts";

/** Flows of plain TCP that share a link. */
export interface FlowsPlan {
  readonly congestion: CongestionControlFactory | readonly CongestionControlFactory[];
  readonly flows?: number;
  /** Bits per second, and ms. */
  readonly rate: number;
  readonly rtt: number;
  /** Of what the path holds without a queue. */
  readonly queue: number;
  readonly loss?: number;
  readonly tcp?: Partial<TcpConfig>;
  readonly seed: number;
  /** When each flow begins, ms; 100 ms after the one before unless given. */
  readonly begins?: readonly number[];
  /** Seconds from the beginning: from when on is measured, and until when. */
  readonly from: number;
  readonly to: number;
}

export interface FlowsResult {
  /** Bits of payload per second of each. */
  readonly rates: readonly number[];
  /** All of them, as a share of the link. */
  readonly share: number;
  readonly jain: number;
  /** The most that waited at the link, and packets that it dropped since it was full, from the beginning. */
  readonly mostQueued: number;
  readonly overflowed: number;
}

/** Carries it out in virtual time. */
export function runFlows(plan: FlowsPlan, look: (now: number, sockets: readonly TcpSocket[]) => void = () => {}): FlowsResult {
  const simulation = new Simulation({ seed: plan.seed });
  const count = plan.flows ?? 1;
  const packets = Math.max(2, Math.ceil((plan.queue * plan.rate * plan.rtt) / 8000 / 1500));
  const pipe: PipeOptions = { rate: plan.rate, delay: (plan.rtt / 2) * MILLISECOND, queue: { packets } };
  const factories = Array.isArray(plan.congestion) ? (plan.congestion as readonly CongestionControlFactory[]) : [plan.congestion as CongestionControlFactory];
  const { left, right, rightAddresses, bottleneck } = dumbbell(simulation, {
    pairs: count,
    bottleneck: { forward: { ...pipe, loss: plan.loss ?? 0 }, backward: pipe },
    access: {},
    hosts: { tcp: plan.tcp ?? {} },
  });
  const sockets: TcpSocket[] = [];
  const sinks = right.map((host, i) => {
    const sink = new Sink();
    host.listen(80, () => sink, { multipath: false });
    simulation.at((plan.begins?.[i] ?? i * 100) * MILLISECOND, () => {
      const from = left[i]!;
      from.host.setDefaults({ tcp: { congestion: factories[i % factories.length]! } });
      const socket = from.connect(rightAddresses[i]![0]!, 80, new BulkSender(), { multipath: false });
      if (socket instanceof TcpSocket) sockets.push(socket);
      from.poke();
    });
    return sink;
  });
  let before: readonly number[] = [];
  for (let now = 0; now < plan.to * SECOND; now += STEP) {
    if (now === plan.from * SECOND) before = sinks.map((sink) => sink.bytesRead);
    simulation.run(now + STEP);
    look(now + STEP, sockets);
  }
  const statistics = bottleneck.forward.statistics(plan.to * SECOND);
  const rates = sinks.map((sink, i) => ((sink.bytesRead - (before[i] ?? 0)) * 8) / (plan.to - plan.from));
  const total = rates.reduce((sum, rate) => sum + rate, 0);
  return {
    rates,
    share: total / plan.rate,
    jain: (total * total) / (count * rates.reduce((sum, rate) => sum + rate * rate, 0)),
    mostQueued: statistics.maxQueuedBytes,
    overflowed: statistics.droppedQueue,
  };
}

const STEP = 10 * MILLISECOND;
