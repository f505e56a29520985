import { IpAddress } from "./address.ts";
import { DSS_FLAG, MPTCP_SUBTYPE } from "./layout.ts";
import { Dss } from "./mptcp-options.ts";
import type { MpCapable, MptcpOption } from "./mptcp-options.ts";
import { copyOctets, read16, read32 } from "./octets.ts";

/**
 * The canonical form of the MPTCP option of `length` octets at `at` (its kind octet), which the caller knows to lie in
 * `bytes`. An option that is malformed, or of an unknown subtype or length, becomes `mptcp_unknown`. Octets are copied,
 * so the result outlives the buffer. Reserved bits are ignored (RFC 8684 §3.3, §3.4.1, §3.6).
 */
export function decodeMptcpOption(bytes: Uint8Array, at: number, length: number): MptcpOption {
  const option = length < 3 ? null : decodeSubtype(bytes, at, length);
  return option ?? { kind: "mptcp_unknown", data: copyOctets(bytes, at + 2, length - 2) };
}

function decodeSubtype(bytes: Uint8Array, at: number, length: number): MptcpOption | null {
  switch (bytes[at + 2] >>> 4) {
    case MPTCP_SUBTYPE.dss:
      return length < 4 ? null : decodeDss(bytes, at, length);
    case MPTCP_SUBTYPE.mpCapable:
      return length < 4 ? null : decodeMpCapable(bytes, at, length);
    case MPTCP_SUBTYPE.mpJoin:
      return decodeMpJoin(bytes, at, length);
    case MPTCP_SUBTYPE.addAddress:
      return decodeAddAddress(bytes, at, length);
    case MPTCP_SUBTYPE.removeAddress:
      return decodeRemoveAddress(bytes, at, length);
    case MPTCP_SUBTYPE.mpPriority: {
      // RFC 8684 §3.3.8: 3 octets; RFC 6824 §3.3.8: 4 when an Address ID follows.
      if (length !== 3 && length !== 4) return null;
      return { kind: "mp_prio", backup: (bytes[at + 2] & 1) !== 0, addressId: length === 4 ? bytes[at + 3] : -1 };
    }
    case MPTCP_SUBTYPE.mpFail:
      if (length !== 12) return null;
      return { kind: "mp_fail", dsnHigh: read32(bytes, at + 4), dsnLow: read32(bytes, at + 8) };
    case MPTCP_SUBTYPE.mpFastclose:
      if (length !== 12) return null;
      return { kind: "mp_fastclose", receiverKey: copyOctets(bytes, at + 4, 8) };
    case MPTCP_SUBTYPE.mpReset:
      if (length !== 4) return null;
      return {
        kind: "mp_tcprst",
        transient: (bytes[at + 2] & 1) !== 0,
        reserved: (bytes[at + 2] >>> 1) & 7,
        reason: bytes[at + 3],
      };
    default:
      return null;
  }
}

function decodeDss(bytes: Uint8Array, at: number, length: number): Dss | null {
  const flags = bytes[at + 3];
  // RFC 8684 §3.3: "a" and "m" mean something only beside "A" and "M".
  const dataAckLength = (flags & DSS_FLAG.dataAck) === 0 ? 0 : (flags & DSS_FLAG.dataAck8) === 0 ? 4 : 8;
  const dsnLength = (flags & DSS_FLAG.mapping) === 0 ? 0 : (flags & DSS_FLAG.dsn8) === 0 ? 4 : 8;
  const expected = 4 + dataAckLength + (dsnLength === 0 ? 0 : dsnLength + 6);
  // RFC 8684 §3.3: the option's length tells whether a checksum is there.
  const hasChecksum = dsnLength !== 0 && length === expected + 2;
  if (length !== expected && !hasChecksum) return null;
  const dss = new Dss();
  dss.dataAckLength = dataAckLength;
  dss.dsnLength = dsnLength;
  dss.dataFin = (flags & DSS_FLAG.dataFin) !== 0;
  let i = at + 4;
  if (dataAckLength !== 0) {
    if (dataAckLength === 8) dss.dataAckHigh = read32(bytes, i);
    dss.dataAckLow = read32(bytes, i + dataAckLength - 4);
    i += dataAckLength;
  }
  if (dsnLength !== 0) {
    if (dsnLength === 8) dss.dsnHigh = read32(bytes, i);
    dss.dsnLow = read32(bytes, i + dsnLength - 4);
    i += dsnLength;
    dss.subflowSequence = read32(bytes, i);
    dss.dataLength = read16(bytes, i + 4);
    if (hasChecksum) dss.checksum = read16(bytes, i + 6);
  }
  return dss;
}

