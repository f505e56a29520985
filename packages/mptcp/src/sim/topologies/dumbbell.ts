import type { IpAddress } from "../../wire/index.ts";
import type { Link, LinkOptions } from "../link.ts";
import type { Router } from "../router.ts";
import type { HostSettings, SimHost } from "../sim-host.ts";
import type { Simulation } from "../simulation.ts";
import { addressOn, familiesOf } from "./addresses.ts";
import type { Families } from "./addresses.ts";

export interface DumbbellOptions {
  /** Hosts on each side. */
  readonly pairs: number;
  /** The link between the two routers, forward is from left to right. Named `bottleneck`. */
  readonly bottleneck: LinkOptions;
  /** The links of the hosts; ideal by default. Of pair i, when it is a function. */
  readonly access?: LinkOptions | ((pair: number) => LinkOptions);
  readonly family?: Families;
  readonly hosts?: HostSettings;
}

export interface Dumbbell {
  readonly left: readonly SimHost[];
  readonly right: readonly SimHost[];
  readonly leftAddresses: readonly (readonly IpAddress[])[];
  readonly rightAddresses: readonly (readonly IpAddress[])[];
  readonly routers: readonly [Router, Router];
  readonly bottleneck: Link;
}

/**
 * n hosts on the left, n on the right, one link between. Left i, from 1, is 10.0.i.1 or fd00:0:0:i::1, right i 10.1.i.1 or fd00:0:0:10i::1.
 *
 * A drop-tail bottleneck fed over links of constant delay keeps favouring the flow whose packets come in the right phase. To
 * compare flows give the access links some packet times of jitter.
 */
export function dumbbell(simulation: Simulation, options: DumbbellOptions): Dumbbell {
  const families = familiesOf(options.family ?? 4);
  const routers = [1, 2].map((host) =>
    simulation.addRouter(host === 1 ? "left" : "right", { addresses: families.map((f) => addressOn(f, ROUTER, host)) }),
  ) as [Router, Router];
  const bottleneck = simulation.connect(routers[0], routers[1], { ...options.bottleneck, name: "bottleneck" });
  const side = (name: string, router: Router, network: number): { hosts: SimHost[]; addresses: IpAddress[][] } => {
    const hosts: SimHost[] = [];
    const addresses: IpAddress[][] = [];
    for (let i = 0; i < options.pairs; i++) {
      const host = simulation.addHost(`${name}${i + 1}`, options.hosts ?? {});
      const access = typeof options.access === "function" ? options.access(i) : options.access;
      simulation.connect(host, router, { mtu: options.bottleneck.mtu ?? 1500, ...access });
      const own = families.map((f) => addressOn(f, network + i + 1, 1));
      for (const address of own) host.addAddress(address);
      hosts.push(host);
      addresses.push(own);
    }
    return { hosts, addresses };
  };
  const left = side("left", routers[0], 0);
  const right = side("right", routers[1], RIGHT);
  return { left: left.hosts, right: right.hosts, leftAddresses: left.addresses, rightAddresses: right.addresses, routers, bottleneck };
}

const RIGHT = 0x100;
const ROUTER = 0xfe00;
