import { CHECK_SECTIONS } from "./check.ts";
import type { Check, Use } from "./check.ts";
import { firewallChecks } from "./firewall-checks.ts";
import { kernelChecks } from "./kernel-checks.ts";
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

/**
 * Looks at this host as Multipath TCP will find it: the kernel's protocol and its settings, TUN devices and the rights to them, whether each address
 * has a route by its own interface, and what makes it slow. Changes nothing. What cannot be found out is a check of state `unknown`, not an error.
 *
 * @example
 * ```ts
 * import { doctor } from "mptcp/node";
 *
 * for (const { state, name, found, mends } of (await doctor()).checks) if (state === "fail") console.log(name, found, mends);
 * ```
 */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  const system = options.system ?? thisSystem();
  const wanted = options.uses === undefined || options.uses.length === 0 ? null : options.uses;
  const network = system.platform === "linux" ? readNetwork(system) : null;
  const checks = [
    ...kernelChecks(system, network, wanted),
    ...(await userSpaceChecks(system, network, wanted)),
    ...(system.platform === "linux" ? routingChecks(system, network) : []),
    ...firewallChecks(system),
    ...(await performanceChecks(system, network)),
  ];
  checks.sort((a, b) => CHECK_SECTIONS.indexOf(a.section) - CHECK_SECTIONS.indexOf(b.section));
  return { fit: checks.every(({ state }) => state !== "fail"), checks };
}

/**
 * A shell script of all the commands that mend something, each once, under a comment that says what.
 * @param states of which checks; those that failed or warned unless given
 */
export function fixScript(report: DoctorReport, states: readonly Check["state"][] = ["fail", "warn"]): string {
  const lines = ["#!/bin/sh", "# Run as root. Routes, rules and settings last until the next start of the machine or of the interface:", "# make them permanent where this system keeps them (/etc/sysctl.d, NetworkManager, systemd-networkd)."];
  const said = new Set<string>();
  for (const { state, name, found, mends } of report.checks) {
    const fresh = mends.filter((mend) => !said.has(mend));
    if (!states.includes(state) || fresh.length === 0) continue;
    lines.push("", `# ${name}: ${found}`, ...fresh);
    for (const mend of fresh) said.add(mend);
  }
  return `${lines.join("\n")}\n`;
}
