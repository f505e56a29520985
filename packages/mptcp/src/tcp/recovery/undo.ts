import type { TcpConnection } from "../connection.ts";
import { PHASE } from "../phase.ts";
import type { AckSummary } from "./acknowledge.ts";
import { leaveRecovery } from "./recovery.ts";
import type { SpuriousSign } from "./spurious.ts";
import type { TcpSegment } from "../../wire/index.ts";

/**
 * Looks for signs that the last recovery, under way or over, was for nothing, and takes it back where there is one. Called for each ACK while it may still turn
 * out so, before recovery goes on.
 * @returns whether it was taken back to a window that this ACK lets grow no further (RFC 4015 §3.4)
 */
export function lookForSpurious(tcp: TcpConnection, segment: TcpSegment, summary: AckSummary, now: number): boolean {
  const { phase, spurious, una } = tcp.sender;
  const echo = tcp.timestamps && segment.hasTimestamps ? segment.timestampEcho : -1;
  let sign: SpuriousSign | null = null;
  if (summary.advanced > 0 && echo >= 0 && spurious.onAcknowledged(una, echo)) sign = "timestamps";
  else if (summary.duplicateSack && spurious.onDuplicate(summary.duplicateStart, summary.duplicateEnd)) sign = "duplicates";
  else if (phase === PHASE.loss && spurious.forward.isRunning && showsForward(tcp, summary)) sign = "forward";
  if (sign !== null) takeBack(tcp, sign, summary, now);
  else if (una > spurious.until) spurious.stop();
  return sign !== null && tcp.config.undo === "limited";
}

/** RFC 5682 §2.1 and §3.1, steps 2 and 3. */
function showsForward(tcp: TcpConnection, summary: AckSummary): boolean {
  const { sender } = tcp;
  // Without SACK the retransmission may have filled the gap before all that it acknowledges besides.
  const original = summary.original && (tcp.sack || !summary.repeated);
  const isNewSent = sender.nxt > sender.recoveryPoint;
  let newData: "sent" | "ready" | "none" = "sent";
  if (!isNewSent) newData = sender.open && sender.una + sender.window > sender.nxt && tcp.owner.mayOffer(tcp) ? "ready" : "none";
  const { forward } = sender.spurious;
  const advanced = summary.advanced === 0 || sender.una >= sender.recoveryPoint ? "no" : forward.hasArrived(sender.una) ? "whole" : "part";
  const isSpurious = forward.onAck({ original, advanced, behind: summary.duplicate || summary.sacked, newData, sack: tcp.sack });
  // Step 3a: the window may be three segments by now, of which new data has taken two.
  if (isNewSent && !isSpurious && !forward.isRunning) sender.forceRetransmission = true;
  return isSpurious;
}

/**
 * The recovery was for nothing: it ends, what is deemed lost is in flight, and congestion control takes its answer back (RFC 4015 §3.1). RACK then looks again at
 * what may be lost, with a wider window where segments were late.
 * @param isMarked whether the ACK tells of congestion as well, by ECE
 */
function takeBack(tcp: TcpConnection, sign: SpuriousSign, summary: AckSummary, now: number): void {
  const { config, congestion, sender } = tcp;
  const { board, rack, spurious } = sender;
  const { timeout } = spurious;
  const isOver = sender.phase === PHASE.open;
  spurious.stop();
  if (!timeout) rack.onReordered();
  // Without timestamps RACK took the ACK of a late original for that of the retransmission, which left after all else.
  else if (!tcp.timestamps) rack.restart();
  if (!isOver) {
    board.noneLost();
    leaveRecovery(tcp, true, now);
    if (timeout) {
      // RFC 5682 §2.1, §3.1: duplicate ACKs may begin fast recovery from here on.
      sender.recoveryPoint = sender.una;
      if (sender.timeouts > 0) tcp.tally.onTimeoutsOver(now);
      sender.timeouts = 0;
    }
  }
  // RFC 4015 §3.4.
  const limit = config.undo === "full" ? Number.POSITIVE_INFINITY : sender.inFlight + Math.min(summary.delivered, config.initialWindowSegments * tcp.maxPayload);
  // RFC 4015 §3.1 step 9: congestion that the ACK tells of has the lower window stay.
  if (!summary.isMarked || config.undo === "full") congestion.onSpurious(timeout, now, limit);
  if (timeout && config.undo === "limited") tcp.rtt.onSpuriousTimeout(now);
  tcp.environment.counters.increment(counterOf(sign, timeout, isOver || sender.una >= sender.recoveryPoint));
  if (sign === "forward") tcp.environment.counters.increment("TcpExtTCPSpuriousRTOs");
  if (tcp.environment.observer !== null) tcp.emit({ kind: "undo", timeout, sign, cwnd: tcp.congestionWindow, ssthresh: congestion.threshold }, now);
}

function counterOf(sign: SpuriousSign, timeout: boolean, isWhole: boolean): string {
  if (timeout) return "TcpExtTCPLossUndo";
  if (sign === "duplicates") return "TcpExtTCPDSACKUndo";
  return isWhole ? "TcpExtTCPFullUndo" : "TcpExtTCPPartialUndo";
}
