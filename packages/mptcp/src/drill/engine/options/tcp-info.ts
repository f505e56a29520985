import { MptcpConnection } from "../../../mptcp/index.ts";
import { infoOfTcp, linuxTcpInfo, TcpSocket } from "../../../tcp/index.ts";
import type { TcpConnection } from "../../../tcp/index.ts";
import { TCP_INFO_FIELDS, writeStructure } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";
import { tcpOf } from "../sockets/connection-view.ts";
import type { Socket } from "../sockets/socket.ts";
import { StreamSocket } from "../sockets/stream-socket.ts";

/** struct tcp_info of a socket: of its first subflow, where it has several. */
export function tcpInfoOf(socket: Socket): Uint8Array {
  const tcp = socket instanceof StreamSocket ? tcpOf(socket.connection) : null;
  if (tcp === null) return writeStructure(TCP_INFO_FIELDS, { tcpi_state: socket.isListening ? LISTEN : CLOSE });
  return infoOctets(socket.machine, tcp, openedAt(socket));
}

/** The same of a TCP connection; `since`: when the handshake was complete, ns, which is when Linux begins to count. */
export function infoOctets({ now }: Machine, tcp: TcpConnection, since: number): Uint8Array {
  const info = infoOfTcp(tcp, now);
  const age = now - since;
  const sinceOpened = { sinceDataSent: Math.min(info.sinceDataSent, age), sinceDataReceived: Math.min(info.sinceDataReceived, age), sinceHeard: Math.min(info.sinceHeard, age) };
  return writeStructure(TCP_INFO_FIELDS, linuxTcpInfo({ ...info, ...sinceOpened }));
}

/** When the connection of a socket was opened, ns; 0: it was not. */
export function openedAt(socket: Socket): number {
  const connection = socket instanceof StreamSocket ? socket.connection : null;
  return connection instanceof MptcpConnection || connection instanceof TcpSocket ? Math.max(0, connection.connectedAt) : 0;
}

/** The connection in Multipath TCP that a socket has; null: none, or one that fell back. */
export function multipathOf(socket: Socket): MptcpConnection | null {
  return socket instanceof StreamSocket && socket.connection instanceof MptcpConnection ? socket.connection : null;
}

const CLOSE = 7;
const LISTEN = 10;
