import { decodePacket, DROP_REASONS, encodePacket, icmpErrorOf, Packet, packetLength } from "mptcp/wire";
import type { DecodeOptions } from "mptcp/wire";
import { mutate, repairChecksums, repairLength } from "./mutate.ts";
import { randomPacket } from "./packets.ts";
import { FuzzRandom } from "./random.ts";
import { FuzzFailure, Outcomes } from "./target.ts";
import type { FuzzRun, FuzzTarget } from "./target.ts";

/**
 * The packet codec under valid, damaged and random octets. The decoder never throws and never reads outside its window;
 * what it accepts can be encoded, in no more octets than it had beside alignment, and from then on decoding and encoding
 * change nothing.
 */
export const wireTarget: FuzzTarget = {
  name: "wire",
  cases: 10_000_000,
  start: (seed) => new WireRun(seed),
};

class WireRun implements FuzzRun {
  readonly outcomes = new Outcomes();
  private readonly seed: number;
  private readonly random = new FuzzRandom();
  private readonly input = new Uint8Array(4096);
  private readonly first = new Uint8Array(4096);
  private readonly elsewhere = new Uint8Array(4096 + 16);
  private readonly second = new Uint8Array(4096);

  constructor(seed: number) {
    this.seed = seed;
  }

  step(index: number): void {
    const random = this.random;
    random.start(this.seed, index);
    if (random.oneIn(16)) {
      this.check(this.randomOctets(), random.oneIn(2) ? LAX : STRICT);
      return;
    }
    const packet = randomPacket(random);
    let length = encodePacket(packet, this.input, 0);
    if (random.oneIn(16)) {
      this.checkValid(length);
      return;
    }
    const other = this.second.subarray(0, encodePacket(randomPacket(random), this.second, 0));
    for (let count = 1 + random.below(4); count > 0; count--) length = mutate(random, this.input, length, other);
    // Most damage would only meet length and checksums, so they are repaired or ignored as a rule.
    if (random.oneIn(2)) repairLength(this.input, length);
    if (random.oneIn(2)) repairChecksums(this.input, length);
    this.check(length, random.oneIn(2) ? LAX : STRICT);
  }

  private randomOctets(): number {
    const random = this.random;
    const length = random.below(random.oneIn(4) ? 2000 : 120);
    random.fill(this.input, 0, length);
    // Otherwise most of them are of no known version.
    if (random.below(4) !== 0) this.input[0] = random.oneIn(2) ? 0x40 | (5 + random.below(3)) : 0x60;
    if (random.oneIn(2)) {
      const total = this.input[0] >>> 4 === 4 ? length : Math.max(0, length - 40);
      const at = this.input[0] >>> 4 === 4 ? 2 : 4;
      this.input[at] = total >>> 8;
      this.input[at + 1] = total;
      this.input[at === 2 ? 9 : 6] = random.oneIn(2) ? 6 : random.below(64);
    }
    return length;
  }

  /** What the encoder wrote, the decoder accepts, and the encoder writes the same again. */
  private checkValid(length: number): void {
    const packet = decodePacket(this.input, 0, length);
    if (typeof packet === "string") throw this.failure(`a valid packet was dropped: ${packet}`, length);
    if (packet.length !== length) throw this.failure("the length of a valid packet changed", length);
    const again = encodePacket(packet, this.first, 0);
    if (!sameOctets(this.input, length, this.first, again)) throw this.failure("a valid packet changed", length);
    this.outcomes.add("valid");
  }

  private check(length: number, options: DecodeOptions): void {
    const packet = decodePacket(this.input, 0, length, options);
    if (typeof packet === "string") {
      if (!REASONS.has(packet)) throw this.failure(`unknown drop reason ${packet}`, length);
      this.outcomes.add(packet);
      return;
    }
    this.checkBounds(packet, length);
    if (this.random.oneIn(4)) this.checkPlace(packet, length, options);
    const needed = packetLength(packet);
    if (needed > length + ALIGNMENT) throw this.failure(`decoded from ${length} octets, encodes into ${needed}`, length);
    const first = encodePacket(packet, this.first, 0);
    const decoded = decodePacket(this.first, 0, first);
    if (typeof decoded === "string") throw this.failure(`dropped after encoding: ${decoded}`, length);
    const second = encodePacket(decoded, this.second, 0);
    if (!sameOctets(this.first, first, this.second, second)) throw this.failure("not stable", length);
    this.outcomes.add(packet.tcp !== null ? "decoded TCP" : packet.icmp !== null ? "decoded ICMP" : "decoded other");
    if (packet.icmp !== null && icmpErrorOf(packet.icmp, packet.source.family) !== null) this.outcomes.add("ICMP error with quote");
    if (packet.tcp !== null) for (const option of packet.tcp.mptcp) this.outcomes.add(option.kind);
  }

  /** The same octets elsewhere, between others, are the same packet: nothing outside the window is read. */
  private checkPlace(packet: Packet, length: number, options: DecodeOptions): void {
    const at = 1 + this.random.below(7);
    const elsewhere = this.elsewhere.fill(this.random.below(256));
    elsewhere.set(this.input.subarray(0, length), at);
    const moved = decodePacket(elsewhere, at, length, options);
    if (typeof moved === "string") throw this.failure(`dropped elsewhere: ${moved}`, length);
    const first = encodePacket(packet, this.first, 0);
    const second = encodePacket(moved, this.second, 0);
    if (!sameOctets(this.first, first, this.second, second)) throw this.failure("another packet elsewhere", length);
  }

  private checkBounds(packet: Packet, length: number): void {
    if (!(packet.length <= length)) throw this.failure(`claims ${packet.length} of ${length} octets`, length);
    const payload = packet.tcp?.payload ?? packet.opaque?.payload;
    if (payload === undefined || payload.bytes === null) return;
    if (payload.bytes !== this.input || payload.offset < 20 || payload.offset + payload.length > length) {
      throw this.failure("a payload outside its packet", length);
    }
  }

  private failure(message: string, length: number): FuzzFailure {
    return new FuzzFailure(message, this.input.subarray(0, length));
  }
}

function sameOctets(a: Uint8Array, aLength: number, b: Uint8Array, bLength: number): boolean {
  if (aLength !== bLength) return false;
  for (let i = 0; i < aLength; i++) if (a[i] !== b[i]) return false;
  return true;
}

const STRICT: DecodeOptions = {};
const LAX: DecodeOptions = { verifyIpChecksum: false, verifyTransportChecksum: false };
/** Octets that the encoder may add to align options: five NOPs, rounded up. */
const ALIGNMENT = 8;
const REASONS: ReadonlySet<string> = new Set(DROP_REASONS);
