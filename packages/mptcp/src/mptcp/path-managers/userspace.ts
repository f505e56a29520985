import type { Policy } from "../../core/index.ts";
import type { PathManager } from "../path-manager.ts";

/**
 * The path manager of connections whose paths somebody outside manages, by the commands of a connection: another process over a control socket, say
 * (`node/control/`). It opens, announces and closes nothing itself, as the kernel does with `net.mptcp.path_manager=userspace`. Nobody but the one outside
 * opens a subflow again, so that it is chosen by name alone, and is not among those that any connection may have.
 */
export const userspace: Policy<PathManager> = {
  name: "userspace",
  parameters: {},
  create: () => ({ name: "userspace", onEstablished(): void {}, onAddresses(): void {}, onSubflowClosed(): void {} }),
};
