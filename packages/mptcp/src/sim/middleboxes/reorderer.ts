import { randomFraction } from "../../core/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { DelayLine } from "./delay-line.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { fractionParameter, timeParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { FILTER_PARAMETERS, SegmentFilter } from "./segment-filter.ts";

const PARAMETERS = {
  fraction: fractionParameter(0.02, 0, 1, "The share of the segments that are held back."),
  wait: timeParameter(5_000_000, "For how long: what comes in between leaves before them."),
  ...FILTER_PARAMETERS,
};

export type ReordererParameters = ValuesOf<typeof PARAMETERS>;

/** Holds some segments back, so that others overtake them, as routers with several ways to one place do. */
export class Reorderer extends SegmentMiddlebox {
  private readonly fraction: number;
  private readonly filter: SegmentFilter;
  private readonly line: DelayLine;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: ReordererParameters) {
    super(name, environment);
    this.fraction = parameters.fraction;
    this.filter = new SegmentFilter(parameters);
    this.line = new DelayLine(this.queue, parameters.wait, (packet, direction, now) => this.forward(packet, direction, now));
  }

  protected override switchedOff(now: number): void {
    this.line.flush(now);
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (!this.filter.isMeant(packet, segment, direction, now) || randomFraction(this.random) >= this.fraction) return this.forward(packet, direction, now);
    this.changed++;
    this.line.add(packet, direction, now);
  }
}

/** Holds some segments back, so that others overtake them. */
export const reorderer: MiddleboxKind = middleboxKind(
  "reorderer",
  "Holds some segments back, so that others overtake them.",
  PARAMETERS,
  (name, environment, parameters) => new Reorderer(name, environment, parameters),
);
