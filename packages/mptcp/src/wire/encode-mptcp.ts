import { DSS_FLAG, MPTCP_SUBTYPE, TCP_OPTION } from "./layout.ts";
import { mptcpOptionLength } from "./lengths.ts";
import type { AddAddress, Dss, MpCapable, MptcpOption } from "./mptcp-options.ts";
import { write16, write32, writeOctets } from "./octets.ts";

/** Writes `option` at `at` in the layout of RFC 8684 (RFC 6824 for version 0), reserved bits 0; returns the octets written. */
export function encodeMptcpOption(option: MptcpOption, target: Uint8Array, at: number): number {
  const length = mptcpOptionLength(option);
  target[at] = TCP_OPTION.mptcp;
  target[at + 1] = length;
  switch (option.kind) {
    case "dss":
      encodeDss(option, target, at);
      break;
    case "mp_capable":
      encodeMpCapable(option, target, at);
      break;
    case "mp_join_syn":
      encodeHead(target, at, MPTCP_SUBTYPE.mpJoin, option.backup ? 1 : 0, option.addressId);
      write32(target, at + 4, option.token);
      write32(target, at + 8, option.nonce);
      break;
    case "mp_join_synack":
      encodeHead(target, at, MPTCP_SUBTYPE.mpJoin, option.backup ? 1 : 0, option.addressId);
      writeOctets(target, at + 4, option.hmac, 8);
      write32(target, at + 12, option.nonce);
      break;
    case "mp_join_ack":
      encodeHead(target, at, MPTCP_SUBTYPE.mpJoin, 0, 0);
      writeOctets(target, at + 4, option.hmac, 20);
      break;
    case "add_addr":
      encodeAddAddress(option, target, at);
      break;
    case "remove_addr":
      target[at + 2] = MPTCP_SUBTYPE.removeAddress << 4;
      for (let i = 0; i < option.addressIds.length; i++) target[at + 3 + i] = option.addressIds[i];
      break;
    case "mp_prio":
      target[at + 2] = (MPTCP_SUBTYPE.mpPriority << 4) | (option.backup ? 1 : 0);
      if (option.addressId >= 0) target[at + 3] = option.addressId;
      break;
    case "mp_fail":
      encodeHead(target, at, MPTCP_SUBTYPE.mpFail, 0, 0);
      write32(target, at + 4, option.dsnHigh);
      write32(target, at + 8, option.dsnLow);
      break;
    case "mp_fastclose":
      encodeHead(target, at, MPTCP_SUBTYPE.mpFastclose, 0, 0);
      writeOctets(target, at + 4, option.receiverKey, 8);
      break;
    case "mp_tcprst":
      encodeHead(
        target,
        at,
        MPTCP_SUBTYPE.mpReset,
        ((option.reserved & 7) << 1) | (option.transient ? 1 : 0),
        option.reason,
      );
      break;
    case "mptcp_unknown":
      writeOctets(target, at + 2, option.data, option.data.length);
      break;
  }
  return length;
}

function encodeHead(target: Uint8Array, at: number, subtype: number, nibble: number, octet: number): void {
  target[at + 2] = (subtype << 4) | nibble;
  target[at + 3] = octet;
}

function encodeDss(option: Dss, target: Uint8Array, at: number): void {
  let flags = option.dataFin ? DSS_FLAG.dataFin : 0;
  let i = at + 4;
  if (option.dataAckLength !== 0) {
    flags |= DSS_FLAG.dataAck;
    if (option.dataAckLength === 8) {
      flags |= DSS_FLAG.dataAck8;
      write32(target, i, option.dataAckHigh);
      i += 4;
    }
    write32(target, i, option.dataAckLow);
    i += 4;
  }
  if (option.dsnLength !== 0) {
    flags |= DSS_FLAG.mapping;
    if (option.dsnLength === 8) {
      flags |= DSS_FLAG.dsn8;
      write32(target, i, option.dsnHigh);
      i += 4;
    }
    write32(target, i, option.dsnLow);
    write32(target, i + 4, option.subflowSequence);
    write16(target, i + 8, option.dataLength);
    if (option.checksum >= 0) write16(target, i + 10, option.checksum);
  }
  encodeHead(target, at, MPTCP_SUBTYPE.dss, 0, flags);
}

function encodeMpCapable(option: MpCapable, target: Uint8Array, at: number): void {
  encodeHead(target, at, MPTCP_SUBTYPE.mpCapable, option.version & 0x0f, option.flags);
  let i = at + 4;
  if (option.senderKey !== null) {
    writeOctets(target, i, option.senderKey, 8);
    i += 8;
  }
  if (option.receiverKey !== null) {
    writeOctets(target, i, option.receiverKey, 8);
    i += 8;
  }
  if (option.dataLength >= 0) {
    write16(target, i, option.dataLength);
    i += 2;
  }
  if (option.checksum >= 0) write16(target, i, option.checksum);
}

function encodeAddAddress(option: AddAddress, target: Uint8Array, at: number): void {
  const address = option.address;
  // RFC 6824 §3.4.1: IPVer; RFC 8684 §3.4.1: three reserved bits and E.
  const nibble = option.version === 0 ? address.family : option.echo ? 1 : 0;
  encodeHead(target, at, MPTCP_SUBTYPE.addAddress, nibble, option.addressId);
  let i = at + 4;
  if (address.family === 6) {
    write32(target, i, address.w0);
    write32(target, i + 4, address.w1);
    write32(target, i + 8, address.w2);
    i += 12;
  }
  write32(target, i, address.w3);
  i += 4;
  if (option.port !== 0) {
    write16(target, i, option.port);
    i += 2;
  }
  if (option.hmac !== null) writeOctets(target, i, option.hmac, 8);
}
