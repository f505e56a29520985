import { Packet, sequenceAdd, TCP_FLAG, TCP_OPTION_SPACE, tcpHeaderLength, TcpSegment } from "../../wire/index.ts";
import type { TcpConnection } from "../connection.ts";
import type { EcnFeedback } from "../ecn/feedback.ts";
import { FastOpenServer } from "../fast-open/server.ts";
import { offerOptions } from "../negotiation.ts";
import { SEGMENT_ROLE } from "../owner.ts";
import type { SegmentRole } from "../owner.ts";
import type { SentSegment } from "./sent-segment.ts";

/** A segment with payload or FIN from its record, for the first time or again. Null when the owner ended the connection. */
export function buildDataSegment(tcp: TcpConnection, record: SentSegment, now: number): Packet | null {
  const segment = new TcpSegment();
  let flags: number = TCP_FLAG.ACK;
  if (record.fin) flags |= TCP_FLAG.FIN;
  const isSuper = record.payload.length > tcp.sender.unit && !tcp.pathMtu.search.covers(record);
  if (record.push || (isSuper && tcp.config.superSegments === "paced")) flags |= TCP_FLAG.PSH;
  segment.flags = flags;
  segment.payload = record.payload;
  if (isSuper) segment.segmentSize = tcp.sender.unit;
  const role = record.payload.length > 0 ? SEGMENT_ROLE.data : SEGMENT_ROLE.fin;
  return finish(tcp, segment, role, record.tag, record.offset, now, !record.retransmitted);
}

/** A pure ACK, with SACK blocks when there is something out of order. */
export function buildAck(tcp: TcpConnection, now: number): Packet | null {
  const segment = new TcpSegment();
  segment.flags = TCP_FLAG.ACK;
  return finish(tcp, segment, SEGMENT_ROLE.ack, null, tcp.sender.nxt, now);
}

/** An ACK of less than has come, for {@link EcnFeedback.putEarlier}; the one of all that follows. */
export function buildEarlierAck(tcp: TcpConnection, ecn: EcnFeedback, now: number): Packet | null {
  const { receiver } = tcp;
  const packet = buildAck(tcp, now);
  if (packet === null || packet.tcp === null) return packet;
  const offset = ecn.putEarlier(tcp, packet.tcp);
  packet.tcp.acknowledgment = sequenceAdd(receiver.origin, offset);
  packet.tcp.window = Math.min(65535, packet.tcp.window + Math.floor((receiver.nxt - offset) / receiver.scale));
  receiver.onEarlierAck(offset);
  return packet;
}

/**
 * An ACK that the peer must answer: its sequence number lies just before what the peer expects, so that it is not acceptable
 * (RFC 9293 §3.10.7.4, first check).
 */
export function buildProbe(tcp: TcpConnection, now: number): Packet | null {
  const segment = new TcpSegment();
  segment.flags = TCP_FLAG.ACK;
  return finish(tcp, segment, SEGMENT_ROLE.probe, null, tcp.sender.una - 1, now);
}

/** Our SYN or SYN+ACK. */
export function buildSyn(tcp: TcpConnection, now: number): Packet | null {
  const segment = new TcpSegment();
  const answer = tcp.state === "SYN-RECEIVED";
  segment.flags = answer ? TCP_FLAG.SYN | TCP_FLAG.ACK : TCP_FLAG.SYN;
  return finish(tcp, segment, answer ? SEGMENT_ROLE.synAck : SEGMENT_ROLE.syn, null, -1, now);
}

/** RST of a connection that we give up (RFC 9293 §3.10.5): in sequence, with ACK. */
export function buildAbort(tcp: TcpConnection, now: number): Packet {
  if (tcp.config.resetForm === "full" && !tcp.established) return buildResetReply(tcp, sequenceAdd(tcp.sender.origin, tcp.sender.nxt), now);
  const segment = new TcpSegment();
  segment.flags = TCP_FLAG.RST | TCP_FLAG.ACK;
  header(tcp, segment, tcp.sender.nxt);
  segment.acknowledgment = sequenceAdd(tcp.receiver.origin, tcp.receiver.nxt);
  segment.alignsOptions = tcp.config.optionLayout === "aligned";
  if (tcp.config.resetForm === "full") segment.window = tcp.receiver.windowField(now);
  // RFC 7323 §5.2.
  if (tcp.timestamps) stamp(tcp, segment, now);
  const used = tcpHeaderLength(segment) - TCP_HEADER;
  tcp.owner.segmentOptions(tcp, segment, SEGMENT_ROLE.reset, null, tcp.sender.nxt, TCP_OPTION_SPACE - used, now);
  return wrap(tcp, segment);
}

/** RST that answers a segment with an unacceptable ACK while we synchronise (RFC 9293 §3.5.2, group 2). */
export function buildResetReply(tcp: TcpConnection, sequence: number, now: number): Packet {
  const segment = new TcpSegment();
  segment.flags = TCP_FLAG.RST;
  header(tcp, segment, 0);
  segment.sequence = sequence;
  // RFC 7323 §5.2: the timestamp of what is answered, and none of ours.
  if (tcp.resetEcho >= 0 && tcp.config.resetForm === "bare") {
    segment.hasTimestamps = true;
    segment.timestampEcho = tcp.resetEcho;
  }
  tcp.resetEcho = -1;
  const used = tcpHeaderLength(segment) - TCP_HEADER;
  tcp.owner.segmentOptions(tcp, segment, SEGMENT_ROLE.reset, null, 0, TCP_OPTION_SPACE - used, now);
  return wrap(tcp, segment);
}

