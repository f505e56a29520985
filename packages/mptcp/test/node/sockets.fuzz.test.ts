import type * as net from "node:net";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createStack, UdpLink } from "../../src/node/index.ts";
import type { Stack } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";
import { uncaught } from "./sockets.bench.ts";
import { ListenerError, programs, Run } from "./sockets.fuzz.ts";
import type { Ground, Program } from "./sockets.fuzz.ts";

function ofStacks(client: Stack, server: Stack, rest: Pick<Ground, "host" | "deadHost" | "isReleased"> & Partial<Ground>): Ground {
  return {
    connect: client.connect as unknown as typeof net.connect,
    createServer: server.createServer as unknown as typeof net.createServer,
    close: async () => {
      await Promise.all([client.close(), server.close()]);
    },
    ...rest,
    mishaps: { clientHostCloses: () => void client.close(), serverHostCloses: () => void server.close(), ...rest.mishaps },
  };
}

function inMemory(): Ground {
  const [a, b] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
  const [c, d] = MemoryLink.pair("10.0.1.1", "10.0.1.2");
  return ofStacks(createStack({ links: [a, c] }), createStack({ links: [b, d] }), {
    host: "10.0.0.2",
    deadHost: "10.0.0.9",
    mishaps: { linkFails: () => c.handler?.failed(new Error("unplugged")) },
    isReleased: () => [a, b, c, d].every((link) => !link.isReferenced),
  });
}

function overUdp(): Ground {
  const links = (): UdpLink[] => [new UdpLink({ addresses: ["127.0.0.1"] }), new UdpLink({ addresses: ["127.0.0.2"] })];
  return ofStacks(createStack({ links: links() }), createStack({ links: links() }), { host: "127.0.0.1", deadHost: "127.0.0.3", isReleased: () => true });
}

/** Sockets of the long form, `npm run fuzz:sockets`. */
const SOCKETS = Number(process.env["FUZZ_SOCKETS"] ?? 1000);

/** @returns how many sockets there were */
async function hold(ground: Ground, program: Program): Promise<number> {
  const run = new Run(ground, program);
  let lasting: string | null = null;
  const escaped = await uncaught(async () => {
    await run.begin();
    for (const step of program.steps) await run.step(step);
    lasting = await run.end();
    await ground.close();
  });
  expect(lasting).toBe(null);
  expect(run.refused).toEqual([]);
  expect(run.disorder).toEqual([]);
  expect(escaped.filter((error) => !(error instanceof ListenerError))).toEqual([]);
  expect(escaped).toHaveLength(run.thrown);
  return run.count;
}

describe("whatever an application calls, and in whatever listener, only what its listeners throw leaves the event loop, events come in the order of node:net, and everything ends", () => {
  it.each([
    ["over links in memory", inMemory, 0.94],
    ["over UDP", overUdp, 0.06],
  ] as const)(
    "%s",
    async (_name, make, share) => {
      const ground = make();
      await ground.close();
      const counts = { sockets: 0 };
      const property = fc.asyncProperty(programs(Object.keys(ground.mishaps)), async (program) => void (counts.sockets += await hold(make(), program)));
      for (; counts.sockets < share * SOCKETS; ) await fc.assert(property, { numRuns: 30 });
    },
    60_000 + 20 * SOCKETS,
  );
});
