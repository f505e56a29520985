import { NEVER } from "../../core/index.ts";
import type { AckSummary } from "./acknowledge.ts";
import type { AckEvent, LossEvent, RateSample } from "../congestion/control.ts";
import type { TcpConnection } from "../connection.ts";
import { DUP_THRESH } from "./rack.ts";
import { PHASE } from "../phase.ts";
import { isProbeLost } from "../sending/path-mtu.ts";
import type { Sender } from "../sending/sender.ts";
import { TIMER } from "../timers.ts";

/**
 * Loss detection without SACK: three duplicate ACKs, or a partial ACK during recovery (RFC 5681 §3.2, RFC 6582). Duplicate ACKs
 * before that let new segments out, since they lower what is in flight (limited transmit, RFC 3042).
 * @returns whether a segment was deemed lost
 */
export function isDuplicateLoss(tcp: TcpConnection, summary: AckSummary): boolean {
  const sender = tcp.sender;
  const board = sender.board;
  if (summary.advanced > 0) {
    sender.duplicateAcks = 0;
    // The bytes of the hole were not among those that duplicate ACKs counted.
    const counted = Math.max(0, summary.advanced - sender.unit);
    const eaten = Math.min(counted, sender.duplicateBytes);
    sender.duplicateBytes -= eaten;
    summary.delivered -= eaten;
    if (sender.phase !== PHASE.recovery || sender.una >= sender.recoveryPoint) {
      if (sender.phase !== PHASE.loss) sender.duplicateBytes = 0;
      return false;
    }
    // RFC 6582 §3.2 step 5: a partial ACK shows that the next segment is lost as well.
    return markFirst(tcp);
  }
  if (!summary.duplicate || board.count === 0 || sender.phase === PHASE.loss) return false;
  // A duplicate tells of a segment behind the oldest: there are no more of them than such segments, whoever sends more (RFC 5681 §3.2).
  if (!hasSegmentsBehind(sender, sender.duplicateAcks + 1)) return false;
  sender.duplicateAcks++;
  // The hole is one segment, even where it is part of a super-segment.
  const most = board.pipe - (board.at(0).inPipe ? Math.min(board.at(0).length, sender.unit) : 0);
  const bytes = Math.min(sender.unit, most - sender.duplicateBytes);
  if (bytes > 0) {
    sender.duplicateBytes += bytes;
    summary.delivered += bytes;
  }
  // RFC 6582 §3.2 step 2: not for duplicates that retransmissions of the last recovery caused.
  if (sender.duplicateAcks !== DUP_THRESH || sender.phase !== PHASE.open || sender.una <= sender.recoveryPoint) return false;
  return markFirst(tcp);
}

/** Whether at least `wanted` segments are in flight besides the oldest. */
function hasSegmentsBehind({ board, unit }: Sender, wanted: number): boolean {
  let segments = -1;
  for (let i = 0; i < board.count && segments < wanted; i++) segments += Math.max(1, Math.ceil(board.at(i).payload.length / unit));
  return segments >= wanted;
}

function markFirst(tcp: TcpConnection): boolean {
  const board = tcp.sender.board;
  if (board.count === 0) return false;
  const first = board.at(0);
  // The hole is one segment, not the super-segment that it may be part of; a probe of the path's MTU is one.
  if (first.payload.length > tcp.sender.unit && !first.lost && !tcp.pathMtu.search.covers(first)) board.split(0, tcp.sender.unit);
  if (first.lost || first.sacked) return false;
  board.markLost(first, 0);
  return true;
}

/**
 * Moves recovery on after an ACK, or lets the congestion window grow.
 * @param lost whether the ACK showed a loss
 * @param undone whether it showed that a recovery was for nothing, and the window does not grow by it as well
 */
export function advanceRecovery(tcp: TcpConnection, summary: AckSummary, lost: boolean, undone: boolean, now: number): void {
  const sender = tcp.sender;
  let ended = undone;
  if (sender.phase !== PHASE.open && sender.una >= sender.recoveryPoint) {
    ended = sender.phase === PHASE.recovery;
    leaveRecovery(tcp, false, now);
  }
  if (sender.phase === PHASE.open && lost && !isProbeLost(tcp)) enterRecovery(tcp, sender.nxt - summary.priorUna, summary.priorInFlight, summary.priorFlight, now);
  const recovering = sender.phase === PHASE.recovery;
  if (recovering && sender.recoveryWindow >= 0) {
    if (summary.delivered > 0) {
      sender.recoveryWindow = sender.prr.window(summary.delivered, sender.inFlight, tcp.congestion.window, sender.unit, summary.advanced > 0 && !lost);
    } else if (lost) {
      sender.recoveryWindow = Math.max(sender.recoveryWindow, sender.inFlight + sender.unit);
    }
  }
  if (sender.rates !== null) {
    const sample = sender.rates.finish(summary.delivered, sender.inFlight, tcp.rtt.min, now);
    if (sample !== null) tellAck(tcp, summary, recovering || ended, sample, now);
  } else if (summary.advanced > 0 && !recovering && !ended && !(summary.isMarked && tcp.congestion.marks === "window")) {
    // RFC 3042 §2: duplicate ACKs and SACKs let segments out, but the window grows with the cumulative ACK alone; and not by one that says ECE (RFC 3168 §6.1.2).
    tellAck(tcp, summary, false, null, now);
  }
}

