import { IpAddress } from "../../wire/index.ts";

/** The address of host `host` (below 256) on network `network` (16 bits): 10.n.n.host, or fd00:0:0:network::host. */
export function addressOn(family: 4 | 6, network: number, host: number): IpAddress {
  if (family === 4) return IpAddress.v4(((10 << 24) | (network << 8) | host) >>> 0);
  return IpAddress.v6(0xfd000000, network, 0, host);
}

/** What a topology is built with: one family or both. */
export type Families = 4 | 6 | "both";

export function familiesOf(families: Families): readonly (4 | 6)[] {
  return families === "both" ? [4, 6] : [families];
}
