/**
 * testing/: conformance suites for what can be added to the engine and to the simulator, one function for each point:
 * `check...(factory, claims?)` gives a list of findings, which is empty for what may be used. Each finding says what happened, what must be so and what to
 * do. They need no test framework, no clock and no files, and pass for all that this package brings. docs/testing.md has an example of each.
 *
 * @example
 * ```ts
 * test("my scheduler", () => {
 *   expect(explain(checkScheduler(mine, { usesAllPathsWithin: 400 }))).toBe("");
 * });
 * ```
 *
 * @module mptcp/testing
 */
export { CheckedPeer } from "./checked-peer.ts";
export { checkCongestionControl } from "./congestion.ts";
export { CONGESTION_RULES } from "./congestion-rules.ts";
export { FakePaths } from "./fake-paths.ts";
export { explain } from "./finding.ts";
export type { Finding, Rule, Rules } from "./finding.ts";
export { checkLink } from "./link.ts";
export type { LinkClaims, LinkEnvironment, LinkFactory } from "./link.ts";
export { LINK_RULES } from "./link-rules.ts";
export { checkLossModel } from "./loss.ts";
export type { LossModelClaims, LossModelFactory } from "./loss.ts";
export { LOSS_RULES } from "./loss-rules.ts";
export { checkMiddlebox } from "./middlebox.ts";
export type { MiddleboxClaims } from "./middlebox.ts";
export { MIDDLEBOX_RULES } from "./middlebox-rules.ts";
export { checkPathManager } from "./path-manager.ts";
export type { AttemptLimits, PathManagerClaims } from "./path-manager.ts";
export { PATH_MANAGER_RULES } from "./path-manager-rules.ts";
export { checkScheduler, SCHEDULER_RULES } from "./scheduler.ts";
export type { SchedulerClaims } from "./scheduler.ts";
