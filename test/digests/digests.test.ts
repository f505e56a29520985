import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Recording } from "./recording.ts";
import type { Digest } from "./recording.ts";
import { allRuns, digestNetwork, RANDOM_SEEDS } from "./runs.ts";

// Captures and decision logs of many runs, as digests: a change that claims to leave behaviour as it is leaves them as they are.
//
//     npm run digests                                     compares
//     npm run digests -- --update                         writes digests.json anew, for a change of behaviour that is meant
//     DIGEST_RUN="<name>" DIGEST_FOLDER=<folder> npm run digests
//                                                         writes that run's capture.pcapng and decisions.jsonl, to compare two checkouts

const FILE = fileURLToPath(new URL("digests.json", import.meta.url));
const REMEDY = 'compare DIGEST_RUN="<name>" DIGEST_FOLDER=<folder> npm run digests in two checkouts; if the change is meant: npm run digests -- --update';

const runs = allRuns();
const wanted = process.env["DIGEST_RUN"];

test.runIf(wanted !== undefined)("one run, written into a folder", async () => {
  const folder = process.env["DIGEST_FOLDER"] ?? "out/digests";
  const run = runs.find(({ name }) => name === wanted);
  if (run === undefined) throw new Error(`no run named "${wanted}"; there are:\n${runs.map(({ name }) => name).join("\n")}`);
  mkdirSync(folder, { recursive: true });
  const [capture, decisions] = [join(folder, "capture.pcapng"), join(folder, "decisions.jsonl")];
  for (const file of [capture, decisions]) rmSync(file, { force: true });
  const recording = new Recording({ capture: (chunk) => appendFileSync(capture, chunk), line: (line) => appendFileSync(decisions, line) });
  await run.record(recording);
  expect(recording.finish().octets).toBeGreaterThan(0);
});

test.runIf(wanted === undefined)("captures and decisions of all runs are what they were", async () => {
  expect(runs.length).toBeGreaterThanOrEqual(60);
  expect(new Set(runs.map(({ name }) => name)).size).toBe(runs.length);
  const digests: Record<string, Digest> = {};
  const missing: string[] = [];
  for (const run of runs) {
    const recording = new Recording();
    await run.record(recording);
    digests[run.name] = recording.finish();
    for (const sight of run.shows) if (!recording.seen.has(sight)) missing.push(`${run.name}: no ${sight} among ${[...recording.seen].toSorted().join(", ")}`);
  }
  expect(missing, "each run shows what its name says").toEqual([]);
  const before = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf8")) as Record<string, Digest>) : {};
  const differing = [...new Set([...Object.keys(before), ...Object.keys(digests)])].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(digests[name]));
  await expect(`${JSON.stringify(digests, null, 2)}\n`, `runs that differ, ${differing.length} in all: ${differing.join("; ")}\n${REMEDY}`).toMatchFileSnapshot(FILE);
});

test("the random networks among the runs are of every kind", () => {
  const networks = RANDOM_SEEDS.map(digestNetwork);
  const paths = networks.flatMap((network) => network.paths);
  const kinds = {
    IPv4: paths.some((path) => !path.ipv6),
    IPv6: paths.some((path) => path.ipv6),
    NAT: paths.some((path) => path.nat),
    loss: paths.some((path) => path.loss > 0.02),
    duplicates: paths.some((path) => path.duplicate > 0),
    detours: paths.some((path) => path.detour > 0),
    "both families": networks.some((network) => new Set(network.paths.map((path) => path.ipv6)).size === 2),
    "one path": networks.some((network) => network.paths.length === 1),
    "four paths": networks.some((network) => network.paths.length === 4),
    checksums: networks.some((network) => network.checksum),
    "checksums and 8 octets": networks.some((network) => network.checksum && network.dataSequenceLength === 8),
    "no checksums": networks.some((network) => !network.checksum),
    "4 octets": networks.some((network) => network.dataSequenceLength === 4),
    "8 octets": networks.some((network) => network.dataSequenceLength === 8),
    "lowest time distance": networks.some((network) => network.scheduler === "lowest-time-distance"),
    "round robin": networks.some((network) => network.scheduler === "round-robin"),
    "fixed buffers": networks.some((network) => network.buffer > 0),
    "tuned buffers": networks.some((network) => network.buffer === 0),
    "a download": networks.some((network) => network.download > 0),
    ...Object.fromEntries((["down", "up", "rate", "remove", "add"] as const).map((what) => [what, networks.some((network) => network.changes.some((change) => change.what === what))])),
  };
  expect(Object.entries(kinds).filter(([, covered]) => !covered)).toEqual([]);
});
