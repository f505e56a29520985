import type { Observer } from "../core/index.ts";
import type { EventQueue } from "./event-queue.ts";
import type { SimNode } from "./node.ts";
import { Pipe } from "./pipe.ts";
import type { PipeOptions } from "./pipe-options.ts";

/** A link: options of both directions, and what differs in one of them. */
export interface LinkOptions extends PipeOptions {
  /** Default: the names of the two nodes, `a-b`; of several between them the second is `a-b-2`, and so on. No other link may have it. */
  readonly name?: string;
  /** From the first node to the second. */
  readonly forward?: PipeOptions;
  /** From the second node to the first. */
  readonly backward?: PipeOptions;
  /** For the computation of routes (default 1). */
  readonly cost?: number;
}

/** A full-duplex link between two nodes: two pipes, independent of each other. */
export class Link {
  readonly name: string;
  readonly a: SimNode;
  readonly b: SimNode;
  readonly portA: number;
  readonly portB: number;
  /** From `a` to `b`, named `name>`; and back, named `name<`. */
  readonly forward: Pipe;
  readonly backward: Pipe;
  readonly cost: number;

  /** @param seed the simulation's, see {@link Pipe} @throws MptcpError ERR_SIM_OPTION */
  constructor(queue: EventQueue, a: SimNode, b: SimNode, options: LinkOptions, seed: number, observer: Observer | null) {
    this.name = options.name ?? `${a.name}-${b.name}`;
    this.a = a;
    this.b = b;
    this.cost = options.cost ?? 1;
    const { name: _name, forward, backward, cost: _cost, ...common } = options;
    this.forward = new Pipe(queue, `${this.name}>`, { ...common, ...forward }, seed, observer);
    this.backward = new Pipe(queue, `${this.name}<`, { ...common, ...backward }, seed, observer);
    this.portA = a.attach(this.forward);
    this.portB = b.attach(this.backward);
    this.forward.connect(b, this.portB);
    this.backward.connect(a, this.portA);
  }

  /** Changes both directions, see {@link Pipe.change}. */
  change(options: PipeOptions, now: number): void {
    this.forward.change(options, now);
    this.backward.change(options, now);
  }

  /** Both directions stop carrying packets, and tell nobody, see {@link Pipe.down}. */
  down(now: number, keepInFlight = false): void {
    this.forward.down(now, keepInFlight);
    this.backward.down(now, keepInFlight);
  }

  up(now: number): void {
    this.forward.up(now);
    this.backward.up(now);
  }

  get isUp(): boolean {
    return this.forward.isUp && this.backward.isUp;
  }

  /** The direction away from `node`; null when the link does not end there. */
  from(node: SimNode): Pipe | null {
    return node === this.a ? this.forward : node === this.b ? this.backward : null;
  }
}
