import type { IpAddress } from "../../wire/index.ts";
import type { Link, LinkOptions } from "../link.ts";
import type { Router } from "../router.ts";
import type { HostSettings, SimHost } from "../sim-host.ts";
import type { Simulation } from "../simulation.ts";
import { addressOn, familiesOf } from "./addresses.ts";
import type { Families } from "./addresses.ts";

export interface ChainOptions {
  /** Routers between the two hosts; 0: one link from host to host. */
  readonly routers: number;
  /** Every link; of link i, counted from the client, when it is a function. */
  readonly link?: LinkOptions | ((index: number) => LinkOptions);
  readonly family?: Families;
  readonly client?: HostSettings;
  readonly server?: HostSettings;
}

export interface Chain {
  readonly client: SimHost;
  readonly server: SimHost;
  readonly clientAddresses: readonly IpAddress[];
  readonly serverAddresses: readonly IpAddress[];
  readonly routers: readonly Router[];
  readonly links: readonly Link[];
}

/** client - router 1 - ... - router n - server; the client is 10.0.1.1 or fd00:0:0:1::1, the server 10.0.2.1 or fd00:0:0:2::1. */
export function chain(simulation: Simulation, options: ChainOptions): Chain {
  const families = familiesOf(options.family ?? 4);
  const client = simulation.addHost("client", options.client ?? {});
  const routers: Router[] = [];
  for (let i = 1; i <= options.routers; i++) {
    routers.push(simulation.addRouter(`router${i}`, { addresses: families.map((f) => addressOn(f, ROUTER, i)) }));
  }
  const server = simulation.addHost("server", options.server ?? {});
  const nodes = [client, ...routers, server];
  const links = nodes.slice(1).map((node, i) => {
    const link = typeof options.link === "function" ? options.link(i) : (options.link ?? {});
    return simulation.connect(nodes[i] as SimHost | Router, node, { name: `link${i + 1}`, ...link });
  });
  const clientAddresses = families.map((f) => addressOn(f, 1, 1));
  const serverAddresses = families.map((f) => addressOn(f, 2, 1));
  for (const address of clientAddresses) client.addAddress(address);
  for (const address of serverAddresses) server.addAddress(address);
  return { client, server, clientAddresses, serverAddresses, routers, links };
}

const ROUTER = 0xfe00;
