import type { MptcpConfig } from "../config.ts";

/** Whether a subflow was closed here and is no part of the connection any more, so that nothing is said on it of the end of that; see `MptcpConfig.subflowFin`. */
export function isLeft({ config, first, tcp }: { readonly config: Pick<MptcpConfig, "subflowFin">; readonly first: boolean; readonly tcp: { readonly closing: boolean } }): boolean {
  return tcp.closing && !first && config.subflowFin === "open";
}
