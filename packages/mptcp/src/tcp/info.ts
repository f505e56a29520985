import type { TcpConnection, TcpState } from "./connection.ts";
import { AccurateEcn } from "./ecn/accurate.ts";
import type { ReportedCounters } from "./ecn/reported.ts";
import { INITIAL_PACKETS, initialCounters } from "./ecn/seen.ts";
import type { SeenCounters } from "./ecn/seen.ts";
import { FastOpenClient } from "./fast-open/client.ts";
import type { FastOpenFailure } from "./fast-open/client.ts";
import { announcedMss } from "./negotiation.ts";
import { PHASE } from "./phase.ts";
import type { FourTuple } from "./stream.ts";

/** What is said of a TCP connection wherever one is shown. Times are ns, sizes octets. */
export interface TcpSummary {
  readonly tuple: FourTuple;
  /** In the words of RFC 9293. */
  readonly state: TcpState;
  /** Smoothed round-trip time; 0 before the first sample. */
  readonly rtt: number;
  readonly rttVariation: number;
  /** Least round-trip time of the last five minutes; 0 before the first sample. */
  readonly minRtt: number;
  /** Retransmission timeout, with backoff. */
  readonly rto: number;
  readonly congestionWindow: number;
  /** Slow start threshold; null while there is none. */
  readonly slowStartThreshold: number | null;
  /** Payload of a full segment, timestamps deducted. */
  readonly segmentSize: number;
  /** What is on its way as loss recovery sees it: neither acknowledged, selectively or not, nor deemed lost. */
  readonly bytesInFlight: number;
  /** Payload sent, retransmissions included. */
  readonly bytesSent: number;
  readonly bytesAcknowledged: number;
  /** Payload received in order. */
  readonly bytesReceived: number;
  readonly bytesRetransmitted: number;
  /** A super-segment, which the link segments, counts once. */
  readonly segmentsSent: number;
  readonly segmentsReceived: number;
}

/**
 * Everything about a TCP connection, plain or a subflow's: what Linux tells by TCP_INFO. {@link linuxTcpInfo} gives it under Linux's names and in its
 * units. Times are ns, sizes octets, rates octets per second.
 */
export interface TcpInfo extends TcpSummary {
  /**
   * Where loss recovery stands: `open`; `disorder` while duplicate ACKs or SACKs tell of a gap that is not deemed a loss; fast `recovery`; `loss` after a
   * timeout.
   */
  readonly recovery: "open" | "disorder" | "recovery" | "loss";
  /** Retransmission timeouts since something new was acknowledged, and by how often the timeout is doubled. */
  readonly timeouts: number;
  readonly backoff: number;
  /** Probes of a closed window, or of a silent peer, without an answer. */
  readonly probes: number;
  /** What was negotiated. */
  readonly timestamps: boolean;
  readonly sack: boolean;
  /** Whether ECN is spoken, and whether anything arrived with which it could be marked. */
  readonly ecn: boolean;
  readonly ecnSeen: boolean;
  /** Segments with payload that arrived marked, payload that the peer says was marked, and how often the window was lowered for that. */
  readonly marksReceived: number;
  readonly bytesMarked: number;
  readonly markReductions: number;
  /** What accurate ECN (RFC 9768) counts; null where it is not spoken. */
  readonly accurateEcn: AccurateEcnInfo | null;
  /** By how many bits the peer's window field, and ours, is shifted; null without window scaling. */
  readonly peerWindowScale: number | null;
  readonly windowScale: number | null;
  /** How long an ACK may wait for a second segment. */
  readonly ackDelay: number;
  /** Largest payload received in one segment; 0 before the first. */
  readonly receivedSegmentSize: number;
  /** MSS that we announce. */
  readonly announcedSegmentSize: number;
  /** Largest packet that is sent. */
  readonly pathMtu: number;
  /** Segments sent and not acknowledged; of these the ones that are acknowledged selectively, deemed lost and not sent again, and sent again and under way. */
  readonly segmentsUnacknowledged: number;
  readonly segmentsSacked: number;
  readonly segmentsLost: number;
  readonly segmentsRepeated: number;
  /** Time since payload last left, last arrived, and since anything acceptable did; since the connection was established where none has; 0 before. */
  readonly sinceDataSent: number;
  readonly sinceDataReceived: number;
  readonly sinceHeard: number;
  /** Round-trip time as the receiving half sees it; 0 while unknown. */
  readonly receiverRtt: number;
  /** SYNs or SYN+ACKs sent again; and all retransmissions, these included. */
  readonly synRetransmissions: number;
  readonly retransmissions: number;
  /** Segments with payload. */
  readonly dataSegmentsSent: number;
  readonly dataSegmentsReceived: number;
  /** Payload that the peer has, behind a gap included. */
  readonly bytesDelivered: number;
  /** Payload that was written and never sent; a subflow shares it with the others of its connection. */
  readonly bytesUnsent: number;
  /** Rate that congestion control paces by; null where it does not pace. */
  readonly pacingRate: number | null;
  /** Newest sample of the delivery rate, and whether the application rather than the path limited it; null unless congestion control has it measured. */
  readonly deliveryRate: number | null;
  readonly deliveryRateLimited: boolean;
  /** How long something was not acknowledged, and of that the time that the peer's window, or the size of the send buffer, was what limited sending. */
  readonly busyTime: number;
  readonly windowLimitedTime: number;
  readonly bufferLimitedTime: number;
  /** Payload that came with, or went on, the SYN and was acknowledged with it (RFC 7413); and why none of ours was, where Fast Open was tried. */
  readonly synDataAcknowledged: number;
  /** What of {@link TcpInfo.bytesDelivered} went on our own SYN and was acknowledged with it. */
  readonly synDataDelivered: number;
  readonly fastOpenFailure: FastOpenFailure | null;
  /** D-SACKs that came. */
  readonly duplicateSacks: number;
  /** How often a segment was delivered after one that was sent later, without having been sent again. */
  readonly reorderings: number;
  /** How far behind the highest octet delivered such a segment began, at the most, octets. */
  readonly reorderingDistance: number;
  /** Segments with payload that came behind a gap. */
  readonly outOfOrderSegments: number;
  /** The peer's window, and ours as advertised; the largest that we ever advertised. */
  readonly peerWindow: number;
  readonly window: number;
  readonly largestWindow: number;
  /** What the receive buffer is tuned by: the most that the application has read in one round trip. */
  readonly readPerRound: number;
  /** Size of the buffers now; a subflow shares them with the others of its connection. */
  readonly sendBufferSize: number;
  readonly receiveBufferSize: number;
  /** Retransmission timeouts, those of SYNs included; series of them; and how long the series took that ended by an acknowledgment. */
  readonly timeoutsTotal: number;
  readonly timeoutSeries: number;
  readonly timeoutTime: number;
}

