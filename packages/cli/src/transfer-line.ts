import { formatRate, formatSize } from "@mptcp/scenario";
import type { Output } from "./io.ts";
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

/** One line on a terminal that shows a transfer, drawn again and again: the amount, the rate, each subflow's rate, the time left. */
export class TransferLine {
  private readonly output: Output;
  private readonly samples: Sample[] = [];
  private isDrawn = false;

  /** @param start when nothing had been transferred yet, s */
  constructor(output: Output, start: number) {
    this.output = output;
    this.samples.push({ time: start, bytes: 0, subflows: new Map() });
  }

  update(status: TransferStatus): void {
    this.samples.push({ time: status.time, bytes: status.bytes, subflows: new Map(status.subflows.map((subflow) => [subflow.id, amountOf(subflow)])) });
    // The oldest sample is about a second old.
    while (this.samples.length > 2 && (this.samples[1] as Sample).time <= status.time - 1) this.samples.shift();
    const text = this.text(status);
    this.output.write(`\r\u001B[K${text.slice(0, this.output.columns - 1)}`);
    this.isDrawn = true;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.isDrawn) this.output.write("\r\u001B[K");
    this.isDrawn = false;
  }

  private text({ time, bytes, size, subflows }: TransferStatus): string {
    const first = this.samples[0] as Sample;
    const span = time - first.time;
    const rate = span > 0 ? (bytes - first.bytes) / span : 0;
    const parts = [`${formatSize(bytes)}${size === null ? "" : ` of ${formatSize(size)}`}`, formatRate(Math.round(rate * 8))];
    if (size !== null && size > bytes && rate > 0) parts.push(`${durationText((size - bytes) / rate)} left`);
    for (const subflow of subflows) {
      const name = `${subflow.localAddress} > ${subflow.remoteAddress}`;
      const grown = amountOf(subflow) - (first.subflows.get(subflow.id) ?? 0);
      const state = subflow.down === null ? formatRate(span > 0 ? Math.round((grown * 8) / span) : 0) : "down";
      parts.push(`${name}${subflow.backup === true ? " (backup)" : ""} ${state}`);
    }
    return parts.join(" | ");
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

/** "7 s", "3:07 min", "2:03 h". */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`;
  const minutes = Math.floor(whole / 60);
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")} h`;
}
