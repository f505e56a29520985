import { SECOND } from "../../../core/index.ts";
import type { CallResult } from "../../system/index.ts";
import { MptcpConnection } from "../../../mptcp/index.ts";
import { attemptOrWait, done } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";
import { tcpOf } from "./connection-view.ts";
import type { StreamSocket } from "./stream-socket.ts";

/** The last close(2) of a socket: what was not read, unless Multipath TCP fell back, or SO_LINGER of 0, is answered by RST, as in Linux (RFC 2525 §2.17). */
export function closeStream(socket: StreamSocket): Outcome {
  const { connection, machine, settings } = socket;
  const { now } = machine;
  machine.bindings.release(socket);
  socket.dropListener();
  if (connection === null) return done(0);
  if (connection.closed) {
    // Subflows may be there still, which then say nothing more of the connection.
    if (connection instanceof MptcpConnection) connection.abandon(now);
    socket.dropConnection();
    return done(0);
  }
  if (socket.state === "SYN-SENT") connection.abort(now);
  else if (connection.readable > 0 && !(connection instanceof MptcpConnection && connection.fallback !== null)) {
    machine.host.counters.increment("TcpExtTCPAbortOnClose");
    // A host that tells of unread data itself does so after both FINs, too.
    if ((tcpOf(connection)?.config.unreadAtClose ?? "drop") === "drop") connection.abort(now);
    else connection.abandon(now);
  } else if (settings.linger === 0) {
    machine.host.counters.increment("TcpExtTCPAbortOnData");
    connection.abort(now);
  } else {
    connection.abandon(now);
  }
  const lingers = settings.linger !== null && settings.linger > 0 && !connection.closed;
  if (!lingers) {
    machine.leave(connection);
    return done(0);
  }
  const attempt = (): CallResult | null => {
    if (!isPending(socket)) {
      machine.leave(connection);
      return done(0);
    }
    return null;
  };
  return attemptOrWait(attempt, now + (settings.linger as number) * SECOND, () => done(0));
}

/** Whether data, or our end, waits for its acknowledgment. */
function isPending({ state }: StreamSocket): boolean {
  // Its end has not left yet where it was closed just now.
  return state === "ESTABLISHED" || state === "CLOSE-WAIT" || state === "FIN-WAIT-1" || state === "CLOSING" || state === "LAST-ACK";
}
