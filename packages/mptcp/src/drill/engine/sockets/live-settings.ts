import { applyFastOpen } from "./fast-open.ts";
import type { StreamSocket } from "./stream-socket.ts";
import { changeOf, CONGESTION } from "./tcp-config.ts";

/** Tells a connection of an option that was set while it is open. */
export function applySetting(socket: StreamSocket, name: string): void {
  const { connection, listener, machine, settings } = socket;
  if (name.startsWith("TCP_FASTOPEN")) applyFastOpen(socket);
  if (listener !== null && name === "TCP_MAXSEG") listener.configure(changeOf(socket, name));
  if (connection === null || connection.closed) return;
  if (name === "SO_TIMESTAMPING") socket.timestamps.configure(settings.get(name), socket.written, socket.written - connection.sendBuffered);
  if (name === "TCP_QUICKACK") connection.setQuickAck(settings.get(name) !== 0, machine.now);
  else if (name === "TCP_CONGESTION") {
    const congestion = settings.congestion === null ? undefined : CONGESTION[settings.congestion];
    if (congestion !== undefined) connection.exchange({ congestion }, machine.now);
  } else {
    const change = changeOf(socket, name);
    if (Object.keys(change).length > 0) connection.configure(change, machine.now);
  }
}
