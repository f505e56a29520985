import { describe, expect, test } from "vitest";
import { AddressBook } from "../../src/host/address-book.ts";
import { IpAddress } from "../../src/wire/index.ts";

const ip = (text: string): IpAddress => IpAddress.from(text);

describe("a host's addresses", () => {
  test("have ids from 1 and values by default", () => {
    const book = new AddressBook();
    const first = book.add(ip("10.0.0.1"), { link: 0 });
    const second = book.add(ip("2001:db8::1"), { link: 3, mtu: 9000, segmentationLimit: 60_000, flags: { backup: true } });
    expect([first.id, second.id]).toEqual([1, 2]);
    expect(first).toMatchObject({ up: true, link: 0, mtu: 1500, segmentationLimit: 0, flags: { subflow: true, signal: true, backup: false, fullmesh: false } });
    expect(second).toMatchObject({ link: 3, mtu: 9000, segmentationLimit: 60_000, flags: { subflow: true, signal: true, backup: true, fullmesh: false } });
  });

  test("keep their id when they are added again with other values", () => {
    const book = new AddressBook();
    book.add(ip("10.0.0.1"), { link: 0 });
    book.add(ip("10.0.0.2"), { link: 1 });
    const again = book.add(ip("10.0.0.1"), { link: 5, flags: { backup: true } });
    expect([again.id, again.link, again.flags.backup]).toEqual([1, 5, true]);
    expect(book.entries.map((entry) => String(entry.address))).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(book.find(ip("10.0.0.1"))?.link).toBe(5);
  });

  test("are found by value until they are removed, the last answer too", () => {
    const book = new AddressBook();
    book.add(ip("10.0.0.1"), { link: 0 });
    expect(book.find(ip("10.0.0.1"))?.id).toBe(1);
    expect(book.find(ip("10.0.0.1"))?.id).toBe(1);
    expect(book.find(ip("10.0.0.9"))).toBeNull();
    expect(book.find(ip("::ffff:10.0.0.1"))).toBeNull();
    expect(book.remove(ip("10.0.0.1"))).toBe(true);
    expect(book.find(ip("10.0.0.1"))).toBeNull();
    expect(book.remove(ip("10.0.0.1"))).toBe(false);
  });

  test("never share an id, also when addresses come and go", () => {
    const book = new AddressBook();
    for (let i = 0; i < 100; i++) {
      book.add(IpAddress.v4(i), { link: 0 });
      if (i % 3 === 2) book.remove(IpAddress.v4(i - 2));
    }
    const ids = book.entries.map((entry) => entry.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) {
      expect(id).toBeGreaterThanOrEqual(1);
      expect(id).toBeLessThanOrEqual(255);
    }
  });

  test("do not hand a removed address's id to the next one at once: a peer may have missed the REMOVE_ADDR", () => {
    const book = new AddressBook();
    book.add(ip("10.0.0.1"), { link: 0 });
    book.add(ip("10.0.0.2"), { link: 1 });
    book.remove(ip("10.0.0.2"));
    expect(book.add(ip("10.0.0.3"), { link: 1 }).id).toBe(3);
    // Once all 255 were given out, the oldest free one is next.
    for (let i = 0; i < 252; i++) {
      const address = IpAddress.v4(1000 + i);
      expect(book.add(address, { link: 0 }).id).toBe(4 + i);
      book.remove(address);
    }
    expect(book.add(ip("10.0.0.4"), { link: 1 }).id).toBe(2);
  });

  test("that return have their old id back", () => {
    const book = new AddressBook();
    book.add(ip("10.0.0.1"), { link: 0 });
    book.add(ip("10.0.0.2"), { link: 1 });
    book.remove(ip("10.0.0.2"));
    book.add(ip("10.0.0.3"), { link: 1 });
    expect(book.add(ip("10.0.0.2"), { link: 4 })).toMatchObject({ id: 2, link: 4 });
    // Unless another has it by now.
    book.remove(ip("10.0.0.2"));
    for (let i = 0; i < 253; i++) book.add(IpAddress.v4(1000 + i), { link: 0 });
    expect(book.find(IpAddress.v4(1252))?.id).toBe(2);
    book.remove(IpAddress.v4(1000));
    expect(book.add(ip("10.0.0.2"), { link: 4 }).id).toBe(4);
  });

  test("may ask for an id, which no other has then", () => {
    const book = new AddressBook();
    expect(book.add(ip("10.0.0.1"), { link: 0, flags: { id: 2 } }).id).toBe(2);
    expect([book.add(ip("10.0.0.2"), { link: 0 }).id, book.add(ip("10.0.0.3"), { link: 0 }).id]).toEqual([1, 3]);
    expect(() => book.add(ip("10.0.0.4"), { link: 0, flags: { id: 3 } })).toThrow(expect.objectContaining({ code: "EEXIST" }));
    expect(() => book.add(ip("10.0.0.4"), { link: 0, flags: { id: 256 } })).toThrow(expect.objectContaining({ code: "ERR_MPTCP_ADDRESS_ID" }));
    expect(book.find(ip("10.0.0.4"))).toBeNull();
  });

  test("a source address is of the destination's family, and no backup one if another is there", () => {
    const book = new AddressBook();
    expect(book.choose(ip("192.0.2.1"))).toBeNull();
    book.add(ip("2001:db8::1"), { link: 0 });
    expect(book.choose(ip("192.0.2.1"))).toBeNull();
    book.add(ip("10.0.0.1"), { link: 1, flags: { backup: true } });
    expect(String(book.choose(ip("192.0.2.1"))?.address)).toBe("10.0.0.1");
    book.add(ip("10.0.0.2"), { link: 2 });
    book.add(ip("10.0.0.3"), { link: 3 });
    expect(String(book.choose(ip("192.0.2.1"))?.address)).toBe("10.0.0.2");
    expect(String(book.choose(ip("2001:db8::9"))?.address)).toBe("2001:db8::1");
  });
});
