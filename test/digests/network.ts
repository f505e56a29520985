import type { ConnectOptions, EndpointFlags, ListenOptions, MptcpConfig, StreamConnection, TcpConfig } from "mptcp";
import { MILLISECOND, SECOND } from "mptcp";
import { addressOn, BulkSender, patternSource, Simulation } from "mptcp/sim";
import type { Application, Egress, HostSettings, LinkOptions, Router, SimHost, SimNode } from "mptcp/sim";
import { packetLength } from "mptcp/wire";
import type { IpAddress, Packet, TcpSegment } from "mptcp/wire";
import type { Recording } from "./recording.ts";

/** What a middlebox does to a segment: changes it, or loses it by false. */
export type Tampering = (segment: TcpSegment, fromClient: boolean, path: number) => boolean;

/** A client with one link for each path, a middlebox on each, and a server with one address or more. */
export interface Setting {
  readonly seed: number;
  readonly paths: readonly LinkOptions[];
  readonly family?: 4 | 6;
  readonly client?: HostSettings;
  readonly server?: HostSettings;
  readonly serverLinks?: readonly LinkOptions[];
  /** MTU of the links behind the middleboxes; that of the paths unless given. */
  readonly coreMtu?: number;
  /** Flags of the addresses, by link. */
  readonly clientFlags?: readonly Partial<EndpointFlags>[];
  readonly serverFlags?: readonly Partial<EndpointFlags>[];
  readonly tamper?: Tampering;
  readonly connect?: ConnectOptions;
  readonly listen?: ListenOptions;
  /** The two applications; unless given, both send some bytes and read what comes. */
  readonly apps?: () => readonly [client: Application, server: Application];
  readonly upload?: number;
  readonly download?: number;
  /** Things that happen in the course of the run, called before it begins. */
  readonly script?: (network: Network) => void;
  /** ns; 60 s unless given. */
  readonly until?: number;
}

export interface Network {
  readonly simulation: Simulation;
  readonly client: SimHost;
  readonly server: SimHost;
  readonly core: Router;
  readonly links: readonly ReturnType<Simulation["connect"]>[];
  readonly clientAddresses: readonly IpAddress[];
  readonly serverAddresses: readonly IpAddress[];
  /** The client's connection, once it is opened. */
  connection(): StreamConnection;
}

/** Runs a transfer as the setting says, and records it. */
export function runSetting(setting: Setting, recording: Recording): void {
  const simulation = new Simulation({ seed: setting.seed, observers: [recording] });
  const network = build(simulation, setting);
  recording.captureLinks(simulation);
  const { client, server, clientAddresses, serverAddresses } = network;
  const [clientApp, serverApp] = setting.apps?.() ?? [new Peer(setting.upload ?? 150_000), new Peer(setting.download ?? 50_000)];
  server.listen(PORT, () => serverApp, setting.listen);
  let connection: StreamConnection | null = null;
  simulation.at(0, () => {
    connection = client.connect(serverAddresses[0] as IpAddress, PORT, clientApp, { localAddress: clientAddresses[0] as IpAddress, ...setting.connect });
  });
  setting.script?.({
    ...network,
    connection: () => {
      if (connection === null) throw new Error("no connection yet");
      return connection;
    },
  });
  simulation.run(setting.until ?? 60 * SECOND);
}

function build(simulation: Simulation, setting: Setting): Omit<Network, "connection"> {
  const family = setting.family ?? 4;
  const client = simulation.addHost("client", setting.client ?? {});
  const server = simulation.addHost("server", setting.server ?? {});
  const core = simulation.addRouter("core", { addresses: [addressOn(family, ROUTER, 1)] });
  const links = setting.paths.map((path, i) => {
    const box = new Middlebox(`box${i + 1}`, i, setting.tamper ?? (() => true));
    const link = simulation.connect(client, box, { name: `path${i + 1}`, ...path });
    simulation.connect(box, core, { name: `box${i + 1}-core`, mtu: setting.coreMtu ?? path.mtu ?? 1500, segmentation: path.segmentation ?? false });
    return link;
  });
  const serverLinks = setting.serverLinks ?? [{}];
  serverLinks.forEach((link, j) => simulation.connect(core, server, { name: `server${j + 1}`, ...link }));
  const clientAddresses = setting.paths.map((_, i) => addressOn(family, i + 1, 2));
  const serverAddresses = serverLinks.map((_, j) => addressOn(family, SERVER + j + 1, 1));
  clientAddresses.forEach((address, link) => client.addAddress(address, { link, flags: setting.clientFlags?.[link] ?? {} }));
  serverAddresses.forEach((address, link) => server.addAddress(address, { link, flags: setting.serverFlags?.[link] ?? {} }));
  return { simulation, client, server, core, links, clientAddresses, serverAddresses };
}

/** Passes what comes in on one side out on the other, as tampered with. */
class Middlebox implements SimNode {
  readonly name: string;
  private readonly path: number;
  private readonly tamper: Tampering;
  private readonly egresses: Egress[] = [];

  constructor(name: string, path: number, tamper: Tampering) {
    this.name = name;
    this.path = path;
    this.tamper = tamper;
  }

  attach(egress: Egress): number {
    return this.egresses.push(egress) - 1;
  }

  receive(packet: Packet, port: number, now: number): void {
    const segment = packet.tcp;
    if (segment !== null && !this.tamper(segment, port === 0, this.path)) return;
    packet.length = packetLength(packet);
    this.egresses[1 - port]?.send(packet, now);
  }

  addressesOn(): readonly IpAddress[] {
    return [];
  }

  passes(from: number, to: number): boolean {
    return from !== to;
  }
}

/** Sends a pattern and reads what comes; the two directions end apart from each other. */
export class Peer extends BulkSender {
  constructor(bytes: number) {
    super({ bytes, source: patternSource });
  }

  protected override onEnd(): void {}
}

/** Fixed buffers of so many bytes. */
export function buffers(bytes: number): Partial<TcpConfig> {
  const size = { initial: bytes, max: bytes, autoTune: false };
  return { sendBuffer: size, receiveBuffer: size };
}

/** Settings of one host. */
export function settings(mptcp: Partial<MptcpConfig>, tcp: Partial<TcpConfig> = {}): HostSettings {
  return { mptcp, tcp };
}

/** Two paths that differ: 20 Mbit/s with 10 ms, 8 Mbit/s with 30 ms one way. */
export const WIFI: LinkOptions = { rate: 20e6, delay: 10 * MILLISECOND, queue: { packets: 40 } };
export const LTE: LinkOptions = { rate: 8e6, delay: 30 * MILLISECOND, queue: { packets: 60 } };

const PORT = 80;
const SERVER = 0x200;
const ROUTER = 0xfe00;
