import type { Counters, FallbackReason, SubflowEndReason } from "../core/index.ts";
import type { AddAddress, MpFail, MpPriority, MptcpOption, TcpSegment } from "../wire/index.ts";
import { MP_RESET_REASON, TCP_FLAG } from "../wire/index.ts";
import type { MptcpConfig } from "./config.ts";
import { DssFacts } from "./data/dss.ts";
import type { Inbound } from "./data/inbound.ts";
import type { DataReceiver } from "./data/receiver.ts";
import type { DataSender } from "./data/sender.ts";
import type { ChecksumFailure, FailureSubflow } from "./ending/checksum-failure.ts";
import type { Paths, PathSubflow } from "./paths/paths.ts";
import type { Session } from "./session.ts";
import { equalOctets } from "./version/keys.ts";

/** What the reader of options tells the connection. */
export interface ReaderContext {
  readonly session: Session;
  readonly sender: DataSender;
  readonly receiver: DataReceiver;
  readonly paths: Paths;
  readonly failure: ChecksumFailure;
  readonly counters: Counters;
  readonly mayFallBack: boolean;
  readonly config: Pick<MptcpConfig, "firstAnswer" | "mappingFaults">;
  /** Breaks the connection off, for the application and for the peer. */
  abort(now: number): void;
  onDss(now: number): void;
  onDataAck(position: number, right: number, onData: boolean, now: number): void;
  fallBack(reason: FallbackReason, now: number, arrivingOffset?: number): void;
}

/** The subflow whose segments are read. */
export interface ReaderSubflow extends FailureSubflow, PathSubflow {
  readonly initiator: boolean;
  readonly receivedOffset: number;
  /** Whether the peer's FIN has arrived in order. */
  readonly peerFinished: boolean;
  /** `segment.window` scaled as negotiated. */
  scaledWindow(segment: TcpSegment): number;
  reset(reason: SubflowEndReason, code: number, now: number): void;
  /** Goes on as regular TCP with what is next on both levels. @returns whether that is possible */
  revert(now: number): boolean;
  /** MP_FASTCLOSE with our key arrived; `withReset`: on a RST. */
  onFastclose(withReset: boolean, now: number): void;
}

/** What is to be done with a segment after one of its options was read. */
type Verdict = "next" | "accept" | "drop";

/** Reads the MPTCP options of the segments of one subflow, and tells the parts concerned what they say. */
export class OptionReader {
  private readonly context: ReaderContext;
  private readonly subflow: ReaderSubflow;
  private readonly inbound: Inbound;
  private readonly facts = new DssFacts();
  private hadDataAck = false;
  private hadOptions = false;
  private hadMapping = false;
  private bare = 0;

  constructor(context: ReaderContext, subflow: ReaderSubflow, inbound: Inbound) {
    this.context = context;
    this.subflow = subflow;
    this.inbound = inbound;
  }

  /** Whether the segment being processed carried a Data ACK, and any options of Multipath TCP. */
  get segmentHadDataAck(): boolean {
    return this.hadDataAck;
  }
  get segmentHadOptions(): boolean {
    return this.hadOptions;
  }
  /** Whether it carried a mapping, of use or not. */
  get segmentHadMapping(): boolean {
    return this.hadMapping;
  }

  /** Whether it carried a DATA_FIN and no data, of use or not, and no mapping goes on there. */
  get hadFinAlone(): boolean {
    return this.hadMapping && this.facts.dataFin && this.facts.length === 0 && !this.inbound.isWithinMapping;
  }

  /** Segments with neither data nor options of Multipath TCP since the last one with options. Data that an earlier mapping covers needs none. */
  get bareSegments(): number {
    return this.bare;
  }

  /** A segment arrived. */
  begin(segment: TcpSegment): void {
    this.hadOptions = segment.mptcp.length > 0;
    this.hadDataAck = false;
    this.hadMapping = false;
    if (this.hadOptions) this.bare = 0;
    else if (segment.payload.length === 0) this.bare++;
  }

  /** Handles the options of a segment on an established subflow; `offset` is the segment's. @returns false to drop the segment */
  read(segment: TcpSegment, offset: number, now: number): boolean {
    const options = segment.mptcp;
    for (let i = 0; i < options.length; i++) {
      const option = options[i] as MptcpOption;
      const verdict = option.kind === "dss" ? this.readDss(segment, option, offset, now) : this.readOther(option, segment, offset, now);
      if (verdict !== "next") return verdict === "accept";
      if (!this.subflow.isLive) return false;
    }
    return true;
  }

