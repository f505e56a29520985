import { expect, test } from "vitest";
import { IpAddress } from "../../src/wire/index.ts";

test.each([
  ["10.1.0.1", "10.1.0.1", 32],
  ["10.1.0.1", "10.1.0.2", 30],
  ["10.1.0.1", "10.2.0.1", 14],
  ["10.0.0.1", "192.168.0.1", 0],
  ["fd00:1::1", "fd00:1::1", 128],
  ["fd00:1::1", "fd00:1::8000:1", 96],
  ["fd00:1:0:1::", "fd00:1::", 63],
  ["fd00:1:1::", "fd00:1::", 47],
  ["fd00::", "fc00::", 7],
  ["10.1.0.1", "::ffff:10.1.0.1", 0],
])("%s and %s have their first %i bits in common", (one, other, bits) => {
  expect(IpAddress.from(one).commonPrefix(IpAddress.from(other))).toBe(bits);
  expect(IpAddress.from(other).commonPrefix(IpAddress.from(one))).toBe(bits);
});
