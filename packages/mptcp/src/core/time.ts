/**
 * Time is an integer number of nanoseconds since the driver started, in a plain number (good for 104 days).
 * `NEVER` is later than every time.
 */
export const NEVER = Number.POSITIVE_INFINITY;
export const MICROSECOND = 1_000;
export const MILLISECOND = 1_000_000;
export const SECOND = 1_000_000_000;
export const MINUTE = 60 * SECOND;
