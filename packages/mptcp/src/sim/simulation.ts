import { MptcpError, seededSources, SeededRandom } from "../core/index.ts";
import type { DecisionEvent, Observer } from "../core/index.ts";
import { EventQueue, NodeEvents } from "./event-queue.ts";
import type { ScheduledCall } from "./event-queue.ts";
import { Link } from "./link.ts";
import type { LinkOptions } from "./link.ts";
import type { Middlebox, MiddleboxFactory } from "./middleboxes/index.ts";
import { Nat } from "./nat.ts";
import type { NatOptions } from "./nat.ts";
import type { SimNode } from "./node.ts";
import { Router } from "./router.ts";
import type { RouterOptions } from "./router.ts";
import { computeRoutes } from "./routing.ts";
import { SimHost } from "./sim-host.ts";
import type { HostSettings } from "./sim-host.ts";

export interface SimulationOptions {
  /** Any integer: equal seeds give equal runs (default 1). */
  readonly seed?: number;
  /** Who hears of the decisions of all hosts and of what the network does to packets; none: no cost. */
  readonly observers?: readonly Observer[];
  /** Whether host routes are computed when nodes, links or addresses have changed (default true). */
  readonly routes?: boolean;
}

export interface SimulationStatistics {
  /** ns */
  readonly now: number;
  readonly events: number;
  /** Packets that left a queue. */
  readonly packetHops: number;
}

/**
 * A network in virtual time: nodes, links, one event queue and one seed.
 *
 * The same network with the same seed gives the same run, event for event, in whatever order it is put together. Whatever draws random
 * numbers has a stream of its own, which follows from the seed, its name and what the numbers are for; what is simultaneous has an order
 * by names, see {@link EventQueue}. So what is added elsewhere changes nothing here.
 *
 * @example
 * const simulation = new Simulation({ seed: 7 });
 * const a = simulation.addHost("a", { });
 * const b = simulation.addHost("b", { });
 * const link = simulation.connect(a, b, { rate: 10e6, delay: 10 * MILLISECOND });
 * simulation.at(5 * SECOND, () => link.down(simulation.now));
 * simulation.run(10 * SECOND);
 */
export class Simulation {
  readonly queue = new EventQueue();
  readonly seed: number;
  readonly nodes: SimNode[] = [];
  readonly links: Link[] = [];
  readonly observer: Observer | null;
  private readonly nodesByName = new Map<string, SimNode>();
  private readonly linksByName = new Map<string, Link>();
  private readonly eventsOfNodes = new Map<SimNode, NodeEvents>();
  private readonly computesRoutes: boolean;
  private routesAreStale = false;

  constructor(options: SimulationOptions = {}) {
    this.seed = options.seed ?? 1;
    this.computesRoutes = options.routes ?? true;
    const observers = options.observers ?? [];
    this.observer = observers.length > 1 ? new ObserverGroup(observers) : (observers[0] ?? null);
  }

  /** Virtual time, ns. */
  get now(): number {
    return this.queue.now;
  }

  // ---- building

  /** Adds a host. @throws MptcpError ERR_SIM_OPTION when there is a node of that name */
  addHost(name: string, options: HostSettings = {}): SimHost {
    this.checkNode(name);
    const random = seededSources(this.seed, ["node", name], options.random);
    const host = new SimHost(this.queue, { ...options, name, random, observer: this.observer });
    host.onAddresses = (): void => this.addressesChanged();
    return this.add(host);
  }

  /** Adds a router. @throws MptcpError ERR_SIM_OPTION when there is a node of that name */
  addRouter(name: string, options: RouterOptions = {}): Router {
    return this.add(new Router(name, options, this.observer));
  }

  /** Adds an address translator. @throws MptcpError ERR_SIM_OPTION when there is a node of that name */
  addNat(name: string, options: NatOptions): Nat {
    return this.add(new Nat(name, options, new SeededRandom(this.seed, "node", name, "ports"), this.observer));
  }

  /** Adds a middlebox. The link that it gets first is its inside. @throws MptcpError ERR_SIM_OPTION when there is another node of its name */
  addMiddlebox<M extends Middlebox>(name: string, make: MiddleboxFactory<M>): M {
    const queue = new NodeEvents(this.queue, name);
    const box = make(name, { queue, random: new SeededRandom(this.seed, "node", name, "middlebox"), observer: this.observer });
    this.eventsOfNodes.set(box, queue);
    return this.add(box);
  }

