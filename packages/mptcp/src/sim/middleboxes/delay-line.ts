import { NEVER } from "../../core/index.ts";
import type { Packet } from "../../wire/index.ts";
import type { Scheduled } from "../event-queue.ts";
import type { Direction, MiddleboxEvents } from "./middlebox.ts";

/** Packets that leave a box later, each after the same time. Of very many the oldest leave before theirs. */
export class DelayLine implements Scheduled {
  slot = -1;
  readonly background = false;
  private readonly queue: MiddleboxEvents;
  private readonly wait: number;
  private readonly release: (packet: Packet, direction: Direction, now: number) => void;
  /** Oldest first. */
  private readonly packets: { readonly packet: Packet; readonly direction: Direction; readonly due: number }[] = [];

  /** @param wait ns */
  constructor(queue: MiddleboxEvents, wait: number, release: (packet: Packet, direction: Direction, now: number) => void) {
    this.queue = queue;
    this.wait = wait;
    this.release = release;
  }

  add(packet: Packet, direction: Direction, now: number): void {
    this.packets.push({ packet, direction, due: now + this.wait });
    if (this.packets.length > MOST_PACKETS) this.releaseTo(0, now, 1);
    this.schedule();
  }

  /** Everything leaves. */
  flush(now: number): void {
    this.releaseTo(NEVER, now);
    this.schedule();
  }

  fire(now: number): void {
    this.releaseTo(now, now);
    this.schedule();
  }

  private releaseTo(until: number, now: number, atLeast = 0): void {
    for (let i = 0; this.packets.length > 0; i++) {
      const [{ packet, direction, due }] = this.packets as [(typeof this.packets)[number]];
      if (due > until && i >= atLeast) return;
      this.packets.shift();
      this.release(packet, direction, now);
    }
  }

  private schedule(): void {
    const due = this.packets[0]?.due ?? NEVER;
    if (due === NEVER) this.queue.remove(this);
    else this.queue.schedule(this, due);
  }
}

const MOST_PACKETS = 4096;
