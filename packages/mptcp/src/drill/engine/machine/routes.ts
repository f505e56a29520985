import { IpAddress } from "../../../wire/index.ts";

/** A network, by the length of its prefix. */
export interface Network {
  readonly address: IpAddress;
  readonly prefix: number;
}

/** A row of the table of routes. */
export interface Route extends Network {
  /** As text; null: the destination is on the link. */
  readonly gateway: string | null;
  /** The address that packets have as their source where nothing else is said; null: the first of the family. */
  readonly source: IpAddress | null;
  /** Octets of the largest packet; 0: those of the device. */
  readonly mtu: number;
  /** Whether destinations answer as unreachable. */
  readonly unreachable: boolean;
  /** Whether servers there want no Fast Open cookie. */
  readonly fastOpenNoCookie: boolean;
}

/** `192.168.0.1/16`, or an address without a length; null: neither. */
export function parseNetwork(text: string): Network | null {
  const [address, length, ...rest] = text.split("/");
  const parsed = IpAddress.parse(address as string);
  if (parsed === null || rest.length > 0) return null;
  const most = parsed.family === 4 ? 32 : 128;
  if (length === undefined) return { address: parsed, prefix: most };
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  return prefix <= most ? { address: parsed, prefix } : null;
}

/** The table of routes. */
export class Routes {
  private readonly rows: Route[] = [];

  get all(): readonly Route[] {
    return this.rows;
  }

  add(network: Network, details: Partial<Omit<Route, keyof Network>> = {}): void {
    this.rows.push({ gateway: null, source: null, mtu: 0, unreachable: false, fastOpenNoCookie: false, ...details, ...network });
  }

  /** @returns whether it was there */
  remove(network: Network): boolean {
    const at = this.rows.findIndex((row) => row.prefix === network.prefix && row.address.equals(network.address));
    if (at >= 0) this.rows.splice(at, 1);
    return at >= 0;
  }

  /** The route to a destination: the longest prefix, and of equals the first; null: none. */
  find(destination: IpAddress): Route | null {
    let best: Route | null = null;
    for (const row of this.rows) {
      if (row.address.family !== destination.family || row.address.commonPrefix(destination) < row.prefix) continue;
      if (best === null || row.prefix > best.prefix) best = row;
    }
    return best;
  }
}
