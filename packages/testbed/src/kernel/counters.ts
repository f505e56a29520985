import { readFileSync } from "node:fs";

/** The counters of the namespace that the calling thread is in, by the names that nstat(8) has for them, in its order. */
export function readCounters(): Map<string, number> {
  const counters = new Map<string, number>();
  readGroups(text("snmp"), counters);
  for (const line of text("snmp6").split("\n")) {
    const [name, value] = line.trim().split(/\s+/);
    if (name !== undefined && value !== undefined) counters.set(name, Number(value));
  }
  readGroups(text("netstat"), counters);
  return counters;
}

/** Pairs of lines: the names of a group, and their values. */
function readGroups(lines: string, counters: Map<string, number>): void {
  const rows = lines.trimEnd().split("\n").map((line) => line.split(" "));
  for (let at = 0; at + 1 < rows.length; at += 2) {
    const [[group = "", ...names], [, ...values]] = [rows[at] as string[], rows[at + 1] as string[]];
    names.forEach((name, index) => {
      const whole = `${group.slice(0, -1)}${name}`;
      if (!SETTINGS.has(whole)) counters.set(whole, Number(values[index]));
    });
  }
}

/** A kernel without IPv6 has not all of them. */
function text(name: string): string {
  try {
    return readFileSync(`/proc/thread-self/net/${name}`, "utf8");
  } catch {
    return "";
  }
}

/** What stands among the counters, and counts nothing. */
const SETTINGS = new Set(["IpForwarding", "IpDefaultTTL", "TcpRtoAlgorithm", "TcpRtoMin", "TcpRtoMax", "TcpMaxConn", "TcpCurrEstab"]);
