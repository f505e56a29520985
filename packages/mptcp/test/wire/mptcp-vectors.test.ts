import { describe, expect, it } from "vitest";
import { decodeMptcpOption, encodeMptcpOption, mptcpOptionLength } from "../../src/wire/index.ts";
import { fromHex, hex, plainOption } from "./arbitraries.ts";

/** Octets set by hand from the figures of RFC 8684 and RFC 6824, and what they mean. */
const VECTORS: readonly [name: string, octets: string, fields: Record<string, unknown>][] = [
  [
    "MP_CAPABLE v1, SYN (RFC 8684 Figure 4, length 4)",
    "1e 04 01 81",
    { kind: "mp_capable", version: 1, flags: 0x81, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 },
  ],
  [
    "MP_CAPABLE v1, SYN+ACK (length 12)",
    "1e 0c 01 01 0102030405060708",
    { kind: "mp_capable", version: 1, flags: 0x01, senderKey: "0102030405060708", receiverKey: null, dataLength: -1, checksum: -1 },
  ],
  [
    "MP_CAPABLE v1, third ACK (length 20), flag C",
    "1e 14 01 21 0102030405060708 1112131415161718",
    {
      kind: "mp_capable", version: 1, flags: 0x21, senderKey: "0102030405060708", receiverKey: "1112131415161718",
      dataLength: -1, checksum: -1,
    },
  ],
  [
    "MP_CAPABLE v1 with data (length 22)",
    "1e 16 01 01 0102030405060708 1112131415161718 05b4",
    {
      kind: "mp_capable", version: 1, flags: 0x01, senderKey: "0102030405060708", receiverKey: "1112131415161718",
      dataLength: 0x05b4, checksum: -1,
    },
  ],
  [
    "MP_CAPABLE v1 with data and checksum (length 24)",
    "1e 18 01 81 0102030405060708 1112131415161718 05b4 abcd",
    {
      kind: "mp_capable", version: 1, flags: 0x81, senderKey: "0102030405060708", receiverKey: "1112131415161718",
      dataLength: 0x05b4, checksum: 0xabcd,
    },
  ],
  [
    "MP_CAPABLE v0, SYN (RFC 6824 Figure 4, length 12)",
    "1e 0c 00 81 0102030405060708",
    { kind: "mp_capable", version: 0, flags: 0x81, senderKey: "0102030405060708", receiverKey: null, dataLength: -1, checksum: -1 },
  ],
  [
    "MP_CAPABLE v0, third ACK (length 20)",
    "1e 14 00 01 0102030405060708 1112131415161718",
    {
      kind: "mp_capable", version: 0, flags: 0x01, senderKey: "0102030405060708", receiverKey: "1112131415161718",
      dataLength: -1, checksum: -1,
    },
  ],
  [
    "MP_JOIN, SYN (Figure 5), B set",
    "1e 0c 11 07 deadbeef 01020304",
    { kind: "mp_join_syn", backup: true, addressId: 7, token: 0xdeadbeef, nonce: 0x01020304 },
  ],
  [
    "MP_JOIN, SYN+ACK (Figure 6)",
    "1e 10 10 08 a1a2a3a4a5a6a7a8 05060708",
    { kind: "mp_join_synack", backup: false, addressId: 8, hmac: "a1a2a3a4a5a6a7a8", nonce: 0x05060708 },
  ],
  [
    "MP_JOIN, third ACK (Figure 7)",
    "1e 18 10 00 000102030405060708090a0b0c0d0e0f10111213",
    { kind: "mp_join_ack", hmac: "000102030405060708090a0b0c0d0e0f10111213" },
  ],
  [
    "DSS, 8-octet Data ACK and mapping with checksum (Figure 9, the longest)",
    "1e 1c 20 0f 0102030405060708 1112131415161718 00000001 05b4 beef",
    {
      kind: "dss", dataAckLength: 8, dataAckHigh: 0x01020304, dataAckLow: 0x05060708, dsnLength: 8, dsnHigh: 0x11121314,
      dsnLow: 0x15161718, subflowSequence: 1, dataLength: 0x05b4, checksum: 0xbeef, dataFin: false,
    },
  ],
  [
    "DSS, 4-octet Data ACK and mapping without checksum",
    "1e 12 20 05 01020304 11121314 fffffffe 0064",
    {
      kind: "dss", dataAckLength: 4, dataAckHigh: 0, dataAckLow: 0x01020304, dsnLength: 4, dsnHigh: 0, dsnLow: 0x11121314,
      subflowSequence: 0xfffffffe, dataLength: 100, checksum: -1, dataFin: false,
    },
  ],
  [
    "DSS, Data ACK alone",
    "1e 08 20 01 fffffff0",
    {
      kind: "dss", dataAckLength: 4, dataAckHigh: 0, dataAckLow: 0xfffffff0, dsnLength: 0, dsnHigh: 0, dsnLow: 0,
      subflowSequence: 0, dataLength: 0, checksum: -1, dataFin: false,
    },
  ],
  [
    "DSS, DATA_FIN without data (RFC 8684 §3.3.3)",
    "1e 1a 20 1f 0000000000000001 00000000000000ff 00000000 0001",
    {
      kind: "dss", dataAckLength: 8, dataAckHigh: 0, dataAckLow: 1, dsnLength: 8, dsnHigh: 0, dsnLow: 255,
      subflowSequence: 0, dataLength: 1, checksum: -1, dataFin: true,
    },
  ],
  [
    "ADD_ADDR v1, IPv4 with HMAC (Figure 12)",
    "1e 10 30 02 0a000002 b1b2b3b4b5b6b7b8",
    { kind: "add_addr", version: 1, echo: false, addressId: 2, address: "10.0.0.2", port: 0, hmac: "b1b2b3b4b5b6b7b8" },
  ],
  [
    "ADD_ADDR v1, IPv4 with port and HMAC",
    "1e 12 30 02 0a000002 1f90 b1b2b3b4b5b6b7b8",
    { kind: "add_addr", version: 1, echo: false, addressId: 2, address: "10.0.0.2", port: 8080, hmac: "b1b2b3b4b5b6b7b8" },
  ],
  [
    "ADD_ADDR v1, IPv6 with HMAC",
    "1e 1c 30 03 20010db8000000000000000000000002 b1b2b3b4b5b6b7b8",
    { kind: "add_addr", version: 1, echo: false, addressId: 3, address: "2001:db8::2", port: 0, hmac: "b1b2b3b4b5b6b7b8" },
  ],
  [
    "ADD_ADDR v1, IPv6 with port and HMAC",
    "1e 1e 30 03 20010db8000000000000000000000002 01bb b1b2b3b4b5b6b7b8",
    { kind: "add_addr", version: 1, echo: false, addressId: 3, address: "2001:db8::2", port: 443, hmac: "b1b2b3b4b5b6b7b8" },
  ],
  [
    "ADD_ADDR v1 echo, IPv4",
    "1e 08 31 02 0a000002",
    { kind: "add_addr", version: 1, echo: true, addressId: 2, address: "10.0.0.2", port: 0, hmac: null },
  ],
  [
    "ADD_ADDR v1 echo, IPv6 with port",
    "1e 16 31 03 20010db8000000000000000000000002 01bb",
    { kind: "add_addr", version: 1, echo: true, addressId: 3, address: "2001:db8::2", port: 443, hmac: null },
  ],
  [
    "ADD_ADDR v0, IPv4 (RFC 6824 Figure 12)",
    "1e 08 34 02 0a000002",
    { kind: "add_addr", version: 0, echo: false, addressId: 2, address: "10.0.0.2", port: 0, hmac: null },
  ],
  [
    "ADD_ADDR v0, IPv4 with port",
    "1e 0a 34 02 0a000002 0050",
    { kind: "add_addr", version: 0, echo: false, addressId: 2, address: "10.0.0.2", port: 80, hmac: null },
  ],
  [
    "ADD_ADDR v0, IPv6",
    "1e 14 36 03 20010db8000000000000000000000002",
    { kind: "add_addr", version: 0, echo: false, addressId: 3, address: "2001:db8::2", port: 0, hmac: null },
  ],
  [
    "ADD_ADDR v0, IPv6 with port",
    "1e 16 36 03 20010db8000000000000000000000002 0050",
    { kind: "add_addr", version: 0, echo: false, addressId: 3, address: "2001:db8::2", port: 80, hmac: null },
  ],
  ["REMOVE_ADDR, one (Figure 13)", "1e 04 40 05", { kind: "remove_addr", addressIds: [5] }],
  ["REMOVE_ADDR, three", "1e 06 40 05 06 07", { kind: "remove_addr", addressIds: [5, 6, 7] }],
  ["MP_PRIO (RFC 8684 Figure 11)", "1e 03 51", { kind: "mp_prio", backup: true, addressId: -1 }],
  ["MP_PRIO with Address ID (RFC 6824 Figure 11)", "1e 04 50 09", { kind: "mp_prio", backup: false, addressId: 9 }],
  ["MP_FAIL (Figure 16)", "1e 0c 60 00 0102030405060708", { kind: "mp_fail", dsnHigh: 0x01020304, dsnLow: 0x05060708 }],
  ["MP_FASTCLOSE (Figure 14)", "1e 0c 70 00 c1c2c3c4c5c6c7c8", { kind: "mp_fastclose", receiverKey: "c1c2c3c4c5c6c7c8" }],
  ["MP_TCPRST (Figure 15)", "1e 04 81 02", { kind: "mp_tcprst", transient: true, reserved: 0, reason: 2 }],
  ["MP_TCPRST, U set", "1e 04 88 06", { kind: "mp_tcprst", transient: false, reserved: 4, reason: 6 }],
  ["MP_EXPERIMENTAL", "1e 05 f0 01 02", { kind: "mptcp_unknown", data: "f00102" }],
];

