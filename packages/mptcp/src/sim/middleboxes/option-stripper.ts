import type { Packet, TcpSegment } from "../../wire/index.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { OptionSet, optionsParameter } from "./option-set.ts";
import type { ValuesOf } from "../parameters.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { FILTER_PARAMETERS, SegmentFilter } from "./segment-filter.ts";

const PARAMETERS = {
  options: optionsParameter(["mptcp"], "The options that are taken off: names, or numbers of kinds."),
  ...FILTER_PARAMETERS,
};

export type OptionStripperParameters = ValuesOf<typeof PARAMETERS>;

/** Takes options off TCP segments, as firewalls do with those that they do not know: the segment gets shorter. */
export class OptionStripper extends SegmentMiddlebox {
  private readonly options: OptionSet;
  private readonly filter: SegmentFilter;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: OptionStripperParameters) {
    super(name, environment);
    this.options = new OptionSet(parameters.options);
    this.filter = new SegmentFilter(parameters);
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (this.filter.isMeant(packet, segment, direction, now) && this.options.removeFrom(segment)) {
      this.forwardChanged(packet, direction, now);
    } else this.forward(packet, direction, now);
  }
}

/** Takes options off TCP segments. */
export const optionStripper: MiddleboxKind = middleboxKind(
  "option-stripper",
  "Takes options off TCP segments.",
  PARAMETERS,
  (name, environment, parameters) => new OptionStripper(name, environment, parameters),
);
