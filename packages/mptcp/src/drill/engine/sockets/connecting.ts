import { NEVER } from "../../../core/index.ts";
import { IpAddress } from "../../../wire/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { CallResult, SocketAddress } from "../../system/index.ts";
import { endpointOf, isAny } from "../machine/addresses.ts";
import { portsOf } from "../options/ip-level.ts";
import { attemptOrWait, done, fail } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";
import { codeOf } from "./code-of.ts";
import { isConnected } from "./connection-view.ts";
import { deferred, fastOpenConnect } from "./fast-open.ts";
import type { StreamSocket } from "./stream-socket.ts";
import { tcpConfigOf } from "./tcp-config.ts";

/** connect(2). */
export function connectStream(socket: StreamSocket, address: SocketAddress): Outcome {
  if (address.family === AF_UNSPEC) {
    disconnectStream(socket);
    return done(0);
  }
  if (socket.phase === "connected") return fail("EISCONN");
  if (socket.phase === "disconnecting") return fail("EINVAL");
  // As far as the program knows it is connected where the SYN waits for what is written first.
  if (socket.phase === "connecting") return deferred(socket) === null ? wait(socket, "EALREADY") : fail("EISCONN");
  if (socket.state !== "CLOSED") return fail("EISCONN");
  const isWaiting = socket.settings.get("TCP_FASTOPEN_CONNECT") !== 0;
  const error = open(socket, address, isWaiting ? "waits" : "no");
  // The SYN waits for what is written first, which succeeds as if it were connected.
  if (error === null && deferred(socket) !== null) return done(0);
  return error === null ? wait(socket, "EINPROGRESS") : fail(error);
}

/** What connect(2) does with AF_UNSPEC, and shutdown(2) where nothing is established: the socket is as it was when it was made, but bound. */
export function disconnectStream(socket: StreamSocket): void {
  const { connection, state } = socket;
  socket.dropListener();
  if (connection !== null) {
    connection.abort(socket.machine.now);
    if (RESETS.has(state) && socket.protocol !== IPPROTO_MPTCP) socket.pendingError = "ECONNRESET";
  }
  socket.dropConnection();
  socket.unbindPort();
  socket.isReadShut = false;
  socket.isWriteShut = false;
  socket.written = 0;
  socket.wake(0);
}

/** Begins the handshake. @param fastOpen whether by Fast Open, and whether the SYN then waits for a write @returns an errno */
export function open(socket: StreamSocket, given: SocketAddress, fastOpen: "no" | "now" | "waits"): string | null {
  const { machine } = socket;
  const endpoint = endpointOf(socket.domain, given);
  if (typeof endpoint === "string") {
    // Linux remembers one black hole for all destinations, and looks at that before it looks at the address.
    if (isOfMultipath(socket) && machine.host.blackHolesRemembered > 0) machine.host.counters.increment("MPTcpExtMPCapableSYNTXDisabled");
    return endpoint;
  }
  // Nobody in particular is this machine.
  const remote = isAny(endpoint.address) ? (endpoint.address.family === 4 ? LOOPBACK4 : LOOPBACK6) : endpoint.address;
  if (!remote.isUnicast || (socket.onlyIpv6 && remote.family === 4)) return "ENETUNREACH";
  const source = machine.sourceFor(remote);
  if (typeof source === "string") return source;
  const { local } = socket;
  if (!isAny(local.address) && local.address.family !== remote.family) return "EINVAL";
  const [first, last] = local.port === 0 ? portsOf(socket.settings.get("IP_LOCAL_PORT_RANGE")) : [local.port, local.port];
  let error: string | null = "EADDRNOTAVAIL";
  for (let port = first; port <= Math.max(first, last) && error === "EADDRNOTAVAIL"; port++) error = openFrom(socket, port, source, remote, endpoint.port, fastOpen);
  return error;
}

/** @param port the local one; 0: any */
function openFrom(socket: StreamSocket, port: number, source: IpAddress, remote: IpAddress, remotePort: number, fastOpen: "no" | "now" | "waits"): string | null {
  const { local, machine } = socket;
  try {
    const connection = machine.host.connect(
      remote,
      remotePort,
      {
        localAddress: isAny(local.address) ? source : local.address,
        ...(port === 0 ? {} : { localPort: port }),
        multipath: isOfMultipath(socket),
        tcp: tcpConfigOf(socket, false),
        fastOpen: fastOpen === "no" ? false : fastOpenConnect(socket, remote, fastOpen === "waits"),
      },
      machine.now,
    );
    socket.adopt(connection);
    return null;
  } catch (error) {
    const code = codeOf(error);
    // Linux: the four-tuple is what is not available.
    return code === "EADDRINUSE" ? "EADDRNOTAVAIL" : code;
  }
}

function isOfMultipath({ machine, protocol }: StreamSocket): boolean {
  return protocol === IPPROTO_MPTCP && machine.sysctls.number("net.mptcp.enabled") !== 0;
}

/** Waits for the handshake; `otherwise`: what a call gives that does not wait, or waited for too long. */
export function wait(socket: StreamSocket, otherwise: string): Outcome {
  const attempt = (): CallResult | null => finish(socket);
  if (socket.nonBlocking) return attempt() ?? fail(otherwise);
  const { sendTimeout } = socket.settings;
  return attemptOrWait(attempt, sendTimeout === 0 ? NEVER : socket.machine.now + sendTimeout, () => fail(otherwise));
}

/** The end of the handshake, as it is told once. Null: it is not over. */
export function finish(socket: StreamSocket): CallResult | null {
  const { connection } = socket;
  if (connection === null || connection.closed) {
    const error = socket.takeError() ?? "ECONNABORTED";
    socket.dropConnection();
    return fail(error);
  }
  if (!isConnected(connection)) return null;
  socket.phase = "connected";
  return done(0);
}

const { AF_UNSPEC, IPPROTO_MPTCP } = CONSTANTS;
/** In which a disconnect is an error for who reads or writes. */
const RESETS: ReadonlySet<string> = new Set(["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "FIN-WAIT-1", "FIN-WAIT-2"]);
const LOOPBACK4 = IpAddress.from("127.0.0.1");
const LOOPBACK6 = IpAddress.from("::1");
