import { describe, expect, it } from "vitest";
import { PcapngWriter } from "../../src/capture/index.ts";
import { addFastOpen, decodePacket, encodePacket, IpAddress, Packet, packetLength, readFastOpen, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import { dissect, HAS_TSHARK } from "../capture/tshark.ts";
import { fromHex } from "./arbitraries.ts";

/** A SYN with MP_CAPABLE, timestamps and a cookie. */
function syn(cookie: string, { experimental = false, aligned = false } = {}): Packet {
  const segment = Object.assign(new TcpSegment(), { sourcePort: 1, destinationPort: 80, flags: TCP_FLAG.SYN, maximumSegmentSize: 1460, sackPermitted: true, hasTimestamps: true, timestampValue: 5, windowScale: 7, alignsOptions: aligned });
  segment.mptcp = [{ kind: "mp_capable", version: 1, flags: 1, dataLength: -1, checksum: -1, senderKey: null, receiverKey: null }];
  addFastOpen(segment, { cookie: fromHex(cookie), experimental });
  const packet = new Packet(IpAddress.from("10.0.0.1"), IpAddress.from("10.0.0.2"));
  packet.tcp = segment;
  packet.length = packetLength(packet);
  return packet;
}

function octets(packet: Packet): Uint8Array {
  const bytes = new Uint8Array(packetLength(packet));
  encodePacket(packet, bytes, 0);
  return bytes;
}

/** A segment with one option. */
function withOption(kind: number, hex: string): TcpSegment {
  return Object.assign(new TcpSegment(), { flags: TCP_FLAG.SYN, otherOptions: [{ kind, data: fromHex(hex) }] });
}

describe("the Fast Open option (RFC 7413 §4.1.1)", () => {
  it("goes ahead of Multipath TCP's, aligned where options are", () => {
    const place = (packet: Packet): string => Buffer.from(octets(packet).subarray(60)).toString("hex");
    expect(place(syn("0123456789abcdef"))).toBe("220a0123456789abcdef1e0401010101");
    expect(place(syn("0123456789abcdef", { aligned: true }))).toBe("220a0123456789abcdef01011e040101");
    expect(place(syn("", { aligned: true }))).toBe("220201011e040101");
  });

  it("comes back from its octets, under both kinds, with Multipath TCP's", () => {
    for (const experimental of [false, true]) {
      const bytes = octets(syn("01234567", { experimental }));
      const decoded = decodePacket(bytes, 0, bytes.length);
      if (typeof decoded === "string" || decoded.tcp === null) throw new Error("not a segment");
      expect(readFastOpen(decoded.tcp)).toEqual({ cookie: fromHex("01234567"), experimental });
      expect(decoded.tcp.mptcp.map(({ kind }) => kind)).toEqual(["mp_capable"]);
    }
  });

  it("is ignored with a cookie of a length that there is not", () => {
    for (const [hex, length] of [["", 0], ["01234567", 4], ["0123456789ab", 6], ["00".repeat(16), 16]] as const) expect(readFastOpen(withOption(34, hex))?.cookie.length).toBe(length);
    for (const hex of ["01", "0102", "0102030405", "00".repeat(18)]) expect(readFastOpen(withOption(34, hex))).toBeNull();
    expect(readFastOpen(withOption(254, "f98901234567"))).toEqual({ cookie: fromHex("01234567"), experimental: true });
    for (const hex of ["", "f9", "f98801234567", "f989012345"]) expect(readFastOpen(withOption(254, hex))).toBeNull();
  });

  it.skipIf(!HAS_TSHARK)("is what tshark takes for it", () => {
    const chunks: Uint8Array[] = [];
    const writer = new PcapngWriter((chunk) => chunks.push(chunk));
    const link = writer.addInterface({ name: "link" });
    for (const packet of [syn("0123456789abcdef"), syn("0123456789abcdef", { aligned: true }), syn("")]) writer.packet(link, packet, 0);
    writer.close(1);
    expect(dissect(Buffer.concat(chunks), ["tcp.options.tfo.cookie", "tcp.options.tfo.request", "tcp.options.mptcp.subtype"])).toEqual([
      { "tcp.options.tfo.cookie": "0123456789abcdef", "tcp.options.tfo.request": "", "tcp.options.mptcp.subtype": "0" },
      { "tcp.options.tfo.cookie": "0123456789abcdef", "tcp.options.tfo.request": "", "tcp.options.mptcp.subtype": "0" },
      { "tcp.options.tfo.cookie": "", "tcp.options.tfo.request": expect.anything(), "tcp.options.mptcp.subtype": "0" },
    ]);
  });
});
