import { LINK_TYPE, linkTypeName } from "./link-types.ts";

/**
 * Where the IP packet begins in a frame of link type `linkType`.
 *
 * @returns octets before the IP header; -1 when the frame carries no IP or the link type is unknown: {@link dissectFrame} says which
 */
export function ipOffset(linkType: number, frame: Uint8Array): number {
  const at = findIp(linkType, frame, 0);
  return typeof at === "string" ? -1 : at;
}

/** Where the IP packet begins in the frame of link type `linkType` at `at`, or what the frame carries instead, in words. */
export function findIp(linkType: number, frame: Uint8Array, at: number): Found {
  switch (linkType) {
    case LINK_TYPE.raw:
    case LINK_TYPE.rawBsd:
    case LINK_TYPE.rawOpenBsd:
    case LINK_TYPE.ipv4:
    case LINK_TYPE.ipv6:
      return at;
    case LINK_TYPE.null:
    case LINK_TYPE.loop:
      return afterFamily(frame, at, linkType === LINK_TYPE.null);
    case LINK_TYPE.ethernet:
      return afterEthernet(frame, at);
    case LINK_TYPE.ppp:
    case LINK_TYPE.pppHdlc:
      return afterPpp(frame, at);
    case LINK_TYPE.pppWithDirection:
      return afterPpp(frame, at + 1);
    case LINK_TYPE.pppoe:
      return afterPppoe(frame, at);
    case LINK_TYPE.atmLlc:
      return afterLlc(frame, at);
    case LINK_TYPE.ciscoHdlc:
      return afterEtherType(frame, at + 2);
    case LINK_TYPE.ieee80211:
      return after80211(frame, at, false);
    case LINK_TYPE.ieee80211Radiotap:
      return afterRadiotap(frame, at);
    case LINK_TYPE.ppi:
      return afterPpi(frame, at);
    case LINK_TYPE.linuxSll:
      return afterEtherType(frame, at + 14);
    case LINK_TYPE.linuxSll2:
      return afterEtherType(frame, at, at + 20);
    case LINK_TYPE.nflog:
      return inNflog(frame, at);
    default:
      return unknownLinkType(linkType);
  }
}

/** Behind a destination and a source address: an EtherType, or the length of an LLC frame (IEEE 802.3 §3.2.6). */
export function afterEthernet(frame: Uint8Array, at: number): Found {
  return afterEtherType(frame, at + 12);
}

/**
 * Follows tags (IEEE 802.1Q, 802.1ad and their forerunners), MPLS labels and PPPoE from the EtherType at `at`.
 *
 * @param next where what the EtherType names begins
 */
export function afterEtherType(frame: Uint8Array, at: number, next = at + 2): Found {
  let typeAt = at;
  let bodyAt = next;
  for (let tags = 0; tags <= MAXIMUM_TAGS; tags++) {
    const type = read16(frame, typeAt);
    switch (type) {
      case ETHER_TYPE.ipv4:
      case ETHER_TYPE.ipv6:
        return bodyAt;
      case ETHER_TYPE.vlan:
      case ETHER_TYPE.serviceVlan:
      case 0x9100:
      case 0x9200:
        typeAt = bodyAt + 2;
        bodyAt += 4;
        break;
      case ETHER_TYPE.mpls:
      case ETHER_TYPE.mplsMulticast:
        return afterMpls(frame, bodyAt);
      case ETHER_TYPE.pppoe:
        return afterPppoe(frame, bodyAt);
      case -1:
        return CUT;
      default:
        // 4 is LLC in Linux's cooked captures; 1500 the largest length of an Ethernet frame.
        return type > 1500 ? hexadecimal("EtherType", type) : afterLlc(frame, bodyAt);
    }
  }
  return `more than ${MAXIMUM_TAGS} tags`;
}

/** LLC (IEEE 802.2) with SNAP, or with IP's own service access point. */
function afterLlc(frame: Uint8Array, at: number): Found {
  const saps = read16(frame, at);
  if (saps < 0) return CUT;
  if (saps === 0x0606) return at + 3;
  if (saps !== 0xaaaa) return hexadecimal("LLC", saps);
  const organisation = read24(frame, at + 3);
  if (organisation < 0) return CUT;
  // RFC 1042, and IEEE 802.1H's bridge tunnel.
  if (organisation !== 0 && organisation !== 0x0000f8) return hexadecimal("SNAP organisation", organisation, 6);
  return afterEtherType(frame, at + 6);
}

