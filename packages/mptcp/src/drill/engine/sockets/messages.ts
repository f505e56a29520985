import { CONSTANTS } from "../../system/index.ts";
import type { CallResult, ControlMessage } from "../../system/index.ts";
import { done, fail } from "../process/outcome.ts";
import { errorMessage, timeMessage } from "./error-queue.ts";
import type { ReceiveRequest, Socket } from "./socket.ts";

/** recvmsg(2) with MSG_ERRQUEUE, which never waits. */
export function receiveError(socket: Socket, { controlLength, length }: ReceiveRequest): CallResult {
  const entry = socket.errors.take();
  if (entry === null) return fail("EAGAIN");
  const data = entry.payload.subarray(0, length);
  const flags = MSG_ERRQUEUE | (data.length < entry.payload.length ? MSG_TRUNC : 0);
  const timed = withControl(done(data.length, { data, address: entry.offender, flags }), timeMessage(entry), controlLength);
  return withControl(timed, errorMessage(socket.domain, entry), controlLength);
}

/** A result with one more control message, cut where there is no room for all of it. */
export function withControl(result: CallResult, message: ControlMessage | null, room: number): CallResult {
  const before = result.control ?? [];
  if (message === null) return { ...result, control: before };
  const left = room - before.reduce((sum, { data }) => sum + spaceOf(data.length), 0);
  const flags = result.flags ?? 0;
  if (left < HEADER) return { ...result, control: before, flags: flags | MSG_CTRUNC };
  const isWhole = left >= HEADER + message.data.length;
  const data = isWhole ? message.data : message.data.subarray(0, left - HEADER);
  return { ...result, control: [...before, { ...message, data }], flags: isWhole ? flags : flags | MSG_CTRUNC };
}

/** Pieces behind one another. */
export function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** CMSG_SPACE. */
function spaceOf(length: number): number {
  return HEADER + ((length + 7) & ~7);
}

/** Octets of struct cmsghdr. */
const HEADER = 16;
const { MSG_CTRUNC, MSG_ERRQUEUE, MSG_TRUNC } = CONSTANTS;
