import { beforeAll, describe, expect, it } from "vitest";
import { PcapngWriter } from "../../src/capture/index.ts";
import { accurateEcnOption, ACE, aceFlags, Dss, icmpTimeExceeded, icmpTooBig, IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import type { MptcpOption } from "../../src/wire/index.ts";
import { fromHex } from "../wire/arbitraries.ts";
import { dissect, HAS_TSHARK } from "./tshark.ts";

/** Wireshark is the judge of the layout: a packet of every kind is written, dissected by tshark, and compared. */

interface Case {
  readonly name: string;
  readonly packet: Packet;
  /** What tshark's fields must show. */
  readonly fields: Readonly<Record<string, string>>;
}

const KEY_A = "0102030405060708";
const KEY_B = "f1f2f3f4f5f6f7f8";
const HMAC_8 = "a1a2a3a4a5a6a7a8";
const HMAC_20 = "00112233445566778899aabbccddeeff01234567";
const A = decimal(KEY_A);
const B = decimal(KEY_B);
const { SYN, ACK, RST, PSH } = TCP_FLAG;

function decimal(hex: string): string {
  return BigInt(`0x${hex}`).toString();
}

function capable(version: number, sender: string | null, receiver: string | null, dataLength = -1, checksum = -1): MptcpOption {
  return {
    kind: "mp_capable",
    version,
    flags: 0x81,
    dataLength,
    checksum,
    senderKey: sender === null ? null : fromHex(sender),
    receiverKey: receiver === null ? null : fromHex(receiver),
  };
}

function dss(fields: Partial<Dss>): Dss {
  return Object.assign(new Dss(), fields);
}

function addAddress(form: "v0" | "v1" | "echo", address: string, port: number): MptcpOption {
  return {
    kind: "add_addr",
    version: form === "v0" ? 0 : 1,
    echo: form === "echo",
    addressId: 2,
    address: IpAddress.from(address),
    port,
    hmac: form === "v1" ? fromHex(HMAC_8) : null,
  };
}

const MPTCP = "tcp.options.mptcp.";

/** Names without a dot are those below `tcp.options.mptcp`. */
const OPTIONS: readonly (readonly [name: string, flags: number, option: MptcpOption, fields: Record<string, string>])[] = [
  ["MP_CAPABLE v1 SYN", SYN, capable(1, null, null), { subtype: "0", version: "1", flags: "0x81" }],
  ["MP_CAPABLE v1 SYN+ACK", SYN | ACK, capable(1, KEY_A, null), { subtype: "0", version: "1", sendkey: A }],
  ["MP_CAPABLE v1 ACK", ACK, capable(1, KEY_A, KEY_B), { subtype: "0", sendkey: A, recvkey: B }],
  ["MP_CAPABLE v1 data", ACK, capable(1, KEY_A, KEY_B, 100), { sendkey: A, recvkey: B, datalvllen: "100" }],
  [
    "MP_CAPABLE v1 data, checksum",
    ACK,
    capable(1, KEY_A, KEY_B, 100, 0xabcd),
    { sendkey: A, recvkey: B, datalvllen: "100", checksum: "0xabcd" },
  ],
  ["MP_CAPABLE v0 SYN", SYN, capable(0, KEY_A, null), { subtype: "0", version: "0", sendkey: A }],
  ["MP_CAPABLE v0 ACK", ACK, capable(0, KEY_A, KEY_B), { version: "0", sendkey: A, recvkey: B }],
  [
    "MP_JOIN SYN",
    SYN,
    { kind: "mp_join_syn", backup: true, addressId: 7, token: 0xdeadbeef, nonce: 0x01020304 },
    { subtype: "1", "backup.flag": "1", addrid: "7", recvtok: "3735928559", sendrand: "16909060" },
  ],
  [
    "MP_JOIN SYN+ACK",
    SYN | ACK,
    { kind: "mp_join_synack", backup: false, addressId: 8, hmac: fromHex(HMAC_8), nonce: 5 },
    { subtype: "1", "backup.flag": "0", addrid: "8", sendtrunchmac: decimal(HMAC_8), sendrand: "5" },
  ],
  ["MP_JOIN ACK", ACK, { kind: "mp_join_ack", hmac: fromHex(HMAC_20) }, { subtype: "1", sendhmac: HMAC_20 }],
  [
    "DSS of 28 octets",
    ACK,
    // tshark 4.0 does not show the checksum of a DSS; a wrong place of it would show as a malformed option.
    dss({
      dataAckLength: 8, dataAckHigh: 1, dataAckLow: 2, dsnLength: 8, dsnHigh: 3, dsnLow: 4, subflowSequence: 5,
      dataLength: 6, checksum: 0x1234,
    }),
    {
      subtype: "2", flags: "0x0f", rawdataack: String(2 ** 32 + 2), rawdataseqno: String(3 * 2 ** 32 + 4), subflowseqno: "5",
      datalvllen: "6", "datafin.flag": "0",
    },
  ],
  [
    "DSS of 18 octets",
    ACK,
    dss({ dataAckLength: 4, dataAckLow: 0xfffffff0, dsnLength: 4, dsnLow: 0xeeeeeeee, subflowSequence: 0xdddddddd, dataLength: 0xcccc }),
    { subtype: "2", flags: "0x05", rawdataack: "4294967280", rawdataseqno: "4008636142", subflowseqno: "3722304989", datalvllen: "52428" },
  ],
  ["DSS, Data ACK alone", ACK, dss({ dataAckLength: 8, dataAckHigh: 9, dataAckLow: 8 }), { flags: "0x03", rawdataack: String(9 * 2 ** 32 + 8) }],
  [
    "DSS, DATA_FIN",
    ACK,
    dss({ dsnLength: 8, dsnHigh: 1, dsnLow: 1, dataLength: 1, dataFin: true }),
    { flags: "0x1c", "datafin.flag": "1", rawdataseqno: String(2 ** 32 + 1), subflowseqno: "0", datalvllen: "1" },
  ],
  [
    "ADD_ADDR v1 IPv4",
    ACK,
    addAddress("v1", "10.0.0.3", 0),
    { subtype: "3", echo: "0", addrid: "2", ipv4: "10.0.0.3", port: "", addaddrtrunchmac: decimal(HMAC_8) },
  ],
  [
    "ADD_ADDR v1 IPv4 with port",
    ACK,
    addAddress("v1", "10.0.0.3", 8080),
    { echo: "0", ipv4: "10.0.0.3", port: "8080", addaddrtrunchmac: decimal(HMAC_8) },
  ],
  [
    "ADD_ADDR v1 IPv6",
    ACK,
    addAddress("v1", "2001:db8::3", 0),
    { echo: "0", ipv6: "2001:db8::3", port: "", addaddrtrunchmac: decimal(HMAC_8) },
  ],
  [
    "ADD_ADDR v1 IPv6 with port",
    ACK,
    addAddress("v1", "2001:db8::3", 443),
    { echo: "0", ipv6: "2001:db8::3", port: "443", addaddrtrunchmac: decimal(HMAC_8) },
  ],
  ["ADD_ADDR echo IPv4", ACK, addAddress("echo", "10.0.0.3", 0), { echo: "1", addrid: "2", ipv4: "10.0.0.3", port: "" }],
  ["ADD_ADDR echo IPv6 with port", ACK, addAddress("echo", "2001:db8::3", 80), { echo: "1", ipv6: "2001:db8::3", port: "80" }],
  ["ADD_ADDR v0 IPv4", ACK, addAddress("v0", "10.0.0.3", 0), { ipver: "4", addrid: "2", ipv4: "10.0.0.3", port: "" }],
  ["ADD_ADDR v0 IPv6 with port", ACK, addAddress("v0", "2001:db8::3", 80), { ipver: "6", ipv6: "2001:db8::3", port: "80" }],
  [
    "REMOVE_ADDR",
    ACK,
    { kind: "remove_addr", addressIds: [1, 2, 255] },
    { subtype: "4", addrid: "1,2,255", "mptcp.rm_addr.count": "3" },
  ],
  ["MP_PRIO", ACK, { kind: "mp_prio", backup: true, addressId: -1 }, { subtype: "5", "backup.flag": "1", addrid: "" }],
  ["MP_PRIO v0", ACK, { kind: "mp_prio", backup: false, addressId: 4 }, { subtype: "5", "backup.flag": "0", addrid: "4" }],
  ["MP_FAIL", ACK, { kind: "mp_fail", dsnHigh: 1, dsnLow: 2 }, { subtype: "6", rawdataseqno: String(2 ** 32 + 2) }],
  ["MP_FASTCLOSE", ACK, { kind: "mp_fastclose", receiverKey: fromHex(KEY_B) }, { subtype: "7", recvkey: B }],
  [
    "MP_TCPRST",
    RST,
    { kind: "mp_tcprst", transient: true, reserved: 4, reason: 2 },
    { subtype: "8", "flag_T.flag": "1", "flag_U.flag": "1", "flag_V.flag": "0", "flag_W.flag": "0", rst_reason: "0x02" },
  ],
];

/** Ports that no dissector claims. */
let nextPort = 61_000;

function segment(family: 4 | 6, fill: (tcp: TcpSegment) => void): Packet {
  const packet = family === 4
    ? new Packet(IpAddress.from("10.0.0.1"), IpAddress.from("10.0.0.2"))
    : new Packet(IpAddress.from("2001:db8::1"), IpAddress.from("2001:db8::2"));
  packet.tcp = new TcpSegment();
  packet.tcp.sourcePort = nextPort++;
  packet.tcp.destinationPort = 60_999;
  packet.tcp.window = 1000;
  fill(packet.tcp);
  packet.length = packetLength(packet);
  return packet;
}

function optionCases(): Case[] {
  return OPTIONS.flatMap(([name, flags, option, fields]) =>
    ([4, 6] as const).map((family) => {
      const packet = segment(family, (tcp) => {
        tcp.flags = flags;
        tcp.mptcp = [option];
        if ((flags & SYN) !== 0) tcp.maximumSegmentSize = 1400;
      });
      const full = Object.entries(fields).map(([field, value]) => [/^(mptcp|tcp)\./.test(field) ? field : MPTCP + field, value]);
      return { name: `${name} over IPv${family}`, packet, fields: Object.fromEntries(full) as Record<string, string> };
    }),
  );
}

function plainCases(): Case[] {
  const syn = segment(4, (tcp) => {
    tcp.flags = SYN;
    tcp.sequence = 0xfffffff0;
    tcp.maximumSegmentSize = 1460;
    tcp.windowScale = 7;
    tcp.sackPermitted = true;
    tcp.hasTimestamps = true;
    tcp.timestampValue = 0x89abcdef;
  });
  const loss = segment(6, (tcp) => {
    tcp.flags = ACK | PSH | TCP_FLAG.ECE;
    tcp.acknowledgment = 0x80000000;
    tcp.hasTimestamps = true;
    tcp.timestampValue = 5;
    tcp.timestampEcho = 6;
    tcp.sackBlocks = [0x80001000, 0x80002000, 0x80003000, 0x80004000];
    tcp.payload = Payload.of(new Uint8Array(301).map((_, i) => i));
  });
  const packed = segment(4, (tcp) => {
    tcp.flags = ACK;
    tcp.hasTimestamps = true;
    tcp.sackBlocks = [0x10, 0x20];
    tcp.mptcp = [dss({ dataAckLength: 8, dsnLength: 0 }), { kind: "remove_addr", addressIds: [1, 2, 3, 4, 5] }];
  });
  const bulk = segment(4, (tcp) => {
    tcp.flags = ACK;
    tcp.payload = Payload.virtual(1447);
  });
  const echo = new Packet(IpAddress.from("2001:db8::1"), IpAddress.from("2001:db8::2"));
  echo.icmp = { type: 128, code: 0, word: 0x00010002, body: new Uint8Array(33).fill(7) };
  const other = new Packet(IpAddress.from("10.0.0.1"), IpAddress.from("10.0.0.2"));
  other.opaque = { protocol: 253, payload: Payload.of(new Uint8Array(9)) };
  other.trafficClass = 0xb9;
  other.hopLimit = 3;
  other.dontFragment = false;
  other.identification = 0x1234;
  const labelled = segment(6, (tcp) => {
    tcp.flags = ACK;
  });
  labelled.flowLabel = 0xabcde;
  labelled.trafficClass = 0x2e;
  return [
    {
      name: "SYN with every standard option",
      packet: syn,
      fields: {
        "tcp.options.mss_val": "1460",
        "tcp.options.wscale.shift": "7",
        "tcp.options.timestamp.tsval": String(0x89abcdef),
        "tcp.seq_raw": String(0xfffffff0),
        "tcp.hdr_len": "40",
      },
    },
    {
      name: "timestamps, SACK and odd data",
      packet: loss,
      fields: {
        "tcp.options.timestamp.tsval": "5",
        "tcp.options.timestamp.tsecr": "6",
        "tcp.options.sack_le": `${0x80001000},${0x80003000}`,
        "tcp.options.sack_re": `${0x80002000},${0x80004000}`,
        "tcp.ack_raw": String(0x80000000),
        "tcp.len": "301",
        "tcp.flags": "0x0058",
      },
    },
    {
      name: "options packed without NOPs",
      packet: packed,
      fields: { [`${MPTCP}subtype`]: "2,4", "tcp.options.sack_le": "16", [`${MPTCP}rawdataack`]: "0", "tcp.hdr_len": "60" },
    },
    { name: "virtual data", packet: bulk, fields: { "tcp.len": "1447" } },
    {
      name: "traffic class and flow label",
      packet: labelled,
      fields: { "ipv6.flow": "0x0abcde", "ipv6.tclass": "0x0000002e", "ipv6.hlim": "64" },
    },
    {
      name: "another protocol",
      packet: other,
      fields: { "ip.proto": "253", "ip.dsfield": "0xb9", "ip.ttl": "3", "ip.flags.df": "0", "ip.id": "0x1234" },
    },
    ...([0, 1] as const).map((order): Case => ({
      name: `accurate ECN, order ${order}`,
      packet: segment(order === 0 ? 4 : 6, (tcp) => {
        tcp.flags = ACK | aceFlags(5);
        tcp.otherOptions = [accurateEcnOption({ ect0: 1001, ce: 2 ** 24 + 7, ect1: 3 }, order, 3)];
      }),
      fields: { "tcp.flags.ae": "1", "tcp.flags.cwr": "0", "tcp.flags.ece": "1", "tcp.options.acc_ecn.ee0b": "1001", "tcp.options.acc_ecn.eceb": "7", "tcp.options.acc_ecn.ee1b": "3" },
    })),
    {
      name: "accurate ECN, a SYN",
      packet: segment(6, (tcp) => {
        tcp.flags = SYN | ACE;
      }),
      fields: { "tcp.flags.ae": "1", "tcp.flags.cwr": "1", "tcp.flags.ece": "1", "tcp.flags.syn": "1" },
    },
    { name: "ICMPv6 echo", packet: echo, fields: { "icmpv6.type": "128", "icmpv6.checksum.status": "1" } },
    {
      name: "ICMPv4 fragmentation needed",
      packet: icmpTooBig(bulk, IpAddress.from("10.0.0.9"), 1280)!,
      fields: { "icmp.type": "3", "icmp.code": "4", "icmp.mtu": "1280", "icmp.checksum.status": "1" },
    },
    {
      name: "ICMPv6 time exceeded",
      packet: icmpTimeExceeded(loss, IpAddress.from("2001:db8::9"))!,
      fields: { "icmpv6.type": "3", "icmpv6.checksum.status": "1" },
    },
    {
      name: "ICMPv6 packet too big",
      packet: icmpTooBig(loss, IpAddress.from("2001:db8::9"), 1280)!,
      fields: { "icmpv6.type": "2", "icmpv6.mtu": "1280", "icmpv6.checksum.status": "1" },
    },
  ];
}

const GENERAL = [
  "_ws.malformed",
  "ip.checksum.status",
  "tcp.checksum.status",
  "frame.interface_name",
  "frame.interface_description",
  "frame.packet_flags_direction",
  "frame.time_epoch",
  "frame.comment",
  "frame.len",
];

describe.skipIf(!HAS_TSHARK)("tshark", () => {
  const cases = [...optionCases(), ...plainCases()];
  let rows: Record<string, string>[] = [];

  beforeAll(() => {
    const chunks: Uint8Array[] = [];
    const writer = new PcapngWriter((chunk) => chunks.push(chunk), { epoch: { seconds: 1_767_225_600, nanoseconds: 999_999_999 } });
    writer.addInterface({ name: "wifi" });
    const lte = writer.addInterface({ name: "lte", description: "Netz 2" });
    cases.forEach((one, i) => {
      writer.comment(`before ${i}`);
      writer.packet(lte, one.packet, i, { direction: "out", comments: [one.name] });
    });
    writer.comment("after");
    writer.close(cases.length);
    const file = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
    rows = dissect(file, [...new Set([...GENERAL, ...cases.flatMap((one) => Object.keys(one.fields))])]);
  });

  it("sees every packet", () => {
    expect(rows.length).toBe(cases.length);
  });

  cases.forEach((one, i) => {
    it(`reads ${one.name}`, () => {
      const row = rows[i] ?? {};
      const shown = Object.fromEntries(Object.keys(one.fields).map((field) => [field, row[field]]));
      expect(shown).toEqual(one.fields);
      expect(row["_ws.malformed"]).toBe("");
      // 1: good. An ICMP error quotes a packet whose checksums are shown as well, or not if it is cut short.
      if (one.packet.tcp !== null) expect(row["tcp.checksum.status"]).toBe("1");
      if (one.packet.source.family === 4) expect(row["ip.checksum.status"]).toMatch(/^1/);
    });
  });

  it("reads interface, direction, length, nanoseconds and comments", () => {
    rows.forEach((row, i) => {
      expect([row["frame.interface_name"], row["frame.interface_description"], row["frame.packet_flags_direction"]]).toEqual([
        "lte", "Netz 2", "0x00000002",
      ]);
      expect(row["frame.len"]).toBe(String(cases[i]!.packet.tcp === null ? packetLength(cases[i]!.packet) : cases[i]!.packet.length));
      const time = i === 0 ? "1767225600.999999999" : `1767225601.${String(i - 1).padStart(9, "0")}`;
      expect(row["frame.time_epoch"]).toBe(time);
      expect(row["frame.comment"]).toBe(`before ${i},${cases[i]!.name}`);
    });
  });
});
