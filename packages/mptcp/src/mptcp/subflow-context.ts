import type { CloseReason, Counters, Deadlines, FallbackReason, SubflowEndReason } from "../core/index.ts";
import type { CongestionControlFactory, CouplingGroup, TcpConnection } from "../tcp/index.ts";
import type { MptcpOption, Payload } from "../wire/index.ts";
import type { MptcpConfig } from "./config.ts";
import type { DataReceiver } from "./data/receiver.ts";
import type { DataSender } from "./data/sender.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { ChecksumFailure } from "./ending/checksum-failure.ts";
import type { JoinOptions } from "./handshake/opening.ts";
import type { Paths } from "./paths/paths.ts";
import type { Session } from "./session.ts";
import type { Version } from "./version/version.ts";

/** What a subflow is made with. */
export interface SubflowOptions extends JoinOptions {
  /** 1 is the first subflow. */
  readonly pathIndex: number;
  /** Whether it begins with MP_CAPABLE (else with MP_JOIN). */
  readonly first: boolean;
  /** Whether an earlier version is offered where a SYN+ACK without MP_CAPABLE answers the first. */
  readonly triesEarlier?: boolean;
  /** Whether we send the SYN. */
  readonly initiator: boolean;
  readonly localAddressId: number;
  /** Whether we ask for it to be a backup. */
  readonly backup: boolean;
}

/** What a subflow, `S`, asks of the connection, and what it tells it. */
export interface SubflowContext<S> {
  /** The connection's number on its host. */
  readonly connectionId: number;
  readonly config: MptcpConfig;
  readonly session: Session;
  readonly sender: DataSender;
  readonly receiver: DataReceiver;
  readonly paths: Paths;
  readonly failure: ChecksumFailure;
  readonly deadlines: Deadlines;
  readonly log: DecisionLog;
  readonly counters: Counters;
  /** Whether the application's connection is over. */
  readonly closed: boolean;
  /** Whether the application has let go of it. */
  readonly abandoned: boolean;
  /** Whether it can still become regular TCP: all its data went over the first subflow, which is there (RFC 8684 §3.7). */
  readonly mayFallBack: boolean;
  /** Whether a join of ours waits for the peer's confirmation, so that only the peer knows whether there is a second subflow. */
  readonly joinUndecided: boolean;
  /** Whether what data brought of an end, beside it, is left for later. */
  readonly endIsHeld: boolean;
  /** Whether something waits for a pure ACK, of whichever subflow. */
  readonly hasSignals: boolean;
  /** Whether it waits for one of `subflow`, fits into `space` octets, and may go out now. */
  waitsFor(subflow: S, space: number): boolean;
  /** What controls the congestion of subflows, and the group that those of the connection may join. */
  readonly congestion: CongestionControlFactory;
  readonly couplingGroup: CouplingGroup;
  /** Memory, bytes, that data out of order on `tcp` may take. */
  reassemblyMemory(tcp: TcpConnection): number;
  /** The next option for a pure ACK on `subflow` that fits into `space` octets; null when there is none. */
  takeSignal(subflow: S, space: number, now: number): MptcpOption | null;
  /** Who could carry what a silent subflow carries: a usable one, one that waits for this one's timeout, or nobody. */
  othersFor(subflow: S): "usable" | "waiting" | "none";

  /** The set of usable subflows may be another one now, and so may have something to send. */
  subflowsChanged(): void;
  /** Subflows may have something to send. */
  mark(): void;
  /** Everything about one packet, timeout or command was processed: wakes the subflows that may have something to send now. */
  settle(now: number): void;

  /** It has a TCP connection: it is one of the connection's subflows from here on. */
  onAttached(subflow: S): void;
  /** The peer answers with another version than the one offered. */
  onVersion(version: Version): void;
  onAgreed(flags: number, key: Uint8Array): void;
  onKeysReturned(flags: number, key: Uint8Array): void;
  onFirstEstablished(subflow: S, now: number): void;
  /** The application may have what came with the peer's SYN, before the handshake is over. */
  onOpenedEarly(now: number): void;
  /** What came with the peer's SYN, before anything of the data sequence space (RFC 8684 §B.2). */
  deliverEarly(payload: Payload, now: number): void;
  /** Why the connection has no use for `subflow`, a join that arrived and whose third ACK is verified; null where it has. */
  whyNotJoin(subflow: S): SubflowEndReason | null;
  /** The third ACK of a join that arrived was verified. */
  onJoinVerified(tcp: TcpConnection): void;
  /** A join was verified by both ends. */
  onJoined(subflow: S, now: number): void;
  /** A DSS, or MP_CAPABLE with data, arrived. */
  onDss(now: number): void;
  /** @param onData it came on a segment with data */
  onDataAck(position: number, right: number, onData: boolean, now: number): void;
  /** Data arrives on `subflow`. */
  onArrival(subflow: S): void;
  deliver(dataOffset: number, payload: Payload, now: number): void;
  /** @param onData it came on a segment with data */
  onDataFin(dataOffset: number, onData: boolean, now: number): void;
  /** What was left for later of an end is dealt with now. */
  takeHeldEnd(now: number): void;
  countUnmapped(): number;
  onFastclose(subflow: S, withReset: boolean, now: number): void;
  /** Gives up Multipath TCP. @param arrivingOffset data offset of subflow offset 0 in what arrives */
  fallBack(reason: FallbackReason, now: number, arrivingOffset?: number): void;
  /** Breaks the connection off, for the application and for the peer. */
  abort(now: number): void;
  /** `verified`: false of a join that arrived and whose third ACK did not; `text`: the reason in full; `error`: TCP's, null after FINs in both directions. */
  onSubflowEnded(subflow: S, verified: boolean, reason: SubflowEndReason, text: string, error: CloseReason | null, now: number): void;
}
