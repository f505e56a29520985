import { MptcpError } from "../../core/index.ts";
import { NO_MPTCP_INFO } from "../mptcp-info.ts";
import type { LocalAddressInfo, MptcpInfo, RemoteAddressInfo, SocketMptcp, SubflowInfo, SubflowRequest } from "../mptcp-info.ts";
import { readKernelState, readPlainState, readProtocol, tellsState } from "./socket-options.ts";
import type { KernelState, KernelSubflow } from "./socket-options.ts";
import type { KernelTcpInfo } from "./structures.ts";
import { diagnoseSubflows } from "./subflow-diag.ts";
import type { SubflowDiag } from "./subflow-diag.ts";
import { SOCKET, socketCalls } from "./system-calls.ts";
import type { SocketCalls } from "./system-calls.ts";

/**
 * Multipath TCP as the kernel tells of it, by one socket. Its path manager belongs to the whole host, so that what changes paths throws
 * ERR_MPTCP_KERNEL_PATHS; the message has the command that does it.
 */
export class KernelSocketMptcp implements SocketMptcp {
  /** "kernel" where the kernel was asked for Multipath TCP, "tcp" where it was not. */
  readonly via: "kernel" | "tcp";
  private readonly descriptor: () => number;
  private last: MptcpInfo;
  private lastPlain: KernelSubflow | null = null;

  /** @param descriptor that of the socket, -1 when there is none */
  constructor(via: "kernel" | "tcp", descriptor: () => number) {
    this.via = via;
    this.descriptor = descriptor;
    this.last = { ...NOTHING, via };
  }

  /** What the kernel says now; once the socket is closed, what it said last, to whoever has asked for `mptcp` before that. */
  info(): MptcpInfo {
    const fd = this.descriptor();
    if (fd >= 0) this.last = this.read(fd);
    return this.last;
  }

  get enabled(): boolean {
    return this.info().multipath;
  }

  get connectionId(): number | null {
    const { multipath, token } = this.info();
    return multipath ? token : null;
  }

  /** Always null: endpoints are the host's, `ip mptcp endpoint show`. */
  get localAddresses(): readonly LocalAddressInfo[] | null {
    return null;
  }

  /** Those that subflows go to: of others the kernel tells nothing by a socket. */
  get remoteAddresses(): readonly RemoteAddressInfo[] {
    const fd = this.via === "kernel" ? this.descriptor() : -1;
    const state = fd < 0 ? null : readKernelState(socketCalls(), fd);
    if (state === null) return [];
    const known = new Map<number, RemoteAddressInfo>();
    diagnoseSubflows(socketCalls(), state.subflows).forEach((diag, i) => {
      const subflow = state.subflows[i];
      if (diag !== null && subflow !== undefined) known.set(diag.remoteId, { id: diag.remoteId, ...subflow.remote });
    });
    return Array.from(known.values());
  }

  get subflows(): readonly SubflowInfo[] {
    return this.info().subflows.filter((subflow) => subflow.established);
  }

  /** @throws MptcpError ERR_MPTCP_KERNEL_PATHS */
  addAddress(...addresses: readonly string[]): boolean {
    throw isHosts(addresses.map((address) => `ip mptcp endpoint add ${address} dev DEVICE subflow`));
  }

  /** @throws MptcpError ERR_MPTCP_KERNEL_PATHS */
  removeAddress(...addresses: readonly string[]): boolean {
    throw isHosts(["ip mptcp endpoint show", ...addresses.map((address) => `ip mptcp endpoint delete id ID (that of ${address})`)]);
  }

  /** @throws MptcpError ERR_MPTCP_KERNEL_PATHS */
  addSubflow(request: SubflowRequest): boolean {
    throw isHosts([
      `ip mptcp endpoint add ${request.localAddress}${request.localPort === undefined ? "" : ` port ${request.localPort}`} dev DEVICE subflow${request.backup === true ? " backup" : ""}`,
      "ip mptcp limits set subflows 8 add_addr_accepted 8",
    ]);
  }

  /** @throws MptcpError ERR_MPTCP_KERNEL_PATHS */
  removeSubflow(id: number): boolean {
    const subflow = this.info().subflows.find((one) => one.id === id);
    throw isHosts(["ip mptcp endpoint show", `ip mptcp endpoint delete id ID${subflow === undefined ? "" : ` (that of ${subflow.localAddress})`}`]);
  }

  /** @throws MptcpError ERR_MPTCP_KERNEL_PATHS */
  setBackup(id: number, backup: boolean): boolean {
    const subflow = this.info().subflows.find((one) => one.id === id);
    throw isHosts(["ip mptcp endpoint show", `ip mptcp endpoint change id ID ${backup ? "backup" : "nobackup"}${subflow === undefined ? "" : ` (that of ${subflow.localAddress})`}`]);
  }

  private read(fd: number): MptcpInfo {
    const calls = callsFor(this.via);
    if (calls === null) return this.last;
    const state = this.via === "kernel" ? readKernelState(calls, fd) : null;
    if (state !== null) return infoOf(state, diagnoseSubflows(calls, state.subflows));
    this.lastPlain = readPlainState(calls, fd, this.lastPlain);
    return { ...NOTHING, via: this.via, ...plainInfo(this.lastPlain), fallback: this.via === "kernel" ? fallbackOf(calls, fd) : null };
  }
}

/** Plain TCP has its sockets without koffi too, and then tells nothing. */
function callsFor(via: "kernel" | "tcp"): SocketCalls | null {
  try {
    return socketCalls();
  } catch (error) {
    if (via === "tcp") return null;
    throw error;
  }
}

