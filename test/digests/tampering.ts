import { Payload, TCP_FLAG } from "mptcp/wire";
import type { MptcpOption, TcpSegment } from "mptcp/wire";
import type { Tampering } from "./network.ts";

/** Which segments are meant. */
export type Which = (segment: TcpSegment, fromClient: boolean, path: number) => boolean;

export const isSyn: Which = (segment) => (segment.flags & TCP_FLAG.SYN) !== 0;
export const isData: Which = (segment) => segment.payload.length > 0;

/** Takes the Multipath TCP options off. */
export function strip(which: Which): Tampering {
  return (segment, fromClient, path) => {
    if (which(segment, fromClient, path)) segment.mptcp = [];
    return true;
  };
}

/** Takes options of one kind off. */
export function stripKind(kind: MptcpOption["kind"]): Tampering {
  return (segment) => {
    segment.mptcp = segment.mptcp.filter((option) => option.kind !== kind);
    return true;
  };
}

/** Loses segments. */
export function swallow(which: Which): Tampering {
  return (segment, fromClient, path) => !which(segment, fromClient, path);
}

/** Changes the last byte, as an application-level gateway does that corrects the checksum of TCP. */
export function changeByte(which: Which): Tampering {
  return (segment, fromClient, path) => {
    if (segment.payload.length === 0 || !which(segment, fromClient, path)) return true;
    const bytes = segment.payload.toUint8Array().slice();
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 0x20;
    segment.payload = Payload.of(bytes);
    return true;
  };
}

/** Those that are meant, from the `first` on and `count` of them. */
export function nth(which: Which, first: number, count: number): Which {
  let seen = 0;
  return (...segment) => {
    if (!which(...segment)) return false;
    seen++;
    return seen >= first && seen < first + count;
  };
}
