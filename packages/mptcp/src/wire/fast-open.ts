import { TCP_OPTION } from "./layout.ts";
import type { RawTcpOption, TcpSegment } from "./packet.ts";

/** The Fast Open option of a SYN or SYN+ACK (RFC 7413 §4.1.1). */
export interface FastOpenOption {
  /** 4 to 16 octets; none: it asks for a cookie. */
  readonly cookie: Uint8Array;
  /** Under the shared experimental kind 254, as before RFC 7413 (Appendix A of it), rather than under 34. */
  readonly experimental: boolean;
}

/** The Fast Open option of a segment; null when it has none, or none of a length that there can be, which is ignored (RFC 7413 §4.1.1). */
export function readFastOpen(segment: TcpSegment): FastOpenOption | null {
  const { otherOptions } = segment;
  for (let i = otherOptions.length - 1; i >= 0; i--) {
    const { data, kind } = otherOptions[i] as RawTcpOption;
    const experimental = kind === EXPERIMENT && data.length >= 2 && data[0] === MAGIC[0] && data[1] === MAGIC[1];
    if (kind !== TCP_OPTION.fastOpen && !experimental) continue;
    const cookie = experimental ? data.subarray(2) : data;
    return isCookieLength(cookie.length) || cookie.length === 0 ? { cookie, experimental } : null;
  }
  return null;
}

/** Puts a Fast Open option onto a SYN or SYN+ACK, which goes ahead of those of Multipath TCP. */
export function addFastOpen(segment: TcpSegment, { cookie, experimental }: FastOpenOption): void {
  const option: RawTcpOption = experimental ? { kind: EXPERIMENT, data: Uint8Array.of(...MAGIC, ...cookie) } : { kind: TCP_OPTION.fastOpen, data: cookie };
  segment.otherOptions = [option, ...segment.otherOptions];
}

/** Whether a cookie may be so long (RFC 7413 §4.1.1). */
export function isCookieLength(octets: number): boolean {
  return octets >= 4 && octets <= 16 && octets % 2 === 0;
}

/** Whether an option is one of Fast Open, which is written ahead of those of Multipath TCP. */
export function isFastOpen({ data, kind }: RawTcpOption): boolean {
  return kind === TCP_OPTION.fastOpen || (kind === EXPERIMENT && data.length >= 2 && data[0] === MAGIC[0] && data[1] === MAGIC[1]);
}

/** Shared by experiments, which begin with a number of their own (RFC 6994). */
const EXPERIMENT = 254;
const MAGIC = [0xf9, 0x89] as const;
