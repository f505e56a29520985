import type { Rules } from "./finding.ts";
import type { Findings } from "./findings.ts";

export type PathManagerRule = "opening" | "attempts" | "early" | "time" | "memory" | "reopening" | "transfer" | "end";
export type PathManagerFindings = Findings<PathManagerRule>;

/** What `checkPathManager` looks at. */
export const PATH_MANAGER_RULES: Rules<PathManagerRule | "throws"> = {
  throws: {
    contract: "No method of PathManager throws, whatever the tables hold: addresses and paths may be gone when it is called.",
    advice: "Look rows up by index in `paths.paths`, and expect that there is none.",
  },
  opening: {
    contract: "PathControl.open is for a path that is present, not open, that leads to an address which the peer lets be joined, and within `limits.subflows` beside the first one (Path, RemoteAddress.joinable, PathLimits).",
    advice: "Before `open`, look at `path.present`, `path.open`, the remote address of that id with its `joinable` and `port`, and `openSubflows <= limits.subflows`.",
  },
  attempts: {
    contract: "A path that cannot be used is tried less and less often, so that nobody's network is flooded: by default at most 12 times within a minute and 150 within an hour (PathManagerClaims.attempts).",
    advice: "In `onSubflowClosed` do not open at once: note the time of the next attempt, twice as far away after each failure, and open in `handleTimeout`.",
  },
  early: {
    contract: "Nothing is opened, announced or closed before PathManager.onEstablished (RFC 8684 §3.1: a DSS has to have arrived).",
    advice: "Do nothing in `handleTimeout` before `onEstablished` was called; it may be called without a reason.",
  },
  time: {
    contract: "PathManager.nextTimeout is a time, or NEVER; after `handleTimeout` at that time it is a later one.",
    advice: "Move `nextTimeout` on in `handleTimeout`, to NEVER when nothing is planned; compute it from `now`.",
  },
  memory: {
    contract: "A path manager forgets paths that are gone: a peer can make ever new ones by joins that fail, and PathControl.paths drops the oldest.",
    advice: "Delete what you keep by path index for indices that `paths.paths` has no more, and for rows that are neither present nor open.",
  },
  reopening: {
    contract: "The path manager claims `reopensWithin`: a path whose subflow was lost is open again in that time.",
    advice: "Plan a timeout in `onSubflowClosed` and open again in `handleTimeout`; or leave the claim out.",
  },
  transfer: {
    contract: "Addresses that come and go beside the first path cost no byte, and connections end (PathManager).",
    advice: "Close no subflow that works, unless another one is established; look at what was opened in the decision log (`path_manager`).",
  },
  end: {
    contract: "Nothing is opened when the connection is over, and nothing of it remains at the host (PathManager).",
    advice: "Do not keep `PathControl` for calls of your own making: act only while a method of yours is called.",
  },
};
