import type { RandomSource } from "../../../src/core/index.ts";
import type { QueueDiscipline, QueueDisciplineFactory, QueueEnvironment } from "../../../src/sim/index.ts";
import type { Packet } from "../../../src/wire/index.ts";
import { tcpPacket } from "../support.ts";

/** A discipline without a link: what it does to packets, which go by their sequence numbers. */
export class DisciplineBench implements QueueEnvironment {
  limitPackets = 1000;
  limitBytes = Number.POSITIVE_INFINITY;
  nsPerByte = 0;
  mtu = 1500;
  /** What is drawn next, as fractions; 0.5 when nothing is left. */
  readonly draws: number[] = [];
  readonly random: RandomSource = { uint32: () => Math.floor((this.draws.shift() ?? 0.5) * 0x1_0000_0000) } as RandomSource;
  readonly dropped: [number: number, early: boolean][] = [];
  readonly marked: number[] = [];
  readonly discipline: QueueDiscipline;

  constructor(factory: QueueDisciplineFactory, settings: Partial<Pick<QueueEnvironment, "limitPackets" | "limitBytes" | "nsPerByte" | "mtu">> = {}) {
    Object.assign(this, settings);
    this.discipline = factory.create(this);
  }

  drop(packet: Packet, early: boolean): void {
    this.dropped.push([packet.tcp!.sequence, early]);
  }

  mark(packet: Packet): boolean {
    if ((packet.trafficClass & 3) === 0) return false;
    packet.trafficClass |= 3;
    this.marked.push(packet.tcp!.sequence);
    return true;
  }

  /** A packet comes. @param flow its source port */
  put(number: number, now: number, { length = 1500, ecn = 0, flow = 1000 } = {}): void {
    const packet = tcpPacket(length, number);
    packet.trafficClass = ecn;
    packet.tcp!.sourcePort = flow;
    this.discipline.enqueue(packet, length, now);
  }

  /** The number of the packet that leaves; null for none. */
  next(now: number): number | null {
    return this.discipline.dequeue(now)?.tcp?.sequence ?? null;
  }
}