describe("octets of the figures", () => {
  for (const [name, octets, fields] of VECTORS) {
    it(name, () => {
      const bytes = fromHex(octets);
      const option = decodeMptcpOption(bytes, 0, bytes.length);
      expect(plainOption(option)).toEqual(fields);
      expect(mptcpOptionLength(option)).toBe(bytes.length);
      const again = new Uint8Array(bytes.length);
      encodeMptcpOption(option, again, 0);
      expect(hex(again)).toBe(hex(bytes));
    });
  }
});

describe("reserved bits are ignored", () => {
  const tolerated: readonly [string, string, string][] = [
    ["DSS, all seven", "1e 08 2f e1 fffffff0", "1e 08 20 01 fffffff0"],
    ["DSS, 'a' and 'm' without 'A' and 'M'", "1e 04 20 0a", "1e 04 20 00"],
    ["MP_JOIN, SYN", "1e 0c 1f 07 deadbeef 01020304", "1e 0c 11 07 deadbeef 01020304"],
    ["MP_JOIN, third ACK", "1e 18 1f ff 000102030405060708090a0b0c0d0e0f10111213", "1e 18 10 00 000102030405060708090a0b0c0d0e0f10111213"],
    ["ADD_ADDR v1", "1e 10 3e 02 0a000002 b1b2b3b4b5b6b7b8", "1e 10 30 02 0a000002 b1b2b3b4b5b6b7b8"],
    ["ADD_ADDR v1 echo", "1e 08 35 02 0a000002", "1e 08 31 02 0a000002"],
    ["ADD_ADDR v1 echo, nibble 7, IPv6", "1e 14 37 03 20010db8000000000000000000000002", "1e 14 31 03 20010db8000000000000000000000002"],
    ["ADD_ADDR with a port of 0", "1e 0a 34 02 0a000002 0000", "1e 08 34 02 0a000002"],
    ["REMOVE_ADDR", "1e 04 4f 05", "1e 04 40 05"],
    ["MP_PRIO", "1e 03 5f", "1e 03 51"],
    ["MP_FAIL", "1e 0c 6f ff 0102030405060708", "1e 0c 60 00 0102030405060708"],
    ["MP_FASTCLOSE", "1e 0c 7f ff c1c2c3c4c5c6c7c8", "1e 0c 70 00 c1c2c3c4c5c6c7c8"],
  ];
  for (const [name, octets, canonical] of tolerated) {
    it(name, () => {
      const bytes = fromHex(octets);
      const option = decodeMptcpOption(bytes, 0, bytes.length);
      const again = new Uint8Array(mptcpOptionLength(option));
      encodeMptcpOption(option, again, 0);
      expect(hex(again)).toBe(hex(fromHex(canonical)));
    });
  }
});

