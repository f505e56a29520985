import { MptcpError } from "mptcp";
import type { Wiring } from "mptcp/drill";
import { IpAddress } from "mptcp/wire";
import { Memory } from "./memory.ts";
import { AF_INET, AF_INET6, octetsOf } from "./socket-address.ts";
import { errorName, failure, NR } from "./system.ts";
import type { System } from "./system.ts";

/** A network: an address and how many of its bits are the network's. */
interface Prefix {
  readonly ip: IpAddress;
  readonly length: number;
}

/** `192.168.0.1/16`; without a length, one address. @throws MptcpError for another text */
export function prefixOf(text: string): Prefix {
  const [address = "", length] = text.split("/");
  const ip = IpAddress.parse(address);
  const bits = ip?.family === 4 ? 32 : 128;
  const own = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (ip === null || !(own <= bits)) throw new MptcpError("ERR_MPTCP_TUN", `"${text}" is no address or network`);
  return { ip, length: own };
}

/**
 * Brings the loopback device and the device `name` up, in the namespace of the calling thread, and gives it its addresses and routes (rtnetlink(7)).
 * @throws MptcpError with what the kernel refused
 */
export function setUp(system: System, name: string, { local, remote, mtu }: Wiring): void {
  const fd = system.must("rtnetlink", NR.socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  try {
    const index = indexOf(system, fd, name);
    const requests = [
      { what: "lo", octets: linkRequest(LOOPBACK, null) },
      { what: name, octets: linkRequest(index, mtu) },
      ...local.map((text) => ({ what: text, octets: addressRequest(index, prefixOf(text)) })),
      ...remote.map((text) => ({ what: text, octets: routeRequest(index, prefixOf(text)) })),
    ];
    requests.forEach(({ octets }, at) => new DataView(octets.buffer).setUint32(8, at, true));
    // One after the other in one message; the kernel carries them out before it returns.
    const all = new Memory(system).copy(Buffer.concat(requests.map(({ octets }) => octets)));
    system.must("rtnetlink", NR.sendto, fd, all.address, all.octets.length, 0, 0, 0);
    acknowledged(system, fd, requests.map(({ what }) => what));
    for (const text of local) awaitLocal(system, fd, prefixOf(text));
  } finally {
    system.call(NR.close, fd);
  }
}

function indexOf(system: System, fd: number, name: string): number {
  const request = new Memory(system).room(40);
  request.octets.set(new TextEncoder().encode(name));
  system.must(`SIOCGIFINDEX ${name}`, NR.ioctl, fd, SIOCGIFINDEX, request.address);
  return request.view.getInt32(16, true);
}

/** Reads the answers, one for each request. */
function acknowledged(system: System, fd: number, names: readonly string[]): void {
  const answer = new Memory(system).room(32 * 1024);
  for (let seen = 0; seen < names.length; ) {
    const length = system.must("rtnetlink", NR.recvfrom, fd, answer.address, answer.octets.length, MSG_DONTWAIT, 0, 0);
    for (let at = 0; at + NLMSG_HEADER + 4 <= length; seen++) {
      const { view } = answer;
      const error = view.getInt32(at + NLMSG_HEADER, true);
      const name = names[view.getUint32(at + 8, true)] ?? "";
      if (view.getUint16(at + 4, true) === NLMSG_ERROR && error < 0) {
        if (errorName(-error) === "EPERM") throw failure(name, -error);
        throw new MptcpError("ERR_MPTCP_TUN", `${name}: ${errorName(-error)}`);
      }
      at += aligned(view.getUint32(at, true));
    }
  }
}

/** An address of IPv6 is answered for only when a worker of the kernel has put it into the table of routes, a moment after it was given. */
function awaitLocal(system: System, fd: number, { ip }: Prefix): void {
  if (ip.family === 4) return;
  const body = new DataView(new ArrayBuffer(12));
  body.setUint8(0, AF_INET6);
  body.setUint8(1, 128);
  const question = new Memory(system).copy(message(RTM_GETROUTE, 0, body, [[RTA_DST, octetsOf(ip)]]));
  const answer = new Memory(system).room(4096);
  const end = performance.now() + LONGEST_WAIT;
  while (performance.now() < end) {
    system.must("rtnetlink", NR.sendto, fd, question.address, question.octets.length, 0, 0, 0);
    let isLocal = false;
    for (let length = 1; length > 0; ) {
      length = system.call(NR.recvfrom, fd, answer.address, answer.octets.length, MSG_DONTWAIT, 0, 0);
      if (length > NLMSG_HEADER + 7 && answer.view.getUint16(4, true) === RTM_NEWROUTE) isLocal = answer.octets[NLMSG_HEADER + 7] === RTN_LOCAL;
    }
    if (isLocal) return;
    Atomics.wait(nobody, 0, 0, 0.2);
  }
  throw new MptcpError("ERR_MPTCP_TUN", `${String(ip)} does not become an address of this host`);
}

/** A word that nobody changes, to wait for. */
const nobody = new Int32Array(new SharedArrayBuffer(4));
/** ms. */
const LONGEST_WAIT = 5000;

function linkRequest(index: number, mtu: number | null): Uint8Array {
  const body = new DataView(new ArrayBuffer(16));
  body.setInt32(4, index, true);
  // A device without IFF_MULTICAST sends no reports of groups.
  body.setUint32(8, IFF_UP, true);
  body.setUint32(12, mtu === null ? IFF_UP : IFF_UP | IFF_MULTICAST, true);
  return message(RTM_NEWLINK, 0, body, mtu === null ? [] : [[IFLA_MTU, word(mtu)]]);
}

function addressRequest(index: number, { ip, length }: Prefix): Uint8Array {
  const body = new DataView(new ArrayBuffer(8));
  body.setUint8(0, familyOf(ip));
  body.setUint8(1, length);
  body.setInt32(4, index, true);
  const octets = octetsOf(ip);
  // Nobody else is there who could have the address: it is usable at once.
  return message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body, [[IFA_LOCAL, octets], [IFA_ADDRESS, octets], [IFA_FLAGS, word(IFA_F_NODAD)]]);
}

