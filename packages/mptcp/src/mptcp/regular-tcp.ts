import { NEVER } from "../core/index.ts";
import type { SegmentSlot } from "../tcp/index.ts";
import { STREAM_EVENT } from "../tcp/index.ts";
import { MP_RESET_REASON } from "../wire/index.ts";
import type { MptcpConnection } from "./connection.ts";
import { endSubflow, resetSubflow } from "./subflow-end.ts";
import type { Subflow } from "./subflow.ts";

/** Gives up Multipath TCP: the connection is a plain stream over its first subflow from here on (RFC 8684 §3.7). `reason` is what `fallback` says. */
export function fallBack(connection: MptcpConnection, reason: string, now: number): void {
  if (connection.regularTcp) return;
  const { sender, subflows } = connection;
  const handshakeOver = connection.remoteKnown && connection.connectedAt >= 0;
  connection.regularTcp = true;
  connection.fallback = reason;
  for (const subflow of subflows) subflow.tcp.sharedWindow = false;
  if (connection.checksums && connection.connectedAt >= 0) for (const subflow of subflows) subflow.checked?.release(subflow.checked.start(connection.receiver.next), now);
  // RFC 8684 §3.7: one last mapping, of infinite length, tells a peer that still sees our options.
  connection.infiniteMappingPending = handshakeOver;
  sender.right = NEVER;
  sender.reinjections.clear();
  sender.timerAt = NEVER;
  const counter = FALLBACK_COUNTER[reason];
  if (counter !== undefined) connection.environment.counters.increment(counter);
  connection.log.observe(null, { kind: "fallback", reason });
  connection.raise(STREAM_EVENT.fallback);
  if (connection.connectedAt < 0) return;
  // RFC 8684 §3.7: from here on the subflow's ACKs clear the send buffer.
  for (const subflow of subflows) if (subflow.first) acknowledgedRegular(connection, subflow.tcp.ackedOffset, now);
  for (const subflow of subflows.slice()) if (!subflow.first) endSubflow(subflow, "fallback", now);
  if (sender.finQueued) for (const subflow of subflows) subflow.tcp.close(now);
  connection.wakeSubflows(now);
}

/** The peer declared a mapping without end (RFC 8684 §3.7): it speaks regular TCP from there on, and so do we. */
export function onInfiniteMapping(subflow: Subflow, dataOffset: number, subflowOffset: number, now: number): void {
  const { connection } = subflow;
  if (!subflow.first || !connection.mayFallBack) return;
  connection.environment.counters.increment("MPTcpExtInfiniteMapRx");
  if (connection.failure.isWaiting(subflow)) {
    connection.failure.revert(now);
    return;
  }
  const regularOffset = dataOffset - subflowOffset;
  // One stream from here on: nothing could fill a gap in the data any more, and what comes after it would be stored for ever.
  if (!(dataOffset >= 0 && regularOffset + subflow.tcp.receivedOffset <= connection.receiver.next)) {
    connection.environment.counters.increment("MPTcpExtDSSNotMatching");
    resetSubflow(subflow, "mapping_conflict", MP_RESET_REASON.mptcpSpecific, now);
    return;
  }
  connection.regularOffset = regularOffset;
  fallBack(connection, "infinite_mapping", now);
}

/** TcpOwner.offer of the only subflow: bytes that may be sent now, `limit` at the most. */
export function offerRegular(connection: MptcpConnection, limit: number): number {
  return Math.min(limit, connection.sender.queue.end - connection.sender.next);
}

/** TcpOwner.take of the only subflow. */
export function takeRegular(connection: MptcpConnection, length: number, slot: SegmentSlot, now: number): void {
  const { sender } = connection;
  sender.lastSentAt = now;
  slot.payload = sender.queue.slice(sender.next, length);
  slot.tag = null;
  sender.next += length;
  slot.push = sender.next === sender.queue.end;
}

/** The subflow's cumulative ACK reached stream offset `to`: it stands for a Data ACK. */
export function acknowledgedRegular(connection: MptcpConnection, to: number, now: number): void {
  connection.onDataAck(Math.min(to, connection.sender.next), NEVER, now);
  connection.sender.timerAt = NEVER;
}

/** Fallback reason -> counter of the kernel's MIB. */
const FALLBACK_COUNTER: Readonly<Record<string, string>> = {
  no_mp_capable_in_synack: "MPTcpExtMPCapableFallbackSYNACK",
  mp_capable_unanswered: "MPTcpExtMPCapableSYNTXDrop",
  blackhole_remembered: "MPTcpExtBlackhole",
  no_mp_capable_in_ack: "MPTcpExtMPCapableFallbackACK",
  no_data_ack: "MPTcpExtMPCapableDataFallback",
  options_lost_on_data: "MPTcpExtMPCapableDataFallback",
};
