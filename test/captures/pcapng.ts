/**
 * Just enough of pcapng (draft-ietf-opsawg-pcapng) to take a capture apart into its interfaces and to alter single packets. Independent of the
 * engine's own reader and writer.
 */

/** A packet within a capture: `start` is where its IP header is. */
export interface PacketPlace {
  /** From 0, over the whole capture. */
  readonly index: number;
  readonly interface: number;
  readonly start: number;
  /** Octets in the capture: of all, or only of the headers when the content is not worth keeping. */
  readonly length: number;
  /** The block around it, as offsets into the file. */
  readonly blockStart: number;
  readonly blockEnd: number;
}

export interface Capture {
  readonly interfaces: number;
  readonly packets: readonly PacketPlace[];
}

/** Finds interfaces and packets. Throws for anything but a little-endian capture of raw IP packets. */
export function readCapture(file: Buffer): Capture {
  let interfaces = 0;
  const packets: PacketPlace[] = [];
  for (let at = 0; at < file.length; ) {
    const type = file.readUInt32LE(at);
    const length = file.readUInt32LE(at + 4);
    if (length < 12 || length % 4 !== 0 || file.readUInt32LE(at + length - 4) !== length) throw new Error(`block at ${at}: bad length`);
    if (type === SECTION_HEADER) {
      if (at !== 0 || file.readUInt32LE(at + 8) !== 0x1a2b3c4d) throw new Error("not one little-endian section");
    } else if (type === INTERFACE_DESCRIPTION) {
      if (file.readUInt16LE(at + 8) !== LINK_TYPE_RAW) throw new Error("an interface of another link type than raw IP");
      interfaces++;
    } else if (type === ENHANCED_PACKET) {
      packets.push({ index: packets.length, interface: file.readUInt32LE(at + 8), start: at + 28, length: file.readUInt32LE(at + 20), blockStart: at, blockEnd: at + length });
    } else if (type !== INTERFACE_STATISTICS) throw new Error(`block at ${at} of unexpected type ${type}`);
    at += length;
  }
  return { interfaces, packets };
}

/** The capture without the packets that `drop` chooses. */
export function withoutPackets(file: Buffer, capture: Capture, drop: (packet: PacketPlace) => boolean): Buffer {
  const kept: Buffer[] = [];
  let from = 0;
  for (const packet of capture.packets) {
    if (!drop(packet)) continue;
    kept.push(file.subarray(from, packet.blockStart));
    from = packet.blockEnd;
  }
  kept.push(file.subarray(from));
  return Buffer.concat(kept);
}

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const LINK_TYPE_RAW = 101;
