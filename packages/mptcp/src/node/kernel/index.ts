/**
 * node/kernel/: the kernel's own Multipath TCP (IPPROTO_MPTCP, Linux 5.6 and newer) behind `net.Socket` and `net.Server`. The sockets are opened
 * through koffi and handed to Node's `net`, so that they behave as `net`'s because they are.
 *
 * @module
 */
export { kernelMptcp } from "./availability.ts";
export type { KernelMptcpStatus } from "./availability.ts";
export { KernelServer } from "./kernel-server.ts";
export type { KernelListenOptions, KernelServerOptions } from "./kernel-server.ts";
export { KernelSocket } from "./kernel-socket.ts";
export type { KernelConnectOptions, KernelSocketOptions } from "./kernel-socket.ts";
export { KernelSocketMptcp } from "./kernel-socket-mptcp.ts";
export { armHandle } from "./tcp-handle.ts";