function decodeMpCapable(bytes: Uint8Array, at: number, length: number): MpCapable | null {
  const version = bytes[at + 2] & 0x0f;
  // RFC 6824 §3.1: 12 octets on SYN and SYN+ACK, 20 on the third ACK.
  // RFC 8684 §3.1: 4 on the SYN, 12 on the SYN+ACK, 20 on the third ACK, 22 or 24 with first data.
  const known = length === 12 || length === 20 || (version !== 0 && (length === 4 || length === 22 || length === 24));
  if (!known) return null;
  return {
    kind: "mp_capable",
    version,
    flags: bytes[at + 3],
    senderKey: length >= 12 ? copyOctets(bytes, at + 4, 8) : null,
    receiverKey: length >= 20 ? copyOctets(bytes, at + 12, 8) : null,
    dataLength: length >= 22 ? read16(bytes, at + 20) : -1,
    checksum: length === 24 ? read16(bytes, at + 22) : -1,
  };
}

function decodeMpJoin(bytes: Uint8Array, at: number, length: number): MptcpOption | null {
  const backup = (bytes[at + 2] & 1) !== 0;
  // RFC 8684 §3.2: the three forms have lengths of their own; whether one fits the segment is the handshake's matter.
  switch (length) {
    case 12:
      return {
        kind: "mp_join_syn",
        backup,
        addressId: bytes[at + 3],
        token: read32(bytes, at + 4),
        nonce: read32(bytes, at + 8),
      };
    case 16:
      return {
        kind: "mp_join_synack",
        backup,
        addressId: bytes[at + 3],
        hmac: copyOctets(bytes, at + 4, 8),
        nonce: read32(bytes, at + 12),
      };
    case 24:
      return { kind: "mp_join_ack", hmac: copyOctets(bytes, at + 4, 20) };
    default:
      return null;
  }
}

/**
 * ADD_ADDR of either version. No hint is needed to tell them apart: the nibble after the subtype is IPVer, 4 or 6, in
 * version 0 and has E as its lowest bit in version 1. E is 0 in both 4 and 6, and a version 1 option with E = 0 carries
 * an HMAC, which makes it 8 octets longer than any version 0 option for the same family. So:
 *
 * | lowest bit | length         | meaning                                                   |
 * |------------|----------------|-----------------------------------------------------------|
 * | 1          | 8, 10, 20, 22  | version 1, echo                                           |
 * | 0          | 16, 18, 28, 30 | version 1, with HMAC                                      |
 * | 0          | 8, 10          | version 0 when the nibble is 4 (RFC 6824 §3.4.1)           |
 * | 0          | 20, 22         | version 0 when the nibble is 6                            |
 *
 * Everything else is malformed in both versions.
 */
function decodeAddAddress(bytes: Uint8Array, at: number, length: number): MptcpOption | null {
  const nibble = bytes[at + 2] & 0x0f;
  const echo = (nibble & 1) !== 0;
  const withHmac = length === 16 || length === 18 || length === 28 || length === 30;
  // RFC 8684 §3.4.1: an echo has no HMAC, everything else of version 1 has one.
  if (withHmac && echo) return null;
  const bare = withHmac ? length - 8 : length;
  if (bare !== 8 && bare !== 10 && bare !== 20 && bare !== 22) return null;
  const isV4 = bare <= 10;
  const version = withHmac || echo ? 1 : 0;
  if (version === 0 && nibble !== (isV4 ? 4 : 6)) return null;
  const addressEnd = at + (isV4 ? 8 : 20);
  const hasPort = bare === 10 || bare === 22;
  return {
    kind: "add_addr",
    version,
    echo,
    addressId: bytes[at + 3],
    address: isV4
      ? IpAddress.v4(read32(bytes, at + 4))
      : IpAddress.v6(read32(bytes, at + 4), read32(bytes, at + 8), read32(bytes, at + 12), read32(bytes, at + 16)),
    port: hasPort ? read16(bytes, addressEnd) : 0,
    hmac: withHmac ? copyOctets(bytes, at + length - 8, 8) : null,
  };
}

function decodeRemoveAddress(bytes: Uint8Array, at: number, length: number): MptcpOption | null {
  // RFC 8684 §3.4.2: length 3 + n, with at least one Address ID.
  if (length < 4) return null;
  const addressIds: number[] = [];
  for (let i = at + 3; i < at + length; i++) addressIds.push(bytes[i]);
  return { kind: "remove_addr", addressIds };
}
