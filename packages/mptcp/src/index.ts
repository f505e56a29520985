/**
 * mptcp: Multipath TCP (RFC 8684) as a sans-IO engine. This face has the host, its connections and everything that can be
 * configured; the virtual network is `mptcp/sim`, packets are `mptcp/wire`, captures are `mptcp/capture`.
 *
 * @module
 */
export * from "./core/index.ts";
export * from "./host/index.ts";
export * from "./mptcp/index.ts";
export * from "./tcp/index.ts";
