import { TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { FlowTable } from "./flow-table.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter, countParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { includes, senderParameter } from "./segment-filter.ts";
import { WindowScales } from "./window-scales.ts";

const PARAMETERS = {
  scale: countParameter(0, 0, 14, "The shift that SYNs say, in place of the one that they have (RFC 7323 §2)."),
  windows: choiceParameter(
    ["convert", "leave"],
    "convert",
    "Whether windows are converted to what the peer was told, as far as they fit, or left as they are, as by firewalls that broke window scaling: the peer takes them for larger or smaller ones.",
  ),
  direction: senderParameter("Whose windows are meant"),
};

export type WindowScaleRewriterParameters = ValuesOf<typeof PARAMETERS>;

/** Writes another window scale into SYNs. Switched off, it goes on with the connections for which it did so. */
export class WindowScaleRewriter extends SegmentMiddlebox {
  private readonly parameters: WindowScaleRewriterParameters;
  private readonly flows = new FlowTable(() => new Rewritten());

  constructor(name: string, environment: MiddleboxEnvironment, parameters: WindowScaleRewriterParameters) {
    super(name, environment);
    this.parameters = parameters;
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    this.rewrite(packet, segment, direction, includes(this.parameters.direction, direction), now);
  }

  protected override standBy(packet: Packet, direction: Direction, now: number): void {
    if (packet.tcp === null) this.forward(packet, direction, now);
    else this.rewrite(packet, packet.tcp, direction, false, now);
  }

  private rewrite(packet: Packet, segment: TcpSegment, direction: Direction, isMeant: boolean, now: number): void {
    const flow = this.flows.of(packet, segment, direction);
    flow.scales.see(segment, direction);
    if ((segment.flags & TCP_FLAG.SYN) !== 0) {
      flow.isBy[direction] = isMeant && segment.windowScale >= 0;
      if (flow.isBy[direction] && segment.windowScale !== this.parameters.scale) {
        segment.windowScale = this.parameters.scale;
        return this.forwardChanged(packet, direction, now);
      }
      return this.forward(packet, direction, now);
    }
    const { windows, scale } = this.parameters;
    const own = flow.scales.of(segment, direction);
    if (!flow.isBy[direction] || windows === "leave" || own === scale || !flow.scales.areAgreed) return this.forward(packet, direction, now);
    const converted = Math.min(LARGEST_WINDOW, Math.floor((segment.window * 2 ** own) / 2 ** scale));
    segment.window = segment.window > 0 ? Math.max(1, converted) : 0;
    this.forwardChanged(packet, direction, now);
  }
}

/** Writes another window scale into SYNs. */
export const windowScaleRewriter: MiddleboxKind = middleboxKind(
  "window-scale-rewriter",
  "Writes another window scale into SYNs.",
  PARAMETERS,
  (name, environment, parameters) => new WindowScaleRewriter(name, environment, parameters),
);

class Rewritten {
  readonly scales = new WindowScales();
  /** Whether the peer was told another scale than the sender's own, by direction of the sender. */
  readonly isBy: [boolean, boolean] = [false, false];
}

const LARGEST_WINDOW = 65_535;
