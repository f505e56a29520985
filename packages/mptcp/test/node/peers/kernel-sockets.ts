// A process of its own, in whatever network namespace it was put, that does with sockets of the kernel's Multipath TCP what its parent tells it.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync, readdirSync } from "node:fs";
import { connect, createServer, kernelMptcp } from "../../../src/node/index.ts";
import type { AnySocket, KernelServer, KernelSocket, Via } from "../../../src/node/index.ts";

/** What the parent says; it waits for the answer to each. */
export type Command =
  | { readonly do: "status" }
  | { readonly do: "try"; readonly via: Via }
  | { readonly do: "listen"; readonly host: string }
  | { readonly do: "connect"; readonly host: string; readonly port: number; readonly localAddress?: string }
  | { readonly do: "accepted" }
  | { readonly do: "send"; readonly bytes: number }
  | { readonly do: "exchange"; readonly bytes: number }
  | { readonly do: "subflows"; readonly count: number }
  | { readonly do: "info" }
  | { readonly do: "close" }
  | { readonly do: "descriptors" }
  | { readonly do: "run out of descriptors" };

let server: KernelServer | null = null;
let socket: KernelSocket | null = null;
/** Octets of the pattern that were sent. */
let sent = 0;
const PATTERN = Buffer.from(Array.from({ length: 251 }, (_, i) => i));
const BLOCK = Buffer.concat(Array.from({ length: 256 }, () => PATTERN));

function open(): KernelSocket {
  if (socket === null) throw new Error("there is no connection");
  return socket;
}

/** Opens a connection to nowhere and a server, and closes both: what was picked, or the error. */
async function attempt(via: Via): Promise<unknown> {
  const seen: unknown[] = [];
  try {
    // The overloads are for those who know which one they want.
    const made = (connect as (options: object) => AnySocket)({ port: 9, host: "127.0.0.1", via });
    made.on("error", () => {});
    seen.push(made.mptcp.info().via);
    made.destroy();
  } catch (error) {
    seen.push(errorOf(error));
  }
  try {
    const made = (createServer as (options: object) => KernelServer)({ via });
    made.listen(0, "127.0.0.1");
    await once(made, "listening");
    seen.push(made.via);
    made.close();
  } catch (error) {
    seen.push(errorOf(error));
  }
  return seen;
}

/** Opens a connection and a server where no descriptor is left: the errors. */
async function runOut(): Promise<unknown> {
  const held: number[] = [];
  try {
    for (;;) held.push(openSync("/dev/null", "r"));
  } catch {
    // That was the last.
  }
  const client = connect({ via: "auto", port: 9, host: "127.0.0.1" });
  const listener = createServer({ via: "auto" });
  const failures = Promise.all([once(client, "error"), once(listener, "error")]) as Promise<[NodeJS.ErrnoException][]>;
  listener.listen(0, "127.0.0.1");
  const codes = (await failures).map(([error]) => error.code);
  held.forEach((fd) => closeSync(fd));
  return { vias: [client.mptcp.info().via, listener.via], codes };
}

function errorOf(error: unknown): object {
  const { code, message } = error as NodeJS.ErrnoException;
  return { code, message };
}

/** Sends the pattern until `bytes` of it were sent in all. */
async function send(bytes: number): Promise<void> {
  while (sent < bytes) {
    const from = sent % PATTERN.length;
    const chunk = BLOCK.subarray(from, from + Math.min(BLOCK.length - from, bytes - sent));
    sent += chunk.length;
    if (!open().write(chunk)) await once(open(), "drain");
  }
}

/** Sends until `bytes` were sent in all, and the end, and takes what comes until the other's. */
async function exchange(bytes: number): Promise<unknown> {
  const hash = createHash("sha256");
  let received = 0;
  const stream = open();
  stream.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    received += chunk.length;
  });
  // A server's socket is paused until now.
  stream.resume();
  const ended = once(stream, "end");
  await send(bytes);
  stream.end();
  await ended;
  return { received, sha: hash.digest("hex") };
}

async function run(command: Command): Promise<unknown> {
  switch (command.do) {
    case "status":
      return kernelMptcp();
    case "try":
      return attempt(command.via);
    case "listen":
      server = createServer({ via: "kernel", allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
        socket = accepted.on("error", () => {});
      });
      server.listen(0, command.host);
      await once(server, "listening");
      return server.address();
    case "connect":
      socket = connect({ via: "kernel", port: command.port, host: command.host, allowHalfOpen: true, ...(command.localAddress === undefined ? {} : { localAddress: command.localAddress }) });
      await once(socket, "connect");
      // The other end goes away before this one.
      socket.on("error", () => {});
      return socket.mptcp.info();
    case "accepted":
      if (socket === null && server !== null) await once(server, "connection");
      return open().mptcp.info();
    case "send":
      await send(command.bytes);
      return {};
    case "exchange":
      return exchange(command.bytes);
    case "subflows":
      // The kernel raises no event that a socket could wait for.
      for (;;) {
        const info = open().mptcp.info();
        const settled = info.subflows.filter((subflow) => subflow.established && subflow.backup !== null);
        if (settled.length === command.count) return info;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    case "info":
      return open().mptcp.info();
    case "close":
      open().destroy();
      if (!open().closed) await once(open(), "close");
      return {};
    case "descriptors":
      return readdirSync("/proc/self/fd").length;
    case "run out of descriptors":
      return runOut();
  }
}

process.on("message", (command: Command) => {
  run(command).then(
    (answer) => process.send?.({ answer }),
    (error: unknown) => process.send?.({ error: errorOf(error) }),
  );
});
process.send?.({ answer: "ready" });
