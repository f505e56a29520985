/**
 * The timers of one connection, in the order in which handleTimeout looks at them: a tail loss probe that is due together with the
 * retransmission timer replaces it (RFC 8985 §7.2).
 */
export const TIMER = {
  /** A delayed ACK is due (RFC 9293 §3.8.6.3). */
  delayedAck: 0,
  /** RACK waits for reordering to settle (RFC 8985 §6.2). */
  reorder: 1,
  /** Tail loss probe (RFC 8985 §7). */
  tailProbe: 2,
  /** RFC 6298; also SYN and SYN+ACK. */
  retransmission: 3,
  /** Zero window, or one too small to be worth using (RFC 9293 §3.8.6.1 and .2.1). */
  persist: 4,
  keepAlive: 5,
  /** RFC 5482. */
  user: 6,
  /** 2 MSL. */
  timeWait: 7,
  /** Try a larger path MTU again (RFC 1191 §6.3). */
  pathMtu: 8,
  /** The next segment may leave, at the pacing rate of congestion control. */
  pacing: 9,
  /** Nobody waits for the connection any more: whether it still makes progress. */
  orphan: 10,
  /** What does not fill a segment was held back for long enough. */
  cork: 11,
} as const;
export type Timer = (typeof TIMER)[keyof typeof TIMER];

/** Number of timers in the table. */
export const TIMERS = 12;
