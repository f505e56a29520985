import { TcpSocket } from "../../../tcp/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import { done, fail } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";
import type { ReceiveRequest } from "./socket.ts";
import type { StreamSocket } from "./stream-socket.ts";

/**
 * Urgent data as Linux has it. What is urgent is one octet, the last one of the urgent data of RFC 9293; it is read with MSG_OOB and left out of what is read else, unless SO_OOBINLINE is set. Reading stops
 * before it. Multipath TCP knows of none.
 */

/** Octets to be read before the urgent octet; -1: there is none ahead. It may still have to arrive. */
export function toUrgentOctet({ connection, protocol }: StreamSocket): number {
  return connection instanceof TcpSocket && protocol !== IPPROTO_MPTCP ? connection.urgent - 1 : -1;
}

/** Whether the urgent octet is one of those that are read. */
export function isInline({ settings }: StreamSocket): boolean {
  return settings.get("SO_OOBINLINE") !== 0;
}

/** Whether it has arrived, and was not read with MSG_OOB. */
export function hasUrgentOctet(socket: StreamSocket): boolean {
  const ahead = toUrgentOctet(socket);
  return ahead >= 0 && !isTaken(socket) && (socket.connection?.readable ?? 0) > ahead;
}

/** recv(2) with MSG_OOB: it waits for nothing, blocking or not. */
export function receiveUrgent(socket: StreamSocket, { flags, length }: ReceiveRequest): Outcome {
  const ahead = toUrgentOctet(socket);
  if (isInline(socket) || ahead < 0 || isTaken(socket)) return fail("EINVAL");
  const octet = socket.connection?.peek(1, ahead) ?? null;
  if (octet === null) return socket.isReadOver ? done(0, { data: EMPTY, address: null, flags: 0 }) : fail("EAGAIN");
  if ((flags & MSG_PEEK) === 0) socket.urgentTaken = endOfUrgent(socket);
  return length === 0 ? done(0, { data: EMPTY, address: null, flags: MSG_OOB | MSG_TRUNC }) : done(1, { data: octet.toUint8Array(), address: null, flags: MSG_OOB });
}

/** SIOCINQ: what can be read in one go is what lies before the urgent octet. */
export function readInOneGo(socket: StreamSocket, readable: number): number {
  const ahead = toUrgentOctet(socket);
  return ahead >= 0 && readable > ahead && !isInline(socket) ? ahead : readable;
}

function isTaken(socket: StreamSocket): boolean {
  return socket.urgentTaken === endOfUrgent(socket);
}

function endOfUrgent({ connection }: StreamSocket): number {
  return connection instanceof TcpSocket ? connection.tcp.receiver.urgentEnd : -1;
}

const { IPPROTO_MPTCP, MSG_OOB, MSG_PEEK, MSG_TRUNC } = CONSTANTS;
const EMPTY = new Uint8Array(0);
