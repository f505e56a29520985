import type { Difference } from "./compare.ts";

/** A kind of difference that is known, and why it is there. */
export interface KnownKind {
  /** In a few words. */
  readonly name: string;
  readonly what: RegExp;
  readonly state?: RegExp;
  readonly tag?: RegExp;
  /** Why, with the clause that leaves the choice or decides it. */
  readonly reason: string;
}

/** Kinds that are known. There are {@link MOST_KNOWN} at most, so that the list does not become where faults are put away. */
export const KNOWN: readonly KnownKind[] = [
  {
    name: "windows",
    what: /^window$/,
    reason: "RFC 9293 §3.8.6: how much is offered is a receiver's choice; buffers of Linux count what a segment costs in memory, which the profile does for plain TCP alone",
  },
  {
    name: "an offer of further algorithms",
    what: /^options of SYN\/ACK: kernel <((?!mpcapable).)*>, engine <.*mpcapable/,
    tag: /^offer with flag D$/,
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
    what: /^the kernel alone sends RST$/,
    state: /^opening$/,
    tag: /^(shut|close|abort)/,
    reason: "RFC 9293 §3.10.4: CLOSE in SYN-SENT deletes the connection, and nothing is sent; Linux sends a reset with MP_FASTCLOSE of a key of zeros",
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
];

export const MOST_KNOWN = 40;

/** The known kind of a difference; null for a new one. */
export function knownKind({ what, state, tag }: Difference): KnownKind | null {
  return KNOWN.find((kind) => kind.what.test(what) && (kind.state?.test(state) ?? true) && (kind.tag?.test(tag) ?? true)) ?? null;
}
