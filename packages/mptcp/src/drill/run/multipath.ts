import type { IpAddress } from "../../wire/index.ts";
import { version0, version1, type KeyMaterial, type Version } from "../../mptcp/index.ts";

/** A connection of Multipath TCP, as both ends of it are known. */
export class Multipath {
  readonly #materials = new Map<"local" | "remote", KeyMaterial>();
  /** That of the latest MP_CAPABLE. */
  version = version1;
  /** Whether an MP_CAPABLE asked for checksums. */
  checksums = false;
  /** The relative data sequence number behind what each end has sent. */
  readonly next = { local: 1n, remote: 1n };

  /** An MP_CAPABLE said a version, and perhaps the key of who sent it. */
  onCapable(side: "local" | "remote", version: number, key: Uint8Array | null): void {
    const spoken = versionOf(version);
    if (spoken !== this.version) this.#materials.clear();
    this.version = spoken;
    if (key !== null && !this.#materials.has(side)) this.#materials.set(side, spoken.deriveKeys(key));
  }

  /** The key of an end, and what follows from it; null while it is not known. */
  material(side: "local" | "remote"): KeyMaterial | null {
    return this.#materials.get(side) ?? null;
  }

  /** The initial data sequence number of an end; 0 while its key is not known. */
  initial(side: "local" | "remote"): bigint {
    const material = this.material(side);
    return material === null ? 0n : initialOf(material);
  }
}

/** The version of that number, whose hashes a connection has; version 1 where there is no such. */
export function versionOf(number: number): Version {
  return number === 0 ? version0 : version1;
}

export function initialOf({ idsnHigh, idsnLow }: KeyMaterial): bigint {
  return (BigInt(idsnHigh) << 32n) | BigInt(idsnLow);
}

/** A key as octets in network order. */
export function octetsOfKey(key: bigint): Uint8Array {
  const octets = new Uint8Array(8);
  new DataView(octets.buffer).setBigUint64(0, BigInt.asUintN(64, key));
  return octets;
}

export function keyOfOctets(octets: Uint8Array): bigint {
  return new DataView(octets.buffer, octets.byteOffset, 8).getBigUint64(0);
}

/** Keys, and addresses that the stack chose, by the names that a script has for them. */
export class Variables {
  readonly addresses = new Map<string, IpAddress>();
  readonly #keys = new Map<string, { readonly key: bigint; readonly of: Multipath | null }>();

  get(name: string): bigint | undefined {
    return this.#keys.get(name)?.key;
  }

  /** Whether a key of the stack may be bound to the name: it has none, or that of a connection before. */
  isFree(name: string, connection: Multipath | null): boolean {
    const known = this.#keys.get(name);
    return known === undefined || (known.of !== null && known.of !== connection);
  }

  /** `of`: the connection that the stack chose the key for; null for one that the script sets. */
  set(name: string, key: bigint, of: Multipath | null): void {
    this.#keys.set(name, { key, of });
  }

  /** The name of a key. */
  nameOf(key: bigint): string | undefined {
    for (const [name, known] of this.#keys) if (known.key === key) return name;
    return undefined;
  }

  names(): readonly string[] {
    return [...this.#keys.keys()];
  }
}
