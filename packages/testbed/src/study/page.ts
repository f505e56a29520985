import { kindText } from "./kind-text.ts";
import { boxesOf } from "./report.ts";
import type { StudyReport } from "./report.ts";
import type { SurveyReport } from "./survey.ts";

/** A study of one path as a page of HTML. */
export function studyPage(report: StudyReport): string {
  const { client, server, seenAs, problem, roundTrip, ports } = report;
  const boxes = [...boxesOf(report)];
  const path = [
    text(100, 55, client), text(x(boxes.length), 55, server),
    `<line x1="100" y1="80" x2="${x(boxes.length)}" y2="80" class="wire"/>`,
    ...[100, x(boxes.length)].map((at) => `<circle cx="${at}" cy="80" r="9" class="end"/>`),
    ...boxes.map(([kind, on], i) => `<g class="box"><rect x="${x(i) - 75}" y="62" width="150" height="36"/>${text(x(i), 84, kind === "" ? "something else" : kind)}${text(x(i), 116, on.length === ports.length ? "all ports" : `port ${on.join(", ")}`)}</g>`),
  ];
  const rows = ports.flatMap(({ port, boxes: named }) => named.flatMap(({ kind, because }) => because.map((one) => row(String(port), kind === "" ? "?" : kind, one.way === "out" ? "client to server" : "server to client", one.detail))));
  return page(`The way from ${client} to ${server}`, [
    `<p>${escaped(seenAs === "" || seenAs === client ? "" : `Seen there as ${seenAs}. `)}${(1000 * roundTrip).toFixed(1)} ms there and back.${problem === null ? "" : ` <strong>${escaped(problem)}</strong>`}</p>`,
    `<svg viewBox="0 0 ${x(boxes.length) + 110} 130" role="img" aria-label="boxes on the way">${path.join("")}</svg>`,
    boxes.length === 0 && problem === null ? "<p>Nothing was found: what was sent is what arrived.</p>" : "",
    "<p>The order of the boxes on the way cannot be seen from its ends.</p>",
    `<ul>${boxes.filter(([kind]) => kind !== "").map(([kind]) => `<li><strong>${escaped(kind)}</strong>: ${escaped(kindText(kind))}</li>`).join("")}</ul>`,
    `<table><tr><th>port</th><th>explained by</th><th>way</th><th>what was seen</th></tr>${rows.join("")}</table>`,
  ]);
}

/** Where a box stands in the picture. */
const x = (i: number): number => 190 + 170 * i;

/** A survey of emulated networks as a page of HTML. */
export function surveyPage({ naming, networks, seed, shares }: SurveyReport): string {
  const bars = shares.flatMap(({ text: name, ports }, i) => {
    const top = 20 + i * 100;
    return [
      text(10, top, name, "start"),
      ...ports.flatMap(({ port, paper, found }, j) => {
        const y = top + 10 + 24 * j;
        const [width, mark] = [900 * found, 120 + 900 * paper];
        return [text(110, y + 14, `port ${port}`, "end"), `<rect x="120" y="${y}" width="${width.toFixed(1)}" height="18" class="found"/>`, `<line x1="${mark.toFixed(1)}" y1="${y - 2}" x2="${mark.toFixed(1)}" y2="${y + 20}" class="paper"/>`, text(130 + Math.max(width, 900 * paper), y + 14, `${percent(found)} (paper ${percent(paper)})`, "start")];
      }),
    ];
  });
  const kinds = naming.kinds.map(({ kind, there, named, wrongly }) => row(kind === "" ? "something else" : kind, String(there), String(named), String(wrongly)));
  return page(`${networks} access networks`, [
    `<p>Seed ${seed}. Bars: share of the networks in which the probe found it; lines: the share that the paper says.</p>`,
    `<svg viewBox="0 0 720 ${20 + shares.length * 100}" role="img" aria-label="shares found, and those of the paper">${bars.join("")}</svg>`,
    `<p>All boxes and no other were named in ${naming.right} of ${naming.boxed} networks that have some; in ${naming.alarms} of ${naming.clear} that have none something was named.</p>`,
    `<table><tr><th>box</th><th>there</th><th>named</th><th>named wrongly</th></tr>${kinds.join("")}</table>`,
  ]);
}

function page(title: string, parts: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse } td, th { border-bottom: 1px solid #ccc; padding: 0.2rem 0.8rem; text-align: left }
svg { width: 100%; font-size: 13px } .wire { stroke: #888; stroke-width: 2 } .end { fill: #2a6 } .box rect { fill: #fff4d6; stroke: #b80 } .found { fill: #58a } .paper { stroke: #c33; stroke-width: 3 }
</style></head><body><h1>${escaped(title)}</h1>
${parts.filter((part) => part !== "").join("\n")}
</body></html>
`;
}

const row = (...cells: readonly string[]): string => `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
const text = (at: number, y: number, words: string, anchor = "middle"): string => `<text x="${at.toFixed(1)}" y="${y}" text-anchor="${anchor}">${escaped(words)}</text>`;
const escaped = (words: string): string => words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
