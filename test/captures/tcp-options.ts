/**
 * TCP options from their octets (RFC 9293 §3.1, RFC 8684 §3 version 1), written for these tests alone: it shares no code with the engine.
 */

/** A Multipath TCP option. Numbers that an option does not have are -1, octets null. */
export type MptcpOption =
  | { readonly kind: "capable"; readonly version: number; readonly flags: number; readonly senderKey: Buffer | null; readonly receiverKey: Buffer | null; readonly dataLength: number; readonly checksum: number }
  | { readonly kind: "join-syn"; readonly backup: boolean; readonly addressId: number; readonly token: number; readonly nonce: Buffer }
  | { readonly kind: "join-synack"; readonly backup: boolean; readonly addressId: number; readonly hmac: Buffer; readonly nonce: Buffer }
  | { readonly kind: "join-ack"; readonly hmac: Buffer }
  | Dss
  | { readonly kind: "add-address"; readonly echo: boolean; readonly addressId: number; readonly address: Buffer; readonly port: number; readonly hmac: Buffer | null }
  | { readonly kind: "remove-address"; readonly addressIds: readonly number[] }
  | { readonly kind: "priority"; readonly backup: boolean }
  | { readonly kind: "fail"; readonly dsn: bigint }
  | { readonly kind: "fastclose"; readonly receiverKey: Buffer }
  | { readonly kind: "reset"; readonly flags: number; readonly reason: number };

export interface Dss {
  readonly kind: "dss";
  readonly dataFin: boolean;
  /** null: not there. */
  readonly dataAck: bigint | null;
  /** 0, 4 or 8. */
  readonly dataAckOctets: number;
  readonly dsn: bigint | null;
  readonly dsnOctets: number;
  readonly subflowSequence: number;
  readonly dataLength: number;
  /** -1: there is none. */
  readonly checksum: number;
}

export interface TcpOptions {
  readonly mptcp: readonly MptcpOption[];
  /** -1: there is none. */
  readonly windowScale: number;
}

/** Parses all options of a segment. @throws Error when they are not what the RFCs allow */
export function parseTcpOptions(bytes: Buffer, syn: boolean, ack: boolean): TcpOptions {
  const mptcp: MptcpOption[] = [];
  let windowScale = -1;
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes.readUInt8(at);
    if (kind === 0) {
      if (bytes.subarray(at).some((octet) => octet !== 0)) throw new Error("something follows the end of the option list");
      break;
    }
    if (kind === 1) {
      at++;
      continue;
    }
    const length = bytes.readUInt8(at + 1);
    if (length < 2 || at + length > bytes.length) throw new Error(`option ${kind} of length ${length}`);
    if (kind === MPTCP) mptcp.push(parseMptcp(bytes.subarray(at, at + length), syn, ack));
    else if (kind === 3 && length === 3) windowScale = bytes.readUInt8(at + 2);
    else if (LENGTHS[kind]?.includes(length) !== true) throw new Error(`option ${kind} of length ${length}`);
    at += length;
  }
  return { mptcp, windowScale };
}

const MPTCP = 30;
/** MSS, SACK-permitted, SACK, timestamps. */
const LENGTHS: Readonly<Record<number, readonly number[]>> = { 2: [4], 4: [2], 5: [10, 18, 26, 34], 8: [10] };

function parseMptcp(o: Buffer, syn: boolean, ack: boolean): MptcpOption {
  if (o.length < 3) throw new Error("MPTCP option without subtype");
  const subtype = o.readUInt8(2) >> 4;
  const low = o.readUInt8(2) & 15;
  const wrong = (): Error => new Error(`MPTCP option of subtype ${subtype} and length ${o.length}`);
  const require = (...lengths: number[]): void => {
    if (!lengths.includes(o.length)) throw wrong();
  };
  switch (subtype) {
    case 0: {
      // RFC 8684 §3.1: the form follows from the segment.
      if (syn) require(ack || low === 0 ? 12 : 4);
      else if (low === 0) require(20);
      else require(20, 22, 24);
      const key = (at: number): Buffer | null => (o.length >= at + 8 ? o.subarray(at, at + 8) : null);
      return { kind: "capable", version: low, flags: o.readUInt8(3), senderKey: key(4), receiverKey: key(12), dataLength: o.length >= 22 ? o.readUInt16BE(20) : -1, checksum: o.length >= 24 ? o.readUInt16BE(22) : -1 };
    }
    case 1:
      return parseJoin(o, syn, ack, wrong);
    case 2:
      return parseDss(o, wrong);
    case 3:
      return parseAddAddress(o, low, require);
    case 4:
      if (o.length < 4) throw wrong();
      return { kind: "remove-address", addressIds: [...o.subarray(3)] };
    case 5:
      require(3);
      return { kind: "priority", backup: (low & 1) !== 0 };
    case 6:
      require(12);
      return { kind: "fail", dsn: o.readBigUInt64BE(4) };
    case 7:
      require(12);
      return { kind: "fastclose", receiverKey: o.subarray(4, 12) };
    case 8:
      require(4);
      return { kind: "reset", flags: low, reason: o.readUInt8(3) };
    default:
      throw wrong();
  }
}

/** RFC 8684 §3.2. */
function parseJoin(o: Buffer, syn: boolean, ack: boolean, wrong: () => Error): MptcpOption {
  const backup = (o.readUInt8(2) & 1) !== 0;
  if (syn && !ack && o.length === 12) return { kind: "join-syn", backup, addressId: o.readUInt8(3), token: o.readUInt32BE(4), nonce: o.subarray(8, 12) };
  if (syn && ack && o.length === 16) return { kind: "join-synack", backup, addressId: o.readUInt8(3), hmac: o.subarray(4, 12), nonce: o.subarray(12, 16) };
  if (!syn && ack && o.length === 24) return { kind: "join-ack", hmac: o.subarray(4, 24) };
  throw wrong();
}

