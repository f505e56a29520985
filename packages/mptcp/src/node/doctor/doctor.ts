import { CHECK_SECTIONS } from "./check.ts";
import type { Check, Use } from "./check.ts";
import { firewallChecks } from "./firewall-checks.ts";
import { kernelChecks } from "./kernel-checks.ts";
import { linkChecks } from "./link-checks.ts";
import { readNetwork } from "./network.ts";
import { performanceChecks } from "./performance-checks.ts";
import { routingChecks } from "./routing-checks.ts";
import { thisSystem } from "./system.ts";
import type { System } from "./system.ts";
import { userSpaceChecks } from "./user-space-checks.ts";

export interface DoctorOptions {
  /** What is to work: what one of these lacks is a failure, what others lack a note. Without, a lack is a warning, since another way may do. */
  readonly uses?: readonly Use[];
  /** The machine; this one unless given. */
  readonly system?: System;
}

/** What a host has and lacks. */
export interface DoctorReport {
  /** No check failed. */
  readonly fit: boolean;
  readonly checks: readonly Check[];
}

/** See `doctor` of `mptcp/node`. */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  const system = options.system ?? thisSystem();
  const wanted = options.uses === undefined || options.uses.length === 0 ? null : options.uses;
  const network = system.platform === "linux" ? readNetwork(system) : null;
  const checks = [
    ...kernelChecks(system, network, wanted),
    ...(await userSpaceChecks(system, network, wanted)),
    ...(await linkChecks(system, network)),
    ...(system.platform === "linux" ? routingChecks(system, network) : []),
    ...firewallChecks(system),
    ...(await performanceChecks(system, network)),
  ];
  checks.sort((a, b) => CHECK_SECTIONS.indexOf(a.section) - CHECK_SECTIONS.indexOf(b.section));
  return { fit: checks.every(({ state }) => state !== "fail"), checks };
}
