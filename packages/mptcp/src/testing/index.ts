/**
 * testing/: conformance suites for what can be added to the engine, as plain functions: each gives a list of what it found wrong, which is empty for
 * what may be used. They need no test framework, and pass for all that this package brings.
 *
 * @example
 * ```ts
 * test("my scheduler", () => {
 *   expect(checkScheduler(mine, { usesAllPathsWithin: 400 })).toEqual([]);
 * });
 * ```
 *
 * @module
 */
export { CheckedPeer } from "./checked-peer.ts";
export { checkCongestionControl } from "./congestion.ts";
export { FakePaths } from "./fake-paths.ts";
export type { Finding } from "./finding.ts";
export { checkPathManager } from "./path-manager.ts";
export type { AttemptLimits, PathManagerClaims } from "./path-manager.ts";
export { checkScheduler } from "./scheduler.ts";
export type { SchedulerClaims } from "./scheduler.ts";
