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

/** Link types of captures (the registry of tcpdump.org), those that {@link ipOffset} understands. */
export const LINK_TYPE = {
  /** BSD loopback: a 4-octet address family in the byte order of the host that captured. */
  null: 0,
  ethernet: 1,
  /** An IPv4 or IPv6 packet and nothing before it. */
  raw: 101,
  /** OpenBSD loopback: a 4-octet address family, big-endian. */
  loop: 108,
  linuxSll: 113,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
} as const;

/**
 * Where the IP packet begins in a frame of link type `linkType`.
 *
 * @returns octets before the IP header; -1 when the frame carries no IP or the link type is unknown
 */
export function ipOffset(linkType: number, frame: Uint8Array): number {
  switch (linkType) {
    case LINK_TYPE.raw:
    case LINK_TYPE.ipv4:
    case LINK_TYPE.ipv6:
      return 0;
    case LINK_TYPE.null:
    case LINK_TYPE.loop:
      return frame.length >= 4 ? 4 : -1;
    case LINK_TYPE.ethernet:
      return afterEtherType(frame, 12);
    case LINK_TYPE.linuxSll:
      return afterEtherType(frame, 14);
    case LINK_TYPE.linuxSll2:
      return isIp(etherTypeAt(frame, 0)) ? 20 : -1;
    default:
      return -1;
  }
}

/** Follows VLAN tags (IEEE 802.1Q, 802.1ad) from the EtherType at `at`. */
function afterEtherType(frame: Uint8Array, at: number): number {
  for (let i = at; i < at + 12; i += 4) {
    const type = etherTypeAt(frame, i);
    if (isIp(type)) return i + 2;
    if (type !== 0x8100 && type !== 0x88a8) return -1;
  }
  return -1;
}

function etherTypeAt(frame: Uint8Array, at: number): number {
  return at + 2 <= frame.length ? (frame[at] << 8) | frame[at + 1] : -1;
}

function isIp(type: number): boolean {
  return type === 0x0800 || type === 0x86dd;
}
