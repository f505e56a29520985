import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CaptureReader, dissectFrame, LINK_TYPE, PacketReader } from "../../src/capture/index.ts";
import type { CapturedPacket } from "../../src/wire/index.ts";
import { fromHex } from "../wire/arbitraries.ts";
import { block, fileOf, half, joined, LINK_LAYERS, segmentOctets, TUNNELS, within, word } from "./frames.ts";
import type { TestFrame } from "./frames.ts";
import { HAS_TSHARK } from "./tshark.ts";

const SECTION = block(0x0a0d0d0a, "4d3c2b1a 0100 0000 ffffffffffffffff", new Uint8Array());
const NOTHING = new Uint8Array();

function linkBlock(options: string): Uint8Array {
  return block(1, `${half(101)} 0000 00000000 ${options}`, NOTHING);
}

function packetBlock(id: number, high: number, low: number): Uint8Array {
  return block(6, [id, high, low, 4, 4].map(word).join(""), fromHex("45000000"));
}

function times(...blocks: readonly Uint8Array[]): { reader: CaptureReader; at: readonly (number | null)[] } {
  const reader = new CaptureReader(joined(SECTION, ...blocks));
  return { reader, at: [...reader].map((record) => record.at) };
}

describe("times of pcapng", () => {
  it("are null where a block has none, and do not set the origin", () => {
    const { reader, at } = times(linkBlock("0900 0100 09000000"), block(3, word(4), fromHex("45000000")), packetBlock(0, 0x17979cfe, 0x362a0000));
    expect([reader.problems, reader.originSeconds, at[0]]).toEqual([[], 1_700_000_000, null]);
    expect(at[1]).toBe(0);
  });

  it("are null where a resolution is beyond telling: the packet stays", () => {
    const { reader, at } = times(linkBlock("0900 0100 1e000000"), packetBlock(0, 0, 1));
    expect(at).toEqual([null]);
    expect(reader.problems.map((problem) => problem.reason)).toEqual(["bad_timestamp"]);
  });

  it("have each interface's resolution and offset", () => {
    const offset = "0e00 0800 0a00000000000000";
    const { at } = times(linkBlock(`0900 0100 03000000 ${offset}`), linkBlock("0e00 0800 ffffffffffffffff 0000 0000"), linkBlock("ff7f 0300 01020300"), packetBlock(0, 0, 1500), packetBlock(1, 0, 2_000_000), packetBlock(2, 0, 7));
    expect(at).toEqual([11_500_000_000, 1_000_000_000, 7000]);
  });
});

it("blocks of pcapng that hold no packet are passed over and counted by type", () => {
  const { reader, at } = times(
    linkBlock(""), block(4, "00000000", NOTHING), block(10, `${word(0x544c534b)} ${word(0)}`, NOTHING), block(4, "00000000", NOTHING), block(0x0bad, "00000000", NOTHING),
    block(5, `${word(0)} 00000000 00000000`, NOTHING), packetBlock(0, 0, 1),
  );
  expect([at, reader.problems, [...reader.blocksSkipped]]).toEqual([[1000], [], [[4, 2], [10, 1], [0x0bad, 1]]]);
  const many = times(...Array.from({ length: 300 }, (_, i) => block(100 + i, "", NOTHING)));
  expect(many.reader.blocksSkipped.size).toBe(100);
});

/** A classic file with one packet of four octets out of 60. */
function classic(magic: string, header: (value: number) => string, minor: number, record: string): Uint8Array {
  const short = (value: number): string => header(value).slice(header(1).startsWith("01") ? 0 : 4).slice(0, 4);
  return fromHex(`${magic} ${short(2)} ${short(minor)} ${header(0)} ${header(0)} ${header(0)} ${header(LINK_TYPE.ppp)} ${header(5)} ${header(6)} ${record} 0021 4500`);
}

const big = (value: number): string => value.toString(16).padStart(8, "0");

describe("classic pcap", () => {
  it("with A. Kuznetzov's longer headers is read in both byte orders, with its directions", () => {
    for (const [magic, number] of [["34cdb2a1", word], ["a1b2cd34", big]] as const) {
      for (const [type, direction] of [["00", "in"], ["02", "in"], ["03", null], ["04", "out"]] as const) {
        const reader = new CaptureReader(classic(magic, number, 4, `${number(4)} ${number(60)} ${number(1)} 0800 ${type} 00`));
        const records = [...reader];
        expect([reader.format, reader.problems, reader.interfaces[0]!.linkType, reader.interfaces[0]!.snapLength]).toEqual(["pcap", [], LINK_TYPE.ppp, 0]);
        expect(records.map((record) => [record.at, record.originalLength, record.direction, [...record.bytes]])).toEqual([[5_000_006_000, 60, direction, [0, 0x21, 0x45, 0]]]);
      }
    }
  });

  it("before version 2.3 has the two lengths in the other order", () => {
    for (const [minor, lengths] of [[2, [60, 4]], [3, [60, 4]], [3, [4, 60]], [4, [4, 60]]] as const) {
      const reader = new CaptureReader(classic("d4c3b2a1", word, minor, lengths.map(word).join("")));
      expect([...reader].map((record) => [record.bytes.length, record.originalLength])).toEqual([[4, 60]]);
      expect(reader.problems).toEqual([]);
    }
  });

  it("that ends within a longer header says so", () => {
    const file = classic("34cdb2a1", word, 4, `${word(4)} ${word(60)} ${word(1)} 0800 00 00`);
    for (let length = 25; length < file.length; length++) {
      const reader = new CaptureReader(file.subarray(0, length));
      expect([[...reader].length, reader.problems]).toEqual([0, [{ reason: "truncated", offset: 24 }]]);
    }
  });
});

