import { randomBelow } from "../../core/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { FILTER_PARAMETERS, SegmentFilter } from "./segment-filter.ts";

const PARAMETERS = {
  order: choiceParameter(["reversed", "shuffled"], "reversed", "Which order they get: the last first, or any."),
  ...FILTER_PARAMETERS,
};

export type OptionReordererParameters = ValuesOf<typeof PARAMETERS>;

/** Exchanges the order of Multipath TCP's options among each other, and of options of unknown kinds: the order of TCP options means nothing (RFC 9293 §3.1). */
export class OptionReorderer extends SegmentMiddlebox {
  private readonly isReversed: boolean;
  private readonly filter: SegmentFilter;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: OptionReordererParameters) {
    super(name, environment);
    this.isReversed = parameters.order === "reversed";
    this.filter = new SegmentFilter(parameters);
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const hasOrder = segment.mptcp.length > 1 || segment.otherOptions.length > 1;
    if (!this.filter.isMeant(packet, segment, direction, now) || !hasOrder) return this.forward(packet, direction, now);
    segment.mptcp = this.ordered(segment.mptcp);
    segment.otherOptions = this.ordered(segment.otherOptions);
    this.forwardChanged(packet, direction, now);
  }

  private ordered<T>(options: readonly T[]): readonly T[] {
    if (this.isReversed) return options.toReversed();
    const shuffled = [...options];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const other = randomBelow(this.random, i + 1);
      [shuffled[i], shuffled[other]] = [shuffled[other] as T, shuffled[i] as T];
    }
    return shuffled;
  }
}

/** Exchanges the order of options on a segment. */
export const optionReorderer: MiddleboxKind = middleboxKind(
  "option-reorderer",
  "Exchanges the order of options on a segment.",
  PARAMETERS,
  (name, environment, parameters) => new OptionReorderer(name, environment, parameters),
);
