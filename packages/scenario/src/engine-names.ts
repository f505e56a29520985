/** Names of the packet schedulers that a scenario can choose. */
export const SCHEDULER_NAMES: readonly string[] = ["lowest-time-distance", "round-robin"];
/** Names of the congestion controllers that a scenario can choose. */
export const CONGESTION_NAMES: readonly string[] = ["lia", "lia-fixed-point", "reno", "cubic"];
