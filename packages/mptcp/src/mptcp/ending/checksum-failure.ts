import type { Counters, Deadlines, FallbackReason } from "../../core/index.ts";
import type { MpFail } from "../../wire/index.ts";
import { MP_RESET_REASON } from "../../wire/index.ts";
import type { MptcpConfig } from "../config.ts";
import type { DataReceiver } from "../data/receiver.ts";
import type { DataSender } from "../data/sender.ts";
import { DEADLINE } from "../deadlines.ts";
import type { DecisionLog } from "../decision-log.ts";
import type { Session } from "../session.ts";

/** What the handling of a wrong checksum asks of the connection around it. */
export interface FailureContext {
  readonly session: Session;
  readonly sender: DataSender;
  readonly receiver: DataReceiver;
  readonly deadlines: Deadlines;
  readonly log: DecisionLog;
  readonly counters: Counters;
  readonly closed: boolean;
  /** Whether the connection never had a second subflow. */
  readonly mayFallBack: boolean;
  readonly config: Pick<MptcpConfig, "mappingFaults">;
  fallBack(reason: FallbackReason, now: number): void;
  /** Goes over to regular TCP; `answers`: MP_FAILs that are still answered then, `answerNow`: one is due at once. */
  failOver(reason: FallbackReason, answers: number, answerNow: boolean, now: number): void;
}

/** A subflow as the handling of a wrong checksum sees it. */
export interface FailureSubflow {
  readonly pathIndex: number;
  readonly first: boolean;
  readonly isLive: boolean;
  readonly rto: number;
  /** Data offset of the mapping whose checksum was wrong; -1 without. */
  readonly failedAt: number;
  /** Data offset of the mapping that came last on it; -1: none did. */
  readonly latestMapped: number;
  /** Whether a checksum was found right on it. */
  readonly hasVerified: boolean;
  /** Whether what arrived on it is the connection's stream without a gap or a repetition. */
  readonly contiguous: boolean;
  /** Whether it is established, and closed at neither end by us. */
  readonly mayCarryData: boolean;
  requestAck(): void;
  /** Ends it with a RST that carries MP_TCPRST and, with `failedAt`, MP_FAIL. */
  reset(reason: "checksum_failed" | "mp_fail", code: number, now: number): void;
}

/**
 * What follows a mapping whose checksum is wrong (RFC 8684 §3.7): a middlebox changed the payload.
 *
 * Where other subflows are, or were, the subflow is reset with MP_FAIL, nothing of the mapping is delivered, and the peer sends the data again
 * elsewhere. On a connection that never had but one subflow both ends go over to regular TCP: MP_FAIL, repeated until the peer shows that it
 * has gone over, its MP_FAIL in answer, and an infinite mapping from either end. The bytes of the failed mapping are then delivered as
 * they arrived, as regular TCP and in-tree Linux do: the middlebox changed them on purpose, and the original ones are nowhere to be had.
 */
export class ChecksumFailure {
  private readonly context: FailureContext;
  /** The subflow whose peer was sent an MP_FAIL and has not gone over to regular TCP yet. */
  private waiting: FailureSubflow | null = null;
  private tries = 0;
  private isDue = false;
  /** The subflow that an MP_FAIL is answered on, with the connection in Multipath TCP until there is data to send. */
  private answering: FailureSubflow | null = null;

  constructor(context: FailureContext) {
    this.context = context;
  }

  /** Whether an MP_FAIL goes out with the next pure ACK. */
  get due(): boolean {
    return this.isDue;
  }

  /** Whether `subflow` holds back what arrives until its peer has gone over to regular TCP. */
  isWaiting(subflow: FailureSubflow): boolean {
    return this.waiting === subflow;
  }

  /** Whether an MP_FAIL that is due goes out on `subflow`. */
  isDueOn(subflow: FailureSubflow): boolean {
    return this.isDue && (this.waiting === subflow || this.answering === subflow);
  }

  /** There is new data to send, which goes by regular TCP once an MP_FAIL was answered. */
  onNewData(now: number): void {
    if (this.answering === null || !this.answering.mayCarryData) return;
    this.answering = null;
    if (this.context.mayFallBack) this.context.failOver("mp_fail", Number.POSITIVE_INFINITY, this.isDue, now);
  }

  /** The checksum of a mapping is wrong; it begins at these offsets. */
  onMismatch(subflow: FailureSubflow, dataOffset: number, subflowOffset: number, now: number): void {
    const { context } = this;
    context.counters.increment("MPTcpExtDataCsumErr");
    context.log.observe(subflow, { kind: "segment_dropped", reason: "checksum_failed" });
    // RFC 8684 §3.7: regular TCP can go on only where the data of either direction is one contiguous stream on this subflow.
    const contiguous = dataOffset === subflowOffset && dataOffset === context.receiver.nxt && !context.sender.reinjected;
    if (context.closed || !subflow.first || !context.mayFallBack || !contiguous) {
      this.reset(subflow, now);
      return;
    }
    if (context.config.mappingFaults === "regular" && !subflow.hasVerified) {
      context.fallBack("checksum_failed", now);
      return;
    }
    this.waiting = subflow;
    this.tries = 0;
    this.send(subflow, now);
  }

