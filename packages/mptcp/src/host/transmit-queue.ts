import type { TcpConnection } from "../tcp/index.ts";

/** The connections that may have something to send on one link, served a packet at a time in turn. */
export class TransmitQueue {
  private ring: (TcpConnection | null)[] = Array.from({ length: 16 }, () => null);
  private head = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  push(tcp: TcpConnection): void {
    if (this.count === this.ring.length) this.grow();
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = tcp;
    this.count++;
  }

  first(): TcpConnection | null {
    return this.count === 0 ? null : (this.ring[this.head] as TcpConnection);
  }

  shift(): void {
    this.ring[this.head] = null;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.count--;
  }

  /** Those that wait, in order. */
  all(): readonly TcpConnection[] {
    return Array.from({ length: this.count }, (_, i) => this.ring[(this.head + i) & (this.ring.length - 1)] as TcpConnection);
  }

  /** Takes one out, wherever it stands. */
  remove(tcp: TcpConnection): void {
    const rest = this.all().filter((other) => other !== tcp);
    if (rest.length === this.count) return;
    while (this.count > 0) this.shift();
    for (const other of rest) this.push(other);
  }

  /** Puts the first to the end. */
  rotate(): void {
    if (this.count < 2) return;
    const tcp = this.ring[this.head] as TcpConnection;
    this.shift();
    this.push(tcp);
  }

  private grow(): void {
    const old = this.ring;
    const mask = old.length - 1;
    this.ring = Array.from({ length: old.length * 2 }, (_, i) => (i < this.count ? (old[(this.head + i) & mask] as TcpConnection) : null));
    this.head = 0;
  }
}
