import { expect, test } from "vitest";
import { randomSources, SeededRandom, seededSources } from "../../src/core/index.ts";
import type { RandomPurpose, RandomSource, RandomSources } from "../../src/core/index.ts";
import { Pair } from "../mptcp/pair.ts";

const PURPOSES = Object.keys(seededSources(1)) as RandomPurpose[];

/** Notes what is drawn from each source. */
function watched(sources: RandomSources, drawn: Record<string, string[]>): RandomSources {
  return randomSources((purpose) => {
    const log: string[] = (drawn[purpose] = []);
    const note = <T>(value: T): T => {
      log.push(String(value));
      return value;
    };
    const source: RandomSource = { uint32: () => note(sources[purpose].uint32()), fill: (target) => (sources[purpose].fill(target), void note(target)) };
    return source;
  });
}

/** What client and server drew in a short life: several connections, joins from both addresses of the client, SYN cookies. */
function life(fixed: Partial<RandomSources>): { client: Record<string, string[]>; server: Record<string, string[]> } {
  const drawn = { client: {}, server: {} };
  const pair = new Pair({
    clientAddresses: 2,
    client: { random: watched(seededSources(1, ["client"], fixed), drawn.client) },
    server: { random: watched(seededSources(1, ["server"]), drawn.server), synCookies: "always" },
  });
  for (let i = 0; i < 3; i++) {
    const { client, server } = pair.establish();
    client.write(20_000);
    pair.run(500);
    expect([client.established, server.received]).toEqual([[1, 2], 20_000]);
  }
  // Whoever answers by SYN cookies gives out none of Fast Open.
  const keys: Record<string, string[]> = {};
  const open = new Pair({ server: { random: watched(seededSources(1, ["server"]), keys) }, listen: { fastOpen: true } });
  open.establish({ fastOpen: true });
  return { client: drawn.client, server: { ...drawn.server, fastOpenKeys: keys["fastOpenKeys"] ?? [] } };
}

test("each purpose draws from its own source, and fixing one leaves the draws of the others as they are", () => {
  const plain = life({});
  const used = PURPOSES.filter((purpose) => [...(plain.client[purpose] ?? []), ...(plain.server[purpose] ?? [])].length > 0);
  expect(used).toEqual(PURPOSES);
  for (const purpose of PURPOSES) {
    const changed = life({ [purpose]: new SeededRandom(99) });
    expect(changed.server).toEqual(plain.server);
    for (const other of PURPOSES) {
      if (other !== purpose) expect(changed.client[other]).toEqual(plain.client[other]);
      else if (purpose !== "cookieSecrets" && purpose !== "fastOpenKeys") expect(changed.client[other]).not.toEqual(plain.client[other]);
    }
  }
});

test("a host takes sources by a function, too", () => {
  const asked: RandomPurpose[] = [];
  const pair = new Pair({
    client: {
      random: (purpose) => {
        asked.push(purpose);
        return new SeededRandom(4, purpose);
      },
    },
  });
  pair.establish();
  expect(asked.toSorted()).toEqual(PURPOSES.toSorted());
});
