import type { PortSource } from "../../host/index.ts";
import type { IpAddress, Packet } from "../../wire/index.ts";
import type { LinkConnections, LinkDriver, LinkHandler } from "../link.ts";

/** One packet that went over a link, in either direction. */
export interface Sighting {
  readonly direction: "in" | "out";
  /** Milliseconds, monotonic. */
  readonly at: number;
  /** A copy: the payload's octets are shared, the rest is nobody's else. */
  readonly packet: Packet;
}

/** A link driver around another one that remembers what went through, and lets hand-made segments take part. */
export class Tap implements LinkDriver, LinkHandler {
  readonly name: string;
  readonly mtu: number;
  readonly segmentationLimit: number;
  readonly addresses: readonly IpAddress[];
  readonly ports?: PortSource;
  readonly sightings: Sighting[] = [];
  /** Called after each packet or batch of packets, in either direction. */
  onTraffic: (() => void) | null = null;
  private readonly driver: LinkDriver;
  private readonly expected = new Map<number, (packet: Packet) => void>();
  private handler: LinkHandler | null = null;

  constructor(driver: LinkDriver) {
    this.driver = driver;
    this.name = driver.name;
    this.mtu = driver.mtu;
    this.segmentationLimit = driver.segmentationLimit;
    this.addresses = driver.addresses ?? [];
    if (driver.ports !== undefined) this.ports = driver.ports;
  }

  /** From now on what comes to this local port goes to `receive`, not to the engine; null ends that. */
  expect(port: number, receive: ((packet: Packet) => void) | null): void {
    if (receive === null) this.expected.delete(port);
    else this.expected.set(port, receive);
  }

  /** Sends a hand-made packet at once; what the device does not take is lost, as on a wire. */
  inject(packet: Packet): void {
    this.send(packet);
    this.driver.flush();
  }

  /** Forgets what was seen so far. */
  clear(): void {
    this.sightings.length = 0;
  }

  // ---- LinkDriver

  start(handler: LinkHandler): void {
    this.handler = handler;
    this.driver.start(this);
  }

  send(packet: Packet): boolean {
    const copy = packet.clone();
    if (!this.driver.send(packet)) return false;
    this.note("out", copy);
    return true;
  }

  flush(): void {
    this.driver.flush();
  }

  ref(): void {
    this.driver.ref();
  }

  unref(): void {
    this.driver.unref();
  }

  close(): Promise<void> {
    return this.driver.close();
  }

  // ---- LinkHandler

  get connections(): LinkConnections {
    return (this.handler as LinkHandler).connections;
  }

  receive(packet: Packet): void {
    this.note("in", packet.clone());
    const expecting = packet.tcp === null ? undefined : this.expected.get(packet.tcp.destinationPort);
    if (expecting === undefined) this.handler?.receive(packet);
    else expecting(packet);
  }

  batchEnd(): void {
    this.handler?.batchEnd();
    this.onTraffic?.();
  }

  room(): void {
    this.handler?.room();
  }

  failed(error: Error): void {
    this.handler?.failed(error);
    this.onTraffic?.();
  }

  private note(direction: "in" | "out", packet: Packet): void {
    if (this.sightings.length < MOST_SIGHTINGS) this.sightings.push({ direction, at: performance.now(), packet });
  }
}

/** What a connection of a probe has to say, it says in its first packets. */
const MOST_SIGHTINGS = 4096;