/** RFC 3032 §2.1: labels of four octets, the last marked; what they carry is told by its first octet alone. */
function afterMpls(frame: Uint8Array, at: number): Found {
  for (let labels = 0; labels < MAXIMUM_TAGS; labels++) {
    const i = at + 4 * labels;
    if (i + 4 >= frame.length) return CUT;
    if ((frame[i + 2] & 1) === 0) continue;
    const version = frame[i + 4] >>> 4;
    return version === 4 || version === 6 ? i + 4 : "MPLS without IP";
  }
  return `more than ${MAXIMUM_TAGS} tags`;
}

/** RFC 2516 §4: six octets, of which the second is 0 in a session. */
function afterPppoe(frame: Uint8Array, at: number): Found {
  if (at + 6 > frame.length) return CUT;
  return frame[at + 1] === 0 ? afterPpp(frame, at + 6) : "PPPoE discovery";
}

/** PPP with or without address and control (RFC 1662 §3.1), its protocol in two octets or one (RFC 1661 §6.5). */
export function afterPpp(frame: Uint8Array, at: number): Found {
  if (at + 2 > frame.length) return CUT;
  // Cisco HDLC, to one station or to all.
  if (frame[at] === 0x0f || frame[at] === 0x8f) return afterEtherType(frame, at + 2);
  const protocolAt = frame[at] === 0xff && frame[at + 1] === 0x03 ? at + 2 : at;
  if (protocolAt >= frame.length) return CUT;
  // RFC 1661 §2: the last octet of a protocol is odd, every other one is even.
  const isShort = (frame[protocolAt] & 1) === 1;
  const protocol = isShort ? frame[protocolAt] : read16(frame, protocolAt);
  const next = protocolAt + (isShort ? 1 : 2);
  switch (protocol) {
    case 0x0021:
    case 0x0057:
      return next;
    case 0x0281:
      return afterMpls(frame, next);
    case -1:
      return CUT;
    default:
      return hexadecimal("PPP protocol", protocol);
  }
}

function afterFamily(frame: Uint8Array, at: number, isHostOrder: boolean): Found {
  if (at + 4 > frame.length) return CUT;
  const big = ((frame[at] << 24) | (frame[at + 1] << 16) | (frame[at + 2] << 8) | frame[at + 3]) >>> 0;
  const little = ((frame[at + 3] << 24) | (frame[at + 2] << 16) | (frame[at + 1] << 8) | frame[at]) >>> 0;
  // A family is a small number: in the wrong byte order it is a large one.
  const family = isHostOrder && big > 0xffff ? little : big;
  return IP_FAMILIES.has(family) ? at + 4 : `address family ${family}`;
}

/** The 802.11 frame at `at`: data that is neither encrypted nor in pieces (IEEE 802.11 §9.2). */
function after80211(frame: Uint8Array, at: number, isPadded: boolean): Found {
  if (at + 24 > frame.length) return CUT;
  const control = frame[at];
  const flags = frame[at + 1];
  if ((control & 0x0c) !== 0x08) return "802.11 without data";
  if ((control & 0x40) !== 0) return "802.11 without data";
  if ((flags & 0x40) !== 0) return "802.11, encrypted";
  if ((flags & 0x04) !== 0 || (frame[at + 22] & 0x0f) !== 0) return "802.11, a fragment";
  let length = (flags & 0x03) === 0x03 ? 30 : 24;
  if ((control & 0x80) !== 0) {
    if (at + length >= frame.length) return CUT;
    if ((frame[at + length] & 0x80) !== 0) return "802.11, several frames in one";
    length += (flags & 0x80) === 0 ? 2 : 6;
  }
  if (isPadded) length = (length + 3) & ~3;
  return afterLlc(frame, at + length);
}

