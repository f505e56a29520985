import { cubic, lia, newReno, schedulers, uncoupled } from "mptcp";
import type { CongestionControlFactory, ConnectionCongestion } from "mptcp";

/** Congestion control of Multipath TCP by name: coupled, or a controller of its own for each subflow. */
export const CONGESTION: Readonly<Record<string, ConnectionCongestion>> = {
  lia,
  reno: uncoupled(newReno),
  cubic: uncoupled(cubic),
};

/** Congestion control of regular TCP by the same names; a coupled one over one path is Reno. */
export const TCP_CONGESTION: Readonly<Record<string, CongestionControlFactory>> = { lia: newReno, reno: newReno, cubic };

/** Names of the packet schedulers that a scenario can choose. */
export const SCHEDULER_NAMES: readonly string[] = Object.keys(schedulers);
/** Names of the congestion controllers that a scenario can choose. */
export const CONGESTION_NAMES: readonly string[] = Object.keys(CONGESTION);
