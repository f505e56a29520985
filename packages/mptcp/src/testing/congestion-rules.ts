import type { Rules } from "./finding.ts";

export type CongestionRule =
  | "names" | "group" | "hand-over" | "window" | "threshold" | "pacing rate" | "growth" | "idle" | "loss" | "timeout" | "spurious" | "marks" | "penalty" | "random loss" | "sharing" | "progress" | "events" | "the same again" | "saved state";

/** A rule that a controller broke, and how. */
export interface Problem {
  readonly rule: CongestionRule;
  readonly problem: string;
}

/** What `checkCongestionControl` looks at. */
export const CONGESTION_RULES: Rules<CongestionRule | "throws"> = {
  throws: {
    contract: "No method of CongestionControl throws, and CongestionControlFactory.create makes one for any context.",
    advice: "Expect any order of calls: losses without a recovery, recoveries without a loss, ACKs without a round-trip time, a new segment size.",
  },
  names: {
    contract: "CongestionControlFactory.name and `parameters` say all about it, as plain data, so that a connection can be saved with it.",
    advice: "Give it a name, and as parameters only what JSON can express: no NaN, no Infinity, no functions.",
  },
  group: {
    contract: "A controller joins its CongestionContext.group at most once, and leaves it in CongestionControl.release, which may be called twice.",
    advice: "Join in the constructor, keep the member, and in `release` leave if there still is one.",
  },
  "hand-over": {
    contract: "A controller that takes over from another begins with about the window of CongestionContext.handOver, and no larger one.",
    advice: "In the constructor take `handOver.window`, or the initial window where that is larger.",
  },
  window: {
    contract: "CongestionControl.window is a finite number of bytes, a segment at the least, and no more than could be in use.",
    advice: "Keep it at or above one `mss` after each event, divide by nothing that may be 0, and let it grow only while `cwndLimited`.",
  },
  threshold: {
    contract: "CongestionControl.threshold is more than 0 bytes; Infinity while there is none.",
    advice: "Start with Infinity, and keep two segments at the least.",
  },
  "pacing rate": {
    contract: "CongestionControl.pacingRate is null for none, or a finite number of bytes per second, more than 0: at 0 nothing would ever be sent.",
    advice: "Give null until there is a round-trip time, and keep a least rate.",
  },
  growth: {
    contract: "On a path without losses the window grows until the path is filled (CongestionControl.onAck).",
    advice: "In `onAck` add `acked` while below the threshold, and about a segment per round trip above it.",
  },
  idle: {
    contract: "A window that is not in use does not grow (AckEvent.cwndLimited, RFC 7661).",
    advice: "Leave the window alone in `onAck` while `cwndLimited` is false.",
  },
  loss: {
    contract: "After a loss the window is smaller (CongestionControl.onLoss, RFC 5681 §3.2), for all that do not pace by a model of the path.",
    advice: "Take a share off, to half by standard TCP; or give a `pacingRate`.",
  },
  timeout: {
    contract: "After a timeout the window is at most half of what it was, or four segments (CongestionControl.onTimeout, RFC 5681 §3.1).",
    advice: "Set it to one segment, keep half of what was in flight as the threshold, and grow from there.",
  },
  spurious: {
    contract: "After a recovery that was for nothing the window is no larger than before it, or than it has become since (CongestionControl.onSpurious, RFC 4015 §3.4).",
    advice: "Keep window and threshold in `onLoss`, and in `onTimeout` where `consecutive` is 1; go back to them once, and where the window is smaller than that.",
  },
  penalty: {
    contract: "A penalty lowers the window or leaves it; it never makes it larger (CongestionControl.onPenalty).",
    advice: "Take the smaller one of the window and what is asked for.",
  },
  marks: {
    contract: "Where packets were marked, a window of five segments or more becomes smaller once per window of data, none becomes larger, and nothing takes that back, for all that do not pace by a model of the path (CongestionControl.onMarked, RFC 3168 §6.1.2, RFC 8257 §3.3). A queue that marks is kept filled, and loses nothing.",
    advice: "Answer `isFirst` as a loss, and forget what `onSpurious` would give back; with marks `each`, count the others and lower nothing by them.",
  },
  "random loss": {
    contract: "With one packet in a hundred lost, what standard TCP gets there is about what any controller must get (RFC 5348 §3.1).",
    advice: "Treat the losses of one round trip as one: `onLoss` is called once for each recovery, `onSegmentLost` for each segment.",
  },
  sharing: {
    contract: "Two connections of the same kind that share a link both get a part, and together they fill it (CongestionControl).",
    advice: "Grow by as much per round trip whatever the window is, and lower it by a share: then the windows draw near each other (AIMD).",
  },
  progress: {
    contract: "Transfers come to an end after outages, with reordering, without SACK, with large segments, a smaller MTU, pauses, several subflows, and an exchange (CongestionControl).",
    advice: "See what the window is when the transfer stands still: below a segment nothing leaves, and a rate near 0 is as good as none.",
  },
  events: {
    contract: "Each run brings the controller to the events that it is about (CongestionControl's methods).",
    advice: "Look at the other findings first: a window that does not grow meets no loss, for one.",
  },
  "the same again": {
    contract: "A controller decides by what it is told and by its own state alone (CongestionControl).",
    advice: "Keep no state in the module; use no clock and no Math.random; take time from `now`.",
  },
  "saved state": {
    contract: "CongestionControl.snapshot holds all state as plain data, without absolute times, and `restore` goes on from there on another clock.",
    advice: "Save every field that a later answer depends on; of times save how long ago they were.",
  },
};
