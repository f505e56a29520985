import type { MarkedEvent, RunRecord, Series } from "../record.ts";
import type { Summary } from "../summary.ts";

/** What the page's script works on. */
export interface ReportData {
  readonly series: Series;
  readonly events: readonly MarkedEvent[];
}

/** Everything a report shows. */
export interface ReportInput {
  readonly title: string;
  readonly description: string;
  readonly summary: Summary;
  readonly record: RunRecord;
  /** The scenario as it was run. */
  readonly scenarioText: string;
  /** Command lines for people, with what each is for. */
  readonly commands: readonly { readonly label: string; readonly command: string }[];
}

/** The chart library's script and style sheet, as text. */
export interface ReportAssets {
  readonly script: string;
  readonly style: string;
}

/** The data with fewer digits: a plot needs no more, and the page stays small. */
export function reportData(record: RunRecord): ReportData {
  const { series } = record;
  return {
    series: {
      time: series.time.map((value) => rounded(value, 1e6)),
      delivered: series.delivered,
      sendBuffer: series.sendBuffer,
      receiveBuffer: series.receiveBuffer,
      subflows: series.subflows.map((subflow) => ({
        ...subflow,
        rttMs: subflow.rttMs.map((value) => (value === null ? null : rounded(value, 1e3))),
        cwnd: subflow.cwnd.map((value) => (value === null ? null : Math.round(value))),
      })),
    },
    events: record.events.map((event) => ({ ...event, time: rounded(event.time, 1e6) })),
  };
}

function rounded(value: number, scale: number): number {
  return Math.round(value * scale) / scale;
}
