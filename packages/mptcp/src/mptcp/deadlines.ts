/** The deadlines of a connection, for its {@link Deadlines} table, in the order in which those that are due together are handled. */
export const DEADLINE = {
  /** To look for data that no subflow carries any more, or send the DATA_FIN again (RFC 8684 §3.3.6). */
  data: 0,
  /** To probe a shared window that is closed. */
  windowProbe: 1,
  /** To send MP_FASTCLOSE again. */
  fastclose: 2,
  /** A passive closer has waited for the peer's FINs. */
  close: 3,
  /** Subflows of a closed connection that the peer does not close are given up. */
  orphan: 4,
  /** A closed connection need not be remembered any more. */
  linger: 5,
  /** To send MP_FAIL again. */
  failure: 6,
  /** A connection without any subflow is given up. */
  noSubflow: 7,
  /** To send an ADD_ADDR again, or what waits behind two signals in a row. */
  announcement: 8,
  /** The path manager asked to be called. */
  pathManager: 9,
  /** A peer that owes an answer, or an end that nobody waits for, is given up. */
  giveUp: 10,
  /** To look for subflows that are silent while others carry data. */
  silence: 11,
  /** Joins to announced addresses may begin again. */
  joinPace: 12,
  /** What does not fill a segment was held back for long enough. */
  cork: 13,
  /** What data brought of an end, beside it, was held back for long enough. */
  heldEnd: 14,
} as const;
export const DEADLINES = 15;

/** The deadlines of one subflow. */
export const SUBFLOW_DEADLINE = {
  /** To send the third ACK of a join again. */
  joinAck: 0,
  /** A silence that a tail loss probe noticed has lasted for a retransmission timeout. */
  silence: 1,
  /** To ask once more whether a removed address is gone. */
  removal: 2,
  /** What came without options was followed by a probe, and its answer should be there. */
  doubt: 3,
  /** The third ACK of a join that arrived has to come by then. */
  verification: 4,
} as const;
export const SUBFLOW_DEADLINES = 5;
