import { NEVER } from "../../core/index.ts";
import type { Packet } from "../../wire/index.ts";
import type { TcpConnection } from "../connection.ts";
import { FastOpenClient } from "../fast-open/client.ts";
import { buildAbort, buildAck, buildEarlierAck, buildProbe, buildResetReply, buildSyn } from "./segment-builder.ts";
import { TIMER } from "../timers.ts";

/** The next packet of a connection: RST, SYN, probes, ACKs that carry SACK blocks, retransmissions, new data, FIN, pure ACK. */
export function nextPacket(tcp: TcpConnection, now: number): Packet | null {
  if (tcp.resetReply >= 0) {
    const sequence = tcp.resetReply;
    tcp.resetReply = -1;
    const packet = buildResetReply(tcp, sequence, now);
    // It says the same as the RST of an aborted connection.
    if (tcp.abortPending) {
      tcp.abortPending = false;
      tcp.environment.closed(tcp);
    }
    return packet;
  }
  switch (tcp.state) {
    case "CLOSED":
      return abortPacket(tcp, now);
    case "LISTEN":
      return null;
    case "SYN-SENT":
      return tcp.synPending && !(tcp.fastOpen instanceof FastOpenClient && tcp.fastOpen.holdsSyn(tcp)) ? synPacket(tcp, now) : null;
    case "SYN-RECEIVED":
      if (tcp.synPending || (tcp.answersBySyn && tcp.receiver.ackNow)) return synPacket(tcp, now);
      break;
    default:
  }
  // By Fast Open data may leave behind the SYN+ACK.
  if (tcp.state !== "SYN-RECEIVED" || tcp.established) {
    const packet = establishedPacket(tcp, now);
    if (packet !== null) return packet;
  }
  if (!tcp.is("CLOSED") && tcp.receiver.ackNow) {
    const packet = buildAck(tcp, now);
    if (packet !== null) return packet;
  }
  // The owner may have aborted meanwhile.
  return tcp.is("CLOSED") ? abortPacket(tcp, now) : null;
}

function establishedPacket(tcp: TcpConnection, now: number): Packet | null {
  if (tcp.probePending) {
    if (tcp.receiver.ackFirst && tcp.sender.isUrgent) return buildAck(tcp, now);
    tcp.probePending = false;
    const { ackNow } = tcp.receiver;
    const probe = buildProbe(tcp, now);
    // A probe takes the place of no ACK: the peer drops it, options and all, as a segment that is not acceptable.
    if (ackNow) tcp.receiver.ackNow = true;
    return probe;
  }
  if (tcp.ecn !== null && tcp.ecn.hasEarlier) return buildEarlierAck(tcp, tcp.ecn, now);
  // Where SACK blocks travel on pure ACKs data does not replace an ACK that has some; nor does it one with counters that full segments have no room for.
  if (tcp.receiver.ackNow && ((tcp.ecn !== null && tcp.ecn.wantsAck(tcp)) || tcp.receiver.ackFirst || (tcp.config.sackOn === "acks" && tcp.receiver.hasSackBlocks))) return buildAck(tcp, now);
  return tcp.sender.next(now);
}

function synPacket(tcp: TcpConnection, now: number): Packet | null {
  tcp.synPending = false;
  tcp.receiver.ackNow = false;
  const packet = buildSyn(tcp, now);
  if (packet === null) return tcp.state === "CLOSED" ? abortPacket(tcp, now) : null;
  const isFirst = tcp.synSentAt < 0;
  tcp.synSentAt = isFirst ? now : NEVER;
  if (isFirst || tcp.timers[TIMER.retransmission] === NEVER) tcp.sender.armRetransmission(now);
  return packet;
}

/** RFC 9293 §3.10.5: the RST of an aborted connection leaves as its last packet. */
function abortPacket(tcp: TcpConnection, now: number): Packet | null {
  if (!tcp.abortPending) return null;
  tcp.abortPending = false;
  const packet = buildAbort(tcp, now);
  tcp.environment.closed(tcp);
  return packet;
}
