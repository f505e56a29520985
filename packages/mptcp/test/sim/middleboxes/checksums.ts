/** The sum of a packet's transport and its pseudo header (RFC 9293 §3.1, RFC 8200 §8.1), octet by octet: 0xffff where the checksum is right. */
export function checksumOfPacket(wire: Uint8Array): number {
  const isV4 = (wire[0] as number) >> 4 === 4;
  const header = isV4 ? ((wire[0] as number) & 15) * 4 : 40;
  const addresses = isV4 ? wire.subarray(12, 20) : wire.subarray(8, 40);
  const protocol = wire[isV4 ? 9 : 6] as number;
  const segment = wire.subarray(header);
  return foldedSum([...addresses, 0, protocol, segment.length >> 8, segment.length & 255, ...segment]);
}

/** 0xffff where the checksum of an IPv4 header is right. */
export function checksumOfHeader(wire: Uint8Array): number {
  return foldedSum([...wire.subarray(0, ((wire[0] as number) & 15) * 4)]);
}

function foldedSum(octets: readonly number[]): number {
  let sum = 0;
  octets.forEach((octet, i) => (sum += i % 2 === 0 ? octet * 256 : octet));
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}
