import { lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import type { Server } from "node:net";
import type { Place } from "./endpoint-text.ts";

/** Listens at a port, or a Unix socket, of this machine. A socket that a process left behind is not in the way. @throws the system's error, or Error */
export async function listenAt(server: Server, place: Place): Promise<void> {
  if (!("path" in place)) return listening(server, () => server.listen(place.port, place.host));
  const { path } = place;
  const listen = (): Promise<void> =>
    listening(server, () => {
      // Whoever may connect to it speaks as us.
      const before = process.umask(0o177);
      server.listen(path);
      process.umask(before);
    });
  try {
    await listen();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    if (!(await isLeftBehind(path))) throw new Error(`${path} is there, and another process listens at it, or it is no socket`, { cause: error });
    unlinkSync(path);
    await listen();
  }
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      server.off("listening", done);
      reject(error);
    };
    const done = (): void => {
      server.off("error", fail);
      resolve();
    };
    server.once("error", fail).once("listening", done);
    listen();
  });
}

/** Whether a Unix socket is of a process that has ended without taking it away. */
function isLeftBehind(path: string): Promise<boolean> {
  if (!lstatSync(path).isSocket()) return Promise.resolve(false);
  return new Promise((resolve) => {
    const attempt = connect({ path });
    attempt.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
    attempt.once("connect", () => {
      attempt.destroy();
      resolve(false);
    });
  });
}
