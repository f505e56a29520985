import { formatRate } from "@mptcp/scenario/units";
import type { Io } from "./io.ts";
import type { ShownInfo, ShownSubflow } from "./shown-info.ts";

/** What `--json` prints to standard error at the end. */
export interface TransferSummary {
  /** Who spoke Multipath TCP: this program's engine, or the kernel. */
  readonly via: "userspace" | "kernel";
  /** Connections there were: one at the most, but for `listen --keep`. */
  readonly connections: number;
  /** How many of them could not be passed on, where connections are passed on. */
  readonly failed?: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** From when the connection was open to when all was acknowledged; whole. */
  readonly durationMicroseconds: number;
  /** Both directions together. */
  readonly bitsPerSecond: number;
  /** Why it is plain TCP although Multipath TCP was asked for; null when it is not. */
  readonly fallback: string | null;
  /** What went wrong; null when nothing did. */
  readonly error: string | null;
  /**
   * The connection in its last moment; null when there was none, and where there may be several. Without the token, by which anybody can ask to join the
   * connection, unless that was asked for.
   */
  readonly mptcp: ShownInfo | null;
  /** Every subflow that there ever was, with its counters, and why it ended: null where it ended with the connection. */
  readonly subflows: readonly (ShownSubflow & { readonly down: string | null })[];
  /** Of the host, by the names of the kernel's MIB; the kernel's own since the program started. */
  readonly counters: Readonly<Record<string, number>>;
}

/** How long something took, and what rate that is, as summaries tell it. */
export function pace(bytes: number, seconds: number): { readonly durationMicroseconds: number; readonly bitsPerSecond: number } {
  return { durationMicroseconds: Math.round(seconds * 1e6), bitsPerSecond: Math.round((bytes * 8) / Math.max(seconds, 1e-6)) };
}

/** Prints the summary to standard error: as JSON, or as a line for people, of which `quiet` leaves what went wrong. */
export function printSummary(summary: TransferSummary, { json, quiet }: { readonly json: boolean; readonly quiet: boolean }, io: Io): void {
  if (json) {
    io.stderr.write(`${JSON.stringify(summary)}\n`);
    return;
  }
  if (summary.error !== null) io.stderr.write(`${summary.error}\n`);
  if (quiet) return;
  const { bytesRead, bytesWritten, durationMicroseconds, bitsPerSecond, connections, failed = 0 } = summary;
  const rate = bytesRead + bytesWritten === 0 ? "" : ` (${formatRate(Math.round(bitsPerSecond))})`;
  const what = summary.mptcp === null ? `${connections} ${connections === 1 ? "connection" : "connections"}${failed === 0 ? "" : `, ${failed} failed`}` : describe(summary, summary.mptcp);
  io.stderr.write(`${bytesRead} bytes read, ${bytesWritten} written in ${(durationMicroseconds / 1e6).toFixed(2)} s${rate}, ${what}\n`);
}

function describe(summary: TransferSummary, info: ShownInfo): string {
  const whose = summary.via === "kernel" ? ", by the kernel" : "";
  if (!info.multipath) return `plain TCP${summary.fallback === null ? "" : ` (${summary.fallback})`}${whose}`;
  const lost = summary.subflows.filter(({ down }) => down !== null && !ORDERLY.has(down));
  const losses = lost.map(({ localAddress, remoteAddress, down }) => `, lost ${localAddress} > ${remoteAddress} (${down})`).join("");
  const count = summary.subflows.length;
  return `Multipath TCP over ${count} ${count === 1 ? "subflow" : "subflows"}${losses}${whose}`;
}

/** Reasons for the end of a subflow that are no loss. */
const ORDERLY: ReadonlySet<string> = new Set(["fin", "done", "connection_closed"]);
