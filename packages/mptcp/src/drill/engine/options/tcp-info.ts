import { TCP_INFO_FIELDS, writeStructure } from "../../system/index.ts";
import type { Socket } from "../sockets/socket.ts";
import { StreamSocket } from "../sockets/stream-socket.ts";
import { tcpOf } from "../sockets/connection-view.ts";

/** struct tcp_info of a socket: of its first subflow, where it has several. */
export function tcpInfoOf(socket: Socket): Uint8Array {
  const tcp = socket instanceof StreamSocket ? tcpOf(socket.connection) : null;
  if (tcp === null) return writeStructure(TCP_INFO_FIELDS, { tcpi_state: socket.isListening ? LISTEN : CLOSE });
  return writeStructure(TCP_INFO_FIELDS, {});
}

const CLOSE = 7;
const LISTEN = 10;
