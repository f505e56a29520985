import type { CloseReason } from "../core/index.ts";
import { NEVER } from "../core/index.ts";
import { STREAM_EVENT } from "../tcp/index.ts";
import type { TcpSegment } from "../wire/index.ts";
import { equalOctets } from "./keys.ts";
import type { Subflow } from "./subflow.ts";

/** The TCP connection of a subflow ended; `segment` is the one that ended it, null when none did. */
export function onTcpClosed(subflow: Subflow, reason: CloseReason | null, segment: TcpSegment | null, now: number): void {
  const { connection } = subflow;
  if (segment !== null && !connection.regularTcp) {
    for (const option of segment.mptcp) {
      if (option.kind === "mp_fastclose" && equalOctets(option.receiverKey, connection.localKeys.key)) {
        connection.closing.onFastclose(subflow, option.receiverKey, true, now);
        return;
      }
      if (option.kind === "mp_fail") connection.environment.counters.increment("MPTcpExtMPFailRx");
      if (option.kind === "mp_tcprst") {
        connection.environment.counters.increment("MPTcpExtMPRstRx");
        // RFC 8684 §3.6: a permanent condition is no reason to try that path again.
        removeSubflow(subflow, `${option.transient ? "reset" : "refused"}_${option.reason}`, reason, now);
        return;
      }
    }
  }
  removeSubflow(subflow, reason ?? "fin", reason, now);
}

/** Ends a subflow with a RST that says why (RFC 8684 §3.6); the connection goes on. */
export function resetSubflow(subflow: Subflow, reason: string, code: number, now: number): void {
  if (subflow.phase === "closed") return;
  subflow.resetReason = code;
  subflow.connection.environment.counters.increment("MPTcpExtMPRstTx");
  endSubflow(subflow, reason, now);
}

/** Ends a subflow by RST and takes it out. */
export function endSubflow(subflow: Subflow, reason: string, now: number): void {
  if (subflow.phase === "closed") return;
  const handshake = subflow.phase !== "established";
  subflow.tcp.abort(now);
  if (handshake && !subflow.first) {
    const { tuple } = subflow.tcp;
    subflow.connection.log.observe(subflow, { kind: "join_refused", reason, local: String(tuple.localAddress), remote: String(tuple.remoteAddress) });
  }
  removeSubflow(subflow, reason, "ECONNABORTED", now);
}

/** Takes out a subflow whose TCP connection is gone, and finds another way for its data. */
export function removeSubflow(subflow: Subflow, reason: string, error: CloseReason | null, now: number): void {
  if (subflow.phase === "closed") return;
  const { connection } = subflow;
  const { subflows, sender } = connection;
  subflow.phase = "closed";
  subflow.joinAckAt = NEVER;
  subflow.removalAt = NEVER;
  subflow.removalCheck = null;
  const at = subflows.indexOf(subflow);
  if (at >= 0) subflows.splice(at, 1);
  if (connection.lastReceiver === subflow) connection.lastReceiver = null;
  subflow.tcp.congestion.release();
  sender.subflowsChanged();
  connection.log.observe(subflow, { kind: "subflow_closed", reason });
  if (connection.regularTcp) {
    // A join that was under way when the connection fell back is not the connection.
    if (subflow.first) connection.finish(error);
    connection.release(now);
    return;
  }
  if (connection.closed) {
    if (error === null) connection.closing.finExchanged(now);
    connection.release(now);
    if (connection.mayOpen) connection.addresses.onSubflowClosed(subflow, reason, now);
    return;
  }
  sender.reinject(subflow, "subflow_death");
  sender.reinjections.forget(subflow.id);
  subflow.sent.clear();
  connection.raise(STREAM_EVENT.subflows);
  if (subflows.length === 0 && !connection.fullyEstablished) {
    // The connection never came to be, or never left its first path.
    connection.finish(error ?? "ECONNRESET");
    connection.release(now);
    return;
  }
  connection.addresses.onSubflowClosed(subflow, reason, now);
  if (subflows.length === 0) {
    // X4: break before make. Nothing may arrive for a while.
    connection.noSubflowAt = now + connection.config.noSubflowTimeout;
    connection.arm(connection.noSubflowAt);
  }
  connection.wakeSubflows(now);
}
