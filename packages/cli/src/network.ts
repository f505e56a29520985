import { DEFAULT_MPTCP_CONFIG, fullMesh, linuxEndpoints, SECOND, version0, version1 } from "mptcp";
import type { DecisionEvent, MptcpConfig, PathLimits, PathMode, ProfileName } from "mptcp";
import { createStack, LinkCapture } from "mptcp/node";
import type { AnySocket, Control, DeviceFollower, LinkDriver, Stack } from "mptcp/node";
import { IpAddress } from "mptcp/wire";
import { CaptureFile } from "./capture-file.ts";
import { openControlOption } from "./control-option.ts";
import type { ControlOption } from "./control-option.ts";
import { ConnectionLog } from "./connection-log.ts";
import { alternativesOn, openDevices, whereOn } from "./devices.ts";
import type { GivenKey } from "./link-key.ts";
import { endpointText } from "./endpoint-text.ts";
import type { EndpointOption, LinkOption } from "./link-options.ts";
import { deviceOptions, openLinks, UsageProblem } from "./open-links.ts";
import type { OpenLink } from "./open-links.ts";
import { explainFile } from "./remedies.ts";

/** Where connections come from: this library's engine on its links, or the kernel. */
export interface Network {
  readonly via: "userspace" | "kernel";
  /** Whether there may be addresses later that there are not now. */
  readonly followsDevices: boolean;
  /** Begins to connect; the socket tells by `connect` or `error`. @param source address of the first subflow; without: as the host chooses */
  connect(host: string, port: number, source?: string | null): AnySocket;
  /** Addresses of other devices than the host would choose, by which `host` may be reached when it does not answer. */
  alternatives(host: string): readonly string[];
  /** Takes connections until it is closed. @returns where it listens, for people @throws the system's error, or MptcpError */
  listen(port: number, onConnection: (connection: AnySocket) => void): Promise<string>;
  /** Lets other processes of this user look on and command, where that can be. @throws MptcpError why it cannot, although it was asked for */
  openControl(option: ControlOption, title: string): Promise<void>;
  /** The counters of the kernel's MIB names that are not 0. */
  counters(): Readonly<Record<string, number>>;
  /** Until the peers have acknowledged everything. @returns why a connection broke; null when none did */
  settled(): Promise<string | null>;
  /** Calls `listener` whenever a subflow, or TCP connection, changes its state, and just before it is gone, from within the engine: it may only look. @returns how to end that */
  watch(listener: () => void): () => void;
  /** Resets what is open and closes the links. @returns what the capture lacks, for people; null when nothing */
  close(): Promise<string | null>;
}

export interface NetworkOptions {
  readonly links: readonly LinkOption[];
  /** Of all links over UDP; null: these are in the clear. */
  readonly key: GivenKey | null;
  readonly endpoints: readonly EndpointOption[];
  readonly limits: Partial<PathLimits>;
  /** How the paths of a full mesh are used. */
  readonly mode: PathMode;
  /** Seconds that a connection waits for another path once it has lost all; null: as the engine has it. */
  readonly patience: number | null;
  /** Whose choices are made where the RFCs leave one. */
  readonly profile: ProfileName;
  /** The versions of Multipath TCP spoken, preferred first. */
  readonly versions: readonly number[];
  /** TCP Fast Open. */
  readonly fastOpen: boolean;
  /** Tells of devices as they come and go, too. */
  readonly verbose: boolean;
  /** The port that will be listened on; null where none will. */
  readonly listenPort: number | null;
  /** Where to write what passes the links; null: nowhere. */
  readonly pcap: string | null;
  /** Something happened that the user should know of. */
  readonly notice: (text: string) => void;
}

/**
 * A host of this library on the links of the command line.
 * @throws MptcpError with the remedy when a link cannot be opened; UsageProblem
 */
export async function userspaceNetwork(options: NetworkOptions): Promise<Network> {
  const links = await openLinks(options.links.map((link) => withoutPort(link, options.listenPort)), options.endpoints, options.key);
  let file: CaptureFile | null = null;
  try {
    if (options.pcap !== null) file = openCapture(options.pcap);
    return new UserspaceNetwork(options, links, file);
  } catch (error) {
    file?.close();
    await Promise.all(links.map(({ driver }) => driver.close()));
    throw error;
  }
}

/** A listener has its port on every link, and need not announce it. */
function withoutPort(link: LinkOption, port: number | null): LinkOption {
  return link.kind === "udp" && link.port === port ? { ...link, port: null } : link;
}

function openCapture(path: string): CaptureFile {
  try {
    return new CaptureFile(path);
  } catch (error) {
    throw new UsageProblem(explainFile(`--pcap ${path}`, error as NodeJS.ErrnoException));
  }
}

