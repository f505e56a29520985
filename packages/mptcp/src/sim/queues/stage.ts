import type { RandomSource } from "../../core/index.ts";
import type { Packet } from "../../wire/index.ts";
import type { EventOwner, EventQueue, Scheduled } from "../event-queue.ts";
import type { QueueDiscipline, QueueDisciplineFactory, QueueEnvironment } from "./discipline.ts";

/** The link behind a discipline, as a stage sees it. */
export interface Transmitter extends EventOwner {
  readonly mtu: number;
  readonly limitPackets: number;
  readonly limitBytes: number;
  readonly nsPerByte: number;
  /** When what was given to it last has left, exact, with a fraction, ns. */
  readonly freeAt: number;
  /** Octets of a packet on the wire. */
  wireLength(packet: Packet): number;
  /** Takes a packet into transmission. */
  transmit(packet: Packet, wire: number, now: number): void;
  /** Whether the packet says that it can be marked, and so is. */
  mark(packet: Packet): boolean;
  /** @param early before the queue was full */
  dropQueued(packet: Packet, early: boolean, now: number): void;
}

/** A discipline at work: gives the transmitter the next packet as soon as it is free. One event per packet that had to wait. */
export class QueueStage implements QueueEnvironment, Scheduled {
  slot = -1;
  readonly background = false;
  readonly factory: QueueDisciplineFactory;
  readonly random: RandomSource;
  private readonly link: Transmitter;
  private readonly events: EventQueue;
  private readonly discipline: QueueDiscipline;

  constructor(factory: QueueDisciplineFactory, link: Transmitter, events: EventQueue, random: RandomSource) {
    this.factory = factory;
    this.link = link;
    this.events = events;
    this.random = random;
    this.discipline = factory.create(this);
  }

  get limitPackets(): number {
    return this.link.limitPackets;
  }

  get limitBytes(): number {
    return this.link.limitBytes;
  }

  get nsPerByte(): number {
    return this.link.nsPerByte;
  }

  get mtu(): number {
    return this.link.mtu;
  }

  /** What waits; the packet in transmission does not. */
  get packets(): number {
    return this.discipline.packets;
  }

  get bytes(): number {
    return this.discipline.bytes;
  }

  octetsOf(count: number): number {
    return this.discipline.octetsOf(count);
  }

  offer(packet: Packet, wire: number, now: number): void {
    this.discipline.enqueue(packet, wire, now);
    if (this.slot < 0) this.fire(now);
  }

  fire(now: number): void {
    const { discipline, link } = this;
    // Up to a nanosecond early, so that no fraction of it is lost between two packets.
    while (discipline.packets > 0 && link.freeAt < now + 1) {
      const packet = discipline.dequeue(now);
      if (packet !== null) link.transmit(packet, link.wireLength(packet), now);
    }
    this.reschedule();
  }

  /** The transmitter is free at another time than it was to be. */
  reschedule(): void {
    if (this.discipline.packets > 0) this.events.scheduleFor(this.link, this, Math.floor(this.link.freeAt));
    else this.events.remove(this);
  }

  /** A packet that waited, without judgement; null when none is left. */
  takeOut(): Packet | null {
    const packet = this.discipline.takeOut();
    if (packet === null) this.events.remove(this);
    return packet;
  }

  drop(packet: Packet, early: boolean, now: number): void {
    this.link.dropQueued(packet, early, now);
  }

  mark(packet: Packet): boolean {
    return this.link.mark(packet);
  }
}
