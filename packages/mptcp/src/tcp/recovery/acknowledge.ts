import { MILLISECOND, NEVER } from "../../core/index.ts";
import type { MptcpOption, TcpSegment } from "../../wire/index.ts";
import { positionNear, sequenceLess } from "../../wire/index.ts";
import type { TcpConnection } from "../connection.ts";
import { answerMarks, readMarks } from "../ecn/marks.ts";
import { PHASE } from "../phase.ts";
import { advanceRecovery, isDuplicateLoss, repairedByProbe } from "./recovery.ts";
import { lookForSpurious } from "./undo.ts";
import type { SentSegment } from "../sending/sent-segment.ts";
import { noteProbe } from "../sending/path-mtu.ts";
import { TIMER } from "../timers.ts";

/** What one ACK says; one object per call chain, reused. */
export interface AckSummary {
  /** Bytes newly delivered, cumulatively or by SACK. */
  delivered: number;
  /** Link segments among them. */
  segments: number;
  /** It acknowledges less than one that came before. */
  isOld: boolean;
  /** The cumulative ACK advanced by this many bytes. */
  advanced: number;
  /** The ACK counts for timers and the round-trip time; see `TcpConfig.timerRestart`. */
  counts: boolean;
  priorInFlight: number;
  priorUna: number;
  /** Bytes outstanding and not SACKed before. */
  priorFlight: number;
  /** Time of transmission of the oldest and newest segment delivered that gives an RTT sample; -1: none. */
  oldestSent: number;
  newestSent: number;
  duplicateSack: boolean;
  /** The duplicate reported, in stream offsets; -1 without. */
  duplicateStart: number;
  duplicateEnd: number;
  duplicate: boolean;
  /** It reports by SACK what was not known to have arrived. */
  sacked: boolean;
  /** It tells of data that was sent before the recovery began, and not again; and acknowledges cumulatively what was sent again. */
  original: boolean;
  repeated: boolean;
  /** It tells of ECN marks. */
  isMarked: boolean;
}

/** Processes an acceptable acknowledgment in a synchronized state (RFC 9293 §3.10.7.4, fifth check). */
export function acknowledge(tcp: TcpConnection, segment: TcpSegment, ack: number, offset: number, now: number): void {
  const sender = tcp.sender;
  const board = sender.board;
  const windowChanged = updateSendWindow(tcp, segment, ack, offset);
  const hasBlocks = tcp.sack && segment.sackBlocks.length >= 2;
  if (ack < sender.una) {
    // An ACK that was overtaken acknowledges nothing, but its SACK blocks may tell what later ones had no room for.
    if (!hasBlocks) return;
  } else {
    if (sender.hasMore) sender.onHeard();
    if (board.count === 0) onAckOfNothing(tcp, now);
  }
  if (board.count === 0 && sender.probe.end < 0 && !hasBlocks) return;
  const summary = SUMMARY;
  summary.delivered = 0;
  summary.segments = 0;
  summary.isOld = ack < sender.una;
  summary.advanced = ack > sender.una ? ack - sender.una : 0;
  summary.counts = tcp.config.timerRestart === "news";
  summary.priorInFlight = sender.inFlight;
  summary.priorUna = sender.una;
  summary.priorFlight = sender.nxt - sender.una - board.sackedBytes;
  summary.oldestSent = -1;
  summary.newestSent = -1;
  summary.duplicateSack = false;
  summary.duplicateStart = -1;
  summary.duplicateEnd = -1;
  summary.isMarked = false;
  summary.duplicate =
    ack === sender.una && !windowChanged && segment.payload.length === 0 && (segment.flags & OF_ACK) === PURE_ACK && bareDss(segment);
  summary.sacked = false;
  summary.original = false;
  summary.repeated = false;
  if (sender.rates !== null) sender.rates.begin();
  if (summary.advanced > 0) cumulative(tcp, segment, ack, summary, now);
  if (hasBlocks) selective(tcp, segment, ack, summary, now);
  if (summary.counts || summary.advanced === 0) sampleRtt(tcp, segment, summary, now);
  const repaired = sender.probe.onAck(ack, summary.duplicateSack && summary.duplicateEnd === sender.probe.end, summary.duplicate);
  const marked = tcp.ecn === null ? 0 : readMarks(tcp, tcp.ecn, segment, summary);
  const undone = sender.spurious.watching && lookForSpurious(tcp, segment, summary, now);
  if (tcp.pathMtu.search.isOutstanding) noteProbe(tcp);
  let lost: boolean;
  if (tcp.sack) {
    if (summary.duplicateSack) sender.rack.onDuplicateSack(sender.una, sender.nxt);
    lost = sender.rack.detect(board, tcp.rtt, sender.phase !== PHASE.open, now);
  } else {
    lost = isDuplicateLoss(tcp, summary);
  }
  if (repaired) repairedByProbe(tcp, summary, now);
  if (tcp.ecn !== null) answerMarks(tcp, tcp.ecn, marked, summary, now);
  advanceRecovery(tcp, summary, lost, undone, now);
  updateTimers(tcp, summary.advanced > 0 && summary.counts, now);
  if (summary.advanced > 0) {
    const to = sender.finOffset >= 0 && ack > sender.finOffset ? sender.finOffset : ack;
    tcp.owner.onAcknowledged(tcp, to, now);
  }
}

