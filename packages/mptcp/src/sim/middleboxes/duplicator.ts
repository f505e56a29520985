import { randomFraction } from "../../core/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { DelayLine } from "./delay-line.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { countParameter, fractionParameter, timeParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { FILTER_PARAMETERS, SegmentFilter } from "./segment-filter.ts";

const PARAMETERS = {
  fraction: fractionParameter(0.05, 0, 1, "The share of the segments that come twice or more often."),
  copies: countParameter(1, 1, 100, "How many copies of such a segment there are beside it."),
  wait: timeParameter(0, "How much later the copies leave; 0: behind it."),
  ...FILTER_PARAMETERS,
};

export type DuplicatorParameters = ValuesOf<typeof PARAMETERS>;

/** Sends some segments several times. */
export class Duplicator extends SegmentMiddlebox {
  private readonly parameters: DuplicatorParameters;
  private readonly filter: SegmentFilter;
  private readonly line: DelayLine;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: DuplicatorParameters) {
    super(name, environment);
    this.parameters = parameters;
    this.filter = new SegmentFilter(parameters);
    this.line = new DelayLine(this.queue, parameters.wait, (packet, direction, now) => this.forward(packet, direction, now));
  }

  protected override switchedOff(now: number): void {
    this.line.flush(now);
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const { fraction, copies, wait } = this.parameters;
    const isMeant = this.filter.isMeant(packet, segment, direction, now) && randomFraction(this.random) < fraction;
    const made = isMeant ? Array.from({ length: copies }, () => packet.clone()) : [];
    this.forward(packet, direction, now);
    for (const copy of made) {
      this.changed++;
      if (wait === 0) this.forward(copy, direction, now);
      else this.line.add(copy, direction, now);
    }
  }
}

/** Sends some segments several times. */
export const duplicator: MiddleboxKind = middleboxKind(
  "duplicator",
  "Sends some segments several times.",
  PARAMETERS,
  (name, environment, parameters) => new Duplicator(name, environment, parameters),
);
