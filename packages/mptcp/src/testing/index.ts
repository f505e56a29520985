/**
 * testing/: conformance suites for what can be added to the engine, as plain functions: each gives a list of what it found wrong, which is empty for
 * what may be used. They need no test framework, and pass for all that this package brings.
 *
 * @example
 * ```ts
 * test("my congestion control", () => {
 *   expect(checkCongestionControl(mine)).toEqual([]);
 * });
 * ```
 *
 * @module
 */
export { checkCongestionControl } from "./congestion.ts";
export type { Finding } from "./finding.ts";
