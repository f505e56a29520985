import type { SegmentRole } from "../tcp/index.ts";
import { SEGMENT_ROLE } from "../tcp/index.ts";
import type { MptcpOption, TcpSegment } from "../wire/index.ts";
import { Dss, MP_CAPABLE_FLAG, mptcpOptionLength } from "../wire/index.ts";
import { joinHmac } from "./keys.ts";
import { SentMapping } from "./mapping.ts";
import type { Subflow } from "./subflow.ts";

/** Octets that the MPTCP options of a data segment add to its header, at the most; see TcpOwner.dataOptionSpace. */
export function dataOptionSpace(subflow: Subflow): number {
  const { connection } = subflow;
  const timestamps = subflow.tcp.timestamps;
  if (connection.regularTcp) return connection.infiniteMappingPending ? headerGrowth(DSS_MAPPING_LENGTH + (connection.checksums ? 2 : 0), timestamps) : 0;
  // MP_CAPABLE with data, 22 octets or 24, replaces the first DSS (RFC 8684 §3.1).
  if (subflow.first && subflow.initiator && !connection.fullyEstablished) return headerGrowth(Math.max(connection.checksums ? 24 : 22, connection.dssLength), timestamps);
  return headerGrowth(connection.dssLength, timestamps);
}

/** The timestamps' ten octets count as twelve without other options; part of the two is used by what follows them. */
function headerGrowth(length: number, timestamps: boolean): number {
  return timestamps ? ((10 + length + 3) & ~3) - 12 : (length + 3) & ~3;
}

/** Puts the MPTCP options on a segment that is about to leave; see TcpOwner.segmentOptions. */
export function writeOptions(subflow: Subflow, segment: TcpSegment, role: SegmentRole, tag: object | null, offset: number, space: number, now: number): void {
  const { connection } = subflow;
  switch (role) {
    case SEGMENT_ROLE.syn:
      writeSyn(subflow, segment);
      return;
    case SEGMENT_ROLE.synAck:
      writeSynAck(subflow, segment);
      return;
    case SEGMENT_ROLE.reset:
      writeReset(subflow, segment);
      return;
    default:
  }
  if (connection.regularTcp) {
    if (connection.infiniteMappingPending && (role === SEGMENT_ROLE.data || role === SEGMENT_ROLE.fin)) writeInfiniteMapping(subflow, segment, offset);
    if (connection.failure.due) writeFailure(subflow, segment, role);
    return;
  }
  if (!connection.remoteKnown) return;
  if (subflow.fastclose) {
    writeFastclose(subflow, segment);
    return;
  }
  if (!subflow.first && subflow.initiator && subflow.phase === "pre-established") {
    // RFC 8684 §3.2: the third ACK carries the HMAC until the peer has confirmed it.
    const hmac = joinHmac(connection.localKeys.key, connection.remoteKey, subflow.localNonce, subflow.remoteNonce);
    segment.mptcp = [{ kind: "mp_join_ack", hmac: hmac.slice(0, 20) }];
    return;
  }
  if (subflow.first && subflow.initiator && !connection.fullyEstablished && writeCapableAck(subflow, segment, tag)) return;
  writeDss(subflow, segment, role, tag, space, now);
}

function writeSyn(subflow: Subflow, segment: TcpSegment): void {
  const { connection } = subflow;
  if (!subflow.first) {
    segment.mptcp = [{ kind: "mp_join_syn", backup: subflow.localBackup, addressId: subflow.localAddressId, token: connection.remoteToken, nonce: subflow.localNonce }];
    return;
  }
  // H5: after some SYNs without answer, try without the option (RFC 8684 §3.1).
  if (connection.regularTcp || subflow.tcp.synRetransmissions >= connection.config.capableSyns) return;
  segment.mptcp = [{ kind: "mp_capable", version: 1, flags: connection.capableFlags, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 }];
}

function writeSynAck(subflow: Subflow, segment: TcpSegment): void {
  const { connection } = subflow;
  if (connection.regularTcp) return;
  if (subflow.first) {
    segment.mptcp = [{ kind: "mp_capable", version: 1, flags: connection.capableFlags, senderKey: connection.localKeys.key, receiverKey: null, dataLength: -1, checksum: -1 }];
    return;
  }
  const hmac = joinHmac(connection.localKeys.key, connection.remoteKey, subflow.localNonce, subflow.remoteNonce);
  segment.mptcp = [{ kind: "mp_join_synack", backup: subflow.localBackup, addressId: subflow.localAddressId, hmac: hmac.slice(0, 8), nonce: subflow.localNonce }];
}

function writeReset(subflow: Subflow, segment: TcpSegment): void {
  const { connection } = subflow;
  if (connection.regularTcp) return;
  if (subflow.fastclose && connection.remoteKnown) writeFastclose(subflow, segment);
  else if (subflow.resetReason >= 0) {
    const reset: MptcpOption = { kind: "mp_tcprst", transient: false, reserved: 0, reason: subflow.resetReason };
    // RFC 8684 §3.7: what the peer sent from here on is not trusted.
    segment.mptcp = subflow.failedAt >= 0 ? [connection.failure.optionFor(subflow.failedAt), reset] : [reset];
  }
}

