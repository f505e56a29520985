import { TCP_FLAG } from "../wire/index.ts";
import type { TcpSegment } from "../wire/index.ts";
import type { TcpConfig } from "./config.ts";
import type { TcpConnection } from "./connection.ts";

/** The window scale for a receive buffer that may grow to `max` bytes (RFC 7323 §2.3: at most 14). */
export function windowScaleFor(config: Pick<TcpConfig, "offeredWindow" | "receiveBuffer">): number {
  const { autoTune, max } = config.receiveBuffer;
  let scale = 0;
  // As large as Linux's: by the length of the number alone.
  if (config.offeredWindow === "half") return Math.max(0, Math.min(LARGEST_SCALE, 16 - Math.clz32(autoTune ? max : max >> 1)));
  // One unit less than `max` at the most: a power of two needs no coarser scale.
  while (scale < LARGEST_SCALE && Math.floor(max / 2 ** scale) > 65536) scale++;
  return scale;
}

/** The MSS that is announced: the MTU less fixed headers, options not deducted (RFC 6691), and no more than the configuration wants. */
export function announcedMss({ maxSegmentSize, mtu }: Pick<TcpConfig, "maxSegmentSize" | "mtu">, ipHeader: number): number {
  return clampedMss(Math.min(65535, mtu - ipHeader - TCP_HEADER), maxSegmentSize);
}

/** @param clamp 0: none */
export function clampedMss(mss: number, clamp: number): number {
  return clamp > 0 && clamp < mss ? Math.max(clamp, SMALLEST_MSS) : mss;
}

/** Puts our options on a SYN or SYN+ACK. On a SYN+ACK only what the peer's SYN offered (RFC 7323 §1.3, RFC 2018 §2). */
export function offerOptions(tcp: TcpConnection, segment: TcpSegment): void {
  const config = tcp.config;
  const answer = (segment.flags & TCP_FLAG.ACK) !== 0;
  segment.maximumSegmentSize = announcedMss(config, tcp.ipHeader);
  segment.sackPermitted = answer ? tcp.sack : config.sack;
  if (answer ? tcp.scaling : config.windowScaling) segment.windowScale = windowScaleFor(config);
}

/** Takes the peer's options from its SYN or SYN+ACK. */
export function acceptOptions(tcp: TcpConnection, segment: TcpSegment, now: number): void {
  const config = tcp.config;
  // RFC 9293 §3.7.1: 536 (1220 over IPv6) when the peer does not say.
  tcp.peerMss = segment.maximumSegmentSize === 0 ? (tcp.ipHeader === 20 ? 536 : 1220) : segment.maximumSegmentSize;
  if (tcp.peerMss < SMALLEST_MSS) tcp.peerMss = SMALLEST_MSS;
  tcp.sack = config.sack && segment.sackPermitted;
  tcp.timestamps = config.timestamps && segment.hasTimestamps;
  tcp.scaling = config.windowScaling && segment.windowScale >= 0;
  if (tcp.scaling) {
    // RFC 7323 §2.3: a larger shift is taken for 14.
    tcp.sender.scale = 2 ** Math.min(segment.windowScale, LARGEST_SCALE);
    tcp.receiver.scale = 2 ** windowScaleFor(config);
  }
  if (tcp.timestamps) tcp.receiver.noteTimestamp(segment.timestampValue, now);
  tcp.updateMaxPayload();
}

/** Octets of timestamps with the NOPs before them, which a full segment leaves room for. */
export const TIMESTAMP_SPACE = 12;
const LARGEST_SCALE = 14;
/** A peer that announces less would make us send almost nothing but headers. */
const SMALLEST_MSS = 88;
const TCP_HEADER = 20;
