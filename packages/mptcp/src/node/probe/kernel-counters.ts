import { readFileSync } from "node:fs";

/** The kernel's counters of Multipath TCP by their names in `nstat`: MPTcpExtMPCapableSYNACKRX. Of the whole network namespace; none where there are none. */
export function kernelCounters(): ReadonlyMap<string, number> {
  try {
    return parseCounters(readFileSync("/proc/net/netstat", "utf8"));
  } catch {
    return new Map();
  }
}

/** Reads /proc/net/netstat: pairs of lines, names and then values. */
export function parseCounters(text: string): ReadonlyMap<string, number> {
  const counters = new Map<string, number>();
  const lines = text.trim().split("\n");
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [group, ...names] = (lines[i] as string).split(" ");
    if (group !== "MPTcpExt:") continue;
    const values = (lines[i + 1] as string).split(" ").slice(1);
    names.forEach((name, at) => counters.set(`MPTcpExt${name}`, Number(values[at] ?? 0)));
  }
  return counters;
}

/** What was counted between two looks, without what was not. */
export function countedBetween(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const counted = new Map<string, number>();
  for (const [name, value] of after) {
    const more = value - (before.get(name) ?? 0);
    // MPCurrEstab is a level, not a count.
    if (more > 0 && name !== "MPTcpExtMPCurrEstab") counted.set(name, more);
  }
  return counted;
}
