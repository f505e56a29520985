import { createSocket } from "node:dgram";
import { MptcpError } from "mptcp";
import type { PortPeer, PortSource } from "mptcp";
import { tunLink, UdpLink } from "mptcp/node";
import type { LinkAddress, LinkDriver, LinkHandler, SealCounters, UdpLinkOptions } from "mptcp/node";
import type { IpAddress, Packet } from "mptcp/wire";
import type { GivenKey } from "./link-key.ts";
import type { DeviceOption, EndpointOption, LinkOption, TunOption, UdpOption } from "./link-options.ts";

/** A link that is open, and what is its own. */
export interface OpenLink {
  readonly driver: LinkDriver;
  readonly address: LinkAddress & { readonly address: string };
  /** The UDP port that the address has of its own; null where it has none. */
  readonly port: number | null;
  /** What a link with a key has counted; null where there is none. */
  readonly sealed: Readonly<SealCounters> | null;
}

/**
 * Opens the links of `all` but those by device. Where there are endpoints, an address is used for what they say and for nothing else, as in Linux.
 * @param key of all links over UDP; null: they are in the clear
 * @throws MptcpError with the remedy when the machine does not let us; UsageProblem when an endpoint is no address of a link, or the key is none
 */
export async function openLinks(all: readonly LinkOption[], endpoints: readonly EndpointOption[], key: GivenKey | null = null): Promise<readonly OpenLink[]> {
  const options = all.filter((option) => option.kind !== "device");
  const addresses = options.map((option) => (option.kind === "udp" ? option.local : option.host));
  for (const { address } of endpoints) {
    // What addresses a device will have nobody knows.
    if (options.length === all.length && !addresses.includes(address)) throw new UsageProblem(`--endpoint ${address}: no link has that address; there are ${addresses.join(", ")}`);
  }
  const flags = flagsOf(options, addresses, endpoints);
  const open: OpenLink[] = [];
  try {
    for (const [index, option] of options.entries()) open.push(await openLink(option, flags[index] as LinkAddress["flags"] & object, key));
  } catch (error) {
    await Promise.all(open.map(({ driver }) => driver.close()));
    throw error;
  }
  return open;
}

/** What is wrong with a command line that could be read. */
export class UsageProblem extends Error {}

type Flags = LinkAddress["flags"] & object;

/** The links by device among those of the command line. */
export function deviceOptions(all: readonly LinkOption[]): readonly DeviceOption[] {
  return all.filter((option) => option.kind === "device");
}

/** A link whose address is given. */
type FixedOption = UdpOption | TunOption;

function flagsOf(options: readonly FixedOption[], addresses: readonly string[], endpoints: readonly EndpointOption[]): readonly Flags[] {
  const ids = new Set(endpoints.flatMap(({ id }) => id ?? []));
  let last = 0;
  const freeId = (): number => {
    do last++;
    while (ids.has(last));
    return last;
  };
  return options.map((option, index): Flags => {
    const port = option.kind === "udp" && option.port !== null ? { port: option.port } : {};
    const endpoint = endpoints.find(({ address }) => address === addresses[index]);
    // Numbers that were asked for must not be given to others.
    const id = ids.size === 0 ? {} : { id: endpoint?.id ?? freeId() };
    if (endpoints.length === 0) return { backup: option.backup, ...port };
    if (endpoint === undefined) return { signal: false, subflow: false, backup: option.backup, fullmesh: false, ...id };
    const { signal, subflow, fullmesh, backup } = endpoint;
    return { signal, subflow, fullmesh, backup: backup || option.backup, ...port, ...(endpoint.port === undefined ? {} : { port: endpoint.port }), ...id };
  });
}

async function openLink(option: FixedOption, flags: Flags, key: GivenKey | null): Promise<OpenLink> {
  const mtu = option.mtu === null ? {} : { mtu: option.mtu };
  if (option.kind === "tun") {
    const kernel = option.kernel === null ? {} : { kernel: option.kernel };
    const driver = await tunLink({ name: option.name, host: option.host, ...kernel, ...mtu });
    return { driver, address: { address: option.host, flags }, port: null, sealed: null };
  }
  const port = flags.port ?? option.port;
  const local = option.zone === null ? option.local : `${option.local}%${option.zone}`;
  await probeAddress(local, port ?? 0);
  const link = udpLink({ name: `udp ${option.local}`, addresses: [local], ...mtu }, key);
  const { sealed } = link;
  if (port === null) return { driver: link, address: { address: option.local, flags }, port, sealed };
  const driver = new FixedPortLink(link, new FixedPort(link.ports, port));
  return { driver, address: { address: option.local, flags: { ...flags, port } }, port, sealed };
}

/** A link over UDP; in the clear where `key` is null. @throws UsageProblem when the key is none */
export function udpLink(options: UdpLinkOptions, key: GivenKey | null): UdpLink {
  if (key === null) return new UdpLink(options);
  try {
    return new UdpLink({ ...options, key: key.key });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageProblem(`${key.origin}: 32 octets as base64 are expected, as mptcp key makes them`);
    throw error;
  }
}

/** Whether the address is one of this machine, and the port free, is to be known now and not when the first subflow is opened. */
async function probeAddress(local: string, port: number): Promise<void> {
  if (local === "0.0.0.0" || local === "::") throw new UsageProblem(`--udp local=${local}: name one address of this machine for each link; ip -brief address shows them`);
  const socket = createSocket(local.includes(":") ? "udp6" : "udp4");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (error: NodeJS.ErrnoException) => reject(new MptcpError(error.code ?? "EADDRNOTAVAIL", `bind ${error.code ?? ""} ${local}${port === 0 ? "" : `:${port}`}`)));
    socket.bind({ address: local, port, exclusive: true }, () => {
      socket.close(() => resolve());
    });
  });
}

/** Subflows leave from one port, and those that come are taken there. */
class FixedPort implements PortSource {
  private readonly source: PortSource;
  private readonly port: number;

  constructor(source: PortSource, port: number) {
    this.source = source;
    this.port = port;
  }

  allocate(local: IpAddress, remoteAddress: IpAddress, remotePort: number, isFree: (port: number) => boolean): number {
    if (!isFree(this.port)) return 0;
    this.source.hold(local, this.port, { remoteAddress, remotePort });
    return this.port;
  }

  hold(local: IpAddress, port: number, peer?: PortPeer): void {
    this.source.hold(local, port, peer);
  }

  release(local: IpAddress, port: number, isWaiting?: boolean): void {
    this.source.release(local, port, isWaiting);
  }
}

/** A link over UDP whose subflows use one port. */
class FixedPortLink implements LinkDriver {
  readonly name: string;
  readonly mtu: number;
  readonly segmentationLimit: number;
  readonly ports: PortSource;
  private readonly inner: LinkDriver;

  constructor(driver: LinkDriver, ports: PortSource) {
    this.name = driver.name;
    this.mtu = driver.mtu;
    this.segmentationLimit = driver.segmentationLimit;
    this.inner = driver;
    this.ports = ports;
  }

  start(handler: LinkHandler): void {
    this.inner.start(handler);
  }

  send(packet: Packet): boolean {
    return this.inner.send(packet);
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
