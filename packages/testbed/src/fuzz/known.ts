import type { Difference } from "./compare.ts";

/** A kind of difference that is known, and why it is there. */
export interface KnownKind {
  /** In a few words. */
  readonly name: string;
  readonly what: RegExp;
  readonly state?: RegExp;
  readonly tag?: RegExp;
  /** Something that was done before, or last. */
  readonly after?: RegExp;
  /** What the kernel does. */
  readonly kernel?: RegExp;
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
    reason: "RFC 9293 §3.8.6: how much is offered is a receiver's choice; buffers of Linux count what a segment costs in memory, which the profile does for plain TCP alone",
  },
  {
    name: "data behind the peer's DATA_FIN",
    what: /^values of (TS, )?dss dack[48]( dsn8 ssn dll)? (nocs|checksum)( fin)? of (ACK|data|FIN)$/,
    state: /^(peer closed|both closed|stack closed|one subflow|two subflows|fallback)$/,
    tag: /^(data|DATA_FIN|urgent|mapping|duplicate|MP_CAPABLE|FIN)/,
    ends: true,
    reason: "RFC 8684 §3.3.3: there is no data behind a DATA_FIN; Linux takes it all the same until the program has read up to there, and every later Data ACK says so",
  },
  {
    name: "the end of an attempt to connect",
    what: /^(the kernel alone sends RST|flags of RST: kernel R\., engine R)$/,
    state: /^(opening|over)$/,
    reason: "RFC 9293 §3.10.4: CLOSE in SYN-SENT deletes the connection, and nothing is sent; Linux sends a reset with MP_FASTCLOSE of a key of zeros, to which the answer to what comes next is compared",
  },
  {
    name: "the end of a join that has only begun",
    what: /^the kernel alone sends RST$/,
    kernel: /R\. 0:0\(0\) ack 0 .*mp_fastclose/,
    reason: "RFC 9293 §3.10.5: ABORT in SYN-SENT sends nothing, and the peer could not accept it; Linux resets such a subflow, with MP_FASTCLOSE, as it does all others",
  },
  {
    name: "repeated DATA_FINs",
    what: /(^the (kernel|engine) alone sends|^time of) (ACK|FIN) with dss .* fin(: .*)?$/,
    after: /^(shut writing|shut both|close)$/,
    reason: "RFC 8684 §3.3.3: when a DATA_FIN is sent again is left open; Linux has a timer of the connection for it that other subflows and packets begin anew",
  },
  {
    name: "the path of an address that is removed",
    what: /^sequence number of ACK/,
    tag: /^REMOVE_ADDR( of id 0)?$/,
    reason: "RFC 8684 §3.4.2: a path should be seen not to work, by a keep-alive, before it is given up; Linux closes the subflow at once",
  },
  {
    name: "the number of an answer to MP_FAIL",
    what: /^values of mp_fail dsn8 of ACK$/,
    tag: /^MP_FAIL$/,
    reason: "RFC 8684 §3.7: MP_FAIL names where the data that failed begins, and nothing did of whose peer asks; Linux sends the number of its last mapping, or what is in that place before there is one",
  },
  {
    name: "data whose checksum is wrong",
    what: /^(values of dss dack[48]( dsn8 ssn dll)? (nocs|checksum)( fin)? of (ACK|data|FIN)|(read|ioctl): kernel .*|the engine alone sends ACK with dss dack[48] nocs, mp_fail dsn8)$/,
    after: /^data with a wrong checksum$/,
    reason: "RFC 8684 §3.7: data that failed must not be acknowledged by a Data ACK, MP_FAIL is repeated until the peer goes over, and an infinite mapping gives the data to the program; Linux acknowledges and delivers as it comes, and sends MP_FAIL once",
  },
  {
    name: "a FIN for a reset",
    what: /^the kernel alone sends FIN$/,
    state: /^stack closed$/,
    tag: /^(MP_FASTCLOSE with )?RST/,
    reason: "RFC 9293 §3.10.7.4: after an acceptable reset the connection is closed and nothing is sent; Linux takes it for a first segment without options, becomes regular TCP and sends the FIN that it owes",
  },
  {
    name: "calls to a connection whose only subflow was reset",
    what: /^(write|read|connect|shutdown): kernel .*, engine ECONNRESET$/,
    state: /^over$/,
    reason: "RFC 8684 §3.1: before a DSS came there can be no other subflow; Linux keeps the connection for a minute, takes data and tells no error",
  },
  {
    name: "a reset at the end of data out of order",
    what: /^the engine alone sends ACK with sack$/,
    tag: /^(MP_FASTCLOSE with )?RST/,
    reason: "RFC 5961 §3.2: a reset counts where it is expected next, and draws a challenge ACK elsewhere in the window; Linux also takes one that fits the end of a SACK block",
  },
  {
    name: "the timer of a DATA_FIN after a fallback",
    what: /^(the kernel alone sends ACK|ack of ACK)$/,
    state: /^(stack closed|both closed)$/,
    kernel: /> \. \d+:\d+\(0\) ack \d+ win \d+( <nop, nop, TS val \d+ ecr \d+>)?$/,
    reason: "RFC 8684 §3.7: after a fallback there is no DATA_FIN, the FIN alone ends the connection; the timer of Linux for one sent before goes on, and sends an ACK without DSS",
  },
  {
    name: "text behind the peer's FIN",
    what: /^the kernel alone sends RST$/,
    state: /^(one subflow|both closed|stack closed|regular, peer closed)$/,
    tag: /^data (before the window|again)$/,
    kernel: /> R \d+:\d+\(0\) win 0( <mp_reset 0>)?$/,
    reason: "RFC 9293 §3.10.7.4, seventh: text that comes after the peer's FIN is ignored; Linux resets the connection for it",
  },
  {
    name: "text behind a FIN out of order",
    what: /^values of sack of ACK$/,
    state: /^(one subflow|regular, peer closed)$/,
    tag: /^data without (DSS|Data ACK)$/,
    reason: "RFC 9293 §3.6: the peer sends nothing behind its FIN; Linux does not know one before all up to there has come, and reports what follows as data out of order",
  },
  {
    name: "SACK blocks of a reset",
    what: /^options of RST: kernel <(nop, nop, TS, )?nop, nop, sack(, mp_fastclose ckey, mp_reset 0|, mp_reset 6)?>, engine <(?!.*sack).*>$/,
    tag: /^(close|abort|data before the window)$/,
    reason: "RFC 2018 §4: blocks tell a sender what it need not send again, and after a reset it sends nothing; Linux puts them on a reset as on any segment",
  },
  {
    name: "SACK blocks beside a FIN",
    what: /^(the engine alone sends ACK with sack|options of FIN: kernel <nop, nop, sack>, engine <>)$/,
    state: /^stack closed$/,
    tag: /^data before the window$/,
    reason: "RFC 2018 §4: all ACKs should tell of what is not in order; ours do on pure ACKs, so that one leaves before a FIN; Linux puts the blocks on the FIN",
  },
  {
    name: "calls to a connection that has ended one way, and whose only subflow was reset",
    what: /^shutdown: kernel ENOTCONN, engine 0$/,
    state: /^over$/,
    tag: /^shut writing$/,
    reason: "RFC 8684 §3.3.3: without subflows a connection is treated as closed only after a timeout, so that another one may be made; Linux closes one at once for which a DATA_FIN has come",
  },
  {
    name: "two Data ACKs for a FIN with DATA_FIN",
    what: /^the kernel alone sends ACK with dss dack[48] nocs$/,
    state: /^(one subflow|two subflows)$/,
    tag: /^FIN with DATA_FIN$/,
    reason: "RFC 8684 §3.3.3: a DATA_FIN is acknowledged by a Data ACK; Linux acknowledges the FIN of the subflow at once, and the DATA_FIN by an ACK of its own once it gets round to it",
  },
  {
    name: "a FIN before the data that made the connection regular",
    what: /^ack of FIN$/,
    state: /^stack closed$/,
    tag: /^(data without (Data ACK|DSS)|FIN without options)$/,
    reason: "RFC 8684 §3.7: from the first answer without a Data ACK on it is regular TCP; Linux sends the FIN that it owes then while it reads the options, before it takes the data or the FIN of the same segment",
  },
  {
    name: "the first timeout of a subflow that the peer joined with",
    what: /^(the engine alone sends FIN with dss dack[48] nocs|time of FIN with dss dack[48] nocs: the engine is earlier)$/,
    state: /^two subflows$/,
    reason: "RFC 6298 §2.2: the first sample of the round-trip time sets the timeout; Linux takes none from the answer to the SYN+ACK of a join, so that the first timeout is the second of §2.1",
  },
  {
    name: "a port that is unreachable before the handshake is over",
    what: /^the engine alone sends RST$/,
    state: /^opening$/,
    kernel: /^nothing$/,
    reason: "RFC 9293 §3.9.2.2: that is a hard error, which should end the attempt, so that a third ACK is reset; Linux ends it for an unreachable host or network alone, which are soft errors",
  },
  {
    name: "the FIN of a connection that falls back behind an acknowledged DATA_FIN",
    what: /^the engine alone sends FIN$/,
    state: /^(stack closed|both closed)$/,
    tag: /^(data with a wrong subflow number|data without DSS|data with an infinite mapping|mapping)/,
    kernel: /^nothing$/,
    reason: "RFC 8684 §3.7: from there on it is regular TCP, whose end is a FIN; Linux sends none when the DATA_FIN was acknowledged before",
  },
  {
    name: "octets that came before, after a fallback",
    what: /^(read|ioctl): kernel .*, engine /,
    state: /^(?!regular)/,
    after: /^data before the window$/,
    reason: "RFC 9293 §3.10.7.4: of a segment that begins before the window the new octets are taken; Linux loses as many of them as came before, and gives the program nothing more",
  },
  {
    name: "a host that is unreachable while a connection arrives",
    what: /^the engine alone sends ACK/,
    state: /^(opening|over)$/,
    after: /^ICMP: host unreachable$/,
    ends: true,
    reason: "RFC 9293 §3.9.2.2: a soft error ends no connection; Linux forgets one that is not over its handshake, and what comes next is reset",
  },
  {
    name: "data looked for on another subflow",
    what: /^(the kernel alone sends|time of) data with dss dack[48] dsn8 ssn dll nocs(: the kernel is earlier)?$/,
    state: /^(peer closed|two subflows)$/,
    after: /^MP_JOIN/,
    kernel: / dsn8=1 ssn=/,
    reason: "RFC 8684 §3.3.6: when data is sent again on another subflow is left open; Linux does at a timer of the connection, and when any subflow closes, ours at the first timeout, or the end, of the one that carries it",
  },
  {
    name: "the end of a connection that waits for an infinite mapping",
    what: /^(the engine alone sends RST|the kernel alone sends FIN)$/,
    state: /^one subflow$/,
    tag: /^close$/,
    after: /^mapping longer than data$/,
    reason: "RFC 8684 §3.7: after an MP_FAIL it is Multipath TCP until the peer goes over, and unread data is told by MP_FASTCLOSE; to Linux it is regular TCP from its own MP_FAIL on",
  },
  {
    name: "an infinite mapping behind a DATA_FIN",
    what: /^(the engine alone sends ACK|the kernel alone sends RST)$/,
    state: /^peer closed$/,
    tag: /^data with an infinite mapping$/,
    after: /^data mapped behind a gap$/,
    ends: true,
    reason: "RFC 8684 §3.3.3: there is no data behind a DATA_FIN; Linux keeps it as data out of order, with which it does not go over to regular TCP",
  },
  {
    name: "the timeout behind a tail loss probe",
    what: /^the kernel alone sends data$/,
    state: /^fallback$/,
    tag: /^(close|shut writing|shut both)$/,
    reason: "RFC 8985 §7.3: with the probe the retransmission timer begins anew; where a FIN follows the probe, Linux counts it from the oldest segment",
  },
  {
    name: "a join to a connection that was reset",
    what: /^the kernel alone sends SYN\/ACK with mss, sackOK, wscale, mp_join_syn_ack/,
    state: /^over$/,
    tag: /^MP_JOIN/,
    after: /^RST$/,
    ends: true,
    reason: "RFC 8684 §3.2: a join with a token of no connection is reset; Linux has one for as long as the program keeps the socket, and resets the third ACK",
  },
  {
    name: "data of a fallback behind a DATA_FIN",
    what: /^(read|ioctl): kernel .*, engine .*$/,
    state: /^(peer closed|both closed)$/,
    after: /^data without DSS$/,
    reason: "RFC 8684 §3.3.3: there is no data behind a DATA_FIN; Linux gives it to the program once the connection is regular TCP, less an octet in the place of the DATA_FIN",
  },
  {
    name: "the peer's end while ours is not acknowledged, after a fallback",
    what: /^poll: kernel 1 0x5, engine 1 0x2015$/,
    state: /^fallback$/,
    after: /^(shut writing|shut both)$/,
    reason: "RFC 9293 §3.10.7.4, eighth: a FIN is told to the user in FIN-WAIT-1, too; Linux tells it once our FIN is acknowledged",
  },
  {
    name: "poll of a connection whose only subflow was reset",
    what: /^poll: kernel 1 0x14, engine 1 0x2015$/,
    state: /^over$/,
    reason: "RFC 9293 §3.10.7.4: after a reset nothing more can be read, as a read tells; Linux says of such a connection that it is closed, but not that its reading side is",
  },
  {
    name: "the number of an ACK beyond a window that was taken back",
    what: /^sequence number of ACK$/,
    state: /^one subflow$/,
    after: /^window 0$/,
    reason: "RFC 9293 §3.10.7.4: an ACK has the number SND.NXT; Linux has the right edge of the window where that lies before",
  },
  {
    name: "the reset of a subflow that has closed",
    what: /^the engine alone sends RST$/,
    state: /^two subflows$/,
    tag: /^close$/,
    kernel: /^nothing$/,
    reason: "RFC 8684 §3.5: MP_FASTCLOSE ends all subflows; one that was joined, and whose FINs have both left, is none of the connection's any more to Linux",
  },
  {
    name: "shutting a connection that fell back behind both DATA_FINs",
    what: /^shutdown: kernel ENOTCONN, engine 0$/,
    state: /^both closed$/,
    tag: /^shut reading$/,
    after: /^data (without DSS|with a Data ACK alone)$/,
    reason: "RFC 8684 §3.7: from the fallback on it is regular TCP, and open until both FINs have come; Linux has it as closed once its DATA_FIN needs no answer any more",
  },
  {
    name: "a wrong checksum behind a DATA_FIN",
    what: /^the engine alone sends RST$/,
    state: /^peer closed$/,
    tag: /^data with a wrong checksum$/,
    kernel: /^nothing$/,
    ends: true,
    reason: "RFC 8684 §3.7: only where the data is one contiguous stream can it go on as regular TCP, and a DATA_FIN has a number of the data alone; Linux sends MP_FAIL, and takes what follows",
  },
];

export const MOST_KNOWN = 40;

/** The known kind of a difference; null for a new one. */
export function knownKind({ earlier, kernel, what, state, tag }: Difference): KnownKind | null {
  const fits = ({ after, ...kind }: KnownKind): boolean => kind.what.test(what) && (kind.state?.test(state) ?? true) && (kind.tag?.test(tag) ?? true) && (kind.kernel?.test(kernel) ?? true) && (after === undefined || earlier.some((move) => after.test(move)));
  return KNOWN.find(fits) ?? null;
}
