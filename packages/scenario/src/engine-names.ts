import { congestionControls, schedulers } from "mptcp";
import type { CongestionControlFactory, ConnectionCongestion } from "mptcp";

/** Names of the packet schedulers that a scenario can choose. */
export const SCHEDULER_NAMES: readonly string[] = Object.keys(schedulers);
/** Names of the congestion controllers that a scenario can choose. */
export const CONGESTION_NAMES: readonly string[] = Object.keys(congestionControls);

/** Congestion control of Multipath TCP by name: coupled, or a controller of its own for each subflow. @throws RangeError */
export function congestionByName(name: string): ConnectionCongestion {
  const found = congestionControls[name];
  if (found === undefined) throw new RangeError(`no congestion control named ${name}`);
  return found;
}

/** The same for regular TCP: a coupled controller is alone in its group. @throws RangeError */
export function tcpCongestionByName(name: string): CongestionControlFactory {
  const connection = congestionByName(name);
  return (context) => connection()(context);
}
