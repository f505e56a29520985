import type { Packet } from "../wire/index.ts";

/** Packets under way on a link that may reorder: a binary heap by (arrival, order of entry) on parallel arrays. */
export class PacketHeap {
  size = 0;
  private order = 0;
  private times = new Float64Array(16);
  private orders = new Float64Array(16);
  private readonly packets: (Packet | null)[] = [];

  /** Arrival of the first packet; only when `size` is not 0. */
  get firstTime(): number {
    return this.times[0] as number;
  }

  push(packet: Packet, time: number): void {
    const order = this.order++;
    if (this.size === this.times.length) this.grow();
    if (this.size === this.packets.length) this.packets.push(null);
    let slot = this.size++;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      if (!this.isBefore(time, order, parent)) break;
      this.move(parent, slot);
      slot = parent;
    }
    this.put(slot, packet, time, order);
  }

  /** Takes the first packet; only when `size` is not 0. */
  pop(): Packet {
    const first = this.packets[0] as Packet;
    const last = --this.size;
    const packet = this.packets[last] as Packet;
    const time = this.times[last] as number;
    const order = this.orders[last] as number;
    this.packets[last] = null;
    if (last === 0) return first;
    let slot = 0;
    for (;;) {
      let child = 2 * slot + 1;
      if (child >= last) break;
      if (child + 1 < last && this.isBefore(this.times[child + 1] as number, this.orders[child + 1] as number, child)) child++;
      if (this.isBefore(time, order, child)) break;
      this.move(child, slot);
      slot = child;
    }
    this.put(slot, packet, time, order);
    return first;
  }

  private isBefore(time: number, order: number, slot: number): boolean {
    const other = this.times[slot] as number;
    return time < other || (time === other && order < (this.orders[slot] as number));
  }

  private move(from: number, to: number): void {
    this.times[to] = this.times[from] as number;
    this.orders[to] = this.orders[from] as number;
    this.packets[to] = this.packets[from] as Packet;
  }

  private put(slot: number, packet: Packet, time: number, order: number): void {
    this.times[slot] = time;
    this.orders[slot] = order;
    this.packets[slot] = packet;
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2);
    const orders = new Float64Array(this.orders.length * 2);
    times.set(this.times);
    orders.set(this.orders);
    this.times = times;
    this.orders = orders;
  }
}
