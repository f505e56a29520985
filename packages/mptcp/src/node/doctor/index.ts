/**
 * node/doctor/: what this host has and lacks for Multipath TCP, each thing with the commands that mend it. A check is data; what it asks of the
 * machine goes through a {@link System}, so that a test can make one up.
 *
 * @module
 */
export { CHECK_SECTIONS } from "./check.ts";
export type { Check, CheckSection, CheckState, Use } from "./check.ts";
export { doctor } from "./doctor.ts";
export type { DoctorOptions, DoctorReport } from "./doctor.ts";
export { thisSystem } from "./system.ts";
export type { CommandResult, Offloads, System } from "./system.ts";
