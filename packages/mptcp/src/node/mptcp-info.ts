import type { TcpState } from "../tcp/index.ts";

/**
 * The state of a connection, shaped after the kernel's `struct mptcp_info` (linux/mptcp.h, whose names are given): the same for sockets of
 * this library's engine and for the kernel's. It can be written as JSON. Times are ns, sizes octets.
 */
export interface MptcpInfo {
  /** Who speaks Multipath TCP: this library, the kernel, or nobody, where plain TCP of `node:net` was picked. */
  readonly via: "userspace" | "kernel" | "tcp";
  /** Whether Multipath TCP is in use: RFC 6897's TCP_MULTIPATH_ENABLE when read; false before the connection is open. */
  readonly multipath: boolean;
  /** Why it is not although it was asked for (MPTCP_INFO_FLAG_FALLBACK); null when it is, or was not asked for. */
  readonly fallback: string | null;
  /** Number that names the connection on this host, RFC 6897's TCP_MULTIPATH_CONNID: the token; 0 with plain TCP. `mptcpi_token` */
  readonly token: number;
  /** The peer's key is known. MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED */
  readonly remoteKeyReceived: boolean;
  /** DSS checksums are in use. `mptcpi_csum_enabled` */
  readonly checksumEnabled: boolean;

  /** Every subflow that is open, or being opened. */
  readonly subflows: readonly SubflowInfo[];
  /** How many there are, the first included. `mptcpi_subflows_total` */
  readonly subflowsTotal: number;
  /** How many there are beside the first. `mptcpi_subflows` */
  readonly extraSubflows: number;
  /** How many there may be beside the first. `mptcpi_subflows_max` */
  readonly extraSubflowsMax: number;
  /** Addresses announced to the peer. `mptcpi_add_addr_signal` */
  readonly addAddrSignal: number;
  /** Addresses that may be announced to the peer. `mptcpi_add_addr_signal_max` */
  readonly addAddrSignalMax: number;
  /** The peer's announcements that were accepted. `mptcpi_add_addr_accepted` */
  readonly addAddrAccepted: number;
  /** How many may be. `mptcpi_add_addr_accepted_max` */
  readonly addAddrAcceptedMax: number;
  /** Local addresses that subflows beside the first were opened from. `mptcpi_local_addr_used` */
  readonly localAddrUsed: number;
  /** Local addresses that they may be opened from. `mptcpi_local_addr_max` */
  readonly localAddrMax: number;

  /** Data sequence number of the next octet to send, 64 bits in hexadecimal as `ss -M` writes them. `mptcpi_write_seq` */
  readonly writeSequence: string;
  /** Oldest data sequence number not acknowledged. `mptcpi_snd_una` */
  readonly sendUnacknowledged: string;
  /** Next data sequence number expected. `mptcpi_rcv_nxt` */
  readonly receiveNext: string;
  /** Data sent, without what was reinjected. `mptcpi_bytes_sent` */
  readonly bytesSent: number;
  /** Data received in order. `mptcpi_bytes_received` */
  readonly bytesReceived: number;
  /** Data that the peer acknowledged. `mptcpi_bytes_acked` */
  readonly bytesAcknowledged: number;
  /** Data reinjected: sent once more, on another subflow. `mptcpi_bytes_retrans` */
  readonly bytesRetransmitted: number;
  /** How often. `mptcpi_retransmits` */
  readonly retransmits: number;
  /** Time since data was last sent; since the connection was made where none was. `mptcpi_last_data_sent` */
  readonly lastDataSent: number;
  /** Time since data last arrived, likewise. `mptcpi_last_data_recv` */
  readonly lastDataReceived: number;
  /** Time since the last Data ACK, likewise. `mptcpi_last_ack_recv` */
  readonly lastAckReceived: number;
}

/** One subflow, after the kernel's `mptcp_subflow_info` and `tcp_info`. Times are ns, sizes octets. */
export interface SubflowInfo {
  /** Number of the subflow in its connection, from 1, the first; never used again. */
  readonly id: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** State of its TCP connection, in the words of RFC 9293. */
  readonly state: TcpState;
  /** Whether it may carry data: verified by both hosts, and not closing. */
  readonly established: boolean;
  /** Whether it is used only when others cannot be; null where that cannot be told. */
  readonly backup: boolean | null;
  /** Smoothed round-trip time; 0 before the first sample. */
  readonly rtt: number;
  readonly rttVariation: number;
  /** Least round-trip time seen lately; 0 before the first sample. */
  readonly minRtt: number;
  /** Retransmission timeout. */
  readonly rto: number;
  readonly congestionWindow: number;
  /** Slow start threshold; null while there is none. */
  readonly slowStartThreshold: number | null;
  /** Payload of a full segment. */
  readonly segmentSize: number;
  /** Sent and not acknowledged. */
  readonly bytesInFlight: number;
  /** Data sent, retransmissions on this subflow included. */
  readonly bytesSent: number;
  readonly bytesAcknowledged: number;
  readonly bytesReceived: number;
  /** Data sent again on this subflow. */
  readonly bytesRetransmitted: number;
  readonly segmentsSent: number;
  readonly segmentsReceived: number;
}

