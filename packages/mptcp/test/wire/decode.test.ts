import { describe, expect, it } from "vitest";
import {
  checksumOf,
  decodePacket,
  DROP_REASONS,
  encodePacket,
  foldSum,
  IpAddress,
  ipv4HeaderSum,
  Packet,
  packetLength,
  partialSum,
  Payload,
  pseudoHeaderSum,
  TCP_FLAG,
  TcpSegment,
} from "../../src/wire/index.ts";
import type { DropReason } from "../../src/wire/index.ts";
import { fromHex, hex } from "./arbitraries.ts";

/** A SYN as Linux sends it, from 10.0.0.1:40000 to 10.0.0.2:80, set by hand; checksums are filled in. */
function linuxSyn(): Uint8Array {
  const bytes = fromHex(
    "4500 0040 1234 4000 4006 0000 0a000001 0a000002" +
      "9c40 0050 01020304 00000000 b002 faf0 0000 0000" +
      "020405b4 0402 080a 00000064 00000000 01 030307" +
      "1e04 0181",
  );
  return withChecksums(bytes, 20);
}

/** Puts right checksums into an IPv4 packet whose TCP header is at `tcpAt`. */
function withChecksums(bytes: Uint8Array, tcpAt: number): Uint8Array {
  bytes.set([0, 0], 10);
  bytes.set(pair(checksumOf(ipv4HeaderSum(bytes, 0, tcpAt))), 10);
  return withTcpChecksum(bytes, tcpAt, IpAddress.v4(0x0a000001), IpAddress.v4(0x0a000002));
}

function withTcpChecksum(bytes: Uint8Array, tcpAt: number, source: IpAddress, destination: IpAddress): Uint8Array {
  bytes.set([0, 0], tcpAt + 16);
  const length = bytes.length - tcpAt;
  const sum = foldSum(pseudoHeaderSum(source, destination, 6, length) + partialSum(bytes, tcpAt, length));
  bytes.set(pair(checksumOf(sum)), tcpAt + 16);
  return bytes;
}

function pair(value: number): number[] {
  return [value >>> 8, value & 0xff];
}

function decode(bytes: Uint8Array): Packet | DropReason {
  return decodePacket(bytes, 0, bytes.length);
}

function tcpOf(bytes: Uint8Array): TcpSegment {
  const packet = decode(bytes);
  if (typeof packet === "string" || packet.tcp === null) throw new Error(`no segment: ${JSON.stringify(packet)}`);
  return packet.tcp;
}

/** An IPv4 segment with the given octets of options. */
function withOptions(options: string): Uint8Array {
  const octets = fromHex(options);
  const bytes = new Uint8Array(40 + octets.length);
  bytes.set(fromHex("4500 0000 0000 4000 4006 0000 0a000001 0a000002 9c40 0050 01020304 05060708 0010 faf0 0000 0000"));
  bytes.set(octets, 40);
  bytes[3] = bytes.length;
  bytes[32] = ((20 + octets.length) / 4) << 4;
  return withChecksums(bytes, 20);
}

function changed(at: number, value: number, source = linuxSyn): () => Uint8Array {
  return () => {
    const bytes = source();
    bytes[at] = value;
    return bytes;
  };
}

function ipv6(extension: string, nextHeader: number): () => Uint8Array {
  return () => {
    const packet = new Packet(IpAddress.from("2001:db8::1"), IpAddress.from("2001:db8::2"));
    packet.tcp = new TcpSegment();
    const plain = new Uint8Array(60);
    encodePacket(packet, plain, 0);
    const octets = fromHex(extension);
    const bytes = Uint8Array.from([...plain.subarray(0, 40), ...octets, ...plain.subarray(40)]);
    bytes[5] = 20 + octets.length;
    bytes[6] = nextHeader;
    return bytes;
  };
}

describe("a Linux SYN", () => {
  it("is read field by field", () => {
    const packet = decode(linuxSyn()) as Packet;
    expect(packet.source.toString()).toBe("10.0.0.1");
    expect(packet.destination.toString()).toBe("10.0.0.2");
    expect([packet.length, packet.hopLimit, packet.identification, packet.dontFragment]).toEqual([64, 64, 0x1234, true]);
    expect(packet.tcp).toEqual(
      Object.assign(new TcpSegment(), {
        sourcePort: 40_000,
        destinationPort: 80,
        sequence: 0x01020304,
        flags: TCP_FLAG.SYN,
        window: 0xfaf0,
        maximumSegmentSize: 1460,
        windowScale: 7,
        sackPermitted: true,
        hasTimestamps: true,
        timestampValue: 100,
        mptcp: [
          { kind: "mp_capable", version: 1, flags: 0x81, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 },
        ],
      }),
    );
  });

  it("is what the encoder writes", () => {
    const packet = decode(linuxSyn()) as Packet;
    const again = new Uint8Array(packetLength(packet));
    encodePacket(packet, again, 0);
    expect(hex(again)).toBe(hex(linuxSyn()));
  });
});

