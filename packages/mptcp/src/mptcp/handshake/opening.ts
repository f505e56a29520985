import type { Counters, Deadlines, FallbackReason, SubflowEndReason } from "../../core/index.ts";
import { MP_RESET_REASON, TCP_FLAG } from "../../wire/index.ts";
import type { TcpSegment } from "../../wire/index.ts";
import type { MptcpConfig } from "../config.ts";
import { SentMapping } from "../data/mappings.ts";
import { SUBFLOW_DEADLINE } from "../deadlines.ts";
import type { Session } from "../session.ts";
import { answerTo } from "../version/version.ts";
import type { Version } from "../version/version.ts";
import { readCapableAck, readCapableSyn, readCapableSynAck } from "./capable.ts";
import type { EarlyData } from "./early-data.ts";
import type { Nonces } from "./join.ts";
import { joinAck, joinSynAck, readJoinAck, readJoinSynAck, resetReasonOf } from "./join.ts";

/** How far the handshake of a subflow is. `pre-established`: we are through and the peer has not confirmed it (RFC 8684 §3.2). */
export type OpeningStage = "handshake" | "pre-established" | "established";

/** What is to be done with a segment of the handshake. `next`: its options count as those of an established subflow. */
export type OpeningVerdict = "next" | "accept" | "drop";

/** What a handshake tells the connection. */
export interface OpeningContext {
  /** The connection is to be of another version than the one offered. */
  onVersion(version: Version): void;
  /** The peer agreed to Multipath TCP, by its SYN+ACK; or returned both keys, by the third ACK. */
  onAgreed(flags: number, key: Uint8Array): void;
  onKeysReturned(flags: number, key: Uint8Array): void;
  fallBack(reason: FallbackReason, now: number): void;
}

/** What a handshake asks of its subflow. */
export interface OpeningOwner {
  readonly context: OpeningContext;
  readonly session: Session;
  readonly config: MptcpConfig;
  readonly counters: Counters;
  readonly deadlines: Deadlines;
  readonly initiator: boolean;
  readonly localAddressId: number;
  /** Whether we ask for it to be a backup. */
  readonly localBackup: boolean;
  readonly rto: number;
  /** 0 when unknown. */
  readonly srtt: number;
  readonly synRetransmissions: number;
  readonly early: EarlyData;
  /** Whether a DATA_FIN was sent. */
  readonly finSent: boolean;
  /** Whether a DATA_FIN without data is to go out on the next pure ACK. */
  readonly finDue: boolean;
  /** Whether a signal waits for the next pure ACK. */
  readonly signalDue: boolean;
  requestAck(): void;
  /** Asks for an ACK that leaves ahead of data. */
  requestAckAhead(): void;
  reset(reason: SubflowEndReason, code: number, now: number): void;
  /** Refuses the SYN+ACK that is read, and sends one more SYN. @returns whether that may be */
  refuseSynAck(segment: TcpSegment, now: number): boolean;
  /** The handshake has come to another stage, by what arrived. */
  onProgress(): void;
  /** Why the connection has no use for a join whose third ACK is verified; null where it has. */
  whyNotJoin(): SubflowEndReason | null;
  /** The third ACK of a join that arrived was verified. */
  onJoinVerified(): void;
  /** Both ends have verified each other. */
  onJoined(now: number): void;
}

/** What a join begins with. */
export interface JoinOptions {
  /** Our nonce (RFC 8684 §3.2). */
  readonly nonce: number;
  readonly remoteAddressId: number;
  /** For a join that arrived: what the SYN said. */
  readonly peer?: { readonly nonce: number; readonly backup: boolean };
}

/** The handshake of a subflow: its state, and what it reads and writes until the subflow is established. */
export interface Opening {
  readonly stage: OpeningStage;
  /** Address id of the peer's end, as far as it is known. */
  readonly remoteAddressId: number;
  /** The random numbers of a join; null for the first subflow. */
  readonly nonces: Nonces | null;
  /** Whether the peer's side of the handshake asked for the subflow to be a backup. */
  readonly peerBackup: boolean;
  /** Whether the peer may take it for established though it was not confirmed to us: something answered our third ACK, without options. */
  readonly mayBeConfirmed: boolean;
  read(segment: TcpSegment, offset: number, now: number): OpeningVerdict;
  writeSyn(segment: TcpSegment): void;
  writeSynAck(segment: TcpSegment): void;
  /** Writes the handshake's option onto a later segment, which begins at `offset` of the subflow. @returns false when it carries a DSS instead */
  write(segment: TcpSegment, tag: object | null, offset: number): boolean;
  /** The TCP handshake is complete. */
  onConnected(now: number): void;
  handleTimeout(now: number): void;
}

