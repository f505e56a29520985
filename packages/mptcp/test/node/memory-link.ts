import type { LinkConnections, LinkDriver, LinkHandler } from "../../src/node/index.ts";
import { decodePacket, encodePacket, IpAddress, packetLength } from "../../src/wire/index.ts";
import type { Packet } from "../../src/wire/index.ts";

/** For handlers of links without a runtime. */
export const NO_CONNECTIONS: LinkConnections = { phaseOf: () => null, opened: () => [], portClosed: () => {} };

/** One end of a cable in memory. Packets are encoded, cross in the next turn of the event loop and are decoded again. */
export class MemoryLink implements LinkDriver {
  readonly name: string;
  readonly mtu = 1500;
  readonly segmentationLimit = 0;
  readonly addresses: readonly IpAddress[];
  /** Packets that may wait to cross; beyond, `send` takes none. */
  capacity = 256;
  /** Packets sent so far. */
  sent = 0;
  /** Packets that were not taken. */
  refused = 0;
  isReferenced = false;
  isClosed = false;
  handler: LinkHandler | null = null;
  private peer: MemoryLink | null = null;
  private waiting: Uint8Array[] = [];
  private isRefusing = false;
  private isCrossing = false;

  constructor(address: string) {
    this.name = `memory ${address}`;
    this.addresses = [IpAddress.from(address)];
  }

  static pair(left: string, right: string): [MemoryLink, MemoryLink] {
    const ends: [MemoryLink, MemoryLink] = [new MemoryLink(left), new MemoryLink(right)];
    ends[0].peer = ends[1];
    ends[1].peer = ends[0];
    return ends;
  }

  start(handler: LinkHandler): void {
    this.handler = handler;
  }

  send(packet: Packet): boolean {
    if (this.waiting.length >= this.capacity) {
      this.isRefusing = true;
      this.refused++;
      return false;
    }
    const bytes = new Uint8Array(packetLength(packet));
    encodePacket(packet, bytes, 0);
    this.waiting.push(bytes);
    this.sent++;
    return true;
  }

  flush(): void {
    if (this.isCrossing) return;
    this.isCrossing = true;
    setImmediate(() => this.cross());
  }

  private cross(): void {
    this.isCrossing = false;
    const { waiting, peer } = this;
    this.waiting = [];
    if (peer !== null && peer.handler !== null && !peer.isClosed) {
      for (const bytes of waiting) {
        const packet = decodePacket(bytes, 0, bytes.length);
        if (typeof packet !== "string") peer.handler.receive(packet);
      }
      peer.handler.batchEnd();
    }
    if (!this.isRefusing || this.isClosed) return;
    this.isRefusing = false;
    this.handler?.room();
  }

  ref(): void {
    this.isReferenced = true;
  }

  unref(): void {
    this.isReferenced = false;
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}
