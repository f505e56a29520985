/**
 * An IPv4 or IPv6 address, immutable, cheap to compare and to hash.
 *
 * IPv4 keeps its 32 bits in `w3`; IPv6 uses all four words, most significant first.
 */
export class IpAddress {
  readonly family: 4 | 6;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
  /** A 32-bit mix of family and words, for hash tables. */
  readonly hash: number;
  private text: string | null = null;

  private constructor(family: 4 | 6, w0: number, w1: number, w2: number, w3: number) {
    this.family = family;
    this.w0 = w0 >>> 0;
    this.w1 = w1 >>> 0;
    this.w2 = w2 >>> 0;
    this.w3 = w3 >>> 0;
    let h = Math.imul(this.w0 ^ family, 0x9e3779b1);
    h = Math.imul(h ^ this.w1 ^ (h >>> 15), 0x85ebca6b);
    h = Math.imul(h ^ this.w2 ^ (h >>> 13), 0xc2b2ae35);
    h = Math.imul(h ^ this.w3 ^ (h >>> 16), 0x9e3779b1);
    this.hash = (h ^ (h >>> 15)) | 0;
  }

  /** An IPv4 address from its 32 bits. */
  static v4(bits: number): IpAddress {
    return new IpAddress(4, 0, 0, 0, bits);
  }

  /** An IPv6 address from four 32-bit words, most significant first. */
  static v6(w0: number, w1: number, w2: number, w3: number): IpAddress {
    return new IpAddress(6, w0, w1, w2, w3);
  }

  /** Parses dotted-quad or RFC 4291 text (`::`, embedded IPv4; no zone, no brackets); null when it is neither. */
  static parse(text: string): IpAddress | null {
    return text.includes(":") ? parseV6(text) : parseV4(text);
  }

  /** Like {@link IpAddress.parse}, for literals. @throws RangeError when `text` is no address. */
  static from(text: string): IpAddress {
    const address = IpAddress.parse(text);
    if (address === null) throw new RangeError(`not an IP address: ${text}`);
    return address;
  }

  equals(other: IpAddress): boolean {
    return (
      this === other ||
      (this.w3 === other.w3 &&
        this.w2 === other.w2 &&
        this.w1 === other.w1 &&
        this.w0 === other.w0 &&
        this.family === other.family)
    );
  }

  /** Bits at the beginning that both have in common (RFC 6724 §2.2); 0 for addresses of different families. */
  commonPrefix(other: IpAddress): number {
    if (this.family !== other.family) return 0;
    if (this.family === 4) return Math.clz32(this.w3 ^ other.w3);
    if (this.w0 !== other.w0) return Math.clz32(this.w0 ^ other.w0);
    if (this.w1 !== other.w1) return 32 + Math.clz32(this.w1 ^ other.w1);
    if (this.w2 !== other.w2) return 64 + Math.clz32(this.w2 ^ other.w2);
    return 96 + Math.clz32(this.w3 ^ other.w3);
  }

  /** The IPv4 address inside a v4-mapped IPv6 address (::ffff:a.b.c.d), else this address itself. */
  unmapped(): IpAddress {
    if (this.family === 6 && this.w0 === 0 && this.w1 === 0 && this.w2 === 0xffff) return IpAddress.v4(this.w3);
    return this;
  }

  /** 127.0.0.0/8 (RFC 1122 §3.2.1.3), ::1 (RFC 4291 §2.5.3), also v4-mapped. */
  get isLoopback(): boolean {
    const { family, w3 } = this.unmapped();
    return family === 4 ? w3 >>> 24 === 127 : this.w0 === 0 && this.w1 === 0 && this.w2 === 0 && w3 === 1;
  }

  /** Whether one host can be spoken to by it: not multicast, not the limited broadcast address, not unspecified ("this network", ::). */
  get isUnicast(): boolean {
    const { family, w3 } = this.unmapped();
    if (family === 4) return w3 >>> 24 !== 0 && w3 >>> 28 !== 14 && w3 !== 0xffff_ffff;
    return this.w0 >>> 24 !== 0xff && !(this.w0 === 0 && this.w1 === 0 && this.w2 === 0 && w3 === 0);
  }

  /** Canonical text: dotted quad, or RFC 5952 for IPv6. */
  toString(): string {
    return (this.text ??= this.family === 4 ? formatV4(this.w3) : formatV6(this));
  }
}

function parseV4(text: string): IpAddress | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  let bits = 0;
  for (let i = 1; i <= 4; i++) {
    const part = match[i] as string;
    const octet = Number(part);
    if (octet > 255 || (part.length > 1 && part.startsWith("0"))) return null;
    bits = bits * 256 + octet;
  }
  return IpAddress.v4(bits);
}

function parseV6(text: string): IpAddress | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0] as string, halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1] as string, true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const g = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  const word = (i: number): number => (g[i] as number) * 65536 + (g[i + 1] as number);
  return IpAddress.v6(word(0), word(2), word(4), word(6));
}

function groupsOf(text: string, mayEndInV4: boolean): number[] | null {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as string;
    if (mayEndInV4 && i === parts.length - 1 && part.includes(".")) {
      const v4 = parseV4(part);
      if (v4 === null) return null;
      groups.push(v4.w3 >>> 16, v4.w3 & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

function formatV4(bits: number): string {
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

function formatV6(address: IpAddress): string {
  const { w0, w1, w2, w3 } = address;
  if (w0 === 0 && w1 === 0 && w2 === 0xffff) return `::ffff:${formatV4(w3)}`;
  const groups = [w0, w1, w2, w3].flatMap((w) => [w >>> 16, w & 0xffff]);
  // RFC 5952 §4.2: the longest run of at least two zero groups is shortened, the first of equals.
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let j = i;
    while (j < 8 && groups[j] === 0) j++;
    if (j - i > bestLength) {
      best = i;
      bestLength = j - i;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (best < 0) return hex.join(":");
  return `${hex.slice(0, best).join(":")}::${hex.slice(best + bestLength).join(":")}`;
}
