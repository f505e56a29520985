import { tcpsOf } from "./connection-view.ts";
import type { StreamSocket } from "./stream-socket.ts";
import { CONGESTION, keepAliveOf } from "./tcp-config.ts";

/** Tells a connection of an option that was set while it is open. */
export function applySetting(socket: StreamSocket, name: string): void {
  if (socket.connection !== null && !socket.connection.closed) APPLY[name]?.(socket);
}

type Apply = (socket: StreamSocket) => void;

const keepAlive: Apply = (socket) => {
  const { connection, machine, settings } = socket;
  connection?.setKeepAlive(keepAliveOf(settings, machine.sysctls), machine.now);
};

const APPLY: Readonly<Record<string, Apply>> = {
  TCP_NODELAY: ({ connection, machine, settings }) => connection?.setNoDelay(settings.get("TCP_NODELAY") !== 0, machine.now),
  SO_KEEPALIVE: keepAlive,
  TCP_KEEPIDLE: keepAlive,
  TCP_KEEPINTVL: keepAlive,
  TCP_KEEPCNT: keepAlive,
  TCP_CONGESTION: ({ connection, machine, settings }) => {
    const control = settings.congestion === null ? undefined : CONGESTION[settings.congestion];
    if (control === undefined) return;
    for (const tcp of tcpsOf(connection)) tcp.replaceCongestion(control, machine.now);
  },
};
