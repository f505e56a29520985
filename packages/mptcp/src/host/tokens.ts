import type { Counters, RandomSources } from "../core/index.ts";
import type { KeyMaterial, MptcpConnection, Version, Versioned } from "../mptcp/index.ts";

/** The Multipath TCP connections of a host by our token, which joins name them by (RFC 8684 §3.2). */
export class Tokens {
  private readonly random: RandomSources;
  private readonly counters: Counters;
  private readonly connections = new Map<number, MptcpConnection>();

  /** @param random where keys come from */
  constructor(random: RandomSources, counters: Counters) {
    this.random = random;
    this.counters = counters;
  }

  get size(): number {
    return this.connections.size;
  }

  has(token: number): boolean {
    return this.connections.has(token);
  }

  find(token: number): MptcpConnection | null {
    return this.connections.get(token) ?? null;
  }

  /** All of them, in order of arrival; whoever changes the table meanwhile walks a copy. */
  all(): Iterable<MptcpConnection> {
    return this.connections.values();
  }

  add(connection: MptcpConnection): void {
    this.connections.set(connection.session.local.token, connection);
  }

  remove(connection: MptcpConnection): void {
    const { token } = connection.session.local;
    if (this.connections.get(token) === connection) this.connections.delete(token);
  }

  /** A connection is of another version from here on: what its token is made by, too. It gets another key, since the hash of the old one may be in use. */
  changeVersion(connection: Versioned, version: Version): void {
    const known = this.connections.get(connection.session.local.token);
    const keys = this.drawKeys(version);
    if (known !== undefined) this.remove(known);
    connection.session.onVersion(version, keys);
    if (known !== undefined) this.add(known);
  }

  /** H3: a key whose token is in use is drawn again (RFC 8684 §3.1). */
  drawKeys(version: Version): KeyMaterial {
    for (;;) {
      const key = new Uint8Array(8);
      this.random.keys.fill(key);
      const keys = version.deriveKeys(key);
      if (!this.connections.has(keys.token)) return keys;
      this.counters.increment("MPTcpExtTokenCollision");
    }
  }
}
