import { check } from "./check.ts";
import type { Check } from "./check.ts";
import type { System } from "./system.ts";

/** Rules of this host's own firewall that take Multipath TCP's options away, or drop what carries them. */
export function firewallChecks(system: System): readonly Check[] {
  if (system.platform !== "linux") return [];
  const name = "firewall";
  const nft = system.run("nft", "-a", "list", "ruleset");
  const tables = ["iptables-save", "ip6tables-save"].map((command) => ({ command, result: system.run(command) }));
  const rules: string[] = [];
  const mends: string[] = [];
  if (nft.kind === "done") {
    for (const { rule, mend } of meddlingNftRules(nft.output)) {
      rules.push(rule);
      if (mend !== null) mends.push(mend);
    }
  }
  for (const { command, result } of tables) {
    if (result.kind !== "done") continue;
    for (const { rule, table } of meddlingTablesRules(result.output)) {
      rules.push(rule);
      mends.push(`${command.replace("-save", "")} -t ${table} ${rule.replace(/^-A/, "-D")}`);
    }
  }
  if (rules.length > 0) {
    return [check("routing", "firewall", name, { state: "warn", found: `rules that meddle with Multipath TCP's option: ${rules.join("; ")}`, advice: "whoever made them may have had a reason", mends })];
  }
  const seen = nft.kind === "done" || tables.some(({ result }) => result.kind === "done");
  if (seen) return [check("routing", "firewall", name, { state: "ok", found: "no rule on this host touches Multipath TCP's option" })];
  const found = nft.kind === "missing" ? "neither nft nor iptables is installed here: rules, if there are any, were not seen" : "the rules may not be read by this user";
  return [check("routing", "firewall", name, { state: "unknown", found })];
}

/** A rule of `nft -a list ruleset` that touches the option, and the command that deletes it. */
export function meddlingNftRules(ruleset: string): readonly { readonly rule: string; readonly mend: string | null }[] {
  const found: { rule: string; mend: string | null }[] = [];
  let table = "";
  let chain = "";
  for (const line of ruleset.split("\n")) {
    const opened = /^\s*(table|chain)\s+(.*?)\s*\{/.exec(line);
    if (opened?.[1] === "table") table = opened[2] ?? "";
    else if (opened?.[1] === "chain") chain = opened[2] ?? "";
    else if (/tcp option (mptcp|30)\b/.test(line) && /\b(reset tcp option|drop|reject|set)\b/.test(line)) {
      const handle = /# handle (\d+)/.exec(line)?.[1];
      found.push({ rule: line.replace(/# handle \d+/, "").trim(), mend: handle === undefined ? null : `nft delete rule ${table} ${chain} handle ${handle}` });
    }
  }
  return found;
}

/** A rule of `iptables-save` that touches the option. */
export function meddlingTablesRules(dump: string): readonly { readonly rule: string; readonly table: string }[] {
  const found: { rule: string; table: string }[] = [];
  let table = "filter";
  for (const line of dump.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1).trim();
    const strips = /TCPOPTSTRIP/.test(line) && /strip-options\s+\S*\b(30|mptcp)\b/.test(line);
    const drops = /--tcp-option 30\b/.test(line) && /-j (DROP|REJECT)\b/.test(line);
    if (line.startsWith("-A") && (strips || drops)) found.push({ rule: line.trim(), table });
  }
  return found;
}
