import { encodeMptcpOption, mptcpOptionLength, TCP_FLAG } from "mptcp/wire";
import type { MptcpOption, Packet } from "mptcp/wire";

/** One segment as an end of the probe sent it, or saw it arrive. Plain data, so that the server can tell the client. */
export interface Sight {
  /** By the clock of the end, ns. */
  readonly time: number;
  /** Union of `TCP_FLAG` bits. */
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** The field, unscaled. */
  readonly window: number;
  /** Octets; 0: there is no such option. */
  readonly maximumSegmentSize: number;
  /** The shift; -1: there is no such option. */
  readonly windowScale: number;
  readonly sackPermitted: boolean;
  /** Every other option as "KIND:OCTETS", both as hexadecimal digits, in the order of the segment: timestamps, Multipath TCP, all others. */
  readonly options: readonly string[];
  /** Octets of payload. */
  readonly length: number;
  /** Which of the probe's payloads it is, see {@link Content}; "" without one, "?" for any other. */
  readonly content: string;
  /** DSCP and ECN. */
  readonly trafficClass: number;
  readonly hopLimit: number;
  /** The address and port that it came from or, of the end's own segments, went to. */
  readonly peer: string;
}

/** Names of payloads. `a` and `b` differ at every place; `f` is a command of FTP, as clients send it. */
export type Content = "a" | "b" | "f";

/** Says which payload some octets are. @param position of the first in its stream */
export type ContentReader = (octets: Uint8Array, position: number) => string;

/** What a segment is for the one who sends or gets it. @param content of its payload */
export function sightOf(packet: Packet, content: string, time: number, isOwn: boolean): Sight {
  const segment = packet.tcp as NonNullable<Packet["tcp"]>;
  const options = segment.hasTimestamps ? [`8:${hex32(segment.timestampValue)}${hex32(segment.timestampEcho)}`] : [];
  for (const option of segment.mptcp) options.push(mptcpText(option));
  for (const { kind, data } of segment.otherOptions) options.push(`${kind.toString(16)}:${hexOf(data)}`);
  return {
    time,
    flags: segment.flags,
    sequence: segment.sequence,
    acknowledgment: segment.acknowledgment,
    window: segment.window,
    maximumSegmentSize: segment.maximumSegmentSize,
    windowScale: segment.windowScale,
    sackPermitted: segment.sackPermitted,
    options,
    length: segment.payload.length,
    content,
    trafficClass: packet.trafficClass,
    hopLimit: packet.hopLimit,
    peer: isOwn ? `${packet.destination}:${segment.destinationPort}` : `${packet.source}:${segment.sourcePort}`,
  };
}

/** The octets of a payload, by their place in the stream: every connection of the probe has others. */
export function contentOctets(content: Content, connection: number, position: number, length: number): Uint8Array {
  if (content === "f") return FTP_COMMAND.subarray(0, length);
  const octets = new Uint8Array(length);
  const start = content === "a" ? 0x41 : 0x61;
  for (let i = 0; i < length; i++) octets[i] = start + (Math.imul(position + i + 31 * connection, 0x9e3779b1) >>> 8) % 26;
  return octets;
}

/** Which of the probe's payloads octets are. */
export function contentOf(octets: Uint8Array, connection: number, position: number): string {
  if (octets.length === 0) return "";
  for (const content of ["a", "b", "f"] as const) {
    const expected = contentOctets(content, connection, position, octets.length);
    if (expected.length === octets.length && expected.every((octet, i) => octet === octets[i])) return content;
  }
  return "?";
}

/** What the probe sends as a command of FTP (RFC 959 §4.1.2): the address and port are nobody's (RFC 5737). */
export const FTP_COMMAND: Uint8Array = Uint8Array.from("PORT 192,0,2,7,195,149\r\n", (character) => character.charCodeAt(0));

// ---- as it is told to the other end

/** A sight as a list of values: names would take more room than they. */
export type PackedSight = readonly [number, number, number, number, number, number, number, number, string, number, string, number, number, string];

export function packSight(sight: Sight): PackedSight {
  const { time, flags, sequence, acknowledgment, window, maximumSegmentSize, windowScale, sackPermitted, options, length, content, trafficClass, hopLimit, peer } = sight;
  return [time, flags, sequence, acknowledgment, window, maximumSegmentSize, windowScale, Number(sackPermitted), options.join(" "), length, content, trafficClass, hopLimit, peer];
}

/** @returns null for what is none */
export function unpackSight(value: unknown): Sight | null {
  if (!Array.isArray(value) || value.length !== PACKED.length || value.some((field: unknown, at) => typeof field !== PACKED[at])) return null;
  const [time, flags, sequence, acknowledgment, window, maximumSegmentSize, windowScale, sack, options, length, content, trafficClass, hopLimit, peer] = value as unknown as PackedSight;
  const listed = options === "" ? [] : options.split(" ");
  return { time, flags, sequence, acknowledgment, window, maximumSegmentSize, windowScale, sackPermitted: sack === 1, options: listed, length, content, trafficClass, hopLimit, peer };
}

/** Whether it is a SYN, with an ACK or without. */
export function isSyn(sight: Sight, withAck: boolean): boolean {
  return (sight.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK | TCP_FLAG.RST)) === (withAck ? TCP_FLAG.SYN | TCP_FLAG.ACK : TCP_FLAG.SYN);
}

export const isReset = (sight: Sight): boolean => (sight.flags & TCP_FLAG.RST) !== 0;

/** Whether it is an ACK and nothing else. */
export const isPureAck = (sight: Sight): boolean => sight.length === 0 && (sight.flags & (TCP_FLAG.SYN | TCP_FLAG.RST | TCP_FLAG.FIN | TCP_FLAG.ACK)) === TCP_FLAG.ACK;

function mptcpText(option: MptcpOption): string {
  const length = mptcpOptionLength(option);
  encodeMptcpOption(option, SCRATCH, 0);
  return `1e:${hexOf(SCRATCH.subarray(2, length))}`;
}

const hex32 = (value: number): string => value.toString(16).padStart(8, "0");
const hexOf = (octets: Uint8Array): string => Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
const PACKED = ["number", "number", "number", "number", "number", "number", "number", "number", "string", "number", "string", "number", "number", "string"];
/** More than the longest option. */
const SCRATCH = new Uint8Array(256);
