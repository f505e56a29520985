import { MptcpError } from "../core/index.ts";
import type { IpAddress } from "../wire/index.ts";
import type { HostAddress } from "./address-book.ts";
import type { PortPeer, PortSource } from "./ports.ts";

/** Which ports of {@link PortSource}s connections and listeners hold. Nothing is kept for addresses whose ports the host picks itself. */
export class HeldPorts {
  private readonly held = new Map<object, Held[]>();

  /** Holds `port` of `entry` for `owner`; `peer` as for PortSource.hold. @throws MptcpError as PortSource.hold does */
  hold(owner: object, entry: HostAddress | null, port: number, peer?: PortPeer): void {
    if (entry === null || entry.ports === null) return;
    entry.ports.hold(entry.address, port, peer);
    this.adopt(owner, entry, port);
  }

  /** Whether a connection that a packet opens could hold `port` of `entry`. */
  mayHold(entry: HostAddress | null, port: number): boolean {
    if (entry === null || entry.ports === null) return true;
    try {
      entry.ports.hold(entry.address, port);
    } catch (error) {
      if (!(error instanceof MptcpError)) throw error;
      return false;
    }
    entry.ports.release(entry.address, port);
    return true;
  }

  /** Notes that `owner` has a port that was allocated, and so is held. */
  adopt(owner: object, entry: HostAddress | null, port: number): void {
    if (entry === null || entry.ports === null) return;
    const one: Held = { source: entry.ports, address: entry.address, port };
    const all = this.held.get(owner);
    if (all === undefined) this.held.set(owner, [one]);
    else all.push(one);
  }

  /** The address is back, perhaps on another link: what `owner` holds of it is held there. `peer` as for PortSource.hold. Where that cannot be it goes without, and hears nothing. */
  move(owner: object, entry: HostAddress, port: number, peer?: PortPeer): void {
    const held = this.held.get(owner)?.find((one) => one.address.equals(entry.address));
    if (held === undefined || held.source === entry.ports) return;
    this.release(owner, entry.address);
    try {
      this.hold(owner, entry, port, peer);
    } catch (error) {
      if (!(error instanceof MptcpError)) throw error;
    }
  }

  /** Lets go of what a connection holds that is in TIME-WAIT from here on. */
  retire(owner: object): void {
    const all = this.held.get(owner);
    if (all === undefined) return;
    this.held.delete(owner);
    for (const one of all) one.source.release(one.address, one.port, true);
  }

  /** Lets go of what `owner` holds, or only of what it holds on `address`. Twice is no harm. */
  release(owner: object, address: IpAddress | null = null): void {
    if (this.held.size === 0) return;
    const all = this.held.get(owner);
    if (all === undefined) return;
    const rest = address === null ? [] : all.filter((one) => !one.address.equals(address));
    if (rest.length === 0) this.held.delete(owner);
    else this.held.set(owner, rest);
    for (const one of all) if (!rest.includes(one)) one.source.release(one.address, one.port);
  }
}

interface Held {
  readonly source: PortSource;
  readonly address: IpAddress;
  readonly port: number;
}
