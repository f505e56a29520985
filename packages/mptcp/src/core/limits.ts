import { MINUTE, SECOND } from "./time.ts";

/** A bound on what a peer, or an application, can make us hold or do. */
export interface Limit {
  /** What sets it: an option of a configuration; or, where nobody needs to set it, what is bounded. */
  readonly name: string;
  /** In its unit: `ns` are times, `factor` a multiple of what `what` names. */
  readonly default: number;
  readonly unit: "" | "ns" | "factor";
  /** What is counted, in words that follow the number. */
  readonly what: string;
  /** Moves whenever the limit bites. It has the kernel's name where the kernel counts the same. */
  readonly counter: string;
  /** What happens beyond. */
  readonly beyond: string;
}

/**
 * All limits. Configurations take their defaults from here, docs/limits.md is written from here, and `test/limits.test.ts` shows of each that it bites and
 * that its counter moves: a row more needs a case there.
 */
export const LIMITS = {
  // ---- a connection
  subflows: { name: "MptcpConfig.limits.subflows", default: 8, unit: "", what: "beside the first", counter: "MPTcpExtMPJoinRejected", beyond: "a join is reset, for a transient reason (MP_TCPRST 3)" },
  addAddrAccepted: { name: "MptcpConfig.limits.addAddrAccepted", default: 8, unit: "", what: "announced addresses in use", counter: "AddAddrUnused", beyond: "an announced address is echoed and not used" },
  pendingJoins: { name: "MptcpConfig.pendingJoins", default: 8, unit: "", what: "joins of a connection without their third ACK", counter: "JoinsDisplaced", beyond: "the oldest is reset, for a transient reason" },
  pendingJoinTimeout: { name: "MptcpConfig.pendingJoinTimeout", default: 10 * SECOND, unit: "ns", what: "without the third ACK", counter: "JoinsExpired", beyond: "the join is reset, for a transient reason" },
  announcedJoins: { name: "MptcpConfig.announcedJoins", default: 16, unit: "", what: "joins to announced addresses at once, and as many in a second", counter: "AnnouncedJoinsPaced", beyond: "the next one waits" },
  joinSynRetries: { name: "MptcpConfig.joinSynRetries", default: 3, unit: "", what: "SYNs of a join more", counter: "TcpAttemptFails", beyond: "the attempt has failed; the path manager decides" },
  addAddrRetries: { name: "MptcpConfig.addAddrRetries", default: 8, unit: "", what: "ADD_ADDRs more", counter: "AddAddrUnanswered", beyond: "the address is announced again on a new subflow" },
  noSubflowTimeout: { name: "MptcpConfig.noSubflowTimeout", default: 60 * SECOND, unit: "ns", what: "without any subflow", counter: "TcpExtTCPAbortOnTimeout", beyond: "the connection ends with ETIMEDOUT" },
  noOptionsTimeout: { name: "a connection without subflows whose paths drop options", default: 20 * SECOND, unit: "ns", what: "or `noSubflowTimeout`, if that is less", counter: "TcpExtTCPAbortOnTimeout", beyond: "the connection ends with ETIMEDOUT, at both ends within a minute of the options' vanishing" },
  pathAddresses: { name: "addresses of each side of a connection", default: 16, unit: "", what: "addresses", counter: "PathAddressesRefused", beyond: "an address more is not taken in, and gets no subflow" },
  paths: { name: "pairs of addresses that a connection remembers", default: 512, unit: "", what: "paths", counter: "PathsDisplaced", beyond: "the oldest without a subflow that is gone, or that a join alone told of, is forgotten; where there is none, the pair gets no subflow, and a join of it is reset" },
  signalsInARow: { name: "signals in a row on one subflow", default: 2, unit: "", what: "ACKs that carry nothing else", counter: "SignalsPaced", beyond: "the next one waits for a round trip" },
  echoes: { name: "echoes of ADD_ADDRs that wait for an ACK", default: 32, unit: "", what: "signals that wait", counter: "AddAddrEchoesDropped", beyond: "no echo, so that the peer announces the address again" },
  mappings: { name: "mappings of a subflow remembered", default: 1024, unit: "", what: "or a 128th of the receive buffer, if that is more", counter: "MappingsDropped", beyond: "the segment is dropped, and comes again" },
  outOfOrder: { name: "data out of order, in the memory that it takes", default: 4, unit: "factor", what: "the receive buffer", counter: "TcpExtTCPOFODrop", beyond: "it is dropped, and comes again" },
  // ---- a TCP connection
  silenceTimeout: { name: "TcpConfig.silenceTimeout", default: 15 * MINUTE, unit: "ns", what: "without an answer that is owed", counter: "TcpExtTCPAbortOnTimeout", beyond: "the connection ends with ETIMEDOUT" },
  orphanTimeout: { name: "TcpConfig.orphanTimeout", default: 60 * SECOND, unit: "ns", what: "without progress of a connection that no application waits for; twice that at the most", counter: "TcpExtTCPAbortOnTimeout", beyond: "ETIMEDOUT, and a reset" },
  challenges: { name: "challenge ACKs of a connection", default: 10, unit: "", what: "in a second (RFC 5961 §7)", counter: "TcpExtTCPACKSkippedChallenge", beyond: "what is not acceptable is not answered" },
  // ---- a listener
  halfOpen: { name: "ListenOptions.halfOpen", default: 1024, unit: "", what: "connections half open", counter: "TcpExtTCPReqQFullDoCookies", beyond: "SYN cookies" },
  backlog: { name: "ListenOptions.backlog", default: 4096, unit: "", what: "connections half open or not accepted yet", counter: "TcpExtListenOverflows", beyond: "a SYN is not answered" },
  // ---- a host
  connections: { name: "HostOptions.connections", default: 131_072, unit: "", what: "TCP connections, subflows included", counter: "ConnectionsRefused", beyond: "a SYN is not answered, a join is reset for a transient reason, and `connect` throws ENOBUFS" },
  connectionsPerPeer: { name: "HostOptions.connectionsPerPeer", default: 32_768, unit: "", what: "of those with one peer address", counter: "ConnectionsRefusedPerPeer", beyond: "the same" },
  lingering: { name: "HostOptions.lingering", default: 4096, unit: "", what: "closed connections without a subflow, which a peer may come back to for the last Data ACK", counter: "LingeringForgotten", beyond: "the oldest is forgotten" },
  orphans: { name: "HostOptions.orphans", default: 16_384, unit: "", what: "connections that no application waits for any more, and that are not over", counter: "TcpExtTCPAbortOnMemory", beyond: "the newest is reset" },
  memoryPressure: { name: "HostOptions.memoryPressure", default: 768 * 1024 * 1024, unit: "", what: "bytes in the buffers of all connections", counter: "TcpExtTCPMemoryPressures", beyond: "buffers and windows do not grow any more" },
  memory: { name: "HostOptions.memory", default: 1024 * 1024 * 1024, unit: "", what: "bytes in the buffers of all connections", counter: "MemoryExhausted", beyond: "data out of order is dropped, and comes again; new connections are refused as those beyond `connections`" },
  timeWaits: { name: "HostOptions.timeWaits", default: 131_072, unit: "", what: "connections in TIME-WAIT, some 400 octets each", counter: "TcpExtTCPTimeWaitOverflow", beyond: "the one that would have ended first ends now" },
  hostPendingJoins: { name: "HostOptions.pendingJoins", default: 1024, unit: "", what: "joins of a host without their third ACK", counter: "JoinsDisplaced", beyond: "the oldest is reset" },
  pendingJoinsPerPeer: { name: "HostOptions.pendingJoinsPerPeer", default: 64, unit: "", what: "of one peer address", counter: "JoinsDisplaced", beyond: "the oldest of that address is reset" },
  blackholeMemory: { name: "MptcpConfig.blackholeMemory", default: 60 * MINUTE, unit: "ns", what: "of plain TCP to a destination whose path swallows MP_CAPABLE, at the most", counter: "MPTcpExtMPCapableSYNTXDisabled", beyond: "Multipath TCP is tried again" },
  blackholeFirstMemory: { name: "MptcpConfig.blackholeFirstMemory", default: 15 * SECOND, unit: "ns", what: "of that the first time, four times as long on each confirmation", counter: "MPTcpExtMPCapableSYNTXDisabled", beyond: "Multipath TCP is tried again" },
  fastOpenPending: { name: "FastOpenListen.pending", default: 256, unit: "", what: "connections of a listener that are open by the data of their SYN and wait for the third ACK, those that were reset within a minute included (RFC 7413 §5.1)", counter: "TcpExtTCPFastOpenListenOverflow", beyond: "the SYN is answered as any other, without its data" },
  fastOpenCookies: { name: "servers whose Fast Open cookies are remembered", default: 1024, unit: "", what: "pairs of addresses", counter: "FastOpenCookiesForgotten", beyond: "the one used longest ago is forgotten, and asked again" },
  fastOpenAvoidance: { name: "a path that drops SYNs with Fast Open", default: 60 * MINUTE, unit: "ns", what: "of SYNs without, at the most; a minute the first time, twice as long on each confirmation", counter: "TcpExtTCPFastOpenBlackhole", beyond: "Fast Open is tried again" },
  usedCookies: { name: "SYN cookies remembered that made their connection", default: 16_384, unit: "", what: "in a minute", counter: "SynCookiesForgotten", beyond: "the oldest is forgotten: an ACK that was recorded makes its connection again" },
  blackholes: { name: "destinations remembered whose paths swallow MP_CAPABLE", default: 1024, unit: "", what: "addresses", counter: "BlackholesForgotten", beyond: "the oldest is forgotten: Multipath TCP is tried again" },
  peerVersions: { name: "peers remembered that do not speak the highest version of Multipath TCP", default: 1024, unit: "", what: "addresses", counter: "PeerVersionsForgotten", beyond: "the oldest is forgotten, and asked again" },
  peerVersionMemory: { name: "what version a peer speaks", default: 60 * MINUTE, unit: "ns", what: "of offering it that one, or no earlier one where it speaks none", counter: "EarlierVersionsOffered", beyond: "the highest is offered again, and an earlier one after it" },
  strays: { name: "packets of no connection that wait for a link", default: 256, unit: "", what: "RSTs and SYN cookies", counter: "IpOutDiscards", beyond: "the answer is not sent" },
} as const satisfies Readonly<Record<string, Limit>>;

/** The name of a limit. */
export type LimitName = keyof typeof LIMITS;