  /**
   * Whether a segment, `offset` its place on the first subflow, shows an initiator that the peer speaks regular TCP: it is the first one in order, and has neither
   * a Data ACK nor an ADD_ADDR; see `MptcpConfig.firstAnswer`. An ADD_ADDR confirms the handshake.
   */
  disowns(segment: TcpSegment, offset: number, now: number): boolean {
    const { context } = this;
    if (!this.isBelieved || offset !== 0 || (segment.flags & TCP_FLAG.RST) !== 0) return false;
    for (const option of segment.mptcp) {
      if (option.kind === "dss" ? option.dataAckLength !== 0 : option.kind === "mp_capable" || (option.kind === "add_addr" && !(option as AddAddress).echo)) {
        context.onDss(now);
        return false;
      }
    }
    return true;
  }

  /** Whether the first subflow's initiator is the peer, whose MP_CAPABLE may come with first data. */
  private get isInitiators(): boolean {
    return this.subflow.first && !this.subflow.initiator;
  }

  /** Whether an initiator goes by the first answer, whatever that is; see `MptcpConfig.firstAnswer`. */
  private get isBelieved(): boolean {
    return this.context.config.firstAnswer === "believed";
  }

  /** A DSS confirms the handshake; to an initiator that believes the first answer one that is not next in order does not. */
  private confirm(offset: number, now: number): void {
    if (offset === 0 || !this.isBelieved || !this.subflow.initiator || !this.subflow.first) this.context.onDss(now);
  }

  private readDss(segment: TcpSegment, dss: Extract<MptcpOption, { kind: "dss" }>, offset: number, now: number): Verdict {
    const { context, facts } = this;
    const { receiver, sender, session } = context;
    this.confirm(offset, now);
    facts.read(dss, session, offset, sender.una, receiver.nxt);
    if (facts.hasDataAck) this.hadDataAck = true;
    if (facts.acknowledged >= 0) context.onDataAck(facts.acknowledged, facts.acknowledged + this.subflow.scaledWindow(segment), segment.payload.length > 0, now);
    // RFC 8684 figure 20 shows an ACK with a Data-Level Length of 0: on a segment without data there is nothing to map.
    if (facts.kind === "none" || (facts.kind === "infinite" && segment.payload.length === 0)) return "next";
    this.hadMapping = true;
    const { peerFinished, receivedOffset } = this.subflow;
    // Behind the FIN of a subflow there is nothing.
    if (peerFinished && offset > receivedOffset && (segment.flags & TCP_FLAG.FIN) !== 0) return "next";
    session.onMapping(facts.long, facts.length > 0 && offset === receivedOffset && this.inbound.held === 0 && !peerFinished);
    if ((facts.checksum >= 0) !== session.checksums && !(this.isLenient && segment.payload.length === 0)) return this.refuseChecksum(now);
    if (facts.kind === "infinite") return this.onInfiniteMapping(now);
    return this.acceptMapping(segment, offset, now);
  }

  /** Records the mapping in `facts`. */
  private acceptMapping(segment: TcpSegment, offset: number, now: number): Verdict {
    switch (this.inbound.accept(this.facts, offset, segment.payload.length, now)) {
      case "accept":
        return "next";
      case "drop":
        return "drop";
      case "conflict":
        return this.onConflict(now);
      case "bad_data_fin":
        this.context.failure.onFinMismatch(this.subflow, now);
        return "drop";
      case "shifted":
        return this.onShifted(now);
    }
  }

  /**
   * A box has put octets into what the subflow carries, or taken some out, and no checksum was agreed on that would keep the application from them. RFC 8684 §3.7: on a lone subflow the data is one
   * stream, and goes on as TCP would deliver it. Where other subflows are, what has been delivered may be wrong, and nothing can be taken back: both ends are told.
   */
  private onShifted(now: number): Verdict {
    this.context.counters.increment("MPTcpExtDSSNotMatching");
    if (this.subflow.revert(now)) return "accept";
    this.context.abort(now);
    return "drop";
  }

  /** A mapping contradicts what is known. */
  private onConflict(now: number): Verdict {
    this.subflow.reset("mapping_conflict", MP_RESET_REASON.mptcpSpecific, now);
    return "drop";
  }

