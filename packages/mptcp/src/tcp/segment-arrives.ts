import { MILLISECOND, NEVER } from "../core/index.ts";
import type { TcpSegment } from "../wire/index.ts";
import { positionNear, sequenceAdd, TCP_FLAG } from "../wire/index.ts";
import { acknowledge, updateSendWindow } from "./recovery/acknowledge.ts";
import type { TcpConnection } from "./connection.ts";
import { answerEcn } from "./ecn/negotiation.ts";
import { FastOpenClient } from "./fast-open/client.ts";
import { acceptOptions } from "./negotiation.ts";
import { echoesDuplicate, echoesOldAck, echoesPredicted } from "./receiving/recent-timestamp.ts";
import { TIMER } from "./timers.ts";

/** SEGMENT ARRIVES of RFC 9293 §3.10.7, for every state but CLOSED and LISTEN, which are the host's. */
export function segmentArrives(tcp: TcpConnection, segment: TcpSegment, now: number): void {
  if (tcp.state === "SYN-SENT") arrivesInSynSent(tcp, segment, now);
  else arrivesLater(tcp, segment, now);
}

/** Takes the peer's SYN or SYN+ACK: its sequence number and options. */
export function synchronize(tcp: TcpConnection, segment: TcpSegment, now: number): void {
  tcp.receiver.origin = sequenceAdd(segment.sequence, 1);
  acceptOptions(tcp, segment, now);
  // RFC 7323 §2.2: the window of a SYN is not scaled.
  tcp.sender.window = segment.window;
  tcp.sender.maxWindow = segment.window;
  tcp.sender.wl1 = -1;
  tcp.sender.wl2 = -1;
}

/** Answers a SYN+ACK by a RST, which leaves the peer without a connection, and has the SYN follow it. */
export function refuseSynAck(tcp: TcpConnection, segment: TcpSegment, now: number): void {
  tcp.resetReply = segment.acknowledgment;
  tcp.arm(TIMER.retransmission, now + SYN_AFTER_RESET);
}

/** RFC 9293 §3.10.7.3. */
function arrivesInSynSent(tcp: TcpConnection, segment: TcpSegment, now: number): void {
  const sender = tcp.sender;
  const flags = segment.flags;
  const hasAck = (flags & TCP_FLAG.ACK) !== 0;
  // First: our SYN, with the data that it carried, is the only thing that can be acknowledged.
  const fastOpen = tcp.fastOpen instanceof FastOpenClient ? tcp.fastOpen : null;
  const acked = hasAck && fastOpen !== null ? fastOpen.acknowledgedBy(tcp, segment) : segment.acknowledgment === sender.origin ? 0 : -1;
  if (hasAck && (tcp.synSentAt < 0 || acked < 0)) {
    if ((flags & TCP_FLAG.RST) === 0) tcp.answerByReset(segment);
    // RFC 9293 §3.5.1: our RST ends what the peer has left of an earlier connection, and the next SYN need not wait for a timeout.
    if (tcp.synSentAt >= 0 && tcp.synRetries === 0) tcp.arm(TIMER.retransmission, now + SYN_AFTER_RESET);
    tcp.drop("unacceptable ACK in SYN-SENT", now);
    return;
  }
  // Second: a reset counts only with an acceptable ACK.
  if ((flags & TCP_FLAG.RST) !== 0) {
    if (hasAck) tcp.over("ECONNREFUSED", segment, now);
    else tcp.drop("RST without ACK in SYN-SENT", now);
    return;
  }
  // Fourth and fifth.
  if ((flags & TCP_FLAG.SYN) === 0) {
    tcp.drop("neither SYN nor RST in SYN-SENT", now);
    return;
  }
  if (!hasAck) {
    if (!tcp.config.simultaneousOpen) {
      tcp.drop("bare SYN in SYN-SENT", now);
      return;
    }
    // Simultaneous open (RFC 9293 §3.5, figure 7).
    synchronize(tcp, segment, now);
    // RFC 9768 §3.1.2: as if we had not asked.
    if (tcp.ecn !== null) tcp.ecn = answerEcn(tcp.config, segment, tcp.ecn.arriving);
    tcp.setState("SYN-RECEIVED", now);
    tcp.synPending = true;
    return;
  }
  if (!tcp.owner.onSegment(tcp, segment, 0, now) || tcp.state !== "SYN-SENT") return;
  synchronize(tcp, segment, now);
  if (tcp.ecn !== null) tcp.ecn = tcp.ecn.onAnswer(tcp, segment);
  tcp.heard(now);
  tcp.receiver.ackNow = true;
  if (fastOpen !== null) {
    sender.nxt = acked;
    fastOpen.onSynAck(tcp, segment, acked, now);
  }
  tcp.establish(segment, now);
  if (acked > 0 && tcp.is("ESTABLISHED")) tcp.owner.onSynDataAcknowledged(tcp, acked, now);
  if (!tcp.is("ESTABLISHED")) return;
  // Data on the SYN+ACK may be in order already; the window that we offered covers it.
  arrivesText(tcp, segment, 0, now);
}

