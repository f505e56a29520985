import { SeededRandom } from "mptcp";
import type { Laptop } from "./laptop.ts";

/** Something that happens to a laptop's network. */
export interface Change {
  readonly text: string;
  /** Seconds until the next one. */
  readonly pause: number;
  /** Whether a device works now. */
  readonly works: boolean;
}

/**
 * Makes changes in a random order that follows from `seed`: devices are plugged in and out, go down and up, lose their carrier, are dead, get other addresses. When
 * nothing works any more, the next change is one that mends that: break before make.
 */
export class Day {
  readonly changes: Change[] = [];
  private readonly laptop: Laptop;
  private readonly keepsOne: boolean;
  private readonly random: SeededRandom;
  private readonly seen = new Set<string>();

  /** @param keepsOne nothing happens to the only device that works, and there is time for the peer to hear of one that came */
  constructor(laptop: Laptop, seed: number, keepsOne = false) {
    this.laptop = laptop;
    this.keepsOne = keepsOne;
    this.random = new SeededRandom(seed);
  }

  /** The next change. */
  step(): Change {
    const { laptop } = this;
    const working = laptop.names.filter((name) => laptop.works(name));
    const isBroken = working.length === 0;
    const changing = this.keepsOne && working.length === 1 ? laptop.names.filter((name) => name !== working[0]) : laptop.names;
    const possible = changing.flatMap((name) => changesOf(laptop, name).filter((change) => !isBroken || change.mends));
    // What has not been yet comes first, so that a short day has some of everything.
    const fresh = possible.filter((change) => !this.seen.has(change.kind));
    const chosen = this.pick(fresh.length > 0 ? fresh : possible);
    this.seen.add(chosen.kind);
    chosen.make();
    const works = laptop.names.filter((name) => laptop.works(name));
    const change = { text: `${chosen.text}; ${works.length === 0 ? "nothing works" : `${works.join(", ")} work`}`, pause: (this.keepsOne ? 1 : 0.3) + 1.2 * this.fraction(), works: works.length > 0 };
    this.changes.push(change);
    return change;
  }

  /** In the end everything works. */
  end(): void {
    const { laptop } = this;
    for (const name of laptop.names) {
      if (laptop.is(name, "isDead")) laptop.dead(name, false);
      if (!laptop.is(name, "isThere")) laptop.plug(name);
      if (!laptop.is(name, "hasCarrier")) laptop.carrier(name, true);
      if (!laptop.is(name, "isUp")) laptop.up(name);
    }
  }

  private pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.fraction() * from.length)] as T;
  }

  private fraction(): number {
    return this.random.uint32() / 2 ** 32;
  }
}

interface PossibleChange {
  readonly kind: string;
  readonly text: string;
  /** Whether the device may work afterwards. */
  readonly mends: boolean;
  make(): void;
}

function changesOf(laptop: Laptop, name: string): readonly PossibleChange[] {
  const change = (kind: string, mends: boolean, make: () => void): PossibleChange => ({ kind, text: `${name} ${kind}`, mends, make });
  if (!laptop.is(name, "isThere")) return [change("is plugged in", true, () => laptop.plug(name))];
  if (!laptop.is(name, "isUp")) return [change("comes up with other addresses", laptop.is(name, "hasCarrier") && !laptop.is(name, "isDead"), () => laptop.up(name))];
  if (laptop.is(name, "isDead")) return [change("works again", laptop.is(name, "hasCarrier"), () => laptop.dead(name, false))];
  if (!laptop.is(name, "hasCarrier")) return [change("has a carrier again", true, () => laptop.carrier(name, true))];
  const all = [
    change("is pulled out", false, () => laptop.unplug(name)),
    change("goes down", false, () => laptop.down(name)),
    change("loses its carrier", false, () => laptop.carrier(name, false)),
    change("is up but dead", false, () => laptop.dead(name, true)),
  ];
  for (const family of [4, 6] as const) {
    all.push(change(`gets another IPv${family} address`, true, () => laptop.address(name, family)));
    if (laptop.hasAddress(name, family)) all.push(change(`loses its IPv${family} address`, false, () => laptop.unaddress(name, family)));
  }
  if (laptop.hasAddress(name, 6)) all.push(change("has its IPv6 address deprecated", true, () => laptop.deprecate(name)));
  return all;
}