/** The counters of accurate ECN (RFC 9768 §3.2): what arrived here, and what the peer says arrived there. They begin at 0 here, whatever they begin with on the wire. */
export interface AccurateEcnInfo {
  readonly received: EcnCounts;
  readonly delivered: EcnCounts;
  /**
   * Whether the peer's options arrive: not known yet, yes, stripped or not sent, so that octets are estimated from packets, or with fields that were
   * cleared on the way; and whether ours are sent, since nothing shows that the path drops what has them.
   */
  readonly options: "unknown" | "seen" | "absent" | "cleared";
  readonly sendsOptions: boolean;
  /** Why what is sent cannot be marked: the path changes the ECN field of packets, or the flags of segments; none: it can. */
  readonly failure: "none" | "field_changed" | "counter_cleared";
}

/** Packets that were marked, and octets of payload by the codepoint that they came with. */
export interface EcnCounts {
  readonly packets: number;
  readonly ce: number;
  readonly ect0: number;
  readonly ect1: number;
}

export function summaryOfTcp(tcp: TcpConnection): TcpSummary {
  const { rtt } = tcp;
  const { threshold } = tcp.congestion;
  return {
    tuple: tcp.tuple,
    state: tcp.state,
    rtt: rtt.srtt,
    rttVariation: rtt.variation,
    minRtt: rtt.min,
    rto: tcp.rto,
    congestionWindow: tcp.congestionWindow,
    slowStartThreshold: Number.isFinite(threshold) ? threshold : null,
    segmentSize: tcp.maxPayload,
    bytesInFlight: tcp.inFlight,
    bytesSent: tcp.bytesSent,
    bytesAcknowledged: tcp.ackedOffset,
    bytesReceived: tcp.receivedOffset,
    bytesRetransmitted: tcp.bytesRetransmitted,
    segmentsSent: tcp.segmentsSent,
    segmentsReceived: tcp.segmentsReceived,
  };
}

