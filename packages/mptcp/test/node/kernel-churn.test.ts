import { afterEach, describe, expect, it } from "vitest";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import type { StreamConnection } from "../../src/tcp/index.ts";
import { IpAddress, Payload } from "../../src/wire/index.ts";
import { EngineEnd } from "./engine-end.ts";
import { CHURN } from "./kernel-lab.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

// Connections between the same two addresses that the server closes first, in quick succession, from few ports: each port comes again while the server has it in
// TIME-WAIT (RFC 6191). All of it by `npm run churn`: 10,000 connections at 250 in a second, 1000 ports.
const { count, ports, rate } = CHURN;
const PORTS: readonly [number, number] = [40_000, 40_000 + ports - 1];
const HELLO = new Uint8Array(5);
const SYN_REPEATS = "TcpExtTCPSynRetrans";

describe.skipIf(obstacle !== null).each([
  { name: "plain TCP", multipath: false },
  { name: "Multipath TCP", multipath: true },
])(`${count} connections at ${rate} in a second from ${ports} ports, $name`, ({ multipath }) => {
  let namespace: Namespace | null = null;
  let engine: EngineEnd | null = null;

  async function setUp(): Promise<{ namespace: Namespace; own: EngineEnd }> {
    namespace = new Namespace();
    engine = new EngineEnd({ portRange: PORTS });
    await engine.link({ name: "tun0", host: "10.1.0.2", kernel: "10.1.0.1/24", namespace: namespace.path });
    return { namespace, own: engine };
  }

  afterEach(async () => {
    await engine?.close();
    await namespace?.close();
    engine = null;
    namespace = null;
  });

  it("need no second SYN where the kernel has TIME-WAIT", async () => {
    const { namespace: ns, own } = await setUp();
    const peer = ns.peer();
    await peer.do("listen", { address: "10.1.0.1", port: 4000, mptcp: multipath, backlog: 512 });
    await peer.do("serve", { count });
    const { failed } = await visit(own);
    expect(failed).toEqual([]);
    expect(own.runtime.host.counters.value(SYN_REPEATS)).toBe(0);
    expect(ns.counter("TcpExtTW") + ns.counter("TcpExtTWRecycled")).toBeGreaterThan(0);
  });

  /** Opens them by the clock; each speaks, and ends once the server has. Fulfilled when all are over. */
  function visit(own: EngineEnd): Promise<{ failed: string[] }> {
    const { runtime } = own;
    const remote = IpAddress.from("10.1.0.1");
    const failed: string[] = [];
    return new Promise((resolve) => {
      let over = 0;
      const open = (number: number): void => {
        const connection: StreamConnection = runtime.connect(remote, 4000, { multipath }, {
          onEvents(events, now) {
            connection.takeEvents();
            while (connection.read(1000, now) !== null);
            if (connection.ended) connection.end(now);
            if ((events & STREAM_EVENT.closed) === 0) return;
            if (connection.error !== null) failed.push(`${number}: ${connection.error}`);
            if (++over === count) resolve({ failed });
          },
        });
        connection.write(Payload.of(HELLO), false, runtime.now);
        runtime.poke();
      };
      const begin = performance.now();
      let opened = 0;
      const timer = setInterval(() => {
        while (opened < count && performance.now() - begin >= (opened * 1000) / rate) open(opened++);
        if (opened === count) clearInterval(timer);
      }, 1);
    });
  }

  it("need no second SYN where the engine has TIME-WAIT", async () => {
    const { namespace: ns, own } = await setUp();
    ns.sysctl("net.ipv4.ip_local_port_range", PORTS.join(" "));
    own.runtime.listen(4000, { multipath, backlog: 512 }, (connection) => ({
      onEvents: (_events, now) => {
        if (connection.read(1000, now) !== null) connection.end(now);
        connection.takeEvents();
      },
    }));
    const peer = ns.peer();
    expect(await peer.do("visit", { address: "10.1.0.2", port: 4000, mptcp: multipath, count, rate })).toEqual({ sent: count, text: "" });
    expect(ns.counter(SYN_REPEATS)).toBe(0);
    expect(own.runtime.host.usage.timeWaits).toBeGreaterThan(0);
  });
});
