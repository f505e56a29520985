import { NEVER, SECOND } from "../core/index.ts";
import { MP_RESET_REASON } from "../wire/index.ts";
import type { MptcpConnection } from "./connection.ts";
import { equalOctets } from "./keys.ts";
import { endSubflow, removeSubflow, resetSubflow } from "./subflow-end.ts";
import type { Subflow } from "./subflow.ts";

/**
 * How a connection ends (RFC 8684 §3.3.3, §3.5): once both DATA_FINs are acknowledged its subflows close with FINs, the active closer's first;
 * or at once, by MP_FASTCLOSE from either end.
 */
export class Closing {
  /** The peer's DATA_FIN arrived before ours left: the peer is to be the active closer of the subflows too (X3). */
  passive = false;
  /** A subflow closed with FINs after the connection had: the peer knows that all is done. */
  private orderly = false;
  private readonly connection: MptcpConnection;
  private closeAt = NEVER;
  private fastcloseAt = NEVER;
  private fastcloseTries = 0;
  private lingerUntil = -1;
  private orphanAt = NEVER;

  constructor(connection: MptcpConnection) {
    this.connection = connection;
  }

  get nextTimeout(): number {
    return Math.min(this.closeAt, this.fastcloseAt, this.orphanAt, this.lingerUntil < 0 ? NEVER : this.lingerUntil);
  }

  /** Whether the connection is closed and remembered, see {@link Closing.lingers}. */
  get isLingering(): boolean {
    return this.lingerUntil >= 0 && !this.orderly;
  }

  /**
   * Whether a closed connection without subflows is to be remembered: TIME-WAIT at connection level (RFC 8684 §3.3.3, Appendix D). A peer
   * that lost its last subflow before it heard our last Data ACK can come back for it by a join, or be joined.
   */
  lingers(now: number): boolean {
    const { connection } = this;
    if (this.orderly || connection.error !== null || connection.regularTcp || !connection.fullyEstablished) return false;
    if (this.lingerUntil < 0) {
      this.lingerUntil = now + connection.config.noSubflowTimeout;
      connection.arm(this.lingerUntil);
    }
    return now < this.lingerUntil;
  }

  /** Both DATA_FINs are acknowledged. */
  closeSubflowsInTurn(now: number): void {
    this.orphanAt = now + ORPHAN_TIMEOUT;
    this.connection.arm(this.orphanAt);
    if (!this.passive) {
      this.closeSubflows(now);
      return;
    }
    // X3: the peer's FINs come first, so that TIME-WAIT stays with the active closer.
    this.closeAt = now + PASSIVE_CLOSE_WAIT;
    this.connection.arm(this.closeAt);
  }

  private closeSubflows(now: number): void {
    const { connection } = this;
    for (const subflow of connection.subflows.slice()) {
      // RFC 8684 §3.3.3: a subflow that still has to retransmit what others delivered may be reset.
      if (subflow.stale) resetSubflow(subflow, "connection_closed", MP_RESET_REASON.tooMuchOutstandingData, now);
      else if (subflow.established) subflow.tcp.close(now);
      // A join that is under way may have to carry the last Data ACK; it closes once it is established.
    }
  }

  /** A subflow ended with FINs in both directions: the peer knows that all is done, so that joins under way are of no use. */
  finExchanged(now: number): void {
    this.orderly = true;
    for (const subflow of this.connection.subflows.slice()) if (!subflow.established) endSubflow(subflow, "connection_closed", now);
  }

  /** The application breaks the connection off. */
  abort(now: number): void {
    const { connection } = this;
    const announced = !connection.regularTcp && connection.remoteKnown;
    if (announced) connection.log.observe(null, { kind: "fastclose", direction: "out" });
    const carrier = announced && connection.config.fastclose === "ack" ? connection.subflows.find((subflow) => subflow.established) : undefined;
    connection.finish("ECONNABORTED");
    // RFC 8684 §3.5, option R: a RST with MP_FASTCLOSE on every subflow. Option A: an ACK with it on one, RSTs on the others.
    for (const subflow of connection.subflows.slice()) {
      if (subflow === carrier) continue;
      subflow.fastclose = carrier === undefined;
      endSubflow(subflow, "aborted", now);
    }
    if (carrier !== undefined) {
      carrier.fastclose = true;
      this.sendFastclose(carrier, now);
    }
    connection.release(now);
  }

  /** Option A: the ACK is sent again until the peer's RST arrives, then given up with a RST (RFC 8684 §3.5). */
  private sendFastclose(subflow: Subflow, now: number): void {
    if (this.fastcloseTries > FASTCLOSE_RETRIES) {
      this.fastcloseAt = NEVER;
      endSubflow(subflow, "aborted", now);
      return;
    }
    this.fastcloseTries++;
    subflow.tcp.requestAck();
    this.fastcloseAt = now + subflow.tcp.rto;
    this.connection.arm(this.fastcloseAt);
  }

  onFastclose(subflow: Subflow, key: Uint8Array, withReset: boolean, now: number): void {
    const { connection } = this;
    if (!equalOctets(key, connection.localKeys.key)) return;
    connection.environment.counters.increment("MPTcpExtMPFastcloseRx");
    connection.log.observe(subflow, { kind: "fastclose", direction: "in" });
    connection.finish("ECONNRESET");
    // RFC 8684 §3.5: all subflows are torn down by RST, also when ours crossed it; the one that a RST came on is gone already.
    for (const other of connection.subflows.slice()) {
      if (withReset && other === subflow) removeSubflow(other, "fastclose", "ECONNRESET", now);
      else endSubflow(other, "fastclose", now);
    }
    connection.release(now);
  }

  handleTimeout(now: number): void {
    if (now >= this.fastcloseAt) {
      const waiting = this.connection.subflows.find((subflow) => subflow.fastclose);
      if (waiting === undefined) this.fastcloseAt = NEVER;
      else this.sendFastclose(waiting, now);
    }
    if (now >= this.closeAt) {
      this.closeAt = NEVER;
      this.closeSubflows(now);
    }
    // Nor may a subflow that was joined while the connection lingered keep it for longer.
    if (now >= this.orphanAt || (this.lingerUntil >= 0 && now >= this.lingerUntil)) {
      this.orphanAt = NEVER;
      for (const subflow of this.connection.subflows.slice()) endSubflow(subflow, "orphan", now);
    }
  }
}

/** How long a passive closer leaves the subflows' FINs to the peer, ns. */
const PASSIVE_CLOSE_WAIT = 3 * SECOND;
/** After a regular close a subflow whose peer does not answer is given up, as Linux does with FIN-WAIT-2, ns. */
const ORPHAN_TIMEOUT = 60 * SECOND;
/** ACKs with MP_FASTCLOSE sent again (RFC 8684 §3.5 recommends 3). */
const FASTCLOSE_RETRIES = 3;
