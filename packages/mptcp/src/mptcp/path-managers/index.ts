/**
 * mptcp/path-managers/: which paths a connection uses. The transport keeps the {@link PathTable} and opens and closes subflows; a path
 * manager looks at the table through `PathControl` and says which.
 *
 * To write your own: an object with a `name` and three methods, called when subflows may be opened, when addresses came or went, and when
 * a subflow ended. It may add `nextTimeout` and `handleTimeout`. Pass a function that makes one as the connection's `pathManager`;
 * here, add a file and a line in {@link pathManagers}. Calls into `PathControl` may call back at once.
 *
 * @example
 * ```ts
 * // One subflow more, on the first path that offers itself.
 * const spare: PathManagerFactory = () => {
 *   const open = (paths: PathControl, now: number): void => {
 *     if (!paths.initiator || paths.openSubflows > Math.min(1, paths.limits.subflows)) return;
 *     const listens = (id: number, port: number): boolean => paths.remote.some((remote) => remote.id === id && remote.port === port && remote.joinable);
 *     const path = paths.paths.find((row) => row.present && !row.open && listens(row.remoteAddressId, row.remotePort));
 *     if (path !== undefined) paths.open(path.index, false, now);
 *   };
 *   return { name: "spare", onEstablished: open, onAddresses: open, onSubflowClosed: () => {} };
 * };
 * ```
 *
 * @module
 */
import type { Policy } from "../../core/index.ts";
import type { PathManager } from "../path-manager.ts";
import { linuxEndpoints } from "./endpoints.ts";
import { fullMesh } from "./full-mesh.ts";
import { userspace } from "./userspace.ts";

export { linuxEndpoints } from "./endpoints.ts";
export { fullMesh } from "./full-mesh.ts";
export type { FullMeshOptions, PathMode } from "./full-mesh.ts";
export { userspace } from "./userspace.ts";

/** All of them by name, as configuration files and commands spell it. */
export const pathManagers: Readonly<Record<string, Policy<PathManager>>> = {
  "full-mesh": { name: "full-mesh", parameters: { mode: "backup" }, create: () => fullMesh() },
  full: { name: "full", parameters: { mode: "full" }, create: () => fullMesh({ mode: "full" }) },
  "single-path": { name: "single-path", parameters: { mode: "single-path" }, create: () => fullMesh({ mode: "single-path" }) },
  endpoints: { name: "endpoints", parameters: {}, create: linuxEndpoints },
};

/** A path manager by name, {@link userspace} included; undefined when there is none. */
export function pathManagerNamed(name: string): Policy<PathManager> | undefined {
  if (name === userspace.name) return userspace;
  return Object.hasOwn(pathManagers, name) ? pathManagers[name] : undefined;
}