/** RFC 9293 §3.10.7.4. */
function arrivesLater(tcp: TcpConnection, segment: TcpSegment, now: number): void {
  const receiver = tcp.receiver;
  let offset = positionNear(segment.sequence, receiver.origin, receiver.nxt);
  let flags = segment.flags;
  if (offset === -1 && tcp.state === "SYN-RECEIVED" && (flags & TCP_FLAG.SYN) !== 0 && (flags & TCP_FLAG.RST) === 0) {
    const hasAck = (flags & TCP_FLAG.ACK) !== 0;
    if (!tcp.active && !hasAck) {
      // The peer's SYN again: our SYN+ACK was lost. Its options may be others now.
      if (!tcp.owner.onSegment(tcp, segment, -1, now)) return;
      if (tcp.ecn !== null && !tcp.ecn.onSynAgain(tcp, segment)) {
        refuse(tcp, segment, now);
        return;
      }
      tcp.synPending = true;
      return;
    }
    if (tcp.active && hasAck) {
      // The SYN+ACK of a simultaneous open acknowledges our SYN. Its own SYN is known already: it lies before the window, and has an answer as what is not acceptable.
      flags &= ~TCP_FLAG.SYN;
      offset = 0;
      receiver.ackNow = true;
    }
  }
  const reset = (flags & TCP_FLAG.RST) !== 0;
  if (tcp.timestamps && segment.hasTimestamps && !reset && receiver.isOldTimestamp(segment.timestampValue, now)) {
    // RFC 7323 §5.3 R1.
    tcp.environment.counters.increment("TcpExtPAWSEstab");
    if (!arrivesLate(tcp, segment, offset)) receiver.challenge(now, segment.payload.length > 0);
    tcp.drop("PAWS", now);
    return;
  }
  // Second, before the rest of the first check: RST has its own rules.
  if (reset) {
    arrivesReset(tcp, segment, offset, now);
    return;
  }
  const textEnd = offset + segment.payload.length;
  const end = (flags & TCP_FLAG.FIN) !== 0 ? textEnd + 1 : textEnd;
  const syn = (flags & TCP_FLAG.SYN) !== 0;
  const duplicate = !syn && end > offset && end <= receiver.nxt;
  if ((!acceptable(tcp, offset, end) || (textEnd > receiver.rightEdge && isRefused(tcp))) && !duplicate) {
    receiver.challenge(now, segment.payload.length > 0);
    if (syn && offset === -1 && tcp.active && tcp.ecn !== null && receiver.ackNow) tcp.ecn.onSynAckAgain();
    tcp.drop("out of window", now);
    return;
  }
  if (syn) {
    arrivesSyn(tcp, now);
    return;
  }
  // Fifth: the ACK field.
  if ((flags & TCP_FLAG.ACK) === 0) {
    tcp.drop("no ACK", now);
    return;
  }
  const sender = tcp.sender;
  const ack = positionNear(segment.acknowledgment, sender.origin, sender.una);
  if (tcp.state === "SYN-RECEIVED") {
    // Data may have left ahead of the third ACK, by Fast Open.
    if (ack < 0 || ack > sender.nxt) {
      tcp.answerByReset(segment);
      tcp.drop("unacceptable ACK in SYN-RECEIVED", now);
      return;
    }
    if (now < tcp.deferredUntil && end === offset) {
      deferAck(tcp, now);
      return;
    }
  } else if (ack > sender.nxt || ack < sender.una - sender.oldAcks) {
    // RFC 5961 §5.2.
    if (ack <= sender.nxt && echoesPredicted(tcp, segment, offset)) receiver.updateTimestamp(segment.timestampValue, offset, now);
    tcp.environment.counters.increment("TcpExtTCPChallengeACK");
    receiver.challenge(now);
    tcp.drop("ACK out of range", now);
    return;
  }
  if (duplicate) {
    if (ack >= sender.una && echoesDuplicate(tcp, segment, end)) receiver.updateTimestamp(segment.timestampValue, offset, now);
    arrivesDuplicate(tcp, segment, offset, end, now);
    return;
  }
  tcp.heard(now);
  if (tcp.timestamps && segment.hasTimestamps && (ack >= sender.una || echoesOldAck(tcp, segment, offset))) receiver.updateTimestamp(segment.timestampValue, offset, now);
  if (!tcp.owner.onSegment(tcp, segment, offset, now) || tcp.state === "CLOSED") return;
  if (tcp.ecn !== null) tcp.ecn.onSegment(tcp, segment);
  arrivesAck(tcp, segment, ack, offset, now);
  if (tcp.refusesText && textEnd > offset && receives(tcp) && textEnd > receiver.nxt) {
    refuseText(tcp, segment, now);
    return;
  }
  if (receives(tcp)) arrivesText(tcp, segment, offset, now);
}

