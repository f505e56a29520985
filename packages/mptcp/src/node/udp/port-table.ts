import { MptcpError } from "../../core/index.ts";
import type { PortPeer, PortSource } from "../../host/index.ts";
import type { IpAddress } from "../../wire/index.ts";
import type { LocalAddress } from "../local-address.ts";
import type { UdpPort, UdpSockets } from "./port.ts";

/**
 * The ports of a link over UDP: behind each is a socket, and so a descriptor. The UDP ports are those of TCP, so that two connections to one port of one peer need
 * two ports here, and connections to different peers share one: there are as many sockets as connections to that peer which has most.
 *
 * A connection in TIME-WAIT needs no port. While there is room, and as long as a peer may ask for its last acknowledgment again, the port stays open all the same.
 */
export class PortTable implements PortSource {
  private readonly sockets: UdpSockets;
  private readonly locals: readonly LocalAddress[];
  private readonly isSharing: boolean;
  /** By number; there is one for each local address. */
  private readonly byNumber = new Map<number, UdpPort[]>();
  /** Those for connections that are opened from here, the oldest first. */
  private shared: UdpPort[] = [];
  /** Those that nobody holds any more, by the time at which they close; the first to close comes first. */
  private readonly spare = new Map<UdpPort, number>();
  private timer: NodeJS.Timeout | null = null;
  private last: UdpPort | null = null;
  private isClosed = false;

  constructor(sockets: UdpSockets, locals: readonly LocalAddress[], isSharing: boolean) {
    this.sockets = sockets;
    this.isSharing = isSharing;
    this.locals = locals;
  }

  find(local: IpAddress, port: number): UdpPort | null {
    const { last } = this;
    if (last !== null && last.port === port && last.local.equals(local)) return last;
    const ports = this.byNumber.get(port);
    if (ports === undefined) return null;
    for (const one of ports) if (one.local.equals(local)) return (this.last = one);
    return null;
  }

  all(): readonly UdpPort[] {
    return Array.from(this.byNumber.values()).flat();
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    const all = this.all();
    this.byNumber.clear();
    this.spare.clear();
    this.shared = [];
    this.last = null;
    await Promise.all(all.map((port) => port.close()));
  }

  // ---- PortSource

  allocate(local: IpAddress, remote: IpAddress, remotePort: number, isFree: (port: number) => boolean): number {
    if (this.isClosed) return 0;
    const port = this.choose(local, isFree);
    if (port === null) return 0;
    this.take(port, { remoteAddress: remote, remotePort });
    return port.port;
  }

  hold(local: IpAddress, port: number, peer: PortPeer | null = null): void {
    let held = this.find(local, port);
    if (held !== null && !held.isShareable) {
      if (held.holders > 0) throw new MptcpError("EADDRINUSE", `${local}:${port} is in use`);
      this.shut(held);
      held = null;
    }
    held ??= this.withRoom(() => this.open(local, port));
    // A listener's port is not given to what is opened from here without asking for it.
    if (peer === null) this.shared = this.shared.filter((one) => one !== held);
    this.take(held, peer);
  }

  release(local: IpAddress, port: number, isWaiting = false): void {
    const held = this.find(local, port);
    if (held === null || --held.holders > 0) return;
    if (isWaiting) {
      this.keep(held);
      return;
    }
    // What is still to be sent, an RST perhaps, leaves in this turn of the event loop.
    held.isDeaf = true;
    setImmediate(() => {
      if (held.holders === 0 && !this.spare.has(held) && this.find(local, port) === held) this.shut(held);
    });
  }

  // ---- inside

  private take(port: UdpPort, peer: PortPeer | null): void {
    this.spare.delete(port);
    port.expect(peer);
    port.isDeaf = false;
    port.holders++;
  }

