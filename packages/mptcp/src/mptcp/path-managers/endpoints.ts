import type { SubflowEndReason } from "../../core/index.ts";
import type { LocalAddress, Path, PathControl, PathManager, RemoteAddress } from "../path-manager.ts";
import { Announcer } from "./announcer.ts";
import { forgetGone, hasRoom, isJoinable, localOf } from "./joinable.ts";
import { Reconciler } from "./reconciler.ts";
import { sourcesFor } from "./sources.ts";

/**
 * A path manager by the rules of the Linux kernel's in-kernel one, so that a host here and a kernel that have the same `ip mptcp endpoint` and
 * `ip mptcp limits` settings open the same subflows:
 *
 * - `signal`: the address is announced.
 * - `subflow`: one subflow is opened from the address to the peer's first address; with `fullmesh` to each known address of the peer.
 * - an announced address of the peer is joined once: from each `fullmesh` address, or without any from the address that a route would lead from
 *   (`sources.ts`); where that attempt has no answer, from the next one.
 * - `backup`: subflows from this address are backup ones.
 *
 * Each endpoint and each announcement is used once: what worked and died stays dead until the address goes and returns, or is announced again, and a
 * subflow that the limits forbade is opened when there is room.
 */
export function linuxEndpoints(): PathManager {
  return new LinuxEndpoints();
}

export class LinuxEndpoints extends Reconciler {
  override readonly name = "endpoints";
  private readonly announcer = new Announcer();
  /** Indices of paths that had their one attempt. */
  private readonly used = new Set<number>();

  override onEstablished(paths: PathControl, now: number): void {
    // A backup flag on the first subflow's address could not go with its SYN.
    const first = paths.paths.find((path) => path.index === 1 && path.open);
    if (first !== undefined && localOf(paths, first)?.flags.backup === true) paths.setBackup(1, true, now);
    super.onEstablished(paths, now);
  }

  override onSubflowClosed(paths: PathControl, pathIndex: number, _reason: SubflowEndReason, now: number): void {
    this.used.add(pathIndex);
    this.reconcile(paths, now);
  }

  onRefreshed(paths: PathControl, remoteAddressId: number, now: number): void {
    for (const path of paths.paths) if (path.remoteAddressId === remoteAddressId && !path.open) this.used.delete(path.index);
    this.reconcile(paths, now);
  }

  protected override round(paths: PathControl, now: number): void {
    forgetGone(this.used, paths);
    this.announcer.update(paths, isSignalled, now);
    this.joinFirstAddress(paths, now);
    this.joinAnnounced(paths, now);
  }

  /** From each subflow endpoint to the peer's first address. */
  private joinFirstAddress(paths: PathControl, now: number): void {
    for (const local of paths.local) {
      if (!local.up || local.id === 0 || !local.flags.subflow) continue;
      for (const remote of paths.remote) {
        if (remote.id === 0) this.join(paths, local, remote, now);
      }
    }
  }

  /** To each announced address: from the fullmesh endpoints, or else from one of our addresses. */
  private joinAnnounced(paths: PathControl, now: number): void {
    for (const remote of paths.remote) {
      if (remote.id === 0) continue;
      const meshed = paths.local.filter((local) => local.up && local.flags.fullmesh && local.address.family === remote.address.family);
      if (meshed.length > 0) {
        for (const local of meshed) this.join(paths, local, remote, now);
      } else {
        if (!this.isJoined(paths, remote)) this.joinFromOne(paths, remote, now);
      }
    }
  }

  /** From the first of our addresses, in the order of routes, that has not failed yet. */
  private joinFromOne(paths: PathControl, remote: RemoteAddress, now: number): void {
    for (const local of sourcesFor(paths.local, remote)) {
      const path = pathBetween(paths, local, remote);
      if (path === undefined || this.used.has(path.index)) continue;
      this.join(paths, local, remote, now);
      return;
    }
  }

  private join(paths: PathControl, local: LocalAddress, remote: RemoteAddress, now: number): void {
    if (!hasRoom(paths)) return;
    const path = pathBetween(paths, local, remote);
    if (path === undefined || !isJoinable(paths, path) || this.used.has(path.index) || isJoinedByPeer(paths, local, remote)) return;
    if (paths.open(path.index, local.flags.backup, now)) this.used.add(path.index);
  }

  /** Whether a subflow to this address is being opened, or came to be, from wherever. */
  private isJoined(paths: PathControl, remote: RemoteAddress): boolean {
    return paths.paths.some((path) => path.remoteAddressId === remote.id && path.present && (path.open || (this.used.has(path.index) && path.answered)));
  }
}

/** Whether a join of the peer's connects these addresses: it comes from a port that it never announced. */
function isJoinedByPeer(paths: PathControl, local: LocalAddress, remote: RemoteAddress): boolean {
  return paths.paths.some((path) => path.open && path.index !== 1 && path.localAddress.equals(local.address) && path.remoteAddress.equals(remote.address) && !paths.remote.some((one) => one.id === path.remoteAddressId && one.port === path.remotePort));
}

function isSignalled(local: LocalAddress): boolean {
  return local.flags.signal;
}

function pathBetween(paths: PathControl, local: LocalAddress, remote: RemoteAddress): Path | undefined {
  return paths.paths.find((path) => connects(path, local, remote));
}

function connects(path: Path, local: LocalAddress, remote: RemoteAddress): boolean {
  return (
    path.localAddressId === local.id &&
    path.remoteAddressId === remote.id &&
    path.remotePort === remote.port &&
    path.localAddress.equals(local.address) &&
    path.remoteAddress.equals(remote.address)
  );
}
