import { randomSources, SeededRandom } from "../core/index.ts";
import type { DecisionEvent, Observer } from "../core/index.ts";
import type { HostOptions } from "../host/index.ts";
import { EventQueue } from "./event-queue.ts";
import type { ScheduledCall } from "./event-queue.ts";
import { Link } from "./link.ts";
import type { LinkOptions } from "./link.ts";
import { Nat } from "./nat.ts";
import type { NatOptions } from "./nat.ts";
import type { SimNode } from "./node.ts";
import { Router } from "./router.ts";
import type { RouterOptions } from "./router.ts";
import { computeRoutes } from "./routing.ts";
import { SimHost } from "./sim-host.ts";
import type { SimHostOptions } from "./sim-host.ts";

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
 * Whatever draws random numbers gets a stream of its own, forked in the order of creation: the same program with the
 * same seed gives the same run, event for event.
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
  readonly random: SeededRandom;
  readonly seed: number;
  readonly nodes: SimNode[] = [];
  readonly links: Link[] = [];
  readonly observer: Observer | null;
  private readonly computesRoutes: boolean;
  private routesAreStale = false;

  constructor(options: SimulationOptions = {}) {
    this.seed = options.seed ?? 1;
    this.random = new SeededRandom(this.seed);
    this.computesRoutes = options.routes ?? true;
    const observers = options.observers ?? [];
    this.observer = observers.length > 1 ? new ObserverGroup(observers) : (observers[0] ?? null);
  }

  /** Virtual time, ns. */
  get now(): number {
    return this.queue.now;
  }

  // ---- building

  addHost(name: string, options: Omit<SimHostOptions, "name" | "random" | "observer"> = {}): SimHost {
    const random = this.random.fork();
    const host = new SimHost(this.queue, { ...options, name, random: randomSources(() => random), observer: this.observer } satisfies HostOptions);
    host.onAddresses = (): void => this.addressesChanged();
    return this.add(host);
  }

  addRouter(name: string, options: RouterOptions = {}): Router {
    return this.add(new Router(name, options, this.observer));
  }

  addNat(name: string, options: NatOptions): Nat {
    return this.add(new Nat(name, options, this.random.fork(), this.observer));
  }

  /** Adds a node of any kind; `connect` does so by itself. */
  add<T extends SimNode>(node: T): T {
    if (!this.nodes.includes(node)) {
      this.nodes.push(node);
      this.routesAreStale = true;
    }
    return node;
  }

  /** Links two nodes; each gets one more port. @throws MptcpError ERR_SIM_OPTION */
  connect(a: SimNode, b: SimNode, options: LinkOptions = {}): Link {
    this.add(a);
    this.add(b);
    const link = new Link(this.queue, a, b, options, this.random.fork(), this.observer);
    this.links.push(link);
    this.routesAreStale = true;
    return link;
  }

  /** The link of that name. @throws RangeError when there is none */
  link(name: string): Link {
    const link = this.links.find((candidate) => candidate.name === name);
    if (link === undefined) throw new RangeError(`no link named ${name}`);
    return link;
  }

  /** Gives routers their routes; {@link Simulation.run} does so when needed. */
  computeRoutes(): void {
    this.routesAreStale = false;
    computeRoutes(this.nodes, this.links);
  }

  // ---- running

  /** Calls `callback` at `time` (ns). @throws MptcpError ERR_SIM_TIME when that has passed */
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
