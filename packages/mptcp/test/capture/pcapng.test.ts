import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CaptureReader, ipOffset, LINK_TYPE, PcapngWriter } from "../../src/capture/index.ts";
import type { CaptureRecord, PcapngWriterOptions } from "../../src/capture/index.ts";
import { decodePacket, IpAddress, Packet, packetLength, Payload, TcpSegment } from "../../src/wire/index.ts";
import { anyPacket, fromHex, hex, plain } from "../wire/arbitraries.ts";

/** Writes a capture in memory. */
function written(fill: (writer: PcapngWriter) => void, options?: PcapngWriterOptions): Uint8Array {
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter((chunk) => chunks.push(chunk), options);
  fill(writer);
  writer.close(0);
  const file = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    file.set(chunk, at);
    at += chunk.length;
  }
  return file;
}

function read(file: Uint8Array, origin?: number): { records: CaptureRecord[]; reader: CaptureReader } {
  const reader = new CaptureReader(file, origin);
  return { records: [...reader], reader };
}

function segment(payload = 10): Packet {
  const packet = new Packet(IpAddress.v4(0x0a000001), IpAddress.v4(0x0a000002));
  packet.tcp = new TcpSegment();
  packet.tcp.payload = Payload.virtual(payload);
  packet.length = packetLength(packet);
  return packet;
}

/** A block with its two lengths. */
function block(type: number, body: number[], little: boolean): number[] {
  const length = 12 + body.length;
  return [...word(type, little), ...word(length, little), ...body, ...word(length, little)];
}

function word(value: number, little: boolean): number[] {
  const octets = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
  return little ? octets.toReversed() : octets;
}

function half(value: number, little: boolean): number[] {
  return little ? [value & 255, value >>> 8] : [value >>> 8, value & 255];
}

function sectionBlock(little: boolean): number[] {
  return block(0x0a0d0d0a, [...word(0x1a2b3c4d, little), ...half(1, little), ...half(0, little), ...word(0xffffffff, little), ...word(0xffffffff, little)], little);
}

/** An interface with a timestamp resolution, or none (microseconds). */
function interfaceBlock(little: boolean, linkType: number, resolution?: number): number[] {
  const options = resolution === undefined ? [] : [...half(9, little), ...half(1, little), resolution, 0, 0, 0, ...word(0, little)];
  return block(1, [...half(linkType, little), 0, 0, ...word(0, little), ...options], little);
}

function packetBlock(little: boolean, id: number, high: number, low: number, octets: number[], claimed = octets.length): number[] {
  const padded = [...octets, ...Array.from({ length: (4 - (octets.length % 4)) % 4 }, () => 0)];
  return block(6, [id, high, low, claimed, octets.length].flatMap((value) => word(value, little)).concat(padded), little);
}

function reasons(file: number[]): string[] {
  return read(Uint8Array.from(file)).reader.problems.map((problem) => problem.reason);
}

