/**
 * node/devices/: links by device. {@link NetworkWatcher} knows the network devices of this machine as they come, go and change, by rtnetlink or by looking;
 * {@link followDevices} gives a runtime a link over each that is to be used.
 *
 * @module
 */
export { DeviceFollower, followDevices } from "./follower.ts";
export type { DeviceStatus, FollowOptions } from "./follower.ts";
export type { DefaultRoute, DeviceAddress, DeviceKind, NetworkDevice, NetworkState } from "./network-state.ts";
export { isDeviceName } from "./rules.ts";
export type { DeviceRule } from "./rules.ts";
export { NetworkWatcher } from "./watcher.ts";
export type { NetworkWatcherOptions } from "./watcher.ts";
