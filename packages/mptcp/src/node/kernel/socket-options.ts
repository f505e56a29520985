import { openKernelSocket } from "./system-calls.ts";
import type { SocketCalls } from "./system-calls.ts";
import {
  MPTCP_INFO_ROOM, NATIVE, readMptcpInfo, readSocketAddress, readSubflowAddresses, readTcpInfo, SOCKADDR_LENGTH, SUBFLOW_ADDRS_LENGTH, TCP_INFO_ROOM,
} from "./structures.ts";
import type { KernelMptcpInfo, KernelSubflowAddresses, KernelTcpInfo } from "./structures.ts";

/** All that the kernel says of one MPTCP socket. */
export interface KernelState {
  readonly info: KernelMptcpInfo;
  readonly subflows: readonly KernelSubflow[];
}

export interface KernelSubflow extends KernelSubflowAddresses {
  /** The kernel's number for it, from 1; its place in the list where a kernel before 6.5 gives none. */
  readonly id: number;
  readonly tcp: KernelTcpInfo;
}

/**
 * Asks for MPTCP_FULL_INFO (kernel 6.5), or else for MPTCP_INFO, MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS (5.16).
 * @returns null when the socket speaks plain TCP: since its peer did not ask for more, or since Multipath TCP was given up. Before 5.16 always
 */
export function readKernelState(calls: SocketCalls, fd: number): KernelState | null {
  return readFullInfo(calls, fd) ?? readByParts(calls, fd);
}

/** Reads SO_PROTOCOL: 262 for MPTCP, 6 for TCP; -1 when it cannot be told. */
export function readProtocol(calls: SocketCalls, fd: number): number {
  const value = new Uint8Array(4);
  if (calls.getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, value, Uint32Array.of(4)) !== 0) return -1;
  return new DataView(value.buffer).getInt32(0, NATIVE);
}

/**
 * Asks for TCP_INFO and the addresses of a socket that speaks plain TCP.
 * @param before what it said before: a socket that is closing has addresses no more
 * @returns null when it is not connected
 */
export function readPlainState(calls: SocketCalls, fd: number, before: KernelSubflow | null): KernelSubflow | null {
  const memory = Buffer.alloc(TCP_INFO_ROOM + 2 * SOCKADDR_LENGTH);
  const [tcp, local, remote] = [memory.subarray(0, TCP_INFO_ROOM), memory.subarray(TCP_INFO_ROOM, -SOCKADDR_LENGTH), memory.subarray(-SOCKADDR_LENGTH)];
  const length = Uint32Array.of(TCP_INFO_ROOM);
  if (calls.getsockopt(fd, SOL_TCP, TCP_INFO, tcp, length) !== 0) return null;
  const isConnected = calls.getsockname(fd, local, Uint32Array.of(SOCKADDR_LENGTH)) === 0 && calls.getpeername(fd, remote, Uint32Array.of(SOCKADDR_LENGTH)) === 0;
  if (!isConnected && before === null) return null;
  const ends = isConnected || before === null ? { local: readSocketAddress(viewOf(local), 0), remote: readSocketAddress(viewOf(remote), 0) } : before;
  return { id: 1, local: ends.local, remote: ends.remote, tcp: readTcpInfo(viewOf(tcp), 0, length[0] ?? 0) };
}

/** Whether this kernel has MPTCP_INFO (5.16): a new socket of Multipath TCP tells. Null where no such socket is to be had. */
export function tellsState(calls: SocketCalls): boolean | null {
  if (tells !== null) return tells;
  const fd = openKernelSocket(calls, 4);
  if (fd < 0) return null;
  tells = readKernelState(calls, fd) !== null;
  calls.close(fd);
  return tells;
}

