import { createHash, createHmac, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { AeadKey, TAG_LENGTH } from "./aead.ts";

/**
 * The handshake Noise_NNpsk0_25519_AESGCM_SHA256 of the Noise protocol framework, revision 34 (https://noiseprotocol.org/noise.html; sections are cited as "Noise §"):
 *
 *     -> psk, e
 *     <- e, ee
 *
 * Both ends prove that they have the key, and the keys of the session also need one end's ephemeral private key, which is forgotten afterwards.
 *
 * @module
 */

/** An X25519 key pair (RFC 7748 §5) for one handshake. */
export interface EphemeralKeyPair {
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  /** The secret shared with `remote`, 32 octets; null for a point of low order, for which it would be no secret (RFC 7748 §6.1). */
  agree(remote: Uint8Array): Uint8Array | null;
}

/** The two keys of a session, one for each direction. */
export interface SessionKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

/** A key pair of the system's randomness. */
export function ephemeralKeyPair(): EphemeralKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  return { publicKey: publicOctets(publicKey), agree: (remote) => agree(privateKey, remote) };
}

/** X25519 of a private key and 32 octets; null for a point of low order. */
export function agree(privateKey: KeyObject, remote: Uint8Array): Uint8Array | null {
  // Of the ways to a key object this one is ten times as fast as DER.
  const x = Buffer.from(remote.buffer, remote.byteOffset, remote.length).toString("base64url");
  try {
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
    return diffieHellman({ privateKey, publicKey });
  } catch {
    return null;
  }
}

/**
 * The 32 octets of a public key. They end its DER (RFC 8410 §4). As JWK they would be had sooner, but there Node 20 allocates while it holds a lock, which the
 * garbage of another handshake's key pair may ask for: the process would stand still.
 */
export function publicOctets(publicKey: KeyObject): Uint8Array {
  return publicKey.export({ format: "der", type: "spki" }).subarray(-PUBLIC_KEY_LENGTH);
}

/** The end that begins. */
export class Initiator {
  private readonly state: SymmetricState;
  private readonly ephemeral: EphemeralKeyPair;

  constructor(psk: Uint8Array, ephemeral: EphemeralKeyPair, prologue: Uint8Array) {
    this.ephemeral = ephemeral;
    this.state = new SymmetricState(prologue);
    this.state.mixKeyAndHash(psk);
    this.state.mixEphemeral(ephemeral.publicKey);
  }

  /** The first message: the public key and `payload` sealed. Nobody has contributed to it but us, so that it may be repeated by anybody, and has no forward secrecy. */
  write(payload: Uint8Array): Uint8Array {
    return concatenate(this.ephemeral.publicKey, this.state.encryptAndHash(payload));
  }

  /** Reads the second message. @returns its payload; null when the peer has another key, or the message was changed. Then the handshake may not go on */
  read(message: Uint8Array): Uint8Array | null {
    const { state } = this;
    const remote = message.subarray(0, PUBLIC_KEY_LENGTH);
    if (remote.length < PUBLIC_KEY_LENGTH) return null;
    state.mixEphemeral(remote);
    const secret = this.ephemeral.agree(remote);
    if (secret === null) return null;
    state.mixKey(secret);
    return state.decryptAndHash(message.subarray(PUBLIC_KEY_LENGTH));
  }

  /** Once the second message was read. */
  keys(): SessionKeys {
    const [send, receive] = this.state.split();
    return { send, receive };
  }

  get handshakeHash(): Uint8Array {
    return this.state.h;
  }
}

/** The end that answers. */
export class Responder {
  private readonly state: SymmetricState;
  private remote: Uint8Array = new Uint8Array(0);

  constructor(psk: Uint8Array, prologue: Uint8Array) {
    this.state = new SymmetricState(prologue);
    this.state.mixKeyAndHash(psk);
  }

  /** Reads the first message, for which no key has to be agreed on. @returns its payload; null when the peer has another key, or the message was changed */
  read(message: Uint8Array): Uint8Array | null {
    if (message.length < PUBLIC_KEY_LENGTH + TAG_LENGTH) return null;
    this.remote = new Uint8Array(message.subarray(0, PUBLIC_KEY_LENGTH));
    this.state.mixEphemeral(this.remote);
    return this.state.decryptAndHash(message.subarray(PUBLIC_KEY_LENGTH));
  }

