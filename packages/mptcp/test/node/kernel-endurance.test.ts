import { EventEmitter, once } from "node:events";
import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it } from "vitest";
import { NEVER } from "../../src/core/index.ts";
import { createStack } from "../../src/node/index.ts";
import type { Stack } from "../../src/node/index.ts";
import { tunLink } from "../../src/node/tun/index.ts";
import { CONNECTIONS } from "./kernel-lab.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

const DEVICES = 4;
/** Connections over each of them. */
const EACH = CONNECTIONS / (2 * DEVICES);

let namespace: Namespace | null = null;
let stack: Stack | null = null;

afterEach(async () => {
  await stack?.close();
  await namespace?.close();
  stack = null;
  namespace = null;
});

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

describe.skipIf(obstacle !== null)("a long run", () => {
  it("leaves neither descriptors nor memory behind after thousands of connections over several devices", async () => {
    const ns = new Namespace();
    namespace = ns;
    ns.limits(8, 8);
    const links = [];
    for (let n = 1; n <= DEVICES; n++) links.push(await tunLink({ name: `tun${n}`, host: `10.${n}.0.2`, kernel: `10.${n}.0.1/24`, namespace: ns.path }));
    const own = createStack({ links });
    stack = own;
    const ends = new EventEmitter();
    let open = 0;
    let closed = 0;
    const listener = own.createServer((socket) => {
      open++;
      socket.on("close", () => {
        open--;
        closed++;
        ends.emit("closed");
      });
      socket.pipe(socket);
    });
    listener.listen(4000);

    const peers = Array.from({ length: DEVICES }, () => ns.peer());
    const round = async (count: number): Promise<void> => {
      const before = closed;
      const answers = await Promise.all(peers.map((peer, i) => peer.do("churn", { address: `10.${i + 1}.0.2`, port: 4000, count })));
      expect(answers).toEqual(peers.map(() => ({})));
      const areClosed = (): boolean => closed >= before + count * DEVICES;
      while (!areClosed()) await once(ends, "closed");
      expect(open).toBe(0);
      // Subflows say their FINs after the connection is closed, and some lose the last word of a peer that is gone: no timer is left when they are done.
      for (let tries = 0; tries < 1000 && own.runtime.host.nextTimeout() < NEVER; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(ns.counter("MPTcpExtMPCurrEstab")).toBe(0);
      collectGarbage();
    };
    await round(200);
    const descriptors = readdirSync("/proc/self/fd").length;
    const heap = process.memoryUsage().heapUsed;
    await round(EACH);
    expect(readdirSync("/proc/self/fd").length).toBe(descriptors);
    // A connection that stayed would keep some 20 KB; what the code itself still grows by is a fraction of a megabyte.
    expect((process.memoryUsage().heapUsed - heap) / (EACH * DEVICES)).toBeLessThan(2000);
    expect(ns.counter("MPTcpExtMPCapableSYNACKRX")).toBe((200 + EACH) * DEVICES);
    expect(ns.counter("MPTcpExtMPCapableFallbackSYNACK")).toBe(0);
    for (const link of links) expect(link.counters).toMatchObject({ dropped: 0, refused: 0 });
  });
});
