// Numbers of the wire that decoder and encoder share: protocol, option and subtype codes, offsets of header fields.

/** IP protocol and next-header numbers. */
export const PROTOCOL = {
  hopByHop: 0,
  icmp: 1,
  ipInIp: 4,
  tcp: 6,
  udp: 17,
  ip6InIp: 41,
  routing: 43,
  fragment: 44,
  gre: 47,
  authentication: 51,
  icmp6: 58,
  noNextHeader: 59,
  destinationOptions: 60,
} as const;

/** TCP option kinds (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 8684 §7, RFC 9768 §3.2.3). */
export const TCP_OPTION = {
  end: 0,
  noOperation: 1,
  maximumSegmentSize: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
  userTimeout: 28,
  mptcp: 30,
  fastOpen: 34,
  accurateEcn0: 172,
  accurateEcn1: 174,
} as const;

/** Subtypes of the MPTCP option (RFC 8684 §7, Table 2). */
export const MPTCP_SUBTYPE = {
  mpCapable: 0,
  mpJoin: 1,
  dss: 2,
  addAddress: 3,
  removeAddress: 4,
  mpPriority: 5,
  mpFail: 6,
  mpFastclose: 7,
  mpReset: 8,
} as const;

/** Flag bits in the fourth octet of a DSS option (RFC 8684 §3.3, Figure 9). */
export const DSS_FLAG = {
  dataAck: 0x01,
  dataAck8: 0x02,
  mapping: 0x04,
  dsn8: 0x08,
  dataFin: 0x10,
} as const;

/** Octet offsets in the IPv4 header (RFC 791 §3.1). */
export const IPV4 = {
  trafficClass: 1,
  totalLength: 2,
  identification: 4,
  fragment: 6,
  hopLimit: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
} as const;

/** Octet offsets in the fixed IPv6 header (RFC 8200 §3). */
export const IPV6 = {
  payloadLength: 4,
  nextHeader: 6,
  hopLimit: 7,
  source: 8,
  destination: 24,
} as const;

/** Octet offsets in the TCP header (RFC 9293 §3.1). */
export const TCP = {
  sourcePort: 0,
  destinationPort: 2,
  sequence: 4,
  acknowledgment: 8,
  dataOffset: 12,
  flags: 13,
  window: 14,
  checksum: 16,
  urgentPointer: 18,
  options: 20,
} as const;

/** Octet offsets in an ICMP message (RFC 792, RFC 4443 §2.1); the body begins after 8 octets. */
export const ICMP = {
  type: 0,
  code: 1,
  checksum: 2,
  word: 4,
  body: 8,
} as const;

/** The "don't fragment" bit of IPv4's fragment field. */
export const IPV4_DONT_FRAGMENT = 0x4000;
/** "More fragments" and fragment offset in IPv4's fragment field. */
export const IPV4_FRAGMENT_MASK = 0x3fff;
