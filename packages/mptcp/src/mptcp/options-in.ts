import type { TcpConnection } from "../tcp/index.ts";
import type { Dss, MpCapable, MptcpOption, TcpSegment } from "../wire/index.ts";
import { MP_CAPABLE_FLAG, MP_RESET_REASON, positionNear, TCP_FLAG } from "../wire/index.ts";
import { checksumMatches } from "./checked-stream.ts";
import { onJoined } from "./joins.ts";
import { equalOctets, joinHmac } from "./keys.ts";
import { mostMappings } from "./mapping.ts";
import { fallBack, onInfiniteMapping } from "./regular-tcp.ts";
import { resetSubflow } from "./subflow-end.ts";
import type { Subflow } from "./subflow.ts";

/** What became of a segment that arrived before the subflow was established. */
export type HandshakeVerdict = "accept" | "drop" | "continue";

/**
 * Handles a segment of the opening handshake. "continue" means: established by it, go on with its other options.
 */
export function readHandshake(subflow: Subflow, segment: TcpSegment, offset: number, now: number): HandshakeVerdict {
  const syn = (segment.flags & TCP_FLAG.SYN) !== 0;
  if (subflow.first) {
    if (subflow.initiator) {
      // Without SYN it is the ACK of a simultaneous open: no SYN+ACK came with the peer's key.
      return syn || !subflow.connection.remoteKnown ? readCapableSynAck(subflow, segment, now) : "continue";
    }
    return readCapableAck(subflow, segment, offset, now);
  }
  if (subflow.initiator) return syn ? readJoinSynAck(subflow, segment) : readJoinConfirmation(subflow, segment, now);
  return readJoinAck(subflow, segment, now);
}

/** Handles the MPTCP options of a segment on an established subflow. Returns false to drop the segment. */
export function readOptions(subflow: Subflow, tcp: TcpConnection, segment: TcpSegment, offset: number, now: number): boolean {
  const options = segment.mptcp;
  for (let i = 0; i < options.length; i++) {
    const option = options[i] as MptcpOption;
    if (option.kind === "dss") {
      if (!readDss(subflow, tcp, segment, option, offset, now)) return false;
    } else if (!readOther(subflow, option, segment, offset, now)) return false;
    if (subflow.connection.regularTcp) return true;
    if (subflow.phase === "closed") return false;
  }
  return true;
}

/** What still counts on a segment of a connection that has become regular TCP. */
export function readRegular(subflow: Subflow, segment: TcpSegment, now: number): void {
  for (const option of segment.mptcp) if (option.kind === "mp_fail") subflow.connection.failure.onMpFail(subflow, option, now);
}

/** A segment without options, behind a mapping that failed: data that the peer has not mapped shows that it has gone over to regular TCP. */
export function readWithoutOptions(subflow: Subflow, segment: TcpSegment, offset: number, now: number): void {
  const { connection } = subflow;
  if (segment.payload.length > 0 && offset >= subflow.checkedStream().mappedEnd && connection.failure.isWaiting(subflow)) connection.failure.revert(now);
}

function readDss(subflow: Subflow, tcp: TcpConnection, segment: TcpSegment, dss: Dss, offset: number, now: number): boolean {
  const { connection } = subflow;
  connection.onDss(now);
  if (dss.dataAckLength !== 0) {
    subflow.segmentHadDataAck = true;
    const { sender, localSpace } = connection;
    const position = dss.dataAckLength === 8 ? localSpace.position(dss.dataAckHigh, dss.dataAckLow) : localSpace.positionNear(dss.dataAckLow, sender.unacknowledged);
    if (position >= 0) connection.onDataAck(position, position + tcp.scaledWindow(segment), now);
  }
  if (dss.dsnLength === 0) return true;
  if ((dss.checksum >= 0) !== connection.checksums) return refuseChecksum(subflow, now);
  if (dss.dsnLength === 8) connection.dataAckLength = 8;
  const { receiver, remoteSpace } = connection;
  const dataOffset = dss.dsnLength === 8 ? remoteSpace.position(dss.dsnHigh, dss.dsnLow) : remoteSpace.positionNear(dss.dsnLow, receiver.next);
  if (dss.dataLength === 0) {
    onInfiniteMapping(subflow, dataOffset, positionNear(dss.subflowSequence, 1, Math.max(0, offset)), now);
    return true;
  }
  const length = dss.dataLength - (dss.dataFin ? 1 : 0);
  return acceptMapping(subflow, { subflowSequence: dss.subflowSequence, dataOffset, length, dataFin: dss.dataFin, checksum: dss.checksum }, segment, offset, now);
}

