import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ResetReason } from "../../src/host/reset.ts";
import { resetFor } from "../../src/host/reset.ts";
import { IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";

const { FIN, SYN, RST, ACK, PSH } = TCP_FLAG;

function arrived(flags: number, values: Partial<TcpSegment> = {}, family: 4 | 6 = 4): Packet {
  const [from, to] = family === 4 ? [IpAddress.from("10.0.0.1"), IpAddress.from("192.0.2.1")] : [IpAddress.from("2001:db8::1"), IpAddress.from("2001:db8::2")];
  const packet = new Packet(from, to);
  packet.tcp = Object.assign(new TcpSegment(), { sourcePort: 40000, destinationPort: 80, flags, sequence: 1000, acknowledgment: 777, window: 500 }, values);
  packet.length = packetLength(packet);
  return packet;
}

/** The answer's TCP header. */
function answer(packet: Packet, why: ResetReason | null = null): TcpSegment {
  const segment = resetFor(packet, why)?.tcp;
  if (segment === null || segment === undefined) throw new Error("no answer");
  return segment;
}

/** Flags, sequence and acknowledgment number of the answer to a segment of `length` bytes. */
function numbers(flags: number, length: number): [number, number, number] {
  const reset = answer(arrived(flags, { payload: Payload.virtual(length) }));
  return [reset.flags, reset.sequence, reset.acknowledgment];
}

describe("the answer to a segment without a connection (RFC 9293 §3.10.7.1)", () => {
  test("is none to a RST, whatever else it says", () => {
    for (const flags of [RST, RST | ACK, RST | SYN, RST | FIN | ACK]) expect(resetFor(arrived(flags), null)).toBeNull();
  });

  test("is none to what is not TCP", () => {
    const packet = arrived(SYN);
    packet.tcp = null;
    expect(resetFor(packet, null)).toBeNull();
  });

  test("to a segment with ACK takes its acknowledgment for sequence number, and acknowledges nothing", () => {
    for (const flags of [ACK, ACK | PSH, ACK | FIN, ACK | SYN]) {
      const reset = answer(arrived(flags, { payload: Payload.virtual(10) }));
      expect([reset.flags, reset.sequence, reset.acknowledgment]).toEqual([RST, 777, 0]);
    }
  });

  test("to a segment without ACK has sequence number 0 and acknowledges all that it occupied", () => {
    expect(numbers(SYN, 0)).toEqual([RST | ACK, 0, 1001]);
    expect(numbers(SYN, 20)).toEqual([RST | ACK, 0, 1021]);
    expect(numbers(FIN, 0)).toEqual([RST | ACK, 0, 1001]);
    expect(numbers(SYN | FIN, 5)).toEqual([RST | ACK, 0, 1007]);
    expect(numbers(0, 0)).toEqual([RST | ACK, 0, 1000]);
    expect(numbers(0, 30)).toEqual([RST | ACK, 0, 1030]);
  });

  test("echoes the timestamp of the segment, unless it is not to (RFC 7323 §5.2)", () => {
    const packet = arrived(SYN, { hasTimestamps: true, timestampValue: 4711, timestampEcho: 5 });
    expect(answer(packet)).toMatchObject({ hasTimestamps: true, timestampValue: 0, timestampEcho: 4711 });
    expect(resetFor(packet, null)?.length).toBe(20 + 20 + 12);
    expect(resetFor(packet, null, false)?.tcp?.hasTimestamps).toBe(false);
    expect(answer(arrived(ACK)).hasTimestamps).toBe(false);
  });

  test("wraps with the sequence space", () => {
    expect(answer(arrived(SYN, { sequence: 0xffff_ffff })).acknowledgment).toBe(0);
    expect(answer(arrived(SYN, { sequence: 0xffff_fff0, payload: Payload.virtual(100) })).acknowledgment).toBe(85);
  });

  test("goes back the way the segment came, with its true length", () => {
    for (const family of [4, 6] as const) {
      const packet = arrived(SYN, {}, family);
      const reset = resetFor(packet, null) as Packet;
      expect(reset.source.equals(packet.destination)).toBe(true);
      expect(reset.destination.equals(packet.source)).toBe(true);
      expect([reset.tcp?.sourcePort, reset.tcp?.destinationPort]).toEqual([80, 40000]);
      expect(reset.length).toBe(family === 4 ? 40 : 60);
      expect(reset.tcp?.mptcp).toEqual([]);
      expect(reset.tcp?.payload.length).toBe(0);
    }
  });

  test("says why in an MP_TCPRST option when asked (RFC 8684 §3.6)", () => {
    const packet = arrived(SYN);
    const reset = resetFor(packet, { code: 3, transient: false }) as Packet;
    expect(reset.tcp?.mptcp).toEqual([{ kind: "mp_tcprst", transient: false, reserved: 0, reason: 3 }]);
    expect(reset.length).toBe(44);
    expect(resetFor(packet, { code: 0, transient: true })?.tcp?.mptcp).toEqual([{ kind: "mp_tcprst", transient: true, reserved: 0, reason: 0 }]);
  });

  test("is acceptable to any sender, and never answered itself", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), fc.nat(2000), (flags, sequence, acknowledgment, length) => {
        const packet = arrived(flags, { sequence, acknowledgment, payload: Payload.virtual(length) });
        const reset = resetFor(packet, null);
        expect(reset === null).toBe((flags & RST) !== 0);
        if (reset === null) return;
        expect(resetFor(reset, null)).toBeNull();
        expect(reset.length).toBe(packetLength(reset));
      }),
      { seed: 9293 },
    );
  });
});