export function infoOfTcp(tcp: TcpConnection, now: number): TcpInfo {
  const { congestion, owner, receiver, sender, tally } = tcp;
  const { rates } = sender;
  const { pacingRate } = congestion;
  const { sendBuffer, receiveBuffer, unsent, readPerRound } = owner.buffers(tcp);
  const { busy, byWindow, byBuffer } = tally.times(now);
  return {
    ...summaryOfTcp(tcp),
    ...outstanding(tcp),
    recovery: recoveryOf(tcp),
    timeouts: sender.timeouts,
    backoff: sender.backoff,
    probes: Math.max(sender.persistUnanswered, tcp.keepAliveProbes),
    timestamps: tcp.timestamps,
    sack: tcp.sack,
    ecn: tcp.ecn !== null && tcp.ecn.agreed,
    ecnSeen: tcp.ecn !== null && tcp.ecn.isSeen,
    marksReceived: tcp.ecn?.marksReceived ?? 0,
    bytesMarked: tcp.ecn?.bytesMarked ?? 0,
    markReductions: tcp.ecn?.reductions ?? 0,
    accurateEcn: accurateEcnOf(tcp),
    peerWindowScale: tcp.scaling ? bitsOf(sender.scale) : null,
    windowScale: tcp.scaling ? bitsOf(receiver.scale) : null,
    ackDelay: receiver.ackDelay(),
    receivedSegmentSize: receiver.segmentSize,
    announcedSegmentSize: announcedMss(tcp.config, tcp.ipHeader),
    pathMtu: tcp.pathMtu.current,
    sinceDataSent: tally.dataSentAt < 0 ? 0 : now - tally.dataSentAt,
    sinceDataReceived: tally.dataReceivedAt < 0 ? 0 : now - tally.dataReceivedAt,
    sinceHeard: now - tcp.lastHeard,
    receiverRtt: receiver.rtt.value,
    synRetransmissions: tcp.synRetries,
    retransmissions: tcp.retransmissions,
    dataSegmentsSent: tally.dataSegmentsSent,
    dataSegmentsReceived: tally.dataSegmentsReceived,
    bytesDelivered: tcp.ackedOffset + sender.board.sackedBytes + sender.duplicateBytes,
    bytesUnsent: unsent,
    pacingRate: pacingRate !== null && Number.isFinite(pacingRate) ? pacingRate : null,
    deliveryRate: rates === null || rates.latestRate < 0 ? null : rates.latestRate,
    deliveryRateLimited: rates !== null && rates.isLatestLimited,
    busyTime: busy,
    windowLimitedTime: byWindow,
    bufferLimitedTime: byBuffer,
    synDataAcknowledged: tcp.fastOpen?.acknowledged ?? 0,
    synDataDelivered: tcp.fastOpen instanceof FastOpenClient ? tcp.fastOpen.acknowledged : 0,
    fastOpenFailure: tcp.fastOpen instanceof FastOpenClient ? tcp.fastOpen.failed : null,
    duplicateSacks: tally.duplicateSacks,
    reorderings: sender.rack.reorderings,
    reorderingDistance: sender.rack.reorderingDistance,
    outOfOrderSegments: tally.outOfOrderSegments,
    peerWindow: sender.window,
    window: receiver.rightEdge - receiver.nxt,
    largestWindow: receiver.largestWindow,
    readPerRound,
    sendBufferSize: sendBuffer,
    receiveBufferSize: receiveBuffer,
    timeoutsTotal: tally.timeouts,
    timeoutSeries: tally.timeoutSeries,
    timeoutTime: tally.timeoutTime,
  };
}

function recoveryOf(tcp: TcpConnection): TcpInfo["recovery"] {
  const { board, duplicateAcks, phase } = tcp.sender;
  if (phase === PHASE.recovery) return "recovery";
  if (phase === PHASE.loss) return "loss";
  return board.sackedSegments > 0 || duplicateAcks > 0 ? "disorder" : "open";
}

function accurateEcnOf({ ecn }: TcpConnection): AccurateEcnInfo | null {
  if (!(ecn instanceof AccurateEcn && ecn.agreed)) return null;
  const { reported, seen } = ecn;
  return { received: countsOf(seen), delivered: countsOf(reported), options: reported.options, sendsOptions: seen.sendsOption, failure: ecn.failure };
}

function countsOf({ packets, octets: { ce, ect0, ect1 } }: SeenCounters | ReportedCounters): EcnCounts {
  const initial = initialCounters();
  return { packets: packets - INITIAL_PACKETS, ce: ce - initial.ce, ect0: ect0 - initial.ect0, ect1: ect1 - initial.ect1 };
}

/** The exponent of a power of two. */
function bitsOf(scale: number): number {
  return 31 - Math.clz32(scale);
}

/** Segments as the link sees them. */
function outstanding(tcp: TcpConnection): Pick<TcpInfo, "segmentsUnacknowledged" | "segmentsSacked" | "segmentsLost" | "segmentsRepeated"> {
  const { board, unit } = tcp.sender;
  let [all, sacked, lost, repeated] = [0, 0, 0, 0];
  for (let i = 0; i < board.count; i++) {
    const record = board.at(i);
    const segments = Math.max(1, Math.ceil(record.payload.length / unit));
    all += segments;
    if (record.sacked) sacked += segments;
    else if (record.lost) lost += segments;
    else if (record.retransmitted) repeated += segments;
  }
  return { segmentsUnacknowledged: all, segmentsSacked: sacked, segmentsLost: lost, segmentsRepeated: repeated };
}
