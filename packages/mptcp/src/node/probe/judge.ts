import { version1 } from "../../mptcp/index.ts";
import { TCP_FLAG } from "../../wire/index.ts";
import type { MpCapable, TcpSegment } from "../../wire/index.ts";
import { row } from "./report.ts";
import type { ProbeRow } from "./report.ts";
import type { Sighting } from "./tap.ts";

/** How a SYN was answered. */
export type SynAnswer =
  /** SYN+ACK; `attempts` SYNs had been sent. */
  | { readonly kind: "synack"; readonly segment: TcpSegment; readonly syn: TcpSegment; readonly roundTrip: number; readonly attempts: number }
  | { readonly kind: "reset"; readonly segment: TcpSegment }
  | { readonly kind: "silence"; readonly attempts: number };

/** Reads the answer to the SYNs of one connection out of its packets. */
export function answerToSyn(sightings: readonly Sighting[]): SynAnswer {
  let attempts = 0;
  let sent: { readonly segment: TcpSegment; readonly at: number } | null = null;
  for (const { direction, at, packet } of sightings) {
    const segment = packet.tcp;
    if (segment === null) continue;
    if (direction === "out" && isSyn(segment)) {
      attempts++;
      sent = { segment, at };
    } else if (direction === "in" && sent !== null) {
      if ((segment.flags & TCP_FLAG.RST) !== 0) return { kind: "reset", segment };
      if (isSynAck(segment)) return { kind: "synack", segment, syn: sent.segment, roundTrip: at - sent.at, attempts };
    }
  }
  return { kind: "silence", attempts };
}

/** What became of MP_CAPABLE in a SYN+ACK (RFC 8684 §3.1). */
export type CapableAnswer =
  | { readonly kind: "accepted"; readonly option: MpCapable }
  /** The peer wants another version. */
  | { readonly kind: "other_version"; readonly option: MpCapable }
  /** The right version, with flags that ask for what nobody knows yet; the reason is that of the engine's fallback. */
  | { readonly kind: "unusable"; readonly option: MpCapable; readonly reason: string }
  /** Our own option came back: an ACK of it by a machine that does not know it. */
  | { readonly kind: "reflected" }
  /** An option that makes no sense as an answer. */
  | { readonly kind: "malformed" }
  | { readonly kind: "absent" };

/** Judges the MP_CAPABLE of a SYN+ACK as the answer to `sent`. */
export function answerToCapable(segment: TcpSegment, sent: MpCapable): CapableAnswer {
  const first = segment.mptcp[0];
  if (first === undefined) return { kind: "absent" };
  const option = segment.mptcp.find((one) => one.kind === "mp_capable");
  if (option === undefined) return { kind: "malformed" };
  if (option.version === sent.version && sameOctets(option.senderKey, sent.senderKey)) return { kind: "reflected" };
  if (option.senderKey === null || option.receiverKey !== null) return { kind: "malformed" };
  if (option.version !== sent.version) return { kind: "other_version", option };
  // The engine's judgement is about version 1 only.
  const reason = option.version === version1.number ? version1.refusalOf(option) : null;
  return reason === null ? { kind: "accepted", option } : { kind: "unusable", option, reason };
}

/** What the path and the peer left of TCP's other options, by the SYN+ACK of plain TCP, and of Multipath TCP where there was one. */
export function optionRows(plain: SynAnswer & { kind: "synack" }, capable: TcpSegment | null, mtu: number, family: 4 | 6): readonly ProbeRow[] {
  const rows = [segmentSizeRow(plain.segment, mtu, family), windowScaleRow(plain.segment), sackRow(plain.segment), timestampsRow(plain)];
  if (capable === null) return rows;
  const lost = [
    capable.windowScale < 0 && plain.segment.windowScale >= 0 ? "window scale" : "",
    !capable.sackPermitted && plain.segment.sackPermitted ? "SACK" : "",
    !capable.hasTimestamps && plain.segment.hasTimestamps ? "timestamps" : "",
    capable.maximumSegmentSize === 0 && plain.segment.maximumSegmentSize > 0 ? "MSS" : "",
  ].filter((name) => name !== "");
  if (lost.length > 0) rows.push(row("option.beside_mp_capable", "warn", "compared the SYN+ACK of both", `missing beside MP_CAPABLE: ${lost.join(", ")}`, "something has no room for all options, or takes some away"));
  return rows;
}

/** One word for a segment's flags, for people: "SYN+ACK with MSS 1460, SACK". */
export function describeSynAck(segment: TcpSegment): string {
  const options = [
    segment.maximumSegmentSize > 0 ? `MSS ${segment.maximumSegmentSize}` : "",
    segment.windowScale >= 0 ? `window scale ${segment.windowScale}` : "",
    segment.sackPermitted ? "SACK" : "",
    segment.hasTimestamps ? "timestamps" : "",
  ].filter((text) => text !== "");
  return options.length === 0 ? "SYN+ACK without options" : `SYN+ACK with ${options.join(", ")}`;
}

function segmentSizeRow(answer: TcpSegment, mtu: number, family: 4 | 6): ProbeRow {
  const full = mtu - (family === 4 ? 40 : 60);
  const did = `offered MSS ${full}`;
  const size = answer.maximumSegmentSize;
  const id = "option.mss";
  if (size === 0) return row(id, "warn", did, "no MSS", "taken away, or not sent: segments of 536 octets");
  if (size === full) return row(id, "ok", did, `MSS ${size}`, "that of a path like our link");
  if (size > full) return row(id, "note", did, `MSS ${size}`, "the peer's link takes more than ours; nothing on the path lowered it to ours");
  return row(id, "note", did, `MSS ${size}`, `${full - size} octets less than our link takes: a smaller link or a tunnel at the peer, or a middlebox that lowers it`);
}

function windowScaleRow(answer: TcpSegment): ProbeRow {
  const did = "offered window scale";
  if (answer.windowScale < 0) return row("option.window_scale", "warn", did, "none", "taken away, or not sent: windows end at 64 KiB, for all subflows together");
  return row("option.window_scale", "ok", did, `shift ${answer.windowScale}`, "in use");
}

function sackRow(answer: TcpSegment): ProbeRow {
  if (answer.sackPermitted) return row("option.sack", "ok", "offered SACK", "SACK permitted", "in use");
  return row("option.sack", "note", "offered SACK", "none", "taken away, or not sent: losses are repaired more slowly");
}

function timestampsRow(plain: SynAnswer & { kind: "synack" }): ProbeRow {
  const id = "option.timestamps";
  const did = "offered timestamps";
  if (!plain.segment.hasTimestamps) return row(id, "note", did, "none", "taken away, or not sent; they leave more room for Multipath TCP's options");
  // The echo may be that of an earlier SYN, but it is not ahead of the last.
  const ahead = (plain.segment.timestampEcho - plain.syn.timestampValue) | 0;
  if (plain.segment.timestampEcho !== 0 && ahead <= 0 && ahead > -60_000) return row(id, "ok", did, "timestamps with our own echoed", "in use, unchanged");
  return row(id, "warn", did, `timestamps, but echoing ${plain.segment.timestampEcho} for our ${plain.syn.timestampValue}`, "something rewrites them");
}

function isSyn({ flags }: TcpSegment): boolean {
  return (flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.SYN;
}

function isSynAck({ flags }: TcpSegment): boolean {
  return (flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === (TCP_FLAG.SYN | TCP_FLAG.ACK);
}

function sameOctets(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((octet, at) => octet === b[at]);
}
