import { createHash } from "node:crypto";
import { callScenario, parseOverride, runScenario } from "@mptcp/scenario";
import type { LoadedScenario, Override, ScenarioApi, ScenarioSpec, Summary } from "@mptcp/scenario";
import { findScenario, loadScenario, nativeSha256 } from "@mptcp/scenario/node";
import type { Expectation } from "./verify.ts";

/** A scenario that was run, and what its capture should show. */
export interface CapturedRun {
  readonly summary: Summary;
  readonly file: Buffer;
  readonly expected: Expectation;
}

/** A scenario of the project's folder, made short. What is not listed in {@link SHORTER} transfers {@link DEFAULT_LENGTH} bytes. */
export async function folderScenario(name: string): Promise<{ scenario: LoadedScenario; length: number }> {
  const { length = DEFAULT_LENGTH, set = [] } = SHORTER[name] ?? {};
  return { scenario: await loadScenario(findScenario(name), set.map(override)), length };
}

/** A scenario made up here. */
export function ownScenario(spec: ScenarioSpec, use: Parameters<ScenarioApi["use"]>[0] = {}): LoadedScenario {
  return callScenario((api) => {
    api.define(spec);
    api.use(use);
  }, spec.name);
}

/** Runs a scenario with a capture. A bulk transfer, whatever it says of its content, carries `length` bytes that this module makes. */
export function captureRun(scenario: LoadedScenario, length: number): CapturedRun {
  const { workload, protocol } = scenario.plan;
  const content = workload.kind === "bulk" ? contentOf(length) : null;
  const chunks: Uint8Array[] = [];
  const { summary } = runScenario(scenario, {
    content: "random",
    hash: nativeSha256,
    onCapture: (chunk) => chunks.push(chunk),
    ...(content === null ? {} : { file: content }),
  });
  const downloads = workload.kind === "request" || workload.download;
  return {
    summary,
    file: Buffer.concat(chunks),
    expected: {
      transport: protocol.multipath ? "mptcp" : "tcp",
      sender: downloads ? 1 : 0,
      length: content?.length ?? summary.bytes,
      sha256: content === null ? summary.sha256Sent : createHash("sha256").update(content).digest("hex"),
      content,
      complete: summary.outcome === "completed",
      otherLength: workload.kind === "request" ? workload.count * workload.requestBytes : 0,
    },
  };
}

/** Bytes that look random and are always the same: SHA-256 of a counter. */
function contentOf(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, counter) => createHash("sha256").update(`content ${counter}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

function override(text: string): Override {
  const parsed = parseOverride(text);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}

const DEFAULT_LENGTH = 800_000;

/** Long enough that everything that the scenario is about comes to pass. */
const SHORTER: Readonly<Record<string, { readonly length?: number; readonly set?: readonly string[] }>> = {
  "break-before-make": { length: 1_500_000, set: ["changes.0.at=1 s", "changes.1.at=3 s"] },
  "server-two-links": { length: 1_500_000, set: ["changes.0.at=5 ms"] },
  "wifi-lte-handover": { length: 2_000_000 },
};
