import { MptcpConnection } from "../../../mptcp/index.ts";
import type { EndpointFlags, PathLimits } from "../../../mptcp/index.ts";
import type { IpAddress } from "../../../wire/index.ts";
import type { AddressTable } from "./address-table.ts";

/** An endpoint of Multipath TCP, as `ip mptcp endpoint` has it. */
export interface MptcpEndpoint {
  readonly address: IpAddress;
  readonly id: number;
  readonly flags: Readonly<Record<EndpointFlag, boolean>>;
  /** 0: none. */
  readonly port: number;
  /** Empty: none. */
  readonly device: string;
}

export const ENDPOINT_FLAGS = ["signal", "subflow", "backup", "fullmesh", "implicit"] as const;
export type EndpointFlag = (typeof ENDPOINT_FLAGS)[number];

/** The endpoints of Multipath TCP, and the limits of its path manager. */
export class Endpoints {
  limits: PathLimits = { subflows: 2, addAddrAccepted: 0 };
  private readonly table: MptcpEndpoint[] = [];
  private readonly addresses: AddressTable;
  private nextId = 1;

  constructor(addresses: AddressTable) {
    this.addresses = addresses;
  }

  get all(): readonly MptcpEndpoint[] {
    return this.table.toSorted((a, b) => a.id - b.id);
  }

  find(id: number): MptcpEndpoint | undefined {
    return this.table.find((endpoint) => endpoint.id === id);
  }

  /** How many have a flag. */
  count(flag: EndpointFlag): number {
    return this.table.filter(({ flags }) => flags[flag]).length;
  }

  /** @param endpoint an id of 0 is any one @returns the number of an error, as the kernel has it; 0: it is there */
  add(endpoint: MptcpEndpoint): number {
    const isSame = (other: MptcpEndpoint): boolean => other.address.equals(endpoint.address) && other.port === endpoint.port;
    if (this.table.some(isSame)) return EEXIST;
    if (endpoint.id !== 0 && this.find(endpoint.id) !== undefined) return EBUSY;
    if (this.table.length >= MOST) return ERANGE;
    const id = endpoint.id === 0 ? this.freeId() : endpoint.id;
    if (endpoint.id === 0) this.nextId = id;
    if (id > this.nextId) this.nextId = id;
    const added = { ...endpoint, id };
    this.table.push(added);
    this.addresses.setEndpoint(added.address, engineFlags(added));
    for (const connection of this.connections()) connection.allowLocal(added.address, this.addresses.now);
    return 0;
  }

  /** Other flags. */
  change(endpoint: MptcpEndpoint, flags: MptcpEndpoint["flags"]): void {
    const changed = { ...endpoint, flags };
    this.table[this.table.indexOf(endpoint)] = changed;
    this.addresses.setEndpoint(changed.address, engineFlags(changed));
    if (flags.backup === endpoint.flags.backup) return;
    const { now } = this.addresses;
    for (const connection of this.connections()) {
      for (const subflow of connection.subflows) {
        if (subflow.tcp.tuple.localAddress.equals(endpoint.address)) connection.setBackup(subflow.pathIndex, flags.backup, now);
      }
    }
  }

  remove(endpoint: MptcpEndpoint): void {
    this.table.splice(this.table.indexOf(endpoint), 1);
    for (const connection of this.connections()) {
      const isFirst = connection.tuple.localAddress.equals(endpoint.address);
      if (!isFirst) connection.denyLocal(endpoint.address, this.addresses.now);
      else connection.withdrawLocal(0, this.addresses.now);
    }
    this.addresses.setEndpoint(endpoint.address, null);
  }

  /** The subflows from an address that connections began with end, though it is no endpoint. */
  removeInitial(address: IpAddress): void {
    for (const connection of this.connections()) {
      if (connection.tuple.localAddress.equals(address)) connection.denyLocal(address, this.addresses.now);
    }
  }

  flush(): void {
    for (const endpoint of Array.from(this.table)) this.remove(endpoint);
  }

  setLimits(limits: PathLimits): void {
    this.limits = limits;
    this.addresses.host.setDefaults({ mptcp: { limits } });
    for (const connection of this.connections()) connection.limit(limits, this.addresses.now);
  }

  private connections(): MptcpConnection[] {
    return this.addresses.host.streams().filter((connection): connection is MptcpConnection => connection instanceof MptcpConnection && !connection.closed);
  }

  /** Ids go up, and begin again once the last one was given out. */
  private freeId(): number {
    for (let id = this.nextId; id <= LARGEST_ID; id++) if (this.find(id) === undefined) return id;
    let id = 1;
    while (this.find(id) !== undefined) id++;
    return id;
  }
}

function engineFlags({ flags, id, port }: MptcpEndpoint): EndpointFlags {
  const { backup, fullmesh, signal, subflow } = flags;
  return { backup, fullmesh, signal, subflow, id, ...(port === 0 ? {} : { port }) };
}

/** MPTCP_PM_ADDR_MAX. */
const MOST = 8;
const LARGEST_ID = 255;
const EBUSY = -16;
const EEXIST = -17;
const ERANGE = -34;