  /** A port of `local` that is free for a peer; null when there is none. */
  private choose(local: IpAddress, isFree: (port: number) => boolean): UdpPort | null {
    let looked = 0;
    for (const port of this.shared) {
      if (!port.local.equals(local)) continue;
      // To look at all of very many takes longer than to open one more.
      if (++looked > FEW) break;
      if (port.isShareable && isFree(port.port)) return port;
    }
    try {
      return this.withRoom(() => this.openFree(local, isFree));
    } catch (error) {
      const any = this.shared.find((port) => port.local.equals(local) && port.isShareable && isFree(port.port));
      if (any === undefined) throw error;
      return any;
    }
  }

  /** A new port that is free for a peer. The system may pick one whose last connection to that peer is in TIME-WAIT. */
  private openFree(local: IpAddress, isFree: (port: number) => boolean): UdpPort | null {
    const others: UdpPort[] = [];
    try {
      while (others.length < TRIES) {
        const port = this.open(local, 0);
        if (isFree(port.port)) {
          if (this.isSharing) this.shared.push(port);
          return port;
        }
        others.push(port);
      }
      return null;
    } finally {
      for (const other of others) this.shut(other);
    }
  }

  /** A port that nobody holds. @throws MptcpError with the system's code when it cannot be had */
  private open(local: IpAddress, port: number): UdpPort {
    if (this.isClosed) throw new MptcpError("EADDRNOTAVAIL", "the link is closed");
    let opened: UdpPort;
    try {
      opened = this.sockets.open(local, port, this.zoneOf(local));
    } catch (error) {
      // Of any port the system says that it is in use when all are.
      if (port === 0 && error instanceof MptcpError && error.code === "EADDRINUSE") throw new MptcpError("EADDRNOTAVAIL", `${local} has no free UDP port`);
      throw error;
    }
    const others = this.byNumber.get(opened.port);
    if (others === undefined) this.byNumber.set(opened.port, [opened]);
    else others.push(opened);
    return opened;
  }

  /** Does what takes descriptors, a second time without the ports that could be spared where they have run out. */
  private withRoom<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (this.spare.size === 0 || !(error instanceof MptcpError) || !SCARCE.has(error.code)) throw error;
      for (const port of Array.from(this.spare.keys())) this.shut(port);
      return act();
    }
  }

  /** Nobody holds the port any more, but late segments may come to it. */
  private keep(port: UdpPort): void {
    this.spare.delete(port);
    this.spare.set(port, performance.now() + SPARE_TIME);
    for (const oldest of this.spare.keys()) {
      if (this.spare.size <= MOST_SPARE) break;
      this.shut(oldest);
    }
    this.timer ??= setTimeout(this.onTimeout, SPARE_TIME).unref();
  }

  private readonly onTimeout = (): void => {
    this.timer = null;
    const now = performance.now();
    for (const [port, until] of Array.from(this.spare)) {
      if (until > now) {
        this.timer = setTimeout(this.onTimeout, until - now + 1).unref();
        return;
      }
      this.shut(port);
    }
  };

  private shut(port: UdpPort): void {
    if (this.last === port) this.last = null;
    this.spare.delete(port);
    this.shared = this.shared.filter((one) => one !== port);
    const rest = (this.byNumber.get(port.port) ?? []).filter((other) => other !== port);
    if (rest.length === 0) this.byNumber.delete(port.port);
    else this.byNumber.set(port.port, rest);
    void port.close();
  }

  private zoneOf(local: IpAddress): string | null {
    return this.locals.find(({ address }) => address.equals(local))?.zone ?? null;
  }
}

/** Ports that are looked at one by one. */
const FEW = 64;
/** Ports that the system is asked for. */
const TRIES = 16;
/** ms: a peer's FIN is sent again after 0.2, 0.6 and 1.4 s (RFC 6298 §5.5), and was lost three times in a row then. */
const SPARE_TIME = 3000;
/** Ports that are kept at a time for what was closed. */
const MOST_SPARE = 32;
/** What may come of too many descriptors, here or in the whole system, and of too many ports. */
const SCARCE: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL"]);
