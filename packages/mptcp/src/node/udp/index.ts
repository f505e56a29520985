/**
 * node/udp/: links over UDP, for which no privileges are needed: by system calls that carry many datagrams at once where these are to be had, else
 * through node:dgram.
 *
 * @module
 */
export { UdpLink } from "./link.ts";
export type { UdpLinkOptions } from "./link.ts";
export { Poller } from "./poller.ts";
export { generateUdpKey, SEALED_OVERHEAD } from "./sealed/index.ts";
export type { SealCounters } from "./sealed/index.ts";
export { udpSystemCalls } from "./system-calls.ts";
export type { UdpSystemCalls } from "./system-calls.ts";
