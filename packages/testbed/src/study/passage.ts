import { sequenceAdd, sequenceDifference, TCP_FLAG } from "mptcp/wire";
import { isPureAck, isSyn } from "./sight.ts";
import type { Sight } from "./sight.ts";
import type { Run, Way } from "./finding.ts";

/** One direction of a run: what one end sent, and what arrived at the other. */
export class Passage {
  readonly way: Way;
  readonly sent: readonly Sight[];
  readonly seen: readonly Sight[];
  /** Initial sequence numbers of the sender and, for acknowledgments, of the receiver, where they were said and where they arrived; -1: never. */
  readonly sentInitial: number;
  readonly seenInitial: number;
  private readonly peerSentInitial: number;
  private readonly peerSeenInitial: number;

  constructor(run: Run, way: Way) {
    const [own, other] = way === "out" ? [run.client, run.server] : [run.server, run.client];
    this.way = way;
    this.sent = own.sent;
    this.seen = other.seen;
    this.sentInitial = initialOf(own.sent);
    this.seenInitial = initialOf(other.seen);
    this.peerSentInitial = initialOf(other.sent);
    this.peerSeenInitial = initialOf(own.seen);
  }

  /** Place of a segment's first octet in the stream, as it was sent or seen. */
  sentAt(sight: Sight): number {
    return sequenceDifference(sight.sequence, sequenceAdd(this.sentInitial, 1));
  }

  seenAt(sight: Sight): number {
    return sequenceDifference(sight.sequence, sequenceAdd(this.seenInitial, 1));
  }

  /** What a segment acknowledges: as a place in the stream of the other direction. */
  sentAck(sight: Sight): number {
    return sequenceDifference(sight.acknowledgment, sequenceAdd(this.peerSeenInitial, 1));
  }

  seenAck(sight: Sight): number {
    return sequenceDifference(sight.acknowledgment, sequenceAdd(this.peerSentInitial, 1));
  }

  /** SYN or SYN+ACK, whichever goes this way. */
  get syn(): { readonly sent: Sight | undefined; readonly seen: Sight | undefined } {
    const is = (sight: Sight): boolean => isSyn(sight, this.way === "in");
    return { sent: this.sent.find(is), seen: this.seen.find(is) };
  }

  get sentData(): readonly Sight[] {
    return this.sent.filter(isData);
  }

  get seenData(): readonly Sight[] {
    return this.seen.filter(isData);
  }

  /** ACKs without data, behind the handshake's own. */
  get sentAcks(): readonly Sight[] {
    return this.sent.filter((sight) => isPureAck(sight));
  }

  get seenAcks(): readonly Sight[] {
    return this.seen.filter((sight) => isPureAck(sight));
  }

  /** The first segment seen that has the octet at a place. */
  arrivalOf(place: number): Sight | undefined {
    return this.seenData.find((sight) => this.seenAt(sight) <= place && place < this.seenAt(sight) + sight.length);
  }
}

const isData = ({ flags, length }: Sight): boolean => length > 0 && (flags & (TCP_FLAG.SYN | TCP_FLAG.RST)) === 0;

function initialOf(sights: readonly Sight[]): number {
  return sights.find(({ flags }) => (flags & TCP_FLAG.SYN) !== 0)?.sequence ?? -1;
}
