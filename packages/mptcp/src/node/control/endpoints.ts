import { MptcpError } from "../../core/index.ts";
import { MptcpConnection } from "../../mptcp/index.ts";
import type { EndpointFlags, LocalAddress } from "../../mptcp/index.ts";
import type { IpAddress } from "../../wire/index.ts";
import type { LinkDriver } from "../link.ts";
import { readAddress } from "../local-address.ts";
import type { Runtime } from "../runtime.ts";
import { ControlFailure } from "./protocol.ts";
import type { ControlParams, EndpointStatus } from "./protocol.ts";
import { endpointsOf } from "./state.ts";

/** Opens a link for an address that no link has. @throws Error whose message says why it cannot be */
export type LinkOpener = (address: string) => Promise<LinkDriver>;

/** The addresses of a host, as they are commanded from outside. */
export class Endpoints {
  private readonly runtime: Runtime;
  private readonly openLink: LinkOpener | null;
  /** Where addresses were that were removed. */
  private readonly former = new Map<string, LinkDriver>();
  /** Links that were opened for an address, and end with it. */
  private readonly opened = new Set<LinkDriver>();
  /** Addresses that wait for their link. */
  private readonly awaited = new Set<string>();

  constructor(runtime: Runtime, openLink: LinkOpener | null) {
    this.runtime = runtime;
    this.openLink = openLink;
  }

  async add(params: ControlParams<"endpoint.add">): Promise<EndpointStatus> {
    const address = addressFrom(params.address);
    if (this.find(address) !== undefined) throw new ControlFailure("refused", `the host has ${address} already`);
    const { id } = params;
    if (id !== undefined && this.local.some((entry) => entry.id === id)) throw new ControlFailure("refused", `address id ${id} is in use`);
    const driver = await this.linkFor(address, params.link);
    try {
      this.runtime.addAddress(driver, address, flagsFrom(params));
    } catch (error) {
      if (this.opened.delete(driver)) void this.runtime.removeLink(driver);
      throw error;
    }
    this.former.delete(String(address));
    return this.statusOf(address);
  }

  remove(params: ControlParams<"endpoint.remove">): EndpointStatus {
    const { address } = this.named(params);
    const status = this.statusOf(address);
    const link = this.runtime.linkAddresses.find(({ addresses }) => addresses.some((own) => own.equals(address)));
    if (link === undefined) throw new ControlFailure("no-link", `${address} is on no link of the runtime`);
    const { driver, addresses } = link;
    if (addresses.length === 1 && this.opened.delete(driver)) void this.runtime.removeLink(driver);
    else {
      this.runtime.removeAddress(driver, address);
      this.former.set(String(address), driver);
      if (this.former.size > MOST_FORMER) this.former.delete(this.former.keys().next().value as string);
    }
    return status;
  }

  change(params: ControlParams<"endpoint.change">): EndpointStatus {
    const { address, flags } = this.named(params);
    const link = this.runtime.linkAddresses.find(({ addresses }) => addresses.some((own) => own.equals(address)));
    if (link === undefined) throw new ControlFailure("no-link", `${address} is on no link of the runtime`);
    this.runtime.addAddress(link.driver, address, { ...flags, ...flagsFrom(params) });
    const { backup } = params;
    if (backup !== undefined) this.makeBackup(address, backup);
    return this.statusOf(address);
  }

  /** As with the kernel's endpoints, the subflows that are there follow the flag. */
  private makeBackup(address: IpAddress, backup: boolean): void {
    const { host, now } = this.runtime;
    for (const connection of host.streams()) {
      if (!(connection instanceof MptcpConnection) || connection.closed) continue;
      for (const { pathIndex, tcp } of connection.subflows) if (tcp.tuple.localAddress.equals(address)) connection.setBackup(pathIndex, backup, now);
    }
  }

  private async linkFor(address: IpAddress, name: string | undefined): Promise<LinkDriver> {
    const links = this.runtime.linkAddresses;
    if (name !== undefined) {
      const found = links.find(({ driver }) => driver.name === name);
      if (found === undefined) throw new ControlFailure("no-link", `there is no link ${name}; there are ${links.map(({ driver }) => driver.name).join(", ")}`);
      return found.driver;
    }
    const former = this.former.get(String(address));
    const known = links.find(({ driver }) => driver === former || driver.addresses?.some((own) => own.equals(address)) === true);
    if (known !== undefined) return known.driver;
    if (this.openLink === null) throw new ControlFailure("no-link", `no link has ${address}: name the one that it is to be on`);
    const driver = await this.open(this.openLink, String(address));
    try {
      this.runtime.addLink(driver, []);
    } catch (error) {
      await driver.close();
      throw error;
    }
    this.opened.add(driver);
    return driver;
  }

  private async open(openLink: LinkOpener, address: string): Promise<LinkDriver> {
    if (this.awaited.has(address)) throw new ControlFailure("refused", `${address} is being added already`);
    this.awaited.add(address);
    try {
      return await openLink(address);
    } catch (error) {
      throw new ControlFailure("no-link", error instanceof Error ? error.message : String(error));
    } finally {
      this.awaited.delete(address);
    }
  }

  private get local(): readonly LocalAddress[] {
    return this.runtime.host.localAddresses();
  }

  private find(address: IpAddress): LocalAddress | undefined {
    return this.local.find((entry) => entry.address.equals(address));
  }

  private named({ address, id }: { readonly address?: string; readonly id?: number }): LocalAddress {
    if ((address === undefined) === (id === undefined)) throw new ControlFailure("invalid-params", "name an endpoint by its address or by its id");
    const found = address === undefined ? this.local.find((entry) => entry.id === id) : this.find(addressFrom(address));
    if (found !== undefined) return found;
    const there = this.local.map((entry) => `${entry.id} ${entry.address}`).join(", ");
    throw new ControlFailure("no-address", `the host has no endpoint ${address ?? id}; ${there === "" ? "it has none" : `there are ${there}`}`);
  }

  private statusOf(address: IpAddress): EndpointStatus {
    const status = endpointsOf(this.runtime).find((entry) => entry.address === String(address));
    if (status === undefined) throw new MptcpError("EADDRNOTAVAIL", `${address} is no address of the host any more`);
    return status;
  }
}

/** @throws ControlFailure invalid-params */
export function addressFrom(given: string): IpAddress {
  const written = readAddress(given);
  // A zone is a matter of the link, which is not named by it.
  if (written === null || written.zone !== null) throw new ControlFailure("invalid-params", `"${given}" is no IP address`);
  return written.address;
}

function flagsFrom(params: Partial<EndpointFlags>): Partial<EndpointFlags> {
  const { backup, fullmesh, id, port, signal, subflow } = params;
  const given = Object.entries({ backup, fullmesh, id, port, signal, subflow }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<EndpointFlags>;
}

/** Removed addresses whose link is remembered. */
const MOST_FORMER = 256;
