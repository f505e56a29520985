/**
 * node/tun/: TUN devices as links: the engine speaks to this machine's kernel, and through it to the network.
 *
 * @module
 */
export { tunLink, TunLink } from "./tun-link.ts";
export type { TunLinkCounters, TunLinkOptions } from "./tun-link.ts";
