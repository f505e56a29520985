import type { Packet } from "../../wire/index.ts";
import type { QueueDiscipline, QueueEnvironment } from "./discipline.ts";
import { PacketQueue } from "./packet-queue.ts";

/**
 * What the disciplines with one queue have in common: packets leave in the order of their coming, and what finds the queue full is dropped. A subclass
 * decides what becomes of a packet that has room.
 */
export abstract class FifoDiscipline implements QueueDiscipline {
  protected readonly queue = new PacketQueue();
  protected readonly environment: QueueEnvironment;

  constructor(environment: QueueEnvironment) {
    this.environment = environment;
  }

  get packets(): number {
    return this.queue.packets;
  }

  get bytes(): number {
    return this.queue.bytes;
  }

  enqueue(packet: Packet, wire: number, now: number): void {
    if (this.isFull(wire)) this.environment.drop(packet, false, now);
    else this.queue.push(packet, wire, now);
  }

  dequeue(_now: number): Packet | null {
    return this.queue.shift();
  }

  octetsOf(count: number): number {
    return this.queue.octetsOf(count);
  }

  takeOut(): Packet | null {
    return this.queue.shift();
  }

  /** Whether there is no room for a packet of so many octets on the wire. */
  protected isFull(wire: number): boolean {
    const { environment, queue } = this;
    return queue.packets >= environment.limitPackets || queue.bytes + wire > environment.limitBytes;
  }

  /** Tells the packet's sender of congestion: by a mark, or by its loss. @returns whether the packet goes on */
  protected signal(packet: Packet, now: number): boolean {
    if (this.environment.mark(packet)) return true;
    this.environment.drop(packet, true, now);
    return false;
  }
}
