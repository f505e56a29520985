/** Link types of captures (the registry of tcpdump.org), those in which packets are found. */
export const LINK_TYPE = {
  /** BSD loopback: a 4-octet address family in the byte order of the host that captured. */
  null: 0,
  ethernet: 1,
  /** PPP, with or without address and control octets (RFC 1661, RFC 1662). */
  ppp: 9,
  /** As {@link LINK_TYPE.raw}: what BSD/OS and FreeBSD write as a raw packet. */
  rawBsd: 12,
  /** As {@link LINK_TYPE.raw}: what OpenBSD writes. */
  rawOpenBsd: 14,
  /** PPP in HDLC-like framing, or Cisco HDLC. */
  pppHdlc: 50,
  /** A PPPoE header (RFC 2516 §4) and no Ethernet before it. */
  pppoe: 51,
  /** LLC, as over ATM (RFC 2684). */
  atmLlc: 100,
  /** An IPv4 or IPv6 packet and nothing before it. */
  raw: 101,
  ciscoHdlc: 104,
  ieee80211: 105,
  /** OpenBSD loopback: a 4-octet address family, big-endian. */
  loop: 108,
  linuxSll: 113,
  ieee80211Radiotap: 127,
  /** Per-packet information before a frame of another link type. */
  ppi: 192,
  /** PPP behind an octet that tells the direction. */
  pppWithDirection: 204,
  ipv4: 228,
  ipv6: 229,
  /** Linux netfilter's log. */
  nflog: 239,
  linuxSll2: 276,
} as const;

/** The name of a link type in the registry of tcpdump.org, such as `ETHERNET`; null when this library has none for it. */
export function linkTypeName(linkType: number): string | null {
  return NAMES.get(linkType) ?? null;
}

const NAMES: ReadonlyMap<number, string> = new Map([
  [0, "NULL"], [1, "ETHERNET"], [3, "AX25"], [6, "IEEE802_5"], [7, "ARCNET_BSD"], [8, "SLIP"], [9, "PPP"], [10, "FDDI"], [12, "RAW"], [14, "RAW"],
  [50, "PPP_HDLC"], [51, "PPP_ETHER"], [100, "ATM_RFC1483"], [101, "RAW"], [104, "C_HDLC"], [105, "IEEE802_11"], [107, "FRELAY"], [108, "LOOP"],
  [109, "ENC"], [113, "LINUX_SLL"], [114, "LTALK"], [117, "PFLOG"], [119, "IEEE802_11_PRISM"], [122, "IP_OVER_FC"], [123, "SUNATM"],
  [127, "IEEE802_11_RADIOTAP"], [138, "APPLE_IP_OVER_IEEE1394"], [163, "IEEE802_11_AVS"], [166, "PPP_PPPD"], [187, "BLUETOOTH_HCI_H4"],
  [189, "USB_LINUX"], [192, "PPI"], [195, "IEEE802_15_4_WITHFCS"], [204, "PPP_WITH_DIR"], [220, "USB_LINUX_MMAPPED"], [226, "IPNET"], [227, "CAN_SOCKETCAN"],
  [228, "IPV4"], [229, "IPV6"], [230, "IEEE802_15_4_NOFCS"], [239, "NFLOG"], [240, "NETANALYZER"], [242, "IPOIB"], [249, "USBPCAP"], [253, "NETLINK"],
  [271, "VSOCK"], [274, "ETHERNET_MPACKET"], [276, "LINUX_SLL2"],
]);
