/**
 * What a packet script of `mptcp/drill` can be run against besides the engine: this machine's kernel.
 *
 * @module @mptcp/testbed
 */
export { kernelObstacle, kernelTarget } from "./kernel/index.ts";
