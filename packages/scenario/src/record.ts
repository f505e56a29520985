import type { DecisionEvent } from "mptcp";

/**
 * What a run left behind for plots: time series on a virtual grid (and at the moments when the network changed), and the
 * events worth a mark on the time axis. Plain data, so that it can be written into a page.
 */
export interface RunRecord {
  readonly series: Series;
  readonly events: readonly MarkedEvent[];
  /** Events that were left out because there were too many; they are in the event log. */
  readonly eventsOmitted: number;
}

/** Columns of equal length. Bytes are totals since the start. */
export interface Series {
  /** Seconds. */
  readonly time: number[];
  /** Bytes that the application has read. */
  readonly delivered: number[];
  /** Bytes in the sender's shared queue, and in the receiver's: in order but unread, and out of order. */
  readonly sendBuffer: number[];
  readonly receiveBuffer: number[];
  readonly subflows: SubflowSeries[];
}

/** Columns of one subflow; null before it exists and after it has gone. */
export interface SubflowSeries {
  readonly id: number;
  readonly name: string;
  /** Payload bytes that arrived on it. */
  readonly received: (number | null)[];
  /** End of the newest data that was given to it, as a stream offset. */
  readonly dataOffset: (number | null)[];
  readonly rttMs: (number | null)[];
  /** Bytes. */
  readonly cwnd: (number | null)[];
  readonly inFlight: (number | null)[];
}

/** An event with what a reader of a plot needs. */
export interface MarkedEvent {
  /** Seconds. */
  readonly time: number;
  readonly kind: string;
  /** The name of the subflow or link it concerns; empty when none. */
  readonly about: string;
  readonly text: string;
}

/** Kinds that a plot marks; the others are for the log alone. */
export function isMarked(event: DecisionEvent): boolean {
  return MARKED_KINDS.has(event.kind);
}

/** Collects rows, thinning them out by half and doubling the interval whenever there are too many. */
export class SeriesBuilder {
  readonly series: Series = { time: [], delivered: [], sendBuffer: [], receiveBuffer: [], subflows: [] };
  /** ns */
  interval: number;
  private readonly limit: number;

  constructor(interval: number, limit = 3000) {
    this.interval = interval;
    this.limit = limit;
  }

  /** The columns of a subflow, made on first use. */
  subflow(id: number, name: string): SubflowSeries {
    const known = this.series.subflows.find((one) => one.id === id);
    if (known !== undefined) return known;
    const blank = (): null[] => this.series.time.map(() => null);
    const made: SubflowSeries = { id, name, received: blank(), dataOffset: blank(), rttMs: blank(), cwnd: blank(), inFlight: blank() };
    this.series.subflows.push(made);
    return made;
  }

  /** A new row; the subflows' columns get null until {@link SeriesBuilder.set} fills them in. */
  row(time: number, delivered: number, sendBuffer: number, receiveBuffer: number): void {
    const { series } = this;
    if (series.time.length >= this.limit) this.thin();
    series.time.push(time / 1e9);
    series.delivered.push(delivered);
    series.sendBuffer.push(sendBuffer);
    series.receiveBuffer.push(receiveBuffer);
    for (const subflow of series.subflows) for (const column of columnsOf(subflow)) column.push(null);
  }

  /** Fills in the last row of a subflow. */
  set(subflow: SubflowSeries, values: { received: number; dataOffset: number; rttMs: number | null; cwnd: number; inFlight: number }): void {
    const last = this.series.time.length - 1;
    subflow.received[last] = values.received;
    subflow.dataOffset[last] = values.dataOffset;
    subflow.rttMs[last] = values.rttMs;
    subflow.cwnd[last] = values.cwnd;
    subflow.inFlight[last] = values.inFlight;
  }

  private thin(): void {
    const { series } = this;
    this.interval *= 2;
    const columns: unknown[][] = [series.time, series.delivered, series.sendBuffer, series.receiveBuffer, ...series.subflows.flatMap(columnsOf)];
    for (const column of columns) {
      const kept = column.filter((_, index) => index % 2 === 0);
      column.length = 0;
      for (const value of kept) column.push(value);
    }
  }
}

function columnsOf(subflow: SubflowSeries): (number | null)[][] {
  return [subflow.received, subflow.dataOffset, subflow.rttMs, subflow.cwnd, subflow.inFlight];
}

const MARKED_KINDS = new Set<string>([
  "rto", "connection_established", "subflow_established", "subflow_closed", "join_refused", "reinjection", "penalise", "window",
  "add_addr", "remove_addr", "priority", "fallback", "data_fin", "fastclose", "connection_closed", "link", "address",
]);