describe("what is written is read", () => {
  it("packets, times, directions and comments", () => {
    const note = fc.record(
      { direction: fc.constantFrom("in" as const, "out" as const), comments: fc.array(fc.string({ unit: "binary" }), { maxLength: 3 }) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(anyPacket, fc.maxSafeNat(), note, fc.nat(1)), { maxLength: 20 }), (entries) => {
        const file = written(
          (writer) => {
            writer.addInterface({ name: "wifi" });
            writer.addInterface({ name: "lte", description: "Größe, 東京" });
            for (const [packet, now, notes, link] of entries) writer.packet(link, packet, now, notes);
          },
          { chunkLength: 1000 },
        );
        const { records, reader } = read(file, 0);
        expect(reader.problems).toEqual([]);
        expect(reader.interfaces.map((link) => [link.name, link.description, link.linkType])).toEqual([
          ["wifi", "", 101],
          ["lte", "Größe, 東京", 101],
        ]);
        expect(records.length).toBe(entries.length);
        records.forEach((record, i) => {
          const [packet, now, notes, link] = entries[i]!;
          expect([record.interfaceId, record.at, record.direction]).toEqual([link, now, notes.direction ?? null]);
          expect(record.comments).toEqual(notes.comments ?? []);
          const decoded = decodePacket(record.bytes, 0, record.bytes.length);
          expect(typeof decoded === "string" ? decoded : plain(decoded)).toEqual(plain(packet));
        });
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("octets as they are, cut at the snap length", () => {
    const file = written((writer) => {
      const link = writer.addInterface({ name: "a", snapLength: 5 });
      writer.octets(link, fromHex("ff 01020304050607 ff"), 1, 7, 3);
    });
    const { records, reader } = read(file);
    expect(hex(records[0]!.bytes)).toBe("0102030405");
    expect(records[0]!.originalLength).toBe(7);
    expect(reader.interfaces[0]!.snapLength).toBe(5);
  });

  it("nanoseconds beyond 2^53 with an epoch, to the last one", () => {
    const epoch = { seconds: 1_767_225_599, nanoseconds: 999_999_999 };
    const times = [0, 1, 999_999_999, 1_000_000_000, 8_999_999_999_999_999];
    const file = written(
      (writer) => {
        const link = writer.addInterface({ name: "a" });
        for (const now of times) writer.packet(link, segment(), now);
      },
      { epoch },
    );
    const { records, reader } = read(file);
    expect(reader.originSeconds).toBe(epoch.seconds);
    expect(records.map((record) => record.at! - epoch.nanoseconds)).toEqual(times);
    // The raw halves, against wide arithmetic.
    const view = new DataView(file.buffer);
    let at = 0;
    const raw: bigint[] = [];
    while (at < file.length) {
      if (view.getUint32(at, true) === 6) raw.push((BigInt(view.getUint32(at + 12, true)) << 32n) | BigInt(view.getUint32(at + 16, true)));
      at += view.getUint32(at + 4, true);
    }
    expect(raw).toEqual(times.map((now) => 1_767_225_599_999_999_999n + BigInt(now)));
  });

  it("any moment up to the year 2500 exactly", () => {
    fc.assert(
      fc.property(fc.nat(16_725_225_600), fc.nat(999_999_999), fc.maxSafeNat(), (seconds, nanoseconds, now) => {
        const file = written((writer) => writer.packet(writer.addInterface({ name: "a" }), segment(0), now), { epoch: { seconds, nanoseconds } });
        const { records, reader } = read(file, seconds + Math.floor(now / 1e9));
        expect(records[0]!.at).toBe((now % 1e9) + nanoseconds);
        expect(reader.problems).toEqual([]);
      }),
      { seed: 2, numRuns: 500 },
    );
  });
});

describe("comments that wait", () => {
  const event = { at: 5, host: "a", connection: 1, subflow: -1, kind: "fallback", reason: "option stripped" } as const;

  it("go with the next packet, before its own", () => {
    const file = written((writer) => {
      const link = writer.addInterface({ name: "a" });
      writer.event(event);
      writer.comment("second");
      writer.packet(link, segment(), 1, { comments: ["own"] });
      writer.packet(link, segment(), 2);
    });
    expect(read(file).records.map((record) => record.comments)).toEqual([
      ["0.000000005 a #1: falls back to regular TCP: option stripped", "second", "own"],
      [],
    ]);
  });

  it("are written at the end when no packet came", () => {
    const file = written((writer) => {
      writer.packet(writer.addInterface({ name: "a" }), segment(), 1);
      writer.comment("too late");
    });
    const { records, reader } = read(file);
    expect(records.length).toBe(1);
    expect(reader.comments).toEqual(["too late"]);
  });

  it("do not pile up without bound", () => {
    const file = written((writer) => {
      for (let i = 0; i < 5000; i++) writer.comment("x");
      writer.packet(writer.addInterface({ name: "a" }), segment(), 1);
    });
    const comments = read(file).records[0]!.comments;
    expect([comments.length, comments.at(-1)]).toEqual([1001, "and 4000 more"]);
  });

  it("hold any text; half a surrogate pair becomes U+FFFD", () => {
    const file = written((writer) => {
      writer.comment("a\u00e4\u20ac\u{1f600}\ud800x\udfff");
      writer.packet(writer.addInterface({ name: "\u{10ffff}" }), segment(), 1);
    });
    const { records, reader } = read(file);
    expect(records[0]!.comments).toEqual(["a\u00e4\u20ac\u{1f600}\ufffdx\ufffd"]);
    expect(reader.interfaces[0]!.name).toBe("\u{10ffff}");
  });

  it("are read octet by octet where they are no UTF-8", () => {
    const marker = "abcdefgh";
    const file = written((writer) => writer.packet(writer.addInterface({ name: "a" }), segment(), 1, { comments: [marker] }));
    const at = hex(file).indexOf(hex(Uint8Array.from(marker, (letter) => letter.charCodeAt(0)))) / 2;
    const cases: readonly [octets: string, text: string][] = [
      ["80 bf c0 80 c1 bf f5 ff", "\ufffd".repeat(8)],
      // Overlong forms of three and four octets, and a surrogate.
      ["e0 9f bf 41 f0 8f bf bf", "\ufffd\ufffd\ufffdA\ufffd\ufffd\ufffd\ufffd"],
      ["ed a0 80 41 f4 90 80 80", "\ufffd\ufffd\ufffdA\ufffd\ufffd\ufffd\ufffd"],
      // A sequence cut off by a letter, and by the end.
      ["e2 82 41 f0 9f 98 e2 82", "\ufffd\ufffdA" + "\ufffd".repeat(5)],
      ["e0 a0 80 ee 80 80 df bf", "\u0800\ue000\u07ff"],
    ];
    for (const [octets, text] of cases) {
      file.set(fromHex(octets), at);
      expect(read(file).records[0]!.comments).toEqual([text]);
    }
  });

  it("are cut to what an option holds", () => {
    const file = written((writer) => {
      writer.comment("ü".repeat(70_000));
      writer.packet(writer.addInterface({ name: "a" }), segment(), 1);
    });
    const { records, reader } = read(file);
    expect(reader.problems).toEqual([]);
    expect(records[0]!.comments).toEqual(["ü".repeat(21_845)]);
  });
});

describe("the writer", () => {
  it("hands over chunks that it never touches again", () => {
    const chunks: Uint8Array[] = [];
    const copies: string[] = [];
    const writer = new PcapngWriter(
      (chunk) => {
        chunks.push(chunk);
        copies.push(hex(chunk));
      },
      { chunkLength: 300 },
    );
    const link = writer.addInterface({ name: "a" });
    for (let i = 0; i < 50; i++) writer.packet(link, segment(i * 10), i);
    writer.flush();
    writer.close(50);
    expect(chunks.length).toBeGreaterThan(10);
    expect(chunks.map((chunk) => hex(chunk))).toEqual(copies);
    expect(writer.packets).toBe(50);
  });

  it("refuses an interface that it does not know", () => {
    const writer = new PcapngWriter(() => {});
    expect(() => writer.packet(0, segment(), 0)).toThrow(RangeError);
  });
});

describe("classic pcap", () => {
  const packet = "4500001400000000401100000a0000010a000002";

  function classic(little: boolean, nanoseconds: boolean): Uint8Array {
    const bytes = new Uint8Array(24 + 2 * 36);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, little);
    view.setUint16(4, 2, little);
    view.setUint16(6, 4, little);
    view.setUint32(16, 65_535, little);
    view.setUint32(20, 101, little);
    for (const at of [24, 60]) {
      view.setUint32(at, 1_700_000_000, little);
      view.setUint32(at + 4, at, little);
      view.setUint32(at + 8, 20, little);
      view.setUint32(at + 12, 1500, little);
      bytes.set(fromHex(packet), at + 16);
    }
    return bytes;
  }

  for (const little of [true, false]) {
    for (const nanoseconds of [true, false]) {
      it(`is read, ${little ? "little" : "big"}-endian, ${nanoseconds ? "nano" : "micro"}seconds`, () => {
        const { records, reader } = read(classic(little, nanoseconds));
        expect([reader.format, reader.problems, reader.originSeconds]).toEqual(["pcap", [], 1_700_000_000]);
        expect(records.map((record) => record.at)).toEqual(nanoseconds ? [24, 60] : [24_000, 60_000]);
        expect(records.map((record) => [hex(record.bytes), record.originalLength])).toEqual([
          [packet, 1500],
          [packet, 1500],
        ]);
        expect(reader.interfaces[0]!.linkType).toBe(101);
      });
    }
  }

  it("that ends within a record gives what was before", () => {
    const { records, reader } = read(classic(true, true).subarray(0, 95));
    expect(records.length).toBe(1);
    expect(reader.problems).toEqual([{ reason: "truncated", offset: 60 }]);
  });
});

describe("pcapng of others", () => {
  it("may be big-endian, with several resolutions", () => {
    const file = [
      ...sectionBlock(false),
      ...interfaceBlock(false, 101),
      ...interfaceBlock(false, 1, 9),
      ...interfaceBlock(false, 1, 3),
      ...interfaceBlock(false, 1, 0x80 | 10),
      ...interfaceBlock(false, 1, 12),
      ...packetBlock(false, 0, 0, 5_000_001, [1, 2, 3]),
      ...packetBlock(false, 1, 1, 7, [4]),
      ...packetBlock(false, 2, 0, 1_500, []),
      ...packetBlock(false, 3, 0, 1024 + 512, []),
      ...packetBlock(false, 4, 1, 0, []),
    ];
    const { records, reader } = read(Uint8Array.from(file));
    expect(reader.problems).toEqual([]);
    expect(records.map((record) => record.at)).toEqual([5_000_001_000, 2 ** 32 + 7, 1_500_000_000, 1_500_000_000, 4_294_967]);
    expect(hex(records[0]!.bytes)).toBe("010203");
  });

  it("may change byte order and interfaces from section to section", () => {
    const file = [
      ...sectionBlock(false), ...interfaceBlock(false, 1, 9), ...packetBlock(false, 0, 0, 1, [1]),
      ...sectionBlock(true), ...interfaceBlock(true, 101, 9), ...packetBlock(true, 0, 0, 2, [2]),
    ];
    const { records, reader } = read(Uint8Array.from(file));
    expect(records.map((record) => [record.interfaceId, record.at, hex(record.bytes)])).toEqual([[0, 1, "01"], [1, 2, "02"]]);
    expect(reader.interfaces.map((face) => face.linkType)).toEqual([1, 101]);
  });

  it("may hold simple packets, obsolete packets and unknown blocks", () => {
    const obsolete = block(2, [...half(0, true), ...half(0, true), ...[0, 9, 2, 2].flatMap((value) => word(value, true)), 7, 8, 0, 0], true);
    const file = [...sectionBlock(true), ...interfaceBlock(true, 101, 9), ...block(3, [...word(3, true), 1, 2, 3, 0], true), ...block(0x0bad, [1, 2, 3, 4], true), ...obsolete];
    const { records, reader } = read(Uint8Array.from(file));
    expect(reader.problems).toEqual([]);
    expect(records.map((record) => [record.at, hex(record.bytes)])).toEqual([[null, "010203"], [9, "0708"]]);
  });

  it("may be wrong in ways that are told", () => {
    const start = [...sectionBlock(true), ...interfaceBlock(true, 101, 9)];
    expect(reasons([1, 2, 3])).toEqual(["not_a_capture"]);
    expect(reasons([...start, 6, 0, 0, 0])).toEqual(["truncated"]);
    expect(reasons([...start, ...packetBlock(true, 0, 0, 1, [1]).slice(0, -4)])).toEqual(["truncated"]);
    expect(reasons([...start, ...packetBlock(true, 5, 0, 1, [1])])).toEqual(["unknown_interface"]);
    expect(reasons([...start, ...packetBlock(true, 0, 0, 1, [1], 5)])).toEqual(["bad_packet_length"]);
    expect(reasons([...start, ...block(6, [0, 0, 0, 0], true)])).toEqual(["bad_block_length"]);
    expect(reasons([...start, ...interfaceBlock(true, 101, 30), ...packetBlock(true, 1, 0, 1, [1])])).toEqual(["bad_timestamp"]);
    const lengths = packetBlock(true, 0, 0, 1, [1]);
    lengths[lengths.length - 4] = 99;
    expect(reasons([...start, ...lengths])).toEqual(["bad_block_length"]);
    const version = sectionBlock(true);
    version[12] = 2;
    expect(reasons(version)).toEqual(["unsupported_version"]);
  });

  it("never make the reader throw or run on, whatever octets change", () => {
    const good = written((writer) => {
      const a = writer.addInterface({ name: "a", description: "b" });
      for (let i = 0; i < 5; i++) {
        writer.comment("ünï");
        writer.packet(a, segment(i), i, { direction: "in" });
      }
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }), fc.nat(good.length), (changes, cut) => {
        const file = good.slice(0, cut);
        for (const [at, value] of changes) file[at] = value;
        const { records, reader } = read(file);
        expect(records.length).toBeLessThanOrEqual(good.length / 12);
        for (const record of records) expect(Number.isNaN(record.at)).toBe(false);
        expect(reader.problems.length).toBeLessThanOrEqual(100);
      }),
      { seed: 3, numRuns: 3000 },
    );
  });
});

describe("ipOffset", () => {
  const macs = "ffffffffffff 000000000001";
  it("finds the IP packet behind every known link header", () => {
    const cases: readonly [number, string, number][] = [
      [LINK_TYPE.raw, "45", 0],
      [LINK_TYPE.ipv4, "45", 0],
      [LINK_TYPE.ipv6, "60", 0],
      [LINK_TYPE.null, "02000000 45", 4],
      [LINK_TYPE.loop, "00000002 45", 4],
      [LINK_TYPE.ethernet, `${macs} 0800 45`, 14],
      [LINK_TYPE.ethernet, `${macs} 86dd 60`, 14],
      [LINK_TYPE.ethernet, `${macs} 8100 0001 0800 45`, 18],
      [LINK_TYPE.ethernet, `${macs} 88a8 0001 8100 0002 86dd 60`, 22],
      [LINK_TYPE.ethernet, `${macs} 0806 0001`, -1],
      [LINK_TYPE.ethernet, `${macs} 8100`, -1],
      [LINK_TYPE.linuxSll, "0000 0001 0006 0000000000010000 0800 45", 16],
      [LINK_TYPE.linuxSll2, "0800 0000 00000001 0001 00 06 0000000000010000 45", 20],
      [LINK_TYPE.linuxSll2, "0806", -1],
      [147, "45", -1],
    ];
    for (const [linkType, octets, offset] of cases) expect(ipOffset(linkType, fromHex(octets))).toBe(offset);
  });
});
