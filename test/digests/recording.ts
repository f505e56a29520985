import { createHash } from "node:crypto";
import type { DecisionEvent, Observer } from "mptcp";
import { formatEvent, PcapngWriter } from "mptcp/capture";
import { CaptureRecorder } from "mptcp/sim";
import type { Simulation } from "mptcp/sim";

/** What is kept of a run: enough to tell whether another run was the same. */
export interface Digest {
  /** SHA-256 of the capture of all links. */
  readonly capture: string;
  /** SHA-256 of the decision log, as JSON lines. */
  readonly decisions: string;
  /** Octets of the capture. */
  readonly octets: number;
  /** Lines of the decision log. */
  readonly events: number;
}

/** Gets what a {@link Recording} digests: the octets of the capture, and the lines of the decision log. */
export interface RecordingSink {
  capture(chunk: Uint8Array): void;
  line(text: string): void;
}

/** Takes down a run: each packet at both ends of each link, and each decision of each host, those of every segment included. */
export class Recording implements Observer {
  readonly perSegment = true;
  /** The kinds of events that came, each also with the reason or cause that it gave: `fallback`, `fallback no_data_ack`. */
  readonly seen = new Set<string>();
  private readonly sink: RecordingSink | null;
  private readonly captureHash = createHash("sha256");
  private readonly decisionHash = createHash("sha256");
  private octets = 0;
  private events = 0;
  private writer: PcapngWriter | null = null;

  constructor(sink: RecordingSink | null = null) {
    this.sink = sink;
  }

  event(event: DecisionEvent): void {
    this.events++;
    this.seen.add(event.kind);
    if ("reason" in event) this.seen.add(`${event.kind} ${event.reason}`);
    else if ("cause" in event) this.seen.add(`${event.kind} ${event.cause}`);
    const line = `${formatEvent(event)}\n`;
    this.decisionHash.update(line);
    this.sink?.line(line);
  }

  /** Takes octets of a capture that somebody else writes. */
  captured(chunk: Uint8Array): void {
    this.octets += chunk.length;
    this.captureHash.update(chunk);
    this.sink?.capture(chunk);
  }

  /** Captures all links that the simulation has now. */
  captureLinks(simulation: Simulation): void {
    this.writer = new PcapngWriter((chunk) => this.captured(chunk));
    const recorder = new CaptureRecorder(this.writer);
    for (const link of simulation.links) recorder.link(link);
  }

  /** Ends the recording. */
  finish(): Digest {
    this.writer?.close(0);
    return { capture: this.captureHash.digest("hex"), decisions: this.decisionHash.digest("hex"), octets: this.octets, events: this.events };
  }
}
