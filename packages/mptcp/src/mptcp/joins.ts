import { NEVER } from "../core/index.ts";
import type { FourTuple } from "../tcp/index.ts";
import { STREAM_EVENT } from "../tcp/index.ts";
import type { MpJoinSyn } from "../wire/index.ts";
import { MP_RESET_REASON } from "../wire/index.ts";
import type { MptcpConnection } from "./connection.ts";
import { resetSubflow } from "./subflow-end.ts";
import type { Subflow } from "./subflow.ts";

/**
 * A SYN with MP_JOIN arrived for the connection's token (RFC 8684 §3.2). The host makes the TCP connection for the subflow returned.
 * @returns the MP_TCPRST reason when the join is refused
 */
export function acceptJoin(connection: MptcpConnection, option: MpJoinSyn, tuple: FourTuple): Subflow | number {
  const { config } = connection;
  // After a regular close the peer may come back for the Data ACK of its DATA_FIN.
  if (connection.error !== null || connection.regularTcp || !connection.remoteKnown) return MP_RESET_REASON.mptcpSpecific;
  if (connection.subflows.length > config.limits.subflows) return MP_RESET_REASON.administrativelyProhibited;
  // RFC 8684 §3.1: who sets the C flag does not accept subflows to the address and port that it was sent from.
  const { localAddress, localPort } = connection.tuple;
  if (config.denyJoinInitialAddress && tuple.localPort === localPort && tuple.localAddress.equals(localAddress)) return MP_RESET_REASON.administrativelyProhibited;
  const subflow = connection.addresses.admitJoin(option, tuple);
  if (subflow === null) return MP_RESET_REASON.administrativelyProhibited;
  if (option.backup) connection.environment.counters.increment("MPTcpExtMPJoinSynBackupRx");
  subflow.remoteNonce = option.nonce;
  subflow.localNonce = connection.environment.random.nonces.uint32();
  connection.subflows.push(subflow);
  return subflow;
}

/** The TCP handshake of a join is complete; ours is verified, the peer's verification of it follows (RFC 8684 §3.2). */
export function onJoinConnected(subflow: Subflow, now: number): void {
  const { connection } = subflow;
  if (subflow.refusal !== null) {
    resetSubflow(subflow, subflow.refusal, MP_RESET_REASON.mptcpSpecific, now);
  } else if (subflow.initiator) {
    subflow.joinAckTries = 1;
    subflow.joinAckAt = now + subflow.tcp.rto;
    connection.arm(subflow.joinAckAt);
  } else {
    connection.environment.joined(subflow.tcp);
    onJoined(subflow, now);
    // RFC 8684 §3.2: the third ACK must be answered, it is retransmitted otherwise.
    subflow.tcp.requestAck();
  }
}

/** The two ends have verified each other: the subflow may carry data. */
export function onJoined(subflow: Subflow, now: number): void {
  const { connection } = subflow;
  subflow.phase = "established";
  subflow.joinAckAt = NEVER;
  connection.joinedEver = true;
  connection.failure.onJoined(now);
  connection.addresses.onJoined(subflow);
  connection.noSubflowAt = NEVER;
  connection.sender.subflowsChanged();
  connection.log.established(subflow);
  connection.raise(STREAM_EVENT.subflows);
  if (connection.closed) subflow.tcp.close(now);
  else if (connection.sender.finSent && !connection.sender.finAcknowledged) subflow.tcp.requestAck();
  connection.wakeSubflows(now);
}

/** The third ACK of a join was not confirmed in time: sends it again, or gives up. */
export function retryJoin(subflow: Subflow, now: number): void {
  if (subflow.joinAckTries >= JOIN_ACK_TRIES) {
    resetSubflow(subflow, "join_unconfirmed", MP_RESET_REASON.mptcpSpecific, now);
    return;
  }
  subflow.tcp.requestAck();
  subflow.joinAckAt = now + subflow.tcp.rto * (1 << subflow.joinAckTries++);
}

/** Third ACKs of a join sent before giving up. */
const JOIN_ACK_TRIES = 6;
