import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Ground } from "./ground.ts";
import type { Worker } from "./ground.ts";

/** Whose sockets a Node server has. */
export type Sockets = "engine" | "kernel";

/** Small HTTP requests, a connection each, 100 at a time. */
export interface Requests {
  readonly perSecond: number;
  /** Processor time of the server, seconds for each thousand. */
  readonly cpuPerThousand: number;
}

/** Requests of `ab` over the kernel's Multipath TCP to a Node server. @throws Error when one failed */
export async function requests(sockets: Sockets, count: number): Promise<Requests> {
  return withServer(sockets, async (ground, client, server) => {
    await server.tell("web", { port: PORT, bytes: 100 });
    await ab(client, WARM_UP);
    const before = await server.tell("cpu");
    const perSecond = await ab(client, count);
    const after = await server.tell("cpu");
    ground.assertMultipath(client, WARM_UP + count, 0);
    return { perSecond, cpuPerThousand: (((after["cpu"] ?? NaN) - (before["cpu"] ?? NaN)) / count) * 1000 };
  });
}

/** Microseconds for one octet there and one back: a kernel's socket and a Node server. */
export async function pingPong(sockets: Sockets, count: number): Promise<{ readonly median: number; readonly p99: number }> {
  return withServer(sockets, async (ground, namespace, server) => {
    await server.tell("listen", { port: PORT });
    const client = ground.kernelEnd(namespace);
    const accepted = server.tell("accept");
    await client.tell("connect", { address: ADDRESS, port: PORT });
    await accepted;
    const echoed = server.tell("echo", { count: count + WARM_UP });
    await client.tell("pingpong", { count: WARM_UP });
    const { median = NaN, p99 = NaN } = await client.tell("pingpong", { count });
    await echoed;
    ground.assertMultipath(namespace, 1, 0);
    return { median: median / 1000, p99: p99 / 1000 };
  });
}

async function withServer<Result>(sockets: Sockets, act: (ground: Ground, client: string, server: Worker) => Promise<Result>): Promise<Result> {
  const ground = new Ground();
  try {
    const client = ground.namespace();
    if (sockets === "engine") {
      const server = ground.nodeEnd("node-end.js");
      await server.tell("links", { namespace: client, paths: 1 });
      return await act(ground, client, server);
    }
    const namespace = ground.namespace();
    ground.cable(client, namespace, 1);
    return await act(ground, client, ground.nodeEnd("node-end.js", { namespace, wrap: ["mptcpize", "run"] }));
  } finally {
    await ground.close();
  }
}

/** @returns requests per second */
async function ab(namespace: string, count: number): Promise<number> {
  const { stdout } = await promisify(execFile)("ip", ["netns", "exec", namespace, "mptcpize", "run", "ab", "-q", "-n", String(count), "-c", "100", `http://${ADDRESS}:${PORT}/`]);
  const failed = Number(/Failed requests:\s+(\d+)/.exec(stdout)?.[1] ?? NaN);
  const complete = Number(/Complete requests:\s+(\d+)/.exec(stdout)?.[1] ?? NaN);
  if (failed !== 0 || complete !== count) throw new Error(`ab: ${complete} of ${count} complete, ${failed} failed`);
  return Number(/Requests per second:\s+([\d.]+)/.exec(stdout)?.[1] ?? NaN);
}

const ADDRESS = "10.1.0.2";
const PORT = 4000;
const WARM_UP = 2000;
