import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { runBulk } from "./paths.ts";
import type { BulkResult, BulkSetting, PathSetting } from "./paths.ts";

/** Runs the aggregation and buffer experiments and writes docs/aggregation.md. Jobs are spread over the machine's cores. */
async function main(): Promise<void> {
  const only = process.argv[2];
  const sections: string[] = [
    "# Aggregation, measured",
    "",
    "Written by `npm run tables`. Everything is virtual time: the same numbers come out on every machine.",
    "",
  ];
  if (only === undefined || only === "clean") sections.push(...(await clean()));
  if (only === undefined || only === "loss") sections.push(...(await lossy()));
  if (only === undefined || only === "wifi-3g") sections.push(...(await buffers()));
  const text = `${sections.join("\n")}\n`;
  if (only === undefined) writeFileSync(fileURLToPath(new URL("../../docs/aggregation.md", import.meta.url)), text);
  console.log(text);
}

const NETWORKS: readonly { readonly name: string; readonly paths: readonly PathSetting[] }[] = [
  { name: "10 + 10 Mb/s, 20 ms", paths: [{ rate: 10e6, rttMs: 20 }, { rate: 10e6, rttMs: 20 }] },
  { name: "100 + 20 Mb/s, 10 and 50 ms", paths: [{ rate: 100e6, rttMs: 10 }, { rate: 20e6, rttMs: 50 }] },
  { name: "1000 + 1000 Mb/s, 20 ms", paths: [{ rate: 1e9, rttMs: 20 }, { rate: 1e9, rttMs: 20 }] },
];

async function clean(): Promise<string[]> {
  const results = await all(NETWORKS.map(({ paths }) => ({ paths, seed: 1, from: 20, to: 60, protocol: "lia" })));
  return [
    "## Without loss",
    "",
    "LIA, auto-tuned buffers, queues of one bandwidth-delay product, virtual seconds 20 to 60. The ceiling is the sum over links of rate x payload octets / wire octets as sent.",
    "",
    "| network | goodput, Mb/s | ceiling, Mb/s | share |",
    "|---|---|---|---|",
    ...NETWORKS.map(({ name }, i) => {
      const { goodput, ceiling } = results[i] as BulkResult;
      return `| ${name} | ${mega(goodput)} | ${mega(ceiling)} | ${percent(goodput / ceiling)} |`;
    }),
    "",
  ];
}

async function lossy(): Promise<string[]> {
  const rows: { name: string; settings: BulkSetting[]; alone: BulkSetting[] }[] = [];
  for (const { name, paths } of NETWORKS) {
    for (const loss of [0.001, 0.01]) {
      for (let lossyPath = 0; lossyPath < (paths[0]?.rate === paths[1]?.rate ? 1 : 2); lossyPath++) {
        const withLoss = paths.map((path, i) => (i === lossyPath ? { ...path, loss } : path));
        rows.push({
          name: `${name}; ${percent(loss)} on path ${lossyPath + 1}`,
          settings: SEEDS.map((seed) => ({ paths: withLoss, seed, from: 20, to: 60, protocol: "lia" })),
          alone: withLoss.flatMap((path) => (path.loss === undefined ? [1] : SEEDS).map((seed): BulkSetting => ({ paths: [path], seed, from: 20, to: 60, protocol: "reno-tcp" }))),
        });
      }
    }
  }
  const results = await all(rows.flatMap((row) => [...row.settings, ...row.alone]));
  let at = 0;
  const lines = rows.map((row) => {
    const multipath = median(results.slice(at, at + row.settings.length).map((result) => result.goodput));
    at += row.settings.length;
    const byPath = new Map<PathSetting, number[]>();
    for (const setting of row.alone) {
      const path = setting.paths[0] as PathSetting;
      byPath.set(path, [...(byPath.get(path) ?? []), (results[at++] as BulkResult).goodput]);
    }
    const better = Math.max(...[...byPath.values()].map(median));
    return `| ${row.name} | ${mega(multipath)} | ${mega(better)} | ${percent(multipath / better)} |`;
  });
  return [
    "## Random loss on one path",
    "",
    "LIA over both paths against plain TCP (NewReno) alone on the better one; medians of 5 seeds, virtual seconds 20 to 60.",
    "",
    "| network and loss | LIA, Mb/s | NewReno on the better path, Mb/s | ratio |",
    "|---|---|---|---|",
    ...lines,
    "",
    "The row below one is the path that is the better one for TCP although it loses packets. Linked Increases adds nearly the same to that path's window per acknowledged segment whatever its size (RFC 6356 §3, formula 2: the other, full path dominates the sum), so that it stays long in the small windows which chance losses leave behind. The formula alone, iterated per round trip over a path of 10 ms with 0.1 % loss and a full one of 20 Mb/s, gives 0.89.",
    "",
  ];
}

