import type { LocalAddress, Path, PathControl } from "../path-manager.ts";

/**
 * Whether a subflow may be opened on a path now: both addresses are there, none is open on it, and the peer lets its address and port be
 * joined. A path known only from a join of the peer's leads to a port that nobody listens on.
 */
export function isJoinable(paths: PathControl, path: Path): boolean {
  if (path.open || !path.present) return false;
  for (const remote of paths.remote) {
    if (remote.id !== path.remoteAddressId) continue;
    return remote.joinable && remote.port === path.remotePort && remote.address.equals(path.remoteAddress);
  }
  return false;
}

/** Whether the pace of joins to announced addresses lets one begin on a path now. */
export function isPaced(paths: PathControl, path: Path, now: number): boolean {
  return path.remoteAddressId === 0 || paths.mayJoinAnnounced(now);
}

/** Whether the limits leave room for one more subflow. */
export function hasRoom(paths: PathControl): boolean {
  return paths.openSubflows <= paths.limits.subflows;
}

/** Our address on a path; null when it is gone. */
export function localOf(paths: PathControl, path: Path): LocalAddress | null {
  return paths.local.find((local) => local.id === path.localAddressId && local.address.equals(path.localAddress)) ?? null;
}
