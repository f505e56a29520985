import { formatRate, formatSize } from "@mptcp/scenario/units";
import type { RunStatus, SubflowStatus } from "@mptcp/scenario";
import type { Output } from "./io.ts";
import { ScreenRegion } from "./screen-region.ts";

/** Shows how far a run is. */
export interface Progress {
  update(status: RunStatus): void;
  /** Something happened that is worth a line of its own. */
  note(text: string): void;
  /** The last word: bars stay as they were in the end. */
  done(status: RunStatus): void;
}

/** Bars that are drawn anew on a terminal, lines elsewhere. */
export function makeProgress(name: string, output: Output, clock: () => number): Progress {
  return output.columns >= NARROWEST ? new Bars(name, output, clock) : new Lines(output);
}

/** One bar for the whole, one for each subflow. */
class Bars implements Progress {
  private readonly name: string;
  private readonly output: Output;
  private readonly clock: () => number;
  private readonly rates = new Rates();
  private readonly region: ScreenRegion;
  private drawnAt = Number.NEGATIVE_INFINITY;

  constructor(name: string, output: Output, clock: () => number) {
    this.name = name;
    this.output = output;
    this.region = new ScreenRegion(output);
    this.clock = clock;
  }

  update(status: RunStatus): void {
    this.rates.add(status);
    const now = this.clock();
    if (now - this.drawnAt < REDRAW) return;
    this.drawnAt = now;
    this.draw(status);
  }

  note(text: string): void {
    this.region.clear();
    this.output.write(`  ${text}\n`);
  }

  done(status: RunStatus): void {
    this.rates.add(status);
    this.draw(status);
    this.region.leave();
  }

  private draw(status: RunStatus): void {
    const { columns, colors } = this.output;
    const names = Math.max(this.name.length, ...status.subflows.map((subflow) => subflow.name.length + 2));
    const width = Math.max(4, Math.min(40, columns - names - TEXT_COLUMNS));
    const lines = [`${this.name.padEnd(names)} ${bar(shareOf(status), width)} ${amount(status)}  ${status.time.toFixed(2)} s`];
    for (const subflow of status.subflows) {
      const share = subflow.bytesReceived / Math.max(1, status.bytesExpected ?? status.bytes);
      const rate = subflow.state === "open" ? formatRate(Math.round(this.rates.of(subflow))).padStart(10) : subflow.state.padStart(10);
      const detail = `${rate} ${formatSize(subflow.bytesReceived).padStart(9)}  rtt ${subflow.rttMs.toFixed(0)} ms${subflow.backup ? "  backup" : ""}`;
      const shown = bar(Math.min(1, share), width);
      lines.push(`  ${subflow.name.padEnd(names - 2)} ${subflow.state === "closed" ? colors.dim(shown) : colors.cyan(shown)} ${detail}`);
    }
    this.region.draw(lines);
  }
}

/** A line for every tenth of the way. */
class Lines implements Progress {
  private readonly output: Output;
  private readonly rates = new Rates();
  private tenths = 0;

  constructor(output: Output) {
    this.output = output;
  }

  update(status: RunStatus): void {
    this.rates.add(status);
    const tenths = Math.floor(shareOf(status) * 10);
    if (tenths <= this.tenths) return;
    this.tenths = tenths;
    const subflows = status.subflows.map((subflow) => `${subflow.name} ${formatSize(subflow.bytesReceived)} at ${formatRate(Math.round(this.rates.of(subflow)))}`);
    this.output.write(`${status.time.toFixed(2).padStart(8)} s  ${amount(status)}: ${subflows.join(", ")}\n`);
  }

  note(text: string): void {
    this.output.write(`${text}\n`);
  }

  done(status: RunStatus): void {
    this.update(status);
  }
}

/** Rates of subflows over about the last second of virtual time. */
class Rates {
  private readonly samples: { readonly time: number; readonly bytes: ReadonlyMap<string, number> }[] = [];

  add(status: RunStatus): void {
    this.samples.push({ time: status.time, bytes: new Map(status.subflows.map((subflow) => [subflow.name, subflow.bytesReceived])) });
    while (this.samples.length > 2 && (this.samples[1] as { time: number }).time <= status.time - 1) this.samples.shift();
  }

  /** bit/s */
  of(subflow: SubflowStatus): number {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined || last.time <= first.time) return 0;
    return ((subflow.bytesReceived - (first.bytes.get(subflow.name) ?? 0)) * 8) / (last.time - first.time);
  }
}

function shareOf(status: RunStatus): number {
  return status.bytesExpected === null ? status.time / status.duration : status.bytes / Math.max(1, status.bytesExpected);
}

function amount(status: RunStatus): string {
  const percent = `${Math.floor(shareOf(status) * 100)} %`.padStart(5);
  return status.bytesExpected === null ? `${percent}  ${formatSize(status.bytes)}` : `${percent}  ${formatSize(status.bytes)} of ${formatSize(status.bytesExpected)}`;
}

function bar(share: number, width: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * width);
  return "█".repeat(full) + "░".repeat(width - full);
}

/** Columns of what stands beside a name and a bar. */
const TEXT_COLUMNS = 46;
/** Terminals with fewer columns get lines. */
const NARROWEST = 72;
/** Seconds of real time between two drawings. */
const REDRAW = 0.08;
