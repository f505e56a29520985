import { randomFraction } from "../../../src/core/index.ts";
import { DIRECTION, Middlebox } from "../../../src/sim/index.ts";
import type { Direction, MiddleboxEnvironment } from "../../../src/sim/index.ts";
import type { Packet } from "../../../src/wire/index.ts";

/** Marks a share of the packets that can be marked, in either direction, and does to others what it is told to. */
export class Marker extends Middlebox {
  marked = 0;
  /** Of the packets that can be marked. */
  share: number;
  /** Done to each packet first; false: it is lost. */
  change: (packet: Packet, direction: Direction, random: () => number) => boolean;
  private readonly environment: MiddleboxEnvironment;

  constructor(name: string, environment: MiddleboxEnvironment, share: number, change: Marker["change"] = () => true) {
    super(name, environment);
    this.environment = environment;
    this.share = share;
    this.change = change;
  }

  protected outward(packet: Packet, now: number): void {
    this.pass(packet, DIRECTION.outward, now);
  }

  protected inward(packet: Packet, now: number): void {
    this.pass(packet, DIRECTION.inward, now);
  }

  private pass(packet: Packet, direction: Direction, now: number): void {
    const random = (): number => randomFraction(this.environment.random);
    if (!this.change(packet, direction, random)) return;
    if ((packet.trafficClass & 3) !== 0 && random() < this.share) {
      packet.trafficClass |= 3;
      this.marked++;
    }
    this.forward(packet, direction, now);
  }
}