/** The handshake of the first subflow, by MP_CAPABLE (RFC 8684 §3.1). */
export class CapableOpening implements Opening {
  readonly nonces = null;
  readonly remoteAddressId = 0;
  readonly peerBackup = false;
  readonly mayBeConfirmed = false;
  private readonly owner: OpeningOwner;
  private isEstablished = false;
  /** The third ACK was sent. */
  private ackSent = false;

  /** An earlier version is offered, too. */
  private triesEarlier: boolean;

  constructor(owner: OpeningOwner, triesEarlier: boolean) {
    this.owner = owner;
    this.triesEarlier = triesEarlier;
  }

  get stage(): OpeningStage {
    return this.isEstablished ? "established" : "handshake";
  }

  read(segment: TcpSegment, offset: number, now: number): OpeningVerdict {
    const syn = (segment.flags & TCP_FLAG.SYN) !== 0;
    // Without SYN it is the ACK of a simultaneous open: no SYN+ACK came with the peer's key.
    if (this.owner.initiator) return syn || !this.owner.session.remoteKnown ? this.readSynAck(segment, now) : "next";
    return syn ? this.readSynAgain(segment, now) : this.readAck(segment, offset, now);
  }

  /** RFC 8684 §3.1: a SYN without MP_CAPABLE is answered without it, also when the one before had it: the path may lose SYN+ACKs that carry the option. */
  private readSynAgain(segment: TcpSegment, now: number): OpeningVerdict {
    const { owner } = this;
    if (readCapableSyn(segment, owner.config.versions, owner.config.algorithmOffers).kind !== "offer") owner.context.fallBack("no_mp_capable_in_syn", now);
    return "accept";
  }

  private readSynAck(segment: TcpSegment, now: number): OpeningVerdict {
    const { owner } = this;
    const verdict = readCapableSynAck(segment, owner.session.capableEnd, owner.config.versions, owner.synRetransmissions < owner.config.capableSyns);
    if (verdict.kind === "fallback") {
      if (verdict.reason === "no_mp_capable_in_synack" && this.offersEarlier(segment, now)) return "drop";
      owner.context.fallBack(verdict.reason, now);
    } else if (verdict.kind === "agreed") {
      owner.counters.increment("MPTcpExtMPCapableSYNACKRX");
      if (verdict.version !== owner.session.version) owner.context.onVersion(verdict.version);
      owner.context.onAgreed(verdict.flags, verdict.key);
    }
    return "accept";
  }

  /** RFC 8684 §3.1: a listener of version 0 ignores an offer without a key. Whether it gets one with a key now, instead of the ACK of a plain connection. */
  private offersEarlier(segment: TcpSegment, now: number): boolean {
    if (!this.triesEarlier) return false;
    this.triesEarlier = false;
    const { config, session } = this.owner;
    const earlier = answerTo(session.version.number - 1, config.versions);
    if (earlier === null || !this.owner.refuseSynAck(segment, now)) return false;
    this.owner.counters.increment("EarlierVersionsOffered");
    this.owner.context.onVersion(earlier);
    return true;
  }

  private readAck(segment: TcpSegment, offset: number, now: number): OpeningVerdict {
    const { owner } = this;
    const { session } = owner;
    const verdict = readCapableAck(segment, session.capableEnd, offset, owner.config.thirdAck);
    switch (verdict.kind) {
      case "agreed":
        owner.counters.increment("MPTcpExtMPCapableACKRX");
        owner.context.onKeysReturned(verdict.flags, verdict.key);
        this.isEstablished = true;
        owner.onProgress();
        return "next";
      case "wait":
        return "drop";
      case "fallback":
        owner.context.fallBack(verdict.reason, now);
        return "accept";
    }
  }

  writeSyn(segment: TcpSegment): void {
    const { config, session, synRetransmissions } = this.owner;
    // H5: after some SYNs without answer, try without the option (RFC 8684 §3.1).
    if (synRetransmissions < config.capableSyns) segment.mptcp = [session.version.capableSyn(session.capableFlags, session.local.key)];
  }

