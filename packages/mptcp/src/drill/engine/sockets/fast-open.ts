import type { FastOpenConnect, FastOpenListen } from "../../../host/index.ts";
import { FastOpenClient } from "../../../tcp/index.ts";
import type { TcpConnection } from "../../../tcp/index.ts";
import type { IpAddress } from "../../../wire/index.ts";
import type { Sysctls } from "../commands/sysctls.ts";
import { tcpOf } from "./connection-view.ts";
import type { StreamSocket } from "./stream-socket.ts";

/** Bits of net.ipv4.tcp_fastopen. */
const BIT = { client: 1, server: 2, clientNoCookie: 4, serverNoCookie: 0x200, allListeners: 0x400 } as const;

/** Whether programs may ask for Fast Open as clients. */
export function isClientEnabled(sysctls: Sysctls): boolean {
  return has(sysctls, BIT.client);
}

/** How a connection of a socket is opened where Fast Open is asked for. @param waits its SYN leaves with the first write */
export function fastOpenConnect({ machine: { routes, sysctls }, settings }: StreamSocket, remote: IpAddress, waits: boolean): FastOpenConnect {
  const isOpen = has(sysctls, BIT.clientNoCookie) || settings.get("TCP_FASTOPEN_NO_COOKIE") !== 0 || routes.find(remote)?.fastOpenNoCookie === true;
  return { waits, cookies: isOpen ? "none" : "required" };
}

/** How a listener takes Fast Open. @param backlog of listen(2) */
export function fastOpenListen({ machine: { sysctls }, settings }: StreamSocket, backlog: number): false | FastOpenListen {
  if (!has(sysctls, BIT.server)) return false;
  const wanted = settings.get("TCP_FASTOPEN");
  const pending = wanted === 0 && has(sysctls, BIT.allListeners) ? backlog : wanted;
  const isOpen = has(sysctls, BIT.serverNoCookie) || settings.get("TCP_FASTOPEN_NO_COOKIE") !== 0;
  return pending === 0 ? false : { pending, cookies: isOpen ? "none" : "required" };
}

/** A listener is to be as the settings of its socket say now. */
export function applyFastOpen(socket: StreamSocket): void {
  const { listener, machine, settings } = socket;
  if (listener === null) return;
  listener.setFastOpen(fastOpenListen(socket, listener.backlog - 1));
  machine.host.setFastOpenKeys(settings.fastOpenKeys, listener);
}

/** The connection beneath whose SYN waits for the first write; null: none. */
export function deferred({ connection }: StreamSocket): TcpConnection | null {
  const tcp = tcpOf(connection);
  return tcp !== null && tcp.state === "SYN-SENT" && tcp.fastOpen instanceof FastOpenClient && tcp.fastOpen.holdsSyn(tcp) ? tcp : null;
}

/** Its SYN waits no longer. */
export function letGo(socket: StreamSocket): void {
  const tcp = deferred(socket);
  if (tcp !== null && tcp.fastOpen instanceof FastOpenClient) tcp.fastOpen.onPatienceOver();
}

/** Octets that its SYN takes; 0: none, since the server gave no cookie. */
export function synRoom(tcp: TcpConnection | null): number {
  return tcp !== null && tcp.fastOpen instanceof FastOpenClient && tcp.fastOpen.mayCarryData ? tcp.fastOpen.roomOn(tcp) : 0;
}

function has(sysctls: Sysctls, bit: number): boolean {
  return (sysctls.number("net.ipv4.tcp_fastopen") & bit) !== 0;
}