/** Everything at one moment, by `struct mptcp_full_info`. */
function readFullInfo(calls: SocketCalls, fd: number): KernelState | null {
  for (let room = 4; ; room *= 2) {
    const header = Buffer.alloc(FULL_INFO_HEADER + MPTCP_INFO_ROOM);
    const addresses = Buffer.alloc(room * SUBFLOW_INFO_LENGTH);
    const tcp = Buffer.alloc(room * TCP_INFO_ROOM);
    const view = viewOf(header);
    view.setUint32(4, TCP_INFO_ROOM, NATIVE);
    view.setUint32(12, SUBFLOW_INFO_LENGTH, NATIVE);
    view.setUint32(20, room, NATIVE);
    view.setBigUint64(24, calls.addressOf(addresses), NATIVE);
    view.setBigUint64(32, calls.addressOf(tcp), NATIVE);
    const length = Uint32Array.of(header.length);
    if (calls.getsockopt(fd, SOL_MPTCP, MPTCP_FULL_INFO, header, length) !== 0) return null;
    const count = view.getUint32(16, NATIVE);
    // There are more than expected: once more, with room for them.
    if (count > room) continue;
    // The kernel puts its elements as far apart as what it has of them, and says so.
    const tcpLength = Math.min(view.getUint32(0, NATIVE), view.getUint32(4, NATIVE));
    const addressesLength = Math.min(view.getUint32(8, NATIVE), view.getUint32(12, NATIVE));
    const infoLength = (length[0] ?? 0) - FULL_INFO_HEADER;
    const [addressView, tcpView] = [viewOf(addresses), viewOf(tcp)];
    return {
      info: readMptcpInfo(view, FULL_INFO_HEADER, infoLength),
      subflows: Array.from({ length: count }, (_, i) => ({
        id: addressView.getUint32(i * addressesLength, NATIVE),
        ...readSubflowAddresses(addressView, i * addressesLength + 8),
        tcp: readTcpInfo(tcpView, i * tcpLength, tcpLength),
      })),
    };
  }
}

function readByParts(calls: SocketCalls, fd: number): KernelState | null {
  const header = Buffer.alloc(MPTCP_INFO_ROOM);
  const length = Uint32Array.of(header.length);
  if (calls.getsockopt(fd, SOL_MPTCP, MPTCP_INFO, header, length) !== 0) return null;
  const info = readMptcpInfo(viewOf(header), 0, length[0] ?? 0);
  const addresses = readElements(calls, fd, MPTCP_SUBFLOW_ADDRS, SUBFLOW_ADDRS_LENGTH);
  const tcp = readElements(calls, fd, MPTCP_TCPINFO, TCP_INFO_ROOM);
  const count = Math.min(addresses.count, tcp.count);
  return {
    info,
    subflows: Array.from({ length: count }, (_, i) => ({
      id: i + 1,
      ...readSubflowAddresses(addresses.view, addresses.start + i * addresses.length),
      tcp: readTcpInfo(tcp.view, tcp.start + i * tcp.length, tcp.length),
    })),
  };
}

/** The array behind `struct mptcp_subflow_data`: elements of `length` octets, at most `size`. */
function readElements(calls: SocketCalls, fd: number, name: number, size: number): { view: DataView; start: number; count: number; length: number } {
  const start = SUBFLOW_DATA_LENGTH;
  const memory = Buffer.alloc(start + PARTS_ROOM * size);
  const view = viewOf(memory);
  view.setUint32(0, SUBFLOW_DATA_LENGTH, NATIVE);
  view.setUint32(12, size, NATIVE);
  if (calls.getsockopt(fd, SOL_MPTCP, name, memory, Uint32Array.of(memory.length)) !== 0) return { view, start, count: 0, length: 0 };
  return { view, start, count: Math.min(view.getUint32(4, NATIVE), PARTS_ROOM), length: Math.min(view.getUint32(8, NATIVE), view.getUint32(12, NATIVE)) };
}

function viewOf(memory: Buffer): DataView {
  return new DataView(memory.buffer, memory.byteOffset, memory.length);
}

let tells: boolean | null = null;

const SOL_SOCKET = 1;
const SOL_TCP = 6;
const TCP_INFO = 11;
const SO_PROTOCOL = 38;
const SOL_MPTCP = 284;
const MPTCP_INFO = 1;
const MPTCP_TCPINFO = 2;
const MPTCP_SUBFLOW_ADDRS = 3;
const MPTCP_FULL_INFO = 4;
/** Octets of `struct mptcp_full_info` before `mptcp_info`. */
const FULL_INFO_HEADER = 40;
/** Octets of `struct mptcp_subflow_info`: the number, and the addresses at the next multiple of eight. */
const SUBFLOW_INFO_LENGTH = 8 + SUBFLOW_ADDRS_LENGTH;
const SUBFLOW_DATA_LENGTH = 16;
/** Subflows that are asked about where their number is not known before: more than a kernel lets a connection have. */
const PARTS_ROOM = 16;
