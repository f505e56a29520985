import type { Deadlines, FallbackReason, SubflowEndReason } from "../../core/index.ts";
import type { TcpSegment } from "../../wire/index.ts";
import { MP_RESET_REASON, TCP_FLAG } from "../../wire/index.ts";
import type { MptcpConfig } from "../config.ts";
import { SUBFLOW_DEADLINE } from "../deadlines.ts";
import type { ChecksumFailure, FailureSubflow } from "./checksum-failure.ts";

/** What the watch over lost options asks of the connection around the subflow. */
export interface OptionLossContext {
  readonly config: Pick<MptcpConfig, "fallback">;
  readonly failure: ChecksumFailure;
  readonly closed: boolean;
  /** Whether it can still become regular TCP: all its data went over the first subflow, which is there (RFC 8684 §3.7). */
  readonly mayFallBack: boolean;
  /** Whether a join of ours waits for the peer's confirmation, so that only the peer knows whether there is a second subflow. */
  readonly joinUndecided: boolean;
  fallBack(reason: FallbackReason, now: number): void;
}

/** The subflow that is watched. */
export interface OptionLossSubflow extends FailureSubflow {
  readonly established: boolean;
  readonly deadlines: Deadlines;
  /** Whether the connection can go on as regular TCP with what arrives next. */
  readonly mayRevert: boolean;
  /** Subflow offset after the last mapping that the peer declared, where checksums are in use. */
  readonly mappedEnd: number;
  sendProbe(now: number): void;
  reset(reason: SubflowEndReason, code: number, now: number): void;
}

/** What the reader of options has counted. */
export interface OptionCounts {
  /** Segments with neither data nor options since the last one with options. */
  readonly bareSegments: number;
  /** Whether the segment being processed carried options, and a Data ACK. */
  readonly segmentHadOptions: boolean;
  readonly segmentHadDataAck: boolean;
}

/**
 * The watch over a path that drops options (RFC 8684 §3.7): what shows that it does cannot get lost on the way. The connection then goes
 * over to regular TCP where that is possible; else the subflow is of no use.
 */
export class OptionLoss {
  private readonly context: OptionLossContext;
  private readonly subflow: OptionLossSubflow;
  private readonly counts: OptionCounts;
  private disproven = false;
  /** Probes sent since segments come without options, and how many had come before the last one. */
  private doubts = 0;
  private bareBefore = 0;
  private finWasBare = false;

  constructor(context: OptionLossContext, subflow: OptionLossSubflow, counts: OptionCounts) {
    this.context = context;
    this.subflow = subflow;
    this.counts = counts;
  }

  /** Data that we sent was acknowledged by a segment with a Data ACK: options pass in both directions. */
  get isDisproven(): boolean {
    return this.disproven;
  }

  /** Whether the peer's FIN came on a segment without options. */
  get finIsBare(): boolean {
    return this.finWasBare;
  }

  /** Data of ours is acknowledged for the first time. @returns false when that shows that the path drops options */
  onFirstAcknowledged(now: number): boolean {
    const { context, counts } = this;
    // RFC 8684 §3.7: an ACK for data without a Data ACK shows it; one with an ADD_ADDR in its place does not.
    if (!counts.segmentHadOptions && !context.closed) {
      this.lose("no_data_ack", now);
      return false;
    }
    this.disproven = counts.segmentHadDataAck;
    return true;
  }

  /**
   * A segment arrived without options, as none does from a peer that speaks Multipath TCP: the path drops them, or the peer has gone over to regular
   * TCP. @returns false to drop the segment
   */
  onBareSegment(segment: TcpSegment, offset: number, now: number): boolean {
    const { context, counts, subflow } = this;
    // Behind a mapping that failed, data that the peer has not mapped shows that it has gone over to regular TCP.
    if (subflow.failedAt >= 0) {
      if (segment.payload.length > 0 && offset >= subflow.mappedEnd && context.failure.isWaiting(subflow)) context.failure.revert(now);
      return true;
    }
    if (!subflow.established || context.closed) return true;
    // Who only sees a join that is not confirmed cannot know what the peer does: it is sent again until that is decided.
    if (subflow.first && context.mayFallBack && context.joinUndecided) return false;
    if ((segment.flags & TCP_FLAG.FIN) !== 0) this.finWasBare = true;
    if (segment.payload.length === 0 && counts.bareSegments === 1) {
      this.doubts = 0;
      this.ask(now);
    }
    return true;
  }

  /** The answer to a probe should be there: it carried options, or none, or it got lost. */
  judge(now: number): void {
    const { bareSegments } = this.counts;
    if (bareSegments === 0 || this.context.closed || !this.subflow.established) return;
    if (bareSegments > this.bareBefore) this.lose("options_lost", now);
    else if (this.doubts < MOST_DOUBTS) this.ask(now);
  }

  /** One segment without options may be a middlebox's own: a probe is answered by the peer itself (RFC 9293 §3.10.7.4). */
  private ask(now: number): void {
    const { subflow } = this;
    this.bareBefore = this.counts.bareSegments;
    subflow.deadlines.set(SUBFLOW_DEADLINE.doubt, now + subflow.rto * (1 << this.doubts++));
    if (this.context.config.fallback === "declared") subflow.sendProbe(now);
  }

  private lose(reason: "no_data_ack" | "options_lost", now: number): void {
    if (this.subflow.mayRevert) this.context.fallBack(reason, now);
    else this.subflow.reset(reason, MP_RESET_REASON.middleboxInterference, now);
  }
}

/** Probes for options that go without an answer, at intervals that double; TCP's own timeouts then decide. */
const MOST_DOUBTS = 8;
