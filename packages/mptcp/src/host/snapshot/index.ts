/**
 * host/snapshot/: connections as plain data, and back into the tables of a host.
 *
 * @module
 */
export type { OwnPolicies } from "./policies.ts";
export { release } from "./release.ts";
export { restore } from "./restore.ts";
export type { RestoreOptions } from "./restore.ts";
export { save } from "./save.ts";
export type { Tables } from "./tables.ts";
