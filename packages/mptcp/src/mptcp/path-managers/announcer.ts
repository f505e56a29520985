import type { IpAddress } from "../../wire/index.ts";
import type { LocalAddress, PathControl } from "../path-manager.ts";

/**
 * Keeps the peer informed of our addresses, on behalf of a path manager: announces those that are wanted, once each; when one goes down,
 * withdraws it and ends the subflows on it (RFC 8684 §3.4.2). What is taken out of the table is the transport's to withdraw.
 */
export class Announcer {
  private announced: { readonly id: number; readonly address: IpAddress }[] = [];
  /** Ids of addresses in the table that are down and withdrawn. */
  private down: number[] = [];

  /** Brings the peer up to date. `wanted` says which of our addresses it is to hear of; that of the first subflow it knows anyway. */
  update(paths: PathControl, wanted: (local: LocalAddress) => boolean, now: number): void {
    this.announced = this.announced.filter((entry) =>
      paths.local.some((local) => local.id === entry.id && local.up && local.address.equals(entry.address)),
    );
    this.down = this.down.filter((id) => paths.local.some((local) => local.id === id && !local.up));
    for (const local of paths.local) {
      if (!local.up) this.withdraw(paths, local, now);
      else if (local.id !== 0 && wanted(local) && !this.announced.some((entry) => entry.id === local.id)) {
        this.announced.push({ id: local.id, address: local.address });
        paths.announce(local.id, local.flags.port ?? 0, now);
      }
    }
  }

  private withdraw(paths: PathControl, local: LocalAddress, now: number): void {
    if (this.down.includes(local.id)) return;
    this.down.push(local.id);
    paths.withdraw(local.id, now);
    for (const path of paths.paths) {
      if (path.open && path.localAddressId === local.id) paths.close(path.index, now);
    }
  }
}
