import { packetLength, TCP_MINIMUM_HEADER_LENGTH, TCP_OPTION_SPACE, tcpHeaderLength } from "../../wire/index.ts";
import type { MptcpOption, Packet, TcpSegment } from "../../wire/index.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { OptionSet, optionsParameter } from "./option-set.ts";
import { countParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { FILTER_PARAMETERS, SegmentFilter } from "./segment-filter.ts";

const PARAMETERS = {
  options: optionsParameter(["mptcp"], "Which of Multipath TCP's options are repeated."),
  copies: countParameter(1, 1, 9, "How often each is repeated, as far as there is room: a TCP header has 40 octets of options."),
  ...FILTER_PARAMETERS,
};

export type OptionDuplicatorParameters = ValuesOf<typeof PARAMETERS>;

/** Writes options of Multipath TCP several times on one segment, each copy behind its original: a receiver must not take what it says for said twice. */
export class OptionDuplicator extends SegmentMiddlebox {
  private readonly options: OptionSet;
  private readonly copies: number;
  private readonly filter: SegmentFilter;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: OptionDuplicatorParameters) {
    super(name, environment);
    this.options = new OptionSet(parameters.options);
    this.copies = parameters.copies;
    this.filter = new SegmentFilter(parameters);
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (this.filter.isMeant(packet, segment, direction, now) && this.repeat(packet, segment, direction)) this.forwardChanged(packet, direction, now);
    else this.forward(packet, direction, now);
  }

  private repeat(packet: Packet, segment: TcpSegment, direction: Direction): boolean {
    const before = segment.mptcp;
    const largest = this.largestPacket(direction);
    for (let i = 0, at = 0; i < before.length; i++, at++) {
      const option = before[i] as MptcpOption;
      if (!this.options.hasMptcp(option)) continue;
      for (let copy = 0; copy < this.copies; copy++) {
        const shorter = segment.mptcp;
        segment.mptcp = shorter.toSpliced(at, 0, option);
        if (tcpHeaderLength(segment) > TCP_MINIMUM_HEADER_LENGTH + TCP_OPTION_SPACE || packetLength(packet) > largest) {
          segment.mptcp = shorter;
          break;
        }
        at++;
      }
    }
    return segment.mptcp !== before;
  }
}

/** Writes options of Multipath TCP several times on one segment. */
export const optionDuplicator: MiddleboxKind = middleboxKind(
  "option-duplicator",
  "Writes options of Multipath TCP several times on one segment.",
  PARAMETERS,
  (name, environment, parameters) => new OptionDuplicator(name, environment, parameters),
);
