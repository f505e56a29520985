/**
 * host/: one host: addresses, demultiplexing, listeners, tokens, pending joins, ephemeral ports, timers and counters. A driver (the
 * simulator, or the runtime on a real network) works it through a few calls, see {@link Host}.
 *
 * @module
 */
export type { HostAddress } from "./address-book.ts";
export type { FixedNumbers } from "./fixed-numbers.ts";
export { Host } from "./host.ts";
export type { AddressOptions, ConnectOptions, Defaults, DefaultsChange, HostOptions, HostUsage, ListenOptions } from "./options.ts";
export { linuxMptcpInfo } from "./linux-mptcp-info.ts";
export type { LinuxMptcpInfo } from "./linux-mptcp-info.ts";
export { changeOfSysctl, KNOWN_SYSCTLS } from "./linux-sysctls.ts";
export { Listener } from "./listener.ts";
export { Pump } from "./pump.ts";
export type { PumpDriver } from "./pump.ts";
export type { OwnPolicies, RestoreOptions } from "./snapshot/index.ts";
export type { PortPeer, PortRange, PortSource } from "./ports.ts";
export { LINUX_CONGESTION, profiles } from "./profiles.ts";
export type { Profile, ProfileName } from "./profiles.ts";
export type { SynCookieMode } from "./syn-cookies.ts";
