import { dissectFrame } from "./dissect.ts";
import type { Dissection } from "./dissect.ts";
import type { CaptureReader, CaptureRecord } from "./reader.ts";

/** One frame of a capture, and what it carries. */
export interface CapturedFrame extends Dissection {
  readonly record: CaptureRecord;
}

/**
 * Reads the packets of a capture, and counts what is not read. Iterate over it once.
 *
 * @example
 * ```ts
 * import { CaptureReader, PacketReader } from "mptcp/capture";
 *
 * function report(file: Uint8Array): string {
 *   const packets = new PacketReader(new CaptureReader(file));
 *   let segments = 0;
 *   for (const frame of packets) if (frame.packets.at(-1)?.packet.tcp) segments++;
 *   const unread = Array.from(packets.unread, ([what, count]) => `, ${count} with ${what}`);
 *   return `${segments} segments in ${packets.frames} frames${unread.join("")}`;
 * }
 * ```
 */
export class PacketReader implements Iterable<CapturedFrame> {
  /** Frames so far. */
  frames = 0;
  /** How many frames had each {@link Dissection.unread}; what comes after the first 1000 different ones is under `others`. */
  readonly unread: ReadonlyMap<string, number>;
  private readonly counts = new Map<string, number>();
  private readonly capture: CaptureReader;

  constructor(capture: CaptureReader) {
    this.capture = capture;
    this.unread = this.counts;
  }

  *[Symbol.iterator](): Generator<CapturedFrame, void> {
    for (const record of this.capture) {
      // A record is given only when its interface was described.
      const linkType = this.capture.interfaces[record.interfaceId]?.linkType ?? -1;
      const { packets, unread } = dissectFrame(linkType, record.bytes, record.originalLength);
      this.frames++;
      if (unread !== null) this.count(unread);
      yield { record, packets, unread };
    }
  }

  private count(unread: string): void {
    const name = this.counts.has(unread) || this.counts.size < MAXIMUM_KINDS ? unread : "others";
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

const MAXIMUM_KINDS = 1000;
