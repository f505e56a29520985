import { LIMITS, NEVER, SECOND } from "../../core/index.ts";
import type { TcpConnection } from "../connection.ts";
import { FastOpenClient } from "../fast-open/client.ts";
import { onReorderTimeout, onRetransmissionTimeout } from "./recovery.ts";
import { TIMER } from "../timers.ts";
import type { Timer } from "../timers.ts";

/** Does what is due, in the order of the table. A timer that was armed anew meanwhile is not due any more. */
export function runTimers(tcp: TcpConnection, now: number): void {
  if (due(tcp, TIMER.delayedAck, now)) tcp.receiver.onAckDue();
  if (due(tcp, TIMER.reorder, now)) onReorderTimeout(tcp, now);
  if (due(tcp, TIMER.tailProbe, now)) tailProbeDue(tcp, now);
  if (due(tcp, TIMER.retransmission, now)) retransmissionDue(tcp, now);
  if (due(tcp, TIMER.persist, now)) persistDue(tcp, now);
  if (due(tcp, TIMER.keepAlive, now)) keepAliveDue(tcp, now);
  if (due(tcp, TIMER.user, now)) userDue(tcp, now);
  if (due(tcp, TIMER.orphan, now)) orphanDue(tcp, now);
  if (due(tcp, TIMER.timeWait, now)) tcp.over(null, null, now);
  if (due(tcp, TIMER.pathMtu, now)) pathMtuDue(tcp, now);
  if (due(tcp, TIMER.cork, now)) tcp.sender.onCorkDue();
  if (due(tcp, TIMER.pacing, now) && tcp.sender.pacer !== null) tcp.sender.pacer.onDue(now);
}

function due(tcp: TcpConnection, timer: Timer, now: number): boolean {
  if ((tcp.timers[timer] as number) > now) return false;
  tcp.timers[timer] = NEVER;
  return true;
}

/** RFC 8985 §7.3. Whether a probe is sent or not, the retransmission timer starts over. */
function tailProbeDue(tcp: TcpConnection, now: number): void {
  const sender = tcp.sender;
  if (sender.board.count === 0) return;
  sender.armRetransmission(now);
  if (sender.probe.allowed(tcp.rtt.samples)) sender.probe.pending = true;
}

function retransmissionDue(tcp: TcpConnection, now: number): void {
  const sender = tcp.sender;
  if (tcp.state === "SYN-SENT" || tcp.state === "SYN-RECEIVED") {
    synDue(tcp, now);
    return;
  }
  if (sender.board.count === 0) return;
  // RFC 9293 §3.8.3: R2. A peer that shrank its window to nothing and answers is alive (§3.8.6.1).
  const alive = sender.window === 0 && now - tcp.lastHeard < 2 * sender.timeout;
  if (sender.timeouts === 0) sender.silentFrom = now;
  if ((sender.timeouts >= tcp.config.retries && !alive) || now >= endOfPatience(tcp)) {
    tcp.over(tcp.softError ?? "ETIMEDOUT", null, now);
    return;
  }
  tcp.environment.counters.increment("TcpExtTCPTimeouts");
  tcp.tally.onTimeout(sender.timeouts === 0, now);
  onRetransmissionTimeout(tcp, now);
  sender.armRetransmission(now);
  notBeyondPatience(tcp, TIMER.retransmission);
  tcp.owner.onRetransmissionTimeout(tcp, sender.timeouts, now);
}

/** When a peer that has said nothing since the first timeout is given up, ns. */
function endOfPatience(tcp: TcpConnection): number {
  return Math.max(tcp.lastHeard, tcp.sender.silentFrom) + tcp.config.silenceTimeout;
}

function notBeyondPatience(tcp: TcpConnection, timer: Timer): void {
  const end = endOfPatience(tcp);
  if (end < (tcp.timers[timer] as number)) tcp.arm(timer, end);
}

/** RFC 9293 §3.8.3: the SYN, or SYN+ACK, again. */
function synDue(tcp: TcpConnection, now: number): void {
  const { fastOpen, sender } = tcp;
  if (fastOpen instanceof FastOpenClient && tcp.synSentAt < 0) {
    fastOpen.onPatienceOver();
    return;
  }
  const linear = tcp.state === "SYN-SENT" ? tcp.config.synLinearRetries : 0;
  if (isPatienceForSynOver(tcp, linear)) {
    tcp.over(tcp.softError ?? "ETIMEDOUT", null, now);
    return;
  }
  tcp.synRetries++;
  tcp.tally.onTimeout(sender.timeouts === 0, now);
  tcp.retransmissions++;
  tcp.environment.counters.segments.TcpRetransSegs++;
  tcp.environment.counters.increment("TcpExtTCPSynRetrans");
  sender.timeouts++;
  if (tcp.synRetries > linear) sender.backoff++;
  tcp.synPending = true;
  sender.armRetransmission(now);
  tcp.owner.onRetransmissionTimeout(tcp, sender.timeouts, now);
}

