import type { TcpConfig } from "../../tcp/index.ts";

/**
 * Octets that an option of `length` adds to the header of a segment, a multiple of 4. Timestamps alone take twelve octets, ten and two of
 * padding; an option beside them begins in that padding, unless the layout is aligned.
 */
export function headerGrowth(length: number, tcp: { readonly timestamps: boolean; readonly config: Pick<TcpConfig, "optionLayout"> }): number {
  return tcp.timestamps && tcp.config.optionLayout === "packed" ? ((10 + length + 3) & ~3) - 12 : (length + 3) & ~3;
}