/** The handshake waits for data: the peer is asked again by the SYN+ACK once that has lasted for long enough, and its answer counts then. */
function deferAck(tcp: TcpConnection, now: number): void {
  if (tcp.measuresHandshake && tcp.synSentAt >= 0 && tcp.synSentAt !== NEVER) tcp.rtt.sample(now - tcp.synSentAt, 1, now);
  // What completes the handshake later says nothing of the round-trip time.
  tcp.measuresHandshake = false;
  tcp.arm(TIMER.retransmission, tcp.deferredUntil);
  tcp.drop("ACK without data in SYN-RECEIVED", now);
}

/** First: RFC 9293 §3.10.7.4 table 6, with room for ACKs that were overtaken and for a sender that filled the window. */
function acceptable(tcp: TcpConnection, offset: number, end: number): boolean {
  const { nxt, rightEdge, lastAck } = tcp.receiver;
  if (end === offset) return offset >= lastAck && offset <= rightEdge;
  // With a closed window the ACK field of a probe still counts; its text is cut off later.
  return end > nxt && (offset < rightEdge || offset === nxt);
}

/** Whether what does not fit into the window as a whole is dropped. */
function isRefused(tcp: TcpConnection): boolean {
  const { config, receiver } = tcp;
  return config.beyondWindow === "whole" && receiver.rightEdge > receiver.nxt && (tcp.owner.unreadBytes(tcp) ?? 0) > 0;
}

/** Data that was received before: report it (RFC 2883), let the owner see it, do nothing else. */
function arrivesDuplicate(tcp: TcpConnection, segment: TcpSegment, offset: number, end: number, now: number): void {
  const receiver = tcp.receiver;
  if (tcp.ecn !== null) tcp.ecn.onDuplicate(tcp, segment, end);
  // What the window cannot have held lately asks for no loss recovery: answered as any segment that is not acceptable (RFC 5961 §7).
  const recent = receiver.nxt - end <= Math.max(receiver.largestWindow, 65536);
  if (recent) {
    tcp.heard(now);
    receiver.ackNow = true;
  } else receiver.challenge(now, true);
  if (tcp.state === "TIME-WAIT") {
    // RFC 9293 §3.10.7.4: the peer's FIN again restarts 2 MSL.
    if (end === receiver.nxt) tcp.arm(TIMER.timeWait, now + tcp.config.timeWait);
    return;
  }
  receiver.noteDuplicate(offset, end);
  // Only what we may really have acknowledged before: the rest of the old half of the sequence space proves nothing.
  if (recent) tcp.owner.onSegment(tcp, segment, offset, now);
}

/**
 * PAWS drops what is older than something that arrived since. An original that comes after its retransmission is so, and the sender learns from the answer that it sent
 * again for nothing (RFC 2883 §4).
 * @returns whether it was that
 */
function arrivesLate(tcp: TcpConnection, segment: TcpSegment, offset: number): boolean {
  const { receiver } = tcp;
  const end = offset + segment.payload.length;
  if (end === offset || end > receiver.nxt || offset < 0 || receiver.nxt - end > Math.max(receiver.largestWindow, 65536) || !receives(tcp)) return false;
  receiver.ackNow = true;
  receiver.noteDuplicate(offset, end);
  return true;
}

/** Second: RFC 5961 §3.2. */
function arrivesReset(tcp: TcpConnection, segment: TcpSegment, offset: number, now: number): void {
  const receiver = tcp.receiver;
  if (offset !== receiver.nxt) {
    if (offset > receiver.nxt && offset < receiver.rightEdge) {
      tcp.environment.counters.increment("TcpExtTCPChallengeACK");
      receiver.challenge(now);
    }
    tcp.drop("RST out of sequence", now);
    return;
  }
  const sender = tcp.sender;
  switch (tcp.state) {
    case "SYN-RECEIVED":
      // A passive connection returns to LISTEN, that is to the host; an active one was refused.
      tcp.over(tcp.active ? "ECONNREFUSED" : "ECONNRESET", segment, now);
      return;
    case "CLOSING":
    case "LAST-ACK":
      // Nothing is lost when all that is missing is the acknowledgment of our FIN.
      tcp.over(sender.una >= sender.finOffset ? null : "ECONNRESET", segment, now);
      return;
    default:
      tcp.over("ECONNRESET", segment, now);
  }
}

/**
 * Fourth: RFC 5961 §4.2. A peer that really begins anew resets this connection in answer to a challenge ACK, since it knows the numbers. In
 * SYN-RECEIVED too, which RFC 9293 would have return to LISTEN for a SYN in the window.
 */
