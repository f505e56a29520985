import { IpAddress, Packet, TCP_FLAG, TcpSegment } from "mptcp/wire";
import type { MptcpOption } from "mptcp/wire";
import type { FuzzRandom } from "../fuzz/random.ts";

/** MP_CAPABLE of a SYN. */
export const CAPABLE = { kind: "mp_capable", version: 1, flags: 1, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 } satisfies MptcpOption;

/** MP_JOIN of a SYN. */
export function joinSyn(random: FuzzRandom, token: number): MptcpOption {
  return { kind: "mp_join_syn", backup: false, addressId: random.below(256), token, nonce: random.uint32() };
}

/** Address number `n` of those that nobody has. */
export function madeUp(n: number): IpAddress {
  return IpAddress.v4(0xc6120000 + (n % 131_072));
}

/** A SYN with the options that systems send today. */
export function syn(random: FuzzRandom, from: IpAddress, fromPort: number, to: IpAddress, toPort: number, mptcp: readonly MptcpOption[]): Packet {
  const packet = new Packet(from, to);
  const tcp = new TcpSegment();
  Object.assign(tcp, { sourcePort: fromPort, destinationPort: toPort, flags: TCP_FLAG.SYN, sequence: random.uint32(), window: 65_535, mptcp });
  Object.assign(tcp, { maximumSegmentSize: 1460, windowScale: 7, sackPermitted: true, hasTimestamps: true, timestampValue: random.uint32() });
  packet.tcp = tcp;
  return packet;
}
