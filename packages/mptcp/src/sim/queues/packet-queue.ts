import type { Packet } from "../../wire/index.ts";

/** Packets in the order of their coming, with their octets on the wire and the time when each came. A ring: nothing is allocated per packet. */
export class PacketQueue {
  packets = 0;
  bytes = 0;
  /** Of the packet that {@link PacketQueue.shift} took last: octets on the wire, and when it came, ns. */
  takenWire = 0;
  takenAt = 0;
  private mask = INITIAL - 1;
  private first = 0;
  private slots: (Packet | null)[] = emptySlots(INITIAL);
  /** Octets and time of each, side by side. */
  private records = new Float64Array(2 * INITIAL);

  push(packet: Packet, wire: number, now: number): void {
    if (this.packets > this.mask) this.grow();
    const index = (this.first + this.packets) & this.mask;
    this.slots[index] = packet;
    this.records[2 * index] = wire;
    this.records[2 * index + 1] = now;
    this.packets++;
    this.bytes += wire;
  }

  /** The oldest packet, out of the queue; null when there is none. */
  shift(): Packet | null {
    if (this.packets === 0) return null;
    const index = this.first;
    const packet = this.slots[index] as Packet;
    this.slots[index] = null;
    this.takenWire = this.records[2 * index] as number;
    this.takenAt = this.records[2 * index + 1] as number;
    this.first = (index + 1) & this.mask;
    this.packets--;
    this.bytes -= this.takenWire;
    return packet;
  }

  /** The packet with `place` others before it, out of the queue. */
  removeAt(place: number): Packet {
    const { mask, slots, records } = this;
    const at = (this.first + place) & mask;
    const packet = slots[at] as Packet;
    this.bytes -= records[2 * at] as number;
    for (let i = place; i + 1 < this.packets; i++) {
      const to = (this.first + i) & mask;
      const from = (to + 1) & mask;
      slots[to] = slots[from] as Packet;
      records[2 * to] = records[2 * from] as number;
      records[2 * to + 1] = records[2 * from + 1] as number;
    }
    this.packets--;
    slots[(this.first + this.packets) & mask] = null;
    return packet;
  }

  /** Octets of the oldest `count`. */
  octetsOf(count: number): number {
    if (count >= this.packets) return this.bytes;
    let octets = 0;
    for (let i = 0; i < count; i++) octets += this.records[2 * ((this.first + i) & this.mask)] as number;
    return octets;
  }

  private grow(): void {
    const size = this.mask + 1;
    const slots = emptySlots(2 * size);
    const records = new Float64Array(4 * size);
    for (let i = 0; i < this.packets; i++) {
      const index = (this.first + i) & this.mask;
      slots[i] = this.slots[index] as Packet;
      records[2 * i] = this.records[2 * index] as number;
      records[2 * i + 1] = this.records[2 * index + 1] as number;
    }
    this.slots = slots;
    this.records = records;
    this.first = 0;
    this.mask = 2 * size - 1;
  }
}

function emptySlots(count: number): (Packet | null)[] {
  return Array.from({ length: count }, () => null);
}

const INITIAL = 16;