/** Radiotap (radiotap.org): little-endian; a length, and fields by a bit map. */
function afterRadiotap(frame: Uint8Array, at: number): Found {
  if (at + 8 > frame.length) return CUT;
  const length = frame[at + 2] | (frame[at + 3] << 8);
  // The bit maps go on while their upper bit is set; the fields begin behind the last.
  let i = at + 4;
  while (i + 4 <= frame.length && (frame[i + 3] & 0x80) !== 0) i += 4;
  i += 4;
  const fields = frame[at + 4];
  // A time of eight octets, aligned to them, comes before the flags.
  if ((fields & 1) !== 0) i = at + ((i - at + 7) & ~7) + 8;
  const isPadded = (fields & 2) !== 0 && i < at + length && i < frame.length && (frame[i] & 0x20) !== 0;
  return after80211(frame, at + length, isPadded);
}

/** PPI: little-endian; a length, and the link type of the frame behind it. */
function afterPpi(frame: Uint8Array, at: number): Found {
  if (at + 8 > frame.length) return CUT;
  const length = frame[at + 2] | (frame[at + 3] << 8);
  const linkType = (frame[at + 4] | (frame[at + 5] << 8) | (frame[at + 6] << 16) | (frame[at + 7] << 24)) >>> 0;
  // One within another is not what it is for, and would have no end.
  return linkType === LINK_TYPE.ppi ? "PPI within PPI" : findIp(linkType, frame, at + length);
}

/** Netfilter's log: fields of length, type and value, in the byte order of the host that captured. */
function inNflog(frame: Uint8Array, at: number): Found {
  if (at + 4 > frame.length) return CUT;
  if (!IP_FAMILIES.has(frame[at])) return `address family ${frame[at]}`;
  const little = payloadOfNflog(frame, at + 4, true);
  const found = little >= 0 ? little : payloadOfNflog(frame, at + 4, false);
  return found >= 0 ? found : "NFLOG without a packet";
}

function payloadOfNflog(frame: Uint8Array, at: number, isLittle: boolean): number {
  let i = at;
  while (i + 4 <= frame.length) {
    const [low, high] = isLittle ? [i, i + 1] : [i + 1, i];
    const length = frame[low] | (frame[high] << 8);
    const type = frame[low + 2] | (frame[high + 2] << 8);
    if (length < 4) return -1;
    if (type === NFLOG_PAYLOAD) return i + 4;
    i += (length + 3) & ~3;
  }
  return -1;
}

/** What says that a link type is not understood, by number and, where it has one, name. */
export function unknownLinkType(linkType: number): string {
  const name = linkTypeName(linkType);
  return name === null ? `link type ${linkType}` : `link type ${linkType} (${name})`;
}

/** `name` and a number as it is usually written. */
export function hexadecimal(name: string, value: number, digits = 4): string {
  return `${name} 0x${value.toString(16).padStart(digits, "0")}`;
}

function read16(frame: Uint8Array, at: number): number {
  return at + 2 <= frame.length ? (frame[at] << 8) | frame[at + 1] : -1;
}

function read24(frame: Uint8Array, at: number): number {
  return at + 3 <= frame.length ? (frame[at] << 16) | (frame[at + 1] << 8) | frame[at + 2] : -1;
}

/** Where a packet begins, or what is there instead. */
export type Found = number | string;

/** What a frame is that ends within what its link layer puts before a packet. */
export const CUT = "cut before its packet";

export const ETHER_TYPE = {
  ipv4: 0x0800,
  /** IEEE 802.1Q. */
  vlan: 0x8100,
  ipv6: 0x86dd,
  mpls: 0x8847,
  mplsMulticast: 0x8848,
  pppoe: 0x8864,
  /** IEEE 802.1ad. */
  serviceVlan: 0x88a8,
  /** An Ethernet frame within GRE, NVGRE or Geneve. */
  transparentBridging: 0x6558,
} as const;

/** More than any network stacks. */
const MAXIMUM_TAGS = 8;
/** IPv4; IPv6 as Linux, Windows, NetBSD and OpenBSD, FreeBSD, and Darwin number it. */
const IP_FAMILIES: ReadonlySet<number> = new Set([2, 10, 23, 24, 28, 30]);
const NFLOG_PAYLOAD = 9;
