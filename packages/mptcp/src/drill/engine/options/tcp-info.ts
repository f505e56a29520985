import { MptcpConnection } from "../../../mptcp/index.ts";
import { infoOfTcp, linuxTcpInfo } from "../../../tcp/index.ts";
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
  return infoOctets(socket.machine, tcp);
}

/** The same of a TCP connection. */
export function infoOctets(machine: Machine, tcp: TcpConnection): Uint8Array {
  return writeStructure(TCP_INFO_FIELDS, linuxTcpInfo(infoOfTcp(tcp, machine.now)));
}

/** The connection in Multipath TCP that a socket has; null: none, or one that fell back. */
export function multipathOf(socket: Socket): MptcpConnection | null {
  return socket instanceof StreamSocket && socket.connection instanceof MptcpConnection ? socket.connection : null;
}

const CLOSE = 7;
const LISTEN = 10;