describe("drop reasons", () => {
  const seen = new Set<string>();

  function drops(name: string, reason: DropReason, bytes: () => Uint8Array): void {
    seen.add(reason);
    it(`${reason}: ${name}`, () => {
      expect(decode(bytes())).toBe(reason);
    });
  }

  drops("nothing at all", "truncated", () => new Uint8Array(0));
  drops("half an IPv4 header", "truncated", () => linuxSyn().subarray(0, 19));
  drops("a total length beyond the octets", "truncated", () => linuxSyn().subarray(0, 63));
  drops("half a TCP header", "truncated", () => {
    const bytes = linuxSyn().slice(0, 39);
    bytes[3] = 39;
    return withChecksums(bytes, 20);
  });
  drops("a data offset beyond the segment", "truncated", () => withChecksums(changed(32, 0xc0)(), 20));
  drops("half an IPv6 header", "truncated", () => ipv6("", 6)().subarray(0, 39));
  drops("an IPv6 payload length beyond the octets", "truncated", () => ipv6("", 6)().subarray(0, 59));
  drops("an ICMP message of 7 octets", "truncated", () => {
    const bytes = linuxSyn().slice(0, 27);
    bytes.set([1], 9);
    bytes[3] = 27;
    bytes.set([0, 0], 10);
    bytes.set(pair(checksumOf(ipv4HeaderSum(bytes, 0, 20))), 10);
    return bytes;
  });
  drops("version 5", "bad_version", changed(0, 0x55));
  drops("an IPv4 header of 16 octets", "bad_header_length", changed(0, 0x44));
  drops("a total length below the header's", "bad_header_length", changed(3, 19));
  drops("a data offset of 16 octets", "bad_header_length", () => withChecksums(changed(32, 0x40)(), 20));
  drops("a wrong TTL", "bad_ip_checksum", changed(8, 63));
  drops("a wrong port", "bad_tcp_checksum", changed(20, 0));
  drops("a wrong ICMP octet", "bad_icmp_checksum", () => {
    const packet = new Packet(IpAddress.v4(1), IpAddress.v4(2));
    packet.icmp = { type: 8, code: 0, word: 1, body: new Uint8Array(8) };
    const bytes = new Uint8Array(36);
    encodePacket(packet, bytes, 0);
    bytes[30] = 1;
    return bytes;
  });
  drops("a first fragment", "fragment", () => withChecksums(changed(6, 0x20)(), 20));
  drops("a later fragment", "fragment", () => withChecksums(changed(7, 0x08)(), 20));
  drops("an IPv6 fragment", "fragment", ipv6("06 00 0001 00000001", 44));
  drops("segments left in a routing header", "source_routed", ipv6("06 00 00 01 00000000", 43));
  drops("a destination option that is too long", "bad_extension_header", ipv6("06 09 0000 00000000", 60));
  drops("nine extension headers", "bad_extension_header", ipv6("3c00000000000000".repeat(8) + "0600000000000000", 60));

  it("all have an example here", () => {
    expect([...seen].toSorted()).toEqual([...DROP_REASONS].toSorted());
  });

  it("never come from an impossible window on the buffer as an error", () => {
    const bytes = linuxSyn();
    for (const [offset, length] of [[-1, 64], [1, 64], [0, -1], [0, 65], [64, 1], [Number.NaN, 64], [0, Number.NaN]] as const) {
      expect(typeof decodePacket(bytes, offset, length)).toBe("string");
    }
  });
});

describe("what is skipped", () => {
  it("IPv4 options", () => {
    const syn = linuxSyn();
    const bytes = Uint8Array.from([...syn.subarray(0, 20), 0x94, 0x04, 0, 0, ...syn.subarray(20)]);
    bytes[0] = 0x46;
    bytes[3] = 68;
    expect(tcpOf(withChecksums(bytes, 24)).destinationPort).toBe(80);
  });

  it("IPv6 extension headers of every kind, and an atomic fragment (RFC 8200 §4.5)", () => {
    const source = IpAddress.from("2001:db8::1");
    const destination = IpAddress.from("2001:db8::2");
    const chain =
      "3c00 0104 00000000" + // hop-by-hop, next: destination options
      "2b00 0104 00000000" + // destination options, next: routing
      "2c00 0000 00000000" + // routing, nothing left, next: fragment
      "3300 0000 12345678" + // fragment, offset 0, last, next: authentication
      "0604 0000".padEnd(24 * 2 + 1, "0"); // authentication, 24 octets, next: TCP
    const octets = fromHex(chain);
    const packet = new Packet(source, destination);
    packet.tcp = new TcpSegment();
    packet.tcp.sourcePort = 4711;
    const plain = new Uint8Array(60);
    encodePacket(packet, plain, 0);
    const bytes = Uint8Array.from([...plain.subarray(0, 40), ...octets, ...plain.subarray(40)]);
    bytes[5] = 20 + octets.length;
    bytes[6] = 0;
    expect(tcpOf(bytes).sourcePort).toBe(4711);
  });

  it("link padding", () => {
    expect(tcpOf(Uint8Array.from([...linuxSyn(), 0, 0, 0])).payload.length).toBe(0);
  });
});

