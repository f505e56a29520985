import { assert, boolean, nat, property, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTcpInUdp, encodeTcpInUdp, IpAddress, Packet, Payload, TCP_FLAG, tcpInUdpLength, TcpSegment } from "../../src/wire/index.ts";

const SOURCE = IpAddress.from("192.0.2.1");
const DESTINATION = IpAddress.from("198.51.100.2");

function packetOf(change: (segment: TcpSegment) => void): Packet {
  const packet = new Packet(SOURCE, DESTINATION);
  packet.tcp = new TcpSegment();
  packet.tcp.sourcePort = 1000;
  packet.tcp.destinationPort = 2000;
  change(packet.tcp);
  return packet;
}

function decode(bytes: Uint8Array): ReturnType<typeof decodeTcpInUdp> {
  return decodeTcpInUdp(bytes, 0, bytes.length, SOURCE, 1000, DESTINATION, 2000);
}

describe("TCP in UDP", () => {
  it("lays the header out as draft-cheshire-tcp-over-udp does", () => {
    const packet = packetOf((segment) => {
      segment.sequence = 0x01020304;
      segment.acknowledgment = 0x05060708;
      segment.flags = TCP_FLAG.ACK | TCP_FLAG.URG;
      segment.window = 0x090a;
      segment.urgentPointer = 7;
      segment.maximumSegmentSize = 1460;
      segment.payload = Payload.of(Uint8Array.of(0xaa, 0xbb));
    });
    const bytes = new Uint8Array(tcpInUdpLength(packet) + 1);
    expect(encodeTcpInUdp(packet, bytes, 1)).toBe(18);
    // The data offset counts 24 octets, as in TCP; URG is gone, and with it the urgent pointer, the checksum and the ports.
    expect(Buffer.from(bytes.subarray(1)).toString("hex")).toBe("6010090a0102030405060708020405b4aabb");
  });

  it("comes back as it was, as long as its TCP segment", () => {
    assert(
      property(
        nat(0xffff_ffff), nat(0xffff_ffff), nat(0x1f), nat(0xffff), boolean(), uint8Array({ maxLength: 50 }),
        (sequence, acknowledgment, flags, window, stamped, content) => {
          const packet = packetOf((segment) => {
            Object.assign(segment, { sequence, acknowledgment, flags, window, hasTimestamps: stamped });
            if (stamped) Object.assign(segment, { timestampValue: acknowledgment, timestampEcho: sequence });
            segment.payload = content.length === 0 ? Payload.EMPTY : Payload.of(content);
          });
          const bytes = new Uint8Array(tcpInUdpLength(packet));
          encodeTcpInUdp(packet, bytes, 0);
          const back = decode(bytes);
          if (typeof back === "string") throw new Error(back);
          expect(back.length).toBe(20 + 20 + (stamped ? 12 : 0) + content.length);
          expect({ ...back.tcp, payload: back.tcp?.payload.toUint8Array() }).toEqual({ ...packet.tcp, payload: content });
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });

  it("drops what is no TCP, and never throws", () => {
    expect(decode(new Uint8Array(0))).toBe("not_tcp");
    expect(decode(Uint8Array.of(0))).toBe("not_tcp");
    expect(decode(Uint8Array.of(0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))).toBe("not_tcp");
    expect(decode(Uint8Array.of(0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))).toBe("truncated");
    expect(decode(Uint8Array.of(0xf0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))).toBe("truncated");
    assert(
      property(uint8Array({ maxLength: 80 }), (bytes) => {
        const result = decode(bytes);
        expect(typeof result === "string" || result.tcp !== null).toBe(true);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it("refuses to encode what does not fit", () => {
    expect(() => encodeTcpInUdp(packetOf(() => {}), new Uint8Array(11), 0)).toThrow(expect.objectContaining({ code: "ERR_MPTCP_BUFFER_TOO_SMALL" }));
    expect(() => encodeTcpInUdp(new Packet(SOURCE, DESTINATION), new Uint8Array(40), 0)).toThrow(expect.objectContaining({ code: "ERR_MPTCP_NOT_ENCODABLE" }));
  });
});
