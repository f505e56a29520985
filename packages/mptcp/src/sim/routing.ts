import type { IpAddress } from "../wire/index.ts";
import type { Link } from "./link.ts";
import type { SimNode } from "./node.ts";
import { Router } from "./router.ts";

/**
 * Gives every router a host route, by least cost, to every address of every node. Next hops of equal cost share the
 * flows, in the order of the links' names. Routes that were set by hand stay. An address is reached over the port that it is on, never through another
 * interface of the same node.
 */
export function computeRoutes(nodes: readonly SimNode[], links: readonly Link[]): void {
  const graph = new Graph(nodes, links);
  for (const node of nodes) if (node instanceof Router) node.routes.clearComputed();
  for (const node of nodes) {
    for (const end of graph.endsOf(node)) {
      const addresses = node.addressesOn(end.port);
      if (addresses.length > 0) graph.spread(end, addresses);
    }
  }
}

/** One end of a link, seen from the node there. */
interface LinkEnd {
  readonly node: SimNode;
  readonly port: number;
  readonly cost: number;
  /** The link's name. */
  readonly name: string;
  /** The other end. Set once both exist. */
  peer: LinkEnd;
}

/** What is known of a node while routes spread from a destination: its least cost and the links that have it. */
interface Reach {
  cost: number;
  ends: LinkEnd[];
}

class Graph {
  private readonly ends = new Map<SimNode, LinkEnd[]>();

  constructor(nodes: readonly SimNode[], links: readonly Link[]) {
    for (const node of nodes) this.ends.set(node, []);
    for (const link of links) {
      const a = { node: link.a, port: link.portA, cost: link.cost, name: link.name } as LinkEnd;
      const b: LinkEnd = { node: link.b, port: link.portB, cost: link.cost, name: link.name, peer: a };
      a.peer = b;
      this.endsOf(link.a).push(a);
      this.endsOf(link.b).push(b);
    }
  }

  endsOf(node: SimNode): LinkEnd[] {
    const ends = this.ends.get(node) ?? [];
    this.ends.set(node, ends);
    return ends;
  }

  /** Dijkstra's algorithm from the destination outwards. */
  spread(destination: LinkEnd, addresses: readonly IpAddress[]): void {
    const reach = new Map<SimNode, Reach>();
    const frontier = new Frontier();
    this.offer(destination.peer, destination.cost, reach, frontier);
    for (let node = frontier.take(); node !== null; node = frontier.take()) {
      const { cost, ends } = reach.get(node) as Reach;
      for (const end of this.endsOf(node)) {
        // A neighbour on `end` gets through this node when some best link takes what comes in there.
        const passes = ends.some(({ port }) => port !== end.port && node.passes(end.port, port));
        if (passes) this.offer(end.peer, cost + end.cost, reach, frontier);
      }
    }
    for (const [node, { ends }] of reach) {
      if (!(node instanceof Router)) continue;
      const ports = ends.toSorted((x, y) => (x.name < y.name ? -1 : 1)).map(({ port }) => port);
      for (const address of addresses) node.routes.set(address, address.family === 4 ? 32 : 128, ports, true);
    }
  }

  private offer(end: LinkEnd, cost: number, reach: Map<SimNode, Reach>, frontier: Frontier): void {
    const known = reach.get(end.node);
    if (known === undefined || cost < known.cost) {
      reach.set(end.node, { cost, ends: [end] });
      frontier.add(end.node, cost);
    } else if (cost === known.cost && !known.ends.includes(end)) known.ends.push(end);
  }
}

/** Nodes to visit by cost, in buckets, since costs are few and small; order of insertion among equals. */
class Frontier {
  private readonly buckets = new Map<number, SimNode[]>();
  private readonly visited = new Set<SimNode>();
  private costs: number[] = [];

  add(node: SimNode, cost: number): void {
    const bucket = this.buckets.get(cost);
    if (bucket !== undefined) bucket.push(node);
    else {
      this.buckets.set(cost, [node]);
      this.costs.push(cost);
      this.costs.sort((x, y) => x - y);
    }
  }

  /** The next node that was not taken yet; null at the end. */
  take(): SimNode | null {
    for (;;) {
      const cost = this.costs[0];
      if (cost === undefined) return null;
      const bucket = this.buckets.get(cost) as SimNode[];
      const node = bucket.shift();
      if (node === undefined) {
        this.buckets.delete(cost);
        this.costs = this.costs.slice(1);
      } else if (!this.visited.has(node)) {
        this.visited.add(node);
        return node;
      }
    }
  }
}
