import type { LocalAddress, RemoteAddress } from "../path-manager.ts";

/**
 * Our addresses in the order in which a route to `remote` would have them as its source. Linux leaves the choice to the route, which no engine
 * without input and output sees: the address whose network the destination is in has the longest prefix in common with it (RFC 6724 §5, rule 8).
 * Of equals the first subflow's address, whose path works, comes first.
 */
export function sourcesFor(local: readonly LocalAddress[], remote: RemoteAddress): readonly LocalAddress[] {
  return local
    .filter(({ up, address }) => up && address.family === remote.address.family)
    .toSorted((a, b) => remote.address.commonPrefix(b.address) - remote.address.commonPrefix(a.address) || Number(b.id === 0) - Number(a.id === 0));
}
