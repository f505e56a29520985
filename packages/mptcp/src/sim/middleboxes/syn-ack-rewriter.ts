import { TCP_FLAG, TCP_MINIMUM_HEADER_LENGTH, TCP_OPTION_SPACE, tcpHeaderLength } from "../../wire/index.ts";
import type { MptcpOption, Packet, RawTcpOption, TcpSegment } from "../../wire/index.ts";
import { FlowTable } from "./flow-table.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";

const PARAMETERS = {
  options: choiceParameter(
    ["echo", "add", "none"],
    "echo",
    "What becomes of Multipath TCP's options, and of those of unknown kinds: those of the SYN stand in their place, or behind them where there is room, or there are none.",
  ),
};

export type SynAckRewriterParameters = ValuesOf<typeof PARAMETERS>;

/**
 * Rewrites the options of SYN+ACKs, as boxes do that answer in the name of a server: some send back what they do not know. Whoever takes his own option for the answer of
 * a peer is deceived, which is why an MP_CAPABLE of version 1 has no key in the SYN and one in the SYN+ACK (RFC 8684 §3.1).
 */
export class SynAckRewriter extends SegmentMiddlebox {
  private readonly rule: SynAckRewriterParameters["options"];
  private readonly flows = new FlowTable(() => new LastSyn());

  constructor(name: string, environment: MiddleboxEnvironment, parameters: SynAckRewriterParameters) {
    super(name, environment);
    this.rule = parameters.options;
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if ((segment.flags & TCP_FLAG.SYN) === 0) return this.forward(packet, direction, now);
    const syn = this.flows.of(packet, segment, direction);
    if ((segment.flags & TCP_FLAG.ACK) === 0) {
      syn.mptcp = segment.mptcp;
      syn.others = segment.otherOptions;
      return this.forward(packet, direction, now);
    }
    const { mptcp, otherOptions } = segment;
    const isAdded = this.rule === "add";
    segment.mptcp = this.rule === "none" ? [] : isAdded ? [...mptcp, ...syn.mptcp] : syn.mptcp;
    segment.otherOptions = this.rule === "none" ? [] : isAdded ? [...otherOptions, ...syn.others] : syn.others;
    if (tcpHeaderLength(segment) > TCP_MINIMUM_HEADER_LENGTH + TCP_OPTION_SPACE) {
      segment.mptcp = mptcp;
      segment.otherOptions = otherOptions;
    }
    this.forwardChanged(packet, direction, now);
  }
}

/** Rewrites the options of SYN+ACKs. */
export const synAckRewriter: MiddleboxKind = middleboxKind(
  "syn-ack-rewriter",
  "Rewrites the options of SYN+ACKs.",
  PARAMETERS,
  (name, environment, parameters) => new SynAckRewriter(name, environment, parameters),
);

/** The options of the SYN that came last. */
class LastSyn {
  mptcp: readonly MptcpOption[] = [];
  others: readonly RawTcpOption[] = [];
}
