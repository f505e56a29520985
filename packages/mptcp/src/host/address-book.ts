import { MptcpError } from "../core/index.ts";
import type { EndpointFlags, LocalAddress } from "../mptcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import type { AddressOptions } from "./options.ts";
import type { PortSource } from "./ports.ts";

/** An address of the host, its interface address id and the link behind it. */
export interface HostAddress extends LocalAddress {
  readonly link: number;
  readonly mtu: number;
  readonly segmentationLimit: number;
  /** Null: the host picks ports. */
  readonly ports: PortSource | null;
}

/**
 * The host's addresses. Ids run from 1; a connection calls the address of its first subflow 0 (RFC 8684 §3.2).
 *
 * An id goes to another address as late as possible, since a peer may have missed the REMOVE_ADDR of its last one (§3.4.1); an address that
 * returns has its old id back.
 */
export class AddressBook {
  private readonly list: HostAddress[] = [];
  /** Removed addresses, the latest last. */
  private readonly former: HostAddress[] = [];
  private lastId = 0;
  /** The last answer: packets come in runs for one address. */
  private last: HostAddress | null = null;

  get entries(): readonly HostAddress[] {
    return this.list;
  }

  /** Adds an address, or changes link and flags of one that is there. @throws MptcpError EEXIST when the id that it is to have is taken */
  add(address: IpAddress, options: AddressOptions): HostAddress {
    const at = this.list.findIndex((entry) => entry.address.equals(address));
    const entry: HostAddress = {
      id: at < 0 ? this.idFor(address, options.flags?.id) : (this.list[at] as HostAddress).id,
      address,
      up: true,
      flags: { ...DEFAULT_FLAGS, ...options.flags },
      link: options.link,
      mtu: options.mtu ?? 1500,
      segmentationLimit: options.segmentationLimit ?? 0,
      ports: options.ports ?? null,
    };
    if (at < 0) this.list.push(entry);
    else this.list[at] = entry;
    this.last = null;
    return entry;
  }

  /** Whether it was there. */
  remove(address: IpAddress): boolean {
    const at = this.list.findIndex((entry) => entry.address.equals(address));
    if (at < 0) return false;
    this.former.push(...this.list.splice(at, 1));
    if (this.former.length > MAXIMUM_FORMER) this.former.shift();
    this.last = null;
    return true;
  }

  find(address: IpAddress): HostAddress | null {
    if (this.last !== null && this.last.address.equals(address)) return this.last;
    for (const entry of this.list) {
      if (entry.address.equals(address)) {
        this.last = entry;
        return entry;
      }
    }
    return null;
  }

  /** The source address for a new connection: of the destination's family, not a backup one if another is there. */
  choose(remote: IpAddress): HostAddress | null {
    const fitting = this.list.filter((entry) => entry.address.family === remote.family);
    return fitting.find((entry) => !entry.flags.backup) ?? fitting[0] ?? null;
  }

  private idFor(address: IpAddress, wanted: number | undefined): number {
    if (wanted === undefined) return this.freeId(address);
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > LARGEST_ID) throw new MptcpError("ERR_MPTCP_ADDRESS_ID", `an address id is 1 to ${LARGEST_ID}, got ${wanted}`);
    if (this.inUse(wanted)) throw new MptcpError("EEXIST", `address id ${wanted} is in use`);
    return wanted;
  }

  private freeId(address: IpAddress): number {
    const at = this.former.findIndex((entry) => entry.address.equals(address));
    if (at >= 0) {
      const { id } = this.former.splice(at, 1)[0] as HostAddress;
      if (!this.inUse(id)) return id;
    }
    for (let i = 0; i < LARGEST_ID; i++) {
      this.lastId = (this.lastId % LARGEST_ID) + 1;
      if (!this.inUse(this.lastId)) break;
    }
    return this.lastId;
  }

  private inUse(id: number): boolean {
    return this.list.some((entry) => entry.id === id);
  }
}

/** An address that can be used for everything, as interfaces are in a full mesh. */
const DEFAULT_FLAGS: EndpointFlags = { subflow: true, signal: true, backup: false, fullmesh: false };
/** The id is one octet. */
const LARGEST_ID = 255;
/** Removed addresses that are remembered. */
const MAXIMUM_FORMER = 64;
