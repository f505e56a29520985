/**
 * node/handle/: connections and listeners of the engine as what Node has beneath its sockets and servers.
 *
 * @module
 */
export { ListenHandle, listenOnEngine } from "./listen-handle.ts";
export type { ListenPlace, ListenSettings } from "./listen-handle.ts";
export { exchangeHandle, isNodeKnown, isUnusedTcpHandle, keepStreams, nodeListenOn, ownerOf, setOwner, socketHandle, tcpHandleClass, UV_TCP_IPV6ONLY } from "./node-handle.ts";
export type { ListenOn, NodeHandle } from "./node-handle.ts";
export { resetAndDestroy, StreamHandle } from "./stream-handle.ts";
export { noteTlsConsumers } from "./tls-consumers.ts";
