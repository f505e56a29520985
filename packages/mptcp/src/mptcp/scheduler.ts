import type { PlainObject, PolicyLike } from "../core/index.ts";

/**
 * A packet scheduler: given the subflows that may carry data, says which one takes the next piece.
 *
 * It runs at the moment of transmission (pull), once per segment, so it must be cheap and keep no data of its own.
 */
export interface Scheduler {
  readonly name: string;
  /**
   * @param subflows usable subflows in order of path index (backup ones only when no regular one is usable); some may have
   *   no room at the moment
   * @returns the subflow to send on, one of these that has room; or null to send nothing now, although there is room: nobody asks again before something
   *   changes
   */
  select(subflows: readonly SchedulableSubflow[], request: ScheduleRequest): SchedulableSubflow | null;
  /** What it remembers, as plain data, for a connection that is saved; one without begins anew there. Times as ages at `now`. */
  snapshot?(now: number): PlainObject;
  /** Goes on from that, in one just made by the same policy. @throws MptcpError ERR_MPTCP_STATE when it is not such state */
  restore?(state: PlainObject, now: number): void;
}

/** What a scheduler may know of a subflow. */
export interface SchedulableSubflow {
  /** Path index, from 1, the first subflow's. */
  readonly pathIndex: number;
  readonly backup: boolean;
  /** Whether new data could leave on it now. */
  readonly hasRoom: boolean;
  /** Smoothed round-trip time, ns; 0 when unknown. */
  readonly srtt: number;
  /** Congestion window and bytes in flight. */
  readonly cwnd: number;
  readonly inFlight: number;
  /** Payload bytes of a full segment. */
  readonly mss: number;
}

/** What is to be sent. The object is reused. */
export interface ScheduleRequest {
  /** Stream offset of the first byte, and bytes waiting from there on. */
  dataOffset: number;
  length: number;
  /** Data that was sent before on another subflow. */
  reinjection: boolean;
  /** ns */
  now: number;
}

/** A scheduler to choose: it makes one for each connection, so that state, if any, is the connection's. */
export type SchedulerFactory = PolicyLike<Scheduler>;
