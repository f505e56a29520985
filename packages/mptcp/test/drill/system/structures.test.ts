import { assert, bigInt, property, record } from "fast-check";
import { expect, test } from "vitest";
import { MPTCP_INFO_FIELDS, readStructure, sizeOf, TCP_INFO_FIELDS, writeStructure } from "../../../src/drill/system/index.ts";

test.each([
  ["tcp_info", TCP_INFO_FIELDS, 280],
  ["mptcp_info", MPTCP_INFO_FIELDS, 96],
])("struct %s has the length that Linux 6.18 has, no two fields in one place, and says what was written into it", (_, fields, length) => {
  expect(sizeOf(fields)).toBe(length);
  const bits = fields.flatMap((field) => Array.from({ length: field.bits?.[1] ?? field.octets * 8 }, (__, bit) => field.offset * 8 + (field.bits?.[0] ?? 0) + bit));
  expect(new Set(bits).size).toBe(bits.length);
  const values = record(Object.fromEntries(fields.map(({ name, octets, bits: some }) => [name, bigInt(0n, (1n << BigInt(some?.[1] ?? octets * 8)) - 1n)])));
  assert(
    property(values, (written) => {
      expect(Object.fromEntries(readStructure(fields, writeStructure(fields, written)))).toEqual(written);
    }),
    { numRuns: 50 },
  );
});

test("of a structure that is cut short the fields that are there whole are read", () => {
  const octets = writeStructure(TCP_INFO_FIELDS, { tcpi_rto: 201_000, tcpi_ato: 40_000 });
  const values = readStructure(TCP_INFO_FIELDS, octets.subarray(0, 14));
  expect([values.get("tcpi_rto"), values.get("tcpi_ato")]).toEqual([201_000n, undefined]);
});
