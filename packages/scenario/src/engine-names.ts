import { congestionControls, profiles, schedulers } from "mptcp";
import type { CongestionControlFactory, ProfileName } from "mptcp";

/** Names of the packet schedulers that a scenario can choose. */
export const SCHEDULER_NAMES: readonly string[] = Object.keys(schedulers);
/** Names of the profiles that a scenario can choose. */
export const PROFILE_NAMES = Object.keys(profiles) as ProfileName[];
/** Names of the congestion controllers that a scenario can choose. */
export const CONGESTION_NAMES: readonly string[] = Object.keys(congestionControls);

/** Congestion control by name; a coupled one is alone in its group with regular TCP. @throws RangeError */
export function congestionByName(name: string): CongestionControlFactory {
  const found = congestionControls[name];
  if (found === undefined) throw new RangeError(`no congestion control named ${name}`);
  return found;
}
