/** How one check ended; only `fail` makes a host unfit for what was asked. */
export type CheckState =
  /** As it should be. */
  | "ok"
  /** Different from what could be, and of no weight for most. */
  | "note"
  /** Something will be missing that one may expect. */
  | "warn"
  /** What is wanted will not work. */
  | "fail"
  /** It could not be found out. */
  | "unknown";

/** What a host may be used for: the kernel's own Multipath TCP, the engine on TUN devices, the engine over UDP. */
export type Use = "kernel" | "tun" | "udp";

/** What the checks are about, in the order of a report. */
export const CHECK_SECTIONS = ["kernel", "user space", "routing", "performance"] as const;

/** One of {@link CHECK_SECTIONS}. */
export type CheckSection = (typeof CHECK_SECTIONS)[number];

/** One thing that a host has or lacks. */
export interface Check {
  /** Stable name for programs: "kernel.enabled", "routing.source.192.0.2.7". */
  readonly id: string;
  readonly section: CheckSection;
  /** For people, a few words. */
  readonly name: string;
  readonly state: CheckState;
  /** What was found, one sentence without a full stop. */
  readonly found: string;
  /** What it means and what else can be done; null where the finding says it all. */
  readonly advice: string | null;
  /** The commands that mend it, run as root in this order, with this host's addresses and devices; empty where no command does. */
  readonly mends: readonly string[];
}

/** What a check says beside its name and section. */
export interface Finding {
  readonly state: CheckState;
  readonly found: string;
  readonly advice?: string;
  readonly mends?: readonly string[];
}

/** A check from its parts. */
export function check(section: CheckSection, id: string, name: string, finding: Finding): Check {
  return { id, section, name, state: finding.state, found: finding.found, advice: finding.advice ?? null, mends: finding.mends ?? [] };
}

/**
 * How bad it is that one way of use is not there.
 * @param wanted the ways that were asked for; null when none was named, so that each is as good as another
 */
export function lackOf(use: Use, wanted: readonly Use[] | null): CheckState {
  if (wanted === null) return "warn";
  return wanted.includes(use) ? "fail" : "note";
}
