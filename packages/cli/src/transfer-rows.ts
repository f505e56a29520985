import { formatRate, formatSize } from "@mptcp/scenario/units";
import type { Output } from "./io.ts";
import { ScreenRegion } from "./screen-region.ts";
import type { SubflowRecord } from "./subflow-ledger.ts";

/** How far a transfer is. */
export interface TransferStatus {
  /** s */
  readonly time: number;
  /** Octets both ways. */
  readonly bytes: number;
  /** Octets there will be, where that is known. */
  readonly size: number | null;
  readonly subflows: readonly SubflowRecord[];
}

/** Shows how far a transfer is. */
export interface TransferView {
  update(status: TransferStatus): void;
  /** Takes away what is not to stay. */
  clear(): void;
}

/** Rows on a terminal, drawn again and again: the amount, the rate and the time left, and below a row for each subflow. @param start when nothing had been transferred yet, s */
export function transferRows(output: Output, start: number): TransferView {
  const region = new ScreenRegion(output);
  const rates = new TransferRates(start);
  return {
    update: (status) => {
      rates.add(status);
      region.draw([rates.total(status), ...rates.subflows(status, output.columns)]);
    },
    clear: () => region.clear(),
  };
}

/** Lines that stay, where nothing can be drawn again. */
export function transferLines(output: Output, start: number): TransferView {
  const rates = new TransferRates(start);
  return {
    update: (status) => {
      rates.add(status);
      const rows = rates.subflows(status, Number.POSITIVE_INFINITY).map((row) => row.trim().replaceAll(/ {2,}/g, " "));
      output.write(`${[rates.total(status), ...rows].join(" | ")}\n`);
    },
    clear: () => {},
  };
}

/** Texts with rates over about the last second. */
class TransferRates {
  private readonly samples: Sample[] = [];

  constructor(start: number) {
    this.samples.push({ time: start, bytes: 0, subflows: new Map() });
  }

  add({ time, bytes, subflows }: TransferStatus): void {
    this.samples.push({ time, bytes, subflows: new Map(subflows.map((subflow) => [subflow.id, amountOf(subflow)])) });
    // The oldest sample is about a second old.
    while (this.samples.length > 2 && (this.samples[1] as Sample).time <= time - 1) this.samples.shift();
  }

  total({ time, bytes, size }: TransferStatus): string {
    const first = this.samples[0] as Sample;
    const span = time - first.time;
    const rate = span > 0 ? (bytes - first.bytes) / span : 0;
    const parts = [`${formatSize(bytes)}${size === null ? "" : ` of ${formatSize(size)}`}`, formatRate(Math.round(rate * 8))];
    if (size !== null && size > bytes && rate > 0) parts.push(`${durationText((size - bytes) / rate)} left`);
    return parts.join(" | ");
  }

  /** Those that are there come first: they are seen where not all can be. */
  subflows({ time, subflows }: TransferStatus, columns: number): string[] {
    const first = this.samples[0] as Sample;
    const span = time - first.time;
    const sorted = subflows.toSorted((a, b) => Number(a.down !== null) - Number(b.down !== null));
    const widest = Math.max(0, ...sorted.map((subflow) => pathText(subflow).length));
    const width = Math.min(widest, Math.max(NARROWEST_PATH, columns - COLUMNS_BESIDE_PATH));
    return sorted.map((subflow) => {
      const grown = amountOf(subflow) - (first.subflows.get(subflow.id) ?? 0);
      const state = subflow.down === null ? formatRate(span > 0 ? Math.round((grown * 8) / span) : 0) : "down";
      const rtt = subflow.rtt === 0 ? "" : `rtt ${(subflow.rtt / 1e6).toFixed(1)} ms`;
      const row = `  ${shortened(pathText(subflow), width).padEnd(width)} ${state.padStart(10)} ${formatSize(amountOf(subflow)).padStart(9)}  ${rtt.padEnd(14)}${subflow.backup === true ? "backup" : ""}`;
      return row.trimEnd();
    });
  }
}

interface Sample {
  readonly time: number;
  readonly bytes: number;
  readonly subflows: ReadonlyMap<number, number>;
}

function amountOf(subflow: SubflowRecord): number {
  return subflow.bytesSent + subflow.bytesReceived;
}

/** "127.0.0.3 > 127.0.0.1": where a subflow goes, for people. */
export function pathText({ localAddress, remoteAddress }: { readonly localAddress: string; readonly remoteAddress: string }): string {
  return `${localAddress} > ${remoteAddress}`;
}

/** A text of two addresses without the middle of what does not fit. */
function shortened(text: string, width: number): string {
  if (text.length <= width) return text;
  const start = Math.ceil((width - 2) / 2);
  return `${text.slice(0, start)}..${text.slice(text.length - (width - 2 - start))}`;
}

/** "7 s", "3:07 min", "2:03 h". */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`;
  const minutes = Math.floor(whole / 60);
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")} h`;
}

/** Rate, amount, round-trip time and the word for a backup, with what is between them. */
const COLUMNS_BESIDE_PATH = 46;
const NARROWEST_PATH = 15;
