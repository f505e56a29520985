import { NEVER } from "../core/index.ts";
import type { MpFail } from "../wire/index.ts";
import { dssChecksum, MP_RESET_REASON, payloadSum } from "../wire/index.ts";
import type { DataSequenceSpace, Payload } from "../wire/index.ts";
import type { MptcpConnection } from "./connection.ts";
import { fallBack } from "./regular-tcp.ts";
import { resetSubflow } from "./subflow-end.ts";
import type { Subflow } from "./subflow.ts";

/**
 * What follows a mapping whose checksum is wrong (RFC 8684 §3.7): a middlebox changed the payload.
 *
 * Where other subflows are, or were, the subflow is reset with MP_FAIL, nothing of the mapping is delivered, and the peer sends the data again
 * elsewhere. On a connection that never had but one subflow both ends go over to regular TCP: MP_FAIL, repeated until the peer shows that it
 * has gone over, its MP_FAIL in answer, and an infinite mapping from either end. The bytes of the failed mapping are then delivered as
 * they arrived, as regular TCP and in-tree Linux do: the middlebox changed them on purpose, and the original ones are nowhere to be had.
 */
export class ChecksumFailure {
  /** An MP_FAIL goes out with the next pure ACK. */
  due = false;
  private readonly connection: MptcpConnection;
  /** The subflow whose peer was sent an MP_FAIL and has not gone over to regular TCP yet. */
  private waiting: Subflow | null = null;
  private repeatAt = NEVER;
  private tries = 0;
  /** MP_FAILs that are still answered once regular TCP is spoken: without end by the end that was told, else two hosts would answer each other. */
  private answers = 0;
  private answeredAt = 0;

  constructor(connection: MptcpConnection) {
    this.connection = connection;
  }

  get nextTimeout(): number {
    return this.repeatAt;
  }

  /** Whether `subflow` holds back what arrives until its peer has gone over to regular TCP. */
  isWaiting(subflow: Subflow): boolean {
    return this.waiting === subflow;
  }

  /**
   * The checksum of a mapping is wrong; `subflow.failedAt` says which.
   * @param subflowOffset where the mapping begins on the subflow
   */
  onMismatch(subflow: Subflow, dataOffset: number, subflowOffset: number, now: number): void {
    const { connection } = this;
    connection.environment.counters.increment("MPTcpExtDataCsumErr");
    connection.log.observe(subflow, { kind: "segment_dropped", reason: "checksum_failed" });
    // RFC 8684 §3.7: regular TCP can go on only where the data of either direction is one contiguous stream on this subflow.
    const contiguous = dataOffset === subflowOffset && dataOffset === connection.receiver.next && !connection.sender.reinjected;
    if (connection.closed || !subflow.first || !connection.mayFallBack || !contiguous) {
      this.reset(subflow, now);
      return;
    }
    this.waiting = subflow;
    this.tries = 0;
    this.send(now);
  }

  /** The checksum of a DATA_FIN without data is wrong: there are no bytes to go on with. */
  onFinMismatch(subflow: Subflow, dataOffset: number, now: number): void {
    this.connection.environment.counters.increment("MPTcpExtDataCsumErr");
    subflow.failedAt = dataOffset;
    this.reset(subflow, now);
  }

  /** Data arrived behind the failed mapping: the peer does not know yet. */
  onMoreData(subflow: Subflow, tooMuch: boolean, now: number): void {
    if (tooMuch) {
      this.reset(subflow, now);
      return;
    }
    this.due = true;
  }

  /** Resets the subflow by RST with MP_FAIL (RFC 8684 §3.7); `subflow.failedAt` is the position in it. */
  reset(subflow: Subflow, now: number): void {
    this.stop();
    this.connection.environment.counters.increment("MPTcpExtMPFailTx");
    resetSubflow(subflow, "checksum_failed", MP_RESET_REASON.middleboxInterference, now);
  }

  /** Another subflow was joined: falling back is no choice any more. */
  onJoined(now: number): void {
    if (this.waiting !== null) this.reset(this.waiting, now);
  }

  /** The peer speaks regular TCP now, or says that it will: so do we. */
  revert(now: number): void {
    this.stop();
    this.answers = ANSWERS_OF_A_FAILED_RECEIVER;
    this.answeredAt = now;
    this.fallBack("checksum_failed", now);
  }

