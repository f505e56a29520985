import { parseOverride, runScenario } from "@mptcp/scenario";
import type { Override } from "@mptcp/scenario";
import { findScenario, loadScenario, nativeSha256, scenarioNames } from "@mptcp/scenario/node";
import { patternSource } from "mptcp/sim";
import { drawNetwork, runNetwork } from "../../packages/mptcp/test/mptcp/random-network.ts";
import type { RandomNetwork } from "../../packages/mptcp/test/mptcp/random-network.ts";
import type { Recording } from "./recording.ts";
import { MULTIPATH_RUNS } from "./runs-multipath.ts";
import { TCP_RUNS } from "./runs-tcp.ts";

/** A run whose digest is kept. */
export interface DigestRun {
  readonly name: string;
  /** What must be among {@link Recording.seen} afterwards, so that the run is about what its name says. */
  readonly shows: readonly string[];
  record(recording: Recording): void | Promise<void>;
}

/** The seeds of the random networks among the runs. */
export const RANDOM_SEEDS: readonly number[] = Array.from({ length: 60 }, (_, i) => 1000 + i);

/** All runs. Their names are the keys of digests.json. */
export function allRuns(): readonly DigestRun[] {
  return [
    ...scenarioNames().map((name) => scenarioRun(`scenario ${name}`, name, SHORTER[name] ?? {})),
    ...VARIANTS.map(([name, scenario, ...set]) => scenarioRun(`scenario ${scenario}, ${name}`, scenario, { set })),
    ...RANDOM_SEEDS.map((seed) => randomRun(seed)),
    ...TCP_RUNS,
    ...MULTIPATH_RUNS,
  ];
}

/** A random network, small enough that many of them take no time. */
export function digestNetwork(seed: number): RandomNetwork {
  const drawn = drawNetwork(seed);
  return { ...drawn, upload: Math.min(drawn.upload, MOST_RANDOM), download: Math.min(drawn.download, MOST_RANDOM) };
}

function randomRun(seed: number): DigestRun {
  return {
    name: `random network ${seed}`,
    shows: ["connection_established", "schedule"],
    record: (recording) => {
      const { problems } = runNetwork(digestNetwork(seed), (simulation) => recording.captureLinks(simulation), [recording]);
      if (problems.length > 0) throw new Error(`random network ${seed}: ${problems.join("; ")}`);
    },
  };
}

function scenarioRun(name: string, scenario: string, shorter: { readonly length?: number; readonly set?: readonly string[] }): DigestRun {
  return {
    name,
    shows: ["tcp_state"],
    record: async (recording) => {
      const loaded = await loadScenario(findScenario(scenario), (shorter.set ?? []).map(override));
      const isBulk = loaded.plan.workload.kind === "bulk";
      runScenario(loaded, {
        hash: nativeSha256,
        onEvent: (event) => recording.event(event),
        onCapture: (chunk) => recording.captured(chunk),
        ...(isBulk ? { file: patternSource(0, shorter.length ?? DEFAULT_LENGTH).toUint8Array() } : {}),
      });
    },
  };
}

function override(text: string): Override {
  const parsed = parseOverride(text);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}

const MOST_RANDOM = 100_000;
const DEFAULT_LENGTH = 600_000;

/** Long enough that everything that the scenario is about comes to pass. */
const SHORTER: Readonly<Record<string, { readonly length?: number; readonly set?: readonly string[] }>> = {
  "break-before-make": { length: 1_500_000, set: ["changes.0.at=1 s", "changes.1.at=3 s"] },
  "server-two-links": { length: 1_500_000, set: ["changes.0.at=5 ms"] },
  "wifi-lte-handover": { length: 1_200_000 },
};

/** What is said about a run, its scenario, and the fields that differ there. */
const VARIANTS: readonly (readonly [name: string, scenario: string, ...set: string[]])[] = [
  ["round-robin with bursts of loss", "two-paths", "protocol.scheduler=round-robin", "paths.right.loss={ toBad: 1 %, toGood: 30 % }"],
  ["reno uncoupled, with loss", "two-paths", "protocol.congestion=reno", "paths.left.loss=1%"],
  ["cubic uncoupled, with loss", "two-paths", "protocol.congestion=cubic", "paths.left.loss=1%"],
  ["lia-fixed-point, with loss", "two-paths", "protocol.congestion=lia-fixed-point", "paths.left.loss=1%"],
  ["checksums, jitter and a NAT", "two-paths", "protocol.checksum=true", "paths.left.jitter=5 ms", "paths.right.nat=true"],
  ["upload over IPv6", "two-paths", "ip=6", "workload.bulk.direction=upload"],
  ["small buffers", "wifi-3g", "protocol.buffers=60KB"],
  ["small buffers, no repair", "wifi-3g", "protocol.buffers=60KB", "protocol.opportunisticRetransmission=false", "protocol.penalisation=false"],
  ["live stream", "wifi-lte-handover", "workload={ live: { rate: 1 Mb/s, length: 4 s } }", "changes.0={ at: 1 s, path: wifi, state: down }", "changes.1={ at: 3 s, path: wifi, state: up }"],
  ["requests", "two-paths", "workload={ request: { count: 20, request: 200 B, response: 20 KB, interval: 30 ms } }"],
];