describe("malformed options are kept as unknown", () => {
  const malformed: readonly [string, string][] = [
    ["no subtype", "1e 02"],
    ["DSS without its flags", "1e 03 20"],
    ["DSS one octet short", "1e 07 20 01 fffff0"],
    ["DSS one octet long", "1e 09 20 01 fffffff000"],
    ["DSS three octets longer than a mapping without checksum", "1e 11 20 04 11121314 00000001 0064 beef00"],
    ["DSS with a checksum but no mapping", "1e 0a 20 01 fffffff0 beef"],
    ["DSS that lacks its Data ACK", "1e 12 20 07 01020304 11121314 00000001 0064"],
    ["MP_CAPABLE v1 of 5 octets", "1e 05 01 01 00"],
    ["MP_CAPABLE v0 of 4 octets", "1e 04 00 01"],
    ["MP_CAPABLE v0 of 22 octets", "1e 16 00 01 0102030405060708 1112131415161718 05b4"],
    ["MP_JOIN of 13 octets", "1e 0d 11 07 deadbeef 01020304 00"],
    ["ADD_ADDR v0 with IPVer 6 and an IPv4 address", "1e 08 36 02 0a000002"],
    ["ADD_ADDR v0 with IPVer 4 and an IPv6 address", "1e 14 34 03 20010db8000000000000000000000002"],
    ["ADD_ADDR v1 without E and without HMAC", "1e 08 30 02 0a000002"],
    ["ADD_ADDR v1 with E and HMAC", "1e 10 31 02 0a000002 b1b2b3b4b5b6b7b8"],
    ["ADD_ADDR of 9 octets", "1e 09 31 02 0a000002 00"],
    ["REMOVE_ADDR of nothing", "1e 03 40"],
    ["MP_PRIO of 5 octets", "1e 05 51 00 00"],
    ["MP_FAIL of 8 octets", "1e 08 60 00 01020304"],
    ["MP_FASTCLOSE of 13 octets", "1e 0d 70 00 c1c2c3c4c5c6c7c8 00"],
    ["MP_TCPRST of 3 octets", "1e 03 80"],
    ["subtype 9", "1e 04 90 00"],
  ];
  for (const [name, octets] of malformed) {
    it(name, () => {
      const bytes = fromHex(octets);
      expect(plainOption(decodeMptcpOption(bytes, 0, bytes.length))).toEqual({
        kind: "mptcp_unknown",
        data: hex(bytes.subarray(2)),
      });
    });
  }
});