  /** MP_FAIL arrived on an ACK. */
  onMpFail(subflow: Subflow, option: MpFail, now: number): void {
    const { connection } = this;
    connection.environment.counters.increment("MPTcpExtMPFailRx");
    if (connection.closed && !connection.regularTcp) return;
    if (connection.regularTcp) {
      // Our answer got lost, unless this crossed it.
      if (this.answers > 0 && now - this.answeredAt > subflow.tcp.srtt) this.answer(subflow, now);
      return;
    }
    if (this.waiting === subflow) {
      this.revert(now);
      return;
    }
    const { sender } = connection;
    const position = connection.localSpace.position(option.dsnHigh, option.dsnLow);
    if (!(position >= 0 && position <= sender.sentEnd)) return;
    if (!subflow.first || !connection.mayFallBack || sender.reinjected || !subflow.contiguous) {
      resetSubflow(subflow, "mp_fail", MP_RESET_REASON.middleboxInterference, now);
      return;
    }
    // RFC 8684 §3.7: answer with MP_FAIL, and go over to regular TCP in both directions.
    this.answers = Number.POSITIVE_INFINITY;
    this.fallBack("mp_fail", now);
    this.answer(subflow, now);
  }

  /** The MP_FAIL to send: where the failed mapping starts, or what we expect next. */
  takeOption(): MpFail {
    this.due = false;
    this.connection.environment.counters.increment("MPTcpExtMPFailTx");
    return this.optionFor(this.waiting === null ? this.connection.receiver.next : this.waiting.failedAt);
  }

  optionFor(dataOffset: number): MpFail {
    const { remoteSpace } = this.connection;
    return { kind: "mp_fail", dsnHigh: remoteSpace.high(dataOffset), dsnLow: remoteSpace.low(dataOffset) };
  }

  handleTimeout(now: number): void {
    if (now < this.repeatAt) return;
    if (this.waiting === null || this.waiting.phase === "closed") this.stop();
    else if (this.tries >= MP_FAIL_TRIES) this.reset(this.waiting, now);
    else this.send(now);
  }

  private send(now: number): void {
    const subflow = this.waiting as Subflow;
    this.due = true;
    subflow.tcp.requestAck();
    // Sooner than the peer's data timeout, which would send again what was not DATA_ACKed and make the stream uneven.
    this.repeatAt = now + Math.ceil(subflow.tcp.rto / 4) * (1 << this.tries++);
    this.connection.arm(this.repeatAt);
  }

  private answer(subflow: Subflow, now: number): void {
    this.answers--;
    this.answeredAt = now;
    this.due = true;
    subflow.tcp.requestAck();
  }

  private stop(): void {
    this.waiting = null;
    this.repeatAt = NEVER;
    this.due = false;
  }

  private fallBack(reason: string, now: number): void {
    const { connection } = this;
    const { receiver, sender } = connection;
    // RFC 8684 §3.7: the mapping acts retroactively, from what was acknowledged on.
    connection.infiniteFrom = Math.min(sender.unacknowledged, sender.next);
    connection.regularOffset = 0;
    // In a stream of another length the end is where the FIN says.
    if (!receiver.finReached) receiver.finOffset = -1;
    fallBack(connection, reason, now);
  }
}

/**
 * The checksum of a mapping that we send (RFC 8684 §3.3.1), 16 bits.
 *
 * @param payload all of the mapping; null when it is a DATA_FIN alone
 * @param dataOffset its position in `space`
 * @param subflowSequence relative subflow sequence number, 0 for a DATA_FIN alone
 * @param dataLength Data-Level Length, counting the DATA_FIN; 0 is the infinite mapping, whose checksum is 0
 */
export function mappingChecksum(space: DataSequenceSpace, payload: Payload | null, dataOffset: number, subflowSequence: number, dataLength: number): number {
  if (dataLength === 0) return 0;
  return dssChecksum(payload === null ? 0 : payloadSum(payload), space.high(dataOffset), space.low(dataOffset), subflowSequence >>> 0, dataLength);
}

/** MP_FAILs sent without effect before the subflow is reset. */
const MP_FAIL_TRIES = 8;
const ANSWERS_OF_A_FAILED_RECEIVER = 3;
