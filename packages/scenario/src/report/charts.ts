/// <reference lib="dom" />
import type uPlot from "uplot";
import type { MarkedEvent, Series } from "../record.ts";
import type { ReportData } from "./data.ts";

// These functions run in the reader's browser: report.ts puts their text into the page. So they use nothing but each other, the
// browser, and the chart library that is handed to them.

/** One line of a chart. */
export interface ChartLine {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** Index into the palette; -1: the colour of text. */
  readonly color: number;
  readonly dashed?: boolean;
  readonly wide?: boolean;
}

/** One chart of the page. */
export interface ChartDescription {
  readonly id: string;
  /** Where the vertical axis ends at the most; what is above leaves the chart. */
  readonly top?: number;
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly ChartLine[];
}

/** The charts of a run. */
export function describeCharts(series: Series): ChartDescription[] {
  const { time } = series;
  const span = (time[time.length - 1] ?? 0) - (time[0] ?? 0);
  const window = Math.max(0.2, span / 100);
  const perSubflow = (values: (subflow: Series["subflows"][number]) => (number | null)[]): ChartLine[] =>
    series.subflows.map((subflow, color) => ({ label: subflow.name, values: values(subflow), color }));
  const charts: ChartDescription[] = [
    {
      id: "goodput", title: "Goodput", unit: "Mb/s",
      // A hole that fills hands much to the application at once: that spike is not worth the scale.
      top: 1.35 * mostTogether(time, series, window),
      lines: [
        ...perSubflow((subflow) => scaled(rateOf(time, subflow.received, window), 1e6)),
        { label: "application", values: scaled(rateOf(time, series.delivered, window), 1e6), color: -1, wide: true },
      ],
    },
    {
      id: "progress", title: "Data sequence", unit: "MB",
      lines: [...perSubflow((subflow) => scaled(movesOnly(time, subflow.dataOffset), 1e6)), { label: "application", values: scaled(series.delivered, 1e6), color: -1, wide: true }],
    },
    { id: "rtt", title: "Smoothed round-trip time", unit: "ms", lines: perSubflow((subflow) => subflow.rttMs) },
    {
      id: "window", title: "Congestion window, and bytes in flight", unit: "KB",
      lines: series.subflows.flatMap((subflow, color) => [
        { label: `${subflow.name} cwnd`, values: scaled(subflow.cwnd, 1e3), color },
        { label: `${subflow.name} in flight`, values: scaled(subflow.inFlight, 1e3), color, dashed: true },
      ]),
    },
    {
      id: "buffers", title: "Buffers", unit: "KB",
      lines: [
        { label: "send queue", values: scaled(series.sendBuffer, 1e3), color: 4 },
        { label: "receive buffer", values: scaled(series.receiveBuffer, 1e3), color: 5 },
      ],
    },
  ];
  return charts.filter((chart) => chart.lines.length > 0);
}

/** Values in a larger unit. */
export function scaled(values: readonly (number | null)[], unit: number): (number | null)[] {
  return values.map((value) => (value === null ? null : value / unit));
}

/** Growth of a total in bit/s over a moving window; null where there is no total. */
export function rateOf(time: readonly number[], total: readonly (number | null)[], window: number): (number | null)[] {
  let from = 0;
  return total.map((value, index) => {
    if (value === null) return null;
    while (from < index && (time[from + 1]! <= time[index]! - window || total[from] === null)) from++;
    const elapsed = time[index]! - time[from]!;
    return elapsed <= 0 || total[from] === null ? null : ((value - total[from]!) * 8) / elapsed;
  });
}

/** What all subflows together received at their best, but for the few highest peaks, Mb/s. */
export function mostTogether(time: readonly number[], series: Series, window: number): number {
  const sums = time.map(() => 0);
  for (const subflow of series.subflows) {
    rateOf(time, subflow.received, window).forEach((rate, index) => (sums[index] = sums[index]! + (rate ?? 0) / 1e6));
  }
  const sorted = sums.toSorted((a, b) => a - b);
  return Math.max(0.001, sorted[Math.floor(sorted.length * 0.97)] ?? 0);
}

/** A position while it moves: a subflow that is given nothing for a while shows as a gap. */
export function movesOnly(time: readonly number[], values: readonly (number | null)[]): (number | null)[] {
  let movedAt = -1;
  return values.map((value, index) => {
    if (value === null || value === 0) return null;
    if (index === 0 || values[index - 1] !== value) movedAt = time[index]!;
    return time[index]! - movedAt > 0.2 ? null : value;
  });
}