/** Whether the SYN, or SYN+ACK, was sent often enough. Where the first intervals do not double: once it took as long as if they did. */
function isPatienceForSynOver({ active, config, synRetries }: TcpConnection, linear: number): boolean {
  const most = active ? config.synRetries : (config.synAckRetries ?? config.synRetries);
  if (linear === 0) return synRetries >= most;
  const intervals = synRetries <= linear ? synRetries + 1 : linear - 1 + 2 ** (synRetries - linear + 1);
  return intervals >= 2 ** (most + 1) - 1;
}

/** RFC 9293 §3.8.6.1: ask whether the window opened, or use a small one that did. */
function persistDue(tcp: TcpConnection, now: number): void {
  const sender = tcp.sender;
  if (sender.board.count > 0 || !sender.open) return;
  if (sender.persistUnanswered === 0) sender.silentFrom = now;
  if (sender.persistUnanswered >= tcp.config.retries || now >= endOfPatience(tcp)) {
    tcp.over(tcp.softError ?? "ETIMEDOUT", null, now);
    return;
  }
  if (sender.una + sender.window > sender.nxt) {
    sender.forceSmall = true;
  } else {
    tcp.probePending = true;
    // What tells of urgent data may be taken in spite of the closed window (RFC 9293 §3.10.7.4), which a probe is not.
    if (sender.isUrgent) tcp.requestAckAhead();
    sender.persistUnanswered++;
    tcp.environment.counters.increment("TcpExtTCPWinProbe");
  }
  sender.persistBackoff++;
  tcp.arm(TIMER.persist, now + sender.persistInterval());
  notBeyondPatience(tcp, TIMER.persist);
}

/** RFC 5482 §3.3: data stayed unacknowledged for too long, or the window closed. What waited for that may have left on another path. */
function userDue(tcp: TcpConnection, now: number): void {
  if (tcp.sender.board.count > 0 || tcp.owner.mayOffer(tcp)) tcp.over(tcp.softError ?? "ETIMEDOUT", null, now);
}

/**
 * Nobody waits for the connection any more. It is given up, with a RST, once nothing has been acknowledged for a while: the peer is gone, keeps
 * its window closed, or does not close its side.
 */
function orphanDue(tcp: TcpConnection, now: number): void {
  const isRefused = tcp.orphanUna === -3;
  if (!isRefused && tcp.sender.una !== tcp.orphanUna) {
    tcp.watchOrphan(now);
    return;
  }
  tcp.environment.counters.increment(isRefused ? LIMITS.orphans.counter : "TcpExtTCPAbortOnTimeout");
  tcp.giveUp(tcp.softError ?? "ETIMEDOUT", now);
}

/** A larger MTU is tried only while data gets through. */
function pathMtuDue(tcp: TcpConnection, now: number): void {
  if (tcp.sender.timeouts > 0) {
    tcp.arm(TIMER.pathMtu, now + SECOND);
    return;
  }
  tcp.pathMtu.raise(tcp.config.blackHoleDetection);
  tcp.updateMaxPayload();
}

/** RFC 9293 §3.8.4. */
function keepAliveDue(tcp: TcpConnection, now: number): void {
  const { keepAlive } = tcp;
  if (keepAlive === null) return;
  const silence = now - tcp.lastHeard;
  if (tcp.sender.board.count > 0 || silence < keepAlive.idle) {
    tcp.arm(TIMER.keepAlive, silence < keepAlive.idle ? tcp.lastHeard + keepAlive.idle : now + keepAlive.idle);
    return;
  }
  if (tcp.keepAliveProbes >= keepAlive.probes) {
    tcp.environment.counters.increment("TcpExtTCPAbortOnTimeout");
    if (tcp.config.keepAliveEnd === "reset") tcp.giveUp("ETIMEDOUT", now);
    else tcp.over("ETIMEDOUT", null, now);
    return;
  }
  tcp.keepAliveProbes++;
  tcp.probePending = true;
  tcp.environment.counters.increment("TcpExtTCPKeepAlive");
  tcp.arm(TIMER.keepAlive, now + keepAlive.interval);
}
