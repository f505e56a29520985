import type { IpAddress, Packet, TcpSegment } from "../../wire/index.ts";
import { DIRECTION } from "./middlebox.ts";
import type { Direction } from "./middlebox.ts";

/**
 * What a middlebox remembers of TCP connections, by their addresses and ports. Both directions are one flow. A full table forgets the flow
 * that was silent for longest. A look-up builds no key and allocates nothing.
 */
export class FlowTable<T> {
  private readonly make: () => T;
  private readonly limit: number;
  private buckets: (Entry<T> | null)[] = emptyBuckets(FIRST_BUCKETS);
  private count = 0;
  /** The ends of the list of all, in order of use. */
  private oldest: Entry<T> | null = null;
  private newest: Entry<T> | null = null;

  /** @param make what is known of a flow that is new @param limit flows held at once */
  constructor(make: () => T, limit = DEFAULT_LIMIT) {
    this.make = make;
    this.limit = limit;
  }

  /** Flows held. */
  get size(): number {
    return this.count;
  }

  /** What is known of the flow that a segment belongs to. */
  of(packet: Packet, segment: TcpSegment, direction: Direction): T {
    const isOutward = direction === DIRECTION.outward;
    const inside = isOutward ? packet.source : packet.destination;
    const outside = isOutward ? packet.destination : packet.source;
    const insidePort = isOutward ? segment.sourcePort : segment.destinationPort;
    const outsidePort = isOutward ? segment.destinationPort : segment.sourcePort;
    const hash = hashOf(inside, insidePort, outside, outsidePort);
    for (let entry = this.buckets[hash & (this.buckets.length - 1)] as Entry<T> | null; entry !== null; entry = entry.next) {
      if (entry.hash !== hash || entry.insidePort !== insidePort || entry.outsidePort !== outsidePort) continue;
      if (!entry.inside.equals(inside) || !entry.outside.equals(outside)) continue;
      this.use(entry);
      return entry.state;
    }
    return this.add(new Entry(inside, insidePort, outside, outsidePort, hash, this.make()));
  }

  private add(entry: Entry<T>): T {
    if (this.count >= this.limit && this.oldest !== null) this.remove(this.oldest);
    if (this.count >= this.buckets.length) this.grow();
    const at = entry.hash & (this.buckets.length - 1);
    entry.next = this.buckets[at] as Entry<T> | null;
    this.buckets[at] = entry;
    this.count++;
    this.append(entry);
    return entry.state;
  }

  private remove(entry: Entry<T>): void {
    const at = entry.hash & (this.buckets.length - 1);
    let previous: Entry<T> | null = null;
    for (let other = this.buckets[at] as Entry<T> | null; other !== entry && other !== null; other = other.next) previous = other;
    if (previous === null) this.buckets[at] = entry.next;
    else previous.next = entry.next;
    this.unlink(entry);
    this.count--;
  }

  private use(entry: Entry<T>): void {
    if (entry === this.newest) return;
    this.unlink(entry);
    this.append(entry);
  }

  private append(entry: Entry<T>): void {
    entry.older = this.newest;
    entry.newer = null;
    if (this.newest === null) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
  }

  private unlink(entry: Entry<T>): void {
    if (entry.older === null) this.oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === null) this.newest = entry.older;
    else entry.newer.older = entry.older;
  }

  private grow(): void {
    const old = this.buckets;
    this.buckets = emptyBuckets(old.length * 2);
    const mask = this.buckets.length - 1;
    for (let entry of old) {
      while (entry !== null) {
        const { next } = entry;
        entry.next = this.buckets[entry.hash & mask] as Entry<T> | null;
        this.buckets[entry.hash & mask] = entry;
        entry = next;
      }
    }
  }
}

class Entry<T> {
  readonly inside: IpAddress;
  readonly insidePort: number;
  readonly outside: IpAddress;
  readonly outsidePort: number;
  readonly hash: number;
  readonly state: T;
  /** The next one in the bucket. */
  next: Entry<T> | null = null;
  older: Entry<T> | null = null;
  newer: Entry<T> | null = null;

  constructor(inside: IpAddress, insidePort: number, outside: IpAddress, outsidePort: number, hash: number, state: T) {
    this.inside = inside;
    this.insidePort = insidePort;
    this.outside = outside;
    this.outsidePort = outsidePort;
    this.hash = hash;
    this.state = state;
  }
}

function hashOf(inside: IpAddress, insidePort: number, outside: IpAddress, outsidePort: number): number {
  let h = Math.imul(inside.hash, 0x9e3779b1) ^ outside.hash;
  h = Math.imul(h ^ (h >>> 15) ^ ((insidePort << 16) | outsidePort), 0x85ebca6b);
  return (h ^ (h >>> 13)) | 0;
}

function emptyBuckets<T>(count: number): (Entry<T> | null)[] {
  return Array.from({ length: count }, () => null);
}

const FIRST_BUCKETS = 64;
const DEFAULT_LIMIT = 16_384;
