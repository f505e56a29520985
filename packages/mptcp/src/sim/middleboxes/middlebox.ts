import { MptcpError } from "../../core/index.ts";
import type { Observer, RandomSource } from "../../core/index.ts";
import { packetLength } from "../../wire/index.ts";
import type { IpAddress, Packet, TcpSegment } from "../../wire/index.ts";
import type { Scheduled } from "../event-queue.ts";
import type { Egress, SimNode } from "../node.ts";

/** The way of a packet through a middlebox: outward from port 0 to port 1, inward from port 1 to port 0. */
export const DIRECTION = { outward: 0, inward: 1 } as const;

/** Outward or inward, see {@link DIRECTION}. It is the number of the port on which the packet came. */
export type Direction = (typeof DIRECTION)[keyof typeof DIRECTION];

/**
 * Why a middlebox dropped a packet, as the decision log names it. `firewall`: the box lets no such packet pass; `filtered`: another packet says what it
 * said; `nat`: the address translator has no mapping for it; `no_route`: nothing is linked to the other port.
 */
export type MiddleboxDropCause = "black_hole" | "firewall" | "filtered" | "nat" | "no_route";

/** What schedules the events of a middlebox. */
export interface MiddleboxEvents {
  /** Virtual time, ns. */
  readonly now: number;
  /** Makes `entry` fire at `at` (ns; NEVER: not at all). Moves it when it waits already. */
  schedule(entry: Scheduled, at: number): void;
  /** Takes `entry` out; does nothing when it does not wait. */
  remove(entry: Scheduled): void;
}

/** What a middlebox gets from the network around it. */
export interface MiddleboxEnvironment {
  readonly queue: MiddleboxEvents;
  /** The box's own: nobody else draws from it. */
  readonly random: RandomSource;
  readonly observer: Observer | null;
}

/** Makes a middlebox of that name. Those of this folder come from their kinds, see `middleboxes`; for one of your own, a function. */
export type MiddleboxFactory<M extends Middlebox = Middlebox> = (name: string, environment: MiddleboxEnvironment) => M;

/** The counts of one middlebox. */
export interface MiddleboxStatistics {
  /** Packets that arrived. */
  readonly seen: number;
  /** Packets that left. */
  readonly sent: number;
  /** Packets that were rewritten, cut, or appended to another. */
  readonly changed: number;
  readonly dropped: number;
}

/**
 * A box between two links: a bump in the wire. It has no addresses, the hop limit stays as it is, and routes lead through it.
 *
 * Port 0, the link that is made first, is its inside; port 1 is its outside. A subclass has one method for each direction. It gets a packet, which is its own
 * from then on, and gives to {@link Middlebox.forward} whatever leaves, in either direction: that packet, none, several, or later another. What it sent
 * on is not its own any more.
 *
 * A box that waits is a {@link Scheduled} in its queue; one that draws uses its own source of random numbers.
 *
 * @example
 * ```ts
 * // Loses one packet in a hundred on the way out.
 * class Leaky extends Middlebox {
 *   protected outward(packet: Packet, now: number): void {
 *     if (randomBelow(this.random, 100) === 0) this.drop(packet, "black_hole", now);
 *     else this.forward(packet, DIRECTION.outward, now);
 *   }
 *   protected inward(packet: Packet, now: number): void {
 *     this.forward(packet, DIRECTION.inward, now);
 *   }
 * }
 * simulation.addMiddlebox("leaky", (name, environment) => new Leaky(name, environment));
 * ```
 */
export abstract class Middlebox implements SimNode {
  readonly name: string;
  protected readonly queue: MiddleboxEvents;
  protected readonly random: RandomSource;
  /** Counted by subclasses, see {@link MiddleboxStatistics.changed}. */
  protected changed = 0;
  private readonly observer: Observer | null;
  private readonly egresses: Egress[] = [];
  private seen = 0;
  private sent = 0;
  private dropped = 0;
  private isOn = true;

  constructor(name: string, environment: MiddleboxEnvironment) {
    this.name = name;
    this.queue = environment.queue;
    this.random = environment.random;
    this.observer = environment.observer;
  }

