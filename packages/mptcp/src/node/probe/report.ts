/** What one thing that was tried shows. */
export type ProbeState =
  /** As it should be with Multipath TCP. */
  | "ok"
  /** Worth knowing, in the way of nothing. */
  | "note"
  /** It works, less well than it could. */
  | "warn"
  /** It does not work. */
  | "fail"
  /** It could not be found out. */
  | "unknown";

/** One thing that was tried, what came back, and what that means. */
export interface ProbeRow {
  /** Stable name for programs: "tcp", "mp_capable", "join", "option.window_scale", ... */
  readonly id: string;
  /** What we did. */
  readonly did: string;
  /** What came back. */
  readonly came: string;
  /** What it means. */
  readonly verdict: string;
  readonly state: ProbeState;
}

/** What the peer at one address turned out to be. */
export type ProbeOutcome =
  /** It speaks Multipath TCP, and the path lets it. */
  | "multipath"
  /** It can be reached over TCP alone. */
  | "tcp"
  /** It cannot be reached at all. */
  | "unreachable";

/** One address of the peer. */
export interface ProbeTarget {
  readonly address: string;
  readonly outcome: ProbeOutcome;
  /** Version of Multipath TCP that the peer speaks; null when it speaks none, or that is not known. */
  readonly version: 0 | 1 | null;
  /** The outcome in one sentence, without a full stop. */
  readonly summary: string;
  /** Time from the SYN of plain TCP to its answer, ms; null without an answer. */
  readonly roundTrip: number | null;
  readonly rows: readonly ProbeRow[];
}

/** All that `probe` found. */
export interface ProbeReport {
  readonly host: string;
  readonly port: number;
  /** Who spoke: this library's engine, which sees every packet, or the kernel, which tells what became of its sockets. */
  readonly via: "userspace" | "kernel";
  /** The peer speaks Multipath TCP at one of its addresses at least. */
  readonly multipath: boolean;
  /** The peer answers at one of its addresses at least. */
  readonly reachable: boolean;
  readonly targets: readonly ProbeTarget[];
}

/** A row from its parts. */
export function row(id: string, state: ProbeState, did: string, came: string, verdict: string): ProbeRow {
  return { id, did, came, verdict, state };
}
