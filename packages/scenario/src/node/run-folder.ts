import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { DecisionEvent } from "mptcp";
import { formatEvent } from "mptcp/capture";
import type { IncrementalHash } from "../content.ts";
import type { LoadedScenario } from "../parse.ts";
import { renderReport } from "../report/report.ts";
import type { RunOptions, RunResult } from "../runner.ts";
import { reportAssets } from "./assets.ts";

/** SHA-256 by OpenSSL, which is faster than the portable one. */
export function nativeSha256(): IncrementalHash {
  const hash = createHash("sha256");
  return { update: (bytes) => hash.update(bytes), hex: () => hash.digest("hex") };
}

/**
 * The folder that a run writes: capture.pcapng, events.jsonl, summary.json and report.html. Capture and events are written as they
 * come, so that an interrupted run leaves what there was.
 */
export class RunFolder {
  readonly path: string;
  private readonly events: number;
  private readonly capture: number | null;
  private lines: string[] = [];
  private segmentEvents = 0;

  /** Makes the folder, and empties files of an earlier run. */
  constructor(path: string, capture: boolean) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    this.events = openSync(this.file("events.jsonl"), "w");
    this.capture = capture ? openSync(this.file("capture.pcapng"), "w") : null;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** The part of a run's options that fills this folder. */
  get options(): Pick<RunOptions, "onEvent" | "onCapture" | "sample" | "hash"> {
    const { capture } = this;
    return {
      sample: true,
      hash: nativeSha256,
      onEvent: (event): void => this.event(event),
      ...(capture === null ? {} : { onCapture: (chunk: Uint8Array): void => writeWhole(capture, chunk) }),
    };
  }

  /** Writes summary and report, and closes the files. */
  finish(scenario: LoadedScenario, result: RunResult, commands: readonly { readonly label: string; readonly command: string }[]): void {
    this.flush();
    closeSync(this.events);
    if (this.capture !== null) closeSync(this.capture);
    writeFileSync(this.file("summary.json"), `${JSON.stringify(result.summary, null, 2)}\n`);
    if (result.record === null) return;
    const { title, description } = scenario.plan;
    const overrides = scenario.overrides.map((override) => `# --set ${override.text}\n`).join("");
    const report = renderReport(
      { title, description, summary: result.summary, record: result.record, scenarioText: overrides + scenario.text, commands },
      reportAssets(),
    );
    writeFileSync(this.file("report.html"), report);
  }

  private event(event: DecisionEvent): void {
    if (event.kind === "schedule" && ++this.segmentEvents > MOST_SEGMENT_EVENTS) return;
    this.lines.push(formatEvent(event));
    if (this.lines.length >= 1000) this.flush();
  }

  private flush(): void {
    if (this.lines.length > 0) writeSync(this.events, `${this.lines.join("\n")}\n`);
    this.lines = [];
  }
}

function writeWhole(file: number, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done, chunk.length - done);
}

/** One per segment sent: beyond that many only the other kinds are written. */
const MOST_SEGMENT_EVENTS = 200_000;
