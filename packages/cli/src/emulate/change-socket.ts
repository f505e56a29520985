import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Where an emulation hears of changes: a socket for root alone, a line for each change, answered by one: "ok", or what is wrong. */
export class ChangeSocket {
  readonly path: string;
  readonly #change: (text: string) => Promise<string | null>;
  readonly #open = new Set<Socket>();
  #server: Server | null = null;

  constructor(name: string, change: (text: string) => Promise<string | null>) {
    this.path = join(FOLDER, `${name}-${process.pid}.sock`);
    this.#change = change;
  }

  async open(): Promise<void> {
    mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => void server.once("error", reject).listen(this.path, () => resolve()));
  }

  close(): void {
    this.#server?.close();
    for (const socket of this.#open) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.#open.add(socket);
    socket.on("error", () => {}).on("close", () => this.#open.delete(socket));
    createInterface({ input: socket }).on("line", (line) => {
      void this.#change(line).then((problem) => void socket.write(`${problem === null ? "ok" : problem.replaceAll("\n", "; ")}\n`));
    });
  }
}

/** Sends a change to an emulation that runs. @param name of its scenario, with "-" and the number of its process where several of that run; null: the only one. @returns what is wrong; null when it is done */
export async function sendChange(text: string, name: string | null): Promise<string | null> {
  const found = existsSync(FOLDER) ? readdirSync(FOLDER).filter((file) => name === null || isOf(file, name)) : [];
  const answers = (await Promise.all(found.map((file) => ask(join(FOLDER, file), text, found.length > 1)))).filter((answer) => answer !== null);
  if (answers.length === 0) return name === null ? "no emulation runs" : `no emulation of ${name} runs`;
  if (answers.length > 1) return `several emulations run; --emulation says which: ${found.map((file) => file.slice(0, -".sock".length)).join(", ")}`;
  const [answer = ""] = answers;
  return answer === "ok" ? null : answer;
}

/** Whether a socket is that of an emulation, by its scenario's name alone or with the number of its process. */
function isOf(file: string, name: string): boolean {
  return file === `${name}.sock` || (file.startsWith(name) && /^-\d+\.sock$/.test(file.slice(name.length)));
}

/** Null where nobody listens any more: then the socket was left by somebody who was killed. @param isOnlyLookedFor ask nothing */
function ask(path: string, text: string, isOnlyLookedFor: boolean): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("error", () => {
      rmSync(path, { force: true });
      resolve(null);
    });
    socket.on("connect", () => {
      if (isOnlyLookedFor) socket.destroy();
      else socket.write(`${text}\n`);
    });
    createInterface({ input: socket }).on("line", (line) => {
      resolve(line);
      socket.destroy();
    });
    socket.on("close", () => resolve("it has ended"));
  });
}

const FOLDER = "/run/mptcp-emulate";