/** An address of this host that a connection may use. */
export interface LocalAddressInfo {
  /** Address id (RFC 8684 §3.4); 0 for that of the first subflow. */
  readonly id: number;
  readonly address: string;
  /** Subflows from here are backups. */
  readonly backup: boolean;
}

/** An address of the peer, as an ADD_ADDR told it. */
export interface RemoteAddressInfo {
  /** The peer's id for it; 0 for that of the first subflow. */
  readonly id: number;
  readonly address: string;
  readonly port: number;
}

/** A pair of addresses for one more subflow. */
export interface SubflowRequest {
  readonly localAddress: string;
  /** Bind to this port; one that is free unless given. */
  readonly localPort?: number;
  readonly remoteAddress: string;
  /** The port that the peer's address is known with unless given. */
  readonly remotePort?: number;
  /** To be used only when others cannot. */
  readonly backup?: boolean;
}

/** Whether Multipath TCP is asked for (true), not wanted (false), or all that will do: a connection that falls back is reset. */
export type MultipathChoice = boolean | "required";

/** Events that sockets have beside those of `net.Socket`, with the arguments of their listeners. */
export interface MptcpEvents {
  /** A subflow was verified by both ends and may carry data; also the first one, after `connect`. */
  readonly subflowUp: readonly [subflow: SubflowInfo];
  /** A subflow that was up is gone; `reason` is "fin", an error code, or one of this library's words. */
  readonly subflowDown: readonly [subflow: SubflowInfo, reason: string];
  /** A subflow was made a backup, or is none any more; `by` is the host that said so (MP_PRIO). */
  readonly subflowBackup: readonly [subflow: SubflowInfo, by: "local" | "remote"];
  /** The peer announced an address (ADD_ADDR). */
  readonly addressAnnounced: readonly [address: RemoteAddressInfo];
  /** The peer withdrew an address (REMOVE_ADDR). */
  readonly addressWithdrawn: readonly [address: RemoteAddressInfo];
  /** Multipath TCP was given up; the connection goes on as plain TCP. */
  readonly fallback: readonly [reason: string];
}

/**
 * Multipath TCP as seen from one socket, after RFC 6897 §5. `addAddress` and `removeAddress` may be called before `connect` too: then they
 * settle which local addresses the connection may use.
 */
export interface SocketMptcp {
  /** Whether Multipath TCP is in use. RFC 6897's TCP_MULTIPATH_ENABLE, read. */
  readonly enabled: boolean;
  /** Number that names the connection on this host, TCP_MULTIPATH_CONNID; null before it is open, and with plain TCP. */
  readonly connectionId: number | null;
  /** The local addresses that the connection may use; before `connect` those named so far, null when there is no restriction. */
  readonly localAddresses: readonly LocalAddressInfo[] | null;
  /** The peer's addresses that are known. */
  readonly remoteAddresses: readonly RemoteAddressInfo[];
  /** The subflows that are established, with addresses and ports. TCP_MULTIPATH_SUBFLOWS */
  readonly subflows: readonly SubflowInfo[];
  /** The whole state. */
  info(): MptcpInfo;
  /**
   * Lets the connection use more local addresses, TCP_MULTIPATH_ADD. The first call before `connect` restricts it to what is named.
   * @returns false when nothing can come of it: plain TCP, closed, or no address of this host
   * @throws TypeError ERR_INVALID_IP_ADDRESS
   */
  addAddress(...addresses: readonly string[]): boolean;
  /**
   * Takes local addresses from the connection, TCP_MULTIPATH_REMOVE: their subflows end, and the peer is told (REMOVE_ADDR).
   * @returns false when none of them was in use or allowed
   * @throws TypeError ERR_INVALID_IP_ADDRESS
   */
  removeAddress(...addresses: readonly string[]): boolean;
  /** Opens a subflow between addresses that both hosts know of. @returns false when they do not, it is open already, or a limit forbids it */
  addSubflow(request: SubflowRequest): boolean;
  /** Ends one subflow. @returns false when there is none of that id */
  removeSubflow(id: number): boolean;
  /** Makes a subflow a backup, or not, and tells the peer (MP_PRIO, RFC 8684 §3.3.8). @returns false when there is none of that id */
  setBackup(id: number, backup: boolean): boolean;
}

/** The state of a connection of which there is nothing to tell. */
export const NO_MPTCP_INFO: Omit<MptcpInfo, "via"> = {
  multipath: false,
  fallback: null,
  token: 0,
  remoteKeyReceived: false,
  checksumEnabled: false,
  subflows: [],
  subflowsTotal: 0,
  extraSubflows: 0,
  extraSubflowsMax: 0,
  addAddrSignal: 0,
  addAddrSignalMax: 0,
  addAddrAccepted: 0,
  addAddrAcceptedMax: 0,
  localAddrUsed: 0,
  localAddrMax: 0,
  writeSequence: "0",
  sendUnacknowledged: "0",
  receiveNext: "0",
  bytesSent: 0,
  bytesReceived: 0,
  bytesAcknowledged: 0,
  bytesRetransmitted: 0,
  retransmits: 0,
  lastDataSent: 0,
  lastDataReceived: 0,
  lastAckReceived: 0,
};