/** Builds the charts into `holder`; returns them. Zooming and pointing in one moves all. */
export function buildCharts(Plot: typeof uPlot, data: ReportData, holder: HTMLElement, colors: ThemeColors, kinds: () => ReadonlySet<string>): uPlot[] {
  const plots: uPlot[] = [];
  const tooltip = document.getElementById("tooltip") as HTMLElement;
  const sync = Plot.sync("time");
  let zooming = false;
  const followZoom = (plot: uPlot, scale: string): void => {
    if (scale !== "x" || zooming) return;
    zooming = true;
    const { min, max } = plot.scales["x"] as { min: number; max: number };
    for (const other of plots) if (other !== plot) other.setScale("x", { min, max });
    zooming = false;
  };
  for (const chart of describeCharts(data.series)) {
    const box = document.createElement("figure");
    box.id = `chart-${chart.id}`;
    const caption = document.createElement("figcaption");
    caption.textContent = `${chart.title} (${chart.unit})`;
    box.append(caption);
    holder.append(box);
    const options: uPlot.Options = {
      width: Math.max(320, holder.clientWidth),
      height: chart.id === "goodput" || chart.id === "progress" ? 260 : 190,
      scales: { x: { time: false }, y: { range: (_plot, min, max) => [chart.id === "progress" ? (min ?? 0) : 0, max > 0 ? Math.min(max * 1.05, chart.top ?? max * 1.05) : 1] } },
      cursor: { sync: { key: sync.key }, drag: { x: true, y: false } },
      legend: { live: true },
      axes: [axisOf(colors, "s"), axisOf(colors, chart.unit)],
      series: [{ label: "time", value: (_plot, value) => (value === null ? "" : `${value.toFixed(3)} s`) }, ...chart.lines.map((line) => lineOf(line, chart.unit, colors))],
      hooks: {
        draw: [(plot): void => drawEvents(plot, data.events, colors, kinds())],
        setCursor: [(plot): void => showEvents(plot, data.events, tooltip, kinds())],
        setScale: [followZoom],
      },
    };
    plots.push(new Plot(options, [data.series.time, ...chart.lines.map((line) => [...line.values])] as uPlot.AlignedData, box));
  }
  return plots;
}

/** Colours of the page as it is shown, light or dark. */
export interface ThemeColors {
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
  readonly palette: readonly string[];
  readonly bad: string;
  readonly good: string;
}

/** The colours of the style sheet that apply now. */
export function themeColors(): ThemeColors {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: color("--text"),
    muted: color("--muted"),
    grid: color("--grid"),
    palette: [0, 1, 2, 3, 4, 5, 6, 7].map((index) => color(`--series-${index}`)),
    bad: color("--bad"),
    good: color("--good"),
  };
}

/** An axis in the page's colours. */
export function axisOf(colors: ThemeColors, unit: string): uPlot.Axis {
  return {
    stroke: colors.muted,
    grid: { stroke: colors.grid, width: 1 },
    ticks: { stroke: colors.grid, width: 1 },
    size: unit === "s" ? 30 : 58,
    font: "12px system-ui, sans-serif",
    values: (_plot, splits) => splits.map((value) => (unit === "s" ? `${Number(value.toFixed(4))} s` : String(Number(value.toFixed(4))))),
  };
}

/** A series as the chart library wants it. */
export function lineOf(line: ChartLine, unit: string, colors: ThemeColors): uPlot.Series {
  return {
    label: line.label,
    stroke: line.color < 0 ? colors.text : (colors.palette[line.color % colors.palette.length] ?? colors.text),
    width: line.wide === true ? 2 : 1.5,
    ...(line.dashed === true ? { dash: [4, 4] } : {}),
    points: { show: false },
    spanGaps: false,
    value: (_plot, value) => (value === null || value === undefined ? "–" : `${value >= 100 ? value.toFixed(0) : value.toFixed(2)} ${unit}`),
  };
}

/** Whether a kind of event tells of trouble. */
export function isTrouble(event: MarkedEvent): boolean {
  return (
    ["rto", "subflow_closed", "fallback", "join_refused", "remove_addr", "fastclose", "penalise"].includes(event.kind) ||
    (event.kind === "link" && /down/.test(event.text)) ||
    (event.kind === "address" && /removed/.test(event.text))
  );
}

