import { SEGMENT_ROLE } from "../../tcp/index.ts";
import type { SegmentRole, TcpConnection } from "../../tcp/index.ts";
import type { MptcpConfig } from "../config.ts";

/** Whether a subflow was closed here and is no part of the connection any more, so that nothing is said on it of the end of that; see `MptcpConfig.subflowFin`. */
export function isLeft({ config, first, tcp }: { readonly config: Pick<MptcpConfig, "subflowFin">; readonly first: boolean; readonly tcp: { readonly closing: boolean } }): boolean {
  return tcp.closing && !first && config.subflowFin === "open";
}

/** Whether an ACK in TIME-WAIT says nothing of the connection; see `MptcpConfig.timeWaitDataAck`. What is kept of a subflow is asked for as a probe, when its last ACK has left. */
export function isMute({ config, abandoned }: { readonly config: Pick<MptcpConfig, "timeWaitDataAck">; readonly abandoned: boolean }, tcp: TcpConnection, role: SegmentRole): boolean {
  return tcp.state === "TIME-WAIT" && config.timeWaitDataAck === "held" && (role === SEGMENT_ROLE.probe || (abandoned && tcp.wasFinWait2));
}
