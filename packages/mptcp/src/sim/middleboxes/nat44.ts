import { IpAddress } from "../../wire/index.ts";
import type { Packet } from "../../wire/index.ts";
import { Nat } from "../nat.ts";
import type { NatOptions } from "../nat.ts";
import type { Egress } from "../node.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { DIRECTION, Middlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { addressParameter, choiceParameter, timeParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";

const PARAMETERS = {
  address: addressParameter("0.0.0.0", "The external address that the inside shares; 0.0.0.0: one of 198.18.0.0/15 that follows from the box's name."),
  establishedTimeout: timeParameter(7_440_000_000_000, "Idle time after which an established mapping goes (RFC 5382 §5, REQ-5: not below 2 h 4 min)."),
  transitoryTimeout: timeParameter(240_000_000_000, "The same before both ends have spoken, and after FIN or RST."),
  midstream: choiceParameter(["open", "drop"], "open", "What becomes of a segment from inside that has no mapping and no SYN: it opens one, or is lost."),
  ports: choiceParameter(["preserved", "random"], "preserved", "Which external port a mapping gets: that of the inside where it is free, or any."),
  restartAfter: timeParameter(0, "At this time since the start of the simulation all mappings are forgotten; 0: never. With `ports: random` connections then get other ports."),
};

export type Nat44Parameters = ValuesOf<typeof PARAMETERS>;

/**
 * A NAT44 as a box on a link: see {@link Nat}, which does the work. Everybody behind its first link is seen by its external address. IPv6 passes. What
 * is neither TCP nor an ICMP error is lost. It cannot be switched off, since nobody would find the way back.
 */
export class Nat44 extends Middlebox {
  private readonly nat: Translator;
  private readonly restartAfter: number;
  private isRestarted = false;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: Nat44Parameters) {
    super(name, environment);
    const { address, midstream, restartAfter, ...options } = parameters;
    const external = address === "0.0.0.0" ? addressOf(name) : IpAddress.from(address);
    this.restartAfter = restartAfter;
    this.nat = new Translator(name, { ...options, external, midstream: midstream === "open" }, environment, (packet, now) => this.drop(packet, "nat", now));
    for (const direction of [DIRECTION.inward, DIRECTION.outward]) this.nat.attach(this.egress(direction));
  }

  override addressesOn(port: number): readonly IpAddress[] {
    return this.nat.addressesOn(port);
  }

  /** Inside addresses mean nothing outside. */
  override passes(from: number, to: number): boolean {
    return this.nat.passes(from, to);
  }

  protected outward(packet: Packet, now: number): void {
    this.translate(packet, DIRECTION.outward, now);
  }

  protected inward(packet: Packet, now: number): void {
    this.translate(packet, DIRECTION.inward, now);
  }

  protected override standBy(packet: Packet, direction: Direction, now: number): void {
    this.translate(packet, direction, now);
  }

  private translate(packet: Packet, direction: Direction, now: number): void {
    if (this.restartAfter > 0 && now >= this.restartAfter && !this.isRestarted) {
      this.isRestarted = true;
      this.nat.restart();
    }
    this.nat.receive(packet, direction, now);
  }

  /** Where the translator sends what goes in a direction. */
  private egress(direction: Direction): Egress {
    return {
      name: `${this.name} ${direction}`,
      mtu: LARGEST_PACKET,
      maxPacket: LARGEST_PACKET,
      send: (packet, now) => {
        if (packet.source.family === 4) this.changed++;
        this.forward(packet, direction, now);
      },
      roomAt: (_, now) => now,
      listener: null,
    };
  }
}

/** Translates the addresses and ports of everybody behind its first link into one IPv4 address. */
export const nat44: MiddleboxKind = middleboxKind(
  "nat44",
  "Translates the addresses and ports of everybody behind its first link into one IPv4 address.",
  PARAMETERS,
  (name, environment, parameters) => new Nat44(name, environment, parameters),
);

/** The NAT, whose losses are the box's. */
class Translator extends Nat {
  private readonly lost: (packet: Packet, now: number) => void;

  constructor(name: string, options: NatOptions, environment: MiddleboxEnvironment, lost: (packet: Packet, now: number) => void) {
    super(name, options, environment.random);
    this.lost = lost;
  }

  protected override drop(packet: Packet, now: number): void {
    this.lost(packet, now);
  }
}

/** One of the addresses for measurements (RFC 2544 Appendix C.2.2), by name. */
function addressOf(name: string): IpAddress {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return IpAddress.v4(FIRST_ADDRESS + 1 + (hash % (ADDRESSES - 2)));
}

/** 198.18.0.0 */
const FIRST_ADDRESS = 0xc6120000;
const ADDRESSES = 0x20000;
const LARGEST_PACKET = 65_535;