class UserspaceNetwork implements Network {
  readonly via = "userspace";
  private readonly stack: Stack;
  private readonly links: readonly OpenLink[];
  /** Of links that are added while this runs, too. */
  private readonly key: GivenKey | null;
  private readonly notice: (text: string) => void;
  private readonly devices: DeviceFollower | null;
  private readonly log = new ConnectionLog();
  private readonly file: CaptureFile | null;
  private readonly capture: LinkCapture | null;
  private control: Control | null = null;

  constructor(options: NetworkOptions, links: readonly OpenLink[], file: CaptureFile | null) {
    this.links = links;
    this.key = options.key;
    this.notice = options.notice;
    this.file = file;
    this.capture = file === null ? null : new LinkCapture(file.write, { clock: () => this.stack.runtime.now });
    const { log, capture } = this;
    const observer = capture === null ? log : { event: (event: DecisionEvent): void => (log.event(event), capture.event(event)) };
    this.stack = createStack({
      links: links.map(({ driver, address }) => ({ driver: capture === null ? driver : capture.wrap(driver), addresses: [address] })),
      observer,
      profile: options.profile,
      fastOpen: options.fastOpen,
      mptcp: mptcpConfig(options),
      onLinkFailed: (driver, error) => options.notice(`${driver.name} is gone, and its subflows with it: ${error.message}`),
    });
    const { endpoints, key, verbose, notice } = options;
    this.devices = openDevices(this.stack.runtime, { devices: deviceOptions(options.links), key, endpoints, verbose, notice, wrap: (link) => capture?.wrap(link) ?? link });
    // The process lives until the network is closed, whatever its connections wait for.
    this.stack.runtime.ref();
    // Joins may come to a port that nothing left from yet.
    for (const { driver, address, port } of links) if (port !== null) driver.ports?.hold(IpAddress.from(address.address), port);
  }

  get followsDevices(): boolean {
    return this.devices !== null;
  }

  connect(host: string, port: number, source: string | null = null): AnySocket {
    // The other addresses of the host are for further subflows all the same.
    const from = source === null ? {} : { localAddress: source, mptcp: { localAddresses: null } };
    return this.stack.connect({ host, port, allowHalfOpen: true, ...from });
  }

  alternatives(host: string): readonly string[] {
    return this.devices === null ? [] : alternativesOn(this.devices, host, this.links.length > 0);
  }

  async listen(port: number, onConnection: (connection: AnySocket) => void): Promise<string> {
    await this.listenOn({ port }, onConnection);
    for (const link of this.links) {
      if (link.port !== null && link.port !== port) await this.listenOn({ port: link.port, host: link.address.address }, onConnection);
    }
    const fixed = this.links.map((link) => endpointText(link.address.address, link.port ?? port));
    return [...fixed, ...(this.devices === null ? [] : whereOn(this.devices, (address) => endpointText(address, port)))].join(", ");
  }

  private listenOn(where: { readonly port: number; readonly host?: string }, onConnection: (connection: AnySocket) => void): Promise<void> {
    const server = this.stack.createServer({ allowHalfOpen: true }, onConnection);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(where, () => resolve());
    });
  }

  async openControl(option: ControlOption, title: string): Promise<void> {
    const openLink = (address: string): Promise<LinkDriver> => this.openLink(address);
    this.control = await openControlOption(this.stack, option, { title, openLink }, this.notice);
  }

  /** A link over UDP for an address that somebody adds while this runs. */
  private async openLink(local: string): Promise<LinkDriver> {
    const [link] = await openLinks([{ kind: "udp", local, zone: null, port: null, backup: false, mtu: null }], [], this.key);
    const { driver } = link as OpenLink;
    return this.capture === null ? driver : this.capture.wrap(driver);
  }

  counters(): Readonly<Record<string, number>> {
    return this.stack.counters();
  }

  settled(): Promise<string | null> {
    return this.log.settled();
  }

  watch(listener: () => void): () => void {
    return this.log.watch(listener);
  }

  async close(): Promise<string | null> {
    await this.control?.close();
    for (const { driver, sealed } of this.links) {
      if (sealed === null || sealed.foreign + sealed.plain === 0) continue;
      this.notice(`${driver.name}: dropped ${sealed.foreign} handshakes by another key, and ${sealed.plain} datagrams by none`);
    }
    await this.stack.close();
    this.capture?.close();
    this.file?.close();
    const { file } = this;
    return file === null || file.problem === null ? null : `${explainFile(`--pcap ${file.path}`, file.problem)}; the capture is incomplete`;
  }
}

function mptcpConfig({ endpoints, limits, mode, patience, versions }: NetworkOptions): Partial<MptcpConfig> {
  return {
    pathManager: endpoints.length === 0 ? () => fullMesh({ mode }) : linuxEndpoints,
    versions: versions.map((version) => (version === 0 ? version0 : version1)),
    ...(patience === null ? {} : { noSubflowTimeout: Math.round(patience * SECOND) }),
    limits: { ...DEFAULT_MPTCP_CONFIG.limits, ...limits },
  };
}