/** RFC 8684 §3.3: a mapping with a checksum that was not negotiated, or without one that was, closes the subflow. */
function refuseChecksum(subflow: Subflow, now: number): boolean {
  resetSubflow(subflow, subflow.connection.checksums ? "no_checksum" : "checksum_not_negotiated", MP_RESET_REASON.mptcpSpecific, now);
  return false;
}

/** What a DSS, or MP_CAPABLE with data, says of the data on a subflow. */
interface Mapping {
  readonly subflowSequence: number;
  readonly dataOffset: number;
  /** Bytes, the DATA_FIN not counted. */
  readonly length: number;
  readonly dataFin: boolean;
  /** -1 without. */
  readonly checksum: number;
}

/** Records a mapping; false when the segment must be dropped. `offset` is the segment's, on the subflow. */
function acceptMapping(subflow: Subflow, mapping: Mapping, segment: TcpSegment, offset: number, now: number): boolean {
  const { connection } = subflow;
  const { receiver } = connection;
  const { dataOffset, length } = mapping;
  if (!(dataOffset >= 0)) return length === 0;
  const subflowOffset = positionNear(mapping.subflowSequence, 1, Math.max(0, offset));
  // RFC 8684 §3.8: data outside the window is dropped and not acknowledged. A mapping may be longer than the window (§3.3.1): what counts are the
  // bytes that this segment brings, unless a checksum lets none of them count before all are there.
  const brought = connection.checksums ? length : Math.min(length, offset + segment.payload.length - subflowOffset);
  if (brought > 0 && !receiver.acceptable(dataOffset + brought)) {
    connection.environment.counters.increment("MPTcpExtNoDSSInWindow");
    connection.log.observe(subflow, { kind: "segment_dropped", reason: "beyond_data_window" });
    return false;
  }
  if (connection.checksums) return acceptChecked(subflow, mapping.subflowSequence, dataOffset, length, mapping.dataFin, mapping.checksum, offset, now);
  if (mapping.dataFin && (length > 0 || receiver.acceptable(dataOffset))) connection.onDataFin(dataOffset + length, now);
  if (length === 0) return true;
  // What was retransmitted although it had arrived needs no mapping any more.
  if (subflowOffset < 0 || subflowOffset + length <= subflow.tcp.receivedOffset) return true;
  if (subflowOffset > subflow.tcp.receivedOffset && subflow.received.size >= mostMappings(receiver.limit)) return tooManyMappings(subflow);
  if (!subflow.received.add(subflowOffset, dataOffset, length)) {
    connection.environment.counters.increment("MPTcpExtDSSNotMatching");
    resetSubflow(subflow, "mapping_conflict", MP_RESET_REASON.mptcpSpecific, now);
    return false;
  }
  return true;
}

/** The same with a checksum: neither data nor DATA_FIN counts before that was found right. */
function acceptChecked(subflow: Subflow, subflowSequence: number, dataOffset: number, length: number, dataFin: boolean, checksum: number, offset: number, now: number): boolean {
  const { connection } = subflow;
  if (length === 0) {
    if (!dataFin || subflow.failedAt >= 0) return true;
    if (!checksumMatches(subflow, 0, dataOffset, subflowSequence, 1, checksum)) {
      connection.failure.onFinMismatch(subflow, dataOffset, now);
      return false;
    }
    connection.onDataFin(dataOffset, now);
    return true;
  }
  const subflowOffset = positionNear(subflowSequence, 1, Math.max(0, offset));
  if (subflowOffset < 0 || subflowOffset + length <= subflow.tcp.receivedOffset) {
    // All of it was found right, or the subflow waits for what follows a failure.
    if (dataFin && subflow.failedAt < 0) connection.onDataFin(dataOffset + length, now);
    return true;
  }
  if (subflowOffset > subflow.tcp.receivedOffset && subflow.checkedStream().size >= mostMappings(connection.receiver.limit)) return tooManyMappings(subflow);
  if (subflow.checkedStream().add(subflowOffset, dataOffset, length, dataFin, checksum)) return true;
  connection.environment.counters.increment("MPTcpExtDSSNotMatching");
  resetSubflow(subflow, "mapping_conflict", MP_RESET_REASON.mptcpSpecific, now);
  return false;
}

