import type { FourTuple, TcpConnection } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";

/**
 * TCP connections, or what is left of them, by local and remote address and port. A chained hash table over the addresses' own hashes: a look-up per
 * packet builds no key and allocates nothing.
 */
export class FourTupleTable<T extends { readonly tuple: FourTuple } = TcpConnection> {
  private buckets: (Entry<T> | null)[] = Array.from({ length: SMALLEST }, () => null);
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** Buckets that there are now. */
  get capacity(): number {
    return this.buckets.length;
  }

  find(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): T | null {
    const hash = hashOf(localAddress, localPort, remoteAddress, remotePort);
    let entry = this.buckets[hash & (this.buckets.length - 1)] as Entry<T> | null;
    while (entry !== null) {
      if (entry.hash === hash) {
        const { tuple } = entry.item;
        if (
          tuple.remotePort === remotePort &&
          tuple.localPort === localPort &&
          tuple.remoteAddress.equals(remoteAddress) &&
          tuple.localAddress.equals(localAddress)
        )
          return entry.item;
      }
      entry = entry.next;
    }
    return null;
  }

  add(item: T): void {
    if (this.count >= this.buckets.length) this.resize(2 * this.buckets.length);
    const { tuple } = item;
    const hash = hashOf(tuple.localAddress, tuple.localPort, tuple.remoteAddress, tuple.remotePort);
    const at = hash & (this.buckets.length - 1);
    this.buckets[at] = { item, hash, next: this.buckets[at] as Entry<T> | null };
    this.count++;
  }

  /** Whether it was there. */
  remove(item: T): boolean {
    const { tuple } = item;
    const hash = hashOf(tuple.localAddress, tuple.localPort, tuple.remoteAddress, tuple.remotePort);
    const at = hash & (this.buckets.length - 1);
    let previous: Entry<T> | null = null;
    let entry = this.buckets[at] as Entry<T> | null;
    while (entry !== null) {
      if (entry.item === item) {
        if (previous === null) this.buckets[at] = entry.next;
        else previous.next = entry.next;
        this.count--;
        if (this.buckets.length > SMALLEST && this.count * 8 < this.buckets.length) this.resize(this.buckets.length / 4);
        return true;
      }
      previous = entry;
      entry = entry.next;
    }
    return false;
  }

  /** All connections, in no particular order; safe against changes while the array is walked. */
  all(): T[] {
    const found: T[] = [];
    for (let entry of this.buckets) for (; entry !== null; entry = entry.next) found.push(entry.item);
    return found;
  }

  private resize(length: number): void {
    const old = this.buckets;
    this.buckets = Array.from({ length: Math.max(length, SMALLEST) }, () => null);
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

interface Entry<T> {
  readonly item: T;
  readonly hash: number;
  next: Entry<T> | null;
}

function hashOf(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): number {
  let h = Math.imul(localAddress.hash, 0x9e3779b1) ^ remoteAddress.hash;
  h = Math.imul(h ^ (h >>> 15) ^ ((localPort << 16) | remotePort), 0x85ebca6b);
  return (h ^ (h >>> 13)) | 0;
}

/** Buckets at the least. */
const SMALLEST = 64;
