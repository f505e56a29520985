import { MILLISECOND, SECOND } from "../../../core/index.ts";

// Constants of draft-ietf-ccwg-bbr, "Terminology", by its names.

/** StartupPacingGain: the least that lets the rate double each round trip. */
export const STARTUP_PACING_GAIN = 2.77;
export const DRAIN_PACING_GAIN = 0.5;
export const DEFAULT_CWND_GAIN = 2;
export const PROBE_RTT_CWND_GAIN = 0.5;
/** Pacing and window gains of the four states of ProbeBW. */
export const PROBE_BW_PACING_GAIN = { down: 0.9, cruise: 1, refill: 1, up: 1.25 } as const;
export const PROBE_UP_CWND_GAIN = 2.25;
/** PacingMarginPercent: by so much less than the bandwidth is what is sent. */
export const PACING_MARGIN = 0.01;
/** LossThresh: the share of a round trip's data that may be lost while bandwidth is sought. */
export const LOSS_THRESHOLD = 0.02;
/** Beta: what a round trip with loss leaves of the short-term model. */
export const BETA = 0.7;
/** A round trip that takes so many times the least one has a queue on its way; not of the draft. */
export const QUEUED_RTT = 1.25;
/** Headroom: the share of the long-term inflight that is left to others. */
export const HEADROOM = 0.15;
/** MinPipeCwnd, in segments. */
export const MIN_PIPE_SEGMENTS = 4;
/** ExtraAckedFilterLen, in round trips. */
export const EXTRA_ACKED_ROUNDS = 10;
/** StartupFullLossCnt: ACKs of one round trip that show losses. */
export const STARTUP_LOSSES = 6;
/** A bandwidth that grows by less in three round trips has reached its limit. */
export const FULL_BANDWIDTH_GROWTH = 1.25;
export const FULL_BANDWIDTH_ROUNDS = 3;
export const MIN_RTT_WINDOW = 10 * SECOND;
export const PROBE_RTT_DURATION = 200 * MILLISECOND;
export const PROBE_RTT_INTERVAL = 5 * SECOND;
/** Most round trips that Drain takes. */
export const DRAIN_ROUNDS = 3;
/** Bandwidth is sought again after two to three seconds, or as many round trips as Reno would take, this many at the most. */
export const PROBE_WAIT = 2 * SECOND;
export const PROBE_WAIT_SPREAD = SECOND;
export const RENO_ROUNDS = 63;
/** Send Quantum: what leaves at once takes a millisecond, and is so long at the most, in bytes. */
export const QUANTUM_TIME = MILLISECOND;
export const LARGEST_QUANTUM = 65_536;
/** OffloadBudget of TCP, in quanta. */
export const OFFLOAD_QUANTA = 3;
