import type { CloseReason } from "./errors.ts";

/**
 * Why a connection fell back to regular TCP (RFC 8684 §3.7), each with the kernel's counter for it, where there is one, and its text.
 * An application reads the name as `fallback`.
 */
export const FALLBACK_REASONS = {
  no_mp_capable_in_synack: { counter: "MPTcpExtMPCapableFallbackSYNACK", text: "the SYN+ACK carried no MP_CAPABLE" },
  mp_capable_unanswered: { counter: "MPTcpExtMPCapableSYNTXDrop", text: "only a SYN without MP_CAPABLE was answered" },
  blackhole_remembered: { counter: "MPTcpExtMPCapableSYNTXDisabled", text: "the path lost SYNs with MP_CAPABLE a while ago" },
  own_key_in_synack: { counter: null, text: "the SYN+ACK carried our own key: options are sent back" },
  no_key_in_synack: { counter: null, text: "the MP_CAPABLE of the SYN+ACK carried no key" },
  malformed_capable: { counter: null, text: "the MP_CAPABLE had a form that its segment does not have" },
  unsupported_version: { counter: null, text: "the peer speaks another version" },
  unknown_extension_flag: { counter: null, text: "the peer asks for an extension that is not known (flag B)" },
  no_common_algorithm: { counter: null, text: "the peer offers no algorithm that is known" },
  no_mp_capable_in_syn: { counter: null, text: "the SYN came again without MP_CAPABLE" },
  no_mp_capable_in_ack: { counter: "MPTcpExtMPCapableFallbackACK", text: "the third ACK carried no MP_CAPABLE" },
  options_lost_on_data: { counter: "MPTcpExtMPCapableDataFallback", text: "first data came without a mapping" },
  no_data_ack: { counter: "MPTcpExtMPCapableDataFallback", confirmedCounter: "MPTcpExtDssFallback", text: "data was acknowledged without a Data ACK" },
  options_lost: { counter: "MPTcpExtDssFallback", text: "options vanished from what arrives on the only subflow" },
  infinite_mapping: { counter: null, text: "the peer declared an infinite mapping" },
  checksum_failed: { counter: null, text: "a middlebox changed the data: a checksum was wrong" },
  mp_fail: { counter: null, text: "a middlebox changed the data: the peer found a checksum wrong" },
} as const satisfies Readonly<Record<string, Reason>>;

/** Why a connection fell back to regular TCP. */
export type FallbackReason = keyof typeof FALLBACK_REASONS;

/**
 * Why a subflow ended, each with its text. Those that name an error code are TCP's. `transient`: where a RST of ours says so by MP_TCPRST, whether
 * the path may be tried again (flag T, RFC 8684 §3.6).
 */
export const SUBFLOW_END_REASONS = {
  // by the peer, or by TCP
  fin: { counter: null, text: "closed with FINs by both ends" },
  ECONNREFUSED: { counter: null, text: "the peer's address refused it" },
  ECONNRESET: { counter: null, text: "reset by the peer, which gave no reason" },
  ETIMEDOUT: { counter: null, text: "nothing answered" },
  EHOSTUNREACH: { counter: null, text: "no route to the host" },
  ENETUNREACH: { counter: null, text: "no route to the network" },
  ECONNABORTED: { counter: null, text: "aborted" },
  reset: { counter: null, text: "reset by the peer for a transient reason (MP_TCPRST with T)" },
  refused: { counter: null, text: "reset by the peer for a permanent reason (MP_TCPRST)" },
  fastclose: { counter: null, text: "the peer broke the connection off (MP_FASTCLOSE)" },
  // by us
  aborted: { counter: null, text: "the application broke the connection off" },
  connection_closed: { counter: null, transient: true, text: "the connection is over" },
  orphan: { counter: null, text: "the connection is over and the peer did not answer its FIN" },
  silent: { counter: null, transient: true, text: "it stayed silent while others carried data, and nothing answered there" },
  given_up: { counter: null, text: "the connection was given up, since its peer does not answer" },
  fallback: { counter: null, text: "the connection became regular TCP on another subflow" },
  path_manager: { counter: null, text: "the path manager closed it" },
  address_removed: { counter: null, text: "this host lost the address" },
  remove_addr: { counter: null, transient: true, text: "the peer removed the address, and nothing answered there any more" },
  // faults of the peer, or of the path
  bad_hmac: { counter: null, text: "the join's HMAC was wrong" },
  no_mp_join_in_synack: { counter: null, text: "the SYN+ACK of the join carried no MP_JOIN" },
  no_mp_join_in_ack: { counter: null, text: "the third ACK of the join carried no MP_JOIN" },
  join_unconfirmed: { counter: null, transient: true, text: "the third ACK of the join was never confirmed" },
  join_expired: { counter: "JoinsExpired", transient: true, text: "the third ACK of the join did not come in time" },
  join_displaced: { counter: "JoinsDisplaced", transient: true, text: "the third ACK of the join had not come when a newer join needed the room" },
  too_many_subflows: { counter: "MPTcpExtMPJoinRejected", transient: true, text: "the connection has as many subflows as its limit allows" },
  past_joins: { counter: "MPTcpExtMPJoinRejected", text: "the connection is closing, and takes in no subflow any more" },
  no_mapping: { counter: null, text: "data came without a mapping, again and again" },
  options_lost: { counter: null, text: "options vanished from what arrives" },
  no_data_ack: { counter: null, text: "data was acknowledged without a Data ACK" },
  mapping_conflict: { counter: null, text: "a mapping contradicts an earlier one" },
  no_checksum: { counter: null, text: "a mapping without the checksum that was agreed on" },
  checksum_not_negotiated: { counter: null, text: "a mapping with a checksum that was not agreed on" },
  checksum_failed: { counter: null, text: "a middlebox changed the data: a checksum was wrong" },
  mp_fail: { counter: null, text: "a middlebox changed the data: the peer found a checksum wrong" },
} as const satisfies Readonly<Record<string, Reason>> & Readonly<Record<CloseReason, Reason>>;

