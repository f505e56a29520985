import { chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import { connect } from "node:net";
import type { Server } from "node:net";
import { dirname, isAbsolute, join } from "node:path";
import { MptcpError } from "../../core/index.ts";

/**
 * A control socket's place in the file system. Whoever can write to the socket may command the process, so it is its owner's alone (mode 0600) before it can be
 * found under its name: it is made in a folder that nobody else may enter, and then linked to where it belongs.
 */
export class Place {
  readonly path: string;
  private readonly made: Stats;
  private isLeft = false;

  private constructor(path: string) {
    this.path = path;
    this.made = lstatSync(path);
    if (taken.size === 0) process.on("exit", leaveAll);
    taken.add(this);
  }

  /**
   * Has `server` listen at `path`, in place of a socket that nobody listens at any more.
   * @throws MptcpError EADDRINUSE when somebody does; EEXIST when there is something else; ENAMETOOLONG; the system's code when it cannot be made
   */
  static async take(server: Server, path: string): Promise<Place> {
    const absolute = checkedPath(path);
    const folder = madeFolder(absolute);
    const hidden = join(folder, "s");
    try {
      await listen(server, hidden);
      chmodSync(hidden, 0o600);
      await linkInto(hidden, absolute);
    } catch (error) {
      if (server.listening) server.close();
      throw codedFor(error, absolute);
    } finally {
      unlinkQuietly(hidden);
      rmdirQuietly(folder);
    }
    return new Place(absolute);
  }

  /** Takes the socket away, if it is still this one. */
  leave(): void {
    if (this.isLeft) return;
    this.isLeft = true;
    taken.delete(this);
    if (taken.size === 0) process.off("exit", leaveAll);
    const { dev, ino } = this.made;
    const there = statusOf(this.path);
    if (there?.dev === dev && there.ino === ino) unlinkQuietly(this.path);
  }
}

/**
 * Has `server` listen in a folder of {@link controlFolders}, under a name that is free: `PID.sock`, or for one more of the same process `PID-2.sock`.
 * What processes that are gone have left there is taken away.
 * @throws MptcpError as {@link Place.take}
 */
export async function freePath(server: Server, folder: string): Promise<Place> {
  await findSockets([folder]);
  for (let number = 1; ; number++) {
    try {
      return await Place.take(server, join(folder, `${process.pid}${number === 1 ? "" : `-${number}`}.sock`));
    } catch (error) {
      if (!(error instanceof MptcpError) || error.code !== "EADDRINUSE" || number === MOST_NUMBERS) throw error;
    }
  }
}

/**
 * Where control sockets are looked for: `$XDG_RUNTIME_DIR/mptcp`, where that is set, this user's, and not for others to write to; and `/tmp/mptcp-UID`.
 * The first one is where they are made.
 */
export function controlFolders(): readonly string[] {
  const runtime = process.env["XDG_RUNTIME_DIR"] ?? "";
  const shared = `/tmp/mptcp-${userId()}`;
  const status = isAbsolute(runtime) ? statusOf(runtime) : null;
  return status !== null && status.uid === userId() && (status.mode & 0o022) === 0 ? [join(runtime, "mptcp"), shared] : [shared];
}

/**
 * The folder that control sockets are made in, made where it is missing.
 * @throws MptcpError ERR_MPTCP_CONTROL_FOLDER when others could write to it, or it is somebody else's; the system's code when it cannot be made
 */
export function defaultFolder(): string {
  const [folder = ""] = controlFolders();
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw codedFor(error, folder);
  }
  const problem = folderProblem(folder);
  if (problem !== null) throw new MptcpError("ERR_MPTCP_CONTROL_FOLDER", `${folder} ${problem}: remove it, or name another path`);
  return folder;
}

/** A control socket that somebody listens at. */
export interface FoundSocket {
  readonly pid: number;
  readonly path: string;
}

