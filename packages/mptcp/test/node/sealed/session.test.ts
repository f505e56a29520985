import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SEALED_HEADER, SEALED_OVERHEAD } from "../../../src/node/udp/sealed/messages.ts";
import { ReplayWindow } from "../../../src/node/udp/sealed/replay-window.ts";
import { OPENED, Session, SESSION_LIMITS } from "../../../src/node/udp/sealed/session.ts";
import type { SessionLimits } from "../../../src/node/udp/sealed/session.ts";

describe("the replay window (RFC 6479)", () => {
  it("takes each counter once, and none that is further behind than it is long", () => {
    const near = fc.integer({ min: -200, max: 300 });
    const far = fc.integer({ min: -ReplayWindow.SIZE - 100, max: 3 * ReplayWindow.SIZE });
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 8, arbitrary: near }, { weight: 1, arbitrary: far }), { maxLength: 400 }), (steps) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        let highest = -1;
        for (const step of steps) {
          const counter = Math.max(0, highest + step);
          const expected = !seen.has(counter) && counter > highest - ReplayWindow.SIZE;
          expect(window.allows(counter)).toBe(expected);
          if (!expected) continue;
          window.accept(counter);
          seen.add(counter);
          highest = Math.max(highest, counter);
        }
      }),
    );
  });

  it("holds at the ends of its words and of its ring", () => {
    const window = new ReplayWindow();
    for (const counter of [0, 31, 32, 63, 4095, 4096, 8191, 8192]) {
      expect(window.allows(counter)).toBe(true);
      window.accept(counter);
      expect(window.allows(counter)).toBe(false);
    }
    expect(window.allows(8192 - ReplayWindow.SIZE)).toBe(false);
    expect(window.allows(8193 - ReplayWindow.SIZE)).toBe(true);
  });
});

describe("a session", () => {
  const keys = { send: new Uint8Array(32).fill(1), receive: new Uint8Array(32).fill(2) };

  function pair(change: Partial<SessionLimits> = {}): readonly [Session, Session] {
    const limits = { ...SESSION_LIMITS, ...change };
    const ours = new Session({ keys, isInitiator: true, localIndex: 1, remoteIndex: 2, timestamp: 1, now: 0 }, limits);
    const theirs = new Session({ keys: { send: keys.receive, receive: keys.send }, isInitiator: false, localIndex: 2, remoteIndex: 1, timestamp: 1, now: 0 }, limits);
    return [ours, theirs];
  }

  function sealed(session: Session, plain: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(plain.length + SEALED_OVERHEAD);
    bytes.set(plain, SEALED_HEADER);
    expect(session.seal(bytes, 0, plain.length)).toBe(bytes.length);
    return bytes;
  }

  const open = (session: Session, bytes: Uint8Array, now = 0): number => session.open(bytes, 0, bytes.length, 0, now);

  it("opens what the other end sealed, once, and in any order", () => {
    const [ours, theirs] = pair();
    const plains = [new Uint8Array(0), Uint8Array.of(9), new Uint8Array(1400).fill(7)];
    const datagrams = plains.map((plain) => sealed(ours, plain));
    for (const i of [2, 0, 1]) {
      const bytes = (datagrams[i] as Uint8Array).slice();
      const length = open(theirs, bytes);
      expect(bytes.subarray(0, length)).toEqual(plains[i]);
      expect(open(theirs, datagrams[i] as Uint8Array)).toBe(OPENED.replayed);
    }
  });

  it("does not open what it sealed itself: each direction has a key of its own", () => {
    const [ours] = pair();
    expect(open(ours, sealed(ours, Uint8Array.of(1, 2, 3)))).toBe(OPENED.forged);
  });

  it("does not open what was changed, in any octet that means something, and leaves it as it is", () => {
    const [ours, theirs] = pair();
    const datagram = sealed(ours, new Uint8Array(20).fill(5));
    // Type and index have brought it here.
    for (let at = 8; at < datagram.length; at++) {
      for (const change of [1, 0x80]) {
        const changed = datagram.slice();
        changed[at] = (changed[at] as number) ^ change;
        const before = changed.slice();
        expect(open(theirs, changed)).toBe(OPENED.forged);
        expect(changed).toEqual(before);
      }
    }
    for (let length = 0; length < datagram.length; length++) expect(open(theirs, datagram.slice(0, length))).toBe(OPENED.forged);
    // None of these was taken for its counter.
    expect(open(theirs, datagram)).toBe(20);
  });

  it("is due after so many datagrams, and seals no more than its limit, each with a number of its own", () => {
    const [ours, theirs] = pair({ rekeyAfterDatagrams: 3, rejectAfterDatagrams: 5 });
    const seen = new Set<string>();
    for (let i = 0; i < 5; i++) {
      expect(ours.isDue(0)).toBe(i >= 3);
      expect(ours.canSeal(0)).toBe(true);
      const datagram = sealed(ours, Uint8Array.of(1));
      seen.add(String(datagram.slice(8)));
      expect(open(theirs, datagram)).toBe(1);
    }
    expect(seen.size).toBe(5);
    expect(ours.canSeal(0)).toBe(false);
    // Nor does it open what is beyond, by whomever.
    expect(open(theirs, sealed(ours, Uint8Array.of(1)))).toBe(OPENED.forged);
  });

  it("is due after a time, later where the peer began it, and ends after another", () => {
    const [ours, theirs] = pair();
    const datagram = sealed(ours, Uint8Array.of(1));
    expect([ours.isDue(119_999), ours.isDue(120_000)]).toEqual([false, true]);
    expect([theirs.isDue(149_999), theirs.isDue(150_000)]).toEqual([false, true]);
    expect([ours.canSeal(179_999), ours.canSeal(180_000)]).toEqual([true, false]);
    expect(open(theirs, datagram.slice(), 180_000)).toBe(OPENED.expired);
    expect(open(theirs, datagram, 179_999)).toBe(1);
  });
});
