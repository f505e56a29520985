import { encodePacket, Dss, IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import { LINK_TYPE } from "../../src/capture/index.ts";
import { fromHex } from "../wire/arbitraries.ts";

/** Frames and files as others write them, for the tests of what reads them. */

/** One frame of a capture. */
export interface TestFrame {
  readonly name: string;
  readonly linkType: number;
  /** What was captured. */
  readonly bytes: Uint8Array;
  /** Octets that it had, when it was cut. */
  readonly originalLength?: number;
}

/** A segment with timestamps, a DSS of 28 octets and `payload` octets of data, from port 50001 to 50002. */
export function segmentOctets(family: 4 | 6, payload = 40): Uint8Array {
  const packet = family === 4
    ? new Packet(IpAddress.from("10.0.0.1"), IpAddress.from("10.0.0.2"))
    : new Packet(IpAddress.from("2001:db8::1"), IpAddress.from("2001:db8::2"));
  const tcp = new TcpSegment();
  tcp.sourcePort = 50_001;
  tcp.destinationPort = 50_002;
  tcp.sequence = 0x81020304;
  tcp.flags = TCP_FLAG.ACK;
  tcp.hasTimestamps = true;
  tcp.timestampValue = 77;
  const dss = { dataAckLength: 8, dataAckLow: 5, dsnLength: 8, dsnLow: 6, subflowSequence: 1, dataLength: payload, checksum: 0x1234 };
  tcp.mptcp = [Object.assign(new Dss(), dss)];
  tcp.payload = Payload.of(new Uint8Array(payload).map((_, i) => i));
  packet.tcp = tcp;
  packet.length = packetLength(packet);
  const bytes = new Uint8Array(packet.length);
  encodePacket(packet, bytes, 0);
  return bytes;
}

/** `packet` in an IP packet of protocol `protocol`, behind `header`. */
export function within(family: 4 | 6, protocol: number, header: string, packet: Uint8Array): Uint8Array {
  const outer = family === 4
    ? new Packet(IpAddress.from("192.0.2.1"), IpAddress.from("192.0.2.2"))
    : new Packet(IpAddress.from("2001:db8:f::1"), IpAddress.from("2001:db8:f::2"));
  outer.opaque = { protocol, payload: Payload.of(joined(fromHex(header), packet)) };
  outer.length = packetLength(outer);
  const bytes = new Uint8Array(outer.length);
  encodePacket(outer, bytes, 0);
  return bytes;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const MACS = "020000000002 020000000001";
const SNAP = "aaaa03 000000";
const ADDRESSES_80211 = "020000000001 020000000002 020000000003";

/** Each link layer in front of a packet: name, link type, octets before it, its family. */
export const LINK_LAYERS: readonly (readonly [name: string, linkType: number, header: string, family: 4 | 6])[] = [
  ["NULL of Linux and Darwin", LINK_TYPE.null, "02000000", 4],
  ["NULL, big-endian", LINK_TYPE.null, "00000002", 4],
  ["NULL of NetBSD and OpenBSD, IPv6", LINK_TYPE.null, "18000000", 6],
  ["NULL of FreeBSD, IPv6", LINK_TYPE.null, "0000001c", 6],
  ["NULL of Darwin, IPv6", LINK_TYPE.null, "1e000000", 6],
  ["LOOP", LINK_TYPE.loop, "00000002", 4],
  ["LOOP, IPv6", LINK_TYPE.loop, "00000018", 6],
  ["Ethernet", LINK_TYPE.ethernet, `${MACS} 0800`, 4],
  ["Ethernet, IPv6", LINK_TYPE.ethernet, `${MACS} 86dd`, 6],
  ["Ethernet, 802.1Q", LINK_TYPE.ethernet, `${MACS} 8100 0001 0800`, 4],
  ["Ethernet, 802.1ad and 802.1Q", LINK_TYPE.ethernet, `${MACS} 88a8 0001 8100 0002 86dd`, 6],
  ["Ethernet, QinQ before the standard", LINK_TYPE.ethernet, `${MACS} 9100 0001 8100 0002 0800`, 4],
  ["Ethernet, three tags", LINK_TYPE.ethernet, `${MACS} 8100 0001 8100 0002 8100 0003 0800`, 4],
  ["Ethernet, LLC and SNAP", LINK_TYPE.ethernet, `${MACS} 0090 ${SNAP} 0800`, 4],
  ["Ethernet, MPLS with two labels", LINK_TYPE.ethernet, `${MACS} 8847 00064040 00065140`, 4],
  ["Ethernet, MPLS, IPv6", LINK_TYPE.ethernet, `${MACS} 8847 00065140`, 6],
  ["Ethernet, PPPoE", LINK_TYPE.ethernet, `${MACS} 8864 11000001 007e 0021`, 4],
  ["Ethernet, 802.1Q, PPPoE, IPv6", LINK_TYPE.ethernet, `${MACS} 8100 0007 8864 11000001 0092 0057`, 6],
  ["PPP", LINK_TYPE.ppp, "0021", 4],
  ["PPP, IPv6", LINK_TYPE.ppp, "0057", 6],
  ["PPP with address and control", LINK_TYPE.ppp, "ff03 0021", 4],
  ["PPP with a protocol of one octet", LINK_TYPE.ppp, "21", 4],
  ["PPP with address, control and a protocol of one octet", LINK_TYPE.ppp, "ff03 57", 6],
  ["PPP with MPLS", LINK_TYPE.ppp, "0281 00065140", 4],
  ["PPP in HDLC", LINK_TYPE.pppHdlc, "ff03 0021", 4],
  ["PPP in HDLC, Cisco's", LINK_TYPE.pppHdlc, "0f00 0800", 4],
  ["PPP with direction", LINK_TYPE.pppWithDirection, "01 ff03 0057", 6],
  ["PPPoE alone", LINK_TYPE.pppoe, "11000001 007e 0021", 4],
  ["LLC over ATM", LINK_TYPE.atmLlc, `${SNAP} 0800`, 4],
  ["Cisco HDLC", LINK_TYPE.ciscoHdlc, "0f00 86dd", 6],
  ["raw", LINK_TYPE.raw, "", 4],
  ["raw, IPv6", LINK_TYPE.raw, "", 6],
  ["raw of FreeBSD", LINK_TYPE.rawBsd, "", 4],
  ["raw of OpenBSD", LINK_TYPE.rawOpenBsd, "", 6],
  ["IPv4", LINK_TYPE.ipv4, "", 4],
  ["IPv6", LINK_TYPE.ipv6, "", 6],
  ["802.11", LINK_TYPE.ieee80211, `0801 0000 ${ADDRESSES_80211} 1000 ${SNAP} 0800`, 4],
  ["802.11 between two stations' networks", LINK_TYPE.ieee80211, `0803 0000 ${ADDRESSES_80211} 1000 020000000004 ${SNAP} 0800`, 4],
  ["802.11 with QoS", LINK_TYPE.ieee80211, `8802 0000 ${ADDRESSES_80211} 1000 0000 ${SNAP} 86dd`, 6],
  ["802.11 with QoS and HT control", LINK_TYPE.ieee80211, `8881 0000 ${ADDRESSES_80211} 1000 0000 00000000 ${SNAP} 0800`, 4],
  ["radiotap", LINK_TYPE.ieee80211Radiotap, `00 00 0900 02000000 00 0801 0000 ${ADDRESSES_80211} 1000 ${SNAP} 0800`, 4],
  [
    "radiotap with a time, two bit maps and a padded header",
    LINK_TYPE.ieee80211Radiotap,
    `00 00 1900 030000a0 00000000 00000000 0000000000000000 20 8802 0000 ${ADDRESSES_80211} 1000 0000 0000 ${SNAP} 0800`,
    4,
  ],
  ["PPI with 802.11", LINK_TYPE.ppi, `00 00 0800 69000000 0801 0000 ${ADDRESSES_80211} 1000 ${SNAP} 0800`, 4],
  ["PPI with Ethernet", LINK_TYPE.ppi, `00 00 0800 01000000 ${MACS} 86dd`, 6],
  ["Linux's cooked capture", LINK_TYPE.linuxSll, "0000 0001 0006 0200000000010000 0800", 4],
  ["Linux's cooked capture, 802.1Q", LINK_TYPE.linuxSll, "0000 0001 0006 0200000000010000 8100 0001 86dd", 6],
  ["Linux's cooked capture, version 2", LINK_TYPE.linuxSll2, "86dd 0000 00000001 0001 00 06 0200000000010000", 6],
  ["NFLOG", LINK_TYPE.nflog, "02 00 0001 0800 0100 00000300 0500 0a00 41000000 7c00 0900", 4],
];

/** Tunnels: name, the packet, how many IP headers it has. */
export const TUNNELS: readonly (readonly [name: string, packet: Uint8Array, depth: number])[] = [
  ["IPv4 in IPv4", within(4, 4, "", segmentOctets(4)), 2],
  ["IPv6 in IPv4", within(4, 41, "", segmentOctets(6)), 2],
  ["IPv4 in IPv6", within(6, 4, "", segmentOctets(4)), 2],
  ["IPv6 in IPv6", within(6, 41, "", segmentOctets(6)), 2],
  ["GRE", within(4, 47, "0000 0800", segmentOctets(4)), 2],
  ["GRE with checksum, key and number", within(4, 47, "b000 86dd 00000000 00000001 00000002", segmentOctets(6)), 2],
  ["GRE with Ethernet", within(6, 47, `2000 6558 00000100 ${MACS} 0800`, segmentOctets(4)), 2],
  ["GRE with PPP", within(4, 47, "3081 880b 0084 0001 00000001 00000002 ff03 0021", segmentOctets(4)), 2],
  ["VXLAN", within(4, 17, `c000 12b5 0096 0000 08000000 00000100 ${MACS} 0800`, segmentOctets(4)), 2],
  ["VXLAN over IPv6 with a tag", within(6, 17, `c000 12b5 00ae 1234 08000000 00000100 ${MACS} 8100 0001 86dd`, segmentOctets(6)), 2],
  ["Geneve with an option", within(4, 17, `c000 17c1 009a 0000 0100 6558 00000100 0102 0000 ${MACS} 0800`, segmentOctets(4)), 2],
  ["three deep", within(4, 4, "", within(6, 47, "0000 86dd", segmentOctets(6))), 3],
];

/** A pcapng file with an interface for each frame, without packets of any other kind. */
export function fileOf(frames: readonly TestFrame[]): Uint8Array {
  const blocks: Uint8Array[] = [block(0x0a0d0d0a, "4d3c2b1a 0100 0000 ffffffffffffffff", new Uint8Array())];
  for (const { linkType } of frames) blocks.push(block(1, `${half(linkType)} 0000 00000000`, new Uint8Array()));
  for (const [i, { bytes, originalLength }] of frames.entries()) {
    blocks.push(block(6, `${word(i)} 00000000 ${word(1_000_000 + i)} ${word(bytes.length)} ${word(originalLength ?? bytes.length)}`, bytes));
  }
  return joined(...blocks);
}

/** A block of pcapng, little-endian. */
export function block(type: number, head: string, rest: Uint8Array): Uint8Array {
  const body = joined(fromHex(head), rest, new Uint8Array((4 - (rest.length % 4)) % 4));
  const length = word(12 + body.length);
  return joined(fromHex(`${word(type)} ${length}`), body, fromHex(length));
}

export function word(value: number): string {
  return half(value & 0xffff) + half(value >>> 16);
}

export function half(value: number): string {
  return [value & 0xff, value >>> 8].map((octet) => octet.toString(16).padStart(2, "0")).join("");
}
