import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/core/index.ts";
import type { HostOptions } from "../../src/host/index.ts";
import type { Subflow } from "../../src/mptcp/subflow.ts";
import { BulkSender, multiPath, Simulation, Sink } from "../../src/sim/index.ts";
import type { HostSettings, SimHost } from "../../src/sim/index.ts";
import { TimeWait } from "../../src/tcp/index.ts";
import type { StreamConnection } from "../../src/tcp/index.ts";
import { Packet, TCP_FLAG } from "../../src/wire/index.ts";
import type { IpAddress } from "../../src/wire/index.ts";
import { Pair } from "../mptcp/pair.ts";
import { memoryInUse } from "./collect.ts";

/** A client that opens connections to a server, says a little on each, and closes it first. */
class Churn {
  readonly client: SimHost;
  readonly server: SimHost;
  private readonly simulation = new Simulation({ seed: 3 });
  private readonly address: IpAddress;

  constructor(paths: number, settings: HostSettings = {}) {
    const link = { rate: 10e9, delay: MILLISECOND, queue: { packets: 20_000 } };
    const network = multiPath(this.simulation, { paths: Array.from({ length: paths }, () => link), client: settings, server: settings });
    this.client = network.client;
    this.server = network.server;
    this.address = network.serverAddresses[0]?.[0] as IpAddress;
    this.server.listen(80, () => new Sink());
  }

  open(count: number): StreamConnection[] {
    const opened: StreamConnection[] = [];
    for (let i = 0; i < count; i++) {
      opened.push(this.client.connect(this.address, 80, new BulkSender({ bytes: 100 })));
      if (i % 100 === 99) this.pass(0.1);
    }
    this.pass(0.5);
    return opened;
  }

  pass(seconds: number): void {
    this.simulation.run(this.simulation.now + seconds * SECOND);
  }
}

const NOTHING = { connections: 0, orphans: 0, lingering: 0, timeWaits: 0, pendingJoins: 0, tokens: 0, ports: 0, timers: 0 };

describe("connections that were closed", () => {
  test.each([
    [1, 2000],
    [2, 800],
  ])("leave a little for TIME-WAIT, and nothing 61 s later (%i subflows)", async (subflows, count) => {
    const churn = new Churn(subflows);
    churn.open(200);
    churn.pass(61);
    const connections = churn.open(count).map((connection) => new WeakRef(connection));
    // A WeakRef holds what it refers to until its job is over.
    await new Promise(setImmediate);
    memoryInUse();
    expect(connections.filter((connection) => connection.deref() !== undefined).length).toBeLessThanOrEqual(2);
    // Some close before their join is there.
    expect(churn.client.host.usage).toMatchObject({ connections: 0, tokens: 0 });
    expect(churn.client.host.usage.timeWaits).toBeGreaterThanOrEqual(subflows === 1 ? count : 1.5 * count);
    expect(churn.server.host.usage).toEqual(NOTHING);
    churn.pass(61);
    expect([churn.client.host.usage, churn.server.host.usage]).toEqual([NOTHING, NOTHING]);
  });

  test("leave numbers alone, of the objects that they were made of their four-tuple", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    const { tcp } = client.engine.subflows[0] as Subflow;
    client.end();
    server.end();
    pair.run(1000);
    expect(pair.hosts.client.usage.timeWaits + pair.hosts.server.usage.timeWaits).toBeGreaterThan(0);
    const rest = new TimeWait(tcp, pair.now);
    const objects = Object.values(rest).filter((value) => typeof value === "object");
    expect([objects, Object.keys(rest).length]).toEqual([[tcp.tuple], 20]);
  });

  test("hold their ports, while they are in TIME-WAIT", () => {
    const pair = new Pair();
    const { client, server } = pair.establish({ localPort: 4000 });
    client.end();
    pair.run(100);
    server.end();
    pair.run(200);
    expect(pair.hosts.client.usage).toMatchObject({ connections: 0, timeWaits: 1 });
    expect(() => pair.connect({ localPort: 4000 })).toThrow("in use");
    pair.run(61_000);
    expect(() => pair.connect({ localPort: 4000 })).not.toThrow();
  });
});

describe("the number of connections in TIME-WAIT", () => {
  const limited = (timeWaits: number): Pick<HostOptions, "timeWaits"> => ({ timeWaits });

  test("is limited: the oldest goes, and is counted", () => {
    const churn = new Churn(1, limited(30));
    churn.open(100);
    expect([churn.client.host.usage.timeWaits, churn.client.host.counters.value("TcpExtTCPTimeWaitOverflow")]).toEqual([30, 70]);
    churn.pass(61);
    expect(churn.client.host.usage).toEqual(NOTHING);
  });

  test("may be 0: nothing is kept of a closed connection", () => {
    const churn = new Churn(1, limited(0));
    churn.open(100);
    expect([churn.client.host.usage, churn.client.host.counters.value("TcpExtTCPTimeWaitOverflow")]).toEqual([NOTHING, 100]);
  });
});

test("in TIME-WAIT a late question is answered by the last Data ACK", () => {
  const pair = new Pair();
  const { client, server } = pair.establish();
  client.write(1000);
  pair.run(100);
  client.end();
  pair.run(100);
  server.end();
  pair.run(200);
  expect([pair.hosts.client.usage, pair.hosts.server.usage]).toMatchObject([{ connections: 0, timeWaits: 1, tokens: 0 }, NOTHING]);
  const last = pair.packets((sent) => sent.from === "client").at(-1);
  const fin = pair.packets((sent) => sent.from === "server" && (sent.segment.flags & TCP_FLAG.FIN) !== 0).at(-1)?.packet.clone();
  if (last === undefined || !(fin instanceof Packet)) throw new Error("no FIN, or no answer to it");
  pair.inject("client", fin);
  pair.run(10);
  const answer = pair.packets((sent) => sent.from === "client").at(-1);
  expect(answer).not.toBe(last);
  expect(answer?.segment.mptcp).toEqual(last.segment.mptcp);
  expect(answer?.segment.mptcp[0]).toMatchObject({ kind: "dss", dsnLength: 0 });
  expect([answer?.segment.sequence, answer?.segment.acknowledgment]).toEqual([last.segment.sequence, last.segment.acknowledgment]);
});
