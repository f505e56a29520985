import { Memory } from "../system/memory.ts";
import { SOCKADDR_ROOM, takeSocketAddress } from "../system/socket-address.ts";
import { NR } from "../system/system.ts";
import type { System } from "../system/system.ts";

/** What the kernel says of a socket of Multipath TCP. */
export interface KernelView {
  /** Whether Multipath TCP is in use. */
  readonly isMultipath: boolean;
  /** Addresses of this host on the subflows that there are. */
  readonly locals: readonly string[];
}

/** Asks by MPTCP_SUBFLOW_ADDRS (linux/mptcp.h), which a socket refuses that speaks plain TCP, or has come to. */
export function kernelView(system: System, fd: number): KernelView {
  const memory = new Memory(system);
  const [data, length] = [memory.room(HEADER + MOST * PAIR), memory.room(4)];
  data.view.setUint32(0, HEADER, true);
  data.view.setUint32(12, PAIR, true);
  length.view.setUint32(0, data.octets.length, true);
  if (system.call(NR.getsockopt, fd, SOL_MPTCP, MPTCP_SUBFLOW_ADDRS, data.address, length.address) < 0) return { isMultipath: false, locals: [] };
  const count = Math.min(data.view.getUint32(4, true), MOST);
  const locals = Array.from({ length: count }, (_, at) => {
    const start = HEADER + at * PAIR;
    const octets = data.octets.subarray(start, start + SOCKADDR_ROOM);
    const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    return takeSocketAddress({ octets, view, address: data.address + start }, SOCKADDR_ROOM)?.address ?? "";
  });
  return { isMultipath: true, locals };
}

/** Counters that say why the kernel gave Multipath TCP or a subflow up, of those that are not 0, without what they have in common. */
export function kernelHints(counters: ReadonlyMap<string, number>): readonly string[] {
  return HINTS.filter((name) => (counters.get(`${PREFIX}${name}`) ?? 0) > 0);
}

/** Whether a kernel has reset a subflow, or had one reset, for a reason of Multipath TCP (RFC 8684 §3.6, §3.7). */
export function hasResetSubflow(counters: ReadonlyMap<string, number>): boolean {
  return ["MPRstTx", "MPRstRx", "DSSCorruptionReset"].some((name) => (counters.get(`${PREFIX}${name}`) ?? 0) > 0);
}

const PREFIX = "MPTcpExt";
/** net/mptcp/mib.c, as of Linux 6.18; those that a kernel does not have count nothing. */
const HINTS = [
  "MPCapableSYNTXDrop", "MPCapableFallbackACK", "MPCapableFallbackSYNACK", "MPCapableDataFallback", "MD5SigFallback", "DssFallback", "SimultConnectFallback", "FallbackFailed",
  "MPFallbackTokenInit", "MPTCPRetrans", "MPJoinSynAckHMacFailure", "MPJoinAckHMacFailure", "MPJoinRejected", "MPJoinSynTxConnectErr", "DSSNotMatching", "DSSCorruptionFallback",
  "DSSCorruptionReset", "InfiniteMapTx", "InfiniteMapRx", "DSSNoMatchTCP", "DataCsumErr", "NoDSSInWindow", "DuplicateData", "MPFailTx", "MPFailRx", "MPFastcloseTx", "MPFastcloseRx", "MPRstTx",
  "MPRstRx", "SubflowStale", "RcvPruned",
] as const;

const SOL_MPTCP = 284;
const MPTCP_SUBFLOW_ADDRS = 3;
/** Octets of `struct mptcp_subflow_data`, and of `struct mptcp_subflow_addrs`. */
const HEADER = 16;
const PAIR = 2 * SOCKADDR_ROOM;
/** Subflows that are asked for. */
const MOST = 8;
