import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { patternSource, virtualSource } from "mptcp/sim";
import type { ByteSource } from "mptcp/sim";
import { Payload } from "mptcp/wire";

/** Takes bytes in order and gives their hash in the end. */
export interface IncrementalHash {
  update(bytes: Uint8Array): unknown;
  /** Hexadecimal. Called once, last. */
  hex(): string;
}

/** SHA-256 that runs everywhere. */
export function portableSha256(): IncrementalHash {
  const hash = sha256.create();
  return { update: (bytes) => hash.update(bytes), hex: () => bytesToHex(hash.digest()) };
}

/** What a bulk transfer or live stream carries. */
export interface Content {
  readonly source: ByteSource;
  /** Total; null: endless. */
  readonly bytes: number | null;
  /** Only lengths: nothing to compare. */
  readonly virtual: boolean;
}

/** The bytes of a file. */
export function fileContent(bytes: Uint8Array): Content {
  return { source: (offset, length) => new Payload(bytes, offset, length), bytes: bytes.length, virtual: false };
}

/** Bytes that are made up as they are needed, or only their number. */
export function madeUpContent(bytes: number | null, virtual: boolean): Content {
  return { source: virtual ? virtualSource : patternSource, bytes, virtual };
}

/** The hash of the first `length` bytes of a source. */
export function hashOf(content: Content, length: number, makeHash: () => IncrementalHash): string {
  const hash = makeHash();
  for (let offset = 0; offset < length; offset += BLOCK) {
    hash.update(content.source(offset, Math.min(BLOCK, length - offset)).toUint8Array());
  }
  return hash.hex();
}

const BLOCK = 1 << 20;
