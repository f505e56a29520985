import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { kernelTestObstacle } from "../../mptcp/test/node/namespace.ts";
import { Day } from "./laptop-day.ts";
import { downloadObstacle, sshObstacle, startDownload, startServing, startSsh, startTalk, startTransfer, stopTraffic } from "./laptop-traffic.ts";
import type { Traffic } from "./laptop-traffic.ts";
import { Laptop } from "./laptop.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`a laptop's day is skipped: ${obstacle}`);
const withoutSsh = sshObstacle();
if (withoutSsh !== null) console.warn(`a laptop's day has no session of ssh: ${withoutSsh}`);
const withoutDownload = downloadObstacle();
if (withoutDownload !== null) console.warn(`a laptop's day has no download: ${withoutDownload}`);

/** `npm run laptop` has a long day. */
const CHANGES = Number(process.env["LAPTOP_CHANGES"] ?? 8);
const SEED = Number(process.env["LAPTOP_SEED"] ?? 1);

const laptops: Laptop[] = [];

/** Until something has arrived in each direction. @throws Error when nothing does although a device works */
async function moves(traffic: Traffic, before: readonly number[]): Promise<void> {
  for (let waited = 0; traffic.progress.some((octets, at) => octets === (before[at] ?? 0)); waited += 50) {
    if (waited > LONGEST_STANDSTILL) throw new Error(`${traffic.name} stands still`);
    await sleep(50);
  }
}

/** Lets the day go by: after each change everything goes on, and in the end all has arrived. */
async function live(day: Day, traffics: readonly Traffic[], changes = CHANGES): Promise<void> {
  const story: string[] = [];
  try {
    await Promise.all(traffics.map((traffic) => moves(traffic, [])));
    for (let i = 0; i < changes; i++) {
      const before = traffics.map(({ progress }) => progress);
      const { text, pause, works } = day.step();
      story.push(text);
      const startedAt = Date.now();
      await sleep(pause * 1000);
      if (works) await Promise.all(traffics.map((traffic, at) => moves(traffic, before[at] ?? [])));
      story[i] += `; in ${((Date.now() - startedAt) / 1000).toFixed(1)} s ${traffics.map(({ name, progress }, at) => `${name} ${progress.map((octets, direction) => `+${octets - (before[at]?.[direction] ?? 0)}`).join(" ")}`).join(", ")}`;
      if (process.env["LAPTOP_STORY"] !== undefined) process.stderr.write(`${story[i]}\n`);
    }
    day.end();
    await Promise.all(traffics.map((traffic) => traffic.finish()));
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${story.join("\n")}`, { cause: error });
  }
  expect(day.changes).toHaveLength(changes);
}

/** ms */
const LONGEST_STANDSTILL = 20_000;

afterEach(async () => {
  await stopTraffic();
  for (const laptop of laptops.splice(0)) await laptop.close();
});

describe.skipIf(obstacle !== null)("a laptop whose devices come and go", () => {
  it(`goes on with a transfer, a session of ssh and a download through ${CHANGES} changes (LAPTOP_SEED=${SEED})`, { timeout: 120_000 + CHANGES * 10_000 }, async () => {
    const laptop = new Laptop();
    laptops.push(laptop);
    const day = new Day(laptop, SEED);
    const traffics: Traffic[] = [await startTransfer(laptop)];
    if (withoutSsh === null) traffics.push(await startSsh(laptop));
    if (withoutDownload === null) traffics.push(await startDownload(laptop));
    await live(day, traffics);
  });

  it.skipIf(process.env["LAPTOP_CHANGES"] === undefined)(`carries what is said on an idle connection after each of ${CHANGES} changes (LAPTOP_SEED=${SEED})`, { timeout: 120_000 + CHANGES * 30_000 }, async () => {
    const laptop = new Laptop();
    laptops.push(laptop);
    const talk = await startTalk(laptop);
    await talk.up();
    const day = new Day(laptop, SEED);
    const told: string[] = [];
    for (let i = 0; i < CHANGES; i++) {
      const { text, pause, works } = day.step();
      await sleep(pause * 1500);
      if (!works) continue;
      const times = i % 2 === 0 ? { down: await talk.down(), up: await talk.up() } : { up: await talk.up(), down: await talk.down() };
      told.push(`${text}: ${Object.entries(times).map(([way, time]) => `${way} ${time.toFixed(0)} ms`).join(", ")}`);
      if (process.env["LAPTOP_STORY"] !== undefined) process.stderr.write(`${told.at(-1)}\n`);
      expect(Math.max(times.up, times.down), told.join("\n")).toBeLessThan(LONGEST_STANDSTILL);
    }
    expect(told.length).toBeGreaterThan(CHANGES / 2);
  });

  it(`serves through ${CHANGES / 2} changes as long as one device works (LAPTOP_SEED=${SEED})`, { timeout: 120_000 + CHANGES * 10_000 }, async () => {
    const laptop = new Laptop();
    laptops.push(laptop);
    await live(new Day(laptop, SEED, true), [await startServing(laptop)], Math.ceil(CHANGES / 2));
  });
});
