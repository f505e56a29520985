import type { Packet, TcpSegment } from "../../wire/index.ts";
import { FlowTable } from "./flow-table.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { octetsParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { FILTER_PARAMETERS, SegmentFilter } from "./segment-filter.ts";
import { WindowScales } from "./window-scales.ts";

const PARAMETERS = {
  window: octetsParameter(65_535, 0, 1_073_725_440, "The largest window that passes; larger ones become this, as near as their scale allows. 0 closes all windows."),
  ...FILTER_PARAMETERS,
};

export type WindowClampParameters = ValuesOf<typeof PARAMETERS>;

/** Lowers the receive windows that hosts announce, as boxes do that shape traffic by it, or that have small buffers. A window that was not 0 does not become 0 by rounding. */
export class WindowClamp extends SegmentMiddlebox {
  private readonly window: number;
  private readonly filter: SegmentFilter;
  private readonly flows = new FlowTable(() => new WindowScales());

  constructor(name: string, environment: MiddleboxEnvironment, parameters: WindowClampParameters) {
    super(name, environment);
    this.window = parameters.window;
    this.filter = new SegmentFilter(parameters);
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const scales = this.flows.of(packet, segment, direction);
    scales.see(segment, direction);
    const most = this.window === 0 ? 0 : Math.max(1, Math.floor(this.window / 2 ** scales.of(segment, direction)));
    if (!this.filter.isMeant(packet, segment, direction, now) || segment.window <= most) return this.forward(packet, direction, now);
    segment.window = most;
    this.forwardChanged(packet, direction, now);
  }

  protected override standBy(packet: Packet, direction: Direction, now: number): void {
    if (packet.tcp !== null) this.flows.of(packet, packet.tcp, direction).see(packet.tcp, direction);
    this.forward(packet, direction, now);
  }
}

/** Lowers the receive windows that hosts announce. */
export const windowClamp: MiddleboxKind = middleboxKind(
  "window-clamp",
  "Lowers the receive windows that hosts announce.",
  PARAMETERS,
  (name, environment, parameters) => new WindowClamp(name, environment, parameters),
);
