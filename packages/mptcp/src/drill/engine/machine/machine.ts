import { SeededRandom, seededSources } from "../../../core/index.ts";
import type { Observer, RandomSource } from "../../../core/index.ts";
import { Host, Pump } from "../../../host/index.ts";
import type { HostOptions, Listener, PumpDriver } from "../../../host/index.ts";
import { pathManagerNamed } from "../../../mptcp/index.ts";
import type { EndpointFlags, PathManagerFactory } from "../../../mptcp/index.ts";
import type { StreamConnection } from "../../../tcp/index.ts";
import { IpAddress } from "../../../wire/index.ts";
import type { Packet } from "../../../wire/index.ts";
import type { Wiring } from "../../system/index.ts";
import { Sysctls } from "../commands/sysctls.ts";
import { Bindings } from "./bindings.ts";
import { Device } from "./device.ts";
import { parseNetwork, Routes } from "./routes.ts";
import type { Network } from "./routes.ts";

/** Who hears of a connection or a listener. */
export interface Attentive {
  onReady(now: number): void;
}

/** Who takes packets of protocols that the engine has nothing to do with. @returns whether it did */
export type PacketTaker = (packet: Packet, now: number) => boolean;

export interface MachineOptions {
  /** What all random numbers follow from. */
  readonly seed: number;
  readonly observer: Observer;
  /** More of the engine's own options: what they say goes before what the machine would have. */
  readonly host: Partial<HostOptions>;
}

/** An address of the machine, and whether it is an endpoint of Multipath TCP. */
export interface MachineAddress extends Network {
  readonly flags: EndpointFlags;
}

/** A virtual Linux machine in virtual time: one device, the engine's host, routes, settings. Its programs are {@link Process}es. */
export class Machine implements PumpDriver {
  /** ns. */
  now = 0;
  readonly order = [DEVICE] as const;
  readonly host: Host;
  readonly device: Device;
  readonly routes = new Routes();
  readonly sysctls = new Sysctls();
  readonly bindings: Bindings;
  readonly random: RandomSource;
  /** Octets of the largest packet. */
  mtu: number;
  private readonly addressTable: MachineAddress[] = [];
  private readonly segmentationLimit: number;
  private readonly pump: Pump;
  private readonly attentive = new Map<StreamConnection | Listener, Attentive>();
  private readonly takers: PacketTaker[] = [];
  /** Packets from the machine to itself. */
  private readonly looped: Packet[] = [];

  constructor(wiring: Wiring, options: MachineOptions) {
    const { host, observer, seed } = options;
    this.mtu = wiring.mtu;
    this.segmentationLimit = wiring.segmentation ? SUPER_SEGMENT : 0;
    const mptcp = { pathManager: pathManagerNamed("endpoints") as PathManagerFactory, limits: { subflows: 2, addAddrAccepted: 0 }, ...host.mptcp };
    this.host = new Host({ name: "stack", random: seededSources(seed), observer, ...host, mptcp });
    this.device = new Device(this.host.counters);
    this.random = new SeededRandom(seed, "machine");
    this.bindings = new Bindings(this.random);
    this.pump = new Pump(this.host, this);
    for (const text of ["127.0.0.1/8", "::1/128", ...wiring.local]) {
      const network = parseNetwork(text);
      if (network !== null) this.addAddress(network);
    }
    for (const text of wiring.remote) {
      const network = parseNetwork(text);
      if (network !== null) this.routes.add(network);
    }
  }

  // ---- addresses

  get addresses(): readonly MachineAddress[] {
    return this.addressTable;
  }

  /** Gives the machine an address, or changes the flags of one that is there. */
  addAddress(network: Network, flags: EndpointFlags = NO_ENDPOINT): void {
    const { address } = network;
    const at = this.addressTable.findIndex((entry) => entry.address.equals(address));
    if (at < 0) {
      this.addressTable.push({ ...network, flags });
      this.routes.add(network);
    } else {
      this.addressTable[at] = { ...network, flags };
      // The engine's number of an address stays while the address does.
      const held = this.host.localAddresses().find((entry) => entry.address.equals(address));
      if (held !== undefined && flags.id !== undefined && held.id !== flags.id) this.host.removeAddress(address, this.now);
    }
    // Numbers from the end are those of addresses that are no endpoints.
    const id = flags.id ?? this.freeId();
    const known = this.host.localAddresses().find((entry) => entry.address.equals(address));
    this.host.addAddress(address, { link: DEVICE, mtu: this.mtu, segmentationLimit: this.segmentationLimit, flags: { ...flags, id: known?.id ?? id } }, this.now);
  }

