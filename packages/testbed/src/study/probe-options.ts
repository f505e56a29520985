import { Dss } from "mptcp/wire";
import type { MpCapable, MptcpOption, RawTcpOption } from "mptcp/wire";
import type { OptionForm } from "./raw-end.ts";

/** The options that the probe tries: one that everybody knows, one that is registered and that few know, and two that nobody knows. */
export type ProbeOption = "timestamps" | "mp_capable" | "unknown";

export const PROBE_OPTIONS: readonly ProbeOption[] = ["timestamps", "mp_capable", "unknown"];

/** How an option begins in a {@link Sight}. */
export const OPTION_PREFIXES: Readonly<Record<ProbeOption, readonly string[]>> = { timestamps: ["8:"], mp_capable: ["1e:"], unknown: ["d3:", "d4:"] };

const key = (first: number): Uint8Array => Uint8Array.from({ length: 8 }, (_, i) => first + i);
const capable = (senderKey: Uint8Array | null, receiverKey: Uint8Array | null): MpCapable => ({ kind: "mp_capable", version: 1, flags: 1, senderKey, receiverKey, dataLength: -1, checksum: -1 });
const raw = (kind: number, ...octets: readonly number[]): RawTcpOption => ({ kind, data: Uint8Array.from(octets) });

/** A mapping of the probe's data, and a priority beside it: two options of one kind, whose order and number can be seen (RFC 8684 §3.3.1, §3.3.8). */
const mapped: readonly MptcpOption[] = [
  Object.assign(new Dss(), { dataAckLength: 4, dataAckLow: 0x12345678, dsnLength: 4, dsnLow: 0x01020304, subflowSequence: 1, dataLength: 400 }),
  { kind: "mp_prio", backup: false, addressId: -1 },
];
/** Two kinds that IANA has given to nobody: 211 and 212. */
const unknown: readonly RawTcpOption[] = [raw(211, 1, 2, 3, 4), raw(212, 5, 6)];

/** On SYN, SYN+ACK and the ACK that follows. */
export const HANDSHAKE_OPTIONS: Readonly<Record<ProbeOption, readonly [OptionForm, OptionForm, OptionForm]>> = {
  timestamps: [{ timestamps: [1000, 0] }, { timestamps: [2000, 1000] }, { timestamps: [1001, 2000] }],
  // RFC 8684 §3.1: no key on the SYN of version 1, the server's on the SYN+ACK, both on the third ACK.
  mp_capable: [{ mptcp: [capable(null, null)] }, { mptcp: [capable(key(0x21), null)] }, { mptcp: [capable(key(0x11), key(0x21))] }],
  unknown: [{ others: unknown }, { others: [raw(211, 9, 8, 7, 6), raw(212, 5, 6)] }, { others: unknown }],
};

/** On segments with data, and their ACKs. */
export const DATA_OPTIONS: Readonly<Record<ProbeOption, OptionForm>> = { timestamps: { timestamps: [1010, 2000] }, mp_capable: { mptcp: mapped }, unknown: { others: unknown } };
