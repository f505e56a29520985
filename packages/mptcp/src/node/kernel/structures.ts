/**
 * What the kernel says of an MPTCP socket, read from the structures of linux/mptcp.h and linux/tcp.h. They grow with the kernel's versions:
 * a field that a kernel does not have yet is null here, or zero where zero is what an empty counter says.
 *
 * @module
 */
import type { TcpState } from "../../tcp/index.ts";
import { IpAddress } from "../../wire/index.ts";

/** `struct mptcp_info`, kernel 5.9. The fields of later kernels are null in earlier ones. */
export interface KernelMptcpInfo {
  /** Subflows beside the first. */
  readonly subflows: number;
  readonly addAddrSignal: number;
  readonly addAddrAccepted: number;
  readonly subflowsMax: number;
  readonly addAddrSignalMax: number;
  readonly addAddrAcceptedMax: number;
  readonly isFallback: boolean;
  readonly remoteKeyReceived: boolean;
  readonly token: number;
  readonly writeSequence: bigint;
  readonly sendUnacknowledged: bigint;
  readonly receiveNext: bigint;
  /** Kernel 5.12. */
  readonly localAddrUsed: number | null;
  readonly localAddrMax: number | null;
  /** Kernel 5.14. */
  readonly checksumEnabled: boolean | null;
  /** Kernel 6.5. */
  readonly retransmits: number | null;
  readonly bytesRetransmitted: number | null;
  readonly bytesSent: number | null;
  readonly bytesReceived: number | null;
  readonly bytesAcknowledged: number | null;
  /** Kernel 6.8. All subflows. */
  readonly subflowsTotal: number | null;
  /** Kernel 6.10. Times in ms. */
  readonly lastDataSent: number | null;
  readonly lastDataReceived: number | null;
  readonly lastAckReceived: number | null;
}

/** What is of use here of `struct tcp_info`, as of kernel 5.16. */
export interface KernelTcpInfo {
  readonly state: TcpState;
  /** Times in microseconds. */
  readonly rto: number;
  readonly rtt: number;
  readonly rttVariation: number;
  readonly minRtt: number;
  /** Octets. */
  readonly segmentSize: number;
  /** Segments. */
  readonly unacknowledged: number;
  readonly slowStartThreshold: number;
  readonly congestionWindow: number;
  /** Octets. */
  readonly bytesAcknowledged: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly bytesRetransmitted: number;
  readonly segmentsSent: number;
  readonly segmentsReceived: number;
  /** Times in ms. */
  readonly lastDataSent: number;
  readonly lastDataReceived: number;
  readonly lastAckReceived: number;
}

/** One end of a subflow: an address and a port. */
export interface KernelEndpoint {
  readonly address: string;
  readonly port: number;
}

/** `struct mptcp_subflow_addrs`. */
export interface KernelSubflowAddresses {
  readonly local: KernelEndpoint;
  readonly remote: KernelEndpoint;
}

