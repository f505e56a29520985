import { describe, expect, test } from "vitest";
import { congestionControls, pathManagers, schedulers } from "../../src/index.ts";
import { MILLISECOND, randomBelow, SeededRandom } from "../../src/core/index.ts";
import { MptcpConnection } from "../../src/mptcp/index.ts";
import type { PolicyExchange } from "../../src/mptcp/index.ts";
import { optionStripper } from "../../src/sim/index.ts";
import type { MultiPath, SimHost, Simulation } from "../../src/sim/index.ts";
import type { StreamConnection } from "../../src/tcp/index.ts";
import { isData, Pair } from "./pair.ts";
import { drawNetwork, runNetwork } from "./random-network.ts";

/** `npm run exchange` has 200. */
const RUNS = Number(process.env["EXCHANGE_RUNS"] ?? 40);

describe("policies exchanged while data flows", () => {
  test(`at random every 100 virtual ms: ${RUNS} runs lose nothing`, () => {
    const failures: string[] = [];
    let exchanges = 0;
    for (let seed = 1; seed <= RUNS; seed++) {
      const { problems } = runNetwork(drawNetwork(seed), (simulation, built) => {
        exchangeAll(simulation, built, new SeededRandom(seed, "exchange"), () => exchanges++);
      });
      // The modes of path managers differ in whether a path is opened again; data is what counts.
      if (problems.length > 0) failures.push(`seed ${seed}: ${problems.join("; ")}`);
    }
    expect(failures, "replay one with EXCHANGE_RUNS and its seed").toEqual([]);
    expect(exchanges).toBeGreaterThan(10 * RUNS);
  });

  test("a scheduler decides from the next segment on", () => {
    const pair = new Pair({ clientAddresses: 2 });
    const { client, server } = pair.establish();
    pair.run(500);
    const only = (pathIndex: number): PolicyExchange => ({
      scheduler: () => ({ name: `path ${pathIndex}`, select: (subflows) => subflows.find((subflow) => subflow.pathIndex === pathIndex && subflow.hasRoom) ?? null }),
    });
    for (const [round, pathIndex] of [2, 1, 2].entries()) {
      client.mptcp.exchange(only(pathIndex), pair.now);
      const mark = pair.sent.length;
      client.write(20_000);
      pair.run(1000);
      expect(server.received).toBe(20_000 * (round + 1));
      expect(new Set(pair.packets((sent) => sent.from === "client" && isData(sent), mark).map((sent) => sent.client))).toEqual(new Set([pathIndex - 1]));
    }
  });

  test("a congestion control goes on from the window of the one before, on subflows to come too", () => {
    const pair = new Pair({ clientAddresses: 1 });
    const { client } = pair.establish();
    client.write(200_000);
    pair.run(300);
    const [subflow] = client.mptcp.subflows;
    const window = subflow?.tcp.congestionWindow ?? 0;
    expect(window).toBeGreaterThan(20_000);
    client.mptcp.exchange({ congestion: congestionControls["cubic"]! }, pair.now);
    expect([subflow?.tcp.congestion.name, subflow?.tcp.congestionWindow]).toEqual(["cubic", window]);
    pair.addAddress("client", "10.1.0.2");
    pair.run(500);
    expect(client.mptcp.subflows.map((one) => one.tcp.congestion.name)).toEqual(["cubic", "cubic"]);
  });

  test("a path manager takes over the paths that are there", () => {
    const pair = new Pair({ clientAddresses: 3, client: { mptcp: { pathManager: pathManagers["single-path"]! } } });
    const { client, server } = pair.establish();
    client.write(1000);
    pair.run(500);
    expect(client.established).toEqual([1]);
    client.mptcp.exchange({ pathManager: pathManagers["full-mesh"]! }, pair.now);
    pair.run(500);
    expect([client.established, server.established]).toEqual([[1, 2, 3], [1, 2, 3]]);
  });

  test("after fallback congestion control is left to exchange", () => {
    const pair = new Pair();
    pair.middlebox(optionStripper());
    const { client, server } = pair.establish();
    client.mptcp.exchange({ congestion: congestionControls["reno"]!, scheduler: schedulers["round-robin"]!, pathManager: pathManagers["full"]! }, pair.now);
    client.write(50_000);
    pair.run(2000);
    expect([client.connection.multipath, server.received, client.mptcp.subflows[0]?.tcp.congestion.name]).toEqual([false, 50_000, "reno"]);
  });
});

/** Exchanges one policy or more of every connection of both hosts, every 100 ms. */
function exchangeAll(simulation: Simulation, built: MultiPath, random: SeededRandom, done: () => void): void {
  const ends: { readonly host: SimHost; readonly connection: StreamConnection }[] = [];
  const { client, server } = built;
  const connect = client.connect.bind(client);
  client.connect = (...call) => {
    const connection = connect(...call);
    ends.push({ host: client, connection });
    return connection;
  };
  const listen = server.listen.bind(server);
  server.listen = (port, accept, ...rest) =>
    listen(
      port,
      (connection, now) => {
        ends.push({ host: server, connection });
        return accept(connection, now);
      },
      ...rest,
    );
  const pick = <T>(registry: Readonly<Record<string, T>>): T => Object.values(registry)[randomBelow(random, Object.keys(registry).length)] as T;
  const round = (): void => {
    for (const { host, connection } of ends) {
      if (!(connection instanceof MptcpConnection) || connection.closed) continue;
      const chosen = 1 + randomBelow(random, 7);
      // The single-path mode leaves paths unused for good, which these runs do not expect.
      const managers = { a: pathManagers["full-mesh"]!, b: pathManagers["full"]! };
      connection.exchange(
        {
          ...((chosen & 1) === 0 ? {} : { scheduler: pick(schedulers) }),
          ...((chosen & 2) === 0 ? {} : { congestion: pick(congestionControls) }),
          ...((chosen & 4) === 0 ? {} : { pathManager: pick(managers) }),
        },
        simulation.now,
      );
      host.poke();
      done();
    }
    if (ends.length === 0 || ends.some(({ connection }) => !connection.closed)) simulation.after(100 * MILLISECOND, round);
  };
  simulation.after(100 * MILLISECOND, round);
}
