/**
 * tcp/: one regular TCP connection (RFC 9293): states, sender, receiver, loss recovery, round-trip time, congestion control.
 * The byte stream belongs to an owner, {@link TcpOwner}: a plain socket, or a subflow of a Multipath TCP connection.
 *
 * @module
 */
export { reassemblyMemory, ReceiveBufferTuner, ReceiverRtt, SendBufferTuner, sizeWithin, windowOfPath, withoutQueue } from "./receiving/buffer-tuning.ts";
export { changesWindow, configOfKeepAlive, DEFAULT_TCP_CONFIG, ECN_MODES, ECN_OPTIONS, fixedBuffer, keepAliveOf, offeredShare, trafficClassOf } from "./config.ts";
export type { BufferConfig, EcnMode, EcnOption, KeepAlive, StreamSettings, TcpConfig } from "./config.ts";
export { Bbr, bbr } from "./congestion/bbr/bbr.ts";
export type {
  AckEvent,
  CongestionContext,
  CongestionControl,
  CongestionControlFactory,
  HandOver,
  LossEvent,
  LostSegment,
  MarkEvent,
  RateSample,
  SentEvent,
} from "./congestion/control.ts";
export { CouplingGroup, CouplingMember, CouplingRule } from "./congestion/coupling.ts";
export { Cubic, cubic, cubicWith, CUBIC_PARAMETERS } from "./congestion/cubic.ts";
export type { CubicParameters } from "./congestion/cubic.ts";
export { Dctcp, dctcp, DCTCP_PARAMETERS, dctcpWith } from "./congestion/dctcp.ts";
export type { DctcpParameters } from "./congestion/dctcp.ts";
export { AccurateEcn, reflectedFlags } from "./ecn/accurate.ts";
export { Ecn } from "./ecn/ecn.ts";
export { EcnFeedback } from "./ecn/feedback.ts";
export { acceptsAccurate, asksForAccurate } from "./ecn/modes.ts";
export { LossBasedControl, lossBasedParameters } from "./congestion/loss-based.ts";
export type { LossBasedParameters } from "./congestion/loss-based.ts";
export { NewReno, newReno, NEWRENO_PARAMETERS, newRenoWith } from "./congestion/newreno.ts";
export { TcpConnection } from "./connection.ts";
export type { TcpState } from "./connection.ts";
export { FastOpenClient } from "./fast-open/client.ts";
export type { FastOpenAnswer, FastOpenFailure, FastOpenStart } from "./fast-open/client.ts";
export { FastOpenServer } from "./fast-open/server.ts";
export type { FastOpenDecision } from "./fast-open/server.ts";
export type { SentSynAck } from "./service.ts";
export type { IcmpError } from "./icmp-errors.ts";
export { infoOfTcp, summaryOfTcp } from "./info.ts";
export type { AccurateEcnInfo, EcnCounts, TcpInfo, TcpSummary } from "./info.ts";
export { linuxTcpInfo } from "./linux-info.ts";
export type { LinuxTcpInfo } from "./linux-info.ts";
export { announcedMss, windowScaleFor } from "./negotiation.ts";
export { SEGMENT_ROLE } from "./owner.ts";
export type { InitialNumbers, MemoryState, SegmentRole, SegmentSlot, StreamBuffers, TcpEnvironment, TcpOwner } from "./owner.ts";
export { ReassemblyQueue } from "./receiving/reassembly.ts";
export type { ByteRange } from "./receiving/reassembly.ts";
export { isEnoughToRead, isRoomy, readinessOf, roomIn } from "./readiness.ts";
export type { StreamReadiness } from "./readiness.ts";
export { ReceiveQueue } from "./receiving/receive-queue.ts";
export { SegmentPool } from "./sending/segment-pool.ts";
export { TCP_CLASSES, TCP_CONSTANTS } from "./saved.ts";
export { LONGEST_CORK } from "./sending/sender.ts";
export { checkSettings } from "./settings.ts";
export { SendQueue } from "./sending/send-queue.ts";
export { TcpSocket } from "./socket.ts";
export type { TcpSocketOptions } from "./socket.ts";
export { TimeWait } from "./time-wait.ts";
export type { TimeWaitEnvironment } from "./time-wait.ts";
export { STREAM_EVENT } from "./stream.ts";
export type { FourTuple, StreamConnection } from "./stream.ts";
