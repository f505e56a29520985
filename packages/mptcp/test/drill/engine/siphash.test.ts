import { expect, it } from "vitest";
import { linuxCookie, sipHash } from "../../../src/drill/engine/machine/siphash.ts";
import { IpAddress } from "../../../src/wire/index.ts";

it("is SipHash-2-4, by the vector of its paper", () => {
  const octets = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, index) => index);
  expect(sipHash(octets(16), octets(15))).toBe(0xa129ca6149be45e5n);
});

it("gives the cookies that Linux gives for the same keys", () => {
  const key = Uint8Array.from([0xa1, 0xb2, 0xc3, 0xd4].flatMap((octet) => [octet, octet, octet, octet]));
  const cookie = (of: Uint8Array, client: string, server: string): string => Buffer.from(linuxCookie(of, IpAddress.from(client), IpAddress.from(server))).toString("hex");
  expect(cookie(key, "192.0.2.1", "192.168.0.1")).toBe("3021b9d889017eeb");
  expect(cookie(new Uint8Array(16), "192.0.2.1", "192.168.0.1")).toBe("b7c12350a90dc8f5");
  expect(cookie(key, "fd3d:fa7b:d17d::1", "fd3d:0a0b:17d6::1")).toBe("c1d1e9742a47a9bc");
  expect(cookie(new Uint8Array(16), "fd3d:fa7b:d17d::1", "fd3d:0a0b:17d6::1")).toBe("82af1a8f9a205c34");
});