  /** Adds a node of any kind; `connect` does so by itself. @throws MptcpError ERR_SIM_OPTION when there is another node of its name */
  add<T extends SimNode>(node: T): T {
    if (this.nodesByName.get(node.name) === node) return node;
    this.checkNode(node.name);
    this.nodesByName.set(node.name, node);
    this.nodes.push(node);
    this.routesAreStale = true;
    return node;
  }

  /** Links two nodes; each gets one more port. @throws MptcpError ERR_SIM_OPTION, also when there is a link of that name */
  connect(a: SimNode, b: SimNode, options: LinkOptions = {}): Link {
    this.add(a);
    this.add(b);
    const name = options.name ?? this.freeLinkName(`${a.name}-${b.name}`);
    if (this.linksByName.has(name)) throw new MptcpError("ERR_SIM_OPTION", `there is a link ${name} already`);
    const link = new Link(this.queue, a, b, { ...options, name }, this.seed, this.observer);
    this.linksByName.set(name, link);
    this.links.push(link);
    this.routesAreStale = true;
    return link;
  }

  /** The link of that name. @throws RangeError when there is none */
  link(name: string): Link {
    const link = this.linksByName.get(name);
    if (link === undefined) throw new RangeError(`no link named ${name}`);
    return link;
  }

  /** Random numbers for whatever the caller needs some for: a stream, from its start, that follows from the seed and the names. */
  randomFor(...names: readonly [string, ...string[]]): SeededRandom {
    return new SeededRandom(this.seed, "caller", ...names);
  }

  /** What a node of one's own schedules its events with, so that they have their place among simultaneous ones. */
  eventsOf(node: SimNode): NodeEvents {
    if (node instanceof SimHost) return node.queue;
    this.add(node);
    let events = this.eventsOfNodes.get(node);
    if (events === undefined) {
      events = new NodeEvents(this.queue, node.name);
      this.eventsOfNodes.set(node, events);
    }
    return events;
  }

  /** Gives routers their routes; {@link Simulation.run} does so when needed. */
  computeRoutes(): void {
    this.routesAreStale = false;
    computeRoutes(this.nodes, this.links);
  }

  // ---- running

  /** Calls `callback` at `time` (ns), before anything else happens then. @throws MptcpError ERR_SIM_TIME when that has passed */
  at(time: number, callback: (now: number) => void): ScheduledCall {
    return this.queue.call(time, callback);
  }

  /** Calls `callback` in `delay` ns. */
  after(delay: number, callback: (now: number) => void): ScheduledCall {
    return this.queue.call(this.queue.now + delay, callback);
  }

  /** Runs until `until` (ns), or without it until nothing but samplers waits. */
  run(until?: number): void {
    this.refreshRoutes();
    this.queue.run(until);
  }

  /**
   * Runs until `predicate` holds after an event, at most until `until` (ns); tells whether it held.
   * To act on progress without looking at every event, see `Sink.whenReceived` and {@link Simulation.stop}.
   */
  runUntil(predicate: () => boolean, until: number): boolean {
    this.refreshRoutes();
    while (!predicate()) {
      if (this.queue.next > until) {
        this.queue.run(until);
        return predicate();
      }
      this.queue.step();
    }
    return true;
  }

  /** Ends {@link Simulation.run} after the event that fires. */
  stop(): void {
    this.queue.stop();
  }

  get statistics(): SimulationStatistics {
    let packetHops = 0;
    for (const link of this.links) packetHops += link.forward.hops + link.backward.hops;
    return { now: this.now, events: this.queue.fired, packetHops };
  }

  private checkNode(name: string): void {
    if (this.nodesByName.has(name)) throw new MptcpError("ERR_SIM_OPTION", `there is a node ${name} already`);
  }

  /** `wanted`, or with the first number from 2 on that is free. */
  private freeLinkName(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.linksByName.has(name); i++) name = `${wanted}-${i}`;
    return name;
  }

  private addressesChanged(): void {
    // Before the first run everything is still being put together.
    if (this.queue.fired > 0 && this.computesRoutes) this.computeRoutes();
    else this.routesAreStale = true;
  }

  private refreshRoutes(): void {
    if (this.routesAreStale && this.computesRoutes) this.computeRoutes();
  }
}

class ObserverGroup implements Observer {
  readonly perSegment: boolean;
  private readonly observers: readonly Observer[];

  constructor(observers: readonly Observer[]) {
    this.observers = observers;
    this.perSegment = observers.some((observer) => observer.perSegment === true);
  }

  event(event: DecisionEvent): void {
    for (const observer of this.observers) observer.event(event);
  }
}