  writeSynAck(segment: TcpSegment): void {
    const { session } = this.owner;
    segment.mptcp = [session.version.capableSynAck(session.capableFlags, session.local.key)];
  }

  /** The third ACK, and first data, of the initiator: both keys, until a DSS shows that they arrived (RFC 8684 §3.1). */
  write(segment: TcpSegment, tag: object | null, offset: number): boolean {
    const { owner } = this;
    const { session } = owner;
    if (!owner.initiator || session.fullyEstablished) return false;
    const isRepeated = this.ackSent && owner.config.keysRepeated === "first";
    if (isRepeated && (offset !== owner.early.sent || owner.finSent)) return false;
    let dataLength = -1;
    let checksum = -1;
    if (tag instanceof SentMapping) {
      // MP_CAPABLE says nothing of sequence numbers: it can only describe the mapping at the start, on the segment that begins it, and no DATA_FIN.
      if (!session.version.dataCarriesKeys || tag.dataOffset !== 0 || offset !== owner.early.sent || tag.dataFin) return false;
      dataLength = tag.length;
      checksum = tag.checksum;
    } else if (this.ackSent && (owner.finDue || (owner.signalDue && owner.config.keysRepeated === "confirmed"))) return false;
    else {
      this.ackSent = true;
      // The DATA_FIN that waits has to go on an ACK of its own.
      if (owner.finDue) owner.requestAck();
    }
    segment.mptcp = [session.version.capableAck(session.capableFlags, session.keysOut, dataLength, checksum)];
    return true;
  }

  onConnected(): void {
    this.isEstablished = true;
    const { initiator, session } = this.owner;
    // RFC 6824 §3.6: both keys leave on an ACK ahead of first data, which has no room for them.
    if (initiator && !session.version.dataCarriesKeys) this.owner.requestAckAhead();
  }

  handleTimeout(): void {}
}

/** The handshake of a further subflow, by MP_JOIN (RFC 8684 §3.2). */
export class JoinOpening implements Opening {
  private readonly owner: OpeningOwner;
  private readonly localNonce: number;
  private remoteNonce: number;
  private remoteId: number;
  private asksBackup: boolean;
  private current: OpeningStage = "handshake";
  private ackTries = 0;
  /** Segments without options that answered it. */
  private bareAnswers = 0;
  /** Why the SYN+ACK was not acceptable: once the TCP handshake is over, so that there can be one, a RST says so. */
  private refusal: SubflowEndReason | null = null;

  constructor(owner: OpeningOwner, options: JoinOptions) {
    this.owner = owner;
    this.localNonce = options.nonce;
    this.remoteNonce = options.peer?.nonce ?? 0;
    this.remoteId = options.remoteAddressId;
    this.asksBackup = options.peer?.backup ?? false;
  }

  get stage(): OpeningStage {
    return this.current;
  }
  get remoteAddressId(): number {
    return this.remoteId;
  }
  get nonces(): Nonces {
    return { own: this.localNonce, peer: this.remoteNonce };
  }
  get peerBackup(): boolean {
    return this.asksBackup;
  }
  get mayBeConfirmed(): boolean {
    return this.current === "pre-established" && this.bareAnswers > 0;
  }

  read(segment: TcpSegment, _offset: number, now: number): OpeningVerdict {
    const syn = (segment.flags & TCP_FLAG.SYN) !== 0;
    if (this.owner.initiator) return syn ? this.readSynAck(segment) : this.readConfirmation(segment, now);
    return syn ? "accept" : this.readAck(segment, now);
  }

  private readSynAck(segment: TcpSegment): OpeningVerdict {
    const { counters, session } = this.owner;
    const verdict = readJoinSynAck(segment, session.version, session.keysIn, this.localNonce);
    if (verdict.kind !== "verified") {
      if (verdict.kind === "bad_hmac") counters.increment("MPTcpExtMPJoinSynAckHMacFailure");
      this.refusal = verdict.kind;
      return "accept";
    }
    counters.increment("MPTcpExtMPJoinSynAckRx");
    if (verdict.backup) counters.increment("MPTcpExtMPJoinSynAckBackupRx");
    this.remoteNonce = verdict.nonce;
    this.remoteId = verdict.addressId;
    this.asksBackup = verdict.backup;
    this.current = "pre-established";
    this.owner.onProgress();
    return "accept";
  }