/** Draws the events over a chart: a line for each, a triangle at the top. */
export function drawEvents(plot: uPlot, events: readonly MarkedEvent[], colors: ThemeColors, kinds: ReadonlySet<string>): void {
  const { ctx, bbox } = plot;
  const size = 4 * devicePixelRatio;
  ctx.save();
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const event of events) {
    if (!kinds.has(event.kind)) continue;
    const x = Math.round(plot.valToPos(event.time, "x", true));
    if (x < bbox.left - size || x > bbox.left + bbox.width + size) continue;
    ctx.fillStyle = ctx.strokeStyle = isTrouble(event) ? colors.bad : colors.good;
    ctx.globalAlpha = 0.3;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top);
    ctx.lineTo(x + size, bbox.top);
    ctx.lineTo(x, bbox.top + 1.6 * size);
    ctx.fill();
  }
  ctx.restore();
}

/** Shows the texts of the events near the pointer. */
export function showEvents(plot: uPlot, events: readonly MarkedEvent[], tooltip: HTMLElement, kinds: ReadonlySet<string>): void {
  // Charts that only follow the pointer have no event of their own.
  if (!plot.over.matches(":hover")) return;
  const left = plot.cursor.left ?? -1;
  const near = left < 0 ? [] : events.filter((event) => kinds.has(event.kind) && Math.abs(plot.valToPos(event.time, "x") - left) <= 6);
  tooltip.hidden = near.length === 0;
  if (near.length === 0) return;
  tooltip.replaceChildren(
    ...near.slice(0, 12).map((event) => {
      const line = document.createElement("div");
      line.className = isTrouble(event) ? "trouble" : "";
      line.textContent = `${event.time.toFixed(3)} s  ${event.about === "" ? "" : `[${event.about}] `}${event.text}`;
      return line;
    }),
  );
  if (near.length > 12) tooltip.append(`and ${near.length - 12} more`);
  const { left: x, top: y } = plot.over.getBoundingClientRect();
  const width = Math.min(520, document.documentElement.clientWidth - 24);
  tooltip.style.maxWidth = `${width}px`;
  const wanted = x + left + 14;
  tooltip.style.left = `${Math.max(8, Math.min(wanted, document.documentElement.clientWidth - tooltip.offsetWidth - 12)) + scrollX}px`;
  tooltip.style.top = `${y + (plot.cursor.top ?? 0) + 14 + scrollY}px`;
}

/** Fills the list of events and the switches of their kinds. */
export function buildEventList(data: ReportData, redraw: () => void): Set<string> {
  const kinds = [...new Set(data.events.map((event) => event.kind))];
  const shown = new Set(kinds);
  const switches = document.getElementById("kinds") as HTMLElement;
  const rows = document.getElementById("event-rows") as HTMLElement;
  const fill = (): void => {
    rows.replaceChildren(
      ...data.events
        .filter((event) => shown.has(event.kind))
        .map((event) => {
          const row = document.createElement("tr");
          if (isTrouble(event)) row.className = "trouble";
          for (const text of [event.time.toFixed(3), event.kind.replaceAll("_", " "), event.about, event.text]) {
            const cell = document.createElement("td");
            cell.textContent = text;
            row.append(cell);
          }
          return row;
        }),
    );
  };
  for (const kind of kinds) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => {
      if (box.checked) shown.add(kind);
      else shown.delete(kind);
      fill();
      redraw();
    });
    label.append(box, ` ${kind.replaceAll("_", " ")} (${data.events.filter((event) => event.kind === kind).length})`);
    switches.append(label);
  }
  fill();
  return shown;
}

/** Sets the page up; draws anew when its width or the colour scheme changes. */
export function startReport(Plot: typeof uPlot): void {
  const data = JSON.parse((document.getElementById("data") as HTMLElement).textContent) as ReportData;
  const holder = document.getElementById("charts") as HTMLElement;
  let plots: uPlot[] = [];
  const shown = buildEventList(data, () => plots.forEach((plot) => plot.redraw(false)));
  const draw = (): void => {
    for (const plot of plots) plot.destroy();
    holder.replaceChildren();
    plots = buildCharts(Plot, data, holder, themeColors(), () => shown);
  };
  draw();
  holder.addEventListener("mouseleave", () => ((document.getElementById("tooltip") as HTMLElement).hidden = true));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let width = holder.clientWidth;
  addEventListener("resize", () => {
    if (holder.clientWidth === width) return;
    width = holder.clientWidth;
    for (const plot of plots) plot.setSize({ width: Math.max(320, width), height: plot.height });
  });
}

/** Everything of this file that the page needs, in no particular order. */
export const PAGE_FUNCTIONS: readonly ((...values: never[]) => unknown)[] = [
  describeCharts, scaled, rateOf, mostTogether, movesOnly, buildCharts, themeColors, axisOf, lineOf, isTrouble, drawEvents, showEvents, buildEventList, startReport,
];
