/**
 * emulator/: networks of the simulator between kernels, in real time. Each end of a link is a TUN device in a network namespace. Needs root on Linux.
 *
 * @module @mptcp/testbed/emulator
 */
export { AddedDelay } from "./added-delay.ts";
export { Emulation } from "./emulation.ts";
export type { EmulationOptions, FrameSink } from "./emulation.ts";
export { Place } from "./place.ts";
export type { PlaceInterface } from "./place.ts";