async function buffers(): Promise<string[]> {
  const wifi: PathSetting = { rate: 8e6, rttMs: 20, queuePackets: 80 };
  const umts: PathSetting = { rate: 2e6, rttMs: 150, queuePackets: 500 };
  const sizes = [50, 100, 200, 300, 500, 700, 1000];
  const variants: readonly { readonly name: string; readonly setting: (seed: number, buffer: number) => BulkSetting }[] = [
    { name: "neither", setting: (seed, buffer) => ({ paths: [wifi, umts], seed, from: 20, to: 120, protocol: "lia", buffer, opportunistic: false, penalise: false }) },
    { name: "M1", setting: (seed, buffer) => ({ paths: [wifi, umts], seed, from: 20, to: 120, protocol: "lia", buffer, opportunistic: true, penalise: false }) },
    { name: "M1 + M2", setting: (seed, buffer) => ({ paths: [wifi, umts], seed, from: 20, to: 120, protocol: "lia", buffer, opportunistic: true, penalise: true }) },
    { name: "TCP over Wi-Fi alone", setting: (seed, buffer) => ({ paths: [wifi], seed, from: 20, to: 120, protocol: "reno-tcp", buffer }) },
  ];
  const jobs = variants.flatMap(({ setting }) => sizes.flatMap((size) => SEEDS.map((seed) => setting(seed, size * 1000))));
  const results = await all(jobs);
  let at = 0;
  const lines = variants.map(({ name }) => {
    const cells = sizes.map(() => {
      const cell = median(results.slice(at, at + SEEDS.length).map((result) => result.goodput));
      at += SEEDS.length;
      return mega(cell);
    });
    return `| ${name} | ${cells.join(" | ")} |`;
  });
  return [
    "## Wi-Fi and 3G, goodput against buffer size",
    "",
    "Wi-Fi 8 Mb/s, 20 ms, 80 packets; 3G 2 Mb/s, 150 ms, 500 packets; LIA; fixed send and receive buffers; virtual seconds 20 to 120, medians of 5 seeds, Mb/s. M1 is opportunistic retransmission, M2 penalisation.",
    "",
    `| buffer, KB | ${sizes.join(" | ")} |`,
    `|---|${sizes.map(() => "---|").join("")}`,
    ...lines,
    "",
  ];
}

/** Runs the jobs in child processes, one per core; results in the order of the jobs. */
async function all(jobs: readonly BulkSetting[]): Promise<BulkResult[]> {
  const results: BulkResult[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < jobs.length) {
      const index = next++;
      results[index] = await inChild(jobs[index] as BulkSetting);
      process.stderr.write(`\r${index + 1}/${jobs.length} `);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, worker));
  process.stderr.write("\r");
  return results;
}

function inChild(setting: BulkSetting): Promise<BulkResult> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ["--job"]);
    child.once("message", (result) => {
      resolve(result as BulkResult);
      child.kill();
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`job failed with exit code ${code}: ${JSON.stringify(setting)}`)));
    child.send(setting);
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function mega(bits: number): string {
  return (bits / 1e6).toFixed(bits < 1e8 ? 2 : 1);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

const SEEDS = [1, 2, 3, 4, 5];

if (process.argv[2] === "--job") process.once("message", (setting) => process.send?.(runBulk(setting as BulkSetting)));
else await main();
