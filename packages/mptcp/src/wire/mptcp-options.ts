import type { IpAddress } from "./address.ts";

/**
 * The canonical form of every MPTCP option, versions 0 (RFC 6824) and 1 (RFC 8684), as a union over `kind`.
 *
 * Keys, HMACs and other opaque values are byte arrays in network order, since they are hashed that way;
 * 64-bit numbers are pairs of 32-bit halves.
 */
export type MptcpOption =
  | MpCapable
  | MpJoinSyn
  | MpJoinSynAck
  | MpJoinAck
  | Dss
  | AddAddress
  | RemoveAddress
  | MpPriority
  | MpFail
  | MpFastclose
  | MpReset
  | UnknownMptcpOption;

/** MP_CAPABLE (RFC 8684 §3.1, RFC 6824 §3.1). Which fields are present tells the handshake step. */
export interface MpCapable {
  readonly kind: "mp_capable";
  readonly version: number;
  /** The flag octet A..H, most significant bit first: see {@link MP_CAPABLE_FLAG}. */
  readonly flags: number;
  /** 8 octets; null on a version 1 SYN, which carries no key. */
  readonly senderKey: Uint8Array | null;
  /** 8 octets; only on the third ACK and on first data. */
  readonly receiverKey: Uint8Array | null;
  /** Data-Level Length of first data (version 1); -1 when absent. */
  readonly dataLength: number;
  /** Checksum of first data (version 1); -1 when absent. */
  readonly checksum: number;
}

export const MP_CAPABLE_FLAG = {
  /** Checksum required. */
  A: 0x80,
  /** Extensibility. */
  B: 0x40,
  /** No additional subflows to this address and port (version 1). */
  C: 0x20,
  /** HMAC-SHA256 (version 1) or HMAC-SHA1 (version 0). */
  H: 0x01,
} as const;

/** MP_JOIN on a SYN (RFC 8684 §3.2, Figure 5). */
export interface MpJoinSyn {
  readonly kind: "mp_join_syn";
  readonly backup: boolean;
  readonly addressId: number;
  readonly token: number;
  readonly nonce: number;
}

/** MP_JOIN on a SYN+ACK (Figure 6). `hmac`: the leftmost 64 bits, 8 octets. */
export interface MpJoinSynAck {
  readonly kind: "mp_join_synack";
  readonly backup: boolean;
  readonly addressId: number;
  readonly hmac: Uint8Array;
  readonly nonce: number;
}

/** MP_JOIN on the third ACK (Figure 7). `hmac`: the leftmost 160 bits, 20 octets. */
export interface MpJoinAck {
  readonly kind: "mp_join_ack";
  readonly hmac: Uint8Array;
}

/** Data Sequence Signal (§3.3, Figure 9). One class, since nearly every segment carries one. */
export class Dss {
  readonly kind = "dss";
  /** Octets of the Data ACK on the wire: 0 when absent, else 4 or 8. */
  dataAckLength: 0 | 4 | 8 = 0;
  dataAckHigh = 0;
  dataAckLow = 0;
  /** Octets of the data sequence number on the wire: 0 when there is no mapping, else 4 or 8. */
  dsnLength: 0 | 4 | 8 = 0;
  dsnHigh = 0;
  dsnLow = 0;
  /** Relative subflow sequence number where the mapping starts; 0 with a lone DATA_FIN. */
  subflowSequence = 0;
  /** Data-Level Length, counting the DATA_FIN; 0 is the infinite mapping. */
  dataLength = 0;
  /** -1 when the mapping carries no checksum. */
  checksum = -1;
  dataFin = false;
}

/** ADD_ADDR (§3.4.1, Figure 12). Version 0 has neither `echo` nor `hmac`. */
export interface AddAddress {
  readonly kind: "add_addr";
  readonly version: 0 | 1;
  readonly echo: boolean;
  readonly addressId: number;
  readonly address: IpAddress;
  /** 0 when absent. */
  readonly port: number;
  /** The rightmost 64 bits, 8 octets; null on an echo and in version 0. */
  readonly hmac: Uint8Array | null;
}

/** REMOVE_ADDR (§3.4.2, Figure 13). */
export interface RemoveAddress {
  readonly kind: "remove_addr";
  readonly addressIds: readonly number[];
}

/** MP_PRIO (§3.3.8, Figure 11). `addressId` is -1 unless a version 0 option names one. */
export interface MpPriority {
  readonly kind: "mp_prio";
  readonly backup: boolean;
  readonly addressId: number;
}

/** MP_FAIL (§3.7, Figure 16): the data sequence number where the failed mapping started. */
export interface MpFail {
  readonly kind: "mp_fail";
  readonly dsnHigh: number;
  readonly dsnLow: number;
}

/** MP_FASTCLOSE (§3.5, Figure 14): the receiver's key, 8 octets. */
export interface MpFastclose {
  readonly kind: "mp_fastclose";
  readonly receiverKey: Uint8Array;
}

/** MP_TCPRST (§3.6, Figure 15). */
export interface MpReset {
  readonly kind: "mp_tcprst";
  /** T: the reset is for a transient condition. */
  readonly transient: boolean;
  /** The bits U, V, W as received, reserved. */
  readonly reserved: number;
  readonly reason: number;
}

/** Reason codes of MP_TCPRST (§3.6, Table 4 of the registry). */
export const MP_RESET_REASON = {
  unspecified: 0,
  mptcpSpecific: 1,
  lackOfResources: 2,
  administrativelyProhibited: 3,
  tooMuchOutstandingData: 4,
  unacceptablePerformance: 5,
  middleboxInterference: 6,
} as const;

/** An MPTCP option of unknown subtype, version or length: kept so that it can be shown and passed on. */
export interface UnknownMptcpOption {
  readonly kind: "mptcp_unknown";
  /** The option's octets after kind and length. */
  readonly data: Uint8Array;
}

