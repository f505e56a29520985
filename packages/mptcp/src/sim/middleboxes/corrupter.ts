import { randomBelow, randomFraction } from "../../core/index.ts";
import { encodePacket, ipHeaderLength, packetLength, Payload, PROTOCOL } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter, countParameter, fractionParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { FILTER_PARAMETERS, SegmentFilter } from "./segment-filter.ts";

const PARAMETERS = {
  fraction: fractionParameter(0.01, 0, 1, "The share of the segments that are damaged."),
  checksum: choiceParameter(["bad", "good"], "bad", "Whether TCP can see it: as when bits fall over on the way, or as in the memory of a box that computes the checksum afterwards. Then only payload is damaged."),
  octets: countParameter(1, 1, 255, "How many octets in a row are damaged."),
  ...FILTER_PARAMETERS,
};

export type CorrupterParameters = ValuesOf<typeof PARAMETERS>;

/** Damages some segments. With a bad checksum what arrives is no segment any more: receivers drop it (RFC 9293 §3.1), and captures have its octets. */
export class Corrupter extends SegmentMiddlebox {
  private readonly parameters: CorrupterParameters;
  private readonly filter: SegmentFilter;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: CorrupterParameters) {
    super(name, environment);
    this.parameters = parameters;
    this.filter = new SegmentFilter(parameters);
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const { fraction, checksum } = this.parameters;
    const canBe = checksum === "bad" || segment.payload.length > 0;
    if (!this.filter.isMeant(packet, segment, direction, now) || !canBe || randomFraction(this.random) >= fraction) return this.forward(packet, direction, now);
    if (checksum === "good") segment.payload = Payload.of(this.damaged(segment.payload.toUint8Array()));
    else {
      const whole = new Uint8Array(packetLength(packet));
      encodePacket(packet, whole, 0);
      packet.opaque = { protocol: PROTOCOL.tcp, payload: Payload.of(this.damaged(whole.subarray(ipHeaderLength(packet)))) };
      packet.tcp = null;
    }
    this.forwardChanged(packet, direction, now);
  }

  /** A copy in which the same bit of some octets in a row is another one. */
  private damaged(octets: Uint8Array): Uint8Array {
    const length = Math.min(this.parameters.octets, octets.length);
    // The bits of an even number of octets can cancel out in the checksum, those of an odd number below 256 cannot.
    const count = this.parameters.checksum === "bad" && length % 2 === 0 ? length - 1 : length;
    const from = randomBelow(this.random, octets.length - count + 1);
    const bit = 1 << randomBelow(this.random, 8);
    return octets.map((octet, i) => (i >= from && i < from + count ? octet ^ bit : octet));
  }
}

/** Damages some segments. */
export const corrupter: MiddleboxKind = middleboxKind(
  "corrupter",
  "Damages some segments.",
  PARAMETERS,
  (name, environment, parameters) => new Corrupter(name, environment, parameters),
);
