import { expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/core/index.ts";
import type { MptcpConnection, SchedulerFactory } from "../../src/mptcp/index.ts";
import type { Subflow } from "../../src/mptcp/subflow.ts";
import { BulkSender, multiPath, Simulation, Sink } from "../../src/sim/index.ts";
import type { IpAddress } from "../../src/wire/index.ts";
import { has, Pair } from "../mptcp/pair.ts";
import { memoryInUse } from "./collect.ts";

const BYTES = 1_400_000;

/** A client and a server with two paths, and connections of two subflows between them that have moved `BYTES` each. */
class Idlers {
  readonly ends: MptcpConnection[] = [];
  private readonly simulation = new Simulation({ seed: 7 });
  private readonly link = { rate: 10e9, delay: MILLISECOND, queue: { packets: 20_000 } };
  private readonly network = multiPath(this.simulation, { paths: [this.link, this.link] });
  readonly hosts = [this.network.client.host, this.network.server.host] as const;

  constructor() {
    this.network.server.listen(80, (connection) => {
      this.ends.push(connection as MptcpConnection);
      return new Sink({ end: false });
    });
  }

  open(count: number): void {
    const address = this.network.serverAddresses[0]?.[0] as IpAddress;
    for (let i = 0; i < count; i++) {
      const sender = new BulkSender({ bytes: BYTES, end: false });
      this.ends.push(this.network.client.connect(address, 80, sender) as MptcpConnection);
      // Each on its own: a window's worth of records of many at a time would be measured with them.
      this.simulation.run(this.simulation.now + 2 * SECOND);
    }
  }

  get subflows(): Subflow[] {
    return this.ends.flatMap((connection) => connection.subflows as readonly Subflow[]);
  }
}

test("a connection that has become idle keeps neither records of segments nor mappings", () => {
  const idlers = new Idlers();
  idlers.open(6);
  expect(idlers.ends.map((connection) => [connection.closed, connection.subflows.length])).toEqual(Array.from({ length: 12 }, () => [false, 2]));
  for (const subflow of idlers.subflows) {
    const { board } = subflow.tcp.sender;
    expect(board.count).toBe(0);
    expect(inside(board, "ring").length).toBeLessThanOrEqual(64);
    expect(inside(subflow.sent, "items").length).toBe(0);
    expect(inside(inside(inside(subflow, "inbound"), "mappings"), "ring").length).toBeLessThanOrEqual(3 * 32);
  }
  // The pool is the host's, and bounded: the sixth connection added nothing to it.
  const pooled = idlers.hosts.map((host) => host.segments.size);
  idlers.open(6);
  expect(pooled[0]).toBeGreaterThan(100);
  for (const [i, host] of idlers.hosts.entries()) expect(host.segments.size).toBeLessThanOrEqual(Math.max(pooled[i] as number, 2048));
});

test("nor does a subflow whose last data was covered by a Data ACK that came on another, slower one", () => {
  // What is written first goes over the slow path, the rest over the fast one, where it is acknowledged long before it is covered.
  const scheduler = policyOf((offset) => (offset < 10_000 ? 2 : 1));
  const pair = new Pair({ clientAddresses: 2, delay: (client) => (client === 0 ? 10 : 120) * MILLISECOND, client: { mptcp: { scheduler } } });
  const { client, server } = pair.establish();
  client.mptcp.setNoDelay(true, pair.now);
  pair.run(1000);
  client.write(20_000);
  pair.run(5000);
  expect([server.received, client.connection.sendBuffered, pair.decisions("client", "reinjection")]).toEqual([20_000, 0, []]);
  const [fast, slow] = client.mptcp.subflows as readonly Subflow[];
  // It is only about it if the slow one had the last word.
  const last = pair.packets((sent) => sent.from === "server" && has(sent, "dss")).at(-1);
  expect(last?.client).toBe(1);
  expect([fast, slow].map((subflow) => inside((subflow as Subflow).sent, "items").length)).toEqual([0, 0]);
});

test("an idle connection of two subflows that moved 1.4 MB keeps less than 20,000 octets, per end", () => {
  const idlers = new Idlers();
  idlers.open(20);
  // The engine's own code is compiled, and thrown away, while this runs, once and not per connection: what all of three groups keep is theirs.
  const kept = [1, 2, 3].map(() => {
    const before = memoryInUse();
    idlers.open(50);
    return (memoryInUse() - before) / 100;
  });
  expect(Math.min(...kept), `octets per end: ${kept.join(", ")}`).toBeLessThan(20_000);
  expect(idlers.subflows.length).toBe(680);
});

/** A scheduler that gives each data offset to a path. */
function policyOf(pathOf: (offset: number) => number): SchedulerFactory {
  return () => ({ name: "by offset", select: (subflows, { dataOffset }) => subflows.find((one) => one.hasRoom && one.pathIndex === pathOf(dataOffset)) ?? null });
}

/** A private part, by name. */
function inside(owner: object, name: string): object & { readonly length: number } {
  return (owner as Record<string, object & { readonly length: number }>)[name] as object & { readonly length: number };
}
