/** Where loss recovery stands. */
export const PHASE = {
  open: 0,
  /** Fast recovery: PRR rules the window. */
  recovery: 1,
  /** After a retransmission timeout: slow start from one segment. */
  loss: 2,
} as const;
export type Phase = (typeof PHASE)[keyof typeof PHASE];
