import type { MarkEvent } from "../congestion/control.ts";
import type { TcpConnection } from "../connection.ts";
import { PHASE } from "../phase.ts";
import type { AckSummary } from "../recovery/acknowledge.ts";
import { lossEvent, NO_LOSS } from "../recovery/recovery.ts";
import type { TcpSegment } from "../../wire/index.ts";
import type { Ecn } from "./ecn.ts";

/**
 * An ACK came where ECN is spoken: congestion control hears of marks, once per window of data, or with every ACK if it wants that (RFC 3168 §6.1.2). In fast
 * recovery and after a timeout the window is low already.
 */
export function answerMarks(tcp: TcpConnection, ecn: Ecn, segment: TcpSegment, summary: AckSummary, now: number): void {
  const { congestion, sender } = tcp;
  const tells = ecn.tellsOfMarks(segment);
  summary.isMarked = tells;
  const marked = ecn.markedBy(segment, summary.delivered);
  const isFirst = tells && sender.phase === PHASE.open && !ecn.hasAnswered(sender.una - 1);
  if (!isFirst && congestion.marks === "window") return;
  const event = MARK_EVENT;
  event.acked = summary.delivered;
  event.marked = marked;
  event.isFirst = isFirst;
  event.una = sender.una;
  event.nxt = sender.nxt;
  event.loss = lossEvent(tcp, sender.nxt - summary.priorUna, summary.priorInFlight, 0, now);
  if (isFirst) {
    ecn.reductions++;
    ecn.onReduced(sender.nxt);
  }
  congestion.onMarked(event);
}

/** Filled for one call at a time. */
const MARK_EVENT: MarkEvent = { acked: 0, marked: 0, isFirst: false, una: 0, nxt: 0, loss: NO_LOSS };