/** What comes early and cannot be remembered is not received: the peer sends it again. */
function tooManyMappings(subflow: Subflow): boolean {
  subflow.connection.log.observe(subflow, { kind: "segment_dropped", reason: "too_many_mappings" });
  return false;
}

/** Every option but the DSS, on an established subflow. */
function readOther(subflow: Subflow, option: Exclude<MptcpOption, Dss>, segment: TcpSegment, offset: number, now: number): boolean {
  const { connection } = subflow;
  switch (option.kind) {
    case "mp_capable":
      return readLateCapable(subflow, option, segment, offset, now);
    case "add_addr":
      connection.addresses.onAddAddress(subflow, option, now);
      return true;
    case "remove_addr":
      connection.addresses.onRemoveAddress(option.addressIds, now);
      return true;
    case "mp_prio":
      connection.addresses.onPriority(subflow, option.backup, option.addressId, now);
      return true;
    case "mp_join_ack":
      // RFC 8684 §3.2: the peer sends it until it is answered.
      if (!subflow.initiator) subflow.tcp.requestAck();
      return true;
    case "mp_fail":
      connection.failure.onMpFail(subflow, option, now);
      return true;
    case "mp_fastclose":
      connection.closing.onFastclose(subflow, option.receiverKey, (segment.flags & TCP_FLAG.RST) !== 0, now);
      return false;
    default:
      return true;
  }
}

/** MP_CAPABLE after the handshake: the third ACK again, or first data with a mapping; duplicates are expected (RFC 8684 §3.1). */
function readLateCapable(subflow: Subflow, option: MpCapable, segment: TcpSegment, offset: number, now: number): boolean {
  const { connection } = subflow;
  if (!subflow.first || subflow.initiator || option.dataLength < 0 || segment.payload.length === 0) return true;
  if ((option.checksum >= 0) !== connection.checksums) return refuseChecksum(subflow, now);
  connection.onDss(now);
  // Data parameters imply the start of both sequence spaces.
  return acceptMapping(subflow, { subflowSequence: 1, dataOffset: 0, length: option.dataLength, dataFin: false, checksum: option.checksum }, segment, offset, now);
}

// ---- MP_CAPABLE

function readCapableSynAck(subflow: Subflow, segment: TcpSegment, now: number): HandshakeVerdict {
  const { connection } = subflow;
  const option = capable(segment);
  if (option === null) {
    fallBack(connection, subflow.tcp.synRetransmissions >= connection.config.capableSyns ? "mp_capable_unanswered" : "no_mp_capable_in_synack", now);
    return "accept";
  }
  const refusal = capableRefusal(option);
  if (refusal !== null || option.senderKey === null) {
    fallBack(connection, refusal ?? "no_key_in_synack", now);
    return "accept";
  }
  connection.environment.counters.increment("MPTcpExtMPCapableSYNACKRX");
  connection.adoptRemoteKey(option.senderKey, (option.flags & MP_CAPABLE_FLAG.C) !== 0);
  // RFC 8684 §3.1: checksums are used when either host requires them; the third ACK confirms it.
  if ((option.flags & MP_CAPABLE_FLAG.A) !== 0) connection.checksums = true;
  return "accept";
}