function tellAck(tcp: TcpConnection, summary: AckSummary, fast: boolean, sample: RateSample | null, now: number): void {
  const { config, congestion, rtt, sender } = tcp;
  const { window } = congestion;
  const event = ACK_EVENT;
  event.acked = config.windowGrowth === "delivered" ? summary.delivered : summary.advanced;
  event.recovery = fast ? "fast" : sender.phase === PHASE.loss ? "timeout" : "none";
  event.priorInFlight = summary.priorInFlight;
  // RFC 7661 §4.1: in slow start a window of which more than half was used in this round trip has been tested, and may double.
  event.cwndLimited = summary.priorUna < sender.limitedUntil || (window < congestion.threshold && window < 2 * sender.largestFlight);
  event.srtt = rtt.srtt;
  event.minRtt = rtt.min;
  event.latestRtt = summary.newestSent >= 0 ? rtt.latest : 0;
  event.sample = sample;
  event.now = now;
  congestion.onAck(event);
}

/** The reordering timer fired (RFC 8985 §6.2). */
export function onReorderTimeout(tcp: TcpConnection, now: number): void {
  const sender = tcp.sender;
  const outstanding = sender.nxt - sender.una;
  const { inFlight } = sender;
  const flight = outstanding - sender.board.sackedBytes;
  const lost = sender.rack.detect(sender.board, tcp.rtt, sender.phase !== PHASE.open, now);
  if (lost) {
    if (sender.phase === PHASE.open && !isProbeLost(tcp)) {
      enterRecovery(tcp, outstanding, inFlight, flight, now);
      if (sender.recoveryWindow >= 0) {
        const { window } = tcp.congestion;
        sender.recoveryWindow = tcp.config.timerSends === "window" ? window : sender.prr.window(0, sender.inFlight, window, sender.unit, false);
      }
    }
    // Whatever the window was, one segment may be sent for what was found lost.
    if (sender.recoveryWindow >= 0) sender.recoveryWindow = Math.max(sender.recoveryWindow, sender.inFlight + sender.unit);
  }
  if (sender.rack.nextCheck > 0) tcp.arm(TIMER.reorder, sender.rack.nextCheck);
}

/** A tail loss probe repaired the only loss, so that recovery never began; the congestion was there all the same (RFC 8985 §7.4.2). */
export function repairedByProbe(tcp: TcpConnection, summary: AckSummary, now: number): void {
  const { congestion, sender } = tcp;
  if (sender.phase !== PHASE.open) return;
  sender.spurious.stop();
  const { window } = congestion;
  congestion.onLoss(lossEvent(tcp, sender.nxt - summary.priorUna, summary.priorInFlight, 0, now));
  congestion.onRecovered(window, now);
  tcp.ecn?.onReduced(sender.nxt);
}

/** The retransmission timer fired (RFC 6298 §5.4 to 5.6, RFC 5681 §3.1, RFC 8985 §6.3). */
export function onRetransmissionTimeout(tcp: TcpConnection, now: number): void {
  const { sender, congestion } = tcp;
  const board = sender.board;
  const outstanding = sender.nxt - sender.una;
  const { inFlight } = sender;
  sender.timeouts++;
  sender.backoff++;
  // RFC 2018 §8: a hole at the left edge that was SACKed before shows that the receiver dropped it.
  if (board.at(0).sacked) board.forgetSacks();
  shrinkSegments(tcp, now);
  congestion.onTimeout(lossEvent(tcp, outstanding, inFlight, sender.timeouts, now));
  if (sender.timeouts === 1) {
    sender.spurious.begin(sender.una, sender.nxt, true, board.resentBytes());
    tcp.rtt.onTimeout();
  }
  // RFC 5682 §2.1, §3.1: not where another recovery is under way.
  sender.spurious.forward.begin(sender.phase === PHASE.open);
  tcp.ecn?.onReduced(sender.nxt);
  sender.recoveryWindow = -1;
  if (sender.phase === PHASE.recovery) sender.rack.onRecovered();
  sender.phase = PHASE.loss;
  sender.recoveryPoint = sender.nxt;
  sender.duplicateAcks = 0;
  sender.duplicateBytes = 0;
  sender.probe.reset();
  if (tcp.sack) {
    sender.rack.markOnTimeout(board, tcp.rtt, now);
  } else {
    for (let i = 0; i < board.count; i++) if (!board.at(i).lost) board.markLost(board.at(i), i);
  }
  sender.forceRetransmission = true;
  sender.limitedUntil = sender.nxt;
  if (tcp.environment.observer !== null) tcp.emit({ kind: "rto", rtoMs: sender.timeout / 1e6, consecutive: sender.timeouts }, now);
}

