import { InvalidArgumentError } from "commander";
import { connectControl, findControls } from "mptcp/node";
import type { ConnectionReference, ControlClient, FoundSocket } from "mptcp/node";

/** Why a process cannot be spoken to, as a line for people. */
export class NoProcess extends Error {}

/**
 * The control sockets that are meant: of a process by its number, at a path, or of every process of this user.
 * @throws NoProcess when there is none
 */
export async function controlsOf(target: string | undefined): Promise<readonly FoundSocket[]> {
  if (target !== undefined && !/^\d+$/.test(target)) return [{ pid: 0, path: target }];
  const all = await findControls();
  if (target === undefined) {
    if (all.length > 0) return all;
    throw new NoProcess("no process of this user has a control socket at the usual place; mptcp listen and mptcp connect open one, programs by openControl or MPTCP_CONTROL");
  }
  const found = all.filter(({ pid }) => pid === Number(target));
  if (found.length > 0) return found;
  const others = all.length === 0 ? "" : `; there are ${listOf(all)}`;
  throw new NoProcess(`${stateOf(Number(target))}${others}`);
}

/** Connects to the one process that is meant. @throws NoProcess when there is none or several; MptcpError why it cannot be connected to */
export async function clientOf(target: string | undefined): Promise<ControlClient> {
  const found = await controlsOf(target);
  if (found.length === 1) return connectControl((found[0] as FoundSocket).path);
  const clients = await Promise.allSettled(found.map(({ path }) => connectControl(path)));
  const living = clients.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  for (const client of living) client.close();
  const lines = living.map(({ hello }) => `  ${String(hello.pid).padStart(7)}  ${hello.title}`);
  if (target === undefined) throw new NoProcess(`there are several processes; say which by its number:\n${lines.join("\n")}`);
  throw new NoProcess(`process ${target} has several control sockets, choose one by its path:\n${found.map(({ path }) => `  ${path}`).join("\n")}`);
}

/** A connection as `--connection` names it: its number, or its token in hexadecimal digits. @throws InvalidArgumentError */
export function parseConnection(text: string): ConnectionReference {
  const token = /^(?:0x)?([0-9a-f]{8})$/i.exec(text)?.[1];
  if (token !== undefined) return { token: token.toLowerCase() };
  if (/^[1-9]\d{0,6}$/.test(text)) return { connection: Number(text) };
  throw new InvalidArgumentError("A connection is its number, or its token of eight hexadecimal digits; mptcp status shows both.");
}

function listOf(found: readonly FoundSocket[]): string {
  return Array.from(new Set(found.map(({ pid }) => pid))).join(", ");
}

/** What there is to say of a process that has no socket where one would be. */
function stateOf(pid: number): string {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? `process ${pid}: permission denied, it is another user's` : `there is no process ${pid}`;
  }
  return `process ${pid} has no control socket at the usual place: it is none of mptcp's, or was begun with --no-control or --control PATH (then name the path)`;
}