/** The control sockets in some folders, by process; those that nobody listens at any more are taken away. Folders that are not this user's alone are not looked at. */
export async function findSockets(folders: readonly string[]): Promise<readonly FoundSocket[]> {
  const names = folders.flatMap((folder) => (folderProblem(folder) === null ? readdirSync(folder).map((name) => ({ name, path: join(folder, name) })) : []));
  const candidates = names.flatMap(({ name, path }) => {
    const pid = /^(\d+)(?:-\d+)?\.sock$/.exec(name)?.[1];
    return pid === undefined ? [] : [{ pid: Number(pid), path }];
  });
  const states = await Promise.all(candidates.map(({ path }) => stateOf(path)));
  for (const [index, { path }] of candidates.entries()) if (states[index] === "stale") unlinkQuietly(path);
  return candidates.filter((_, index) => states[index] === "live").toSorted((a, b) => a.pid - b.pid || (a.path < b.path ? -1 : 1));
}

/** What is wrong with a folder for control sockets; null when nothing is. */
function folderProblem(folder: string): string | null {
  const status = statusOf(folder);
  if (status === null) return "is not there";
  if (!status.isDirectory()) return "is no folder";
  if (status.uid !== userId()) return `belongs to user ${status.uid}`;
  return (status.mode & 0o077) === 0 ? null : "is open to others";
}

/** @throws MptcpError ENAMETOOLONG, ERR_MPTCP_CONTROL_PATH */
function checkedPath(path: string): string {
  if (path === "" || path.includes("\0")) throw new MptcpError("ERR_MPTCP_CONTROL_PATH", "a control socket has a path in the file system");
  const absolute = isAbsolute(path) ? path : join(process.cwd(), path);
  // A Unix socket's address has room for so much; where it is made first, its name has nine octets more than its folder.
  const length = Math.max(Buffer.byteLength(absolute), Buffer.byteLength(dirname(absolute)) + 10);
  if (length > LONGEST_PATH) throw new MptcpError("ENAMETOOLONG", `${absolute}: a Unix socket's path has at most ${LONGEST_PATH} octets, ${LONGEST_PATH - 10} of them its folder; this one would need ${length}`);
  return absolute;
}

/** A folder that nobody else may enter, beside the socket to be. */
function madeFolder(path: string): string {
  try {
    return mkdtempSync(`${dirname(path)}/.`);
  } catch (error) {
    throw codedFor(error, path);
  }
}

/** Gives the socket its name, if that is free, or a socket's that is left over. */
async function linkInto(hidden: string, path: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      linkSync(hidden, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || tries === MOST_TRIES) throw error;
    }
    const there = statusOf(path);
    if (there === null) continue;
    if (!there.isSocket()) throw new MptcpError("EEXIST", `${path} is there, and no socket`);
    const state = await stateOf(path);
    if (state === "live") throw new MptcpError("EADDRINUSE", `another process listens at ${path}`);
    if (state === "closed") throw new MptcpError("EACCES", `${path} is a socket of somebody else's`);
    const now = statusOf(path);
    if (now !== null && now.ino === there.ino && now.dev === there.dev) unlinkQuietly(path);
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // In a cluster each worker has its own.
    server.listen({ path, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Whether somebody listens at a socket: "stale" when nobody does any more, "closed" when it cannot be known. */
function stateOf(path: string): Promise<"live" | "stale" | "gone" | "closed"> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve("live");
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "ECONNREFUSED") resolve("stale");
      else if (code === "ENOENT") resolve("gone");
      // Its queue is full.
      else if (code === "EAGAIN") resolve("live");
      else resolve("closed");
    });
  });
}

function codedFor(error: unknown, path: string): Error {
  if (error instanceof MptcpError || !(error instanceof Error)) return error as Error;
  const { code = "ERR_MPTCP_CONTROL_PATH" } = error as NodeJS.ErrnoException;
  return new MptcpError(code, `no control socket at ${path}: ${MEANINGS[code] ?? error.message}`);
}

function statusOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already, or stays for the next one to find.
  }
}

function rmdirQuietly(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // An empty folder stays.
  }
}

function userId(): number {
  return process.geteuid?.() ?? 0;
}

/** The places of this process: gone with it. */
const taken = new Set<Place>();

function leaveAll(): void {
  for (const place of Array.from(taken)) place.leave();
}

const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  ENOENT: "its folder is not there",
  ENOTDIR: "its folder is none",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
};
/** Octets of a Unix socket's path, without the one that ends it. */
const LONGEST_PATH = process.platform === "linux" ? 107 : 103;
const MOST_TRIES = 8;
/** Control sockets of one process by number. */
const MOST_NUMBERS = 64;
