import { Payload, TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { OptionSet } from "./option-set.ts";
import { choiceParameter, countParameter, octetsParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";

const PARAMETERS = {
  port: countParameter(80, 0, 65_535, "The port, of either end, whose connections are meant; 0: all."),
  timestamps: choiceParameter(["keep", "remove"], "keep", "Whether TCP timestamps stay."),
  size: octetsParameter(1460, 1, 65_535, "The largest segment size that SYNs say."),
};

export type NormaliserParameters = ValuesOf<typeof PARAMETERS>;

/**
 * Makes all segments of Web connections look alike, as boxes on the way of port 80 do: every option that is not a standard one is taken off, and data of SYNs, DSCP, ECN and its flags,
 * urgent pointers; a largest segment size is lowered.
 */
export class Normaliser extends SegmentMiddlebox {
  private readonly parameters: NormaliserParameters;
  private readonly options: OptionSet;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: NormaliserParameters) {
    super(name, environment);
    this.parameters = parameters;
    this.options = new OptionSet(parameters.timestamps === "keep" ? ["unknown"] : ["unknown", "timestamps"]);
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const { port } = this.parameters;
    if (port !== 0 && segment.sourcePort !== port && segment.destinationPort !== port) return this.forward(packet, direction, now);
    const isChanged = [this.options.removeFrom(segment), this.normaliseSyn(segment), normaliseHeaders(packet, segment)].includes(true);
    if (isChanged) this.forwardChanged(packet, direction, now);
    else this.forward(packet, direction, now);
  }

  private normaliseSyn(segment: TcpSegment): boolean {
    if ((segment.flags & TCP_FLAG.SYN) === 0) return false;
    const { size } = this.parameters;
    const isNormal = segment.payload.length === 0 && segment.maximumSegmentSize <= size;
    segment.payload = Payload.EMPTY;
    segment.maximumSegmentSize = Math.min(segment.maximumSegmentSize, size);
    return !isNormal;
  }
}

/** Makes all segments of Web connections look alike, and leaves them no option that is not a standard one. */
export const normaliser: MiddleboxKind = middleboxKind(
  "normaliser",
  "Makes all segments of Web connections look alike, and leaves them no option that is not a standard one.",
  PARAMETERS,
  (name, environment, parameters) => new Normaliser(name, environment, parameters),
);

function normaliseHeaders(packet: Packet, segment: TcpSegment): boolean {
  const isNormal = packet.trafficClass === 0 && (segment.flags & NOT_NORMAL) === 0 && segment.urgentPointer === 0;
  packet.trafficClass = 0;
  segment.flags &= ~NOT_NORMAL;
  segment.urgentPointer = 0;
  return !isNormal;
}

const NOT_NORMAL = TCP_FLAG.URG | TCP_FLAG.ECE | TCP_FLAG.CWR;
