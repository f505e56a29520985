import { IpAddress } from "../../wire/index.ts";
import type { Expression, Place } from "../syntax/ast.ts";
import { Refused } from "./refused.ts";
import type { Settings } from "./settings.ts";
import type { Values } from "./values.ts";

/** Which end an address is of. */
export type Side = "local" | "remote";

/**
 * Addresses by the names that scripts have for them. A name stands for one address in a whole script: the one that it is set to, or, by the number that it ends in,
 * one counted from that of the end which has it where it is first used: `caddr0` is the end's own address, `caddr1` the next.
 */
export class AddressBook {
  readonly #settings: Settings;
  readonly #values: Values;
  readonly #known = new Map<string, IpAddress>();

  constructor(settings: Settings, values: Values) {
    this.#settings = settings;
    this.#values = values;
  }

  /** Throws {@link Refused}. */
  find(name: string, value: Expression | undefined, side: Side, place: Place): IpAddress {
    const address = value === undefined ? (this.#known.get(name) ?? this.#counted(name, side)) : this.#values.address(value).unmapped();
    if (address.family !== this.#settings.local.family && value === undefined) throw new Refused(place, `the address "${name}" is of another version of IP`);
    this.#known.set(name, address);
    return address;
  }

  /** Whether the name stood before. */
  has(name: string): boolean {
    return this.#known.has(name);
  }

  #counted(name: string, side: Side): IpAddress {
    const base = this.#settings[side];
    const number = numberOf(name);
    const low = (base.w3 + number) >>> 0;
    return base.family === 4 ? IpAddress.v4(low) : IpAddress.v6(base.w0, base.w1, base.w2, low);
  }
}

/** The number that a name ends in; 0 without one. */
export function numberOf(name: string): number {
  return Number(/[0-9]{1,3}$/.exec(name)?.[0] ?? 0);
}