  /** Anything after the SYN+ACK: the peer has our HMAC (RFC 8684 §3.2). What comes without options shows that the path drops them (§3.7). */
  private readConfirmation(segment: TcpSegment, now: number): OpeningVerdict {
    if (this.current !== "pre-established" || (segment.flags & TCP_FLAG.ACK) === 0) return "next";
    if (segment.mptcp.length === 0) {
      this.bareAnswers++;
      return "drop";
    }
    this.onJoined(now);
    return "next";
  }

  private readAck(segment: TcpSegment, now: number): OpeningVerdict {
    const { counters, session } = this.owner;
    const verdict = readJoinAck(segment, session.version, session.keysIn, this.remoteNonce, this.localNonce);
    const refusal = verdict === "verified" ? this.owner.whyNotJoin() : null;
    if (refusal !== null) {
      this.owner.reset(refusal, MP_RESET_REASON.administrativelyProhibited, now);
      return "drop";
    }
    if (verdict === "verified") {
      counters.increment("MPTcpExtMPJoinAckRx");
      this.current = "pre-established";
      this.owner.onProgress();
      return "accept";
    }
    if (verdict === "bad_hmac") counters.increment("MPTcpExtMPJoinAckHMacFailure");
    this.owner.reset(verdict, resetReasonOf(verdict), now);
    return "drop";
  }

  writeSyn(segment: TcpSegment): void {
    const { localAddressId: addressId, localBackup: backup, session } = this.owner;
    segment.mptcp = [{ kind: "mp_join_syn", backup, addressId, token: session.remote.token, nonce: this.localNonce }];
  }

  writeSynAck(segment: TcpSegment): void {
    const { localAddressId, localBackup, session } = this.owner;
    segment.mptcp = [joinSynAck(session.version, session.keysOut, this.nonces, localAddressId, localBackup)];
  }

  /** RFC 8684 §3.2: the third ACK carries the HMAC until the peer has confirmed it. */
  write(segment: TcpSegment): boolean {
    const { initiator, session } = this.owner;
    if (!initiator || this.current !== "pre-established") return false;
    segment.mptcp = [joinAck(session.version, session.keysOut, this.nonces)];
    return true;
  }

  /** Ours is verified, the peer's verification of it follows (RFC 8684 §3.2). */
  onConnected(now: number): void {
    const { owner } = this;
    if (this.refusal !== null) owner.reset(this.refusal, MP_RESET_REASON.mptcpSpecific, now);
    else if (owner.initiator) {
      this.ackTries = 1;
      owner.deadlines.set(SUBFLOW_DEADLINE.joinAck, now + this.ackInterval(0));
    } else {
      owner.onJoinVerified();
      this.onJoined(now);
      // RFC 8684 §3.2: the third ACK must be answered, it is retransmitted otherwise.
      owner.requestAck();
    }
  }

  /** The third ACK was not confirmed in time: sends it again, or gives up. */
  handleTimeout(now: number): void {
    const { owner } = this;
    if (!owner.deadlines.take(SUBFLOW_DEADLINE.joinAck, now)) return;
    if (this.bareAnswers >= BARE_ANSWERS) {
      owner.reset("options_lost", MP_RESET_REASON.middleboxInterference, now);
      return;
    }
    if (this.ackTries >= JOIN_ACK_TRIES && owner.config.joinAckPace === "timeout") {
      owner.reset("join_unconfirmed", MP_RESET_REASON.mptcpSpecific, now);
      return;
    }
    owner.requestAck();
    owner.deadlines.set(SUBFLOW_DEADLINE.joinAck, now + this.ackInterval(this.ackTries));
    this.ackTries++;
  }

  /** How long the third ACK waits for its answer, ns, sent `repetitions` times before. */
  private ackInterval(repetitions: number): number {
    const { config, rto, srtt } = this.owner;
    if (config.joinAckPace === "timeout") return rto * (1 << repetitions);
    return srtt === 0 ? rto : 2 * srtt;
  }

  private onJoined(now: number): void {
    this.current = "established";
    this.owner.deadlines.clear(SUBFLOW_DEADLINE.joinAck);
    this.owner.onJoined(now);
  }
}

/** Third ACKs of a join sent before giving up. */
const JOIN_ACK_TRIES = 6;
/** Answers to a join's third ACK without options, from which on the path is known to drop them: one or two may be a middlebox's own. */
const BARE_ANSWERS = 3;
