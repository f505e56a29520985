import type { LinkSummary, SubflowSummary, Summary } from "../summary.ts";
import { formatRate, formatSize } from "../units.ts";
import { PAGE_FUNCTIONS } from "./charts.ts";
import { reportData } from "./data.ts";
import type { ReportAssets, ReportInput } from "./data.ts";
import { REPORT_STYLE } from "./style.ts";

/** The report of a run: one HTML page that needs nothing but itself. */
export function renderReport(input: ReportInput, assets: ReportAssets): string {
  const { summary } = input;
  const data = JSON.stringify(reportData(input.record)).replaceAll("<", "\\u003c");
  const script = [assets.script, ...PAGE_FUNCTIONS.map(String), "startReport(uPlot);"].join("\n").replaceAll("</script", "<\\/script");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(input.title)}: ${escapeHtml(summary.outcome)}</title>
<style>${assets.style}${REPORT_STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(input.title)} <span class="badge ${summary.asExpected ? "good" : "bad"}">${escapeHtml(summary.outcome)}</span></h1>
<p>${escapeHtml(summary.explanation)}</p>
${paragraphs(input.description)}
${cards(summary)}
<div id="charts"></div>
<p class="muted">Triangles mark events: point at one to read it. Drag to zoom in, double-click to see everything again; all charts follow.</p>
${subflowTable(summary.subflows)}
<h2>Events</h2>
${input.record.eventsOmitted > 0 ? `<p class="muted">${input.record.eventsOmitted} more are only in events.jsonl.</p>` : ""}
<div id="kinds"></div>
<div id="events"><table><thead><tr><th>s</th><th>kind</th><th>about</th><th>what</th></tr></thead><tbody id="event-rows"></tbody></table></div>
${linkTable(summary.links)}
${integrity(summary)}
<h2>Do it yourself</h2>
${input.commands.map(({ label, command }) => `<p class="muted">${escapeHtml(label)}</p><pre>${escapeHtml(command)}</pre>`).join("\n")}
<h2>The scenario</h2>
<pre>${escapeHtml(input.scenarioText.trim())}</pre>
</main>
<div id="tooltip" hidden></div>
<script type="application/json" id="data">${data}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function paragraphs(text: string): string {
  return text
    .trim()
    .split(/\n\s*\n/)
    .filter((part) => part !== "")
    .map((part) => `<p class="muted">${escapeHtml(part)}</p>`)
    .join("\n");
}

function cards(summary: Summary): string {
  const shown: [string, string][] = [
    [formatRate(Math.round(summary.goodputBitsPerSecond)), "goodput"],
    [`${summary.durationSeconds.toFixed(2)} s`, "duration"],
    [formatSize(summary.bytes), "delivered"],
    [`${summary.maxStallMs.toFixed(0)} ms`, summary.maxStallAtSeconds === null ? "longest pause" : `longest pause, at ${summary.maxStallAtSeconds.toFixed(2)} s`],
  ];
  if (summary.goodputRatio !== null) shown.push([`${(100 * summary.goodputRatio).toFixed(0)} %`, "of what the links could carry"]);
  shown.push([String(summary.subflows.length), summary.multipath ? "subflows" : "TCP connection"]);
  if (summary.applicationDelayMs !== null) {
    const { median, p95, max } = summary.applicationDelayMs;
    shown.push([`${median.toFixed(0)} / ${p95.toFixed(0)} / ${max.toFixed(0)} ms`, "application delay: median, 95 %, longest"]);
  }
  if (summary.fallback !== null) shown.push([summary.fallback, "why Multipath TCP was given up"]);
  return `<div class="cards">${shown.map(([value, label]) => `<div class="card"><b>${escapeHtml(value)}</b><span>${escapeHtml(label)}</span></div>`).join("")}</div>`;
}

function subflowTable(subflows: readonly SubflowSummary[]): string {
  const rows = subflows.map((subflow) => [
    `${subflow.name}${subflow.backup ? " (backup)" : ""}`,
    `${subflow.local} → ${subflow.remote}`,
    formatSize(subflow.bytesSent),
    formatSize(subflow.bytesReceived),
    formatSize(subflow.bytesReinjected),
    String(subflow.retransmissions),
    subflow.minRttMs === null ? "–" : `${subflow.minRttMs.toFixed(1)} ms`,
    subflow.establishedSeconds === null ? "never" : `${subflow.establishedSeconds.toFixed(2)} s`,
    subflow.closedSeconds === null ? "" : `${subflow.closedSeconds.toFixed(2)} s${subflow.closeReason === null ? "" : ` (${subflow.closeReason})`}`,
  ]);
  return table("Subflows", ["subflow", "addresses", "sent", "received", "reinjected", "retransmitted", "least RTT", "established", "closed"], rows, 2, 7);
}

function linkTable(links: readonly LinkSummary[]): string {
  const rows = links.flatMap((link) =>
    (["up", "down"] as const).map((direction) => {
      const pipe = link[direction];
      const counts = [pipe.packets, pipe.droppedQueue, pipe.droppedRandom, pipe.droppedDown, pipe.maxQueuedPackets].map(String);
      return [link.name, direction, formatSize(pipe.bytes), ...counts];
    }),
  );
  return table("Links", ["link", "direction", "carried", "packets", "lost: queue full", "lost: at random", "lost: link down", "longest queue"], rows, 2, 8);
}

/** Columns from `numbersFrom` up to `numbersTo` (exclusive) are aligned right. */
function table(title: string, head: readonly string[], rows: readonly (readonly string[])[], numbersFrom: number, numbersTo: number): string {
  const cell = (tag: string, text: string, index: number): string =>
    `<${tag}${index >= numbersFrom && index < numbersTo ? ' class="n"' : ""}>${escapeHtml(text)}</${tag}>`;
  const line = (tag: string, cells: readonly string[]): string => `<tr>${cells.map((text, index) => cell(tag, text, index)).join("")}</tr>`;
  return `<h2>${title}</h2>
<div class="scroll"><table class="plain"><thead>${line("th", head)}</thead><tbody>${rows.map((row) => line("td", row)).join("")}</tbody></table></div>`;
}

function integrity(summary: Summary): string {
  if (summary.sha256Received === null) return "";
  const whole = summary.sha256Sent === summary.sha256Received;
  const verdict = whole
    ? 'What was sent and what the application received <b class="good">are equal</b>.'
    : summary.intact === true
      ? 'What arrived is <b class="good">equal to the beginning</b> of what was to be sent.'
      : 'What was sent and what the application received <b class="bad">differ</b>.';
  const hashes = [["sent", summary.sha256Sent ?? "not computed"], ["received", summary.sha256Received]];
  return `<h2>Integrity</h2>
<p>${verdict}</p>
<p class="hash">SHA-256<br>${hashes.map(([label, hash]) => `${escapeHtml(hash ?? "")} ${label ?? ""}`).join("<br>")}</p>`;
}
