/**
 * node/probe/: does a peer speak Multipath TCP, which version, and what does the path do to its options. {@link probe} makes a series of
 * connections and reports what was done, what came back and what that means.
 *
 * @module
 */
export { probe } from "./probe.ts";
export type { ProbeOptions } from "./probe.ts";
export type { ProbeOutcome, ProbeReport, ProbeRow, ProbeState, ProbeTarget } from "./report.ts";
