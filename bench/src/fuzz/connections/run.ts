import { congestionControls, MILLISECOND, MptcpConnection, pathManagers, schedulers, SECOND } from "mptcp";
import type { Observer } from "mptcp";
import type { IpAddress } from "mptcp/wire";
import { Attack } from "./attack.ts";
import type { Omitted } from "./attack.ts";
import { Coverage } from "./coverage.ts";
import { judge } from "./judge.ts";
import type { Peer } from "./peer.ts";
import type { RunPlan } from "./plan.ts";
import { named, SIDES, Violation, World } from "./world.ts";
import type { Extremes } from "./world.ts";

export interface RunResult {
  /** What must not be, null when all was well. */
  readonly failure: string | null;
  /** The exception behind it, for its stack. */
  readonly cause: unknown;
  readonly injected: number;
  /** Numbers of the attack's packets, for those who leave some out. */
  readonly numbers: readonly number[];
  readonly coverage: Coverage;
  readonly most: Extremes;
  /** Packets that the hosts sent. */
  readonly sent: number;
  /** Connections of which one end waited without end for a peer that owed it nothing, until its application went away. */
  readonly waiting: number;
  readonly connections: number;
}

export interface RunOptions {
  readonly omitted?: Omitted;
  readonly observers?: readonly Observer[];
  /** Called when the network is built, before anything happens. */
  readonly prepare?: (world: World) => void;
}

/** Runs a plan, and says what is wrong with it. The same plan gives the same run. */
export function run(plan: RunPlan, options: RunOptions = {}): RunResult {
  const coverage = new Coverage();
  const world = new World(plan, options.observers ?? []);
  const attack = new Attack(world, coverage, options.omitted ?? NOTHING);
  options.prepare?.(world);
  const course = new Course(world, attack);
  let failure: string | null = null;
  let cause: unknown = null;
  try {
    course.attackAll();
    course.finish();
  } catch (error) {
    failure = error instanceof Violation ? error.message : `an exception: ${String(error)}`;
    cause = error;
  }
  return { failure, cause, injected: attack.injected, numbers: attack.numbers, coverage, most: world.most, sent: world.sent, waiting: course.waiting, connections: world.peers.length };
}

/** What happens in a run, and what must hold of it. */
class Course {
  waiting = 0;
  private readonly world: World;
  private readonly attack: Attack;
  private readonly plan: RunPlan;

  constructor(world: World, attack: Attack) {
    this.world = world;
    this.attack = attack;
    this.plan = world.plan;
    world.onWrongByte = (peer, position): void => this.wrongByte(peer, position);
  }

  /** Injects the packets of the plan, a few at once or one after a while, as long as there is somebody to attack. */
  attackAll(): void {
    const { attack, plan, world } = this;
    let idle = 0;
    for (let number = 0; number < plan.packets; number++) {
      const random = attack.start(number);
      const speed = random.below(12);
      const next = world.simulation.queue.next;
      if (speed === 0 && Number.isFinite(next)) world.advance(Math.max(world.now, Math.min(next, world.now + 100 * SECOND)));
      else if (speed < 8) world.advance(world.now + Math.round(10_000 * 2 ** (random.below(1200) / 100)), random.oneIn(2));
      else if (speed === 8 && random.oneIn(8)) world.advance(world.now + (200 + random.below(3000)) * MILLISECOND);
      if (random.oneIn(20)) this.change();
      if (plan.attacker !== "nobody") attack.inject(number);
      if ((number & 15) === 0) world.measure();
      if (!world.busy && ++idle > 6) {
        if (!world.openSpare()) break;
        idle = 0;
      }
    }
    world.measure();
  }

  /** The attack is over: everybody ends, and after the limits of docs/limits.md nothing may be left. */
  finish(): void {
    const { attack, plan, world } = this;
    attack.end();
    this.repair();
    const honest = plan.attacker === "off-path" || plan.attacker === "nobody";
    this.hurry();
    for (let round = 0; round < 8 && world.busy; round++) {
      world.advance(world.now + 200 * SECOND);
      this.hurry();
    }
    if (honest) judge(world);
    for (const peer of world.peers) {
      if (peer.connection.closed) continue;
      this.waiting++;
      // It may wait for a peer that owes it nothing, as long as its application does.
      if (this.waiting % 2 === 0) peer.connection.abort(world.now);
      else peer.connection.abandon(world.now);
    }
    world.listener.close(world.now);
    for (const side of SIDES) world.hosts[side].poke();
    world.advance(world.now + FORGOTTEN);
    const unclosed = world.peers.filter((peer) => !peer.connection.closed);
    if (unclosed.length > 0) throw new Violation(`${unclosed.length} connections hang: ${unclosed.map((peer) => peer.side).join()}`);
    const left = world.left();
    if (left.length > 0) throw new Violation(`left: ${left.join("; ")}`);
  }

