/** kernel/: this machine's kernel under packet scripts. */
export { kernelObstacle } from "./availability.ts";
export { kernelTarget } from "./target.ts";
export { readCounters } from "./counters.ts";