/** Reads `struct mptcp_info`, of which the kernel wrote `length` octets at `offset`. */
export function readMptcpInfo(view: DataView, offset: number, length: number): KernelMptcpInfo {
  const octet = (at: number): number => view.getUint8(offset + at);
  // A field is there if the kernel wrote it to its end.
  const has = (end: number): boolean => length >= end;
  const word = (at: number): number | null => (has(at + 4) ? view.getUint32(offset + at, NATIVE) : null);
  const counter = (at: number): number | null => (has(at + 8) ? Number(view.getBigUint64(offset + at, NATIVE)) : null);
  const sequence = (at: number): bigint => view.getBigUint64(offset + at, NATIVE);
  const flags = word(8) ?? 0;
  return {
    subflows: octet(0),
    addAddrSignal: octet(1),
    addAddrAccepted: octet(2),
    subflowsMax: octet(3),
    addAddrSignalMax: octet(4),
    addAddrAcceptedMax: octet(5),
    isFallback: (flags & FLAG_FALLBACK) !== 0,
    remoteKeyReceived: (flags & FLAG_REMOTE_KEY_RECEIVED) !== 0,
    token: word(12) ?? 0,
    writeSequence: sequence(16),
    sendUnacknowledged: sequence(24),
    receiveNext: sequence(32),
    localAddrUsed: has(42) ? octet(40) : null,
    localAddrMax: has(42) ? octet(41) : null,
    checksumEnabled: has(43) ? octet(42) !== 0 : null,
    retransmits: word(44),
    bytesRetransmitted: counter(48),
    bytesSent: counter(56),
    bytesReceived: counter(64),
    bytesAcknowledged: counter(72),
    // What a kernel does not have yet it may still write, as padding.
    subflowsTotal: has(81) && octet(80) > 0 ? octet(80) : null,
    lastDataSent: word(84),
    lastDataReceived: word(88),
    lastAckReceived: word(92),
  };
}

/** Reads `struct tcp_info`, of which the kernel wrote `length` octets at `offset`. */
export function readTcpInfo(view: DataView, offset: number, length: number): KernelTcpInfo {
  const word = (at: number): number => (length >= at + 4 ? view.getUint32(offset + at, NATIVE) : 0);
  const counter = (at: number): number => (length >= at + 8 ? Number(view.getBigUint64(offset + at, NATIVE)) : 0);
  return {
    state: STATES[view.getUint8(offset)] ?? "CLOSED",
    rto: word(8),
    segmentSize: word(16),
    unacknowledged: word(24),
    rtt: word(68),
    rttVariation: word(72),
    slowStartThreshold: word(76),
    congestionWindow: word(80),
    bytesAcknowledged: counter(120),
    bytesReceived: counter(128),
    segmentsSent: word(136),
    segmentsReceived: word(140),
    minRtt: word(148),
    bytesSent: counter(200),
    bytesRetransmitted: counter(208),
    lastDataSent: word(44),
    lastDataReceived: word(52),
    lastAckReceived: word(56),
  };
}

/** Reads `struct mptcp_subflow_addrs` at `offset`. */
export function readSubflowAddresses(view: DataView, offset: number): KernelSubflowAddresses {
  return { local: readSocketAddress(view, offset), remote: readSocketAddress(view, offset + SOCKADDR_LENGTH) };
}

/** Reads `struct sockaddr_in` or `sockaddr_in6`; a v4-mapped address as the IPv4 address that it stands for. */
export function readSocketAddress(view: DataView, offset: number): KernelEndpoint {
  const port = view.getUint16(offset + 2);
  if (view.getUint16(offset, NATIVE) !== AF_INET6) return { address: String(IpAddress.v4(view.getUint32(offset + 4))), port };
  const word = (n: number): number => view.getUint32(offset + 8 + 4 * n);
  return { address: String(IpAddress.v6(word(0), word(1), word(2), word(3)).unmapped()), port };
}

/** The kernel's structures are in the machine's own order. */
export const NATIVE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Octets of `struct mptcp_info` as of kernel 6.10, with room for what comes. */
export const MPTCP_INFO_ROOM = 256;
/** Octets of `struct tcp_info` as of kernel 6.18, with room for what comes. */
export const TCP_INFO_ROOM = 320;
/** Octets of `struct mptcp_subflow_addrs`: two of `struct sockaddr_storage`. */
export const SUBFLOW_ADDRS_LENGTH = 256;
/** Octets of `struct sockaddr_storage`. */
export const SOCKADDR_LENGTH = 128;
const AF_INET6 = 10;
const FLAG_FALLBACK = 1;
const FLAG_REMOTE_KEY_RECEIVED = 2;
/** By the kernel's numbers, TCP_ESTABLISHED and so on. */
const STATES: readonly TcpState[] = [
  "CLOSED", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
  "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECEIVED",
];
