import { MICROSECOND, MILLISECOND } from "../core/index.ts";
import type { TcpState } from "./connection.ts";
import type { AccurateEcnInfo, TcpInfo } from "./info.ts";
import { DUP_THRESH } from "./recovery/rack.ts";

/** Fields of `struct tcp_info` (linux/tcp.h) by name, `tcpi_state` and so on. What is not in it has no meaning here, see docs/embedding.md. */
export type LinuxTcpInfo = Readonly<Record<string, number>>;

/**
 * The state of a TCP connection under Linux's names and in its units: windows in segments, round-trip times and limits in microseconds, the time since something
 * was sent or heard in milliseconds, rates in octets per second.
 */
export function linuxTcpInfo(info: TcpInfo): LinuxTcpInfo {
  const segments = (octets: number): number => (info.segmentSize > 0 ? Math.floor(octets / info.segmentSize) : 0);
  return {
    tcpi_state: STATES[info.state],
    tcpi_ca_state: RECOVERY[info.recovery],
    tcpi_retransmits: info.timeouts,
    tcpi_probes: info.probes,
    tcpi_backoff: info.backoff,
    tcpi_options: (info.timestamps ? OPTION.timestamps : 0) | (info.sack ? OPTION.sack : 0) | (info.windowScale === null ? 0 : OPTION.windowScale) | (info.ecn ? OPTION.ecn : 0) | (info.ecnSeen ? OPTION.ecnSeen : 0) | (info.synDataAcknowledged > 0 ? OPTION.synData : 0),
    tcpi_snd_wscale: info.peerWindowScale ?? 0,
    tcpi_rcv_wscale: info.windowScale ?? 0,
    tcpi_fastopen_client_fail: info.fastOpenFailure === null ? 0 : FAST_OPEN_FAILURES[info.fastOpenFailure],
    tcpi_delivery_rate_app_limited: info.deliveryRateLimited ? 1 : 0,
    tcpi_rto: microseconds(info.rto),
    tcpi_ato: microseconds(info.ackDelay),
    tcpi_snd_mss: info.segmentSize,
    tcpi_rcv_mss: info.receivedSegmentSize,
    tcpi_unacked: info.segmentsUnacknowledged,
    tcpi_sacked: info.segmentsSacked,
    // Linux counts what it has sent again as lost until it is acknowledged; a tail loss probe is none.
    tcpi_lost: info.segmentsLost + (info.recovery === "recovery" || info.recovery === "loss" ? info.segmentsRepeated : 0),
    tcpi_retrans: info.segmentsRepeated,
    tcpi_fackets: 0,
    tcpi_last_data_sent: milliseconds(info.sinceDataSent),
    tcpi_last_ack_sent: 0,
    tcpi_last_data_recv: milliseconds(info.sinceDataReceived),
    tcpi_last_ack_recv: milliseconds(info.sinceHeard),
    tcpi_pmtu: info.pathMtu,
    tcpi_rcv_ssthresh: info.largestWindow,
    tcpi_rtt: microseconds(info.rtt),
    tcpi_rttvar: microseconds(info.rttVariation),
    tcpi_snd_ssthresh: info.slowStartThreshold === null ? NO_THRESHOLD : segments(info.slowStartThreshold),
    tcpi_snd_cwnd: segments(info.congestionWindow),
    tcpi_reordering: info.segmentSize > 0 ? Math.min(MAX_REORDERING, Math.max(DUP_THRESH, Math.ceil(info.reorderingDistance / info.segmentSize))) : DUP_THRESH,
    tcpi_advmss: info.announcedSegmentSize,
    tcpi_rcv_rtt: microseconds(info.receiverRtt),
    tcpi_rcv_space: info.readPerRound,
    tcpi_total_retrans: info.retransmissions,
    ...(info.pacingRate === null ? {} : { tcpi_pacing_rate: Math.floor(info.pacingRate) }),
    tcpi_bytes_acked: info.bytesAcknowledged,
    tcpi_bytes_received: info.bytesReceived,
    tcpi_segs_out: info.segmentsSent,
    tcpi_segs_in: info.segmentsReceived,
    tcpi_notsent_bytes: info.bytesUnsent,
    tcpi_min_rtt: microseconds(info.minRtt),
    tcpi_data_segs_in: info.dataSegmentsReceived,
    tcpi_data_segs_out: info.dataSegmentsSent,
    ...(info.deliveryRate === null ? {} : { tcpi_delivery_rate: Math.floor(info.deliveryRate) }),
    tcpi_busy_time: microseconds(info.busyTime),
    tcpi_rwnd_limited: microseconds(info.windowLimitedTime),
    tcpi_sndbuf_limited: microseconds(info.bufferLimitedTime),
    tcpi_delivered: segmentsDelivered(info),
    tcpi_delivered_ce: info.accurateEcn?.delivered.packets ?? (info.segmentSize > 0 ? Math.ceil(info.bytesMarked / info.segmentSize) : 0),
    tcpi_bytes_sent: info.bytesSent,
    tcpi_bytes_retrans: info.bytesRetransmitted,
    tcpi_dsack_dups: info.duplicateSacks,
    tcpi_reord_seen: info.reorderings,
    tcpi_rcv_ooopack: info.outOfOrderSegments,
    tcpi_snd_wnd: info.peerWindow,
    tcpi_rcv_wnd: info.window,
    tcpi_total_rto: info.timeoutsTotal,
    tcpi_total_rto_recoveries: info.timeoutSeries,
    tcpi_total_rto_time: milliseconds(info.timeoutTime),
    ...(info.accurateEcn === null ? {} : accurateEcn(info.accurateEcn)),
  };
}

