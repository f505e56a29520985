import type { Counters } from "../core/index.ts";
import type { SegmentRole } from "../tcp/index.ts";
import { SEGMENT_ROLE } from "../tcp/index.ts";
import type { MptcpOption, TcpSegment } from "../wire/index.ts";
import { MP_RESET_REASON, mptcpOptionLength, TCP_FLAG } from "../wire/index.ts";
import type { MptcpConfig } from "./config.ts";
import { addDataFin, addMapping, dssWithAck } from "./data/dss.ts";
import { SentMapping } from "./data/mappings.ts";
import type { DataReceiver } from "./data/receiver.ts";
import type { DataSender } from "./data/sender.ts";
import { mpFail } from "./ending/checksum-failure.ts";
import type { Session } from "./session.ts";

/** What the writing of options asks of the connection around a subflow, `S`. */
export interface WriterContext<S> {
  readonly session: Session;
  readonly config: Pick<MptcpConfig, "bareAddAddr" | "dataFinWithRepeats" | "mappingFaults">;
  /** Whether an MP_FAIL waits for a pure ACK. */
  readonly failure: { readonly due: boolean };
  readonly sender: DataSender;
  readonly receiver: DataReceiver;
  readonly counters: Counters;
  /** Whether what data brought of an end, beside it, is left for later. */
  readonly endIsHeld: boolean;
  /** Whether something waits for a pure ACK, of whichever subflow. */
  readonly hasSignals: boolean;
  /** Whether it waits for one of `subflow`, fits into `space` octets, and may go out now. */
  waitsFor(subflow: S, space: number): boolean;
  /** The next option for a pure ACK on `subflow` that fits into `space` octets; null when there is none. */
  takeSignal(subflow: S, space: number, now: number): MptcpOption | null;
}

/** Puts the DSS onto a segment of an established subflow, and a signal beside it where one waits and the segment is a pure ACK. */
export function writeDss<S extends { requestAck(): void }>(context: WriterContext<S>, subflow: S, segment: TcpSegment, role: SegmentRole, tag: object | null, space: number, now: number): void {
  const { sender, session } = context;
  const dss = dssWithAck(session, context.receiver.acknowledgment);
  segment.mptcp = [dss];
  // Each pure ACK carries a DATA_FIN that is out; one that leaves for a signal has another ACK follow only if it was to go out now.
  const { finDue } = sender;
  if (role === SEGMENT_ROLE.probe) {
    // The peer answers a probe and reads none of its signals: what waits needs an ACK of its own.
    if (sender.finDue || (context.hasSignals && context.waitsFor(subflow, space))) subflow.requestAck();
    return;
  }
  if (tag instanceof SentMapping) addMapping(dss, session, tag, tag.dataFin || (context.config.dataFinWithRepeats && isFollowedByFin(context, tag)));
  else if (sender.takeFin(context.endIsHeld)) addDataFin(dss, session, sender.finOffset);
  if (!context.hasSignals) return;
  if (role === SEGMENT_ROLE.data) {
    // Signals go on pure ACKs (RFC 8684 §3.4.1); this segment took the place of the one that was asked for.
    if (context.waitsFor(subflow, space)) subflow.requestAck();
    return;
  }
  if (role !== SEGMENT_ROLE.ack) return;
  // What answers an MP_FAIL waits until the DATA_FIN leaves it room, as in Linux.
  if (dss.dataFin && context.failure.due && context.config.mappingFaults === "regular" && space < mptcpOptionLength(dss) + MP_FAIL_LENGTH) return;
  const signal = context.takeSignal(subflow, space, now);
  if (signal === null) return;
  if (signal.kind === "add_addr" && context.config.bareAddAddr) {
    if (dss.dataFin && finDue) sender.returnFin();
    segment.mptcp = [signal];
    return;
  }
  const padding = segment.alignsOptions ? 3 : 0;
  if (((mptcpOptionLength(signal) + padding) & ~padding) + ((mptcpOptionLength(dss) + padding) & ~padding) <= space) {
    segment.mptcp = [dss, signal];
    return;
  }
  // No room for both: the Data ACK, and perhaps the DATA_FIN, follow on an ACK of their own.
  if (dss.dataFin && finDue) sender.returnFin();
  subflow.requestAck();
  segment.mptcp = [signal];
}

const MP_FAIL_LENGTH = 12;

/** Whether a DATA_FIN that is out, or was until just now, comes behind the last byte of a mapping. */
function isFollowedByFin({ endIsHeld, sender }: Pick<WriterContext<unknown>, "endIsHeld" | "sender">, { dataOffset, length }: SentMapping): boolean {
  return sender.finSent && dataOffset + length === sender.finOffset && (!sender.finAcknowledged || endIsHeld);
}

/** Puts MP_FASTCLOSE onto a segment (RFC 8684 §3.5); counted by segment, as Linux does. */
export function writeFastclose(context: FastcloseContext, segment: TcpSegment): void {
  context.counters.increment("MPTcpExtMPFastcloseTx");
  segment.mptcp = [{ kind: "mp_fastclose", receiverKey: context.session.remote.key }];
  const explains = context.config.explainResets === "all" && context.session.version.explainsResets && (segment.flags & TCP_FLAG.RST) !== 0;
  if (explains) segment.mptcp = [...segment.mptcp, { kind: "mp_tcprst", transient: false, reserved: 0, reason: MP_RESET_REASON.unspecified }];
}

/** What the RST of a subflow is to say. */
export interface ResetWords {
  readonly isFastclose: boolean;
  /** For MP_TCPRST; -1: none; and whether the condition passes (flag T). */
  readonly reason: number;
  readonly passes: boolean;
  /** Data offset of a mapping whose checksum was wrong; -1: all was well. */
  readonly failedAt: number;
}

/** Puts what a RST says onto it (RFC 8684 §3.6). */
export function writeReset(context: FastcloseContext, { failedAt, isFastclose, passes, reason }: ResetWords, segment: TcpSegment): void {
  const { config, session } = context;
  if (isFastclose && session.remoteKnown) writeFastclose(context, segment);
  else if (reason < 0) {
    if (config.explainResets === "all" && session.remoteKnown && session.version.explainsResets) segment.mptcp = [{ kind: "mp_tcprst", transient: false, reserved: 0, reason: MP_RESET_REASON.unspecified }];
  } else {
    const words: MptcpOption[] = [];
    // RFC 8684 §3.7: what the peer sent from here on is not trusted.
    if (failedAt >= 0) words.push(mpFail(session, failedAt));
    if (session.version.explainsResets) words.push({ kind: "mp_tcprst", transient: passes && config.explainResets !== "all", reserved: 0, reason });
    if (words.length > 0) segment.mptcp = words;
  }
}

interface FastcloseContext {
  readonly session: Session;
  readonly config: Pick<MptcpConfig, "explainResets">;
  readonly counters: Counters;
}