function isHosts(commands: readonly string[]): MptcpError {
  return new MptcpError("ERR_MPTCP_KERNEL_PATHS", `the kernel's path manager serves the whole host; as root: ${commands.join("; ")}`);
}

function infoOf({ info, subflows }: KernelState, diags: readonly (SubflowDiag | null)[]): MptcpInfo {
  return {
    via: "kernel",
    multipath: info.remoteKeyReceived && !info.isFallback,
    fallback: info.isFallback ? GIVEN_UP : null,
    token: info.isFallback ? 0 : info.token,
    remoteKeyReceived: info.remoteKeyReceived,
    checksumEnabled: info.checksumEnabled ?? false,
    subflows: subflows.map((subflow, i) => subflowOf(subflow, diags[i] ?? null)),
    subflowsTotal: info.subflowsTotal ?? subflows.length,
    extraSubflows: info.subflows,
    extraSubflowsMax: info.subflowsMax,
    addAddrSignal: info.addAddrSignal,
    addAddrSignalMax: info.addAddrSignalMax,
    addAddrAccepted: info.addAddrAccepted,
    addAddrAcceptedMax: info.addAddrAcceptedMax,
    localAddrUsed: info.localAddrUsed ?? 0,
    localAddrMax: info.localAddrMax ?? 0,
    writeSequence: info.writeSequence.toString(16),
    sendUnacknowledged: info.sendUnacknowledged.toString(16),
    receiveNext: info.receiveNext.toString(16),
    bytesSent: info.bytesSent ?? 0,
    bytesReceived: info.bytesReceived ?? 0,
    // The kernel counts the DATA_FIN among what was acknowledged.
    bytesAcknowledged: Math.min(info.bytesAcknowledged ?? 0, info.bytesSent ?? 0),
    bytesRetransmitted: info.bytesRetransmitted ?? 0,
    retransmits: info.retransmits ?? 0,
    lastDataSent: (info.lastDataSent ?? 0) * MILLISECOND,
    lastDataReceived: (info.lastDataReceived ?? 0) * MILLISECOND,
    lastAckReceived: (info.lastAckReceived ?? 0) * MILLISECOND,
  };
}

function plainInfo(plain: KernelSubflow | null): Partial<MptcpInfo> {
  if (plain === null) return {};
  const { tcp } = plain;
  return {
    subflows: [subflowOf(plain, { isBackup: false })],
    subflowsTotal: 1,
    bytesSent: tcp.bytesSent - tcp.bytesRetransmitted,
    bytesReceived: tcp.bytesReceived,
    bytesAcknowledged: acknowledged(tcp),
    lastDataSent: tcp.lastDataSent * MILLISECOND,
    lastDataReceived: tcp.lastDataReceived * MILLISECOND,
    lastAckReceived: tcp.lastAckReceived * MILLISECOND,
  };
}

/** The kernel tells that it gave Multipath TCP up, not why; what came from a listener for both is of another protocol. */
function fallbackOf(calls: SocketCalls, fd: number): string {
  if (readProtocol(calls, fd) !== SOCKET.mptcp) return "not_requested";
  return tellsState(calls) === false ? "unknown" : GIVEN_UP;
}

function subflowOf({ id, local, remote, tcp }: KernelSubflow, diag: Pick<SubflowDiag, "isBackup"> | null): SubflowInfo {
  return {
    id,
    localAddress: local.address,
    localPort: local.port,
    remoteAddress: remote.address,
    remotePort: remote.port,
    state: tcp.state,
    established: tcp.state === "ESTABLISHED",
    backup: diag?.isBackup ?? null,
    rtt: tcp.rtt * MICROSECOND,
    rttVariation: tcp.rttVariation * MICROSECOND,
    minRtt: tcp.minRtt === NO_SAMPLE ? 0 : tcp.minRtt * MICROSECOND,
    rto: tcp.rto * MICROSECOND,
    congestionWindow: tcp.congestionWindow * tcp.segmentSize,
    slowStartThreshold: tcp.slowStartThreshold >= INFINITE_THRESHOLD ? null : tcp.slowStartThreshold * tcp.segmentSize,
    segmentSize: tcp.segmentSize,
    bytesInFlight: tcp.unacknowledged === 0 ? 0 : tcp.bytesSent - tcp.bytesRetransmitted - acknowledged(tcp),
    bytesSent: tcp.bytesSent,
    bytesAcknowledged: acknowledged(tcp),
    bytesReceived: tcp.bytesReceived,
    bytesRetransmitted: tcp.bytesRetransmitted,
    segmentsSent: tcp.segmentsSent,
    segmentsReceived: tcp.segmentsReceived,
  };
}

/** Data that was acknowledged: the kernel counts the SYN and the FIN too. */
function acknowledged(tcp: KernelTcpInfo): number {
  return Math.min(tcp.bytesAcknowledged, tcp.bytesSent - tcp.bytesRetransmitted);
}

/** Why, by the counters of the kernel: `nstat -asz 'MPTcpExt*Fallback*'`. */
const GIVEN_UP = "kernel_fallback";
const MICROSECOND = 1000;
const MILLISECOND = 1_000_000;
/** The kernel's ~0 for a minimum of nothing. */
const NO_SAMPLE = 0xffff_ffff;
/** TCP_INFINITE_SSTHRESH */
const INFINITE_THRESHOLD = 0x7fff_ffff;
const NOTHING: MptcpInfo = { via: "kernel", ...NO_MPTCP_INFO };
