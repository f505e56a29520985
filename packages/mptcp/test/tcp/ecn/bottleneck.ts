import { SECOND } from "../../../src/core/index.ts";
import { BulkSender, dumbbell, PacedSender, Simulation, Sink } from "../../../src/sim/index.ts";
import type { HostSettings, LinkOptions, Pipe } from "../../../src/sim/index.ts";
import type { TcpConfig, TcpSocket } from "../../../src/tcp/index.ts";

export interface BottleneckOptions {
  readonly flows: number;
  readonly link: LinkOptions;
  /** There and back, ns; the link's own delay is half of it. */
  readonly rtt: number;
  readonly tcp: Partial<TcpConfig>;
  readonly seed?: number;
  /** One flow more, which sends 100 octets every 20 ms. */
  readonly sparse?: boolean;
}

/** Bulk flows of plain TCP over one link, whose queue is looked at when a packet leaves. */
export class Bottleneck {
  readonly simulation: Simulation;
  readonly pipe: Pipe;
  readonly sinks: Sink[] = [];
  readonly senders: TcpSocket[] = [];
  private readonly rate: number;
  private readonly entries = new Map<object, number>();
  /** Times in the queue of the packets since {@link Bottleneck.begin}, transmission included, ns. */
  private waits: number[] = [];
  private sparseWaits: number[] = [];
  private lengths: number[] = [];
  private received: number[] = [];
  private since = 0;

  constructor({ flows, link, rtt, tcp, seed = 1, sparse = false }: BottleneckOptions) {
    this.simulation = new Simulation({ seed });
    const hosts: HostSettings = { tcp };
    const { left, leftAddresses, right, rightAddresses, bottleneck } = dumbbell(this.simulation, { pairs: flows + (sparse ? 1 : 0), bottleneck: { delay: rtt / 2, ...link }, hosts });
    this.rate = link.rate as number;
    this.pipe = bottleneck.forward;
    const delay = bottleneck.forward.options.delay ?? 0;
    const send = this.pipe.send.bind(this.pipe);
    this.pipe.send = (packet, now) => {
      this.entries.set(packet, now);
      this.lengths.push(this.pipe.queuedPackets(now));
      send(packet, now);
    };
    this.pipe.addTap({
      entered: () => {},
      delivered: (packet, now) => {
        const at = this.entries.get(packet);
        const waits = packet.source === leftAddresses[flows]?.[0] ? this.sparseWaits : this.waits;
        if (at !== undefined) waits.push(now - delay - at);
        this.entries.delete(packet);
      },
      dropped: (packet) => void this.entries.delete(packet),
    });
    if (sparse) {
      right[flows]!.listen(80, () => new Sink(), { multipath: false });
      left[flows]!.connect(rightAddresses[flows]![0]!, 80, new PacedSender({ size: 100, interval: 20_000_000 }), { multipath: false });
    }
    for (let i = 0; i < flows; i++) {
      const sink = new Sink();
      this.sinks.push(sink);
      right[i]!.listen(80, () => sink, { multipath: false });
      this.simulation.at(i * 10_000_000, () => void this.senders.push(left[i]!.connect(rightAddresses[i]![0]!, 80, new BulkSender(), { multipath: false }) as TcpSocket));
    }
  }

  /** Runs up to `seconds`, and forgets what was measured. */
  begin(seconds: number): void {
    this.simulation.run(seconds * SECOND);
    this.waits = [];
    this.sparseWaits = [];
    this.lengths = [];
    this.received = this.sinks.map((sink) => sink.bytesRead);
    this.since = this.simulation.now;
  }

  run(seconds: number): void {
    this.simulation.run(seconds * SECOND);
  }

  /** Payload that arrived since, as a share of what the link carries in full segments. */
  get goodput(): number {
    const bytes = this.sinks.reduce((sum, sink, i) => sum + sink.bytesRead - this.received[i]!, 0);
    const seconds = (this.simulation.now - this.since) / SECOND;
    return (bytes * 8) / seconds / (this.rate * (1448 / 1500));
  }

  /** Mean time of a packet in the queue, its transmission left out, ns. */
  get meanWait(): number {
    return mean(this.waits) - (1500 * 8e9) / this.rate;
  }

  /** The 99th percentile of what the sparse flow's packets wait, ns. */
  get sparseWait(): number {
    const sorted = this.sparseWaits.toSorted((a, b) => a - b);
    return sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Number.NaN;
  }

  /** Mean number of packets that one finds before it. */
  get meanLength(): number {
    return mean(this.lengths);
  }

  get statistics(): ReturnType<Pipe["statistics"]> {
    return this.pipe.statistics(this.simulation.now);
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
