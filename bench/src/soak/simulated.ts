import { MptcpConnection, MILLISECOND, SECOND } from "mptcp";
import type { IpAddress } from "mptcp/wire";
import { judge } from "../fuzz/connections/judge.ts";
import { drawPlan, pick } from "../fuzz/connections/plan.ts";
import type { ConnectionPlan, RunPlan } from "../fuzz/connections/plan.ts";
import { FuzzRandom } from "../fuzz/random.ts";
import { SIDES, Violation, World } from "../fuzz/connections/world.ts";

export interface SoakTotals {
  connections: number;
  bytes: number;
  cuts: number;
  moves: number;
}

/**
 * One round of a soak in virtual time: two hosts that live on while connections are opened, moved from address to address and closed, and paths are
 * cut and come back. Nobody attacks. @throws Violation when something is lost, or left when all is over
 */
export function soakRound(seed: number, round: number, connections: number): SoakTotals {
  const plan = soakPlan(seed, round, connections);
  const world = new World(plan, []);
  const course = new Soak(world, seed, round);
  course.live();
  course.end();
  const bytes = world.peers.reduce((sum, peer) => sum + peer.bytesRead, 0);
  return { connections: plan.connections.length, bytes, cuts: course.cuts, moves: course.moves };
}

/** The hosts and paths of a run that nobody attacks, and many connections in reserve. */
function soakPlan(seed: number, round: number, connections: number): RunPlan {
  const drawn = drawPlan(seed, round, "nobody");
  const random = new FuzzRandom();
  random.start(seed, round);
  const [first] = drawn.paths as [RunPlan["paths"][number]];
  const paths = Array.from({ length: 2 + random.below(2) }, (_, i) => ({ ...first, family: 4 as const, nat: i > 0 && first.nat, delay: 2 + random.below(40), rate: 2e6 * (1 + random.below(20)), loss: random.below(10) / 1000 }));
  const templates = drawn.connections;
  const all = Array.from({ length: connections }, (): ConnectionPlan => ({ ...pick(random, templates), at: -1, localPort: 0 }));
  return { ...drawn, paths, serverAddresses: 1, connections: all, synCookies: "auto", halfOpen: 1024, stripFrom: -1 };
}

class Soak {
  cuts = 0;
  moves = 0;
  private readonly world: World;
  private readonly random = new FuzzRandom();
  /** The path that is cut; -1: none. */
  private cut = -1;
  private mendAt = 0;

  constructor(world: World, seed: number, round: number) {
    this.world = world;
    this.random.start(seed ^ 0x50a4, round);
  }

  live(): void {
    const { random, world } = this;
    for (let more = true; more; ) {
      world.advance(world.now + (10 + random.below(150)) * MILLISECOND);
      const open = world.peers.filter((peer) => peer.side === "client" && !peer.connection.closed);
      if (open.length < MOST_OPEN) more = world.openSpare();
      if (this.cut >= 0 && world.now >= this.mendAt) this.mend();
      if (random.oneIn(25) && this.cut < 0) this.cutPath(random.below(world.plan.paths.length));
      else if (random.oneIn(12)) this.move(1 + random.below(world.plan.paths.length - 1));
      else if (random.oneIn(6)) this.change();
      // One that only ends when told to is told to, after a while.
      for (const peer of open) if (random.oneIn(20)) peer.hurry(world.now);
      for (const peer of world.peers) if (peer.side === "server" && random.oneIn(20)) peer.hurry(world.now);
      for (const side of SIDES) world.hosts[side].poke();
      world.measure();
    }
  }

  /** Everybody ends, and nothing may be lost or left. */
  end(): void {
    const { world } = this;
    if (this.cut >= 0) this.mend();
    for (let path = 1; path < world.plan.paths.length; path++) if (!this.present(path)) this.move(path);
    this.hurry();
    for (let turn = 0; turn < 10 && world.busy; turn++) {
      world.advance(world.now + 100 * SECOND);
      this.hurry();
    }
    judge(world, true);
    world.listener.close(world.now);
    for (const peer of world.peers) if (!peer.connection.closed) peer.connection.abandon(world.now);
    for (const side of SIDES) world.hosts[side].poke();
    world.advance(world.now + 1100 * SECOND);
    const left = world.left();
    if (left.length > 0) throw new Violation(`left: ${left.join("; ")}`);
  }

  private hurry(): void {
    for (const peer of this.world.peers) peer.hurry(this.world.now);
    for (const side of SIDES) this.world.hosts[side].poke();
  }

  private cutPath(path: number): void {
    this.world.net.access[path]?.down(this.world.now);
    this.cut = path;
    this.cuts++;
    this.mendAt = this.world.now + (100 + this.random.below(5000)) * MILLISECOND;
  }

  private mend(): void {
    this.world.net.access[this.cut]?.up(this.world.now);
    this.cut = -1;
  }

  private present(path: number): boolean {
    const [address] = this.world.net.clientAddresses[path] as [IpAddress];
    return this.world.hosts.client.addressesOn(path).some((own) => own.equals(address));
  }

  /** An address comes or goes; that of the first path stays, since plain TCP has no other. */
  private move(path: number): void {
    const [address] = this.world.net.clientAddresses[path] as [IpAddress];
    if (this.present(path)) this.world.hosts.client.removeAddress(address);
    else this.world.hosts.client.addAddress(address, { link: path });
    this.moves++;
  }

  private change(): void {
    const { random, world } = this;
    const peer = world.peers[random.below(world.peers.length)];
    const connection = peer?.connection;
    if (!(connection instanceof MptcpConnection) || connection.closed || !connection.multipath) return;
    const { subflows } = connection;
    const subflow = subflows[random.below(subflows.length)];
    if (subflow !== undefined) connection.setBackup(subflow.pathIndex, random.oneIn(2), world.now);
  }
}

const MOST_OPEN = 8;
