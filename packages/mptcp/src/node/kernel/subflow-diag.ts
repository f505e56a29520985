import { networkInterfaces } from "node:os";
import { IpAddress } from "../../wire/index.ts";
import { NATIVE } from "./structures.ts";
import type { KernelSubflowAddresses } from "./structures.ts";
import { SOCKET } from "./system-calls.ts";
import type { SocketCalls } from "./system-calls.ts";

/** What the kernel tells of a subflow by sock_diag (linux/inet_diag.h, MPTCP_SUBFLOW_ATTR_*), and not by options of the socket. */
export interface SubflowDiag {
  /** Either host made it a backup. */
  readonly isBackup: boolean;
  /** Address ids, RFC 8684 §3.4. */
  readonly localId: number;
  readonly remoteId: number;
}

/**
 * Asks by one socket of NETLINK_SOCK_DIAG for each subflow.
 * @returns null for those of which nothing is told: gone meanwhile, of another network namespace than this process, or since the kernel
 * tells it only to CAP_NET_ADMIN
 */
export function diagnoseSubflows(calls: SocketCalls, subflows: readonly KernelSubflowAddresses[]): readonly (SubflowDiag | null)[] {
  const none = subflows.map(() => null);
  if (subflows.length === 0) return none;
  const fd = calls.socket(SOCKET.netlink, SOCKET.raw | SOCKET.nonBlocking | SOCKET.closeOnExec, NETLINK_SOCK_DIAG);
  if (fd < 0) return none;
  try {
    // A subflow of an endpoint with a device is bound to that, and found under its number only.
    return subflows.map((subflow) => {
      const found = ask(calls, fd, subflow, 0);
      const device = found === null ? deviceOf(calls, subflow.local.address) : 0;
      return device === 0 ? found : ask(calls, fd, subflow, device);
    });
  } finally {
    calls.close(fd);
  }
}

function ask(calls: SocketCalls, fd: number, subflow: KernelSubflowAddresses, device: number): SubflowDiag | null {
  const request = encodeRequest(subflow, device);
  if (calls.send(fd, request, request.length, 0) !== request.length) return null;
  // The kernel answers before `send` returns.
  const answer = new Uint8Array(ANSWER_ROOM);
  const length = calls.recv(fd, answer, answer.length, 0);
  return length <= 0 ? null : readSubflowDiag(new DataView(answer.buffer, 0, length));
}

/** The number of the device that has `address`; 0 when none has. */
function deviceOf(calls: SocketCalls, address: string): number {
  const found = Object.entries(interfaces()).find(([, addresses]) => addresses?.some((one) => one.address === address));
  return found === undefined ? 0 : calls.interfaceIndex(found[0]);
}

/** None where the system does not tell: Node throws then, and this is asked within events. */
function interfaces(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces();
  } catch {
    return {};
  }
}

/** Reads one answer of sock_diag about a TCP socket; null when it is an error, or tells nothing of Multipath TCP. */
export function readSubflowDiag(message: DataView): SubflowDiag | null {
  if (message.byteLength < ATTRIBUTES_AT || message.getUint16(4, NATIVE) !== SOCK_DIAG_BY_FAMILY) return null;
  const end = Math.min(message.getUint32(0, NATIVE), message.byteLength);
  const ulp = attribute(message, ATTRIBUTES_AT, end, INET_DIAG_ULP_INFO);
  const mptcp = ulp === null ? null : attribute(message, ulp.start, ulp.end, INET_ULP_INFO_MPTCP);
  if (mptcp === null) return null;
  const flags = attribute(message, mptcp.start, mptcp.end, MPTCP_SUBFLOW_ATTR_FLAGS);
  const remote = attribute(message, mptcp.start, mptcp.end, MPTCP_SUBFLOW_ATTR_ID_REM);
  const local = attribute(message, mptcp.start, mptcp.end, MPTCP_SUBFLOW_ATTR_ID_LOC);
  if (flags === null || remote === null || local === null || flags.end - flags.start < 4) return null;
  const isBackup = (message.getUint32(flags.start, NATIVE) & (FLAG_BKUP_REM | FLAG_BKUP_LOC)) !== 0;
  return { isBackup, localId: message.getUint8(local.start), remoteId: message.getUint8(remote.start) };
}

/** Where the value of the attribute of `type` is between `start` and `end`; each has its length and its type before it. */
function attribute(message: DataView, start: number, end: number, type: number): { start: number; end: number } | null {
  for (let at = start; at + 4 < end; ) {
    const length = message.getUint16(at, NATIVE);
    if (length < 4 || at + length > end) return null;
    if ((message.getUint16(at + 2, NATIVE) & TYPE_MASK) === type) return length > 4 ? { start: at + 4, end: at + length } : null;
    at += (length + 3) & ~3;
  }
  return null;
}

/** `struct nlmsghdr` and `struct inet_diag_req_v2`: what is known of the TCP socket between two ends. */
function encodeRequest({ local, remote }: KernelSubflowAddresses, device: number): Uint8Array {
  const octets = new Uint8Array(REQUEST_LENGTH);
  const view = new DataView(octets.buffer);
  view.setUint32(0, REQUEST_LENGTH, NATIVE);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, NATIVE);
  view.setUint16(6, NLM_F_REQUEST, NATIVE);
  const source = IpAddress.from(local.address);
  view.setUint8(16, source.family === 4 ? SOCKET.inet : SOCKET.inet6);
  view.setUint8(17, IPPROTO_TCP);
  // Asking for INET_DIAG_INFO brings what the layer above TCP has to say.
  view.setUint8(18, 1 << (INET_DIAG_INFO - 1));
  view.setUint32(20, ALL_STATES, NATIVE);
  view.setUint16(24, local.port);
  view.setUint16(26, remote.port);
  setAddress(view, 28, source);
  setAddress(view, 44, IpAddress.from(remote.address));
  view.setUint32(60, device, NATIVE);
  // INET_DIAG_NOCOOKIE
  view.setUint32(64, 0xffff_ffff, NATIVE);
  view.setUint32(68, 0xffff_ffff, NATIVE);
  return octets;
}

function setAddress(view: DataView, at: number, address: IpAddress): void {
  const { family, w0, w1, w2, w3 } = address;
  const words = family === 4 ? [w3] : [w0, w1, w2, w3];
  words.forEach((word, i) => view.setUint32(at + 4 * i, word));
}

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;
const IPPROTO_TCP = 6;
const INET_DIAG_INFO = 2;
const INET_DIAG_ULP_INFO = 19;
const INET_ULP_INFO_MPTCP = 3;
const MPTCP_SUBFLOW_ATTR_FLAGS = 8;
const MPTCP_SUBFLOW_ATTR_ID_REM = 9;
const MPTCP_SUBFLOW_ATTR_ID_LOC = 10;
const FLAG_BKUP_REM = 1 << 4;
const FLAG_BKUP_LOC = 1 << 5;
/** Bits that say that an attribute holds others, or is in network order. */
const TYPE_MASK = 0x3fff;
const ALL_STATES = 0xffff_ffff;
const REQUEST_LENGTH = 72;
/** Octets of `struct nlmsghdr` and `struct inet_diag_msg`, before the attributes. */
const ATTRIBUTES_AT = 88;
const ANSWER_ROOM = 4096;
