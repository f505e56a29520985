import type { CloseReason, ConnectionSnapshot, Counters, Observer, RandomSources } from "../core/index.ts";
import type { Payload, TcpSegment } from "../wire/index.ts";
import type { CongestionControlFactory } from "./congestion/control.ts";
import type { CouplingGroup } from "./congestion/coupling.ts";
import type { TcpConnection } from "./connection.ts";
import type { SegmentPool } from "./sending/segment-pool.ts";
import type { FastOpenAnswer } from "./fast-open/client.ts";
import type { FourTuple, StreamConnection } from "./stream.ts";

/**
 * What a TCP connection asks of whoever owns its byte stream: a plain TCP socket, or a subflow of an MPTCP connection.
 * TCP itself knows neither.
 *
 * Positions are stream offsets: 0 is the first payload byte of a direction (sequence number ISN + 1). Every method may
 * call back into the connection's commands (`abort`, `close`, `requestAck`, ...); the connection looks at its state again
 * after each call. `now` is in ns.
 */
export interface TcpOwner {
  // ---- what to send

  /** Octets of options that {@link TcpOwner.segmentOptions} adds to a data segment, at the most; a multiple of 4. */
  dataOptionSpace(tcp: TcpConnection): number;

  /** Whether {@link TcpOwner.offer} may give anything. Asked first, so that a connection which only receives costs nothing here. */
  mayOffer(tcp: TcpConnection): boolean;

  /**
   * How many bytes of new data would go into one segment now, at most `limit`; 0 when there is nothing, or when the owner
   * does not want this connection to send (a scheduler's veto). Asked at the moment of transmission, never earlier.
   * Short answers end at a mapping's edge. {@link TcpOwner.take} may follow, with no other call in between.
   */
  offer(tcp: TcpConnection, limit: number, now: number): number;

  /** A window of the peer's, bytes, that holds where it is larger than the one that came on this connection; 0: that one counts. */
  peerWindow(tcp: TcpConnection): number;

  /** Whether the application has more to write than the send buffer has room for. */
  readonly waitsForRoom: boolean;

  /**
   * The first bytes, `most` at the most, for a SYN that carries data (RFC 7413): they stay the owner's, and are offered as if they had never left, until
   * {@link TcpOwner.onSynDataAcknowledged}. Null: there are none yet.
   */
  synData(tcp: TcpConnection, most: number): Payload | null;

  /** The SYN+ACK acknowledged the first `length` bytes of what the SYN carried. The stream goes on behind them. */
  onSynDataAcknowledged(tcp: TcpConnection, length: number, now: number): void;

  /**
   * Fast Open: the connection may be used before its handshake is complete, which {@link TcpOwner.onEstablished} tells later. The first `length` bytes of the
   * peer's stream came with its SYN, and {@link TcpOwner.onData} follows with them.
   */
  onOpenedEarly(tcp: TcpConnection, length: number, now: number): void;

  /** Hands over `length` bytes (at most what was offered) for the stream at `offset`, by filling `slot`. */
  take(tcp: TcpConnection, offset: number, length: number, now: number, slot: SegmentSlot): void;

  /**
   * Adds MPTCP options to a segment about to leave, by setting `segment.mptcp`. Called for every segment, retransmissions
   * too; `segment` already carries flags, sequence and payload.
   *
   * @param role what kind of segment it is, see {@link SEGMENT_ROLE}
   * @param tag what `take` put into the slot for this payload (a split payload keeps its tag); null without payload
   * @param offset stream offset of the payload's first byte
   * @param space option octets that are free, padding included
   */
  segmentOptions(tcp: TcpConnection, segment: TcpSegment, role: SegmentRole, tag: object | null, offset: number, space: number, now: number): void;

  // ---- what arrives

  /**
   * A segment arrived that passed sequence, PAWS, RST and ACK-plausibility checks; also a SYN+ACK that opens the connection, a
   * SYN that arrives again (at offset -1) before the connection is established, and duplicates of data already received. Called before its acknowledgment and payload are processed.
   *
   * @param offset stream offset of its first payload byte; negative or below `receivedOffset` for duplicates
   * @returns false to drop the segment (its payload and acknowledgment are ignored)
   */
  onSegment(tcp: TcpConnection, segment: TcpSegment, offset: number, now: number): boolean;

  /** Bytes in order, each exactly once. */
  onData(tcp: TcpConnection, payload: Payload, offset: number, now: number): void;

  /**
   * The peer's urgent data reaches further than it was known to: up to stream offset `end`, which may lie ahead of what has arrived. Owners without it take urgent data for any other
   * (RFC 8684 §3.3.1 of a subflow).
   */
  onUrgent?(tcp: TcpConnection, end: number, now: number): void;

  /** The peer's FIN arrived in order, after all its data. */
  onFin(tcp: TcpConnection, now: number): void;

