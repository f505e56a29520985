import { Payload, TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { includes, wayParameter } from "./segment-filter.ts";

const PARAMETERS = {
  what: choiceParameter(["payload", "segment"], "payload", "What is lost: the payload, or the whole segment."),
  direction: wayParameter("Whose SYNs are meant"),
};

export type SynDataDropperParameters = ValuesOf<typeof PARAMETERS>;

/** Loses data on SYNs, that of TCP Fast Open, which firewalls take for an attack (RFC 7413 §4.2, §7). */
export class SynDataDropper extends SegmentMiddlebox {
  private readonly parameters: SynDataDropperParameters;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: SynDataDropperParameters) {
    super(name, environment);
    this.parameters = parameters;
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const { what, direction: way } = this.parameters;
    if ((segment.flags & TCP_FLAG.SYN) === 0 || segment.payload.length === 0 || !includes(way, direction)) return this.forward(packet, direction, now);
    if (what === "segment") return this.drop(packet, "firewall", now);
    segment.payload = Payload.EMPTY;
    segment.segmentSize = 0;
    this.forwardChanged(packet, direction, now);
  }
}

/** Loses the data of SYNs. */
export const synDataDropper: MiddleboxKind = middleboxKind(
  "syn-data-dropper",
  "Loses the data of SYNs.",
  PARAMETERS,
  (name, environment, parameters) => new SynDataDropper(name, environment, parameters),
);
