import { TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { octetsParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { includes, wayParameter } from "./segment-filter.ts";

const PARAMETERS = {
  size: octetsParameter(1220, 1, 65_535, "The largest segment size that passes; larger ones become this."),
  direction: wayParameter("Whose SYNs are meant"),
};

export type MssClampParameters = ValuesOf<typeof PARAMETERS>;

/** Lowers the maximum segment size in SYNs, as routers before a tunnel do, whose ICMP messages would not arrive (RFC 2923 §2.1). */
export class MssClamp extends SegmentMiddlebox {
  private readonly parameters: MssClampParameters;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: MssClampParameters) {
    super(name, environment);
    this.parameters = parameters;
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const { size, direction: way } = this.parameters;
    if ((segment.flags & TCP_FLAG.SYN) === 0 || segment.maximumSegmentSize <= size || !includes(way, direction)) return this.forward(packet, direction, now);
    segment.maximumSegmentSize = size;
    this.forwardChanged(packet, direction, now);
  }
}

/** Lowers the maximum segment size in SYNs. */
export const mssClamp: MiddleboxKind = middleboxKind(
  "mss-clamp",
  "Lowers the maximum segment size in SYNs.",
  PARAMETERS,
  (name, environment, parameters) => new MssClamp(name, environment, parameters),
);