  /** The checksum of a DATA_FIN without data is wrong: there are no bytes to go on with. */
  onFinMismatch(subflow: FailureSubflow, now: number): void {
    this.context.counters.increment("MPTcpExtDataCsumErr");
    this.reset(subflow, now);
  }

  /** Data arrived behind the failed mapping: the peer does not know yet. */
  onMoreData(subflow: FailureSubflow, tooMuch: boolean, now: number): void {
    if (tooMuch) this.reset(subflow, now);
    else this.isDue = true;
  }

  /** Another subflow was joined: falling back is no choice any more. */
  onJoined(now: number): void {
    if (this.waiting !== null) this.reset(this.waiting, now);
  }

  /** The peer speaks regular TCP now, or says that it will: so do we. */
  revert(now: number): void {
    this.stop();
    this.context.failOver("checksum_failed", ANSWERS_OF_A_FAILED_RECEIVER, false, now);
  }

  /** MP_FAIL arrived on an ACK. @returns what becomes of the segment: `accept` when regular TCP has it, `drop` after a reset */
  onMpFail(subflow: FailureSubflow, option: MpFail, now: number): "next" | "accept" | "drop" {
    const { context } = this;
    context.counters.increment("MPTcpExtMPFailRx");
    if (context.closed) return "next";
    if (this.waiting === subflow) {
      this.revert(now);
      return "accept";
    }
    const { sender } = context;
    if (context.config.mappingFaults === "regular") return this.answerFirst(subflow);
    const position = context.session.localSpace.position(option.dsnHigh, option.dsnLow);
    if (!(position >= 0 && position <= sender.sentEnd)) return "next";
    if (!subflow.first || !context.mayFallBack || sender.reinjected || !subflow.contiguous) {
      subflow.reset("mp_fail", MP_RESET_REASON.middleboxInterference, now);
      return "drop";
    }
    // RFC 8684 §3.7: answer with MP_FAIL, and go over to regular TCP in both directions. The host that was told answers every MP_FAIL that follows.
    context.failOver("mp_fail", Number.POSITIVE_INFINITY, true, now);
    return "accept";
  }

  /** Answers, and goes over to regular TCP with the data that is sent next, wherever the peer says that it failed. */
  private answerFirst(subflow: FailureSubflow): "next" {
    const { context } = this;
    if (!subflow.first || !context.mayFallBack || context.sender.reinjected) return "next";
    this.answering = subflow;
    this.isDue = true;
    subflow.requestAck();
    return "next";
  }

  /** The MP_FAIL to send: where the failed mapping starts, or what we expect next. */
  takeOption(): MpFail {
    this.isDue = false;
    this.context.counters.increment("MPTcpExtMPFailTx");
    return mpFail(this.context.session, this.position);
  }

  /** Where the failed mapping starts, or the latest one where the peer's MP_FAIL is answered; else what we expect next. */
  private get position(): number {
    const { answering, context, waiting } = this;
    if (waiting !== null) return waiting.failedAt;
    return answering === null || answering.latestMapped < 0 ? context.receiver.nxt : answering.latestMapped;
  }

  handleTimeout(now: number): void {
    const { waiting } = this;
    if (!this.context.deadlines.take(DEADLINE.failure, now)) return;
    if (waiting === null || !waiting.isLive) this.stop();
    else if (this.tries >= MP_FAIL_TRIES) this.reset(waiting, now);
    else this.send(waiting, now);
  }

  /** Resets the subflow by RST with MP_FAIL (RFC 8684 §3.7). */
  private reset(subflow: FailureSubflow, now: number): void {
    this.stop();
    this.context.counters.increment("MPTcpExtMPFailTx");
    subflow.reset("checksum_failed", MP_RESET_REASON.middleboxInterference, now);
  }

  private send(subflow: FailureSubflow, now: number): void {
    this.isDue = true;
    subflow.requestAck();
    // Sooner than the peer's data timeout, which would send again what was not DATA_ACKed and make the stream uneven.
    this.context.deadlines.set(DEADLINE.failure, now + Math.ceil(subflow.rto / 4) * (1 << this.tries++));
  }

  private stop(): void {
    this.waiting = null;
    this.isDue = false;
    this.context.deadlines.clear(DEADLINE.failure);
  }
}

/** MP_FAIL for a position of the peer's stream. */
export function mpFail(session: Session, dataOffset: number): MpFail {
  const { remoteSpace } = session;
  return { kind: "mp_fail", dsnHigh: remoteSpace.high(dataOffset), dsnLow: remoteSpace.low(dataOffset) };
}

/** MP_FAILs sent without effect before the subflow is reset. */
const MP_FAIL_TRIES = 8;
/** How many a receiver that failed still answers: without end, two hosts would answer each other. */
const ANSWERS_OF_A_FAILED_RECEIVER = 3;