  /** @returns whether it was there */
  removeAddress(address: IpAddress): boolean {
    const at = this.addressTable.findIndex((entry) => entry.address.equals(address));
    if (at < 0) return false;
    const [entry] = this.addressTable.splice(at, 1);
    this.routes.remove(entry as MachineAddress);
    this.host.removeAddress(address, this.now);
    return true;
  }

  isLocal(address: IpAddress): boolean {
    return this.addressTable.some((entry) => entry.address.equals(address));
  }

  /** The source of packets to a destination; an errno where no route leads there. */
  sourceFor(destination: IpAddress): IpAddress | string {
    if (this.isLocal(destination)) return destination;
    const route = this.routes.find(destination);
    if (route === null) return "ENETUNREACH";
    if (route.unreachable) return "EHOSTUNREACH";
    if (route.source !== null) return route.source;
    const family = this.addressTable.filter(({ address }) => address.family === destination.family && address.isLoopback === destination.isLoopback);
    const nearest = family.find((entry) => entry.address.commonPrefix(destination) >= entry.prefix) ?? family[0];
    return nearest === undefined ? "ENETUNREACH" : nearest.address;
  }

  // ---- who hears of what

  attend(to: StreamConnection | Listener, attentive: Attentive): void {
    this.attentive.set(to, attentive);
  }

  leave(what: StreamConnection | Listener): void {
    this.attentive.delete(what);
  }

  takePackets(taker: PacketTaker): void {
    this.takers.push(taker);
  }

  // ---- time and packets

  /** Octets that arrived at the device. */
  arrive(octets: Uint8Array): void {
    const packet = this.device.read(octets);
    if (packet !== null) this.receive(packet);
  }

  /** When something is to be done next, ns; NEVER: nothing. */
  get nextTimeout(): number {
    // Timers that follow from a smoothed round-trip time may have a fraction; virtual time has none.
    const at = Math.ceil(this.host.nextTimeout());
    return at < this.now ? this.now : at;
  }

  /** Time has come to `now`. */
  moveTo(now: number): void {
    this.now = now;
    if (this.host.nextTimeout() <= now) this.host.handleTimeout(now);
  }

  /** Does all that can be done now. */
  run(): void {
    do {
      this.pump.run();
      for (let packet = this.looped.shift(); packet !== undefined; packet = this.looped.shift()) this.receive(packet);
    } while (this.hasWork);
  }

  /** Whether there may be something to send now. */
  get hasWork(): boolean {
    return this.host.hasOutput(DEVICE) || this.looped.length > 0;
  }

  private receive(packet: Packet): void {
    for (const take of this.takers) if (take(packet, this.now)) return;
    this.host.receive(packet, DEVICE, this.now);
  }

  /** A packet of the machine leaves, to itself or by the device. */
  emit(packet: Packet): void {
    if (this.isLocal(packet.destination)) this.looped.push(packet);
    else this.device.send(packet, this.now);
  }

  private freeId(): number {
    const used = new Set(this.host.localAddresses().map(({ id }) => id));
    let id = LARGEST_ID;
    while (used.has(id)) id--;
    return id;
  }

  // ---- PumpDriver

  time(): number {
    return this.now;
  }

  hasRoom(): boolean {
    return true;
  }

  send(_link: number, packet: Packet): void {
    this.emit(packet);
  }

  dispatch(ready: StreamConnection | Listener, now: number): void {
    this.attentive.get(ready)?.onReady(now);
  }
}

/** The engine's number of the device. */
const DEVICE = 0;
/** Payload octets of a super-segment at the most, so that headers fit into 64 KiB. */
const SUPER_SEGMENT = 65_435;
const NO_ENDPOINT: EndpointFlags = { subflow: false, signal: false, backup: false, fullmesh: false };
const LARGEST_ID = 255;
