/**
 * The fallback matrix: every middlebox at every position and place, with checksums and without, between our ends and the kernel's, beside what the RFCs prescribe.
 *
 * @module @mptcp/testbed/matrix
 */
export { Matrix, runTask } from "./matrix.ts";
export type { MatrixOptions, MatrixTask } from "./matrix.ts";
export { nameOf, PAIRS } from "./pairs.ts";
export type { MatrixStack, Pair } from "./pairs.ts";
export type { Outcome, Place } from "./prescription.ts";
export { describeRun, PLACE_TEXT } from "./row.ts";
export type { MatrixResult } from "./row.ts";
export type { MatrixOutcome } from "./verdict.ts";
