/** Block types of pcapng (draft-ietf-opsawg-pcapng). */
export const BLOCK = {
  sectionHeader: 0x0a0d0d0a,
  interfaceDescription: 1,
  /** The obsolete Packet Block. */
  packet: 2,
  simplePacket: 3,
  interfaceStatistics: 5,
  enhancedPacket: 6,
} as const;

/** Option codes of pcapng; most mean something in one kind of block only. */
export const OPTION = {
  endOfOptions: 0,
  comment: 1,
  /** In a section header. */
  userApplication: 4,
  /** In an interface description. */
  interfaceName: 2,
  interfaceDescription: 3,
  timestampResolution: 9,
  timestampOffset: 14,
  /** In an enhanced packet block. */
  packetFlags: 2,
} as const;

/** Tells the byte order of a pcapng section. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
