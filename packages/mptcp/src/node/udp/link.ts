import { MptcpError } from "../../core/index.ts";
import type { PortSource } from "../../host/index.ts";
import { IpAddress } from "../../wire/index.ts";
import type { Packet } from "../../wire/index.ts";
import { validMtu } from "../errors.ts";
import type { LinkDriver, LinkHandler } from "../link.ts";
import { BatchedSockets } from "./batched-port.ts";
import { DgramSockets } from "./dgram-port.ts";
import type { PortListener, UdpPort, UdpSockets } from "./port.ts";
import { createSeal, SEALED_OVERHEAD } from "./sealed/index.ts";
import type { Seal, SealCounters } from "./sealed/index.ts";
import { udpSystemCalls } from "./system-calls.ts";

export interface UdpLinkOptions {
  /** For people and logs; "udp" unless given. */
  readonly name?: string;
  /** Addresses of this machine that the link's sockets are bound to. */
  readonly addresses: readonly (IpAddress | string)[];
  /** Octets of the largest IP packet; 1500 unless given. TCP in UDP takes no more room than TCP does. */
  readonly mtu?: number;
  /** Milliseconds between datagrams that keep a NAT's binding of a connection alive; 15,000 unless given, 0 for none. */
  readonly keepAlive?: number;
  /** Octets that the system is asked to keep of what arrives while the process is busy; 4 MiB unless given. It may give less. */
  readonly receiveBuffer?: number;
  /**
   * Many datagrams per system call (recvmmsg, sendmmsg, UDP_SEGMENT, UDP_GRO), which takes Linux and the optional dependency koffi; where these are missing, and
   * with false, node:dgram is used.
   */
  readonly batch?: boolean;
  /**
   * A key that both ends have, as `generateUdpKey()` makes one: 32 octets, or these as base64 or hexadecimal digits. With it every datagram is encrypted and
   * authenticated, and nothing is taken of, or sent to, a peer without the key. Where it is named and undefined, that is an error. docs/udp-key.md
   */
  readonly key?: string | Uint8Array;
  /** Keys that are accepted besides where a peer begins, so that keys can be exchanged one end after the other. */
  readonly otherKeys?: readonly (string | Uint8Array)[];
}

/**
 * A link over UDP, for which no privileges are needed: the same engine, with each TCP segment in a datagram laid out as in
 * draft-cheshire-tcp-over-udp (see `encodeTcpInUdp`). Behind every local port is a socket: one for a listener and what it accepted, and one for
 * each connection or subflow that is opened from here, connected, so that the system reports when nobody is at the other end.
 */
export class UdpLink implements LinkDriver, PortSource, PortListener {
  readonly name: string;
  readonly mtu: number;
  readonly segmentationLimit: number;
  readonly addresses: readonly IpAddress[];
  readonly ports: PortSource = this;
  /** Whether system calls carry many datagrams at once. */
  readonly isBatched: boolean;
  private readonly keepAlive: number;
  private readonly sockets: UdpSockets;
  /** By number; there is one for each local address. */
  private readonly open = new Map<number, UdpPort[]>();
  private handler: LinkHandler | null = null;
  private isClosed = false;
  private keepAliveTimer: NodeJS.Timeout | null = null;
  private readonly seals: Seal | null;
  private sweepTimer: NodeJS.Timeout | null = null;
  /** Datagrams that were no TCP in UDP, or did not open by the link's key. */
  dropped = 0;

  /**
   * @throws RangeError for text that is no address, ERR_OUT_OF_RANGE for an MTU that is none; MptcpError EADDRNOTAVAIL for 0.0.0.0 and ::; TypeError
   * ERR_INVALID_ARG_VALUE for what is no key
   */
  constructor(options: UdpLinkOptions) {
    this.name = options.name ?? "udp";
    const mtu = validMtu(options.mtu ?? 1500);
    this.seals = sealOf(options);
    // What a key adds to each datagram is room that packets do not have.
    this.mtu = this.seals === null ? mtu : validMtu(mtu - SEALED_OVERHEAD);
    this.keepAlive = options.keepAlive ?? 15_000;
    const receiveBuffer = options.receiveBuffer ?? 4 * 1024 * 1024;
    const calls = options.batch === false ? null : udpSystemCalls();
    this.isBatched = calls !== null;
    this.sockets = calls === null ? new DgramSockets(this, receiveBuffer, this.seals) : new BatchedSockets(calls, this, mtu, receiveBuffer, this.seals);
    this.segmentationLimit = this.sockets.segmentationLimit;
    this.addresses = options.addresses.map((address) => (typeof address === "string" ? IpAddress.from(address) : address));
    for (const address of this.addresses) {
      // Subflows are told apart by their addresses.
      if (ANY.some((any) => any.equals(address))) throw new MptcpError("EADDRNOTAVAIL", `${address} is no address of a host: name those to be used, one by one`);
    }
  }

