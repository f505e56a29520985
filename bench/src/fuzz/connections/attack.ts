import type { FourTuple, TcpConnection } from "mptcp";
import { IpAddress, TCP_FLAG } from "mptcp/wire";
import type { Packet } from "mptcp/wire";
import { FuzzRandom } from "../random.ts";
import type { Coverage } from "./coverage.ts";
import { BlindForger, KINDS, PathForger } from "./forge.ts";
import type { Aim, Kind } from "./forge.ts";
import { stateOf, subflowOf } from "./inside.ts";
import type { HostInside } from "./inside.ts";
import type { Knowledge } from "./options.ts";
import { pick, REUSED_PORT } from "./plan.ts";
import type { RunPlan } from "./plan.ts";
import { PORT, SIDES, Violation } from "./world.ts";
import type { Side, World } from "./world.ts";

/** Which packets of an attack are left out, by number, to find those that matter. */
export type Omitted = ReadonlySet<number>;

/**
 * The attacker of a run. Packet number n depends on the seed, the run and n, and on the state of the hosts, but not on the attack's packets
 * before it: any of them can be left out.
 */
export class Attack {
  /** Packets injected, those that were changed on their way included. */
  injected = 0;
  /** Numbers of the packets that were injected. */
  readonly numbers: number[] = [];
  private readonly world: World;
  private readonly plan: RunPlan;
  private readonly coverage: Coverage;
  private readonly omitted: Omitted;
  private readonly random = new FuzzRandom();
  private readonly tamperRandom = new FuzzRandom();
  private readonly path: PathForger;
  private readonly tamperer: PathForger;
  private readonly blind: BlindForger;
  /** Packets that the attacker saw lately, by who they went to. */
  private readonly seen: Readonly<Record<Side, Packet[]>> = { client: [], server: [] };
  /** Those of the last connection of the four-tuple that comes again, and of the one before it. */
  private recent: Readonly<Record<Side, Packet[]>> = { client: [], server: [] };
  private old: Readonly<Record<Side, Packet[]>> = { client: [], server: [] };
  private lastSyn = -1;
  private passed = 0;
  private isOver = false;

  constructor(world: World, coverage: Coverage, omitted: Omitted) {
    this.world = world;
    this.plan = world.plan;
    this.coverage = coverage;
    this.omitted = omitted;
    this.path = new PathForger(this.random);
    this.tamperer = new PathForger(this.tamperRandom);
    this.blind = new BlindForger(this.random);
    world.tap = (packet, to, path, now): boolean => this.passes(packet, to, path, now);
  }

  /** The random numbers of packet `number`, to be started before it is made. */
  start(number: number): FuzzRandom {
    this.random.start(this.plan.seed ^ Math.imul(this.plan.index + 1, 0x9e3779b1), number);
    return this.random;
  }

  /** Injects packet `number`. */
  inject(number: number): void {
    const { plan, random, world } = this;
    const to = plan.attacker === "peer" ? plan.victim : pick(random, SIDES);
    const aim = this.aim(to);
    const kind = pick(random, KINDS);
    const known = this.knowledge(aim, to);
    const packet = plan.attacker === "off-path" ? this.blind.make(kind, aim, known, this.old[to]) : this.path.make(kind, aim, known, this.seen[to], world.now);
    if (packet === null || this.omitted.has(2 * number)) return;
    this.note(2 * number, kind, packet, to, aim);
    const answer = world.inject(packet, to);
    if (plan.attacker === "off-path" && answer > MOST_ANSWERS_TO_THE_BLIND) throw new Violation(`${answer} packets in answer to one from off the path`);
  }

  /** Nothing is changed on its way any more. */
  end(): void {
    this.isOver = true;
  }

  private note(number: number, kind: Kind, packet: Packet, to: Side, aim: Aim): void {
    this.injected++;
    this.numbers.push(number);
    const segment = packet.tcp;
    if (segment === null) {
      this.coverage.add(aim.tcp === null ? (aim.isWaiting ? "TIME-WAIT" : "none") : stateOf(aim.tcp), kind);
      return;
    }
    const inside = this.world.inside[to];
    const place = [packet.destination, segment.destinationPort, packet.source, segment.sourcePort] as const;
    const tcp = inside.connections.find(...place) ?? inside.pendingJoins.find(...place);
    if (tcp !== null) this.coverage.add(stateOf(tcp), kind);
    else if (inside.timeWaits.find(...place) !== null) this.coverage.add("TIME-WAIT", kind);
    else this.coverage.add(to === "server" && segment.destinationPort === PORT ? "listening" : "none", kind);
  }

