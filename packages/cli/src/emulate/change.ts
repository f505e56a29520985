import { didYouMean, parseOverride } from "@mptcp/scenario";
import type { Override, Plan } from "@mptcp/scenario";

/**
 * A change of a path, link or box as people write it, "wifi state=down", "lte rate=5Mb/s loss=1%" or "wifi-nat44 power=off", as an override of a scenario's changes. What the values are is checked where the scenario
 * is, by the same rules as in its file (docs/scenarios.md, `changes`).
 *
 * @returns a sentence when it is none
 */
export function changeOf(text: string, { links, hosts }: Plan["network"]): Override | string {
  const [target = "", ...settings] = text.trim().split(/\s+(?=[A-Za-z]+=)|\s+(?=[\w.]+$)/);
  const isInterface = target.includes(".");
  const link = links.find(({ name }) => name === target);
  const boxes = links.flatMap(({ middleboxes }) => middleboxes.map(({ name }) => name));
  const interfaces = hosts.flatMap(({ name, interfaces: own }) => own.map((one) => `${name}.${one.name}`));
  if (link === undefined && ![...interfaces, ...boxes].includes(target)) return `there is no path, link, middlebox or interface "${target}"; ${didYouMean(target, [...links.map(({ name }) => name), ...boxes, ...interfaces])}`;
  if (settings.length === 0) return `what is to become of ${target}? For example: ${target} state=down`;
  const fields: [string, unknown][] = [];
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    if (equals <= 0) return `"${setting}": write it as key=value, for example state=down`;
    const parsed = parseOverride(`x=${setting.slice(equals + 1)}`);
    if (typeof parsed === "string") return parsed;
    fields.push([setting.slice(0, equals), parsed.value]);
  }
  const kind = isInterface ? "interface" : boxes.includes(target) ? "middlebox" : link === undefined || link.path === null ? "link" : "path";
  return { text, steps: ["changes"], value: [{ at: "0 s", [kind]: target, ...Object.fromEntries(fields) }] };
}
