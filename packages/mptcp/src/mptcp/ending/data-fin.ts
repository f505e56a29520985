import type { MptcpConfig } from "../config.ts";
import type { Carrier } from "../context.ts";
import type { DataSender } from "../data/sender.ts";
import type { Session } from "../session.ts";

/** What our DATA_FIN asks of the connection around it. */
export interface DataFinContext {
  readonly config: Pick<MptcpConfig, "dataFinOn" | "dataFinProbe" | "keysRepeated">;
  readonly session: Pick<Session, "fullyEstablished" | "initiator">;
  readonly sender: DataSender;
  readonly subflows: readonly DataFinSubflow[];
  /** Whether the handshake of the first subflow is over. */
  readonly isConnected: boolean;
  acknowledgeOnAll(): void;
}

/** A subflow as our DATA_FIN sees it. */
export interface DataFinSubflow extends Carrier {
  requestAck(): void;
}

/** Sends a DATA_FIN without data, once the peer is known to have our key, or there is no data that could carry the key to it. */
export function releaseDataFin(context: DataFinContext, now: number): void {
  const { config, sender, session } = context;
  // A third ACK that echoes the listener's key has shown that.
  const isCarryingKey = session.initiator && sender.hasData && config.keysRepeated === "confirmed";
  if (!session.fullyEstablished && (!context.isConnected || isCarryingKey)) return;
  // In Linux, data that is to be sent again since its only subflow closes goes first.
  if (config.dataFinOn === "all" && sender.una < sender.nxt && sender.carriers.usable().length === 0) return;
  if (!sender.releaseFin(now)) return;
  if (config.dataFinOn === "all") context.acknowledgeOnAll();
  else for (const subflow of sender.carriers.usable()) (subflow as DataFinSubflow).requestAck();
}

/** Sends the DATA_FIN again. Nothing has to answer a pure ACK: a probe shows whether the peer's segments still carry options (RFC 8684 §3.7). */
export function repeatDataFin(context: DataFinContext, now: number): void {
  for (const subflow of context.subflows) {
    if (!subflow.established) continue;
    subflow.requestAck();
    if (context.config.dataFinProbe) subflow.sendProbe(now);
  }
}
