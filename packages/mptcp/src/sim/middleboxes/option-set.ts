import { TCP_OPTION } from "../../wire/index.ts";
import type { MptcpOption, RawTcpOption, TcpSegment } from "../../wire/index.ts";
import type { Parameter } from "../parameters.ts";

/** A TCP option by name, or by kind: 2 to 255. */
export type OptionName = string | number;

/** All Multipath TCP options, or those of one subtype each, by the values of the first four bits (RFC 8684 §7, Table 2). */
const SUBTYPES: Readonly<Record<string, number>> = {
  mp_capable: 0,
  mp_join: 1,
  dss: 2,
  add_addr: 3,
  remove_addr: 4,
  mp_prio: 5,
  mp_fail: 6,
  mp_fastclose: 7,
  mp_tcprst: 8,
};

const KINDS: Readonly<Record<string, number>> = {
  mptcp: TCP_OPTION.mptcp,
  mss: TCP_OPTION.maximumSegmentSize,
  "window-scale": TCP_OPTION.windowScale,
  "sack-permitted": TCP_OPTION.sackPermitted,
  sack: TCP_OPTION.sack,
  timestamps: TCP_OPTION.timestamps,
};

/** All that a box of the time before Multipath TCP does not know: every kind but the standard ones. */
const UNKNOWN = "unknown";
const KNOWN_KINDS: readonly number[] = Object.values(KINDS).filter((kind) => kind !== TCP_OPTION.mptcp);

/**
 * The names of options: `mptcp` for all of Multipath TCP, its subtypes, the standard ones of TCP, and `unknown` for all others, Multipath TCP
 * included. `sack` are the blocks.
 */
export const OPTION_NAMES: readonly string[] = [...Object.keys(KINDS), UNKNOWN, ...Object.keys(SUBTYPES)];

/** A list of options, by name or kind. */
export function optionsParameter(usual: readonly OptionName[], text: string): Parameter<readonly OptionName[]> {
  const read = (value: unknown): readonly OptionName[] | null => {
    if (!Array.isArray(value) || value.length === 0) return null;
    const options = value.filter((entry): entry is OptionName => isKind(entry) || OPTION_NAMES.includes(entry as string));
    return options.length === value.length ? options : null;
  };
  const { least, most } = KIND_RANGE;
  const rule = `a list of ${OPTION_NAMES.join(", ")} and numbers of kinds, ${least} to ${most}`;
  return { type: "list", default: usual, text, choices: OPTION_NAMES, range: KIND_RANGE, rule, read };
}

/** A set of TCP options that can be looked for in a segment, and taken from it. */
export class OptionSet {
  /** By kind, and by subtype of kind 30. */
  private readonly kinds: readonly boolean[];
  private readonly subtypes: readonly boolean[];
  private readonly hasSubtypes: boolean;

  constructor(options: readonly OptionName[]) {
    const takesUnknown = options.includes(UNKNOWN);
    this.kinds = Array.from({ length: 256 }, (_, kind) =>
      (takesUnknown && kind >= KIND_RANGE.least && !KNOWN_KINDS.includes(kind)) || options.some((option) => (typeof option === "number" ? option : KINDS[option]) === kind),
    );
    this.subtypes = Array.from({ length: 16 }, (_, subtype) => this.kinds[TCP_OPTION.mptcp] === true || options.some((option) => SUBTYPES[option] === subtype));
    this.hasSubtypes = this.subtypes.includes(true);
  }

  /** Whether the segment carries one of them. */
  isOn(segment: TcpSegment): boolean {
    const { mptcp, otherOptions } = segment;
    if (this.hasSubtypes) for (let i = 0; i < mptcp.length; i++) if (this.hasMptcp(mptcp[i] as MptcpOption)) return true;
    for (let i = 0; i < otherOptions.length; i++) if (this.has((otherOptions[i] as RawTcpOption).kind)) return true;
    return (
      (segment.hasTimestamps && this.has(TCP_OPTION.timestamps)) ||
      (segment.sackBlocks.length > 0 && this.has(TCP_OPTION.sack)) ||
      (segment.maximumSegmentSize !== 0 && this.has(TCP_OPTION.maximumSegmentSize)) ||
      (segment.windowScale >= 0 && this.has(TCP_OPTION.windowScale)) ||
      (segment.sackPermitted && this.has(TCP_OPTION.sackPermitted))
    );
  }

  /** Takes them off a segment. @returns whether there were any */
  removeFrom(segment: TcpSegment): boolean {
    if (!this.isOn(segment)) return false;
    if (this.has(TCP_OPTION.timestamps)) segment.hasTimestamps = false;
    if (this.has(TCP_OPTION.sack)) segment.sackBlocks = NO_BLOCKS;
    if (this.has(TCP_OPTION.maximumSegmentSize)) segment.maximumSegmentSize = 0;
    if (this.has(TCP_OPTION.windowScale)) segment.windowScale = -1;
    if (this.has(TCP_OPTION.sackPermitted)) segment.sackPermitted = false;
    // The lists may be shared with other segments: they are replaced, not changed.
    if (this.hasSubtypes) segment.mptcp = segment.mptcp.filter((option) => !this.hasMptcp(option));
    if (segment.otherOptions.length > 0) segment.otherOptions = segment.otherOptions.filter((option) => !this.has(option.kind));
    return true;
  }

  private has(kind: number): boolean {
    return this.kinds[kind] === true;
  }

  /** Whether it is one of them. */
  hasMptcp(option: MptcpOption): boolean {
    return this.subtypes[subtypeOf(option)] === true;
  }
}

function subtypeOf(option: MptcpOption): number {
  switch (option.kind) {
    case "mp_join_syn":
    case "mp_join_synack":
    case "mp_join_ack":
      return 1;
    case "mptcp_unknown":
      return (option.data[0] ?? 0) >> 4;
    default:
      return SUBTYPES[option.kind] as number;
  }
}

function isKind(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= KIND_RANGE.least && value <= KIND_RANGE.most;
}

/** The numbers of kinds that are options of their own: 0 and 1 end and pad the list. */
const KIND_RANGE = { least: 2, most: 255 } as const;
const NO_BLOCKS: readonly number[] = [];
