import { NEVER } from "../../../core/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { CallResult, ControlMessage } from "../../system/index.ts";
import { attemptOrWait, done, fail } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";
import { hasPeerEnded, isUntold } from "./connection-view.ts";
import { joined, receiveError, withControl } from "./messages.ts";
import type { ReceiveRequest } from "./socket.ts";
import type { StreamSocket } from "./stream-socket.ts";
import { isInline, receiveUrgent, toUrgentOctet } from "./urgent.ts";

/** recv(2) and its relatives. */
export function receiveStream(socket: StreamSocket, request: ReceiveRequest): Outcome {
  const { flags, length } = request;
  if ((flags & MSG_ERRQUEUE) !== 0) return receiveError(socket, request);
  if (socket.isListening) return fail("ENOTCONN");
  const isMultipath = socket.protocol === IPPROTO_MPTCP;
  if ((flags & MSG_OOB) !== 0 && !isMultipath) return receiveUrgent(socket, request);
  const { machine, settings } = socket;
  // What wakes who waits; a call for nothing waits for an octet all the same.
  const target = Math.max(1, (flags & MSG_WAITALL) !== 0 ? length : Math.min(Math.max(1, settings.get("SO_RCVLOWAT")), length));
  const isPeek = (flags & MSG_PEEK) !== 0;
  const pieces: Uint8Array[] = [];
  let got = 0;
  const finished = (): CallResult => {
    const data = (flags & MSG_TRUNC) !== 0 ? EMPTY : joined(pieces, got);
    return withControl(done(got, { data, address: null, flags: 0 }), inqMessage(socket), request.controlLength);
  };
  const attempt = (): CallResult | null => {
    if (length === 0 && socket.connection !== null && (isMultipath || socket.connection.readable > 0)) return finished();
    if (isPeek) {
      pieces.length = 0;
      got = 0;
    }
    // What cannot be copied stays where it is.
    if (request.isNowhere === true && length > 0 && (socket.connection?.readable ?? 0) > 0) return fail("EFAULT");
    // splice(2) does not pass the urgent octet, and waits for nothing behind it.
    if (request.staysBeforeUrgent === true && hasReachedUrgentOctet(socket)) return socket.nonBlocking ? fail("EAGAIN") : finished();
    got += take(socket, length - got, isPeek, pieces);
    if (got >= target || (got > 0 && isAtUrgentOctet(socket, isPeek ? got : 0))) return finished();
    if (got > 0) return socket.pendingError !== null || socket.isReadOver ? finished() : null;
    return ended(socket, finished);
  };
  const partly = (): CallResult => (got > 0 ? finished() : fail("EAGAIN"));
  if (socket.nonBlocking || (flags & MSG_DONTWAIT) !== 0) return attempt() ?? partly();
  const { receiveTimeout } = settings;
  return attemptOrWait(attempt, receiveTimeout === 0 ? NEVER : machine.now + receiveTimeout, partly);
}

/** What there is instead of data; null: nothing yet. */
function ended(socket: StreamSocket, finished: () => CallResult): CallResult | null {
  const { connection } = socket;
  if (connection !== null && hasPeerEnded(connection)) return finished();
  if (socket.pendingError !== null) return fail(socket.takeError() as string);
  if (connection !== null && isUntold(connection)) return fail("ENOTCONN");
  if (socket.isReadOver) return finished();
  return connection === null || socket.hasFailed ? fail("ENOTCONN") : null;
}

/** Takes octets, or looks at them from the beginning on, as far as the urgent octet, which is left out at the beginning. @returns how many there are more */
function take(socket: StreamSocket, most: number, isPeek: boolean, pieces: Uint8Array[]): number {
  const { connection, machine } = socket;
  if (connection === null) return 0;
  let taken = 0;
  let leftOut = 0;
  while (taken < most) {
    const seen = isPeek ? taken + leftOut : 0;
    const ahead = toUrgentOctet(socket) - seen;
    if (ahead === 0 && pieces.length > 0) break;
    const isLeftOut = ahead === 0 && !isInline(socket);
    const room = isLeftOut ? 1 : ahead > 0 ? Math.min(most - taken, ahead) : most - taken;
    const payload = isPeek ? connection.peek(room, seen) : connection.read(room, machine.now);
    if (payload === null) break;
    if (isLeftOut) {
      leftOut = 1;
      continue;
    }
    pieces.push(payload.toUint8Array());
    taken += payload.length;
  }
  return taken;
}

/** @param seen octets that were looked at, and stay */
function isAtUrgentOctet(socket: StreamSocket, seen: number): boolean {
  return toUrgentOctet(socket) === seen;
}

/** Whether the urgent octet is the next one, and has arrived, read with MSG_OOB or not. */
function hasReachedUrgentOctet(socket: StreamSocket): boolean {
  return isAtUrgentOctet(socket, 0) && (socket.connection?.readable ?? 0) > 0;
}

/** TCP_INQ: how much is left to read, and 1 where that is the end. */
function inqMessage(socket: StreamSocket): ControlMessage | null {
  const { connection } = socket;
  if (socket.settings.get("TCP_INQ") === 0 || connection === null) return null;
  const left = connection.readable === 0 && hasPeerEnded(connection) ? 1 : connection.readable;
  const data = new Uint8Array(4);
  new DataView(data.buffer).setInt32(0, left, true);
  return { level: SOL_TCP, type: TCP_CM_INQ, data };
}

const { IPPROTO_MPTCP, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, SOL_TCP, TCP_CM_INQ } = CONSTANTS;
const EMPTY = new Uint8Array(0);