describe("TCP options", () => {
  it("end at the end-of-options octet", () => {
    const segment = tcpOf(withOptions("020405b4 00 030307 00000000"));
    expect([segment.maximumSegmentSize, segment.windowScale]).toEqual([1460, -1]);
  });

  it("end at an impossible length, and what came before counts (RFC 9293 MUST-7)", () => {
    for (const bad of ["0300", "0301", "0309"]) {
      const segment = tcpOf(withOptions(`020405b4 ${bad} 0402`));
      expect([segment.maximumSegmentSize, segment.windowScale, segment.sackPermitted]).toEqual([1460, -1, false]);
    }
    // One octet more than there is.
    expect(tcpOf(withOptions("020405b4 0101 0303")).windowScale).toBe(-1);
    expect(tcpOf(withOptions("020405b4 010101 03")).maximumSegmentSize).toBe(1460);
  });

  it("of a known kind but a wrong length are kept raw", () => {
    const segment = tcpOf(withOptions("0203ff 0304aabb 0403cc 0506aabbccdd 08041122 0502 0101"));
    expect(segment.otherOptions.map((option) => [option.kind, hex(option.data)])).toEqual([
      [2, "ff"],
      [3, "aabb"],
      [4, "cc"],
      [5, "aabbccdd"],
      [8, "1122"],
      [5, ""],
    ]);
    expect([segment.maximumSegmentSize, segment.windowScale, segment.sackPermitted, segment.hasTimestamps]).toEqual([
      0, -1, false, false,
    ]);
  });

  it("keep user timeout, fast open and unknown kinds raw and in order", () => {
    const segment = tcpOf(withOptions("1c048005 220a0102030405060708 fd04f989 0101"));
    expect(segment.otherOptions.map((option) => [option.kind, hex(option.data)])).toEqual([
      [28, "8005"],
      [34, "0102030405060708"],
      [253, "f989"],
    ]);
  });

  it("count in their last form when there are two", () => {
    expect(tcpOf(withOptions("02040001 02040002")).maximumSegmentSize).toBe(2);
  });

  it("hold up to four SACK blocks", () => {
    const segment = tcpOf(withOptions("0101 0522" + "00000001 00000002".repeat(3) + "fffffff0 00000005"));
    expect(segment.sackBlocks).toEqual([1, 2, 1, 2, 1, 2, 0xfffffff0, 5]);
  });

  it("hold several MPTCP options in order", () => {
    const segment = tcpOf(withOptions("1e0351 1e044005 1e08 2001 00000009 01"));
    expect(segment.mptcp.map((option) => option.kind)).toEqual(["mp_prio", "remove_addr", "dss"]);
  });

  it("outlive the buffer", () => {
    const bytes = withOptions("1e0c0001 0102030405060708 fd04f989");
    const segment = tcpOf(bytes);
    bytes.fill(0);
    expect(segment.mptcp[0]).toMatchObject({ senderKey: fromHex("0102030405060708") });
    expect(hex(segment.otherOptions[0]!.data)).toBe("f989");
  });
});

describe("verification", () => {
  it("can be switched off for each layer", () => {
    const bytes = linuxSyn();
    bytes[8]--;
    bytes[20] = 0;
    expect(decodePacket(bytes, 0, 64)).toBe("bad_ip_checksum");
    expect(decodePacket(bytes, 0, 64, { verifyIpChecksum: false })).toBe("bad_tcp_checksum");
    expect(decodePacket(bytes, 0, 64, { verifyIpChecksum: false, verifyTransportChecksum: false })).toBeInstanceOf(Packet);
  });
});

describe("virtual payloads", () => {
  it("encode as zeros over whatever the buffer held", () => {
    const packet = new Packet(IpAddress.v4(1), IpAddress.v4(2));
    packet.tcp = new TcpSegment();
    packet.tcp.payload = Payload.virtual(200);
    const bytes = new Uint8Array(240).fill(0xff);
    encodePacket(packet, bytes, 0);
    expect(tcpOf(bytes).payload.toUint8Array().every((octet) => octet === 0)).toBe(true);
  });
});
