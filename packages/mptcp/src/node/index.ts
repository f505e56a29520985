/**
 * node/: the engine on real networks, from Node. The one room that reads clocks, timers and sockets. {@link Runtime} drives a `Host` on
 * links, each a {@link LinkDriver}.
 *
 * @module
 */
export type { LinkDriver, LinkHandler } from "./link.ts";
export { UdpLink } from "./udp.ts";
export type { UdpLinkOptions } from "./udp.ts";
export { CryptoRandom } from "./random.ts";
export { Runtime } from "./runtime.ts";
export type { ConnectionHandler, LinkAddress, RuntimeOptions } from "./runtime.ts";
