import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/core/index.ts";
import type { HostOptions } from "../../src/host/index.ts";
import { lowestTimeDistance, roundRobin } from "../../src/mptcp/index.ts";
import type { App } from "./pair.ts";
import { MS, Pair } from "./pair.ts";

const RUNS = 120;

/** Draws from a seed. */
class Dice {
  private readonly random: SeededRandom;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  below(bound: number): number {
    return this.random.uint32() % bound;
  }

  percent(chance: number): boolean {
    return this.below(100) < chance;
  }
}

function hostOptions(dice: Dice): Partial<HostOptions> {
  const size = [8000, 40_000, 1_000_000][dice.below(3)] as number;
  return {
    tcp: { noDelay: dice.percent(50), receiveBuffer: { initial: size, max: size, autoTune: false } },
    mptcp: { dataSequenceLength: dice.percent(50) ? 4 : 8, scheduler: dice.percent(50) ? roundRobin : lowestTimeDistance },
  };
}

/** A network that loses, doubles and reorders, one of whose paths may be out. */
function weather(pair: Pair, dice: Dice): { outage: number } {
  const state = { outage: -1 };
  const [loss, double, reorder] = [dice.below(12), dice.below(10), dice.below(30)];
  pair.interfere((packet, sent) => {
    if (sent.client === state.outage || dice.percent(loss)) return null;
    const copies = dice.percent(double) ? [packet, packet.clone()] : [packet];
    return copies.filter((one) => {
      if (!dice.percent(reorder)) return true;
      pair.enqueue(sent.from === "client" ? "server" : "client", one, (10 + dice.below(60)) * MS);
      return false;
    });
  });
  return state;
}

/** Addresses go and come, paths fail and recover, readers pause; at the end everything is there. */
function live(pair: Pair, dice: Dice, server: App): void {
  const state = weather(pair, dice);
  const count = pair.addresses.client.length;
  const restore = (backups: boolean): void => {
    for (let i = 0; i < count; i++) pair.addAddress("client", `10.1.0.${i + 1}`, { backup: backups && dice.percent(33) });
  };
  for (let change = 0; change < 6; change++) {
    pair.run(dice.below(3000));
    const what = dice.below(6);
    if (what === 0) state.outage = dice.below(count);
    else if (what === 1) state.outage = -1;
    else if (what === 2 && count > 1) pair.removeAddress("client", dice.below(count));
    else if (what === 3) restore(true);
    else if (what === 4) server.reading = !server.reading;
  }
  state.outage = -1;
  restore(false);
  server.reading = true;
  server.look();
}

function run(seed: number): void {
  const dice = new Dice(seed);
  const delays = [5, 20, 80, 200];
  const pair = new Pair({
    seed,
    clientAddresses: 1 + dice.below(3),
    serverAddresses: 1 + dice.below(2),
    client: hostOptions(dice),
    server: hostOptions(dice),
    delay: (client, server) => (delays[(client + 2 * server) % 4] as number) * MS,
  });
  const [up, down] = [dice.below(150_000), dice.below(150_000)];
  // Fair weather for the first steps: before the first DSS there is nothing that another path could join.
  const { client, server } = pair.establish();
  client.write(up);
  server.write(down);
  if (dice.percent(50)) client.end();
  if (dice.percent(50)) server.end();
  pair.run(100);
  live(pair, dice, server);
  client.end();
  server.end();
  const over = pair.runUntil(() => client.connection.closed && server.connection.closed, 3_000_000);
  expect([over, client.received, server.received, client.corrupt, server.corrupt]).toEqual([true, down, up, false, false]);
  expect([client.connection.error, server.connection.error, client.connection.fallback, server.connection.fallback]).toEqual([null, null, null, null]);
  pair.run(3_000_000);
  for (const side of ["client", "server"] as const) expect(pair.hosts[side].usage).toMatchObject({ connections: 0, timeWaits: 0, pendingJoins: 0, tokens: 0, ports: 0, timers: 0 });
}

describe("paths that fail, vanish and return in bad weather", () => {
  test("cost no byte, end cleanly and leave nothing behind", () => {
    for (const seed of Array.from({ length: RUNS }, (_, i) => i + 1)) {
      try {
        run(seed);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
