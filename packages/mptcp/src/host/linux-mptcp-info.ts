import { MILLISECOND } from "../core/index.ts";
import type { ConnectionInfo } from "../mptcp/index.ts";

/** Fields of `struct mptcp_info` (linux/mptcp.h) by name, `mptcpi_token` and so on; the 64-bit sequence numbers are bigints. */
export type LinuxMptcpInfo = Readonly<Record<string, number | bigint>>;

/** The state of a Multipath TCP connection under Linux's names and in its units. */
export function linuxMptcpInfo(info: ConnectionInfo): LinuxMptcpInfo {
  return {
    mptcpi_subflows: info.extraSubflows,
    mptcpi_add_addr_signal: info.addAddrSignal,
    mptcpi_add_addr_accepted: info.addAddrAccepted,
    mptcpi_subflows_max: info.extraSubflowsMax,
    mptcpi_add_addr_signal_max: info.addAddrSignalMax,
    mptcpi_add_addr_accepted_max: info.addAddrAcceptedMax,
    mptcpi_flags: (info.fallback === null ? 0 : FLAG.fallback) | (info.remoteKeyReceived ? FLAG.remoteKeyReceived : 0),
    mptcpi_token: info.token,
    mptcpi_write_seq: BigInt(`0x${info.writeSequence}`),
    mptcpi_snd_una: BigInt(`0x${info.sendUnacknowledged}`),
    mptcpi_rcv_nxt: BigInt(`0x${info.receiveNext}`),
    mptcpi_local_addr_used: info.localAddrUsed,
    mptcpi_local_addr_max: info.localAddrMax,
    mptcpi_csum_enabled: info.checksumEnabled ? 1 : 0,
    mptcpi_retransmits: info.retransmits,
    mptcpi_bytes_retrans: info.bytesRetransmitted,
    mptcpi_bytes_sent: info.bytesSent,
    mptcpi_bytes_received: info.bytesReceived,
    mptcpi_bytes_acked: info.bytesAcknowledged,
    mptcpi_subflows_total: info.subflowsTotal,
    mptcpi_last_data_sent: milliseconds(info.lastDataSent),
    mptcpi_last_data_recv: milliseconds(info.lastDataReceived),
    mptcpi_last_ack_recv: milliseconds(info.lastAckReceived),
  };
}

function milliseconds(nanoseconds: number): number {
  return Math.floor(nanoseconds / MILLISECOND);
}

/** MPTCP_INFO_FLAG_FALLBACK and so on. */
const FLAG = { fallback: 1, remoteKeyReceived: 2 } as const;
