import { array, assert, nat, property, tuple, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import { dumpRequest, errorOf, readAddress, readDefaultRoute, readLink, readMessages } from "../../src/node/devices/netlink-messages.ts";
import type { NetlinkMessage } from "../../src/node/devices/netlink-messages.ts";

/** A message as the kernel makes it: header, what is fixed, attributes. */
function message(type: number, fixed: readonly number[], attributes: readonly (readonly [type: number, value: readonly number[]])[] = []): Uint8Array {
  const body = [...fixed, ...attributes.flatMap(([kind, value]) => attribute(kind, value))];
  return Uint8Array.from([...u32(16 + body.length), ...u16(type), ...u16(0), ...u32(5), ...u32(0), ...body]);
}

function attribute(kind: number, value: readonly number[]): readonly number[] {
  return [...u16(4 + value.length), ...u16(kind), ...value, ...Array.from({ length: -value.length & 3 }, () => 0)];
}

const u16 = (value: number): readonly number[] => [value & 255, (value >>> 8) & 255];
const u32 = (value: number): readonly number[] => [...u16(value), ...u16(value >>> 16)];
const text = (value: string): readonly number[] => [...Buffer.from(`${value}\0`)];
const only = (bytes: Uint8Array): NetlinkMessage => {
  const all: NetlinkMessage[] = [];
  expect(readMessages(bytes, bytes.length, (one) => all.push(one))).toBe(true);
  expect(all).toHaveLength(1);
  return all[0] as NetlinkMessage;
};

/** struct ifinfomsg of an Ethernet device with index 4. */
const link = (flags: number): readonly number[] => [0, 0, ...u16(1), ...u32(4), ...u32(flags), ...u32(0)];
const V6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

describe("rtnetlink", () => {
  it("tells of a device", () => {
    const bytes = message(16, link(0x1 | 0x40 | 0x10000), [[3, text("wlan0")], [4, u32(1400)], [18, [...attribute(1, text("veth"))]], [5, u32(1)]]);
    expect(readLink(bytes, only(bytes))).toEqual({ index: 4, name: "wlan0", hardware: 1, driver: "veth", mtu: 1400, isUp: true, isRunning: true, isLoopback: false });
    const down = message(16, link(0x40), [[3, text("wlan0")]]);
    expect(readLink(down, only(down))).toMatchObject({ isUp: false, isRunning: false, mtu: 0, driver: "" });
  });

  it("tells of addresses with their flags, of which the longer field holds", () => {
    const six = message(20, [10, 64, 0x80, 0, ...u32(4)], [[1, V6], [8, u32(0x20 | 0x01 | 0x100)]]);
    const { index, address } = readAddress(six, only(six)) ?? {};
    expect([index, String(address?.address), address?.prefixLength]).toEqual([4, "2001:db8::7", 64]);
    expect(address).toMatchObject({ scope: "global", isDeprecated: true, isTemporary: true, isTentative: false, isSecondary: false });
    const optimistic = message(20, [10, 64, 0x40 | 0x04, 253, ...u32(4)], [[1, V6]]);
    expect(readAddress(optimistic, only(optimistic))?.address).toMatchObject({ scope: "link", isTentative: false });
    const duplicate = message(20, [10, 64, 0x08, 0, ...u32(4)], [[1, V6]]);
    expect(readAddress(duplicate, only(duplicate))?.address.isTentative).toBe(true);
  });

  it("tells of our own address on a link of two ends, not of the other's", () => {
    const bytes = message(20, [2, 32, 0x80 | 0x01, 0, ...u32(4)], [[1, [10, 0, 0, 1]], [2, [10, 0, 0, 2]]]);
    expect(readAddress(bytes, only(bytes))?.address).toMatchObject({ isSecondary: true, isTemporary: false });
    expect(String(readAddress(bytes, only(bytes))?.address.address)).toBe("10.0.0.2");
  });

  it("tells of default routes, by one device or several", () => {
    const one = message(24, [2, 0, 0, 0, 254, 3, 0, 1, ...u32(0)], [[4, u32(4)], [5, [10, 0, 0, 1]], [6, u32(600)], [15, u32(1000)]]);
    expect(readDefaultRoute(one, only(one))).toEqual([{ index: 4, route: expect.objectContaining({ family: 4, metric: 600, table: 1000 }) as object }]);
    const hop = (index: number, last: number): readonly number[] => [...u16(16), 0, 0, ...u32(index), ...attribute(5, [10, 0, 0, last])];
    const two = message(24, [2, 0, 0, 0, 254, 3, 0, 1, ...u32(0)], [[9, [...hop(4, 1), ...hop(5, 2)]]]);
    expect(readDefaultRoute(two, only(two)).map(({ index, route }) => [index, String(route.gateway)])).toEqual([[4, "10.0.0.1"], [5, "10.0.0.2"]]);
    const other = message(24, [2, 24, 0, 0, 254, 3, 0, 1, ...u32(0)], [[4, u32(4)]]);
    expect(readDefaultRoute(other, only(other))).toEqual([]);
    const unreachable = message(24, [10, 0, 0, 0, 254, 3, 0, 7, ...u32(0)], [[4, u32(1)]]);
    expect(readDefaultRoute(unreachable, only(unreachable))).toEqual([]);
  });

  it("answers with errors by their number", () => {
    const bytes = message(2, [...u32(-16), ...u32(0)]);
    expect(errorOf(bytes, only(bytes))).toBe(16);
  });

  it("is asked for a table", () => {
    const bytes = dumpRequest(18, 9);
    expect(only(bytes)).toMatchObject({ type: 18, flags: 0x301, sequence: 9 });
  });

  it("does no harm by what is damaged, whatever it says of its lengths", () => {
    const whole = [
      message(16, link(0x41), [[3, text("wlan0")], [18, [...attribute(1, text("veth"))]]]),
      message(20, [10, 64, 0x80, 0, ...u32(4)], [[1, V6], [8, u32(0x80)]]),
      message(24, [2, 0, 0, 0, 254, 3, 0, 1, ...u32(0)], [[9, [...u16(16), 0, 0, ...u32(4), ...attribute(5, [10, 0, 0, 1])]], [6, u32(600)]]),
    ];
    const bytes = Uint8Array.from(whole.flatMap((one) => [...one]));
    const changes = array(tuple(nat(bytes.length - 1), nat(255)), { maxLength: 6 });
    assert(
      property(changes, nat(bytes.length), (all, length) => {
        const damaged = Uint8Array.from(bytes);
        for (const [at, octet] of all) damaged[at] = octet;
        let seen = 0;
        readMessages(damaged, length, (one) => {
          seen++;
          expect(one.end).toBeLessThanOrEqual(length);
          readLink(damaged, one);
          readAddress(damaged, one);
          readDefaultRoute(damaged, one);
          errorOf(damaged, one);
        });
        expect(seen).toBeLessThanOrEqual(length / 16);
      }),
      { numRuns: 3000 },
    );
  });

  it("does no harm by octets of any kind", () => {
    assert(
      property(uint8Array({ maxLength: 300 }), (bytes) => {
        readMessages(bytes, bytes.length, () => {});
        const all = { type: 0, flags: 0, sequence: 0, start: 0, end: bytes.length };
        for (const read of [readLink, readAddress, readDefaultRoute]) read(bytes, all);
      }),
      { numRuns: 3000 },
    );
  });
});
