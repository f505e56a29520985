import { MptcpError, SeededRandom, seededSources } from "../../../core/index.ts";
import type { DecisionEvent, Observer, RandomSource } from "../../../core/index.ts";
import { changeOfSysctl, Host, LINUX_CONGESTION, Pump } from "../../../host/index.ts";
import type { HostOptions, Listener, PumpDriver } from "../../../host/index.ts";
import type { StreamConnection } from "../../../tcp/index.ts";
import type { IpAddress, Packet } from "../../../wire/index.ts";
import type { Wiring } from "../../system/index.ts";
import { Sysctls } from "../commands/sysctls.ts";
import { AddressTable, DEVICE } from "./address-table.ts";
import type { AddressedMachine } from "./address-table.ts";
import { Bindings } from "./bindings.ts";
import { Device } from "./device.ts";
import { Endpoints } from "./endpoints.ts";
import { parseNetwork, Routes } from "./routes.ts";
import { keysOf } from "../sockets/fast-open-keys.ts";
import { SharedListener } from "./shared-listener.ts";
import { linuxCookie } from "./siphash.ts";
import { countState } from "./state-counts.ts";

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
  /** How long after they are due timers are noticed, ns. */
  readonly timerDelay: number;
}

/** A virtual Linux machine in virtual time: one device, the engine's host, routes, settings. Its programs are {@link Process}es. */
export class Machine implements PumpDriver, AddressedMachine {
  /** ns. */
  now = 0;
  readonly order = [DEVICE] as const;
  readonly host: Host;
  readonly device: Device;
  readonly routes = new Routes();
  readonly sysctls = new Sysctls();
  readonly bindings: Bindings;
  readonly addresses = new AddressTable(this);
  readonly endpoints = new Endpoints(this.addresses);
  readonly random: RandomSource;
  /** Octets of the largest packet. */
  mtu: number;
  /** The queueing discipline that somebody gave the device; null: the default. */
  qdisc: string | null = null;
  /** Counters as nstat showed them last. */
  readonly history = new Map<string, number>();
  /** Payload octets of a super-segment at the most; 0: none. */
  readonly segmentationLimit: number;
  /** How long after they are due timers are noticed, ns. */
  private readonly timerDelay: number;
  private readonly pump: Pump;
  private readonly attentive = new Map<StreamConnection | Listener, Attentive>();
  private readonly shared: SharedListener[] = [];
  private readonly takers: PacketTaker[] = [];
  /** Packets from the machine to itself. */
  private readonly looped: Packet[] = [];

  constructor(wiring: Wiring, options: MachineOptions) {
    const { host, observer, seed, timerDelay } = options;
    this.mtu = wiring.mtu;
    this.timerDelay = timerDelay;
    this.segmentationLimit = wiring.segmentation ? SUPER_SEGMENT : 0;
    const event = (decision: DecisionEvent): void => {
      countState(this.host.counters, decision);
      observer.event(decision);
    };
    this.host = new Host({ name: "stack", profile: "linux", random: seededSources(seed), fastOpenHash: linuxCookie, observer: { perSegment: observer.perSegment === true, milestones: observer.milestones === true, event }, ...host });
    for (const name of this.sysctls.names) if (!AS_ASKED.has(name)) this.follow(name);
    // What the caller wants goes before what Linux has.
    this.host.setDefaults({ tcp: { simultaneousOpen: true, ...host.tcp }, mptcp: { limits: this.endpoints.limits, ...host.mptcp } });
    this.device = new Device(this.host.counters);
    this.random = new SeededRandom(seed, "machine");
    this.bindings = new Bindings(this.random);
    this.pump = new Pump(this.host, this);
    for (const text of ["127.0.0.1/8", "::1/128", ...wiring.local]) {
      const network = parseNetwork(text);
      if (network !== null) this.addresses.add(network);
    }
    for (const text of wiring.remote) {
      const network = parseNetwork(text);
      if (network !== null) this.routes.add(network);
    }
  }

  // ---- addresses

  isLocal(address: IpAddress): boolean {
    return this.addresses.isLocal(address);
  }

