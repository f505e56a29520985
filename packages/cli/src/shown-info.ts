import type { MptcpInfo, SubflowInfo } from "mptcp/node";
import type { SubflowRecord } from "./subflow-ledger.ts";

/** Numbers of a subflow that carry their unit in their name where they are shown. */
type SubflowUnits = "rtt" | "rttVariation" | "minRtt" | "rto" | "congestionWindow" | "slowStartThreshold" | "segmentSize";

/** A subflow as `--json` shows it: times are whole microseconds. */
export interface ShownSubflow extends Omit<SubflowInfo, SubflowUnits> {
  readonly rttMicroseconds: number;
  readonly rttVariationMicroseconds: number;
  readonly minRttMicroseconds: number;
  readonly rtoMicroseconds: number;
  readonly congestionWindowBytes: number;
  /** null while there is none. */
  readonly slowStartThresholdBytes: number | null;
  readonly segmentSizeBytes: number;
}

type InfoUnits = "lastDataSent" | "lastDataReceived" | "lastAckReceived";

/** A connection as `--json` shows it; without the token, unless that was asked for. */
export interface ShownInfo extends Omit<MptcpInfo, "token" | "subflows" | InfoUnits> {
  readonly token?: number;
  readonly subflows: readonly ShownSubflow[];
  readonly lastDataSentMicroseconds: number;
  readonly lastDataReceivedMicroseconds: number;
  readonly lastAckReceivedMicroseconds: number;
}

/** `info` as a summary may show it. @param secrets with the token, by which anybody may ask to join the connection */
export function shownInfo(info: MptcpInfo, secrets: boolean): ShownInfo {
  const { token, subflows, lastDataSent, lastDataReceived, lastAckReceived, ...rest } = info;
  return {
    ...rest,
    ...(secrets ? { token } : {}),
    subflows: subflows.map(shownSubflow),
    lastDataSentMicroseconds: microseconds(lastDataSent),
    lastDataReceivedMicroseconds: microseconds(lastDataReceived),
    lastAckReceivedMicroseconds: microseconds(lastAckReceived),
  };
}

export function shownSubflow<T extends SubflowInfo | SubflowRecord>(subflow: T): ShownSubflow & Omit<T, keyof SubflowInfo> {
  const { rtt, rttVariation, minRtt, rto, congestionWindow, slowStartThreshold, segmentSize, ...rest } = subflow;
  return {
    ...rest,
    rttMicroseconds: microseconds(rtt),
    rttVariationMicroseconds: microseconds(rttVariation),
    minRttMicroseconds: microseconds(minRtt),
    rtoMicroseconds: microseconds(rto),
    congestionWindowBytes: Math.round(congestionWindow),
    slowStartThresholdBytes: slowStartThreshold === null ? null : Math.round(slowStartThreshold),
    segmentSizeBytes: segmentSize,
  } as ShownSubflow & Omit<T, keyof SubflowInfo>;
}

function microseconds(nanoseconds: number): number {
  return Math.round(nanoseconds / 1000);
}
