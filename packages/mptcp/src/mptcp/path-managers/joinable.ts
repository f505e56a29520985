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

/**
 * Forgets what is kept by path index of paths that are neither there nor open any more, and of those that the table has retired: the peer can
 * make ever new ones by joins that fail.
 */
export function forgetGone(kept: Pick<Map<number, unknown>, "size" | "delete"> & { keys(): Iterable<number> }, paths: PathControl): void {
  if (kept.size === 0) return;
  for (const path of paths.paths) if (!path.present && !path.open) kept.delete(path.index);
  if (kept.size <= paths.paths.length) return;
  const known = new Set(paths.paths.map((path) => path.index));
  for (const index of kept.keys()) if (!known.has(index)) kept.delete(index);
}