  /** The peer acknowledged all data before stream offset `to` (cumulative). */
  onAcknowledged(tcp: TcpConnection, to: number, now: number): void;

  /** Everything about one packet, ICMP error or timeout was processed: the place to look for data that other connections may send now. */
  onInput(tcp: TcpConnection, now: number): void;

  // ---- what happened

  /** The handshake completes: the congestion control to begin with. */
  congestionControl(tcp: TcpConnection): CongestionControlFactory;

  /** The group that the congestion controller may join: the same for all connections that carry one stream. */
  couplingGroup(tcp: TcpConnection): CouplingGroup;

  /** The three-way handshake completed. */
  onEstablished(tcp: TcpConnection, now: number): void;

  /** The retransmission timer fired; `consecutive` counts since the last new acknowledgment, from 1. */
  onRetransmissionTimeout(tcp: TcpConnection, consecutive: number, now: number): void;

  /** No acknowledgment came for two round trips, and the tail is probed (RFC 8985 §7): the path may be dead. */
  onTailLossProbe(tcp: TcpConnection, now: number): void;

  /**
   * The connection is over and will send and receive nothing more (TIME-WAIT counts as over; the 4-tuple is held on).
   * `reason` is null after a regular close. Not called for the owner's own `abort`.
   */
  onClosed(tcp: TcpConnection, reason: CloseReason | null, segment: TcpSegment | null, now: number): void;

  // ---- flow control

  /** The receive window to advertise, in bytes beyond the data received in order. The connection never shrinks its right edge. */
  receiveWindow(tcp: TcpConnection, now: number): number;

  /** Bytes of this connection that wait to be read; null where they are not its own. */
  unreadBytes(tcp: TcpConnection): number | null;

  /** Sizes of the buffers, and what waits in them, for whoever looks at the connection. */
  buffers(tcp: TcpConnection): StreamBuffers;

  /** Memory, bytes, that the connection's data out of order may take: what would go beyond is dropped, and the peer sends it again. */
  reassemblyMemory(tcp: TcpConnection): number;
}

/** The buffers of a stream, bytes. */
export interface StreamBuffers {
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
  /** Written, and never sent. */
  readonly unsent: number;
  /** The most that the application has read in one round trip. */
  readonly readPerRound: number;
}

/** Where `take` leaves the data. One object, reused. */
export interface SegmentSlot {
  payload: Payload;
  /** Comes back with every (re)transmission of this payload; TCP never looks inside. */
  tag: object | null;
  /** Set PSH. */
  push: boolean;
}

export const SEGMENT_ROLE = {
  syn: 0,
  synAck: 1,
  /** Without payload: pure ACK, window update, the third ACK of the handshake. */
  ack: 2,
  data: 3,
  /** A FIN without payload. */
  fin: 4,
  reset: 5,
  /** A pure ACK that is not acceptable, so that the peer answers it: what it says beside its ACK is not read. */
  probe: 6,
} as const;
export type SegmentRole = (typeof SEGMENT_ROLE)[keyof typeof SEGMENT_ROLE];

/** How much the buffers of all connections of a host hold. */
export interface MemoryState {
  /** So much that buffers are not to grow any more ... */
  readonly isTight: boolean;
  /** ... and that what can be refused is. */
  readonly isFull: boolean;
}

/** Where the numbers of a connection begin. */
export interface InitialNumbers {
  /** The sequence number of a SYN or SYN+ACK (RFC 9293 §3.4.1). */
  sequenceNumber(tuple: FourTuple, now: number): number;
  /** What is added to our timestamp clock, which counts milliseconds (RFC 7323 §5.4, §7.1). */
  timestampOffset(tuple: FourTuple): number;
}

/** What a TCP connection needs from the host it lives on. */
export interface TcpEnvironment {
  readonly name: string;
  readonly random: RandomSources;
  readonly initialNumbers: InitialNumbers;
  readonly counters: Counters;
  readonly observer: Observer | null;
  /** Where records of sent segments come from and go to: one for all connections. */
  readonly segments: SegmentPool;
  /** How much all connections hold. */
  readonly memory: MemoryState;
  /** Nobody waits for the connection any more. @returns false when there are too many of those: it is to be given up */
  orphaned(orphan: object): boolean;
  /** The connection may have something to transmit, or its `nextTimeout` changed. Cheap, idempotent, may be called often. */
  wake(tcp: TcpConnection): void;
  /** The connection reached CLOSED: its 4-tuple is free. */
  closed(tcp: TcpConnection): void;
  /** What a SYN+ACK said of Fast Open, to be remembered for connections to come. */
  onFastOpenAnswer(tuple: FourTuple, answer: FastOpenAnswer, now: number): void;
  /** A connection as plain data, see {@link StreamConnection.snapshot}. */
  snapshot(connection: StreamConnection, now: number): ConnectionSnapshot;
}
