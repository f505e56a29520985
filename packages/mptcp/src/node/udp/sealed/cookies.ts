import { createHmac, timingSafeEqual } from "node:crypto";
import type { IpAddress } from "../../../wire/index.ts";
import { AeadKey } from "./aead.ts";
import type { LinkKey } from "./key.ts";
import { COOKIE, INITIATION, MESSAGE } from "./messages.ts";
import { write32 } from "./session.ts";

/**
 * Cookies, by which who begins a handshake shows that it receives what is sent to its address (WireGuard §5.3, §5.4.7). A cookie is a MAC of the address by a
 * secret that changes every two minutes, so that nothing has to be remembered of those who ask.
 */
export class Cookies {
  private readonly fillRandom: (target: Uint8Array) => void;
  private secret: Uint8Array | null = null;
  /** The one before; null once its last cookies are too old. */
  private previous: Uint8Array | null = null;
  private changedAt = 0;

  constructor(fillRandom: (target: Uint8Array) => void) {
    this.fillRandom = fillRandom;
  }

  /** Whether the second MAC of `initiation` is by a cookie of this address and port. */
  accepts(initiation: Uint8Array, remote: IpAddress, remotePort: number, now: number): boolean {
    for (const secret of [this.currentSecret(now), this.previous]) {
      if (secret !== null && timingSafeEqual(cookieMac(cookieOf(secret, remote, remotePort), initiation), initiation.subarray(INITIATION.mac2))) return true;
    }
    return false;
  }

  /** The answer to an initiation that has none: the cookie, sealed for who made that very initiation. */
  reply(initiation: Uint8Array, key: LinkKey, remote: IpAddress, remotePort: number, now: number): Uint8Array {
    const reply = new Uint8Array(COOKIE.length);
    reply[0] = MESSAGE.cookie;
    reply.set(initiation.subarray(INITIATION.sender, INITIATION.sender + 4), COOKIE.receiver);
    const salt = reply.subarray(COOKIE.salt, COOKIE.sealed);
    this.fillRandom(salt);
    reply.set(cookieOf(this.currentSecret(now), remote, remotePort), COOKIE.sealed);
    new AeadKey(key.cookieKey(salt)).seal(0, reply, COOKIE.sealed, COOKIE.sealed + COOKIE_LENGTH, firstMac(initiation));
    return reply;
  }

  private currentSecret(now: number): Uint8Array {
    const age = now - this.changedAt;
    if (age >= 2 * COOKIE_LIFE) this.secret = null;
    if (this.secret !== null && age < COOKIE_LIFE) return this.secret;
    this.previous = this.secret;
    // By the old one's time, not by when it is found to be over: cookies of the previous one end with the new one's first life.
    this.changedAt = this.secret === null ? now : this.changedAt + COOKIE_LIFE;
    this.secret = new Uint8Array(SECRET_LENGTH);
    this.fillRandom(this.secret);
    return this.secret;
  }
}

/** The cookie in the answer to `initiation`; null when it is none. */
export function openCookie(reply: Uint8Array, initiation: Uint8Array, key: LinkKey): Uint8Array | null {
  const copy = new Uint8Array(reply);
  const aead = new AeadKey(key.cookieKey(copy.subarray(COOKIE.salt, COOKIE.sealed)));
  const length = aead.open(0, copy, COOKIE.sealed, COOKIE.length, 0, firstMac(initiation));
  return length === COOKIE_LENGTH ? copy.slice(0, COOKIE_LENGTH) : null;
}

/** The second MAC of an initiation, by a cookie. */
export function cookieMac(cookie: Uint8Array, initiation: Uint8Array): Uint8Array {
  return createHmac("sha256", cookie).update(initiation.subarray(0, INITIATION.mac2)).digest().subarray(0, INITIATION.length - INITIATION.mac2);
}

function firstMac(initiation: Uint8Array): Uint8Array {
  return initiation.subarray(INITIATION.mac, INITIATION.mac2);
}

function cookieOf(secret: Uint8Array, remote: IpAddress, remotePort: number): Uint8Array {
  const whom = new Uint8Array(19);
  whom[0] = remote.family;
  for (const [i, word] of [remote.w0, remote.w1, remote.w2, remote.w3].entries()) write32(whom, 1 + 4 * i, word);
  whom[17] = remotePort >>> 8;
  whom[18] = remotePort;
  return createHmac("sha256", secret).update(whom).digest().subarray(0, COOKIE_LENGTH);
}

const SECRET_LENGTH = 32;
const COOKIE_LENGTH = 16;
/** Milliseconds that a cookie is used for; who gave it takes it for as long again. */
export const COOKIE_LIFE = 120_000;
