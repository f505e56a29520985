import { linuxMptcpInfo } from "../../../mptcp/index.ts";
import { CONSTANTS, MPTCP_INFO_FIELDS, writeStructure } from "../../system/index.ts";
import type { Endpoint } from "../machine/addresses.ts";
import { tcpsOf } from "../sockets/connection-view.ts";
import type { Socket } from "../sockets/socket.ts";
import { StreamSocket } from "../sockets/stream-socket.ts";
import type { OctetsOption, OptionRow } from "./row.ts";
import { infoOctets, multipathOf, openedAt } from "./tcp-info.ts";

function mptcpInfo(socket: Socket): Uint8Array {
  const connection = multipathOf(socket);
  const { endpoints, now } = socket.machine;
  // What the machine may do is told of every socket.
  const limits = {
    mptcpi_subflows_max: endpoints.limits.subflows, mptcpi_add_addr_accepted_max: endpoints.limits.addAddrAccepted,
    mptcpi_add_addr_signal_max: endpoints.count("signal"), mptcpi_local_addr_max: endpoints.count("subflow"),
  };
  return writeStructure(MPTCP_INFO_FIELDS, connection === null ? limits : { ...linuxMptcpInfo(connection.info(now)), ...limits });
}

/**
 * An option that tells of each subflow: struct mptcp_subflow_data, in which the caller says how long it and an entry are, and then the entries.
 */
function perSubflow(name: string, entry: (socket: Socket, index: number) => Uint8Array): OctetsOption {
  return {
    kind: "octets", name, multipath: "same", set: null,
    get: (socket, buffer) => {
      if (buffer.length < HEADER) return "EINVAL";
      const asked = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
      const header = asked.getUint32(0, true);
      const wanted = asked.getUint32(12, true);
      if (header < HEADER || header > buffer.length || asked.getUint32(4, true) !== 0 || asked.getUint32(8, true) !== 0) return "EINVAL";
      const count = socket instanceof StreamSocket ? tcpsOf(socket.connection).length : 0;
      const entries = Array.from({ length: count }, (_, index) => entry(socket, index));
      const size = entries[0]?.length ?? entry(socket, 0).length;
      const taken = Math.min(wanted, size);
      const fitting = taken === 0 ? 0 : Math.min(count, Math.floor((buffer.length - header) / taken));
      const octets = new Uint8Array(header + fitting * taken);
      const view = new DataView(octets.buffer);
      view.setUint32(0, HEADER, true);
      view.setUint32(4, count, true);
      view.setUint32(8, size, true);
      view.setUint32(12, taken, true);
      for (let index = 0; index < fitting; index++) octets.set((entries[index] as Uint8Array).subarray(0, taken), header + index * taken);
      return octets;
    },
  };
}

/** Two struct sockaddr_storage: ours and the peer's. */
function addressesOf(socket: Socket, index: number): Uint8Array {
  const octets = new Uint8Array(2 * STORAGE);
  const tcp = socket instanceof StreamSocket ? tcpsOf(socket.connection)[index] : undefined;
  if (tcp === undefined) return octets;
  const { localAddress, localPort, remoteAddress, remotePort } = tcp.tuple;
  writeEndpoint(octets, 0, { address: localAddress, port: localPort });
  writeEndpoint(octets, STORAGE, { address: remoteAddress, port: remotePort });
  return octets;
}

function writeEndpoint(octets: Uint8Array, at: number, { address, port }: Endpoint): void {
  const view = new DataView(octets.buffer, at);
  view.setUint16(0, address.family === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  if (address.family === 4) view.setUint32(4, address.w3);
  else [address.w0, address.w1, address.w2, address.w3].forEach((word, index) => view.setUint32(8 + 4 * index, word));
}

const HEADER = 16;
const STORAGE = 128;
const { AF_INET, AF_INET6 } = CONSTANTS;

/** Options of SOL_MPTCP. */
export const MPTCP_LEVEL: readonly OptionRow[] = [
  { kind: "octets", name: "MPTCP_INFO", multipath: "same", set: null, get: (socket, buffer) => mptcpInfo(socket).subarray(0, buffer.length) },
  perSubflow("MPTCP_TCPINFO", (socket, index) => {
    const tcp = socket instanceof StreamSocket ? tcpsOf(socket.connection)[index] : undefined;
    return tcp === undefined ? new Uint8Array(0) : infoOctets(socket.machine, tcp, openedAt(socket));
  }),
  perSubflow("MPTCP_SUBFLOW_ADDRS", addressesOf),
];