/**
 * RFC 9293 §3.10.7.4: takes the peer's window unless the segment is older than the one that set it.
 * @returns whether the window changed
 */
export function updateSendWindow(tcp: TcpConnection, segment: TcpSegment, ack: number, offset: number): boolean {
  const sender = tcp.sender;
  if (ack < sender.una || offset < sender.wl1 || (offset === sender.wl1 && ack < sender.wl2)) return false;
  const window = tcp.scaledWindow(segment);
  // The window of a SYN, which is not scaled, is no measure of those that follow (RFC 9293 §3.8.6.2.1 waits for half of the largest one).
  if (sender.wl1 < 0) sender.maxWindow = window;
  sender.wl1 = offset;
  sender.wl2 = ack;
  if (window === sender.window) return false;
  sender.window = window;
  if (window > sender.maxWindow) sender.maxWindow = window;
  return true;
}

/** Nothing is in flight: what the peer says of its window now is what a probe would have asked (RFC 9293 §3.8.6.1). */
function onAckOfNothing(tcp: TcpConnection, now: number): void {
  const { sender, timers } = tcp;
  if (timers[TIMER.persist] !== NEVER && sender.una + sender.window <= sender.nxt) tcp.arm(TIMER.persist, now + sender.persistInterval());
}

/** Removes what the cumulative ACK covers. */
function cumulative(tcp: TcpConnection, segment: TcpSegment, ack: number, summary: AckSummary, now: number): void {
  const sender = tcp.sender;
  const board = sender.board;
  while (board.count > 0) {
    const record = board.at(0);
    if (record.offset + record.length > ack) {
      if (record.offset < ack) {
        const bytes = ack - record.offset;
        if (bytes >= sender.unit) summary.counts = true;
        if (!record.sacked) delivered(tcp, segment, record, bytes, true, summary, now);
        board.trimFirst(bytes);
      }
      break;
    }
    board.shift();
    summary.counts = true;
    if (!record.sacked) delivered(tcp, segment, record, record.length, true, summary, now);
    board.recycle(record);
  }
  sender.una = ack;
  board.acknowledged(ack);
  if (sender.timeouts > 0) tcp.tally.onTimeoutsOver(now);
  sender.timeouts = 0;
}

/** Takes SACK blocks (RFC 2018) and a D-SACK (RFC 2883). */
function selective(tcp: TcpConnection, segment: TcpSegment, ack: number, summary: AckSummary, now: number): void {
  const sender = tcp.sender;
  const board = sender.board;
  const blocks = segment.sackBlocks;
  for (let i = 0; i + 1 < blocks.length && i < MOST_SACK_NUMBERS; i += 2) {
    const start = positionNear(blocks[i] as number, sender.origin, sender.una);
    const end = positionNear(blocks[i + 1] as number, sender.origin, sender.una);
    if (start >= end || end > sender.nxt) continue;
    if (i === 0 && isDuplicateReport(tcp, blocks, ack, start, end)) {
      summary.duplicateSack = true;
      summary.duplicateStart = start;
      summary.duplicateEnd = end;
      tcp.tally.duplicateSacks++;
      tcp.environment.counters.increment("TcpExtTCPDSACKRecv");
      continue;
    }
    if (end <= sender.una || board.count === 0) continue;
    board.sack(start > sender.una ? start : sender.una, end, sender.unit);
  }
  const newly = board.newlySacked;
  for (let i = 0; i < newly.length; i++) {
    const record = newly[i] as SentSegment;
    delivered(tcp, segment, record, record.length, false, summary, now);
  }
  summary.sacked = newly.length > 0;
  newly.length = 0;
}

/** RFC 2883 §4: the first block is a D-SACK when it lies below the cumulative ACK of the same segment or inside the second block. */
function isDuplicateReport(tcp: TcpConnection, blocks: readonly number[], ack: number, start: number, end: number): boolean {
  const sender = tcp.sender;
  if (end <= ack) return true;
  if (blocks.length < 4) return false;
  const secondStart = positionNear(blocks[2] as number, sender.origin, sender.una);
  const secondEnd = positionNear(blocks[3] as number, sender.origin, sender.una);
  return start >= secondStart && end <= secondEnd;
}

/**
 * A segment, or the first `bytes` of a super-segment, arrived at the peer: what it says about time and order.
 * @param inOrder whether it is acknowledged cumulatively; else by SACK
 */
