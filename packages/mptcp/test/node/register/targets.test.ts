import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MptcpError } from "../../../src/index.ts";
import { Targets, targetAddress } from "../../../src/node/register/targets.ts";
import { IpAddress } from "../../../src/wire/index.ts";

function has(entry: string, address: string, port: number): boolean {
  return new Targets([entry]).has(IpAddress.from(address), port);
}

describe("targets of mptcp/register", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1", 80],
    ["192.0.2.1:80", "192.0.2.1", 80],
    ["192.0.2.0/24", "192.0.2.255", 1],
    ["192.0.2.0/24:80", "192.0.2.7", 80],
    ["0.0.0.0/0", "203.0.113.1", 80],
    ["2001:db8::1", "2001:db8::1", 80],
    ["2001:db8::/32", "2001:db8:1::1", 80],
    ["[2001:db8::1]", "2001:db8::1", 80],
    ["[2001:db8::1]:80", "2001:db8::1", 80],
    ["[2001:db8::/32]:80", "2001:db8::1", 80],
    [":443", "203.0.113.1", 443],
    [":443", "2001:db8::1", 443],
    ["*:443", "2001:db8::1", 443],
    ["*", "2001:db8::1", 443],
    ["*", "203.0.113.1", 443],
  ])("%s is meant for %s, port %i", (entry, address, port) => {
    expect(has(entry, address, port)).toBe(true);
  });

  test.each([
    ["192.0.2.1", "192.0.2.2", 80],
    ["192.0.2.1:80", "192.0.2.1", 81],
    ["192.0.2.0/24", "192.0.3.0", 1],
    ["2001:db8::/32", "2001:db9::1", 80],
    ["[2001:db8::1]:80", "2001:db8::1", 81],
    [":443", "203.0.113.1", 80],
    ["0.0.0.0/0", "2001:db8::1", 80],
    ["::/0", "203.0.113.1", 80],
  ])("%s is not for %s, port %i", (entry, address, port) => {
    expect(has(entry, address, port)).toBe(false);
  });

  test.each([["localhost"], ["192.0.2.1/33"], ["192.0.2.1/-1"], ["192.0.2.1/"], ["192.0.2.1/8/8"], ["192.0.2.1/2.5"], ["2001:db8::/129"], ["192.0.2.1:65536"], ["192.0.2.1:http"], ["[192.0.2.1"], ["example:80"], ["192.0.2"], ["/"], [""]])(
    "%j is none",
    (entry) => {
      expect(() => new Targets([entry])).toThrow(new MptcpError("ERR_MPTCP_REGISTER", `mptcp/register: ${JSON.stringify(entry)} is none of ADDRESS[/PREFIX][:PORT], [ADDRESS]:PORT, :PORT, *`));
    },
  );

  test("an address mapped into IPv6 is that of IPv4; one with a zone is that without", () => {
    expect(String(targetAddress("::ffff:192.0.2.1"))).toBe("192.0.2.1");
    expect(String(targetAddress("fe80::1%eth0"))).toBe("fe80::1");
    expect(targetAddress("example")).toBe(null);
  });

  test("nothing else is thrown, whatever is said", () => {
    const parts = fc.array(fc.constantFrom("192.0.2.1", "2001:db8::", "::", ":", "/", "[", "]", "*", "80", "128", "%eth0", "-1", " ", "."), { maxLength: 5 }).map((all) => all.join(""));
    fc.assert(
      fc.property(fc.oneof(fc.string(), parts), (entry) => {
        try {
          new Targets([entry]).has(IpAddress.from("192.0.2.1"), 80);
        } catch (error) {
          expect(error).toBeInstanceOf(MptcpError);
          expect((error as MptcpError).code).toBe("ERR_MPTCP_REGISTER");
        }
      }),
      { numRuns: 1000 },
    );
  });
});
