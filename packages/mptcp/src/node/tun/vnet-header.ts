import type { Packet } from "../../wire/index.ts";
import { ipHeaderLength, tcpHeaderLength } from "../../wire/index.ts";

/** Octets of the header before each packet of a device with IFF_VNET_HDR (virtio 1.2 §5.1.6, without num_buffers). */
export const VNET_HEADER_LENGTH = 10;

/** Whether the packet behind the header at `at` needs no verification of its transport checksum. */
export function checksumIsGood(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at] as number) & (FLAG_NEEDS_CHECKSUM | FLAG_DATA_VALID)) !== 0;
}

/**
 * Writes the header of `packet` at `at`: a TCP packet leaves its checksum to the device, and a
 * super-segment, or one longer than `mtu`, its segmentation. Any other packet is whole as it is.
 */
export function writeVnetHeader(packet: Packet, mtu: number, target: Uint8Array, at: number): void {
  target.fill(0, at, at + VNET_HEADER_LENGTH);
  const segment = packet.tcp;
  if (segment === null) return;
  const ipHeader = ipHeaderLength(packet);
  target[at] = FLAG_NEEDS_CHECKSUM;
  write16(target, at + 6, ipHeader);
  write16(target, at + 8, TCP_CHECKSUM_OFFSET);
  const headers = ipHeader + tcpHeaderLength(segment);
  const room = mtu - headers;
  const size = segment.segmentSize === 0 ? room : Math.min(segment.segmentSize, room);
  if (segment.payload.length > size && size > 0) {
    target[at + 1] = packet.source.family === 4 ? GSO_TCP4 : GSO_TCP6;
    write16(target, at + 2, headers);
    write16(target, at + 4, size);
  }
}

function write16(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
}

const FLAG_NEEDS_CHECKSUM = 1;
const FLAG_DATA_VALID = 2;
const GSO_TCP4 = 1;
const GSO_TCP6 = 4;
const TCP_CHECKSUM_OFFSET = 16;