  private hurry(): void {
    const { world } = this;
    for (const peer of world.peers) peer.hurry(world.now);
    for (const side of SIDES) world.hosts[side].poke();
  }

  // ---- what must hold

  private wrongByte(peer: Peer, position: number): void {
    const { plan } = this;
    const what = `a wrong byte at ${position} at the ${peer.side} of connection ${peer.id}`;
    if (plan.attacker === "off-path" || plan.attacker === "nobody") throw new Violation(what);
    const { connection } = peer;
    const checked = (plan.client.checksum || plan.server.checksum) && connection instanceof MptcpConnection && connection.fallback === null;
    if (plan.attacker === "on-path" && checked) throw new Violation(`${what}, past checksums`);
  }

  // ---- what happens to hosts

  /** An application or an interface does something. */
  private change(): void {
    const { plan, world } = this;
    const random = this.attack.start(-1 - Math.floor(world.now % 0x7fff_ffff));
    const peer = world.peers[random.below(world.peers.length)];
    if (peer === undefined) return;
    const what = random.below(plan.changes ? 9 : 2);
    if (what === 0) peer.paused = true;
    else if (what === 1) peer.resume(world.now);
    else if (what < 5) this.moveAddress(random.below(plan.paths.length));
    else if (what === 5) this.moveLink(random.below(plan.paths.length), random.oneIn(2));
    else this.command(peer, what, random.uint32());
    for (const side of SIDES) world.hosts[side].poke();
  }

  /** The first path stays where every connection is to come through. */
  private get spared(): number {
    return this.plan.attacker === "off-path" || this.plan.attacker === "nobody" ? 0 : -1;
  }

  private moveAddress(path: number): void {
    if (path === this.spared) return;
    const { client } = this.world.hosts;
    for (const address of this.world.net.clientAddresses[path] as readonly IpAddress[]) {
      const present = client.addressesOn(path).some((own) => own.equals(address));
      if (present) client.removeAddress(address);
      else client.addAddress(address, { link: path });
    }
  }

  private moveLink(path: number, up: boolean): void {
    const link = this.world.net.access[path];
    if (path === this.spared || link === undefined) return;
    if (up) link.up(this.world.now);
    else link.down(this.world.now);
  }

  private command(peer: Peer, what: number, drawn: number): void {
    const { connection } = peer;
    const { now } = this.world;
    if (!(connection instanceof MptcpConnection) || connection.closed || !connection.multipath) return;
    const subflows = connection.subflows;
    const subflow = subflows[drawn % Math.max(1, subflows.length)];
    if (what === 6 && subflow !== undefined) connection.setBackup(subflow.pathIndex, drawn % 2 === 0, now);
    else if (what === 7 && subflow !== undefined && subflow.pathIndex > 1) connection.closeSubflow(subflow.pathIndex, now);
    else if (what === 8) this.exchange(connection, drawn, now);
  }

  private exchange(connection: MptcpConnection, drawn: number, now: number): void {
    const one = <T>(all: Readonly<Record<string, T>>): T => named(all, Object.keys(all)[drawn % Object.keys(all).length] as string);
    connection.exchange({ scheduler: one(schedulers), congestion: one(congestionControls), pathManager: one(pathManagers) }, now);
  }

  /** All links up and all addresses there. */
  private repair(): void {
    const { net, hosts } = this.world;
    net.access.forEach((link, path) => {
      link.up(this.world.now);
      for (const address of net.clientAddresses[path] as readonly IpAddress[]) {
        if (!hosts.client.addressesOn(path).some((own) => own.equals(address))) hosts.client.addAddress(address, { link: path });
      }
    });
    for (const side of SIDES) hosts[side].poke();
  }
}

const NOTHING: Omitted = new Set();
/** After the last application went: silence is given up after 15 minutes, an orphan after two at the most, TIME-WAIT is one. */
const FORGOTTEN = 1100 * SECOND;