function delivered(tcp: TcpConnection, segment: TcpSegment, record: SentSegment, bytes: number, inOrder: boolean, summary: AckSummary, now: number): void {
  summary.delivered += bytes;
  summary.segments += bytes <= tcp.sender.unit ? 1 : Math.ceil(bytes / tcp.sender.unit);
  const sentAt = record.sentAt;
  let valid = true;
  let sample = true;
  if (!record.retransmitted) {
    if (record.offset + bytes <= tcp.sender.recoveryPoint) summary.original = true;
  } else {
    if (inOrder) summary.repeated = true;
    // RFC 8985 §6.2 step 2, and Karn's rule: an ACK that may be of an earlier transmission says nothing. What is out of order is not what the echo tells
    // of (RFC 7323 §4.3): of SACKed data time alone says which transmission it was.
    const timestamp = inOrder && tcp.timestamps && segment.hasTimestamps;
    valid = now - sentAt >= tcp.rtt.min && !(timestamp && sequenceLess(segment.timestampEcho, tcp.timestampAt(sentAt)));
    sample = valid && timestamp;
  }
  if (sample) {
    if (summary.oldestSent < 0 || sentAt < summary.oldestSent) summary.oldestSent = sentAt;
    if (sentAt > summary.newestSent) summary.newestSent = sentAt;
  }
  const { rack, rates } = tcp.sender;
  if (tcp.sack) rack.onDelivered(record, record.offset + bytes, valid, now);
  if (rates !== null && valid && bytes === record.length) rates.onDelivered(record);
}

function sampleRtt(tcp: TcpConnection, segment: TcpSegment, summary: AckSummary, now: number): void {
  const sender = tcp.sender;
  let rtt = -1;
  if (summary.oldestSent >= 0) {
    rtt = now - summary.oldestSent;
  } else if (summary.advanced > 0 && summary.delivered > 0 && tcp.timestamps && segment.hasTimestamps) {
    // RFC 7323 §4.1: of a retransmission's first transmission we know only the timestamp, in milliseconds.
    const ticks = (tcp.timestampAt(now) - segment.timestampEcho) | 0;
    if (ticks > 0) rtt = ticks * MILLISECOND;
  }
  if (rtt < 0) return;
  tcp.rtt.sample(rtt, Math.ceil(summary.priorFlight / (2 * sender.unit)), now);
  if (summary.newestSent >= 0) tcp.rtt.latest = now - summary.newestSent;
  sender.backoff = 0;
}

/** Which of the sender's timers run after an ACK (RFC 6298 §5.2, §5.3; RFC 8985 §7.2, §8). */
function updateTimers(tcp: TcpConnection, advanced: boolean, now: number): void {
  const { sender, timers } = tcp;
  if (sender.board.count === 0) {
    sender.idleSince = now;
    tcp.tally.rest(now);
    if (timers[TIMER.retransmission] !== NEVER) tcp.disarm(TIMER.retransmission);
    if (timers[TIMER.tailProbe] !== NEVER) tcp.disarm(TIMER.tailProbe);
    if (timers[TIMER.reorder] !== NEVER) tcp.disarm(TIMER.reorder);
    if (timers[TIMER.user] !== NEVER && timers[TIMER.persist] === NEVER) tcp.disarm(TIMER.user);
    return;
  }
  if (advanced) {
    sender.armRetransmission(now);
    if (tcp.config.userTimeout > 0) tcp.arm(TIMER.user, now + tcp.config.userTimeout);
    sender.probe.schedule(tcp, now);
  } else if (timers[TIMER.tailProbe] !== NEVER && sender.board.sackedBytes > 0) {
    tcp.disarm(TIMER.tailProbe);
  }
  const check = sender.rack.nextCheck;
  if (check > 0) tcp.arm(TIMER.reorder, check);
  else if (timers[TIMER.reorder] !== NEVER) tcp.disarm(TIMER.reorder);
}

/** Whether the segment carries no MPTCP option but Data ACKs: one with news is no duplicate ACK (RFC 8684 §3.3.5). */
function bareDss(segment: TcpSegment): boolean {
  const options: readonly MptcpOption[] = segment.mptcp;
  for (let i = 0; i < options.length; i++) {
    const option = options[i] as MptcpOption;
    if (option.kind !== "dss" || option.dsnLength !== 0 || option.dataFin) return false;
  }
  return true;
}

const PURE_ACK = 0x10;
/** The flags but those of ECN and URG, which may be on any ACK. */
const OF_ACK = 0x1f;
/** Four blocks fill the option space. */
const MOST_SACK_NUMBERS = 8;

/** Filled for one acknowledgment at a time. */
const SUMMARY: AckSummary = {
  delivered: 0, segments: 0, isOld: false, advanced: 0, counts: false, priorInFlight: 0, priorUna: 0, priorFlight: 0, oldestSent: -1, newestSent: -1,
  duplicateSack: false, duplicateStart: -1, duplicateEnd: -1, duplicate: false, sacked: false, original: false, repeated: false, isMarked: false,
};
