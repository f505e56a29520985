import { SCENARIO } from "./keys/scenario.ts";
import { linkTo, sectionsBelow } from "./keys/section.ts";
import type { Keys, Rules, Section } from "./keys/section.ts";
import { unitsOf } from "./units.ts";

/** The reference page of scenario files, docs/scenarios.md, made from the tables of all sections. Markdown. */
export function scenarioReference(): string {
  const sections = sectionsBelow(SCENARIO);
  return [INTRODUCTION, quantities(), `Sections: ${sections.map(linkTo).join(", ")}.`, ...sections.map(sectionText)].join("\n\n").concat("\n");
}

function sectionText(section: Section): string {
  const inherited = section.includes === null ? new Set() : new Set(Object.values(section.includes.keys));
  const rows = Object.entries<Keys[string]>(section.keys).filter(([, key]) => !inherited.has(key)).map(([name, key]) => row(name, key));
  return [
    `## ${section.name}`,
    `${placesText(section)}${section.does}`,
    ["| key | type and unit | default | bounds | what it does |", "|---|---|---|---|---|", ...rows].join("\n"),
    ...(section.includes === null ? [] : [`And the ${linkTo(section.includes)}.`]),
    ...rulesText(section.rules),
    `\`\`\`yaml\n${section.example.trim()}\n\`\`\``,
  ].join("\n\n");
}

function row(name: string, key: Keys[string]): string {
  return `| \`${name}\` | ${key.kind.type} | ${defaultText(name, key)} | ${key.kind.bounds} | ${key.does} |`;
}

function defaultText(name: string, key: Keys[string]): string {
  if (key.required) return "must be given";
  if (key.shown !== null) return key.shown;
  if (key.kind.write === undefined) throw new RangeError(`the default of ${name} has to be put into words`);
  return `\`${key.kind.write(key.otherwise)}\``;
}

/** Where a section is in a scenario, as `--set` would say it. */
function placesText(section: Section): string {
  const places = placesOf(section, SCENARIO, "");
  return places.length === 0 ? "" : `At ${codes(places)}. `;
}

function placesOf(wanted: Section, from: Section, prefix: string): string[] {
  return Object.entries<Keys[string]>(from.keys).flatMap(([name, { kind }]) => {
    if (kind.fields === null) return [];
    const { section, isList } = kind.fields;
    const place = `${prefix}${name}${isList ? (Object.hasOwn(section.keys, "name") ? ".NAME" : ".INDEX") : ""}`;
    return section === wanted ? [place] : placesOf(wanted, section, `${place}.`);
  });
}

function rulesText(rules: Rules<string>): string[] {
  const phrases = ([["exactlyOne", "Exactly one"], ["atLeastOne", "At least one"], ["atMostOne", "At most one"]] as const).flatMap(([rule, phrase]) =>
    (rules[rule] ?? []).map((names) => `${phrase} of ${codes(names)}.`),
  );
  return phrases.length === 0 ? [] : [phrases.join(" ")];
}

function quantities(): string {
  return [
    "| quantity | units | for example |",
    "|---|---|---|",
    `| rate | ${codes(unitsOf("rate"))} | \`8 Mb/s\` |`,
    `| time | ${codes(unitsOf("time"))}; 0 needs none | \`20 ms\` |`,
    `| size | ${codes(unitsOf("size"))} | \`16 MiB\` |`,
    "| probability | `%`, or a number | `1 %`, `0.01` |",
    "| progress | a share of all bytes, or a size | `received 1/3`, `received 50 %`, `received 5 MB` |",
  ].join("\n");
}

function codes(texts: readonly string[]): string {
  return texts.map((text) => `\`${text}\``).join(", ");
}

const INTRODUCTION = `# Scenario files

Written by \`npm run docs\` from the tables in packages/scenario/src/keys, which are also what checks a scenario.

A scenario is a YAML file, or a TypeScript or JavaScript module whose default export has the same fields (\`ScenarioSpec\` of \`@mptcp/scenario\`), or is a function that
defines them. \`mptcp run FILE\` runs it, and says line and field of what is wrong in it. \`--set PATH=VALUE\` changes a field, for example \`--set paths.wifi.rate=5Mb/s\`; entries of a
list go by their \`name\`, or by their index from 0.`;