  /** The source of packets to a destination; an errno where no route leads there. */
  sourceFor(destination: IpAddress): IpAddress | string {
    if (this.isLocal(destination)) return destination;
    const route = this.routes.find(destination);
    if (route === null) return "ENETUNREACH";
    if (route.unreachable) return "EHOSTUNREACH";
    return route.source ?? this.addresses.sourceFor(destination) ?? "ENETUNREACH";
  }

  /** Another size of packets, octets. */
  resize(mtu: number): void {
    this.mtu = mtu;
    this.addresses.refresh();
  }

  // ---- settings

  /** A setting of the machine changes. @returns why not, see {@link Sysctls.set} */
  setSysctl(name: string, value: string): ReturnType<Sysctls["set"]> {
    const trouble = this.sysctls.set(name, value);
    if (trouble === null) this.follow(name);
    // Nobody has set the keys that there are at first: they are drawn.
    if (trouble === null && name === "net.ipv4.tcp_fastopen_key") this.host.setFastOpenKeys(keysOf(value) ?? []);
    return trouble;
  }

  /** Has the engine's host do as a setting says, where it has a meaning there. */
  private follow(name: string): void {
    if (name === "net.ipv4.tcp_congestion_control") {
      const congestion = LINUX_CONGESTION[this.sysctls.text(name) as keyof typeof LINUX_CONGESTION];
      this.host.setDefaults({ tcp: { congestion }, mptcp: { congestion } });
      return;
    }
    // Buffers are worked out from several settings, for each socket.
    if (name === "net.ipv4.tcp_rmem" || name === "net.ipv4.tcp_wmem") return;
    try {
      const change = changeOfSysctl(name, this.sysctls.text(name));
      if (change === null) return;
      this.host.setDefaults(change);
      // Linux looks at this one with every segment.
      const ecnOption = change.tcp?.ecnOption;
      if (ecnOption !== undefined) for (const stream of this.host.streams()) if (!stream.closed) stream.configure({ ecnOption }, this.now);
    } catch (error) {
      // Linux takes it; the engine stays as it was.
      if (!(error instanceof MptcpError)) throw error;
    }
  }

  // ---- who hears of what

  attend(to: StreamConnection | Listener, attentive: Attentive): void {
    this.attentive.set(to, attentive);
  }

  leave(what: StreamConnection | Listener): void {
    this.attentive.delete(what);
  }

  /** The ports that are listened on. */
  get listeners(): readonly Listener[] {
    return this.shared.map(({ listener }) => listener);
  }

  /** The listener of an address and port, which sockets may share; null: none. */
  sharedListener(key: string): SharedListener | null {
    return this.shared.find((other) => other.key === key) ?? null;
  }

  openListener(key: string, listener: Listener): SharedListener {
    const opened = new SharedListener(key, listener);
    this.shared.push(opened);
    this.attend(listener, opened);
    return opened;
  }

  closeListener(closing: SharedListener): void {
    this.shared.splice(this.shared.indexOf(closing), 1);
    this.leave(closing.listener);
    closing.listener.close(this.now);
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
    const at = this.host.earliestDeadline() + this.timerDelay;
    return at < this.now ? this.now : at;
  }

  /** Time has come to `now`. */
  moveTo(now: number): void {
    this.now = now;
    if (this.host.earliestDeadline() + this.timerDelay <= now) this.host.handleTimeout(now, now - this.timerDelay);
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
    const group = packet.source.family === 4 ? "Ip" : "Ip6";
    if (!this.isLocal(packet.destination)) {
      this.host.counters.increment(`${group}InAddrErrors`);
      return;
    }
    this.host.counters.increment(`${group}InDelivers`);
    for (const take of this.takers) if (take(packet, this.now)) return;
    this.host.receive(packet, DEVICE, this.now);
  }

  /** A packet of the machine leaves, to itself or by the device. */
  emit(packet: Packet): void {
    if (this.isLocal(packet.destination)) this.looped.push(packet);
    else this.device.send(packet, this.now);
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

/** What the engine does by its own choice until a script asks for something else: Linux has no such setting of the version, and the profile has the option of ECN. */
const AS_ASKED: ReadonlySet<string> = new Set(["net.mptcp.mptcp_version", "net.ipv4.tcp_ecn_option"]);
/** Payload octets of a super-segment at the most, so that headers fit into 64 KiB. */
const SUPER_SEGMENT = 65_435;