/** Full segments that vanish in silence may be too long for the path (RFC 4821 §7.7): what is sent from now on may be shorter. */
function shrinkSegments(tcp: TcpConnection, now: number): void {
  const { sender } = tcp;
  const first = sender.board.at(0);
  if (tcp.pathMtu.search.covers(first)) tcp.pathMtu.search.lost();
  const length = Math.min(first.payload.length, sender.unit) + tcp.ipHeader + 32;
  if (tcp.config.blackHoleDetection && tcp.pathMtu.onTimeout(sender.timeouts, length, now)) {
    tcp.updateMaxPayload();
    tcp.arm(TIMER.pathMtu, tcp.pathMtu.raiseAt);
  }
  sender.updateUnit();
}

function enterRecovery(tcp: TcpConnection, outstanding: number, inFlight: number, flight: number, now: number): void {
  const { sender, congestion } = tcp;
  const loss = lossEvent(tcp, outstanding, inFlight, 0, now);
  sender.recoveryFlight = loss.inFlight;
  sender.phase = PHASE.recovery;
  sender.recoveryPoint = sender.nxt;
  sender.probe.reset();
  if (tcp.timers[TIMER.tailProbe] !== NEVER) tcp.disarm(TIMER.tailProbe);
  if (congestion.usesPrr) sender.recoveryWindow = congestion.window;
  // RFC 3168 §6.1.2: where marks of the same window of data have lowered it, that was the answer.
  const { ecn } = tcp;
  if (ecn === null || congestion.marks === "each" || !ecn.hasAnswered(sender.una)) congestion.onLoss(loss);
  ecn?.onReduced(sender.nxt);
  sender.prr.enter(flight);
  sender.spurious.begin(sender.una, sender.nxt, false, sender.board.resentBytes());
  tcp.environment.counters.increment(tcp.sack ? "TcpExtTCPSackRecovery" : "TcpExtTCPRenoRecovery");
  noteRecovery(tcp, "enter", now);
}

/** Fast recovery, or that from a timeout, ends. @param undone whether it was for nothing */
export function leaveRecovery(tcp: TcpConnection, undone: boolean, now: number): void {
  const { sender, congestion } = tcp;
  const fast = sender.phase === PHASE.recovery;
  sender.phase = PHASE.open;
  sender.spurious.until = sender.nxt;
  sender.rack.onRecovered();
  sender.forceRetransmission = false;
  sender.duplicateAcks = 0;
  sender.duplicateBytes = 0;
  if (fast) {
    // RFC 9937 §6.2 ends at the controller's window; RFC 6582 §3.2 step 3 (1) guards against a burst where nothing is in flight.
    sender.recoveryWindow = -1;
    if (!undone) congestion.onRecovered(tcp.sack ? Number.POSITIVE_INFINITY : Math.max(sender.inFlight, sender.unit) + sender.unit, now);
    noteRecovery(tcp, "exit", now);
  }
}

function noteRecovery(tcp: TcpConnection, phase: "enter" | "exit", now: number): void {
  if (tcp.environment.observer === null) return;
  tcp.emit({ kind: "recovery", phase, cwnd: tcp.congestionWindow, ssthresh: tcp.congestion.threshold }, now);
}

/**
 * @param outstanding bytes sent and not acknowledged cumulatively before the loss was found, SACKed ones and lost ones among them
 * @param inFlight bytes in flight before the loss was found
 */
export function lossEvent(tcp: TcpConnection, outstanding: number, inFlight: number, consecutive: number, now: number): LossEvent {
  const { sender } = tcp;
  const window = sender.congestionWindow;
  // RFC 5681 equation 4, RFC 6675 §5: FlightSize. What limited transmit sent beyond the window does not count (RFC 5681 §3.2 step 2); nor does what replaced
  // delivered data since a recovery began, which the same loss delays once more.
  const most = sender.phase === PHASE.recovery ? sender.recoveryFlight : Math.max(window, inFlight);
  LOSS_EVENT.inFlight = outstanding < most ? outstanding : most;
  LOSS_EVENT.window = window;
  LOSS_EVENT.segment = sender.unit;
  LOSS_EVENT.isAnswered = sender.phase === PHASE.recovery;
  LOSS_EVENT.consecutive = consecutive;
  LOSS_EVENT.srtt = tcp.rtt.srtt;
  LOSS_EVENT.now = now;
  return LOSS_EVENT;
}

// What controllers are told, filled for one call at a time.
const ACK_EVENT: AckEvent = { acked: 0, recovery: "none", priorInFlight: 0, cwndLimited: false, srtt: 0, minRtt: 0, latestRtt: 0, sample: null, now: 0 };
/** Of a loss that never was; for what is filled later. */
export const NO_LOSS: LossEvent = { inFlight: 0, window: 0, segment: 0, isAnswered: false, consecutive: 0, srtt: 0, now: 0 };
const LOSS_EVENT: LossEvent = { inFlight: 0, window: 0, segment: 0, isAnswered: false, consecutive: 0, srtt: 0, now: 0 };
