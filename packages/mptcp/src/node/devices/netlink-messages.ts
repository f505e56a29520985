import { IpAddress } from "../../wire/index.ts";
import type { DefaultRoute, DeviceAddress } from "./network-state.ts";

/** One message of rtnetlink (RFC 3549 §2.3.2), header and place in the buffer. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Where its payload begins and ends. */
  readonly start: number;
  readonly end: number;
}

/** What RTM_NEWLINK says of a device. */
export interface LinkFacts {
  readonly index: number;
  readonly name: string;
  /** ARPHRD number of the hardware. */
  readonly hardware: number;
  readonly isUp: boolean;
  readonly isRunning: boolean;
  readonly isLoopback: boolean;
  readonly mtu: number;
  /** Which driver made a device that is no hardware: "veth", "wireguard"; empty for hardware. */
  readonly driver: string;
}

/** An address, and the device that it belongs to. */
export interface AddressFacts {
  readonly index: number;
  readonly address: DeviceAddress;
}

/** A default route, and the device that it leads by. */
export interface RouteFacts {
  readonly index: number;
  readonly route: DefaultRoute;
}

/**
 * Calls `visit` for each message in the first `length` octets of `bytes`. What is damaged ends it.
 * @returns whether everything could be read
 */
export function readMessages(bytes: Uint8Array, length: number, visit: (message: NetlinkMessage) => void): boolean {
  const view = viewOf(bytes);
  let at = 0;
  while (at + HEADER_LENGTH <= length) {
    const size = view.getUint32(at, true);
    if (size < HEADER_LENGTH || size > length - at) return false;
    visit({ type: view.getUint16(at + 4, true), flags: view.getUint16(at + 6, true), sequence: view.getUint32(at + 8, true), start: at + HEADER_LENGTH, end: at + size });
    at += aligned(size);
  }
  return at >= length;
}

