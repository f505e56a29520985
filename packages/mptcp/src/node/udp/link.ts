import type { PortSource } from "../../host/index.ts";
import type { IpAddress } from "../../wire/index.ts";
import type { Packet } from "../../wire/index.ts";
import { validMtu } from "../errors.ts";
import type { LinkDriver, LinkHandler } from "../link.ts";
import { BatchedSockets } from "./batched-port.ts";
import { DgramSockets } from "./dgram-port.ts";
import { Doubts } from "./doubts.ts";
import { localAddress } from "../local-address.ts";
import { PortTable } from "./port-table.ts";
import type { PathError, PortListener, UdpSockets } from "./port.ts";
import { createSeal, SEALED_OVERHEAD } from "./sealed/index.ts";
import type { Seal, SealCounters } from "./sealed/index.ts";
import { udpSystemCalls } from "./system-calls.ts";

export interface UdpLinkOptions {
  /** For people and logs; "udp" unless given. */
  readonly name?: string;
  /** Addresses of this machine that the link's sockets are bound to; a link-local one with its zone, `fe80::1%eth0`. */
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
  /** Whether connections to different peers leave from one port; true unless given. A connection that shares a port cannot go on in another process meanwhile. */
  readonly sharePorts?: boolean;
  /**
   * A key that both ends have, as `generateUdpKey()` makes one: 32 octets, or these as base64 or hexadecimal digits. With it every datagram is encrypted and
   * authenticated, and nothing is taken of, or sent to, a peer without the key. Where it is named and undefined, that is an error. docs/udp-key.md
   */
  readonly key?: string | Uint8Array;
  /** Keys that are accepted besides where a peer begins, so that keys can be exchanged one end after the other. */
  readonly otherKeys?: readonly (string | Uint8Array)[];
  /**
   * Name of the device that all sockets are bound to (SO_BINDTODEVICE), whatever the routes of their addresses say. It takes what `batch` takes, and since Linux 5.7 no
   * privileges; where it cannot be had the host's routes decide: see {@link UdpLink.isBoundToDevice}.
   */
  readonly device?: string;
}

/**
 * A link over UDP, for which no privileges are needed: the same engine, with each TCP segment in a datagram laid out as in
 * draft-cheshire-tcp-over-udp (see `encodeTcpInUdp`). Behind every local port is a socket: one for a listener and what it accepted; connections and subflows that are
 * opened from here share theirs, as long as they go to different ports or addresses.
 *
 * **What it carries is neither private nor authenticated**: whoever is on the way can read it, and whoever reaches a port can send to it.
 */
export class UdpLink implements LinkDriver, PortListener {
  readonly name: string;
  readonly mtu: number;
  readonly segmentationLimit: number;
  readonly addresses: readonly IpAddress[];
  readonly ports: PortSource;
  /** Whether system calls carry many datagrams at once. */
  readonly isBatched: boolean;
  private readonly keepAlive: number;
  private readonly sockets: UdpSockets;
  private readonly table: PortTable;
  private doubts: Doubts | null = null;
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
    this.sockets = calls === null ? new DgramSockets(this, receiveBuffer, this.seals) : new BatchedSockets(calls, this, mtu, receiveBuffer, this.seals, options.device ?? null);
    this.segmentationLimit = this.sockets.segmentationLimit;
    const locals = options.addresses.map(localAddress);
    this.addresses = locals.map(({ address }) => address);
    this.table = new PortTable(this.sockets, locals, options.sharePorts !== false);
    this.ports = this.table;
  }

  /** What a link with a key has counted, as it goes on counting; null where there is no key. */
  get sealed(): Readonly<SealCounters> | null {
    return this.seals?.counters ?? null;
  }

  /** Whether what leaves takes the device that was named; true as long as nothing else is known, false where none was named. */
  get isBoundToDevice(): boolean {
    return this.sockets.isBoundToDevice;
  }

  // ---- LinkDriver

  start(handler: LinkHandler): void {
    this.handler = handler;
    this.doubts = new Doubts(handler);
    if (this.keepAlive > 0) this.keepAliveTimer = setInterval(() => this.keepBindings(), this.keepAlive).unref();
    if (this.seals !== null) this.sweepTimer = setInterval(() => this.sweep(), SWEEP).unref();
  }

  send(packet: Packet): boolean {
    const { tcp } = packet;
    if (tcp === null || this.isClosed) return true;
    const port = this.table.find(packet.source, tcp.sourcePort);
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
    this.doubts?.close();
    await this.table.close();
    await this.sockets.close();
  }

  // ---- PortListener

  arrived(packet: Packet): void {
    if (this.isClosed) return;
    if (this.doubts !== null && this.doubts.size > 0 && packet.tcp !== null) this.doubts.onSegment(packet, packet.tcp);
    this.handler?.receive(packet);
  }

  erred(error: PathError): void {
    if (!this.isClosed) this.doubts?.onError(error);
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

  /** RFC 8085 §3.5: a binding is kept by traffic, not more often than every 15 s unless one knows better. */
  private keepBindings(): void {
    for (const ends of this.handler?.connections.opened() ?? []) {
      this.table.find(ends.localAddress, ends.localPort)?.keepBinding(ends.remoteAddress, ends.remotePort);
    }
  }

  /** Old keys are forgotten in time, whether anything is sent or not. */
  private sweep(): void {
    for (const port of this.table.all()) port.sealed?.sweep();
  }
}

/** Whoever writes `key` wants one: a variable that is not set makes no link in the clear. */
function sealOf(options: UdpLinkOptions): Seal | null {
  if ("key" in options || "otherKeys" in options) return createSeal(options.key as string | Uint8Array, options.otherKeys ?? []);
  return null;
}

/** Milliseconds. */
const SWEEP = 5000;
