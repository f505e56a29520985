import { PcapngWriter } from "../capture/index.ts";
import type { CaptureSink } from "../capture/index.ts";
import type { DecisionEvent, Observer } from "../core/index.ts";
import type { PortSource } from "../host/index.ts";
import type { IpAddress, Packet } from "../wire/index.ts";
import type { LinkDriver, LinkHandler } from "./link.ts";

export interface LinkCaptureOptions {
  /** Name of the program, for the capture's header. */
  readonly application?: string;
  /** ns; the clock of the runtime, so that packets and decisions have one. Nanoseconds since the capture was made unless given. */
  readonly clock?: () => number;
  /** Octets kept of each packet; all unless given. */
  readonly snapLength?: number;
}

/**
 * Writes what passes links to a pcapng capture, one interface for each link: packets out as the link takes them, packets in as the engine gets
 * them; those of a UDP link without their UDP header, as TCP. Given to the runtime as its observer, too, it puts the engine's decisions
 * into the capture as comments of the packets that follow.
 *
 * A capture holds keys, tokens and all that was said: whoever reads it can join the connections that are still open. So its file is for its owner alone.
 *
 * What was captured reaches the sink soon, in whole blocks: what a sink wrote to a file can be read at any time.
 *
 * @example
 * ```ts
 * import { createWriteStream } from "node:fs";
 * import { createStack, LinkCapture, UdpLink } from "mptcp/node";
 *
 * const file = createWriteStream("capture.pcapng", { mode: 0o600 });
 * const capture = new LinkCapture((chunk) => file.write(chunk));
 * const stack = createStack({ links: [capture.wrap(new UdpLink({ addresses: ["127.0.0.1"] }))], observer: capture });
 * await stack.close();
 * capture.close();
 * ```
 */
export class LinkCapture implements Observer {
  private readonly writer: PcapngWriter;
  private readonly clock: () => number;
  private readonly snapLength: number;
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(sink: CaptureSink, options: LinkCaptureOptions = {}) {
    const startedAt = process.hrtime.bigint();
    this.clock = options.clock ?? (() => Number(process.hrtime.bigint() - startedAt));
    this.snapLength = options.snapLength ?? 0;
    const milliseconds = Date.now();
    const epoch = { seconds: Math.floor(milliseconds / 1000), nanoseconds: (milliseconds % 1000) * 1_000_000 };
    this.writer = new PcapngWriter(sink, { epoch, application: options.application ?? "mptcp" });
  }

  /** Packets captured so far. */
  get packets(): number {
    return this.writer.packets;
  }

  /** The same link, captured. */
  wrap(driver: LinkDriver): LinkDriver {
    const addresses = driver.addresses?.join(", ") ?? "";
    const id = this.writer.addInterface({ name: driver.name, description: addresses, snapLength: this.snapLength });
    this.flushSoon();
    return new CapturedLink(driver, (packet, direction) => this.packet(id, packet, direction));
  }

  /** The runtime's call, as its observer. */
  event(event: DecisionEvent): void {
    if (!this.isClosed) this.writer.event(event);
  }

  /** Writes what is left; nothing is captured afterwards. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.writer.close(this.clock());
  }

  private packet(id: number, packet: Packet, notes: { readonly direction: "in" | "out" }): void {
    if (this.isClosed) return;
    this.writer.packet(id, packet, this.clock(), notes);
    this.flushSoon();
  }

  private flushSoon(): void {
    this.timer ??= setTimeout(this.flush, LONGEST_DELAY).unref();
  }

  private readonly flush = (): void => {
    this.timer = null;
    this.writer.flush();
  };
}

/** A link, and between it and the runtime somebody who looks. */
class CapturedLink implements LinkDriver {
  readonly name: string;
  readonly mtu: number;
  readonly segmentationLimit: number;
  readonly addresses?: readonly IpAddress[];
  readonly ports?: PortSource;
  private readonly inner: LinkDriver;
  private readonly passed: (packet: Packet, notes: { readonly direction: "in" | "out" }) => void;

  constructor(driver: LinkDriver, passed: (packet: Packet, notes: { readonly direction: "in" | "out" }) => void) {
    this.inner = driver;
    this.passed = passed;
    this.name = driver.name;
    this.mtu = driver.mtu;
    this.segmentationLimit = driver.segmentationLimit;
    if (driver.addresses !== undefined) this.addresses = driver.addresses;
    if (driver.ports !== undefined) this.ports = driver.ports;
  }

  start(handler: LinkHandler): void {
    const { passed } = this;
    this.inner.start({
      connections: handler.connections,
      receive: (packet) => {
        passed(packet, IN);
        handler.receive(packet);
      },
      batchEnd: () => handler.batchEnd(),
      room: () => handler.room(),
      failed: (error) => handler.failed(error),
    });
  }

  send(packet: Packet): boolean {
    if (!this.inner.send(packet)) return false;
    this.passed(packet, OUT);
    return true;
  }

  flush(): void {
    this.inner.flush();
  }

  ref(): void {
    this.inner.ref();
  }

  unref(): void {
    this.inner.unref();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

const IN = { direction: "in" } as const;
const OUT = { direction: "out" } as const;
/** ms that a packet may wait for others before it is written */
const LONGEST_DELAY = 50;