/** A request for all entries of a table: `type` is {@link RTM}'s getLink, getAddress or getRoute. */
export function dumpRequest(type: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(DUMP_LENGTH);
  const view = viewOf(bytes);
  view.setUint32(0, DUMP_LENGTH, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  view.setUint32(8, sequence, true);
  // What follows is `struct ifinfomsg`, the longest of the three: family 0 asks for both.
  return bytes;
}

/** The error number of an NLMSG_ERROR or NLMSG_DONE message; 0 for none. */
export function errorOf(bytes: Uint8Array, { start, end }: NetlinkMessage): number {
  return end - start < 4 ? 0 : -viewOf(bytes).getInt32(start, true);
}

/** Reads RTM_NEWLINK; null when it is damaged. */
export function readLink(bytes: Uint8Array, { start, end }: NetlinkMessage): LinkFacts | null {
  if (end - start < IFINFO_LENGTH) return null;
  const view = viewOf(bytes);
  const flags = view.getUint32(start + 8, true);
  let name = "";
  let driver = "";
  let mtu = 0;
  const isWhole = readAttributes(bytes, start + IFINFO_LENGTH, end, (type, from, to) => {
    if (type === IFLA.name) name = textOf(bytes, from, to);
    else if (type === IFLA.mtu && to - from >= 4) mtu = view.getUint32(from, true);
    else if (type === IFLA.info) {
      readAttributes(bytes, from, to, (inner, innerFrom, innerTo) => {
        if (inner === IFLA.infoKind) driver = textOf(bytes, innerFrom, innerTo);
      });
    }
  });
  const index = view.getInt32(start + 4, true);
  if (!isWhole || name === "" || index <= 0) return null;
  return {
    index, name, driver, mtu,
    hardware: view.getUint16(start + 2, true),
    isUp: (flags & IFF.up) !== 0,
    isRunning: (flags & IFF.up) !== 0 && (flags & IFF.running) !== 0,
    isLoopback: (flags & IFF.loopback) !== 0,
  };
}

/** Reads RTM_NEWADDR; null when it is damaged, or of another family than IPv4 and IPv6. */
export function readAddress(bytes: Uint8Array, { start, end }: NetlinkMessage): AddressFacts | null {
  if (end - start < IFADDR_LENGTH) return null;
  const view = viewOf(bytes);
  const family = familyOf(bytes[start] as number);
  const scope = bytes[start + 3] as number;
  if (family === null) return null;
  let flags = bytes[start + 2] as number;
  let local: IpAddress | null = null;
  let address: IpAddress | null = null;
  const isWhole = readAttributes(bytes, start + IFADDR_LENGTH, end, (type, from, to) => {
    // On a link of two ends IFA_ADDRESS is the peer's, and IFA_LOCAL ours.
    if (type === IFA.local) local = addressOf(view, from, to, family);
    else if (type === IFA.address) address = addressOf(view, from, to, family);
    else if (type === IFA.flags && to - from >= 4) flags = view.getUint32(from, true);
  });
  const own = (local ?? address) as IpAddress | null;
  const index = view.getUint32(start + 4, true);
  if (!isWhole || own === null || index === 0) return null;
  return {
    index,
    address: {
      address: own,
      prefixLength: bytes[start + 1] as number,
      scope: scope < SCOPE.link ? "global" : scope === SCOPE.link ? "link" : "host",
      isTentative: ((flags & IFA_FLAG.tentative) !== 0 && (flags & IFA_FLAG.optimistic) === 0) || (flags & IFA_FLAG.dadFailed) !== 0,
      isDeprecated: (flags & IFA_FLAG.deprecated) !== 0,
      // One bit with a meaning for each family.
      isTemporary: family === 6 && (flags & IFA_FLAG.secondary) !== 0,
      isSecondary: family === 4 && (flags & IFA_FLAG.secondary) !== 0,
    },
  };
}

/** Reads RTM_NEWROUTE; empty unless it is a default route of IPv4 or IPv6, which may lead by several devices. */
export function readDefaultRoute(bytes: Uint8Array, { start, end }: NetlinkMessage): readonly RouteFacts[] {
  if (!isDefaultRoute(bytes, { start, end })) return [];
  const view = viewOf(bytes);
  const family = familyOf(bytes[start] as number) as 4 | 6;
  if ((bytes[start + 7] as number) !== RTN_UNICAST || (view.getUint32(start + 8, true) & RTM_F_CLONED) !== 0) return [];
  let table = bytes[start + 4] as number;
  let metric = 0;
  const hops: Hop[] = [];
  const first: Hop = { index: 0, gateway: null };
  const isWhole = readAttributes(bytes, start + RTMSG_LENGTH, end, (type, from, to) => {
    if (type === RTA.table && to - from >= 4) table = view.getUint32(from, true);
    else if (type === RTA.priority && to - from >= 4) metric = view.getUint32(from, true);
    else if (type === RTA.multipath) hops.push(...readHops(bytes, from, to, family));
    else readHopAttribute(view, type, from, to, family, first);
  });
  if (!isWhole) return [];
  return [first, ...hops].filter(({ index }) => index > 0).map(({ index, gateway }) => ({ index, route: { family, gateway, metric, table } }));
}

/** Whether a route leads to everywhere: only these are looked at, of what may be a million. */
export function isDefaultRoute(bytes: Uint8Array, { start, end }: Pick<NetlinkMessage, "start" | "end">): boolean {
  return end - start >= RTMSG_LENGTH && familyOf(bytes[start] as number) !== null && bytes[start + 1] === 0;
}

interface Hop {
  index: number;
  gateway: IpAddress | null;
}

/** `struct rtnexthop`, one after another, each with attributes of its own. */
function readHops(bytes: Uint8Array, from: number, to: number, family: 4 | 6): readonly Hop[] {
  const view = viewOf(bytes);
  const hops: Hop[] = [];
  for (let at = from; at + RTNEXTHOP_LENGTH <= to && hops.length < MOST_HOPS; ) {
    const length = view.getUint16(at, true);
    if (length < RTNEXTHOP_LENGTH || length > to - at) break;
    const hop: Hop = { index: view.getInt32(at + 4, true), gateway: null };
    readAttributes(bytes, at + RTNEXTHOP_LENGTH, at + length, (type, start, end) => {
      if (type !== RTA.interface) readHopAttribute(view, type, start, end, family, hop);
    });
    hops.push(hop);
    at += aligned(length);
  }
  return hops;
}

function readHopAttribute(view: DataView, type: number, from: number, to: number, family: 4 | 6, hop: Hop): void {
  if (type === RTA.interface && to - from >= 4) hop.index = view.getInt32(from, true);
  else if (type === RTA.gateway) hop.gateway = addressOf(view, from, to, family);
  // An IPv4 route by an IPv6 neighbour (RFC 5549): the family, then the address.
  else if (type === RTA.via && to - from >= 6) hop.gateway = addressOf(view, from + 2, to, familyOf(view.getUint16(from, true)) ?? family);
}

/** Calls `visit` for each attribute. @returns whether all could be read */
function readAttributes(bytes: Uint8Array, from: number, end: number, visit: (type: number, from: number, to: number) => void): boolean {
  const view = viewOf(bytes);
  let at = from;
  while (at + ATTRIBUTE_LENGTH <= end) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_LENGTH || length > end - at) return false;
    visit(view.getUint16(at + 2, true) & NLA_TYPE_MASK, at + ATTRIBUTE_LENGTH, at + length);
    at += aligned(length);
  }
  return true;
}