const FRAMES: readonly TestFrame[] = [
  ...LINK_LAYERS.map(([name, linkType, header, family]) => ({ name, linkType, bytes: joined(fromHex(header), segmentOctets(family)) })),
  ...TUNNELS.map(([name, bytes]) => ({ name, linkType: LINK_TYPE.raw, bytes })),
  { name: "fragments", linkType: LINK_TYPE.raw, bytes: within(6, 44, "0600 0001 00001234", segmentOctets(6).subarray(40)) },
];

describe.skipIf(!HAS_TSHARK)("files of Wireshark's tools give the same packets", () => {
  const file = fileOf(FRAMES.filter(({ linkType }) => linkType === LINK_TYPE.raw));
  const expected = summary(file);

  it.each(["pcapng", "pcap", "nsecpcap", "modpcap"])("%s", (format) => {
    const folder = mkdtempSync(join(tmpdir(), "mptcp-files-"));
    try {
      writeFileSync(join(folder, "in"), file);
      execFileSync("editcap", ["-F", format, join(folder, "in"), join(folder, "out")], { stdio: "ignore" });
      expect(summary(readFileSync(join(folder, "out")))).toEqual(expected);
      // And at 96 octets: the same headers, and nothing of the data.
      execFileSync("editcap", ["-F", format, "-s", "96", join(folder, "in"), join(folder, "out")], { stdio: "ignore" });
      expect(summary(readFileSync(join(folder, "out"))).map(([at, length]) => [at, length])).toEqual(expected.map(([at, length]) => [at, length]));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Time, length and innermost segment of each packet. */
function summary(file: Uint8Array): readonly (readonly unknown[])[] {
  const reader = new CaptureReader(file);
  const rows = [...new PacketReader(reader)].map(({ record, packets }) => {
    const tcp = packets.at(-1)?.packet.tcp;
    return [record.at, packets[0]?.packet.length, packets.length, tcp?.sequence, tcp?.mptcp, tcp?.payload.length] as const;
  });
  expect(reader.problems).toEqual([]);
  return rows;
}

/** What holds of any octets at all. */
function expectSane(file: Uint8Array): void {
  const reader = new PacketReader(new CaptureReader(file));
  for (const frame of reader) {
    const { record, packets, unread } = frame;
    const isSane = (record.at === null || Number.isFinite(record.at)) && packets.length <= 8 && (packets.length > 0 || unread !== null);
    if (!isSane || !packets.every((one) => isSanePacket(one, record.bytes.length))) expect.fail(JSON.stringify(frame));
  }
  expect(reader.frames).toBeLessThanOrEqual(file.length / 12);
}

/** Whether nothing is claimed beyond what is there. */
function isSanePacket({ packet, missing, payloadLength, bodyAt, checksum }: CapturedPacket, captured: number): boolean {
  const held = (packet.tcp ?? packet.opaque)?.payload.length ?? 0;
  return (
    [packet.tcp, packet.icmp, packet.opaque].filter((body) => body !== null).length === 1 &&
    missing >= 0 &&
    bodyAt >= 20 &&
    (payloadLength === null || payloadLength >= 0) &&
    held <= Math.min(payloadLength ?? captured, captured) &&
    (missing === 0 || checksum === null) &&
    (missing > 0 || packet.tcp === null || held === payloadLength)
  );
}

describe("nothing makes the readers throw, run on or make something up:", () => {
  const good = fileOf(FRAMES);

  it("files that are changed and cut", () => {
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.nat(good.length), fc.boolean(), (changes, cut, whole) => {
        const file = good.slice(0, whole ? good.length : cut);
        for (const [at, value] of changes) if (at < file.length) file[at] = value;
        expectSane(file);
      }),
      { seed: 12, numRuns: 300 },
    );
  });

  it("frames that are changed and cut", () => {
    const frame = fc.constantFrom(...FRAMES);
    fc.assert(
      fc.property(frame, fc.array(fc.tuple(fc.nat(150), fc.nat(255)), { maxLength: 4 }), fc.nat(200), fc.nat(100), ({ linkType, bytes }, changes, cut, missing) => {
        const changed = bytes.slice(0, cut);
        for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
        expectSane(fileOf([{ name: "", linkType, bytes: changed, originalLength: changed.length + missing }]));
      }),
      { seed: 13, numRuns: 3000 },
    );
  });

  it("random octets of any link type", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(LINK_TYPE), 147), fc.uint8Array({ maxLength: 120 }), (linkType, bytes) => {
        const { packets, unread } = dissectFrame(linkType, bytes);
        expect(packets.length > 0 || unread !== null).toBe(true);
        expectSane(bytes);
      }),
      { seed: 14, numRuns: 3000 },
    );
  });
});
