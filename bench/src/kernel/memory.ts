import { Ground } from "./ground.ts";

/** What each idle connection costs the engine's end, its Node socket included, octets. */
export interface IdleMemory {
  readonly resident: number;
  readonly heap: number;
}

/** Memory of `connections` idle connections that a kernel opened, each with a subflow on each of `paths` paths. */
export async function idleMemory(connections: number, paths: number): Promise<IdleMemory> {
  const ground = new Ground();
  try {
    const namespace = ground.namespace();
    const engine = ground.nodeEnd("node-end.js", { flags: ["--expose-gc"] });
    await engine.tell("links", { namespace, paths });
    await engine.tell("listen", { port: 4000 });
    const kernel = ground.kernelEnd(namespace);
    // What the first connections cost, compiled code and tables, is not theirs.
    await kernel.tell("connect", { address: "10.1.0.2", port: 4000, count: 100 });
    await engine.tell("idle", { count: 100, paths });
    const before = await engine.tell("memory");
    await kernel.tell("connect", { address: "10.1.0.2", port: 4000, count: connections });
    await engine.tell("idle", { count: 100 + connections, paths });
    const after = await engine.tell("memory");
    const each = (field: string): number => ((after[field] ?? 0) - (before[field] ?? 0)) / connections;
    return { resident: each("rss"), heap: each("heapUsed") };
  } finally {
    await ground.close();
  }
}