/** Why a subflow ended, or could not be opened. */
export type SubflowEndReason = keyof typeof SUBFLOW_END_REASONS;

/**
 * Why a connection was given up because its peer did not answer, each with the kernel's counter and its text. The application's error is
 * ETIMEDOUT.
 */
export const GIVE_UP_REASONS = {
  peer_silent: { counter: "TcpExtTCPAbortOnTimeout", text: "nothing was heard from the peer on any subflow, though it owed an answer" },
  data_unacknowledged: { counter: "TcpExtTCPAbortOnTimeout", text: "the peer speaks and acknowledges nothing at connection level" },
  user_timeout: { counter: "TcpExtTCPAbortOnTimeout", text: "data stayed unacknowledged for longer than the user timeout" },
  orphan: { counter: "TcpExtTCPAbortOnTimeout", text: "no application waits for the connection, and its end makes no progress" },
  too_many_orphans: { counter: "TcpExtTCPAbortOnMemory", text: "no application waits for the connection, and the host has too many of those" },
} as const satisfies Readonly<Record<string, Reason>>;

/** Why a connection was given up because its peer did not answer. */
export type GiveUpReason = keyof typeof GIVE_UP_REASONS;

/**
 * Why a join that arrived was refused (RFC 8684 §3.2), each with the kernel's counter, the reason code and T flag of the MP_TCPRST that says
 * so (§3.6), and its text. A transient one may be tried again.
 */
export const JOIN_REFUSALS = {
  unknown_token: { counter: "MPTcpExtMPJoinNoTokenFound", code: 1, transient: false, text: "no connection has that token" },
  malformed_join: { counter: "MPTcpExtMPJoinRejected", code: 1, transient: false, text: "the MP_JOIN had a form that a SYN does not have" },
  not_multipath: { counter: "MPTcpExtMPJoinRejected", code: 1, transient: false, text: "the connection is over, or is regular TCP" },
  not_yet: { counter: "MPTcpExtMPJoinRejected", code: 1, transient: true, text: "the connection does not know the peer's key yet" },
  too_many_subflows: { counter: "MPTcpExtMPJoinRejected", code: 3, transient: true, text: "the connection has as many subflows as its limit allows" },
  initial_address_denied: { counter: "MPTcpExtMPJoinRejected", code: 3, transient: false, text: "this host lets nobody join the address of the first subflow (flag C)" },
  address_not_allowed: { counter: "MPTcpExtMPJoinRejected", code: 3, transient: false, text: "the connection may not use that address" },
  crossing: { counter: "MPTcpExtMPJoinRejected", code: 0, transient: true, text: "this host, which opened the connection, is joining the same pair of addresses" },
  host_full: { counter: "MPTcpExtMPJoinRejected", code: 2, transient: true, text: "this host has no room for one more connection" },
  too_many_paths: { counter: "MPTcpExtMPJoinRejected", code: 2, transient: true, text: "the connection has no room for one more path" },
} as const satisfies Readonly<Record<string, Reason & { readonly code: number; readonly transient: boolean }>>;

/** Why a join that arrived was refused. */
export type JoinRefusal = keyof typeof JOIN_REFUSALS;

/** What a reason is known by beside its name. */
export interface Reason {
  /** The counter of the kernel's MIB that counts it; null without. */
  readonly counter: string | null;
  /** Of a fallback: what counts it in its place once a DSS had come. */
  readonly confirmedCounter?: string | null;
  readonly text: string;
  /** Whether it passes; false unless given. */
  readonly transient?: boolean;
}
