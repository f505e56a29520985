// Big-endian access to octets. Tiny functions, which V8 inlines; the caller has checked the bounds.

/** The 16-bit number at `at`. */
export function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** The unsigned 32-bit number at `at`. */
export function read32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** Writes the lower 16 bits of `value` at `at`. */
export function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes the lower 32 bits of `value` at `at`. */
export function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** A copy of `length` octets in an array of its own, so that it outlives the packet's buffer. */
export function copyOctets(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  for (let i = 0; i < length; i++) copy[i] = bytes[at + i];
  return copy;
}

/** Writes exactly `length` octets of `source`, zeros where it is shorter. */
export function writeOctets(bytes: Uint8Array, at: number, source: Uint8Array, length: number): void {
  for (let i = 0; i < length; i++) bytes[at + i] = i < source.length ? source[i] : 0;
}
