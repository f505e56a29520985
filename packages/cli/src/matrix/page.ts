import { escapeHtml, REPORT_STYLE } from "@mptcp/scenario";
import { describeRun, PLACE_TEXT } from "@mptcp/testbed/matrix";
import type { MatrixResult } from "@mptcp/testbed/matrix";
import { byPair, countsOf, OUTCOMES } from "./summary.ts";

/** What is to be said of all runs. */
export interface PageNotes {
  /** Why some were left out; null where none were. */
  readonly skipped: string | null;
  readonly interrupted: boolean;
}

/** The matrix as one HTML page that needs nothing but itself. */
export function matrixPage(results: readonly MatrixResult[], { skipped, interrupted }: PageNotes): string {
  const counts = countsOf(results);
  const verdict = counts.unexpected === 0 ? "as prescribed" : `${counts.unexpected} not as prescribed`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fallback matrix: ${verdict}</title>
<style>${REPORT_STYLE}${STYLE}</style>
</head>
<body>
<main>
<h1>Fallback matrix <span class="badge ${counts.unexpected === 0 ? "good" : "bad"}">${verdict}</span></h1>
<p>What becomes of a connection of Multipath TCP through every middlebox, beside what RFC 8684 and RFC 6824 prescribe. Each run is one transfer of 600 kB.</p>
${skipped === null ? "" : `<p class="muted">${escapeHtml(skipped)}</p>`}
${interrupted ? '<p class="bad">Interrupted: some runs are missing.</p>' : ""}
<div class="cards">${[
    [String(counts.runs), "runs"],
    [String(counts.prescribed), "as prescribed"],
    [String(counts.known), "otherwise, which is known"],
    [String(counts.unexpected), "otherwise"],
    [String(counts.broken), "broken"],
  ].map(([value = "", label = ""]) => `<div class="card"><b>${value}</b><span>${label}</span></div>`).join("")}</div>
${pairTable(results)}
${differences(results)}
<h2>By middlebox</h2>
<p class="muted">How many runs came to what, at all places, both ways, with checksums and without. What is not as prescribed is marked, with ! where it is not known.</p>
${boxTable(results)}
<h2>All runs</h2>
${byPair(results).map(({ name, results: own }) => `<details><summary>${escapeHtml(name)}: ${own.length} runs</summary>${runTable(name, own)}</details>`).join("\n")}
</main>
</body>
</html>
`;
}

function pairTable(results: readonly MatrixResult[]): string {
  const columns = ["runs", ...OUTCOMES, "prescribed", "known", "unexpected"] as const;
  const rows = byPair(results).map(({ name, results: own }) => {
    const counts = countsOf(own);
    return `<tr><th scope="row">${escapeHtml(name)}</th>${columns.map((column) => `<td class="n">${counts[column]}</td>`).join("")}</tr>`;
  });
  return table("Client - server, and the version that the client offers", ["ends", ...columns], rows, 1);
}

/** What is not as it is prescribed: of what is known the reason once. */
function differences(results: readonly MatrixResult[]): string {
  const different = results.filter(({ problem }) => problem !== "");
  if (different.length === 0) return "";
  const unknown = different.filter(({ known }) => known === "");
  const reasons = [...new Set(different.map(({ known }) => known))].filter((known) => known !== "");
  const known = reasons.map((reason) => {
    const own = different.filter((result) => result.known === reason);
    return `<details><summary>${own.length} runs: ${escapeHtml(reason)}</summary>${items(own)}</details>`;
  });
  return `<h2>Not as prescribed</h2>
${unknown.length === 0 ? "" : items(unknown)}
${known.join("\n")}`;
}

function items(chosen: readonly MatrixResult[]): string {
  return `<ul>${chosen.map((result) => `<li>${escapeHtml(describeRun(result))}: <b>${escapeHtml(result.problem)}</b> <span class="muted">${escapeHtml(result.reason)}</span></li>`).join("")}</ul>`;
}

function boxTable(results: readonly MatrixResult[]): string {
  const pairs = byPair(results);
  const boxes = [...new Set(results.map(boxOf))];
  const rows = boxes.map((box) => {
    const cells = pairs.map(({ results: own }) => cellText(own.filter((result) => boxOf(result) === box)));
    return `<tr><th scope="row">${escapeHtml(box)}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  return table("Middleboxes", ["middlebox", ...pairs.map(({ name }) => name)], rows, Number.POSITIVE_INFINITY);
}

const boxOf = ({ middlebox, position }: MatrixResult): string => (position === "" ? middlebox : `${middlebox}/${position}`);

function cellText(results: readonly MatrixResult[]): string {
  return OUTCOMES.flatMap((outcome) => {
    const own = results.filter((result) => result.outcome === outcome);
    if (own.length === 0) return [];
    const isUnexpected = own.some(({ problem, known }) => problem !== "" && known === "");
    const isKnown = own.some(({ problem }) => problem !== "");
    const text = `${own.length} ${outcome}`;
    return isUnexpected ? [`<b class="bad">${text} !</b>`] : isKnown ? [`<i>${text}, known to differ</i>`] : [text];
  }).join("<br>");
}

function runTable(name: string, results: readonly MatrixResult[]): string {
  const rows = results.map((result) => {
    const { place, checksum, data, outcome, prescribed, clause, reason, seconds, problem } = result;
    const cells = [PLACE_TEXT[place], checksum ? "yes" : "no", data, outcome, prescribed.join(" or "), clause, reason].map(escapeHtml);
    return `<tr${problem === "" ? "" : ' class="trouble"'}><th scope="row">${escapeHtml(boxOf(result))}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}<td class="n">${seconds.toFixed(2)}</td></tr>`;
  });
  return table(name, ["middlebox", "on", "checksums", "data", "came to", "prescribed", "clause", "reason", "s"], rows, 8);
}

/** Columns from `numbersFrom` on are aligned right. */
function table(caption: string, head: readonly string[], rows: readonly string[], numbersFrom: number): string {
  const columns = head.map((text, at) => `<th scope="col"${at >= numbersFrom ? ' class="n"' : ""}>${escapeHtml(text)}</th>`);
  return `<div class="scroll"><table class="plain"><caption>${escapeHtml(caption)}</caption><thead><tr>${columns.join("")}</tr></thead><tbody>${rows.join("\n")}</tbody></table></div>`;
}

const STYLE = `
caption { text-align: left; color: var(--muted); padding: 4px 0; }
tbody th { color: var(--text); font-weight: 400; border-bottom: 1px solid var(--grid); vertical-align: top; }
details { margin: 8px 0; }
summary { cursor: pointer; max-width: 110ch; }
tr.trouble td:nth-child(5) { color: var(--bad); font-weight: 600; }
ul { padding-left: 20px; }
li { margin: 3px 0; }
`;