  /** The second message; null where no secret comes of the peer's public key. */
  write(ephemeral: EphemeralKeyPair, payload: Uint8Array): Uint8Array | null {
    const secret = ephemeral.agree(this.remote);
    if (secret === null) return null;
    this.state.mixEphemeral(ephemeral.publicKey);
    this.state.mixKey(secret);
    return concatenate(ephemeral.publicKey, this.state.encryptAndHash(payload));
  }

  /** Once the second message was written. */
  keys(): SessionKeys {
    const [receive, send] = this.state.split();
    return { send, receive };
  }

  get handshakeHash(): Uint8Array {
    return this.state.h;
  }
}

/** Noise §5.2, with a cipher that every state of this pattern has a key for. */
class SymmetricState {
  h: Uint8Array;
  private ck: Uint8Array;
  private k: AeadKey | null = null;
  private n = 0;

  constructor(prologue: Uint8Array) {
    // Noise §5.2: a name that is as long as the hash or shorter is padded, not hashed.
    this.h = new Uint8Array(HASH_LENGTH);
    this.h.set(new TextEncoder().encode(PROTOCOL));
    this.ck = this.h;
    this.mixHash(prologue);
  }

  /** Noise §9.2: with a pre-shared key, public keys go into the chaining key too, so that no key is used with a nonce twice. */
  mixEphemeral(publicKey: Uint8Array): void {
    this.mixHash(publicKey);
    this.mixKey(publicKey);
  }

  mixKey(material: Uint8Array): void {
    const [ck, k] = hkdf(this.ck, material, 2) as [Uint8Array, Uint8Array];
    this.ck = ck;
    this.initializeKey(k);
  }

  /** Noise §9.1. */
  mixKeyAndHash(material: Uint8Array): void {
    const [ck, hash, k] = hkdf(this.ck, material, 3) as [Uint8Array, Uint8Array, Uint8Array];
    this.ck = ck;
    this.mixHash(hash);
    this.initializeKey(k);
  }

  encryptAndHash(plain: Uint8Array): Uint8Array {
    const sealed = new Uint8Array(plain.length + TAG_LENGTH);
    sealed.set(plain);
    this.k?.seal(this.n++, sealed, 0, plain.length, this.h);
    this.mixHash(sealed);
    return sealed;
  }

  decryptAndHash(sealed: Uint8Array): Uint8Array | null {
    const copy = new Uint8Array(sealed);
    const length = this.k?.open(this.n, copy, 0, copy.length, 0, this.h) ?? -1;
    if (length < 0) return null;
    this.n++;
    this.mixHash(sealed);
    return copy.subarray(0, length);
  }

  /** The initiator's key to send, and the responder's. */
  split(): [Uint8Array, Uint8Array] {
    return hkdf(this.ck, new Uint8Array(0), 2) as [Uint8Array, Uint8Array];
  }

  private mixHash(data: Uint8Array): void {
    this.h = createHash("sha256").update(this.h).update(data).digest();
  }

  private initializeKey(k: Uint8Array): void {
    this.k = new AeadKey(k);
    this.n = 0;
  }
}

/** Noise §4.3, which is RFC 5869 with `chainingKey` for a salt and no info: `count` outputs of 32 octets each. */
export function hkdf(chainingKey: Uint8Array, material: Uint8Array, count: 2 | 3): Uint8Array[] {
  const key = createHmac("sha256", chainingKey).update(material).digest();
  const outputs: Uint8Array[] = [];
  let last: Uint8Array = new Uint8Array(0);
  for (let i = 1; i <= count; i++) {
    last = createHmac("sha256", key).update(last).update(Uint8Array.of(i)).digest();
    outputs.push(last);
  }
  return outputs;
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

const PROTOCOL = "Noise_NNpsk0_25519_AESGCM_SHA256";
const HASH_LENGTH = 32;
/** Octets of an X25519 public key. */
export const PUBLIC_KEY_LENGTH = 32;