function routeRequest(index: number, { ip, length }: Prefix): Uint8Array {
  const body = new DataView(new ArrayBuffer(12));
  body.setUint8(0, familyOf(ip));
  body.setUint8(1, length);
  body.setUint8(4, RT_TABLE_MAIN);
  body.setUint8(5, RTPROT_STATIC);
  body.setUint8(6, ip.family === 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
  body.setUint8(7, RTN_UNICAST);
  return message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body, [[RTA_DST, networkOf(ip, length)], [RTA_OIF, word(index)]]);
}

/** The octets of a network's address; the rest of the bits are 0, which the kernel insists on. */
function networkOf(ip: IpAddress, length: number): Uint8Array {
  return octetsOf(ip).map((octet, at) => octet & (0xff00 >> Math.min(Math.max(length - 8 * at, 0), 8)));
}

function message(type: number, flags: number, body: DataView, attributes: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const length = NLMSG_HEADER + body.byteLength + attributes.reduce((sum, [, value]) => sum + aligned(4 + value.length), 0);
  const octets = new Uint8Array(length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK | flags, true);
  octets.set(new Uint8Array(body.buffer), NLMSG_HEADER);
  let at = NLMSG_HEADER + body.byteLength;
  for (const [name, value] of attributes) {
    view.setUint16(at, 4 + value.length, true);
    view.setUint16(at + 2, name, true);
    octets.set(value, at + 4);
    at += aligned(4 + value.length);
  }
  return octets;
}

const familyOf = ({ family }: IpAddress): number => (family === 4 ? AF_INET : AF_INET6);
const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const aligned = (length: number): number => (length + 3) & ~3;

/** include/uapi/linux/netlink.h, rtnetlink.h, if_link.h, if_addr.h, if.h, sockios.h. */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;
const MSG_DONTWAIT = 0x40;
const NLMSG_HEADER = 16;
const NLMSG_ERROR = 2;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_REPLACE = 0x100;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const RTM_NEWLINK = 16;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const IFLA_MTU = 4;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;
const RTA_DST = 1;
const RTA_OIF = 4;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const IFF_UP = 0x1;
const IFF_MULTICAST = 0x1000;
const LOOPBACK = 1;
const SIOCGIFINDEX = 0x8933;
