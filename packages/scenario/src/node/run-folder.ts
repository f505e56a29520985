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

/** A file of a run that could not be written. */
export class RunFileError extends Error {
  readonly path: string;
  override readonly cause: NodeJS.ErrnoException;

  constructor(path: string, cause: NodeJS.ErrnoException) {
    super(`${path}: ${cause.message}`);
    this.name = "RunFileError";
    this.path = path;
    this.cause = cause;
  }
}

/**
 * The folder that a run writes: capture.pcapng, events.jsonl, summary.json and report.html. Capture and events are written as they
 * come, so that an interrupted run leaves what there was. What cannot be written is thrown as a {@link RunFileError}, out of the run.
 */
export class RunFolder {
  readonly path: string;
  private readonly events: OpenFile;
  private readonly capture: OpenFile | null;
  private lines: string[] = [];
  private segmentEvents = 0;

  /** Makes the folder, and empties files of an earlier run. */
  constructor(path: string, capture: boolean) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    this.events = new OpenFile(this.file("events.jsonl"));
    this.capture = capture ? new OpenFile(this.file("capture.pcapng")) : null;
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
      ...(capture === null ? {} : { onCapture: (chunk: Uint8Array): void => capture.write(chunk) }),
    };
  }

  /** Writes summary and report, and closes the files. */
  finish(scenario: LoadedScenario, result: RunResult, commands: readonly { readonly label: string; readonly command: string }[]): void {
    this.flush();
    this.events.close();
    this.capture?.close();
    this.write("summary.json", `${JSON.stringify(result.summary, null, 2)}\n`);
    if (result.record === null) return;
    const { title, description } = scenario.plan;
    const overrides = scenario.overrides.map((override) => `# --set ${override.text}\n`).join("");
    const report = renderReport(
      { title, description, summary: result.summary, record: result.record, scenarioText: overrides + scenario.text, commands },
      reportAssets(),
    );
    this.write("report.html", report);
  }

  /** Closes the files of a run that comes to nothing, in place of {@link finish}. */
  abandon(): void {
    for (const file of [this.events, this.capture]) {
      try {
        file?.close();
      } catch {
        // Nobody waits for what is in it.
      }
    }
  }

  private write(name: string, text: string): void {
    const path = this.file(name);
    try {
      writeFileSync(path, text);
    } catch (error) {
      throw new RunFileError(path, error as NodeJS.ErrnoException);
    }
  }

  private event(event: DecisionEvent): void {
    if (event.kind === "schedule" && ++this.segmentEvents > MOST_SEGMENT_EVENTS) return;
    this.lines.push(formatEvent(event));
    if (this.lines.length >= 1000) this.flush();
  }

  private flush(): void {
    const { lines } = this;
    this.lines = [];
    if (lines.length > 0) this.events.write(Buffer.from(`${lines.join("\n")}\n`));
  }
}

/** A file that is written from its beginning on. */
class OpenFile {
  private readonly path: string;
  private descriptor: number | null;

  constructor(path: string) {
    this.path = path;
    this.descriptor = openSync(path, "w");
  }

  write(bytes: Uint8Array): void {
    if (this.descriptor === null) return;
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.descriptor, bytes, done, bytes.length - done);
    } catch (error) {
      throw new RunFileError(this.path, error as NodeJS.ErrnoException);
    }
  }

  close(): void {
    if (this.descriptor === null) return;
    const { descriptor } = this;
    this.descriptor = null;
    try {
      closeSync(descriptor);
    } catch (error) {
      throw new RunFileError(this.path, error as NodeJS.ErrnoException);
    }
  }
}

/** One per segment sent: beyond that many only the other kinds are written. */
const MOST_SEGMENT_EVENTS = 200_000;