function readCapableAck(subflow: Subflow, segment: TcpSegment, offset: number, now: number): HandshakeVerdict {
  // A SYN that arrives again is TCP's matter.
  if ((segment.flags & TCP_FLAG.SYN) !== 0) return "accept";
  const { connection } = subflow;
  const option = capable(segment);
  if (option !== null && option.senderKey !== null && option.receiverKey !== null && capableRefusal(option) === null && equalOctets(option.receiverKey, connection.localKeys.key)) {
    connection.environment.counters.increment("MPTcpExtMPCapableACKRX");
    connection.adoptRemoteKey(option.senderKey, connection.remoteDeniesJoin);
    if ((option.flags & MP_CAPABLE_FLAG.A) !== 0) connection.checksums = true;
    subflow.phase = "established";
    return "continue";
  }
  // What overtook the third ACK may carry a DSS only, which shows that options pass: wait for a segment with the keys.
  if (offset > 0 || segment.mptcp.some((other) => other.kind === "dss")) return "drop";
  fallBack(connection, "no_mp_capable_in_ack", now);
  return "accept";
}

function capable(segment: TcpSegment): MpCapable | null {
  for (const option of segment.mptcp) if (option.kind === "mp_capable") return option;
  return null;
}

/** Why an MP_CAPABLE cannot be used by this host (RFC 8684 §3.1), as a fallback reason; null when it can. */
export function capableRefusal(option: MpCapable): string | null {
  if (option.version !== 1) return "unsupported_version";
  if ((option.flags & MP_CAPABLE_FLAG.B) !== 0) return "unknown_extension_flag";
  if ((option.flags & MP_CAPABLE_FLAG.H) === 0) return "no_common_algorithm";
  return null;
}

// ---- MP_JOIN

function readJoinSynAck(subflow: Subflow, segment: TcpSegment): HandshakeVerdict {
  const { connection } = subflow;
  for (const option of segment.mptcp) {
    if (option.kind !== "mp_join_synack") continue;
    connection.environment.counters.increment("MPTcpExtMPJoinSynAckRx");
    const expected = joinHmac(connection.remoteKey, connection.localKeys.key, option.nonce, subflow.localNonce);
    if (!equalOctets(option.hmac, expected.subarray(0, 8))) {
      connection.environment.counters.increment("MPTcpExtMPJoinSynAckHMacFailure");
      subflow.refusal = "bad_hmac";
      return "accept";
    }
    subflow.remoteNonce = option.nonce;
    subflow.remoteAddressId = option.addressId;
    subflow.peerBackup = option.backup;
    if (option.backup) connection.environment.counters.increment("MPTcpExtMPJoinSynAckBackupRx");
    subflow.phase = "pre-established";
    return "accept";
  }
  subflow.refusal = "no_mp_join_in_synack";
  return "accept";
}

/** The initiator may send data once anything after the SYN+ACK arrives: the peer has our HMAC (RFC 8684 §3.2). */
function readJoinConfirmation(subflow: Subflow, segment: TcpSegment, now: number): HandshakeVerdict {
  if (subflow.phase === "pre-established" && (segment.flags & TCP_FLAG.ACK) !== 0) onJoined(subflow, now);
  return "continue";
}

function readJoinAck(subflow: Subflow, segment: TcpSegment, now: number): HandshakeVerdict {
  if ((segment.flags & TCP_FLAG.SYN) !== 0) return "accept";
  const { connection } = subflow;
  for (const option of segment.mptcp) {
    if (option.kind !== "mp_join_ack") continue;
    connection.environment.counters.increment("MPTcpExtMPJoinAckRx");
    const expected = joinHmac(connection.remoteKey, connection.localKeys.key, subflow.remoteNonce, subflow.localNonce);
    if (equalOctets(option.hmac, expected.subarray(0, 20))) {
      subflow.phase = "pre-established";
      return "accept";
    }
    connection.environment.counters.increment("MPTcpExtMPJoinAckHMacFailure");
    resetSubflow(subflow, "bad_hmac", MP_RESET_REASON.mptcpSpecific, now);
    return "drop";
  }
  resetSubflow(subflow, "no_mp_join_in_ack", MP_RESET_REASON.mptcpSpecific, now);
  return "drop";
}
