import type { Check } from "./check.ts";
import type { DoctorReport } from "./doctor.ts";

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
