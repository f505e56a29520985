import type { MarkEvent } from "../congestion/control.ts";
import type { TcpConnection } from "../connection.ts";
import { PHASE } from "../phase.ts";
import type { AckSummary } from "../recovery/acknowledge.ts";
import { lossEvent, NO_LOSS } from "../recovery/recovery.ts";
import type { TcpSegment } from "../../wire/index.ts";
import type { EcnFeedback } from "./feedback.ts";

/** An ACK came where ECN is spoken: whether it tells of marks goes into its summary. @returns bytes that it says were marked */
export function readMarks(tcp: TcpConnection, ecn: EcnFeedback, segment: TcpSegment, summary: AckSummary): number {
  const marked = ecn.read(tcp, segment, summary);
  summary.isMarked = ecn.tells;
  return marked;
}

/**
 * What {@link readMarks} read is answered: congestion control hears of marks, once per window of data, or with every ACK if it wants that (RFC 3168 §6.1.2). In fast
 * recovery and after a timeout the window is low already.
 */
export function answerMarks(tcp: TcpConnection, ecn: EcnFeedback, marked: number, summary: AckSummary, now: number): void {
  const { congestion, sender } = tcp;
  const isFirst = ecn.tells && sender.phase === PHASE.open && !ecn.hasAnswered(sender.una - 1);
  if (!isFirst && congestion.marks === "window") return;
  tell(tcp, ecn, isFirst, summary.delivered, marked, sender.nxt - summary.priorUna, summary.priorInFlight, now);
}

/** The handshake told of a mark: the window is lowered before anything was sent, to what is left of one of two segments. */
export function respondToMarks(tcp: TcpConnection, ecn: EcnFeedback, now: number): void {
  const { unit } = tcp.sender;
  tell(tcp, ecn, true, 0, 0, 2 * unit, 2 * unit, now);
}

function tell(tcp: TcpConnection, ecn: EcnFeedback, isFirst: boolean, acked: number, marked: number, outstanding: number, inFlight: number, now: number): void {
  const { congestion, sender } = tcp;
  const event = MARK_EVENT;
  event.acked = acked;
  event.marked = marked;
  event.isFirst = isFirst;
  event.una = sender.una;
  event.nxt = sender.nxt;
  event.loss = lossEvent(tcp, outstanding, inFlight, 0, now);
  if (isFirst) {
    ecn.reductions++;
    ecn.onReduced(sender.nxt);
  }
  congestion.onMarked(event);
}

/** Filled for one call at a time. */
const MARK_EVENT: MarkEvent = { acked: 0, marked: 0, isFirst: false, una: 0, nxt: 0, loss: NO_LOSS };
