import { NEVER } from "../../../core/index.ts";
import { Payload } from "../../../wire/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { CallResult } from "../../system/index.ts";
import { attemptOrWait, done, fail } from "../process/outcome.ts";
import { deferred } from "./fast-open.ts";
import { sendEarly } from "./early-send.ts";
import type { Outcome } from "../process/outcome.ts";
import type { SendRequest } from "./socket.ts";
import type { StreamSocket } from "./stream-socket.ts";
import { isZeroCopy } from "./zerocopy.ts";

/** send(2) and its relatives: all octets, or as many as there is room for where the call does not block. */
export function sendStream(socket: StreamSocket, request: SendRequest): Outcome {
  const { data, flags } = request;
  const early = (flags & MSG_FASTOPEN) !== 0 || deferred(socket) !== null ? sendEarly(socket, request) : 0;
  if (typeof early !== "number") return early;
  const { machine, settings } = socket;
  const mayWait = !socket.nonBlocking && (flags & MSG_DONTWAIT) === 0;
  let sent = early;
  /** Octets that count for nothing where the connection is not opened. */
  let ahead = early;
  const take = (): void => {
    const taken = write(socket, data.subarray(sent), flags);
    sent += taken;
    socket.written += taken;
  };
  const finished = (): CallResult => {
    if (sent > 0) socket.timestamps.add(socket.written);
    if (sent > 0 && isZeroCopy(socket, flags)) socket.zeroCopies.add(socket.written);
    return done(sent);
  };
  const attempt = (): CallResult | null => {
    if (sent === ahead && socket.pendingError !== null) return fail(socket.takeError() as string);
    if (socket.isOpening) {
      // What a call waits to write goes with the third ACK, which Linux delays for it.
      if (mayWait && settings.sendTimeout === 0 && socket.protocol !== IPPROTO_MPTCP && (flags & MSG_OOB) === 0 && request.isNowhere !== true) take();
      ahead = sent;
      return null;
    }
    if (socket.pendingError !== null || socket.isWriteOver || socket.connection === null) return sent > 0 ? finished() : fail("EPIPE");
    if (request.isNowhere === true && data.length > 0 && socket.connection.writable > 0) return fail("EFAULT");
    take();
    return sent === data.length ? finished() : null;
  };
  const partly = (): CallResult => (sent > 0 ? finished() : fail("EAGAIN"));
  if (!mayWait) return attempt() ?? partly();
  const { sendTimeout } = settings;
  return attemptOrWait(attempt, sendTimeout === 0 ? NEVER : machine.now + sendTimeout, partly);
}

/** Multipath TCP takes urgent data for any other. */
function write({ connection, machine, protocol }: StreamSocket, data: Uint8Array, flags: number): number {
  if (connection === null || data.length === 0) return 0;
  const payload = Payload.of(data);
  if ((flags & MSG_OOB) !== 0 && protocol !== IPPROTO_MPTCP) return connection.writeUrgent(payload, false, machine.now);
  return connection.write(payload, false, machine.now, (flags & MSG_MORE) !== 0);
}

const { IPPROTO_MPTCP, MSG_DONTWAIT, MSG_FASTOPEN, MSG_MORE, MSG_OOB } = CONSTANTS;
