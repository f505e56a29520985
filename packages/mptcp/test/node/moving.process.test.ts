import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SocketSnapshot } from "../../src/node/index.ts";
import { UdpLink } from "../../src/node/index.ts";

/** Octets of the file. */
const LENGTH = 8_000_000;

describe("a transfer over UDP whose sender moves to another process", () => {
  let folder = "";
  let file = "";
  let digest = "";
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "mptcp-moving-"));
    file = join(folder, "file");
    const bytes = Buffer.alloc(LENGTH);
    for (let i = 0; i < LENGTH; i += 4) bytes.writeUInt32LE(Math.imul(i, 0x9e3779b1) >>> 0, i);
    digest = createHash("sha256").update(bytes).digest("hex");
    await writeFile(file, bytes);
  });

  afterAll(async () => {
    for (const child of children) child.kill();
    await rm(folder, { recursive: true, force: true });
  });

  for (const batch of ["dgram", ...(new UdpLink({ addresses: ["127.0.0.1"] }).isBatched ? ["batched"] : [])]) {
    it(`goes on there, every byte once, and the peer sees nothing but a pause: ${batch}`, async () => {
      const receiver = start("receiver.ts", batch);
      const { port } = await message<{ port: number }>(receiver);
      const outcome = message<{ digest: string; length: number; hadError: boolean }>(receiver);
      // The one that is to go on is there already: the pause is short.
      const second = start("moving.ts", "second", batch, file);
      const first = start("moving.ts", "first", batch, file);
      await Promise.all([message(first), message(second)]);
      first.send({ port });
      const ended = once(first, "exit");
      const snapshot = await message<SocketSnapshot>(first);
      expect(await ended).toEqual([0, null]);
      const result = message<{ hadError: boolean; bytesWritten: number; subflows: number }>(second);
      // As it would be read from a file.
      second.send(JSON.parse(JSON.stringify(snapshot)) as SocketSnapshot);
      expect(await outcome).toEqual({ digest, length: LENGTH, hadError: false });
      expect(await result).toMatchObject({ hadError: false, bytesWritten: LENGTH });
    });
  }

  /** What a process says next, which it does before it ends. */
  function message<T>(child: ChildProcess): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`a process ended with ${code} and said nothing`));
      child.once("exit", onExit);
      child.once("message", (said) => {
        child.off("exit", onExit);
        resolve(said as T);
      });
    });
  }

  function start(script: string, ...args: string[]): ChildProcess {
    const path = (name: string): string => fileURLToPath(new URL(`./peers/${name}`, import.meta.url));
    const child = fork(path(script), args, { execArgv: ["--conditions=mptcp-source", "--import", pathToFileURL(path("typescript.mjs")).href] });
    children.push(child);
    return child;
  }
});
