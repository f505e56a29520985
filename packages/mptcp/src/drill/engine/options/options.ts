import { CONSTANTS } from "../../system/index.ts";
import type { CallResult } from "../../system/index.ts";
import { done, fail } from "../process/outcome.ts";
import type { Socket } from "../sockets/socket.ts";
import { IP_LEVEL, IPV6_LEVEL } from "./ip-level.ts";
import { MPTCP_LEVEL } from "./mptcp-level.ts";
import type { NumberOption, OptionRow } from "./row.ts";
import { SOCKET_LEVEL } from "./socket-level.ts";
import { TCP_LEVEL } from "./tcp-level.ts";

/** setsockopt(2). */
export function setOption(socket: Socket, level: number, option: number, value: Uint8Array): CallResult {
  const row = LEVELS.get(level)?.get(option);
  const refusal = row === undefined ? missing(socket, level) : refuses(socket, level, row, "set");
  if (refusal !== null || row === undefined) return fail(refusal ?? "ENOPROTOOPT");
  if (isIgnored(socket, row)) return done(0);
  const error = row.kind === "number" ? setNumber(socket, row, value) : row.set === null ? "ENOPROTOOPT" : row.set(socket, value);
  return error === null ? done(0) : fail(error);
}

/** getsockopt(2); `buffer`: what is to take the value, with what is in it. */
export function getOption(socket: Socket, level: number, option: number, buffer: Uint8Array): CallResult {
  const row = LEVELS.get(level)?.get(option);
  const refusal = row === undefined ? (levelIsThere(socket, level) ? "ENOPROTOOPT" : "EOPNOTSUPP") : refuses(socket, level, row, "get");
  if (refusal !== null || row === undefined) return fail(refusal ?? "ENOPROTOOPT");
  if (row.kind === "number") return done(0, { option: numberOf(socket, row).subarray(0, buffer.length) });
  if (row.get === null) return fail("ENOPROTOOPT");
  const octets = row.get(socket, buffer);
  return typeof octets === "string" ? fail(octets) : done(0, { option: octets });
}

function setNumber(socket: Socket, row: NumberOption, value: Uint8Array): string | null {
  if (row.store === null) return socket.protocol === IPPROTO_MPTCP ? "EOPNOTSUPP" : "ENOPROTOOPT";
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  let number = 0;
  if (value.length >= 4) number = view.getInt32(0, true);
  else if (row.mayBeShort === true && value.length > 0) number = value[0] as number;
  else return "EINVAL";
  const stored = row.store(number, socket);
  if (typeof stored === "string") return stored;
  socket.settings.set(row.name, stored);
  socket.onSetting(row.name);
  return null;
}

function numberOf(socket: Socket, row: NumberOption): Uint8Array {
  const { settings } = socket;
  const value = settings.has(row.name) ? settings.get(row.name) : row.initial(socket);
  const shown = row.show === undefined ? value : row.show(value, socket);
  const octets = new Uint8Array(row.octets);
  const view = new DataView(octets.buffer);
  if (row.octets === 8) view.setBigInt64(0, BigInt(shown), true);
  else view.setInt32(0, shown, true);
  return octets;
}

/** Whether sockets of this kind have options of that level. */
function levelIsThere({ domain, protocol, type }: Socket, level: number): boolean {
  if (level === SOL_TCP) return type === SOCK_STREAM;
  // Multipath TCP looks at the option first.
  if (level === SOL_IPV6) return domain === AF_INET6 || protocol === IPPROTO_MPTCP;
  if (level === SOL_MPTCP) return protocol === IPPROTO_MPTCP;
  return level === SOL_SOCKET || level === SOL_IP;
}

function missing(socket: Socket, level: number): string {
  return socket.protocol === IPPROTO_MPTCP && level === SOL_SOCKET ? "EOPNOTSUPP" : "ENOPROTOOPT";
}

function refuses(socket: Socket, level: number, row: OptionRow, what: "get" | "set"): string | null {
  if (!levelIsThere(socket, level)) return what === "set" ? "ENOPROTOOPT" : "EOPNOTSUPP";
  if (socket.protocol !== IPPROTO_MPTCP) return null;
  if (row.multipath === "none") return what === "set" ? "ENOPROTOOPT" : "EOPNOTSUPP";
  // What may not be set there may be read, where it is an option of all sockets.
  return row.multipath === "unsupported" && (what === "set" || level !== SOL_SOCKET || row.name === "SO_PEEK_OFF" || row.name === "SO_TXREHASH") ? "EOPNOTSUPP" : null;
}

function isIgnored(socket: Socket, row: OptionRow): boolean {
  return row.multipath === "ignored" && socket.protocol === IPPROTO_MPTCP;
}

const { AF_INET6, IPPROTO_MPTCP, SOCK_STREAM, SOL_IP, SOL_IPV6, SOL_MPTCP, SOL_SOCKET, SOL_TCP } = CONSTANTS;

function byNumber(rows: readonly OptionRow[]): ReadonlyMap<number, OptionRow> {
  return new Map(rows.map((row) => [CONSTANTS[row.name] as number, row]));
}

/** Options by level and number. */
const LEVELS: ReadonlyMap<number, ReadonlyMap<number, OptionRow>> = new Map([
  [SOL_SOCKET, byNumber(SOCKET_LEVEL)],
  [SOL_TCP, byNumber(TCP_LEVEL)],
  [SOL_IP, byNumber(IP_LEVEL)],
  [SOL_IPV6, byNumber(IPV6_LEVEL)],
  [SOL_MPTCP, byNumber(MPTCP_LEVEL)],
]);