function addressOf(view: DataView, from: number, to: number, family: 4 | 6): IpAddress | null {
  if (to - from < (family === 4 ? 4 : 16)) return null;
  const word = (at: number): number => view.getUint32(from + at);
  return family === 4 ? IpAddress.v4(word(0)) : IpAddress.v6(word(0), word(4), word(8), word(12));
}

/** A string with or without its NUL. Names of devices are octets that the system does not interpret. */
function textOf(bytes: Uint8Array, from: number, to: number): string {
  const end = bytes.subarray(from, to).indexOf(0);
  return Buffer.from(bytes.subarray(from, end < 0 ? to : from + end)).toString("utf8");
}

function familyOf(number: number): 4 | 6 | null {
  return number === AF_INET ? 4 : number === AF_INET6 ? 6 : null;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** One view of a buffer that is used again and again. */
function viewOf(bytes: Uint8Array): DataView {
  if (lastBytes !== bytes) {
    lastBytes = bytes;
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  return lastView;
}

let lastBytes: Uint8Array = new Uint8Array(0);
let lastView = new DataView(lastBytes.buffer);

/** include/uapi/linux/rtnetlink.h */
export const RTM = { newLink: 16, deleteLink: 17, getLink: 18, newAddress: 20, deleteAddress: 21, getAddress: 22, newRoute: 24, deleteRoute: 25, getRoute: 26 } as const;
/** RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE. */
export const GROUPS = 0x001 | 0x010 | 0x040 | 0x100 | 0x400;
/** include/uapi/linux/netlink.h */
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLM_F_DUMP_INTR = 0x10;
const NLM_F_REQUEST = 0x001;
const NLM_F_DUMP = 0x300;
const NLA_TYPE_MASK = 0x3fff;
const HEADER_LENGTH = 16;
const ATTRIBUTE_LENGTH = 4;
/** Octets of `struct ifinfomsg`, `ifaddrmsg`, `rtmsg` and `rtnexthop`. */
const IFINFO_LENGTH = 16;
const IFADDR_LENGTH = 8;
const RTMSG_LENGTH = 12;
const RTNEXTHOP_LENGTH = 8;
const DUMP_LENGTH = HEADER_LENGTH + IFINFO_LENGTH;
const IFLA = { name: 3, mtu: 4, info: 18, infoKind: 1 } as const;
const IFA = { address: 1, local: 2, flags: 8 } as const;
const RTA = { interface: 4, gateway: 5, priority: 6, multipath: 9, table: 15, via: 18 } as const;
const IFF = { up: 0x1, loopback: 0x8, running: 0x40 } as const;
const IFA_FLAG = { secondary: 0x01, optimistic: 0x04, dadFailed: 0x08, deprecated: 0x20, tentative: 0x40 } as const;
const SCOPE = { link: 253 } as const;
const RTN_UNICAST = 1;
const RTM_F_CLONED = 0x200;
const AF_INET = 2;
const AF_INET6 = 10;
/** Next hops of one route that are looked at. */
const MOST_HOPS = 64;