  // ---- what the attacker sees on its path

  private sees(path: number): boolean {
    const { attackedPath, attacker } = this.plan;
    return attacker === "peer" || (attacker === "on-path" && path === attackedPath);
  }

  private passes(packet: Packet, to: Side, path: number, now: number): boolean {
    if (packet.tcp === null) return true;
    this.remember(packet, to);
    if (this.isOver || !this.sees(path)) return true;
    this.keep(this.seen[to], packet, SEEN);
    const number = this.passed++;
    if (this.plan.tampering === 0 || (this.plan.attacker === "peer" && to !== this.plan.victim)) return true;
    const random = this.tamperRandom;
    random.start(this.plan.seed ^ Math.imul(this.plan.index + 1, 0x85ebca6b), number);
    if (random.below(1000) >= this.plan.tampering || this.omitted.has(2 * number + 1)) return true;
    return this.tamper(packet, to, number, now);
  }

  /** Keeps packets of the connections whose four-tuple comes again, each apart. */
  private remember(packet: Packet, to: Side): void {
    const { tcp } = packet;
    if (tcp === null || (tcp.sourcePort !== REUSED_PORT && tcp.destinationPort !== REUSED_PORT)) return;
    if (to === "server" && (tcp.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.SYN && tcp.destinationPort === PORT && tcp.sequence !== this.lastSyn) {
      this.lastSyn = tcp.sequence;
      this.old = this.recent;
      this.recent = { client: [], server: [] };
    }
    this.keep(this.recent[to], packet, OLD);
  }

  private tamper(packet: Packet, to: Side, number: number, _now: number): boolean {
    const random = this.tamperRandom;
    const { world } = this;
    const what = pick(random, ["fields", "options", "options", "octets", "payload", "drop", "double", "delay"] as const);
    this.numbers.push(2 * number + 1);
    if (what === "drop") return false;
    if (what === "double" || what === "delay") {
      const copy = packet.clone();
      world.simulation.after(random.below(50_000_000), () => void world.inject(copy, to));
      return what === "double";
    }
    const aim = this.aimOf(packet, to);
    const changed = this.tamperer.change(packet.clone(), what, this.knowledge(aim, to));
    if (changed === null) return true;
    this.numbers.pop();
    this.note(2 * number + 1, what, packet, to, aim);
    world.inject(changed, to);
    return false;
  }

  private keep(list: Packet[], packet: Packet, most: number): void {
    if (list.length < most) list.push(packet.clone());
    else if ((this.passed & 3) === 0) list[this.passed % most] = packet.clone();
  }

  // ---- what it aims at

  /** A connection that it can reach, or what it takes for one. */
  private aim(to: Side): Aim {
    const { plan, random } = this;
    const candidates = this.candidates(to);
    const isBlind = plan.attacker === "off-path" && !plan.knowsPorts;
    const waiting = this.reachable(this.world.inside[to].timeWaits.table.all());
    if (waiting.length > 0 && !isBlind && random.oneIn(8)) return { tuple: pick(random, waiting).tuple, tcp: null, isWaiting: true };
    if (candidates.length > 0 && !isBlind && !random.oneIn(10)) return this.rarest(candidates);
    return this.stranger(to);
  }

  /** Of a few connections the one whose state was met the least. */
  private rarest(candidates: readonly TcpConnection[]): Aim {
    let best = candidates[this.random.below(candidates.length)] as TcpConnection;
    for (let n = 0; n < 2; n++) {
      const other = candidates[this.random.below(candidates.length)] as TcpConnection;
      if (this.coverage.count(stateOf(other)) < this.coverage.count(stateOf(best))) best = other;
    }
    return { tuple: best.tuple, tcp: best, isWaiting: false };
  }

  private candidates(to: Side): TcpConnection[] {
    const inside = this.world.inside[to];
    return this.reachable([...inside.connections.all(), ...inside.pendingJoins.all()]);
  }

  /** Those that the attacker can send to. */
  private reachable<T extends { readonly tuple: FourTuple }>(all: T[]): T[] {
    const { attackedPath, attacker } = this.plan;
    return attacker !== "on-path" ? all : all.filter(({ tuple }) => this.pathOf(tuple) === attackedPath);
  }

  /** A four-tuple of a made-up port, and perhaps of a made-up address. */
  private stranger(to: Side): Aim {
    const { random, world } = this;
    const path = random.below(this.plan.paths.length);
    const client = world.net.nats[path]?.external ?? (world.net.clientAddresses[path] as readonly IpAddress[])[0] as IpAddress;
    const server = pick(random, world.net.serverAddresses.flat().filter((address) => address.family === client.family));
    const ours = to === "client" ? (world.net.clientAddresses[path] as readonly IpAddress[])[0] as IpAddress : (server ?? client);
    const spoofed = ours.family === 4 ? IpAddress.from(`10.77.${random.below(4)}.${random.below(256)}`) : IpAddress.from(`fd77::${random.below(999)}`);
    const theirs = random.oneIn(2) ? spoofed : to === "client" ? (server ?? spoofed) : client;
    const port = random.oneIn(2) ? PORT : random.below(65_536);
    const other = random.below(65_536);
    const tuple: FourTuple = { localAddress: ours, localPort: to === "server" ? port : other, remoteAddress: theirs, remotePort: to === "server" ? other : port };
    return this.aimAt(tuple, to);
  }

  private aimOf(packet: Packet, to: Side): Aim {
    return this.aimAt(tupleOf(packet), to);
  }

  private aimAt(tuple: FourTuple, to: Side): Aim {
    const inside = this.world.inside[to];
    const place = [tuple.localAddress, tuple.localPort, tuple.remoteAddress, tuple.remotePort] as const;
    return { tuple, tcp: inside.connections.find(...place) ?? inside.pendingJoins.find(...place), isWaiting: inside.timeWaits.find(...place) !== null };
  }

  /** Which of the client's paths a four-tuple of either host is on. */
  private pathOf(tuple: FourTuple): number {
    const { clientAddresses, nats } = this.world.net;
    return clientAddresses.findIndex((addresses, i) => {
      const outside = nats[i]?.external;
      const all = outside === undefined ? addresses : [...addresses, outside];
      return all.some((address) => address.equals(tuple.localAddress) || address.equals(tuple.remoteAddress));
    });
  }

  private knowledge(aim: Aim, to: Side): Knowledge {
    const { plan, world } = this;
    const addresses = [...world.net.clientAddresses.flat(), ...world.net.serverAddresses.flat()];
    if (plan.attacker === "off-path") {
      const tokens = plan.knowsToken ? tokensOf(world.inside[to]) : [];
      return { subflow: null, keys: false, token: pick(this.random, tokens) ?? -1, addresses };
    }
    const subflow = aim.tcp === null ? null : subflowOf(aim.tcp);
    // The first handshake, and with it the keys, goes over the first path.
    const keys = plan.attacker === "peer" || plan.attackedPath === 0;
    const token = subflow === null ? (tokensOf(world.inside[to])[0] ?? -1) : subflow.context.session.local.token;
    return { subflow, keys, token, addresses };
  }
}

/** The tokens that a host knows. */
function tokensOf(host: HostInside): readonly number[] {
  return Array.from(host.tokens.all(), ({ session }) => session.local.token);
}

function tupleOf(packet: Packet): FourTuple {
  const { tcp } = packet;
  return { localAddress: packet.destination, localPort: tcp?.destinationPort ?? 0, remoteAddress: packet.source, remotePort: tcp?.sourcePort ?? 0 };
}

const SEEN = 64;
const OLD = 48;
/** An ACK or a reset, the reset of a join that is displaced, and two signals, ADD_ADDR for one, that waited for an ACK to go out on. */
const MOST_ANSWERS_TO_THE_BLIND = 4;
