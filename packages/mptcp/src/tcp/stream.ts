import type { CloseReason, ConnectionSnapshot } from "../core/index.ts";
import type { IpAddress, Payload } from "../wire/index.ts";
import type { KeepAlive, StreamSettings } from "./config.ts";
import type { CongestionControlFactory } from "./congestion/control.ts";
import type { TcpInfo } from "./info.ts";
import type { StreamReadiness } from "./readiness.ts";

/**
 * A reliable byte stream as an application sees it, over plain TCP or over Multipath TCP. Sans-IO: commands return at
 * once; what happened is read from {@link StreamConnection.takeEvents} when the host says so.
 */
export interface StreamConnection {
  /** Number of this connection on its host, from 1. */
  readonly id: number;
  /** Whether Multipath TCP is in use (false: plain TCP, or fallback). */
  readonly multipath: boolean;
  /** Why Multipath TCP is not in use although it was asked for; null when it is or was not asked for. */
  readonly fallback: string | null;
  /** The address pair of the first (or only) subflow. */
  readonly tuple: FourTuple;

  /** Bytes that {@link StreamConnection.write} would take now. */
  readonly writable: number;
  /** Bytes that {@link StreamConnection.read} would give now. */
  readonly readable: number;
  /** Bytes that wait in the buffers: written and not acknowledged; arrived and not read, those behind a gap included. */
  readonly sendBuffered: number;
  readonly receiveBuffered: number;
  /** The peer closed its direction and everything it sent was read. */
  readonly ended: boolean;
  /** Nothing will be sent or received any more. */
  readonly closed: boolean;
  /** Why the connection broke; null after a regular close or while it lives. */
  readonly error: CloseReason | null;

  /**
   * Queues as much of `payload` as there is room for; returns the bytes taken. The bytes are copied unless `keep`, by which the
   * caller promises never to change the buffer again.
   * @param more another write follows at once, so that what does not fill a segment waits for it, 200 ms at the most (MSG_MORE)
   * @throws MptcpError ERR_STREAM_WRITE_AFTER_END after `end`
   */
  write(payload: Payload, keep: boolean, now: number, more?: boolean): number;
  /**
   * The same for data that the peer is to be told of at once, as urgent (RFC 9293 §3.8.5, MSG_OOB): whatever was written before, and these bytes, are on the way to the end of the urgent data,
   * which the peer's application hears of before they arrive. They stay where they are in the stream. New protocols should not need it (RFC 6093 §5).
   * @throws MptcpError ERR_MPTCP_URGENT over Multipath TCP, whose subflows have no urgent data (RFC 8684 §3.3.1), also after a fallback
   */
  writeUrgent(payload: Payload, keep: boolean, now: number): number;
  /** No more data will be written: close this direction once all is sent. */
  end(now: number): void;
  /**
   * Ends, and nobody will read any more or wait for anything: what was written is still delivered, for as long as that makes progress
   * (TcpConfig `orphanTimeout`).
   */
  abandon(now: number): void;
  /** Takes up to `max` bytes in order; null when there are none. */
  read(max: number, now: number): Payload | null;
  /**
   * What {@link StreamConnection.read} would give, which stays where it is: up to `max` bytes from `skip` on, not always all of them; null when there are none
   * (MSG_PEEK).
   */
  peek(max: number, skip?: number): Payload | null;
  /** Nobody will read any more: what has arrived and what follows is acknowledged and thrown away (SHUT_RD). */
  stopReading(now: number): void;
  /**
   * Bytes to read until the urgent data of the peer ends, as far as it told of some; they may be more than `readable`. 0: nothing urgent is ahead. Over Multipath TCP always: there it
   * is data as any other.
   */
  readonly urgent: number;
  /** What it is ready for, as poll(2) would tell. */
  readonly readiness: StreamReadiness;
  /** Written, and never sent, bytes: part of `sendBuffered` (SIOCOUTQNSD). */
  readonly unsent: number;

  /** How it is set now: what it was opened with, and what was changed since. */
  readonly settings: StreamSettings;
  /** Changes settings, from now on; those that are not named stay. @throws MptcpError ERR_OUT_OF_RANGE for one that cannot be; then none is changed */
  configure(change: Partial<StreamSettings>, now: number): void;
  /** Exchanges congestion control, also while data flows: the new controller goes on from the window of the one before. */
  exchange(policies: { readonly congestion?: CongestionControlFactory }, now: number): void;
  /** Acknowledges what arrives at once, for a while, as at the beginning of a connection; or lets ACKs wait as long as they may (TCP_QUICKACK). */
  setQuickAck(enable: boolean, now: number): void;
  /** Turns Nagle's algorithm off or on; turned off, what it held back leaves at once. */
  setNoDelay(enable: boolean, now: number): void;
  /** Turns keepalive probes on, or off with null. */
  setKeepAlive(keepAlive: KeepAlive | null, now: number): void;
  /** Breaks the connection at once: RST, or MP_FASTCLOSE. */
  abort(now: number): void;

  /**
   * All that there is to say of the TCP connection of one path, as TCP_INFO; null when there is none.
   * @param pathIndex 1 is the first subflow, and plain TCP
   */
  tcpInfo(pathIndex: number, now: number): TcpInfo | null;

  /**
   * The connection as plain data, from which `Host.restore` goes on, in this process or another one. It stays as it is; whoever restores it
   * elsewhere lets go of it here by `Host.release`, or ends the process. **Holds the connection's keys and data: keep it secret.**
   * @throws MptcpError ERR_MPTCP_SNAPSHOT_CLOSED when it is closed; ERR_MPTCP_SNAPSHOT_UNSUPPORTED, which names what cannot be saved: a policy
   *   without a name, a listener of decisions, an object of a foreign class
   */
  snapshot(now: number): ConnectionSnapshot;

  /** The {@link STREAM_EVENT} bits since the last call; clears them. */
  takeEvents(): number;
}

/** What happened to a connection: bits, since several may have happened between two looks. */
export const STREAM_EVENT = {
  connected: 1,
  /** Data can be read, or the peer's end was reached. */
  readable: 2,
  /** There is room to write again, after a write that was not taken whole. */
  writable: 4,
  /** Everything written, and the end, was acknowledged by the peer. */
  drained: 8,
  /** `closed` became true; see `error`. */
  closed: 16,
  /** A subflow came, went or changed. */
  subflows: 32,
  /** Multipath TCP was given up. */
  fallback: 64,
  /** The peer has urgent data, or more of it: see `urgent`. */
  urgent: 128,
} as const;

export interface FourTuple {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
}
