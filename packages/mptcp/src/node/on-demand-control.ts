import type { Control, ControlClient, ControlOptions, FoundSocket } from "./control/index.ts";
import type { Runtime } from "./runtime.ts";
import type { Stack } from "./stack.ts";

/**
 * Opens a control socket: other processes of this user see what the connections of `target` do, and may command them (docs/control.md). It keeps no process alive,
 * costs nothing while nobody looks, and is gone with the process.
 *
 * @throws MptcpError EADDRINUSE when another process listens at the path, EEXIST when there is something else, ENAMETOOLONG, ERR_MPTCP_CONTROL_FOLDER when
 *   the usual folder is open to others, ERR_MPTCP_PLATFORM on Windows; the system's code when the socket cannot be made
 *
 * @example
 * ```ts
 * import { createStack, openControl, UdpLink } from "mptcp/node";
 *
 * const stack = createStack({ links: [new UdpLink({ addresses: ["127.0.0.1"] })] });
 * const control = await openControl(stack, { title: "example" });
 * console.log(control.path); // now `mptcp status` shows this process
 * await control.close();
 * await stack.close();
 * ```
 */
export async function openControl(target: Stack | Runtime, options: ControlOptions = {}): Promise<Control> {
  const room = await import("./control/index.ts");
  return await room.ControlSocket.open(target, options);
}

/**
 * Opens a control socket where the environment asks for one: `MPTCP_CONTROL` is its path, or 1 for the usual one; 0, empty or missing for none. Nobody but
 * who calls this looks at the variable.
 * @throws MptcpError as {@link openControl}
 */
export async function controlFromEnvironment(target: Stack | Runtime, options: Omit<ControlOptions, "path"> = {}): Promise<Control | null> {
  const wanted = process.env["MPTCP_CONTROL"] ?? "";
  if (wanted === "" || wanted === "0") return null;
  return await openControl(target, wanted === "1" ? options : { ...options, path: wanted });
}

/** Connects to the control socket of a process. @throws MptcpError with the system's code, EACCES for one; ERR_MPTCP_CONTROL_PROTOCOL when it is none */
export async function connectControl(path: string): Promise<ControlClient> {
  const room = await import("./control/index.ts");
  return await room.ControlClient.connect(path);
}

/** The control sockets of this user's processes at their usual place; those that processes left behind are taken away. */
export async function findControls(): Promise<readonly FoundSocket[]> {
  const room = await import("./control/index.ts");
  return await room.findControls();
}