  /** What a link with a key has counted, as it goes on counting; null where there is no key. */
  get sealed(): Readonly<SealCounters> | null {
    return this.seals?.counters ?? null;
  }

  // ---- LinkDriver

  start(handler: LinkHandler): void {
    this.handler = handler;
    if (this.keepAlive > 0) this.keepAliveTimer = setInterval(() => this.keepBindings(), this.keepAlive).unref();
    if (this.seals !== null) this.sweepTimer = setInterval(() => this.sweep(), SWEEP).unref();
  }

  send(packet: Packet): boolean {
    const { tcp } = packet;
    if (tcp === null || this.isClosed) return true;
    const port = this.find(packet.source, tcp.sourcePort);
    return port === null || port.send(packet, tcp);
  }

  flush(): void {
    this.sockets.flush();
  }

  ref(): void {
    this.sockets.ref();
  }

  unref(): void {
    this.sockets.unref();
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.keepAliveTimer !== null) clearInterval(this.keepAliveTimer);
    if (this.sweepTimer !== null) clearInterval(this.sweepTimer);
    const all = Array.from(this.open.values()).flat();
    this.open.clear();
    await Promise.all(all.map((port) => port.close()));
    await this.sockets.close();
  }

  // ---- PortSource

  allocate(local: IpAddress, remote: IpAddress, remotePort: number): number {
    if (this.isClosed) return 0;
    const opened = this.bind(local, 0);
    opened.holders = 1;
    opened.connect(remote, remotePort);
    return opened.port;
  }

  hold(local: IpAddress, port: number): void {
    const held = this.find(local, port) ?? this.bind(local, port);
    // The socket of a connection that was opened from here speaks to its peer alone.
    if (held.isConnected) throw new MptcpError("EADDRINUSE", `${local}:${port} is in use`);
    held.holders++;
    held.isDeaf = false;
  }

  release(local: IpAddress, port: number): void {
    const held = this.find(local, port);
    if (held === null || --held.holders > 0) return;
    held.isDeaf = true;
    // What is still to be sent, an RST perhaps, leaves in this turn of the event loop.
    setImmediate(() => {
      if (held.holders > 0 || this.find(local, port) !== held) return;
      const rest = (this.open.get(port) ?? []).filter((other) => other !== held);
      if (rest.length === 0) this.open.delete(port);
      else this.open.set(port, rest);
      void held.close();
    });
  }

  // ---- PortListener

  arrived(packet: Packet): void {
    if (!this.isClosed) this.handler?.receive(packet);
  }

  rejected(): void {
    this.dropped++;
  }

  batchEnd(): void {
    if (!this.isClosed) this.handler?.batchEnd();
  }

  room(): void {
    if (!this.isClosed) this.handler?.room();
  }

  // ---- inside

  private find(local: IpAddress, port: number): UdpPort | null {
    const ports = this.open.get(port);
    if (ports === undefined) return null;
    for (const one of ports) if (one.local.equals(local)) return one;
    return null;
  }

  /** A port that nobody holds. @throws MptcpError with the system's code when it cannot be had */
  private bind(local: IpAddress, port: number): UdpPort {
    if (this.isClosed) throw new MptcpError("EADDRNOTAVAIL", `the link ${this.name} is closed`);
    const opened = this.sockets.open(local, port);
    const others = this.open.get(opened.port);
    if (others === undefined) this.open.set(opened.port, [opened]);
    else others.push(opened);
    return opened;
  }

  /** RFC 8085 §3.5: a binding is kept by traffic, not more often than every 15 s unless one knows better. */
  private keepBindings(): void {
    for (const ports of this.open.values()) for (const port of ports) port.keepBinding();
  }

  /** Old keys are forgotten in time, whether anything is sent or not. */
  private sweep(): void {
    for (const ports of this.open.values()) for (const port of ports) port.sealed?.sweep();
  }
}

/** Whoever writes `key` wants one: a variable that is not set makes no link in the clear. */
function sealOf(options: UdpLinkOptions): Seal | null {
  if ("key" in options || "otherKeys" in options) return createSeal(options.key as string | Uint8Array, options.otherKeys ?? []);
  return null;
}

/** Milliseconds. */
const SWEEP = 5000;
const ANY = [IpAddress.from("0.0.0.0"), IpAddress.from("::")];
