import { formatSize } from "@mptcp/scenario/units";
import type { AnySocket, MptcpInfo } from "mptcp/node";
import type { Io } from "./io.ts";
import { shownSubflow } from "./shown-info.ts";
import type { SubflowLedger } from "./subflow-ledger.ts";
import { pace } from "./transfer-summary.ts";

/** A connection that is over. */
export interface ClosedConnection {
  /** Multipath TCP's end of it. */
  readonly socket: AnySocket;
  readonly ledger: SubflowLedger;
  /** Why it broke; null when both ends closed it. */
  readonly error: string | null;
  readonly seconds: number;
}

/** Tells of connections that are passed on, each in a line on standard error. */
export interface RelayLog {
  opened(number: number, name: string, info: MptcpInfo): void;
  closed(number: number, name: string, connection: ClosedConnection): void;
  /** There was no connection. */
  failed(number: number, name: string, why: string): void;
  refused(name: string, why: string): void;
}

/** As JSON, one object a line; or for people, who at a terminal see what ended, with `--verbose` also what begins, and elsewhere what went wrong. */
export function makeRelayLog(flags: { readonly json: boolean; readonly verbose: boolean; readonly quiet: boolean }, io: Io): RelayLog {
  return flags.json ? jsonLog(io) : textLog(flags, io);
}

function textLog({ verbose, quiet }: { readonly verbose: boolean; readonly quiet: boolean }, { stderr }: Io): RelayLog {
  const isTold = verbose || (stderr.columns > 0 && !quiet);
  return {
    opened: (number, name, info) => {
      if (verbose) stderr.write(`#${number} ${name} opened${info.multipath ? "" : `, ${plain(info.fallback)}`}\n`);
    },
    closed: (number, name, { socket, ledger, error, seconds }) => {
      if (!isTold) return;
      const count = ledger.subflows.length;
      const how = ledger.last.multipath ? `${count} ${count === 1 ? "subflow" : "subflows"}` : plain(ledger.last.fallback);
      const amounts = `${formatSize(socket.bytesWritten)} sent, ${formatSize(socket.bytesRead)} received in ${seconds.toFixed(2)} s`;
      stderr.write(`#${number} ${name} closed: ${amounts}, ${how}${error === null ? "" : `; ${error}`}\n`);
    },
    failed: (number, name, why) => stderr.write(`#${number} ${name}: ${why}\n`),
    refused: (name, why) => stderr.write(`${name} turned away: ${why}\n`),
  };
}

function plain(fallback: string | null): string {
  return `plain TCP${fallback === null ? "" : ` (${fallback})`}`;
}

function jsonLog({ stderr }: Io): RelayLog {
  const write = (line: object): void => stderr.write(`${JSON.stringify(line)}\n`);
  const nothing = { bytesRead: 0, bytesWritten: 0, ...pace(0, 0), multipath: false, fallback: null, subflows: [] };
  return {
    opened: () => {},
    closed: (number, name, { socket, ledger, error, seconds }) => {
      const { bytesRead, bytesWritten } = socket;
      const { multipath, fallback } = ledger.last;
      write({ event: "closed", connection: number, peer: name, error, bytesRead, bytesWritten, ...pace(bytesRead + bytesWritten, seconds), multipath, fallback, subflows: ledger.subflows.map(shownSubflow) });
    },
    failed: (number, name, why) => write({ event: "failed", connection: number, peer: name, error: why, ...nothing }),
    refused: (name, why) => write({ event: "refused", connection: null, peer: name, error: why, ...nothing }),
  };
}
