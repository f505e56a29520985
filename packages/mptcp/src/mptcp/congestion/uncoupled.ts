import type { CongestionControlFactory, ConnectionCongestion } from "../../tcp/index.ts";

/**
 * Each subflow on its own, as if it were a TCP connection. Takes more than its share where subflows meet at one bottleneck
 * (RFC 6356 §1), so it is for measurements and for paths known to be disjoint.
 */
export function uncoupled(factory: CongestionControlFactory): ConnectionCongestion {
  return () => factory;
}