function arrivesSyn(tcp: TcpConnection, now: number): void {
  tcp.environment.counters.increment("TcpExtTCPSYNChallenge");
  tcp.receiver.challenge(now);
  tcp.drop("SYN in the window", now);
}

/** Fifth: the ACK is plausible. */
function arrivesAck(tcp: TcpConnection, segment: TcpSegment, ack: number, offset: number, now: number): void {
  const sender = tcp.sender;
  if (tcp.state === "SYN-RECEIVED") {
    sender.window = tcp.scaledWindow(segment);
    tcp.establish(segment, now);
    if (!tcp.is("ESTABLISHED")) return;
    if (sender.board.count > 0) acknowledge(tcp, segment, ack, offset, now);
    else updateSendWindow(tcp, segment, ack, offset);
    return;
  }
  acknowledge(tcp, segment, ack, offset, now);
  if (!tcp.finAcknowledged) return;
  switch (tcp.state) {
    case "FIN-WAIT-1":
      tcp.setState("FIN-WAIT-2", now);
      tcp.wasFinWait2 = (segment.flags & TCP_FLAG.FIN) === 0;
      // RFC 9293 §3.6: an orphan waits for the peer's FIN from here on.
      if (tcp.orphanUna !== -2) tcp.watchOrphan(now);
      return;
    case "CLOSING":
      tcp.enterTimeWait(now);
      return;
    case "LAST-ACK":
      tcp.over(null, segment, now);
      return;
    default:
  }
}

/** The peer hears by a RST that there is no such connection. */
function refuse(tcp: TcpConnection, segment: TcpSegment, now: number): void {
  tcp.abortPending = true;
  tcp.over("ECONNRESET", segment, now);
}

/** RFC 1122 §4.2.2.13, RFC 9293 §3.6.1: data that nobody will read is lost, and a RST says so. */
function refuseText(tcp: TcpConnection, segment: TcpSegment, now: number): void {
  tcp.environment.counters.increment("TcpExtTCPAbortOnData");
  tcp.answerByReset(segment);
  tcp.abortPending = true;
  tcp.over("ECONNRESET", segment, now);
}

/** Whether text and FIN of the peer still count in this state. */
function receives(tcp: TcpConnection): boolean {
  const state = tcp.state;
  return state === "ESTABLISHED" || state === "FIN-WAIT-1" || state === "FIN-WAIT-2";
}

/**
 * Sixth: the urgent pointer, which is counted from the sequence number of the segment. It moves forward alone, and says nothing of where the octets go: they are read in line
 * (RFC 6093 §4), so that no pointer, however wrong, takes one out of the stream.
 */
function arrivesUrgent(tcp: TcpConnection, segment: TcpSegment, offset: number, now: number): void {
  const { owner, receiver } = tcp;
  const end = offset + segment.urgentPointer - ((segment.flags & TCP_FLAG.SYN) !== 0 ? 1 : 0);
  if (end <= receiver.urgentEnd) return;
  receiver.urgentEnd = end;
  owner.onUrgent?.(tcp, end, now);
}

/** Sixth to eighth: URG, text and FIN. */
function arrivesText(tcp: TcpConnection, segment: TcpSegment, offset: number, now: number): void {
  const receiver = tcp.receiver;
  if ((segment.flags & TCP_FLAG.URG) !== 0) arrivesUrgent(tcp, segment, offset, now);
  const fin = (segment.flags & TCP_FLAG.FIN) !== 0;
  if (segment.payload.length === 0 && !fin) return;
  const echo = segment.hasTimestamps ? segment.timestampEcho : -1;
  receiver.accept(segment.payload, offset, fin, (segment.flags & TCP_FLAG.PSH) !== 0, echo, now);
  if (tcp.state === "CLOSED" || receiver.finOffset < 0 || receiver.nxt !== receiver.finOffset) return;
  // The FIN is in order.
  receiver.nxt++;
  if (receiver.rightEdge < receiver.nxt) receiver.rightEdge = receiver.nxt;
  receiver.onFin(tcp.state === "ESTABLISHED", now);
  switch (tcp.state) {
    case "ESTABLISHED":
      tcp.setState("CLOSE-WAIT", now);
      break;
    case "FIN-WAIT-1":
      tcp.setState("CLOSING", now);
      break;
    case "FIN-WAIT-2":
      break;
    default:
      return;
  }
  // Nothing more can come: from here on acknowledgments alone are waited for.
  if (tcp.closing && tcp.state !== "FIN-WAIT-2") tcp.watchOrphan(now);
  tcp.owner.onFin(tcp, now);
  if (tcp.state === "FIN-WAIT-2") tcp.enterTimeWait(now);
}

/** How long after a RST that answers a segment in SYN-SENT a SYN follows, ns: the RST is there first. */
const SYN_AFTER_RESET = 10 * MILLISECOND;
