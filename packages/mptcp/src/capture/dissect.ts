import { decodeCaptured } from "../wire/index.ts";
import type { CapturedPacket } from "../wire/index.ts";
import { CUT, findIp } from "./link-layers.ts";
import { findInner } from "./tunnels.ts";

/** What a frame carries. */
export interface Dissection {
  /** IP packets, each carried by the one before it in a tunnel; the last one is the one that matters. Empty when none was found. */
  readonly packets: readonly CapturedPacket[];
  /**
   * What is there instead of a packet, or of a packet within the last one, in words: `link type 147`, `EtherType 0x0806`, `PPP protocol 0xc021`, `bad_version`,
   * `cut before its packet`. Null when nothing is left unread.
   */
  readonly unread: string | null;
}

/**
 * Finds the IP packets in a frame, through link layer, tags and tunnels, and decodes each as {@link decodeCaptured} does: also those that are cut short, or
 * fragments.
 *
 * @param linkType that of the frame's interface, see {@link LINK_TYPE}
 * @param frame the octets captured
 * @param originalLength octets that the frame had
 * @returns never throws; work and memory are bounded by the frame's length
 *
 * @example
 * ```ts
 * import { CaptureReader, dissectFrame } from "mptcp/capture";
 *
 * function options(file: Uint8Array): string[] {
 *   const capture = new CaptureReader(file);
 *   return Array.from(capture, ({ interfaceId, bytes, originalLength }) => {
 *     const { packets, unread } = dissectFrame(capture.interfaces[interfaceId]!.linkType, bytes, originalLength);
 *     const kinds = packets.at(-1)?.packet.tcp?.mptcp.map((option) => option.kind);
 *     return kinds?.join(", ") ?? unread ?? "no TCP";
 *   });
 * }
 * ```
 */
export function dissectFrame(linkType: number, frame: Uint8Array, originalLength = frame.length): Dissection {
  const packets: CapturedPacket[] = [];
  let held = frame;
  let wireEnd = Math.max(frame.length, originalLength);
  let at = findIp(linkType, held, 0);
  while (typeof at === "number") {
    const found: CapturedPacket | string = at < held.length ? decodeCaptured(held, at, held.length - at, wireEnd - at) : CUT;
    if (typeof found === "string") return { packets, unread: found };
    packets.push(found);
    wireEnd = at + found.packet.length;
    // Behind a packet is what pads the frame, which is not part of what the packet carries.
    if (wireEnd < held.length) held = held.subarray(0, wireEnd);
    const inner = findInner(held, found);
    if (inner === null) return { packets, unread: null };
    if (packets.length === MAXIMUM_PACKETS) return { packets, unread: `more than ${MAXIMUM_PACKETS} packets within each other` };
    at = inner;
  }
  return { packets, unread: at };
}

const MAXIMUM_PACKETS = 8;