  /** @throws MptcpError ERR_SIM_OPTION when both ports are linked already */
  attach(egress: Egress): number {
    if (this.egresses.length === 2) throw new MptcpError("ERR_SIM_OPTION", `${this.name} is a middlebox: a third link, ${egress.name}, has no port`);
    return this.egresses.push(egress) - 1;
  }

  addressesOn(_port?: number): readonly IpAddress[] {
    return NO_ADDRESSES;
  }

  passes(from: number, to: number): boolean {
    return from !== to;
  }

  receive(packet: Packet, port: number, now: number): void {
    this.seen++;
    if (!this.isOn) this.standBy(packet, port === DIRECTION.outward ? DIRECTION.outward : DIRECTION.inward, now);
    else if (port === DIRECTION.outward) this.outward(packet, now);
    else this.inward(packet, now);
  }

  /** Whether it does its work, as it does from the start. */
  get on(): boolean {
    return this.isOn;
  }

  /** Switches it on or off while packets flow. A box that is off lets everything pass, and sends what it held back. */
  switch(on: boolean, now: number): void {
    if (on === this.isOn) return;
    this.isOn = on;
    if (!on) this.switchedOff(now);
  }

  get statistics(): MiddleboxStatistics {
    return { seen: this.seen, sent: this.sent, changed: this.changed, dropped: this.dropped };
  }

  /** A packet came in on the inside. */
  protected abstract outward(packet: Packet, now: number): void;

  /** A packet came in on the outside. */
  protected abstract inward(packet: Packet, now: number): void;

  /** What becomes of a packet while the box is off. One that has moved sequence numbers has to go on for the connections that it has moved. */
  protected standBy(packet: Packet, direction: Direction, now: number): void {
    this.forward(packet, direction, now);
  }

  /** The box was switched off: whatever it holds back has to leave. */
  protected switchedOff(_now: number): void {}

  /** Sends on a packet that was rewritten: counts it, and makes its length true. */
  protected forwardChanged(packet: Packet, direction: Direction, now: number): void {
    this.changed++;
    packet.length = packetLength(packet);
    this.forward(packet, direction, now);
  }

  /** Sends a packet on in a direction. Its length must be true, and it is not the box's any more. */
  protected forward(packet: Packet, direction: Direction, now: number): void {
    const egress = this.egresses[1 - direction];
    if (egress === undefined) return this.drop(packet, "no_route", now);
    this.sent++;
    egress.send(packet, now);
  }

  /** Octets of the largest packet that the link in a direction takes. */
  protected largestPacket(direction: Direction): number {
    return this.egresses[1 - direction]?.maxPacket ?? 0;
  }

  /** Loses a packet, and says so. */
  protected drop(packet: Packet, cause: MiddleboxDropCause, now: number): void {
    this.dropped++;
    if (this.observer === null) return;
    this.observer.event({ kind: "packet_lost", at: now, host: this.name, connection: -1, subflow: -1, cause, length: packet.length });
  }
}

/** A box that treats packets in both directions by one method. */
export abstract class PacketMiddlebox extends Middlebox {
  protected outward(packet: Packet, now: number): void {
    this.look(packet, DIRECTION.outward, now);
  }

  protected inward(packet: Packet, now: number): void {
    this.look(packet, DIRECTION.inward, now);
  }

  /** A packet came, and is the box's own. */
  protected abstract look(packet: Packet, direction: Direction, now: number): void;
}

/** One that looks at TCP segments alone; what is not TCP passes. */
export abstract class SegmentMiddlebox extends PacketMiddlebox {
  /** A segment came; the packet is the box's own. */
  protected abstract treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void;

  protected override look(packet: Packet, direction: Direction, now: number): void {
    if (packet.tcp === null) this.forward(packet, direction, now);
    else this.treat(packet, packet.tcp, direction, now);
  }
}

/** The other way. */
export function opposite(direction: Direction): Direction {
  return direction === DIRECTION.outward ? DIRECTION.inward : DIRECTION.outward;
}

const NO_ADDRESSES: readonly IpAddress[] = [];
