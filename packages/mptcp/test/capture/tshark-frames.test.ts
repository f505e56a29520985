import { describe, expect, it } from "vitest";
import { CaptureReader, LINK_TYPE, PacketReader } from "../../src/capture/index.ts";
import type { CapturedFrame } from "../../src/capture/index.ts";
import { Payload } from "../../src/wire/index.ts";
import { fromHex } from "../wire/arbitraries.ts";
import { fileOf, joined, LINK_LAYERS, segmentOctets, TUNNELS, within } from "./frames.ts";
import type { TestFrame } from "./frames.ts";
import { dissect, HAS_TSHARK } from "./tshark.ts";

/** tshark is the judge of what is read: each frame of a file is read by both, and compared field by field. */

const FIELDS = [
  "frame.len", "frame.cap_len", "ip.src", "ip.dst", "ip.len", "ip.ttl", "ip.id", "ip.checksum.status", "ip.frag_offset", "ip.flags.mf", "ipv6.src", "ipv6.dst",
  "ipv6.hlim", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.window_size_value", "tcp.hdr_len", "tcp.len",
  "tcp.options.timestamp.tsval", "tcp.options.mptcp.subtype", "tcp.options.mptcp.rawdataseqno", "tcp.options.mptcp.datalvllen", "tcp.checksum.status",
] as const;

type Row = Readonly<Record<string, string>>;