/** RFC 8684 §3.5; counted by segment, as Linux does. */
function writeFastclose(subflow: Subflow, segment: TcpSegment): void {
  const { connection } = subflow;
  connection.environment.counters.increment("MPTcpExtMPFastcloseTx");
  segment.mptcp = [{ kind: "mp_fastclose", receiverKey: connection.remoteKey }];
}

/**
 * The third ACK, and first data, of the initiator: both keys, until a DSS shows that they arrived (RFC 8684 §3.1).
 * @returns false when this segment must carry a DSS instead (data after the first mapping)
 */
function writeCapableAck(subflow: Subflow, segment: TcpSegment, tag: object | null): boolean {
  const { connection } = subflow;
  let dataLength = -1;
  let checksum = -1;
  if (tag instanceof SentMapping) {
    // MP_CAPABLE says nothing of sequence numbers: it can only describe the mapping at the start, and no DATA_FIN.
    if (tag.dataOffset !== 0 || tag.subflowOffset !== 0 || tag.dataFin) return false;
    dataLength = tag.length;
    checksum = tag.checksum;
  } else if (connection.finDue && connection.capableAckSent) return false;
  else {
    connection.capableAckSent = true;
    // The DATA_FIN that waits has to go on an ACK of its own.
    if (connection.finDue) subflow.tcp.requestAck();
  }
  segment.mptcp = [
    { kind: "mp_capable", version: 1, flags: connection.capableFlags & ~MP_CAPABLE_FLAG.C, senderKey: connection.localKeys.key, receiverKey: connection.remoteKey, dataLength, checksum },
  ];
  return true;
}

function writeDss(subflow: Subflow, segment: TcpSegment, role: SegmentRole, tag: object | null, space: number, now: number): void {
  const { connection } = subflow;
  const dss = new Dss();
  const { receiver, sender } = connection;
  const acknowledgment = receiver.acknowledgment;
  dss.dataAckLength = connection.dataAckLength;
  dss.dataAckLow = connection.remoteSpace.low(acknowledgment);
  if (dss.dataAckLength === 8) dss.dataAckHigh = connection.remoteSpace.high(acknowledgment);
  if (tag instanceof SentMapping) {
    setMapping(subflow, dss, tag.dataOffset, tag.subflowOffset + 1, tag.length + (tag.dataFin ? 1 : 0), tag.checksum);
    dss.dataFin = tag.dataFin;
  } else if (sender.finSent && !sender.finAcknowledged && sender.next === sender.finOffset) {
    connection.finDue = false;
    // RFC 8684 §3.3.3: a DATA_FIN without data has subflow sequence 0 and length 1.
    setMapping(subflow, dss, sender.finOffset, 0, 1, connection.checksumFor(null, sender.finOffset, 0, 1));
    dss.dataFin = true;
  }
  if (connection.hasSignals && role === SEGMENT_ROLE.data) {
    // Signals go on pure ACKs (RFC 8684 §3.4.1); this segment took the place of the one that was asked for.
    subflow.tcp.requestAck();
  }
  if (role === SEGMENT_ROLE.ack && connection.hasSignals) {
    const signal = connection.takeSignal(subflow, space, now);
    if (signal !== null && mptcpOptionLength(signal) + mptcpOptionLength(dss) > space) {
      // No room for both: the Data ACK, and perhaps the DATA_FIN, follow on an ACK of their own.
      if (dss.dataFin) connection.finDue = true;
      subflow.tcp.requestAck();
      segment.mptcp = [signal];
      return;
    }
    if (signal !== null) {
      segment.mptcp = [dss, signal];
      return;
    }
  }
  segment.mptcp = [dss];
}

/** After fallback what is sent next tells the peer once more (RFC 8684 §3.7): this offset, and all after it, map one to one. */
function writeInfiniteMapping(subflow: Subflow, segment: TcpSegment, offset: number): void {
  const { connection } = subflow;
  const dss = new Dss();
  const from = connection.infiniteFrom >= 0 ? connection.infiniteFrom : offset;
  setMapping(subflow, dss, connection.regularOffset + from, from + 1, 0, connection.checksums ? 0 : -1);
  segment.mptcp = [dss];
  connection.infiniteMappingPending = false;
  connection.environment.counters.increment("MPTcpExtInfiniteMapTx");
}

/** RFC 8684 §3.7: MP_FAIL goes on an ACK. */
function writeFailure(subflow: Subflow, segment: TcpSegment, role: SegmentRole): void {
  if (role === SEGMENT_ROLE.ack) segment.mptcp = [subflow.connection.failure.takeOption()];
  else subflow.tcp.requestAck();
}

function setMapping(subflow: Subflow, dss: Dss, dataOffset: number, subflowSequence: number, dataLength: number, checksum: number): void {
  const { localSpace, config } = subflow.connection;
  dss.dsnLength = config.dataSequenceLength;
  dss.dsnLow = localSpace.low(dataOffset);
  if (dss.dsnLength === 8) dss.dsnHigh = localSpace.high(dataOffset);
  dss.subflowSequence = subflowSequence >>> 0;
  dss.dataLength = dataLength;
  dss.checksum = checksum;
}

/** DSS with a mapping and nothing else: kind, length, flags, 8-octet DSN, SSN, length. */
const DSS_MAPPING_LENGTH = 18;
