/** The report's style sheet: two colour schemes, one column. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --page: #fafaf9; --panel: #ffffff; --text: #1c1c1a; --muted: #62625c; --grid: #e7e6e2; --line: #d9d8d3;
  --good: #1b7f4d; --bad: #c03a2b; --code: #f1f0ec;
  --series-0: #2a6fd0; --series-1: #d9730d; --series-2: #12866a; --series-3: #9447b8;
  --series-4: #4b6584; --series-5: #b0413e; --series-6: #8a7a00; --series-7: #0f7fa8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #161615; --panel: #1f1f1d; --text: #ecebe6; --muted: #a3a29a; --grid: #31312e; --line: #3a3a36;
    --good: #4cc38a; --bad: #f0705f; --code: #292926;
    --series-0: #6ea8ff; --series-1: #f2a154; --series-2: #4fc3a1; --series-3: #c792ea;
    --series-4: #9fb3c8; --series-5: #ef8a86; --series-6: #d7c34a; --series-7: #5cc3ea;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 36px 0 10px; }
p { margin: 6px 0; max-width: 80ch; }
.muted { color: var(--muted); }
.badge { display: inline-block; padding: 1px 10px; border-radius: 999px; font-size: 13px; font-weight: 600; border: 1px solid currentColor; vertical-align: 3px; margin-left: 8px; }
.good { color: var(--good); } .bad { color: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 10px; margin: 20px 0; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; min-width: 0; }
.card b { display: block; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.card span { color: var(--muted); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--muted); border-bottom: 1px solid var(--line); padding: 4px 18px 4px 0; white-space: nowrap; }
td { border-bottom: 1px solid var(--grid); padding: 4px 18px 4px 0; vertical-align: top; }
th.n, td.n { text-align: right; }
table.plain td { white-space: nowrap; }
figure { margin: 0 0 14px; padding: 12px 10px 6px; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
figcaption { font-weight: 600; font-size: 14px; padding-left: 8px; }
#charts figure { overflow: hidden; }
.uplot .u-legend th, .uplot .u-legend td { border: 0; padding: 2px 4px; color: var(--text); }
.uplot .u-legend { width: auto; text-align: left; font-size: 13px; padding-left: 8px; }
.uplot .u-legend .u-value { font-variant-numeric: tabular-nums; display: inline-block; min-width: 68px; }
.uplot .u-select { background: color-mix(in srgb, var(--series-0) 18%, transparent); }
.uplot .u-cursor-x, .uplot .u-cursor-y { border-color: var(--muted); }
#tooltip { position: absolute; z-index: 10; background: var(--panel); color: var(--text); border: 1px solid var(--line); border-radius: 6px; padding: 6px 10px; font-size: 13px; pointer-events: none; box-shadow: 0 4px 14px rgb(0 0 0 / 20%); overflow-wrap: anywhere; }
#tooltip .trouble, tr.trouble td:nth-child(2) { color: var(--bad); }
#kinds { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 6px 0 10px; font-size: 14px; }
#events { max-height: 380px; overflow: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 4px 12px; }
#events th { position: sticky; top: -4px; background: var(--panel); }
#events td:first-child, #events td:nth-child(2), #events td:nth-child(3) { white-space: nowrap; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; overflow-x: auto; font: 13px/1.5 ui-monospace, "SF Mono", Menlo, monospace; margin: 6px 0 12px; }
.hash { font: 12px ui-monospace, Menlo, monospace; overflow-wrap: anywhere; }
`;