/** The innermost packet alone, fragments as they are, and nothing read into the data. */
const OPTIONS = ["-n", "-E", "occurrence=l", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-d", "tcp.port==50002,data"];

function compare(frames: readonly TestFrame[], check: (row: Row, frame: CapturedFrame, name: string) => void): void {
  const file = fileOf(frames);
  const rows = dissect(file, FIELDS, OPTIONS);
  const reader = new CaptureReader(file);
  const read = [...new PacketReader(reader)];
  expect([reader.problems, rows.length, read.length]).toEqual([[], frames.length, frames.length]);
  for (const [i, frame] of read.entries()) check(rows[i]!, frame, frames[i]!.name);
}

const STATUS = new Map([["0", false], ["1", true], ["2", null], ["", null]]);

/** What is whole: each field is the same. */
function sameFields(row: Row, { packets, unread }: CapturedFrame, name: string): void {
  const found = packets.at(-1)!;
  const { packet, payloadLength } = found;
  const tcp = packet.tcp!;
  const isV4 = packet.source.family === 4;
  const ours = {
    unread,
    source: packet.source.toString(),
    destination: packet.destination.toString(),
    hopLimit: packet.hopLimit,
    ports: [tcp.sourcePort, tcp.destinationPort],
    numbers: [tcp.sequence, tcp.acknowledgment, tcp.flags, tcp.window],
    payload: payloadLength,
    timestamp: tcp.timestampValue,
    dss: tcp.mptcp.map((option) => option.kind === "dss" && [option.dsnLow, option.dataLength]),
    ipChecksum: found.ipChecksum,
    checksum: found.checksum,
  };
  const theirs = {
    unread: null,
    source: row[isV4 ? "ip.src" : "ipv6.src"],
    destination: row[isV4 ? "ip.dst" : "ipv6.dst"],
    hopLimit: Number(row[isV4 ? "ip.ttl" : "ipv6.hlim"]),
    ports: [Number(row["tcp.srcport"]), Number(row["tcp.dstport"])],
    numbers: [row["tcp.seq_raw"], row["tcp.ack_raw"], row["tcp.flags"], row["tcp.window_size_value"]].map(Number),
    payload: Number(row["tcp.len"]),
    timestamp: Number(row["tcp.options.timestamp.tsval"]),
    dss: [[Number(row["tcp.options.mptcp.rawdataseqno"]), Number(row["tcp.options.mptcp.datalvllen"])]],
    ipChecksum: isV4 ? STATUS.get(row["ip.checksum.status"]!) : null,
    checksum: STATUS.get(row["tcp.checksum.status"]!),
  };
  expect(ours, name).toEqual(theirs);
}

const RAW = LINK_TYPE.raw;

describe.skipIf(!HAS_TSHARK)("tshark reads the same", () => {
  it("behind every link layer", () => {
    compare(LINK_LAYERS.map(([name, linkType, header, family]) => ({ name, linkType, bytes: joined(fromHex(header), segmentOctets(family)) })), sameFields);
  });

  it("in every tunnel", () => {
    compare(TUNNELS.map(([name, bytes]) => ({ name, linkType: RAW, bytes })), sameFields);
  });

  it("of packets cut anywhere", () => {
    const frames = ([4, 6] as const).flatMap((family) => {
      const whole = joined(fromHex(family === 4 ? "0021" : "0057"), segmentOctets(family));
      return Array.from({ length: whole.length - 3 }, (_, i) => {
        return { name: `${i + 3} octets of IPv${family}`, linkType: LINK_TYPE.ppp, bytes: whole.subarray(0, i + 3), originalLength: whole.length };
      });
    });
    compare(frames, (row, frame, name) => {
      const found = frame.packets[0];
      if (found === undefined) {
        expect([frame.unread, row["tcp.srcport"]], name).toEqual(["truncated", ""]);
        return;
      }
      const { packet, checksum, missing, optionsCut, payloadLength } = found;
      expect([missing, checksum], name).toEqual([Number(row["frame.len"]) - Number(row["frame.cap_len"]), null]);
      expect(["", "2"]).toContain(row["tcp.checksum.status"]);
      if (packet.source.family === 4) expect(packet.length, name).toBe(Number(row["ip.len"]));
      const tcp = packet.tcp;
      if (tcp === null) {
        expect([payloadLength, row["tcp.options.timestamp.tsval"]], name).toEqual([null, ""]);
        return;
      }
      expect([tcp.sourcePort, tcp.destinationPort, tcp.sequence], name).toEqual([row["tcp.srcport"], row["tcp.dstport"], row["tcp.seq_raw"]].map(Number));
      expect(payloadLength, name).toBe(Number(row["tcp.len"]));
      // tshark shows the fields of an option one by one, also those of one that is cut.
      if (tcp.hasTimestamps) expect(String(tcp.timestampValue), name).toBe(row["tcp.options.timestamp.tsval"]);
      else expect(tcp.timestampValue, name).toBe(0);
      // The DSS is the last option, and the Data-Level Length the last field of it that tshark shows: two octets of checksum follow.
      const known = row["tcp.options.mptcp.datalvllen"] !== "";
      if (tcp.mptcp.length === 1) expect(known, name).toBe(true);
      expect(optionsCut, name).toBe(tcp.mptcp.length === 0);
      expect(tcp.payload.length, name).toBe(optionsCut ? 0 : 40 - missing);
    });
  });

  it("of lengths of 0, which stand for the frame's", () => {
    const four = segmentOctets(4, 3000);
    four.set([0, 0], 2);
    const six = segmentOctets(6, 3000);
    six.set([0, 0], 4);
    const frames = [
      { name: "IPv4", linkType: RAW, bytes: four },
      { name: "IPv4, cut", linkType: RAW, bytes: four.subarray(0, 96), originalLength: four.length },
      { name: "IPv6", linkType: LINK_TYPE.ethernet, bytes: joined(fromHex("020000000002 020000000001 86dd"), six) },
    ];
    compare(frames, (row, { packets }, name) => {
      const [found] = packets;
      expect(found!.lengthOfFrame, name).toBe(true);
      expect(found!.checksum, name).toBeNull();
      // tshark takes an IPv6 length of 0 as it is.
      if (name !== "IPv6") expect(found!.payloadLength, name).toBe(Number(row["tcp.len"]));
      expect(found!.payloadLength, name).toBe(3000);
      expect(found!.packet.tcp!.mptcp.length, name).toBe(1);
    });
  });

  it("of fragments", () => {
    const whole = segmentOctets(4, 200);
    const fragment = (at: number, length: number, more: boolean): Uint8Array => {
      const bytes = joined(whole.subarray(0, 20), whole.subarray(20 + at, 20 + at + length));
      bytes.set([0, bytes.length, 0x12, 0x34, (more ? 0x20 : 0) | (at >>> 11), at >>> 3], 2);
      return bytes;
    };
    const six = segmentOctets(6, 200);
    const body = six.subarray(40);
    const fragment6 = (at: number, length: number, more: boolean): Uint8Array =>
      within(6, 44, `0600 ${(at | (more ? 1 : 0)).toString(16).padStart(4, "0")} 00001234`, body.subarray(at, at + length));
    const frames = [fragment(0, 160, true), fragment(160, 100, false), fragment6(0, 160, true), fragment6(160, 100, false)];
    compare(frames.map((bytes, i) => ({ name: `fragment ${i}`, linkType: RAW, bytes })), (row, { packets: [found], unread }, name) => {
      const isFirst = found!.fragment!.offset === 0;
      expect([unread, found!.missing, found!.checksum, found!.fragment!.identification, found!.fragment!.more], name).toEqual([null, 0, null, 0x1234, isFirst]);
      expect(found!.packet.tcp !== null, name).toBe(isFirst);
      expect(row["tcp.srcport"], name).toBe(isFirst ? "50001" : "");
      if (found!.packet.source.family === 4) {
        // In octets, or in the header's units of eight, as versions of tshark differ.
        expect([found!.fragment!.offset, found!.fragment!.offset / 8], name).toContain(Number(row["ip.frag_offset"]));
        expect(found!.fragment!.more, name).toBe(row["ip.flags.mf"] === "1");
      }
      if (isFirst) expect(found!.packet.tcp!.mptcp.length).toBe(1);
      else expect(found!.packet.opaque!.payload, name).toBeInstanceOf(Payload);
    });
  });
});