/** RFC 8684 §3.3. */
function parseDss(o: Buffer, wrong: () => Error): Dss {
  if (o.length < 4) throw wrong();
  const flags = o.readUInt8(3);
  const dataAckOctets = (flags & 0x01) === 0 ? 0 : (flags & 0x02) === 0 ? 4 : 8;
  const dsnOctets = (flags & 0x04) === 0 ? 0 : (flags & 0x08) === 0 ? 4 : 8;
  const dsnAt = 4 + dataAckOctets;
  const length = dsnOctets === 0 ? dsnAt : dsnAt + dsnOctets + 6;
  const hasChecksum = dsnOctets > 0 && o.length === length + 2;
  if (o.length !== length && !hasChecksum) throw wrong();
  const dataFin = (flags & 0x10) !== 0;
  if (dataFin && dsnOctets === 0) throw new Error("DATA_FIN without a data sequence number");
  const number = (at: number, octets: number): bigint | null => (octets === 0 ? null : octets === 4 ? BigInt(o.readUInt32BE(at)) : o.readBigUInt64BE(at));
  return {
    kind: "dss", dataFin, dataAckOctets, dsnOctets,
    checksum: hasChecksum ? o.readUInt16BE(length) : -1,
    dataAck: number(4, dataAckOctets),
    dsn: number(dsnAt, dsnOctets),
    subflowSequence: dsnOctets === 0 ? -1 : o.readUInt32BE(dsnAt + dsnOctets),
    dataLength: dsnOctets === 0 ? -1 : o.readUInt16BE(dsnAt + dsnOctets + 4),
  };
}

/** RFC 8684 §3.4.1: address family, port and HMAC follow from the length and the E flag. */
function parseAddAddress(o: Buffer, flags: number, require: (...lengths: number[]) => void): MptcpOption {
  const echo = (flags & 1) !== 0;
  // RFC 6824 §3.4.1: the IP version is said, and there is no HMAC.
  const isBare = echo || (flags !== 0 && o.length === (flags === 4 ? 8 : 20)) || (flags !== 0 && o.length === (flags === 4 ? 10 : 22));
  if (isBare) require(8, 10, 20, 22);
  else require(16, 18, 28, 30);
  const end = isBare ? o.length : o.length - 8;
  const addressLength = end >= 20 ? 16 : 4;
  const portAt = 4 + addressLength;
  return {
    kind: "add-address", echo, addressId: o.readUInt8(3), address: o.subarray(4, portAt),
    port: end > portAt ? o.readUInt16BE(portAt) : -1,
    hmac: isBare ? null : o.subarray(end),
  };
}

/** The fields of tshark that {@link tsharkValues} foretells. */
export const OPTION_FIELDS = [
  "tcp.options.mptcp.subtype", "tcp.options.mptcp.addrid", "tcp.options.mptcp.sendkey", "tcp.options.mptcp.recvkey", "tcp.options.mptcp.recvtok",
  "tcp.options.mptcp.sendrand", "tcp.options.mptcp.sendtrunchmac", "tcp.options.mptcp.sendhmac", "tcp.options.mptcp.addaddrtrunchmac",
  "tcp.options.mptcp.rawdataack", "tcp.options.mptcp.rawdataseqno", "tcp.options.mptcp.subflowseqno", "tcp.options.mptcp.datalvllen",
] as const;

export type OptionField = (typeof OPTION_FIELDS)[number];

/** What tshark shows of a segment's options if it reads them as we do: its fields, with their values in order. */
export function tsharkValues(options: readonly MptcpOption[]): Record<OptionField, string[]> {
  const shown = Object.fromEntries(OPTION_FIELDS.map((field) => [field, [] as string[]])) as Record<OptionField, string[]>;
  const add = (field: string, value: number | bigint | string | null): void => {
    if (value !== null && value !== -1) shown[`tcp.options.mptcp.${field}` as OptionField].push(String(value));
  };
  for (const option of options) {
    add("subtype", SUBTYPES[option.kind]);
    if ("addressId" in option) add("addrid", option.addressId);
    switch (option.kind) {
      case "capable":
        add("sendkey", unsigned(option.senderKey));
        add("recvkey", unsigned(option.receiverKey));
        add("datalvllen", option.dataLength);
        break;
      case "join-syn":
        add("recvtok", option.token);
        add("sendrand", unsigned(option.nonce));
        break;
      case "join-synack":
        add("sendtrunchmac", unsigned(option.hmac));
        add("sendrand", unsigned(option.nonce));
        break;
      case "join-ack":
        add("sendhmac", option.hmac.toString("hex"));
        break;
      case "dss":
        add("rawdataack", option.dataAck);
        add("rawdataseqno", option.dsn);
        add("subflowseqno", option.subflowSequence);
        add("datalvllen", option.dataLength);
        break;
      case "add-address":
        add("addaddrtrunchmac", unsigned(option.hmac));
        break;
      case "remove-address":
        for (const id of option.addressIds) add("addrid", id);
        break;
      case "fail":
        add("rawdataseqno", option.dsn);
        break;
      case "fastclose":
        add("recvkey", unsigned(option.receiverKey));
        break;
      default:
    }
  }
  return shown;
}

function unsigned(octets: Buffer | null): bigint | null {
  return octets === null ? null : BigInt(`0x${octets.toString("hex")}`);
}

const SUBTYPES: Readonly<Record<MptcpOption["kind"], number>> = {
  capable: 0, "join-syn": 1, "join-synack": 1, "join-ack": 1, dss: 2, "add-address": 3, "remove-address": 4, priority: 5, fail: 6, fastclose: 7, reset: 8,
};
