import { PROTOCOL } from "../wire/index.ts";
import type { CapturedPacket } from "../wire/index.ts";
import { afterEthernet, afterEtherType, afterPpp, CUT, ETHER_TYPE, hexadecimal } from "./link-layers.ts";
import type { Found } from "./link-layers.ts";

/**
 * Where within the octets of a frame the packet begins that `packet` carries in a tunnel, or what the tunnel carries instead; null when it is no tunnel.
 *
 * @param frame ends where `packet` does
 */
export function findInner(frame: Uint8Array, packet: CapturedPacket): Found | null {
  if (packet.fragment !== null && packet.fragment.offset > 0) return null;
  const at = packet.bodyAt;
  switch (packet.protocol) {
    case PROTOCOL.ipInIp:
    case PROTOCOL.ip6InIp:
      return at;
    case PROTOCOL.gre:
      return afterGre(frame, at);
    case PROTOCOL.udp:
      return afterUdp(frame, at);
    default:
      return null;
  }
}

/** GRE (RFC 2784, RFC 2890), and its version 1 with PPP (RFC 2637). */
function afterGre(frame: Uint8Array, at: number): Found {
  if (at + 4 > frame.length) return CUT;
  const flags = frame[at];
  const version = frame[at + 1] & 7;
  const type = (frame[at + 2] << 8) | frame[at + 3];
  if (version === 1) {
    if (type !== PPTP) return hexadecimal("GRE protocol", type);
    const next = at + 8 + ((flags & SEQUENCE) === 0 ? 0 : 4) + ((frame[at + 1] & 0x80) === 0 ? 0 : 4);
    // RFC 2637 §4.1: without a sequence number it is an acknowledgment, and carries nothing.
    return (flags & SEQUENCE) === 0 ? "GRE without a packet" : afterPpp(frame, next);
  }
  // RFC 1701's source routes have no end that the header tells.
  if (version !== 0 || (flags & ROUTING) !== 0) return `GRE, version ${version}`;
  let next = at + 4;
  for (const flag of [CHECKSUM, KEY, SEQUENCE]) if ((flags & flag) !== 0) next += 4;
  return type === ETHER_TYPE.transparentBridging ? afterEthernet(frame, next) : afterEtherType(frame, at + 2, next);
}

/** VXLAN (RFC 7348 §5) and Geneve (RFC 8926 §3), each by its port; null for anything else. */
function afterUdp(frame: Uint8Array, at: number): Found | null {
  if (at + 4 > frame.length) return null;
  const port = (frame[at + 2] << 8) | frame[at + 3];
  const from = at + UDP_HEADER_LENGTH;
  if (port !== VXLAN_PORT && port !== GENEVE_PORT) return null;
  if (from + 8 > frame.length) return CUT;
  // RFC 7348 §5: without the I flag it is something else that uses the port.
  if (port === VXLAN_PORT) return (frame[from] & 0x08) === 0 ? null : afterEthernet(frame, from + 8);
  if (frame[from] >>> 6 !== 0) return null;
  const next = from + 8 + 4 * (frame[from] & 0x3f);
  const type = (frame[from + 2] << 8) | frame[from + 3];
  return type === ETHER_TYPE.transparentBridging ? afterEthernet(frame, next) : afterEtherType(frame, from + 2, next);
}

const UDP_HEADER_LENGTH = 8;
const VXLAN_PORT = 4789;
const GENEVE_PORT = 6081;
const PPTP = 0x880b;
const CHECKSUM = 0x80;
const ROUTING = 0x40;
const KEY = 0x20;
const SEQUENCE = 0x10;
