import type { Host } from "../../../host/index.ts";
import type { EndpointFlags } from "../../../mptcp/index.ts";
import type { IpAddress } from "../../../wire/index.ts";
import type { Network, Routes } from "./routes.ts";

/** What the table needs of its machine. */
export interface AddressedMachine {
  readonly host: Host;
  readonly routes: Routes;
  readonly now: number;
  readonly mtu: number;
  readonly segmentationLimit: number;
}

/**
 * The addresses of the device, and which are endpoints of Multipath TCP. The engine's host has all of them: an endpoint may be announced that
 * the device does not have.
 */
export class AddressTable {
  private readonly machine: AddressedMachine;
  private readonly networks: Network[] = [];
  private readonly endpoints: { readonly address: IpAddress; readonly flags: EndpointFlags }[] = [];

  constructor(machine: AddressedMachine) {
    this.machine = machine;
  }

  get host(): Host {
    return this.machine.host;
  }

  get now(): number {
    return this.machine.now;
  }

  get all(): readonly Network[] {
    return this.networks;
  }

  /** The machine has an address. @returns false: it has it already */
  add(network: Network): boolean {
    if (this.isLocal(network.address)) return false;
    this.networks.push(network);
    this.machine.routes.add(network);
    this.settle(network.address);
    return true;
  }

  /** @returns whether it was there */
  remove(address: IpAddress): boolean {
    const at = this.networks.findIndex((entry) => entry.address.equals(address));
    if (at < 0) return false;
    const [network] = this.networks.splice(at, 1);
    this.machine.routes.remove(network as Network);
    // Subflows from it end, also where it stays an endpoint.
    this.host.removeAddress(address, this.now);
    if (this.flagsOf(address) !== null) this.settle(address);
    return true;
  }

  isLocal(address: IpAddress): boolean {
    return this.networks.some((entry) => entry.address.equals(address));
  }

  /** An address is an endpoint with these flags; null: it is none any more. */
  setEndpoint(address: IpAddress, flags: EndpointFlags | null): void {
    const at = this.endpoints.findIndex((entry) => entry.address.equals(address));
    if (at >= 0) this.endpoints.splice(at, 1);
    if (flags !== null) this.endpoints.push({ address, flags });
    this.settle(address);
  }

  /** The first address of a family that is of use beyond this machine, or the one that shares a network with a destination. */
  sourceFor(destination: IpAddress): IpAddress | null {
    const fitting = this.networks.filter(({ address }) => address.family === destination.family && address.isLoopback === destination.isLoopback);
    const near = fitting.find((entry) => entry.address.commonPrefix(destination) >= entry.prefix);
    return (near ?? fitting[0])?.address ?? null;
  }

  /** Another size of packets. */
  refresh(): void {
    for (const { address } of this.host.localAddresses()) this.settle(address);
  }

  private flagsOf(address: IpAddress): EndpointFlags | null {
    return this.endpoints.find((entry) => entry.address.equals(address))?.flags ?? null;
  }

  /** Has the engine's host know what holds of an address. */
  private settle(address: IpAddress): void {
    const { host, machine } = this;
    const isLocal = this.isLocal(address);
    const flags = this.flagsOf(address);
    const known = host.localAddresses().find((entry) => entry.address.equals(address));
    if (!isLocal && flags === null) {
      if (known !== undefined) host.removeAddress(address, machine.now);
      return;
    }
    // The host's number of an address stays while the address does.
    const wanted = flags?.id;
    const isRenamed = known !== undefined && wanted !== undefined && known.id !== wanted;
    if (isRenamed) host.removeAddress(address, machine.now);
    const id = wanted ?? (isRenamed ? undefined : known?.id) ?? this.freeId();
    // Nothing is sent from an address that the device does not have.
    const effective = flags === null ? NO_ENDPOINT : { ...flags, subflow: flags.subflow && isLocal };
    host.addAddress(address, { link: DEVICE, mtu: machine.mtu, segmentationLimit: machine.segmentationLimit, flags: { ...effective, id } }, machine.now);
  }

  /** Numbers from the end on are those of addresses that are no endpoints. */
  private freeId(): number {
    const used = new Set(this.host.localAddresses().map(({ id }) => id));
    let id = LARGEST_ID;
    while (used.has(id)) id--;
    return id;
  }
}

/** The engine's number of the device. */
export const DEVICE = 0;
const NO_ENDPOINT: EndpointFlags = { subflow: false, signal: false, backup: false, fullmesh: false };
const LARGEST_ID = 255;
