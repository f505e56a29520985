import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { RandomSource } from "../../core/index.ts";
import { MINUTE, MptcpError } from "../../core/index.ts";
import type { IpAddress } from "../../wire/index.ts";

/** Makes the octets of a cookie, 8 or more, of which the first 8 are taken: a keyed hash of the two addresses that nobody without the key can make. */
export type CookieHash = (key: Uint8Array, client: IpAddress, server: IpAddress) => Uint8Array;

/** What a cookie is worth: `old` ones are taken, and a new one goes out with the answer. */
export type CookieVerdict = "valid" | "old" | "invalid";

/**
 * The keys that a server's Fast Open cookies are made with (RFC 7413 §4.1.2): one in use, and the one before, whose cookies are still taken. Those that are drawn
 * change from time to time, so that cookies expire; those that are given stay.
 */
export class CookieKeys {
  private readonly random: RandomSource | null;
  private readonly hash: CookieHash;
  private current: Uint8Array;
  private previous: Uint8Array | null;
  private readonly isDrawn: boolean;
  private since: number;

  private constructor(hash: CookieHash, random: RandomSource | null, keys: readonly Uint8Array[], now: number) {
    this.hash = hash;
    this.random = random;
    this.isDrawn = keys.length === 0;
    this.current = keys[0]?.slice() ?? this.draw();
    this.previous = keys[1]?.slice() ?? null;
    this.since = now;
  }

  /** Keys that are drawn, and change. */
  static drawn(hash: CookieHash, random: RandomSource, now: number): CookieKeys {
    return new CookieKeys(hash, random, [], now);
  }

  /** Keys that somebody gives: the one to make cookies with, and one more whose cookies are taken. @throws MptcpError ERR_OUT_OF_RANGE for others than one or two of 16 octets or more */
  static given(hash: CookieHash, keys: readonly Uint8Array[]): CookieKeys {
    if (keys.length < 1 || keys.length > 2 || keys.some((key) => key.length < LEAST_KEY)) throw new MptcpError("ERR_OUT_OF_RANGE", `Fast Open takes one or two keys of ${LEAST_KEY} octets or more`);
    return new CookieKeys(hash, null, keys, 0);
  }

  /** The cookie of a client's address. */
  cookieFor(client: IpAddress, server: IpAddress, now: number): Uint8Array {
    this.rotate(now);
    return this.make(this.current, client, server);
  }

  verdictOf(cookie: Uint8Array, client: IpAddress, server: IpAddress, now: number): CookieVerdict {
    this.rotate(now);
    if (isEqual(cookie, this.make(this.current, client, server))) return "valid";
    return this.previous !== null && isEqual(cookie, this.make(this.previous, client, server)) ? "old" : "invalid";
  }

  private make(key: Uint8Array, client: IpAddress, server: IpAddress): Uint8Array {
    return this.hash(key, client, server).slice(0, COOKIE_LENGTH);
  }

  private rotate(now: number): void {
    const age = now - this.since;
    if (!this.isDrawn || age < KEY_LIFETIME) return;
    // What was made longer ago than two lifetimes is good no more.
    this.previous = age < 2 * KEY_LIFETIME ? this.current : null;
    this.current = this.draw();
    this.since = now;
  }

  private draw(): Uint8Array {
    const key = new Uint8Array(32);
    this.random?.fill(key);
    return key;
  }
}

/** HMAC-SHA256 of both addresses. */
export const hmacCookie: CookieHash = (key, client, server) => {
  const message = new Uint8Array(33);
  const view = new DataView(message.buffer);
  [client.w0, client.w1, client.w2, client.w3, server.w0, server.w1, server.w2, server.w3].forEach((word, index) => view.setUint32(4 * index, word));
  message[32] = client.family;
  return hmac(sha256, key, message);
};

/** Without a hint, by the time that it takes, of how much of a guess is right. */
function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  let difference = one.length ^ other.length;
  for (let i = 0; i < other.length; i++) difference |= (one[i] ?? 0) ^ (other[i] as number);
  return difference === 0;
}

const COOKIE_LENGTH = 8;
const LEAST_KEY = 16;
/** How long cookies are made with one key, ns; they are taken for as long again. */
const KEY_LIFETIME = 6 * 60 * MINUTE;
