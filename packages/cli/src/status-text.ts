import { formatRate, formatSize } from "@mptcp/scenario/units";
import type { ConnectionStatus, ControlHello, ControlStatus, EndpointStatus, SubflowStatus } from "mptcp/node";
import type { Colors } from "./io.ts";
import { endpointText } from "./endpoint-text.ts";

/** A process, and its state at some time. */
export interface ProcessState {
  readonly hello: ControlHello;
  readonly status: ControlStatus;
}

/** What was sent and received per second, by connection and subflow: between two looks. */
export class MeasuredRates {
  private readonly before: ControlStatus | null;
  private readonly seconds: number;

  constructor(before: ControlStatus | null, now: ControlStatus) {
    this.before = before;
    this.seconds = before === null ? 0 : (now.atMicroseconds - before.atMicroseconds) / 1e6;
  }

  /** bit/s out and in; null where there was no look before. */
  of(connection: number, now: Traffic, subflow?: number): { readonly out: number; readonly in: number } | null {
    const then = this.before?.connections.find((one) => one.connection === connection);
    const from: Traffic | undefined = subflow === undefined ? then : then?.subflows.find((one) => one.subflow === subflow);
    if (from === undefined || this.seconds <= 0) return null;
    const rate = (name: keyof Traffic): number => Math.max(0, Math.round((8 * (now[name] - from[name])) / this.seconds));
    return { out: rate("bytesSent"), in: rate("bytesReceived") };
  }
}

interface Traffic {
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** A process for people: at most 80 columns where its addresses allow it. */
export function processText({ hello, status }: ProcessState, rates: MeasuredRates, counters: boolean, colors: Colors): string {
  const age = (status.atMicroseconds - hello.startedMicroseconds) / 1e6;
  const lines = [
    `${colors.bold(`${hello.pid}  ${hello.title}`)}  ${colors.dim(`since ${durationText(age)}`)}`,
    ...endpointLines(status.endpoints).map((line, index) => `  ${(index === 0 ? "endpoints" : "").padEnd(11)}${line}`),
    `  limits     subflows ${status.limits.subflows}, add-addr-accepted ${status.limits.addAddrAccepted}`,
  ];
  if (status.connections.length === 0) lines.push(`  policies   ${status.scheduler.name}, ${status.congestion.name}, ${status.pathManager.name}`, "  no connection");
  for (const connection of status.connections) lines.push(...connectionLines(connection, status, rates, colors));
  if (counters) lines.push("", ...counterLines(status.counters ?? {}));
  return `${lines.join("\n")}\n`;
}

/** One line an endpoint, as `ip mptcp endpoint show` has them. */
export function endpointLines(endpoints: readonly EndpointStatus[]): readonly string[] {
  const widths = columnWidths(endpoints.map(endpointCells));
  return endpoints.map((endpoint) => cellsText(endpointCells(endpoint), widths));
}

function endpointCells({ address, id, link, port, ...flags }: EndpointStatus): readonly string[] {
  const words = (["subflow", "signal", "backup", "fullmesh"] as const).filter((flag) => flags[flag]);
  return [`id ${id}`, address, [...words, ...(port === null ? [] : [`port ${port}`])].join(" ") || "for nothing", link === null ? "" : `on ${link}`];
}

function connectionLines(connection: ConnectionStatus, host: ControlStatus, rates: MeasuredRates, colors: Colors): readonly string[] {
  const { fallback, initiator, limits, multipath, subflows, token } = connection;
  const names = [connection.scheduler?.name, connection.congestion.name, connection.pathManager?.name].filter((name) => name !== undefined).join(", ");
  const protocol = multipath ? (connection.established ? "Multipath TCP" : "being opened") : colors.yellow(`regular TCP${fallback === null ? "" : ` (${fallback})`}`);
  const isOther = limits !== null && (limits.subflows !== host.limits.subflows || limits.addAddrAccepted !== host.limits.addAddrAccepted);
  const rows = [
    HEAD,
    trafficCells("", "", "", rates.of(connection.connection, connection), connection, connection.bytesReinjected),
    ...subflows.map((one) => trafficCells(String(one.subflow), rttText(one.rttMicroseconds), formatSize(one.congestionWindowBytes), rates.of(connection.connection, one, one.subflow), one, one.bytesRetransmitted)),
  ].map((cells) => `   ${cells.map((cell, index) => cell.padStart(WIDTHS[index] as number)).join("  ")}`);
  const [head = "", whole = "", ...each] = rows;
  return [
    "",
    `  ${colors.bold(`connection ${connection.connection}`)}  ${pairText(connection)}`,
    `    ${[...(token === null ? [] : [`token ${token}`]), initiator ? "client" : "server", protocol, names].join(", ")}`,
    ...(isOther ? [`    limits subflows ${limits.subflows}, add-addr-accepted ${limits.addAddrAccepted}`] : []),
    colors.dim(head),
    whole,
    ...subflows.toSorted((a, b) => a.subflow - b.subflow).flatMap((subflow) => [each[subflows.indexOf(subflow)] as string, addressLine(subflow, colors)]),
  ];
}

type Rate = { readonly out: number; readonly in: number } | null;

function trafficCells(number: string, rtt: string, window: string, rate: Rate, { bytesReceived, bytesSent }: Traffic, resent: number): readonly string[] {
  return [number, rtt, window, rate === null ? "-" : formatRate(rate.out), rate === null ? "-" : formatRate(rate.in), formatSize(bytesSent), formatSize(bytesReceived), formatSize(resent)];
}

/** One line a subflow of a connection, as `mptcp subflow show` has them. */
export function subflowLines({ connection, subflows }: ConnectionStatus): readonly string[] {
  const rows = subflows.toSorted((a, b) => a.subflow - b.subflow).map((one) => [`connection ${connection}`, `subflow ${one.subflow}`, pairText(one), marksOf(one).join(", ")]);
  const widths = columnWidths(rows);
  return rows.map((row) => cellsText(row, widths));
}

function marksOf({ backup, stale, state }: SubflowStatus): readonly string[] {
  return [...(state === "ESTABLISHED" ? [] : [state]), ...(backup ? ["backup"] : []), ...(stale ? ["stale"] : [])];
}

function addressLine(subflow: SubflowStatus, colors: Colors): string {
  const marks = marksOf(subflow);
  return `       ${colors.cyan(pairText(subflow))}${marks.length === 0 ? "" : `  ${colors.yellow(marks.join(", "))}`}`;
}

function rttText(microseconds: number): string {
  if (microseconds === 0) return "-";
  const value = microseconds / 1000;
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

/** "10.0.0.1:4000 > 10.0.0.2:80" */
export function pairText(pair: { readonly localAddress: string; readonly localPort: number; readonly remoteAddress: string; readonly remotePort: number }): string {
  return `${endpointText(pair.localAddress, pair.localPort)} > ${endpointText(pair.remoteAddress, pair.remotePort)}`;
}

/** As `nstat -as`. */
export function counterLines(counters: Readonly<Record<string, number>>): readonly string[] {
  const rows = Object.entries(counters).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${String(value).padStart(12)}`);
}

function durationText(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function columnWidths(rows: readonly (readonly string[])[]): readonly number[] {
  return (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => (row[index] ?? "").length)));
}

function cellsText(cells: readonly string[], widths: readonly number[]): string {
  return cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join("  ").trimEnd();
}

/** Of what was sent and received: of the connection, and of each subflow. */
const HEAD = ["#", "rtt", "cwnd", "out", "in", "sent", "received", "resent"];
const WIDTHS = [2, 7, 9, 9, 9, 9, 9, 9];
