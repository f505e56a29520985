import type { Difference } from "./compare.ts";

/** A kind of difference that is known, and why it is there. */
export interface KnownKind {
  /** In a few words. */
  readonly name: string;
  readonly what: RegExp;
  readonly state?: RegExp;
  readonly tag?: RegExp;
  /** Whether all that follows is a consequence of it. */
  readonly ends?: boolean;
  /** Why, with the clause that leaves the choice or decides it. */
  readonly reason: string;
}

/** Kinds that are known. There are {@link MOST_KNOWN} at most, so that the list does not become where faults are put away. */
export const KNOWN: readonly KnownKind[] = [
  {
    name: "windows",
    what: /^window$/,
    reason: "RFC 9293 §3.8.6: how much is offered is a receiver's choice; buffers of Linux count what a segment costs in memory",
  },
  {
    name: "an offer of further algorithms",
    what: /^options of SYN\/ACK: kernel <((?!mpcapable).)*>, engine <.*mpcapable/,
    tag: /^(offer with flag D|SYN again)$/,
    ends: true,
    reason: "RFC 8684 §3.1: the responder has the choice among the algorithms that are offered, and HMAC-SHA256 is one of them; Linux takes an offer of nothing else",
  },
  {
    name: "a join where nothing listens",
    what: /^options of RST: kernel <>, engine <mp_reset 1>$/,
    tag: /^MP_JOIN/,
    reason: "RFC 8684 §3.2: a reset of a join with an unknown token says why; where no socket listens, Linux answers as any closed port does",
  },
  {
    name: "keys that are not those of the SYN/ACK",
    what: /^options of (ACK|data|FIN): kernel <.*dss.*>, engine <((?!dss).)*>$/,
    state: /^fallback$/,
    reason: "RFC 8684 §3.1: the third ACK echoes the listener's key; Linux does not look at it and goes on with Multipath TCP",
  },
  {
    name: "data behind the peer's DATA_FIN",
    what: /^values of dss dack[48] nocs of (ACK|data)$/,
    state: /^(peer closed|both closed|one subflow|two subflows)$/,
    tag: /^(data|DATA_FIN|urgent|mapping|duplicate|MP_CAPABLE|FIN)/,
    reason: "RFC 8684 §3.3.3: there is no data behind a DATA_FIN; Linux takes it all the same until the program has read up to there",
  },
  {
    name: "the end of an attempt to connect",
    what: /^(the kernel alone sends RST|flags of RST: kernel R\., engine R)$/,
    state: /^(opening|over)$/,
    reason: "RFC 9293 §3.10.4: CLOSE in SYN-SENT deletes the connection, and nothing is sent; Linux sends a reset with MP_FASTCLOSE of a key of zeros, to which the answer to what comes next is compared",
  },
  {
    name: "joins after an infinite mapping",
    what: /^the kernel alone sends SYN\/ACK with .*mp_join_syn_ack/,
    reason: "RFC 8684 §3.7: once a connection has become regular TCP it has one subflow; Linux answers the SYN, and resets at the third ACK",
  },
  {
    name: "repeated DATA_FINs",
    what: /(^the (kernel|engine) alone sends|^time of) (ACK|FIN) with dss .* fin(: .*)?$/,
    state: /closed|over/,
    reason: "RFC 8684 §3.3.3: when a DATA_FIN is sent again is left open; Linux has a timer of the connection for it that other subflows and packets begin anew",
  },
  {
    name: "the path of an address that is removed",
    what: /^sequence number of ACK/,
    tag: /^REMOVE_ADDR of id 0$/,
    reason: "RFC 8684 §3.4.2: a path should be seen not to work, by a keep-alive, before it is given up; Linux closes the subflow at once",
  },
  {
    name: "unread data at the close of a connection that fell back",
    what: /^the kernel alone sends FIN$/,
    state: /^(regular|regular, peer closed|fallback|one subflow)$/,
    tag: /^close$/,
    reason: "RFC 1122 §4.2.2.13: a close with data that was not read is told by a reset; Linux does so for a socket of TCP, and for one of Multipath TCP in use, not for one that fell back",
  },
  {
    name: "a reset at the end of data out of order",
    what: /^the engine alone sends ACK with sack$/,
    tag: /^(MP_FASTCLOSE with )?RST/,
    reason: "RFC 5961 §3.2: a reset counts where it is expected next, and draws a challenge ACK elsewhere in the window; Linux also takes one that fits the end of a SACK block",
  },
  {
    name: "timestamps of what is not taken",
    what: /^values of TS of (ACK|data|FIN)$/,
    tag: /^(ACK of before|data again)$/,
    reason: "RFC 7323 §5.3: a segment outside of the window does not count, nor, for RFC 5961 §5.2, one whose ACK cannot be; Linux echoes the timestamp of an ACK as it looks at it first, and of what ends where the window begins",
  },
  {
    name: "data after the close of a connection that fell back",
    what: /^the engine alone sends RST$/,
    state: /^(fallback|stack closed|regular, stack closed)$/,
    tag: /^(data|urgent data|mapping|FIN with data|DATA_FIN with data)/,
    reason: "RFC 1122 §4.2.2.13: data that arrives after a close is lost, and a reset says so; Linux does so for a socket of TCP, and not for one of Multipath TCP that fell back",
  },
];

export const MOST_KNOWN = 40;

/** The known kind of a difference; null for a new one. */
export function knownKind({ what, state, tag }: Difference): KnownKind | null {
  return KNOWN.find((kind) => kind.what.test(what) && (kind.state?.test(state) ?? true) && (kind.tag?.test(tag) ?? true)) ?? null;
}
