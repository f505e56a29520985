/**
 * node/udp/sealed/: datagrams sealed by a key that both ends have: handshakes of Noise, sessions and their renewal as in WireGuard. Knows no sockets, and no clock but by `createSeal`;
 * a port of a link asks it to seal a datagram in place, and to open one. docs/udp-key.md explains it.
 *
 * @module
 */
export { createSeal } from "./environment.ts";
export { generateUdpKey } from "./key.ts";
export { SEALED_HEADER, SEALED_OVERHEAD } from "./messages.ts";
export type { SealedPeer } from "./peer.ts";
export type { Seal, SealCounters } from "./seal.ts";
export { SealedPort } from "./sealed-port.ts";
