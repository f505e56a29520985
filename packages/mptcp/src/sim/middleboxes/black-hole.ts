import type { Packet, TcpSegment } from "../../wire/index.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { OptionSet, optionsParameter } from "./option-set.ts";
import type { ValuesOf } from "../parameters.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { FILTER_PARAMETERS, SegmentFilter } from "./segment-filter.ts";

const PARAMETERS = {
  options: optionsParameter(["mptcp"], "Segments with one of these options are dropped: names, or numbers of kinds."),
  ...FILTER_PARAMETERS,
};

export type BlackHoleParameters = ValuesOf<typeof PARAMETERS>;

/** Drops TCP segments that carry options which it does not like, without a word to anybody. */
export class BlackHole extends SegmentMiddlebox {
  private readonly options: OptionSet;
  private readonly filter: SegmentFilter;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: BlackHoleParameters) {
    super(name, environment);
    this.options = new OptionSet(parameters.options);
    this.filter = new SegmentFilter(parameters);
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (this.filter.isMeant(packet, segment, direction, now) && this.options.isOn(segment)) this.drop(packet, "black_hole", now);
    else this.forward(packet, direction, now);
  }
}

/** Drops TCP segments that carry certain options. */
export const blackHole: MiddleboxKind = middleboxKind(
  "black-hole",
  "Drops TCP segments that carry certain options.",
  PARAMETERS,
  (name, environment, parameters) => new BlackHole(name, environment, parameters),
);
