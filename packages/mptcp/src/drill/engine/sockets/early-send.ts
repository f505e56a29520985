import { Payload } from "../../../wire/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import { done, fail } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";
import { finish, open, wait } from "./connecting.ts";
import { tcpOf } from "./connection-view.ts";
import { deferred, isClientEnabled, letGo, synRoom } from "./fast-open.ts";
import type { SendRequest } from "./socket.ts";
import type { StreamSocket } from "./stream-socket.ts";
import { isZeroCopy } from "./zerocopy.ts";

/**
 * A write that opens the connection, by MSG_FASTOPEN, or whose data the SYN has waited for (TCP_FASTOPEN_CONNECT): the SYN takes as much as it has room for, where
 * the server gave a cookie; else the call is a connect(2) alone. A number: so many octets are taken, and the call goes on as any other, since it may wait.
 */
export function sendEarly(socket: StreamSocket, request: SendRequest): Outcome | number {
  const { data, flags } = request;
  if (deferred(socket) === null) {
    // Linux: a handshake that is over meanwhile makes the call one like any other; its end is told here, as connect(2) would.
    if (isClientEnabled(socket.machine.sysctls) && request.address?.family !== AF_UNSPEC && socket.phase === "connecting") {
      const end = finish(socket);
      if (end !== null) return end.errno === null ? 0 : end;
    }
    const refusal = refusalOf(socket, request);
    if (refusal !== null) return fail(refusal);
    const error = open(socket, request.address as NonNullable<SendRequest["address"]>, "now");
    if (error !== null) return fail(error);
  }
  const { connection, machine, nonBlocking } = socket;
  const mayWait = !nonBlocking && (flags & MSG_DONTWAIT) === 0;
  const room = synRoom(tcpOf(connection));
  if (request.isNowhere === true && data.length > 0) {
    connection?.abort(machine.now);
    socket.dropConnection();
    return fail("EFAULT");
  }
  const taken = connection === null || room === 0 ? 0 : connection.write(Payload.of(data.subarray(0, room)), false, machine.now);
  socket.written += taken;
  // A write of nothing opens the connection all the same.
  if (taken === 0) letGo(socket);
  if (mayWait) return taken;
  // Of data on a SYN no timestamp tells, as in Linux.
  if (taken > 0 && isZeroCopy(socket, flags)) socket.zeroCopies.add(socket.written);
  return taken === 0 ? wait(socket, "EINPROGRESS") : done(taken);
}

function refusalOf(socket: StreamSocket, { address }: SendRequest): string | null {
  if (!isClientEnabled(socket.machine.sysctls) || address?.family === AF_UNSPEC) return "EOPNOTSUPP";
  if (socket.phase === "connecting") return "EALREADY";
  if (socket.state !== "CLOSED" || socket.connection !== null) return "EISCONN";
  return address === null ? "EINVAL" : null;
}

const { AF_UNSPEC, MSG_DONTWAIT } = CONSTANTS;