/** Segments, the SYN among them; data that went on a SYN and was acknowledged with it is none of its own. */
function segmentsDelivered(info: TcpInfo): number {
  if (info.state === "SYN-SENT" || info.state === "SYN-RECEIVED") return 0;
  const octets = info.bytesDelivered - info.synDataDelivered;
  return 1 + (info.segmentSize > 0 ? Math.ceil(octets / info.segmentSize) : 0);
}

function accurateEcn({ received, delivered, options, sendsOptions, failure }: AccurateEcnInfo): LinuxTcpInfo {
  return {
    tcpi_received_ce: received.packets,
    tcpi_delivered_e1_bytes: delivered.ect1,
    tcpi_delivered_e0_bytes: delivered.ect0,
    tcpi_delivered_ce_bytes: delivered.ce,
    tcpi_received_e1_bytes: received.ect1,
    tcpi_received_e0_bytes: received.ect0,
    tcpi_received_ce_bytes: received.ce,
    tcpi_accecn_fail_mode: (failure === "none" ? 0 : ACCURATE_FAILURE.aceReceive) | (sendsOptions ? 0 : ACCURATE_FAILURE.optionSend) | (options === "cleared" ? ACCURATE_FAILURE.optionReceive : 0),
    tcpi_accecn_opt_seen: options === "seen" ? 2 : options === "cleared" ? 3 : 0,
  };
}

function microseconds(nanoseconds: number): number {
  return Math.round(nanoseconds / MICROSECOND);
}

function milliseconds(nanoseconds: number): number {
  return Math.floor(nanoseconds / MILLISECOND);
}

/** TCP_ESTABLISHED and so on (linux/tcp_states.h). */
const STATES: Readonly<Record<TcpState, number>> = {
  ESTABLISHED: 1, "SYN-SENT": 2, "SYN-RECEIVED": 3, "FIN-WAIT-1": 4, "FIN-WAIT-2": 5, "TIME-WAIT": 6, CLOSED: 7, "CLOSE-WAIT": 8, "LAST-ACK": 9, LISTEN: 10, CLOSING: 11,
};
/** TCP_CA_Open and so on. */
const RECOVERY: Readonly<Record<TcpInfo["recovery"], number>> = { open: 0, disorder: 1, recovery: 3, loss: 4 };
/** TCPI_OPT_TIMESTAMPS and so on. */
const OPTION = { timestamps: 1, sack: 2, windowScale: 4, ecn: 8, ecnSeen: 16, synData: 32 } as const;
/** TFO_COOKIE_UNAVAILABLE and so on. */
const FAST_OPEN_FAILURES: Readonly<Record<NonNullable<TcpInfo["fastOpenFailure"]>, number>> = { no_cookie: 1, not_acknowledged: 2, syn_repeated: 3 };
/** TCP_ACCECN_ACE_FAIL_RECV and so on. */
const ACCURATE_FAILURE = { aceReceive: 2, optionSend: 4, optionReceive: 8 } as const;
/** TCP_INFINITE_SSTHRESH. */
const NO_THRESHOLD = 0x7fff_ffff;
/** `net.ipv4.tcp_max_reordering`. */
const MAX_REORDERING = 300;
