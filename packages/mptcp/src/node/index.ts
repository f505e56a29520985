/**
 * node/: the engine on real networks, from Node. The one room that reads clocks, timers and sockets. {@link Runtime} drives a `Host` on
 * links, each a {@link LinkDriver}; {@link createStack} puts sockets like those of `node:net` on top.
 *
 * @module mptcp/node
 */
export type {
  ConnectionReference, ConnectionStatus, Control, ControlClient, ControlErrorCode, ControlEvent, ControlEventKind, ControlEventOf, ControlHello, ControlMethod,
  ControlOptions, ControlParams, ControlPolicyKind, ControlResult, ControlStatus, EndpointStatus, FoundSocket, LinkOpener, PolicyStatus, SubflowStatus,
} from "./control/index.ts";
export { setDefaultStack } from "./default-stack.ts";
export { DeviceFollower, followDevices, isDeviceName, NetworkWatcher } from "./devices/index.ts";
export type { DefaultRoute, DeviceAddress, DeviceKind, DeviceRule, DeviceStatus, FollowOptions, NetworkDevice, NetworkState, NetworkWatcherOptions } from "./devices/index.ts";
export { fixScript } from "./doctor/fix-script.ts";
export type { Check, CheckState, DoctorOptions, DoctorReport, System, Use } from "./doctor/index.ts";
export type { SystemError } from "./errors.ts";
export { kernelMptcp, KernelServer, KernelSocket, KernelSocketMptcp } from "./kernel/index.ts";
export type { KernelConnectOptions, KernelListenOptions, KernelMptcpStatus, KernelServerOptions, KernelSocketOptions } from "./kernel/index.ts";
export type { Companion, LinkConnections, LinkDriver, LinkHandler } from "./link.ts";
export { LinkCapture } from "./link-capture.ts";
export type { LinkCaptureOptions } from "./link-capture.ts";
export type { LocalAddressInfo, MptcpEvents, MptcpInfo, MultipathChoice, RemoteAddressInfo, SocketMptcp, SubflowInfo, SubflowRequest } from "./mptcp-info.ts";
export type { ProbeOptions, ProbeOutcome, ProbeReport, ProbeRow, ProbeState, ProbeTarget } from "./probe/index.ts";
export { doctor, probe } from "./on-demand.ts";
export { connectControl, controlFromEnvironment, findControls, openControl } from "./on-demand-control.ts";
export { CryptoRandom } from "./random.ts";
export { Runtime } from "./runtime.ts";
export type { ConnectionHandler, LinkAddress, RuntimeOptions } from "./runtime.ts";
export { Server } from "./server.ts";
export type { DroppedConnection, ServerEvents, ServerListenOptions, ServerOptions } from "./server.ts";
export { Socket } from "./socket.ts";
export type { LookupFunction, SocketConnectOptions, SocketOptions } from "./socket.ts";
export type { SocketSnapshot } from "./socket-snapshot.ts";
export type { SocketEvents } from "./socket-events.ts";
export { connect, createConnection, createServer, createStack } from "./stack.ts";
export type { Connect, ConnectVia, CreateServer, CreateServerVia, Stack, StackOptions } from "./stack.ts";
export { tunLink, TunLink } from "./tun/index.ts";
export type { TunLinkCounters, TunLinkOptions } from "./tun/index.ts";
export { generateUdpKey, UdpLink } from "./udp/index.ts";
export type { SealCounters, UdpLinkOptions } from "./udp/index.ts";
export type { AnyServer, AnySocket, AutoConnectOptions, AutoServerOptions, Picked, Via, ViaKernelConnectOptions, ViaKernelServerOptions } from "./via.ts";