function header(tcp: TcpConnection, segment: TcpSegment, offset: number): void {
  segment.sourcePort = tcp.tuple.localPort;
  segment.destinationPort = tcp.tuple.remotePort;
  segment.sequence = sequenceAdd(tcp.sender.origin, offset);
}

/** Fills in everything that all segments but RST share, and lets the owner add its options. @param isNew whether it is no retransmission */
function finish(tcp: TcpConnection, segment: TcpSegment, role: SegmentRole, tag: object | null, offset: number, now: number, isNew = true): Packet | null {
  const receiver = tcp.receiver;
  const flags = segment.flags;
  segment.alignsOptions = tcp.config.optionLayout === "aligned";
  header(tcp, segment, offset);
  if (tcp.sender.isUrgent && (flags & TCP_FLAG.SYN) === 0) pointToUrgent(segment, tcp.sender.urgentEnd - offset, tcp.sender.nxt - offset);
  let used = 0;
  if ((flags & TCP_FLAG.ACK) !== 0) {
    segment.acknowledgment = sequenceAdd(receiver.origin, receiver.nxt);
    // RFC 7323 §2.2: the window of a SYN segment is never scaled.
    segment.window = (flags & TCP_FLAG.SYN) === 0 ? receiver.windowField(now) : receiver.synWindow(now);
  } else {
    segment.window = receiver.synWindow(now);
  }
  if ((flags & TCP_FLAG.SYN) !== 0) {
    offerOptions(tcp, segment);
    segment.hasTimestamps = (flags & TCP_FLAG.ACK) === 0 ? tcp.config.timestamps : tcp.timestamps;
  } else {
    segment.hasTimestamps = tcp.timestamps;
  }
  if (segment.hasTimestamps) {
    stamp(tcp, segment, now);
    // The encoder leaves the aligning NOPs out where the options fit only without them, unless it is to keep them.
    used = segment.alignsOptions ? 12 : 10;
  }
  if ((flags & TCP_FLAG.SYN) !== 0) used = tcpHeaderLength(segment) - TCP_HEADER;
  // Before the owner is asked: it may request another ACK for what does not fit into this segment.
  if ((flags & TCP_FLAG.ACK) !== 0) receiver.onAckSent();
  tcp.owner.segmentOptions(tcp, segment, role, tag, offset, TCP_OPTION_SPACE - used, now);
  if (tcp.state === "CLOSED") return null;
  if (tcp.fastOpen !== null && (flags & TCP_FLAG.SYN) !== 0) {
    if (tcp.fastOpen instanceof FastOpenServer) tcp.fastOpen.writeSynAck(tcp, segment);
    else if ((flags & TCP_FLAG.ACK) === 0) tcp.fastOpen.writeSyn(tcp, segment);
  }
  if (receiver.hasSackBlocks && (role === SEGMENT_ROLE.ack || role === SEGMENT_ROLE.probe || tcp.config.sackOn === "all")) addSackBlocks(tcp, segment);
  if (tcp.ecn !== null) {
    if ((flags & TCP_FLAG.SYN) !== 0) tcp.ecn.writeSyn(tcp, segment, (flags & TCP_FLAG.ACK) !== 0, tcp.synRetries, now);
    else tcp.ecn.write(tcp, segment, role, isNew, now);
  }
  const packet = wrap(tcp, segment);
  if (tcp.ecn !== null && (flags & TCP_FLAG.SYN) === 0) tcp.ecn.onLeave(tcp, packet, role, isNew);
  return packet;
}

/**
 * RFC 9293 §3.8.5: the urgent pointer is that of the octet behind the urgent data. Where it is too far away for its field, the farthest that the field can tell stands for it, unless octets that
 * lie beyond that were sent already, which a peer might take for less urgent.
 * @param ahead octets from the beginning of the segment to the end of the urgent data
 * @param sent and to SND.NXT
 */
function pointToUrgent(segment: TcpSegment, ahead: number, sent: number): void {
  if (ahead <= 0 || (ahead > 0xffff && sent > 0xffff)) return;
  segment.flags |= TCP_FLAG.URG;
  segment.urgentPointer = Math.min(ahead, 0xffff);
}

/**
 * RFC 2018 §3: as many blocks as fit; two octets of kind and length and two of padding go with them. Of ECN's option two of them are worth more (RFC 9768 §3.2.3.3), and all where it has no
 * room beside two.
 */
function addSackBlocks(tcp: TcpConnection, segment: TcpSegment): void {
  const space = TCP_OPTION_SPACE - (tcpHeaderLength(segment) - TCP_HEADER) - 4;
  if (space < 8) return;
  const reserved = tcp.ecn === null ? 0 : tcp.ecn.reserved(tcp);
  segment.sackBlocks = tcp.receiver.takeSackBlocks(reserved === 0 || space - 2 * 8 < reserved ? space >> 3 : (space - reserved) >> 3);
}

function stamp(tcp: TcpConnection, segment: TcpSegment, now: number): void {
  segment.hasTimestamps = true;
  segment.timestampValue = tcp.timestampAt(now);
  segment.timestampEcho = (segment.flags & TCP_FLAG.ACK) === 0 ? 0 : tcp.receiver.recentTimestamp;
}

function wrap(tcp: TcpConnection, segment: TcpSegment): Packet {
  const tuple = tcp.tuple;
  const packet = new Packet(tuple.localAddress, tuple.remoteAddress);
  packet.hopLimit = tcp.hopLimit;
  packet.trafficClass = tcp.trafficClass;
  packet.tcp = segment;
  packet.length = tcp.ipHeader + tcpHeaderLength(segment) + segment.payload.length;
  tcp.segmentsSent++;
  return packet;
}

const TCP_HEADER = 20;
