import { boxesOf, kindText } from "@mptcp/testbed/study";
import type { Finding, StudyReport, SurveyReport } from "@mptcp/testbed/study";
import type { Colors } from "../io.ts";

/** What a study of one path came to, for people. */
export function studyText(report: StudyReport, colors: Colors): string {
  const { client, server, seenAs, roundTrip, problem, ports } = report;
  const lines = [`${client} to ${server}${seenAs === "" || seenAs === client ? "" : `, seen there as ${seenAs}`}, ${(1000 * roundTrip).toFixed(1)} ms there and back`, ""];
  const boxes = [...boxesOf(report)];
  for (const [kind, on] of boxes) {
    const everywhere = on.length === ports.length ? "on all ports" : `on port ${on.join(", ")}`;
    lines.push(`${colors.yellow(kind === "" ? "something else" : kind)} ${everywhere}${kind === "" ? "" : `: ${kindText(kind)}`}`);
    const said = new Set<string>();
    for (const { port, boxes: named } of ports) {
      for (const { because } of named.filter((one) => one.kind === kind)) for (const finding of because) said.add(`${arrow(finding)} ${finding.detail}${ports.length > 1 && on.length < ports.length ? ` (port ${port})` : ""}`);
    }
    // Details that differ from port to port in numbers alone are many.
    lines.push(...[...said].slice(0, MOST_DETAILS).map((text) => `    ${text}`));
    if (said.size > MOST_DETAILS) lines.push(colors.dim(`    and ${said.size - MOST_DETAILS} more; --json has them all`));
  }
  if (problem !== null) lines.push(colors.red(problem));
  else if (boxes.length === 0) lines.push(colors.green(`nothing was found on port ${ports.map(({ port }) => port).join(", ")}: what was sent is what arrived`));
  return `${lines.join("\n")}\n`;
}

/** What a survey came to, for people. */
export function surveyText({ networks, seed, shares, naming }: SurveyReport, colors: Colors): string {
  const width = Math.max(...shares.map(({ text }) => text.length));
  const ports = shares[0]?.ports.map(({ port }) => port) ?? [];
  const lines = [
    `${networks} access networks, seed ${seed}; share of the networks that was found, and that of the paper`,
    "",
    `${"".padEnd(width)}  ${ports.map((port) => `port ${port}`.padEnd(16)).join("")}`,
    ...shares.map(({ text, ports: found }) => `${text.padEnd(width)}  ${found.map((one) => `${percent(one.found)} (${percent(one.paper)})`.padEnd(16)).join("")}`),
    "",
    `boxes named, all and no other: in ${naming.right} of ${naming.boxed} networks that have some; ${naming.alarms} false alarms in ${naming.clear} that have none`,
    "",
    `${"".padEnd(24)}there  named  wrongly`,
    ...naming.kinds.map(({ kind, there, named, wrongly }) => `${(kind === "" ? "something else" : kind).padEnd(24)}${String(there).padStart(5)}${String(named).padStart(7)}${String(wrongly).padStart(9)}`),
  ];
  for (const { network, boxes, named, problem } of naming.wrong.slice(0, MOST_DETAILS)) {
    lines.push(colors.yellow(`network ${network}: ${boxes.map(({ kind }) => kind).join(", ") || "nothing"} there, ${named.join(", ") || "nothing"} named${problem === null ? "" : `: ${problem}`}`));
  }
  return `${lines.join("\n")}\n`;
}

const arrow = ({ way }: Finding): string => (way === "out" ? "->" : "<-");
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const MOST_DETAILS = 8;