  /** Whether the data of a mapping that cannot be used is taken all the same; it then has none. */
  private get isLenient(): boolean {
    return this.context.config.mappingFaults === "regular";
  }

  /** RFC 8684 §3.3: a mapping with a checksum that was not negotiated, or without one that was, closes the subflow. */
  private refuseChecksum(now: number): Verdict {
    if (this.isLenient) return "next";
    this.subflow.reset(this.context.session.checksums ? "no_checksum" : "checksum_not_negotiated", MP_RESET_REASON.mptcpSpecific, now);
    return "drop";
  }

  /** The peer declared a mapping without end (RFC 8684 §3.7): it speaks regular TCP from there on, and so do we. */
  private onInfiniteMapping(now: number): Verdict {
    const { context } = this;
    const { dataOffset, subflowOffset } = this.facts;
    if (!this.subflow.first || !context.mayFallBack) return "next";
    context.counters.increment("MPTcpExtInfiniteMapRx");
    if (context.failure.isWaiting(this.subflow)) {
      context.failure.revert(now);
      return "accept";
    }
    // Its data has no mapping, which says the same once it is in order.
    if (this.isLenient) return "next";
    const arrivingOffset = dataOffset - subflowOffset;
    // One stream from here on: nothing could fill a gap in the data any more, and what comes after it would be stored for ever.
    if (!(dataOffset >= 0 && arrivingOffset + this.subflow.receivedOffset <= context.receiver.nxt)) {
      context.counters.increment("MPTcpExtDSSNotMatching");
      return this.onConflict(now);
    }
    context.fallBack("infinite_mapping", now, arrivingOffset);
    return "accept";
  }

  /** Every option but the DSS, on an established subflow. */
  private readOther(option: Exclude<MptcpOption, { kind: "dss" }>, segment: TcpSegment, offset: number, now: number): Verdict {
    const { context } = this;
    if (option.kind === "mp_capable") return this.readLateCapable(option, segment, offset, now);
    if (this.isOld(segment, offset)) {
      context.counters.increment("SignalsOnOldSegments");
      return "next";
    }
    switch (option.kind) {
      case "add_addr":
        context.paths.onAddAddress(this.subflow, option as AddAddress, now);
        return "next";
      case "remove_addr":
        context.paths.onRemoveAddress(option.addressIds, now);
        return "next";
      case "mp_prio":
        context.paths.onPriority(this.subflow, option as MpPriority);
        return "next";
      case "mp_join_ack":
        // RFC 8684 §3.2: the peer sends it until it is answered. It says nothing on a subflow that was never joined.
        if (!this.subflow.initiator && !this.subflow.first) this.subflow.requestAck();
        return "next";
      case "mp_fail":
        return context.failure.onMpFail(this.subflow, option as MpFail, now);
      case "mp_fastclose":
        if (!equalOctets(option.receiverKey, context.session.local.key)) return "drop";
        this.subflow.onFastclose((segment.flags & TCP_FLAG.RST) !== 0, now);
        return "drop";
      default:
        return "next";
    }
  }

  /**
   * Whether a segment lies wholly below RCV.NXT. RFC 8684 §3: what TCP's checks of sequence numbers would refuse signals nothing; somebody may
   * have kept it. TCP lets a duplicate pass for its Data ACK and its mapping, and an ACK without data that newer data overtook.
   */
  private isOld(segment: TcpSegment, offset: number): boolean {
    const { receivedOffset } = this.subflow;
    return offset < receivedOffset && offset + segment.payload.length <= receivedOffset;
  }

  /** MP_CAPABLE after the handshake: the third ACK again, or first data with a mapping; duplicates are expected (RFC 8684 §3.1). */
  private readLateCapable(option: Extract<MptcpOption, { kind: "mp_capable" }>, segment: TcpSegment, offset: number, now: number): Verdict {
    const { context, facts } = this;
    if (option.dataLength < 0 || segment.payload.length === 0 || !(this.isInitiators || this.isBelieved)) return "next";
    this.hadMapping = true;
    if ((option.checksum >= 0) !== context.session.checksums && this.isInitiators) return this.refuseChecksum(now);
    this.confirm(offset, now);
    facts.startOfStream(option.dataLength, option.checksum);
    if (offset === this.subflow.receivedOffset && !this.subflow.peerFinished) context.session.onImpliedMapping();
    return this.acceptMapping(segment, offset, now);
  }
}
