import { randomBelow } from "../../../core/index.ts";
import type { RandomSource } from "../../../core/index.ts";
import type { IpAddress } from "../../../wire/index.ts";
import { isAny } from "./addresses.ts";

/** A port that a socket has. */
export interface Binding {
  /** IPPROTO_TCP or IPPROTO_UDP: each has ports of its own. */
  readonly protocol: number;
  /** Of one family, or of both for a socket of IPv6 that is not for that alone. */
  readonly families: readonly (4 | 6)[];
  readonly address: IpAddress;
  readonly port: number;
  readonly socket: Bound;
}

/** What a socket says of itself when another one wants its port. */
export interface Bound {
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  readonly isListening: boolean;
}

/** The ports of the machine's sockets, by the rules of Linux. */
export class Bindings {
  private readonly random: RandomSource;
  private readonly table: Binding[] = [];

  constructor(random: RandomSource) {
    this.random = random;
  }

  /** Whether another socket than `self` keeps a port from being bound, or listened on. */
  isTaken(wanted: Binding, self: Bound): boolean {
    return this.table.some((other) => other.socket !== self && conflicts(other, wanted));
  }

  add(binding: Binding): void {
    this.table.push(binding);
  }

  /** The socket needs its port no more. */
  release(socket: Bound): void {
    const at = this.table.findIndex((binding) => binding.socket === socket);
    if (at >= 0) this.table.splice(at, 1);
  }

  /** A port that nobody has, of those between two numbers; 0: there is none. */
  pick(wanted: Omit<Binding, "port">, lowest: number, highest: number): number {
    const count = highest - lowest + 1;
    const first = randomBelow(this.random, count);
    for (let i = 0; i < count; i++) {
      const port = lowest + ((first + i) % count);
      const isUsed = this.table.some((other) => other.protocol === wanted.protocol && other.port === port && overlaps(other, { ...wanted, port }));
      if (!isUsed) return port;
    }
    return 0;
  }
}

function overlaps(one: Binding, other: Binding): boolean {
  if (!one.families.some((family) => other.families.includes(family))) return false;
  return isAny(one.address) || isAny(other.address) || one.address.equals(other.address);
}

function conflicts(there: Binding, wanted: Binding): boolean {
  if (there.protocol !== wanted.protocol || there.port !== wanted.port || !overlaps(there, wanted)) return false;
  const [has, wants] = [there.socket, wanted.socket];
  if (has.reusePort && wants.reusePort) return false;
  // Whoever may reuse the address may also listen, as the first.
  return !(has.reuseAddress && wants.reuseAddress && !has.isListening);
}
