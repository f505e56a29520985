import { SECOND } from "../../../core/index.ts";
import { CONSTANTS, ERRORS } from "../../system/index.ts";
import type { ControlMessage, SocketAddress } from "../../system/index.ts";

/** An entry of a socket's error queue: `struct sock_extended_err`. */
export interface ExtendedError {
  /** Empty: none. */
  readonly errno: string;
  readonly origin: number;
  readonly type: number;
  readonly code: number;
  info: number;
  data: number;
  /** Who says so; null: this machine itself. */
  readonly offender: SocketAddress | null;
  /** What the error is about, as it was sent. */
  readonly payload: Uint8Array;
  /** When it was so, ns: told by a control message of its own. */
  readonly at?: number;
}

/** A socket's error queue (MSG_ERRQUEUE). */
export class ErrorQueue {
  private readonly entries: ExtendedError[] = [];

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  push(entry: ExtendedError): void {
    if (this.entries.length < MOST) this.entries.push(entry);
  }

  /** The last entry, which may take in a further one of its kind; undefined: none. */
  get last(): ExtendedError | undefined {
    return this.entries[this.entries.length - 1];
  }

  take(): ExtendedError | null {
    return this.entries.shift() ?? null;
  }
}

/** The time that goes with an entry: struct scm_timestamping, whose first time is that of software; null: none. */
export function timeMessage({ at }: ExtendedError): ControlMessage | null {
  if (at === undefined) return null;
  const octets = new Uint8Array(3 * TIMESPEC);
  const view = new DataView(octets.buffer);
  view.setBigInt64(0, BigInt(Math.floor(at / SECOND)), true);
  view.setBigInt64(8, BigInt(at % SECOND), true);
  return { level: SOL_SOCKET, type: SO_TIMESTAMPING, data: octets };
}

/** The control message that brings an entry: IP_RECVERR or IPV6_RECVERR, as a socket of that family has it. */
export function errorMessage(domain: number, entry: ExtendedError): ControlMessage {
  const isV6 = domain === AF_INET6;
  const octets = new Uint8Array(EXTENDED_ERROR + (isV6 ? SOCKADDR_IN6 : SOCKADDR_IN));
  const view = new DataView(octets.buffer);
  view.setUint32(0, ERRORS[entry.errno] ?? 0, true);
  view.setUint8(4, entry.origin);
  view.setUint8(5, entry.type);
  view.setUint8(6, entry.code);
  view.setUint32(8, entry.info, true);
  view.setUint32(12, entry.data, true);
  if (entry.offender !== null) view.setUint16(EXTENDED_ERROR, entry.offender.family, true);
  return isV6 ? { level: SOL_IPV6, type: IPV6_RECVERR, data: octets } : { level: SOL_IP, type: IP_RECVERR, data: octets };
}

const { AF_INET6, IP_RECVERR, IPV6_RECVERR, SO_TIMESTAMPING, SOL_IP, SOL_IPV6, SOL_SOCKET } = CONSTANTS;
const EXTENDED_ERROR = 16;
const TIMESPEC = 16;
const SOCKADDR_IN = 16;
const SOCKADDR_IN6 = 28;
/** Entries that nobody reads are not kept without end. */
const MOST = 1024;
