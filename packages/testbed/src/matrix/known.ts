import { nameOf } from "./pairs.ts";
import type { MatrixStack, PairCell } from "./pairs.ts";
import type { Outcome, Place } from "./prescription.ts";

/** Runs that end otherwise than it is prescribed, and why that is left so. */
export interface KnownDifference {
  /** Beginnings of the names of rows. */
  readonly rows: readonly string[];
  /** The pairs of ends concerned: the beginnings of their names. */
  readonly pairs: readonly string[];
  /** Who sends the data; either unless given. */
  readonly sender?: MatrixStack;
  /** All unless given. */
  readonly places?: readonly Place[];
  readonly checksum?: boolean;
  readonly outcomes: readonly (Outcome | "broken")[];
  readonly why: string;
}

const WITH_KERNEL = ["ours - kernel, version 1", "kernel - "];
const BY_SERVER = ["ours - kernel, version 1", "kernel - kernel"];
const STRIPPED = ["option-stripper/mptcp/", "option-stripper/unknown/"];

/** All of them: twenty at the most. */
export const KNOWN: readonly KnownDifference[] = [
  {
    rows: STRIPPED.flatMap((kind) => ["data-", "way-of-data-", "later"].map((position) => kind + position)),
    pairs: WITH_KERNEL,
    sender: "kernel",
    outcomes: ["broken"],
    why: "A Linux sender whose data is acknowledged without a Data ACK does not fall back (RFC 8684 §3.7): it sends the data again at connection level without end, and a peer that has become regular TCP reads that as new. Shown by mptcp/fallback/a-server-whose-first-data-gets-no-data-ack-is-plain-tcp.pkt.",
  },
  {
    rows: ["proactive-acker/none"],
    pairs: WITH_KERNEL,
    sender: "kernel",
    outcomes: ["multipath"],
    why: "A Linux sender takes no notice of acknowledgments without a Data ACK, as above; here Data ACKs come as well, so that nothing is lost by it.",
  },
  {
    rows: ["black-hole/syn-ack"],
    pairs: BY_SERVER,
    places: ["only", "first"],
    outcomes: ["broken"],
    why: "A Linux server answers a SYN that comes again without MP_CAPABLE with the option all the same (RFC 8684 §3.1), which the path drops again. Shown by mptcp/capable/a-syn-that-comes-again-without-the-option-is-answered-without.pkt.",
  },
  {
    rows: ["payload-editor/longer/", "payload-editor/shorter/"],
    pairs: WITH_KERNEL,
    checksum: false,
    outcomes: ["broken"],
    why: "Without checksums Linux delivers what a box has made longer or shorter until a mapping does not fit, and then goes on over another path as if it had delivered nothing, between two kernels too. Its own mappings span several segments, by which the receiver cannot tell.",
  },
  {
    rows: ["payload-editor/", "corrupter/good-checksum"],
    pairs: WITH_KERNEL,
    sender: "kernel",
    places: ["only"],
    checksum: true,
    outcomes: ["broken"],
    why: "A Linux sender that was told by MP_FAIL of a wrong checksum on the only path does not come to an end, between two kernels neither: it sends data again at connection level (MPTCPRetrans), which regular TCP reads as new.",
  },
  {
    rows: ["black-hole/data", "nat44/forgets"],
    pairs: WITH_KERNEL,
    places: ["first"],
    outcomes: ["broken"],
    why: "Where the first path dies before Linux has had an answer to data, it does not go on over the second, and one end is not told, between two kernels neither.",
  },
  {
    rows: [...STRIPPED.flatMap((kind) => ["data-down", "way-of-data-down", "way-of-acks-down", "behind-syns"].map((position) => kind + position)), "proactive-acker/none"],
    pairs: ["kernel - ours"],
    sender: "ours",
    places: ["first"],
    outcomes: ["error"],
    why: "A Linux client joins the second path before the first data of our server is acknowledged, which then comes without a Data ACK: our server falls back and refuses the join, and Linux resets the first subflow instead of falling back. Both ends are told.",
  },
];

/** Chains for which RFC 8684 §3.7 leaves no fallback: rows by the beginnings of their names. A run of ours that ends in an error elsewhere is not as it is prescribed. */
export const WITHOUT_FALLBACK: readonly { readonly rows: readonly string[]; readonly why: string }[] = [
  { rows: ["black-hole/third-ack", "black-hole/data", "black-hole/later"], why: "The only path loses whatever carries options, or the third ACK, and nothing tells why: TCP's own patience ends it (RFC 9293 §3.8.3)." },
  { rows: ["nat44/forgets", "nat44/rebinds", "stateful-firewall/later", "rst-injector"], why: "The only path is dead for the connection, as it is for TCP." },
  { rows: ["option-stripper/mptcp/later", "option-stripper/unknown/later"], why: "A lone subflow loses its options when its data is no longer one stream in order." },
  { rows: ["payload-editor/longer", "payload-editor/shorter"], why: "Without checksums, with two subflows: the mappings do not fit any more, and what was delivered cannot be taken back." },
];

/** Whether no fallback is left to a connection through a row's box. */
export const isWithoutFallback = (name: string): boolean => WITHOUT_FALLBACK.some(({ rows }) => rows.some((row) => name.startsWith(row)));

/** Why a run that is not as it is prescribed is known; empty where it is as prescribed, or is not known. */
export function known({ row, pair, data, place, checksum }: PairCell, outcome: Outcome | "broken", isProblem: boolean): string {
  if (!isProblem) return "";
  const sender = data === "up" ? pair.client : pair.server;
  const isMeant = (one: KnownDifference): boolean =>
    one.rows.some((name) => row.name.startsWith(name)) && one.pairs.some((name) => nameOf(pair).startsWith(name)) && (one.sender ?? sender) === sender && (one.places?.includes(place) ?? true) && (one.checksum ?? checksum) === checksum && one.outcomes.includes(outcome);
  return KNOWN.find(isMeant)?.why ?? "";
}
