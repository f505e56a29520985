import { SECOND } from "../core/index.ts";
import type { PcapngWriter } from "../capture/index.ts";
import type { Packet } from "../wire/index.ts";
import type { EventQueue, Scheduled } from "./event-queue.ts";
import type { Link } from "./link.ts";
import type { SimNode } from "./node.ts";
import type { Pipe, PipeTap } from "./pipe.ts";

/** One quantity over time. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  /** By sample; the times are the recorder's. */
  readonly values: number[];
}

/**
 * Samples quantities on a grid of virtual time, each time after everything else that happens then. Its place in the event queue is a background
 * entry: it keeps no simulation going.
 *
 * @example
 * ```ts
 * const recorder = new SeriesRecorder(simulation.queue, 100 * MILLISECOND);
 * recorder.pipe(link.forward);
 * const delivered = recorder.gauge("delivered", "bytes", () => sink.bytesRead);
 * recorder.start();
 * simulation.run(10 * SECOND);
 * ```
 */
export class SeriesRecorder implements Scheduled {
  slot = -1;
  readonly background = true;
  /** ns, one per sample. */
  readonly times: number[] = [];
  readonly series: Series[] = [];
  private readonly queue: EventQueue;
  /** ns */
  private readonly interval: number;
  private readonly readers: ((now: number) => number)[] = [];

  /** @param interval time between two samples, ns */
  constructor(queue: EventQueue, interval: number) {
    this.queue = queue;
    this.interval = interval;
  }

  /** Records what `read` gives at each sample. To be added before the first one. */
  gauge(name: string, unit: string, read: (now: number) => number): Series {
    const series: Series = { name, unit, values: [] };
    this.series.push(series);
    this.readers.push(read);
    return series;
  }

  /** Records by how much a total has grown since the last sample, per second and times `scale`. */
  rate(name: string, unit: string, total: () => number, scale = 1): Series {
    let last = total();
    return this.gauge(name, unit, () => {
      const current = total();
      const grown = current - last;
      last = current;
      return (grown * scale * SECOND) / this.interval;
    });
  }

  /** Records throughput (delivered IP octets, as bit/s) and queue (packets) of a pipe. */
  pipe(pipe: Pipe): { readonly throughput: Series; readonly queue: Series } {
    return {
      throughput: this.rate(`${pipe.name} throughput`, "bit/s", () => pipe.bytesDelivered, 8),
      queue: this.gauge(`${pipe.name} queue`, "packets", (now) => pipe.queuedPackets(now)),
    };
  }

  /** Takes the first sample one interval from now, and one each interval from then on. */
  start(): void {
    this.queue.schedule(this, this.queue.now + this.interval);
  }

  stop(): void {
    this.queue.remove(this);
  }

  fire(now: number): void {
    this.times.push(now);
    for (let i = 0; i < this.readers.length; i++) {
      (this.series[i] as Series).values.push((this.readers[i] as (now: number) => number)(now));
    }
    this.queue.schedule(this, now + this.interval);
  }
}

/**
 * Writes what passes the ends of links to a pcapng capture: each end is one interface, and shows what a capture program on that node
 * would see: packets out as they are accepted into the queue, packets in as they arrive.
 */
export class CaptureRecorder {
  private readonly writer: PcapngWriter;

  constructor(writer: PcapngWriter) {
    this.writer = writer;
  }

  /** Captures at `node`'s end of `link`; without `node` at both ends. */
  link(link: Link, node?: SimNode): void {
    if (node === undefined || node === link.a) this.end(`${link.a.name}/${link.name}`, link.forward, link.backward);
    if (node === undefined || node === link.b) this.end(`${link.b.name}/${link.name}`, link.backward, link.forward);
  }

  /** Captures packets as they enter one pipe. */
  pipe(pipe: Pipe): void {
    pipe.addTap(new CaptureTap(this.writer, this.writer.addInterface({ name: pipe.name }), "out"));
  }

  private end(name: string, egress: Pipe, ingress: Pipe): void {
    const id = this.writer.addInterface({ name });
    egress.addTap(new CaptureTap(this.writer, id, "out"));
    ingress.addTap(new CaptureTap(this.writer, id, "in"));
  }
}

class CaptureTap implements PipeTap {
  private readonly writer: PcapngWriter;
  private readonly id: number;
  private readonly notes: { readonly direction: "in" | "out" };

  constructor(writer: PcapngWriter, id: number, direction: "in" | "out") {
    this.writer = writer;
    this.id = id;
    this.notes = { direction };
  }

  entered(packet: Packet, _departure: number, now: number): void {
    if (this.notes.direction === "out") this.writer.packet(this.id, packet, now, this.notes);
  }

  delivered(packet: Packet, now: number): void {
    if (this.notes.direction === "in") this.writer.packet(this.id, packet, now, this.notes);
  }

  dropped(): void {}
}
