import type { DecisionEvent, Observer } from "mptcp";
import { PcapngWriter } from "mptcp/capture";
import type { Scheduled } from "mptcp/sim";
import { buildNetwork } from "./build-network.ts";
import type { Network } from "./build-network.ts";
import { captureLink } from "./capture.ts";
import { scheduleChanges } from "./changes.ts";
import { fileContent, hashOf, madeUpContent, portableSha256 } from "./content.ts";
import type { Content, IncrementalHash } from "./content.ts";
import { countFacts } from "./facts.ts";
import type { LiveRun } from "./live-run.ts";
import { MarkCollector } from "./marks.ts";
import { loaded } from "./parse.ts";
import type { LoadedScenario } from "./parse.ts";
import type { Plan } from "./plan.ts";
import { isMarked } from "./record.ts";
import type { RunRecord } from "./record.ts";
import { Roster } from "./roster.ts";
import { Sampler } from "./sampler.ts";
import type { ScenarioSpec } from "./spec.ts";
import { summarize } from "./summary.ts";
import type { Summary } from "./summary.ts";
import { makeWork } from "./workload.ts";
import type { Work } from "./workload.ts";

/** What a run should do besides running. By default nothing: the fastest way to a summary. */
export interface RunOptions {
  /** Replaces the scenario's seed. */
  readonly seed?: number;
  /** The file to transfer, in place of whatever the scenario says. */
  readonly file?: Uint8Array;
  /** What is sent when it is neither a file nor said by the scenario: real bytes, or only their number (default). */
  readonly content?: "random" | "virtual";
  /** Sample time series, from this interval on (ns; true: 10 ms). Rows are thinned out when there are many. */
  readonly sample?: boolean | number;
  /** Gets every event of the decision log. */
  readonly onEvent?: (event: DecisionEvent) => void;
  /** Gets a pcapng capture of every path, or every link of a topology, in chunks. */
  readonly onCapture?: (chunk: Uint8Array) => void;
  /** Seconds, monotonic; for `wallSeconds` only. */
  readonly clock?: () => number;
  /** Makes the hash that compares what was sent and received (default: a portable SHA-256). */
  readonly hash?: () => IncrementalHash;
}

export interface RunResult {
  readonly summary: Summary;
  /** null unless `sample` was asked for. */
  readonly record: RunRecord | null;
}

/** How far a run is. */
export interface RunStatus {
  /** Virtual seconds. */
  readonly time: number;
  readonly bytes: number;
  readonly bytesExpected: number | null;
  readonly duration: number;
  readonly subflows: readonly SubflowStatus[];
}

export interface SubflowStatus {
  readonly id: number;
  readonly name: string;
  readonly bytesReceived: number;
  readonly rttMs: number;
  readonly state: "opening" | "open" | "closed";
  readonly backup: boolean;
}

/**
 * Runs a scenario from beginning to end, without any output. A scenario that is a plain value is checked before.
 *
 * @example
 * ```ts
 * const path = { rate: "10 Mb/s", rtt: "20 ms" };
 * const { summary } = runScenario({
 *   name: "quick",
 *   paths: [{ name: "a", ...path }, { name: "b", ...path }],
 *   workload: { bulk: { bytes: "10 MB" } },
 * });
 * console.log(summary.goodputBitsPerSecond);
 * ```
 *
 * @throws ScenarioError naming the field of whatever is wrong
 */
export function runScenario(scenario: LoadedScenario | ScenarioSpec, options: RunOptions = {}): RunResult {
  const run = new ScenarioRun(loaded(scenario), options);
  while (run.advance(SLICE));
  return run.finish();
}

/**
 * One run of a scenario, in slices of virtual time: call {@link advance} until it gives false, then {@link finish}. Between slices the caller
 * may show the {@link status}, see to other things, or {@link interrupt} the run.
 */
export class ScenarioRun {
  readonly plan: Plan;
  readonly network: Network;
  readonly work: Work;
  readonly seed: number;
  private readonly options: RunOptions;
  private readonly content: Content;
  private readonly roster: Roster;
  private readonly marks: MarkCollector;
  private readonly sampler: Sampler | null;
  private readonly capture: PcapngWriter | null;
  private readonly eventCounts: Record<string, number> = {};
  private readonly startedAt: number;
  private measuredFrom = 0;
  private measuredTo: number | null = null;
  private over = false;
  private interrupted = false;
  private gaveUp = false;
  /** Everything was delivered; what follows is the closing. */
  private closing = false;

  constructor(scenario: LoadedScenario, options: RunOptions = {}) {
    const { plan } = scenario;
    this.plan = plan;
    this.options = options;
    this.seed = options.seed ?? plan.seed;
    this.startedAt = this.wallClock();
    this.content = contentOf(plan, options);
    this.roster = new Roster((address) => interfaceName(plan, address.toString()));
    this.marks = new MarkCollector(plan.network.client, (event) => this.subjectOf(event));
    const observer: Observer = { perSegment: options.sample !== undefined || options.onEvent !== undefined, event: (event) => this.onEvent(event) };
    this.network = buildNetwork(plan, this.seed, scenario.parts, observer);
    const { simulation } = this.network;
    const compared = !this.content.virtual && plan.workload.kind !== "request";
    this.work = makeWork(plan.workload, this.content, compared ? this.makeHash() : null);
    const interval = options.sample === true ? DEFAULT_INTERVAL : options.sample;
    this.sampler = interval === undefined || interval === false ? null : new Sampler(simulation.queue, this.roster, this.work, interval);
    this.capture = options.onCapture === undefined ? null : this.startCapture(options.onCapture);
    this.start(scenario);
  }

  /** Runs for up to `slice` ns of virtual time. False when the run is over. */
  advance(slice: number): boolean {
    if (this.over) return false;
    const { simulation } = this.network;
    const until = Math.min(this.plan.duration, simulation.now + slice);
    simulation.run(until);
    if (simulation.now >= this.plan.duration) this.over = true;
    return !this.over;
  }

  /** Ends the run here: the next {@link advance} gives false. */
  interrupt(): void {
    this.over = true;
    this.interrupted = !this.closing;
  }

  get status(): RunStatus {
    this.roster.refresh(this.network.simulation.now);
    return {
      time: this.network.simulation.now / 1e9,
      bytes: this.work.receiver.bytesRead,
      bytesExpected: this.work.bytesExpected,
      duration: this.plan.duration / 1e9,
      subflows: this.roster.entries.map((entry) => {
        const receiver = this.work.download ? entry.client : entry.server;
        const sender = this.work.download ? entry.server : entry.client;
        return {
          id: entry.id,
          name: entry.name,
          bytesReceived: receiver?.bytesReceived ?? 0,
          rttMs: (sender?.srtt ?? 0) / 1e6,
          state: entry.client.state === "CLOSED" ? "closed" : entry.client.established ? "open" : "opening",
          backup: entry.clientSubflow?.backup ?? false,
        };
      }),
    };
  }

  /** Closes the capture and gives the results. Call once. */
  finish(): RunResult {
    const { simulation } = this.network;
    this.roster.refresh(simulation.now);
    this.sampler?.sample(simulation.now);
    this.capture?.close(simulation.now);
    const facts = countFacts({
      plan: this.plan,
      seed: this.seed,
      network: this.network,
      work: this.work,
      roster: this.roster,
      interrupted: this.interrupted,
      gaveUp: this.gaveUp,
      measured: (this.measuredTo ?? this.work.receiver.bytesRead) - this.measuredFrom,
      hashes: this.hashes(),
      events: this.eventCounts,
      wallSeconds: this.wallClock() - this.startedAt,
    });
    const record = this.sampler === null ? null : { series: this.sampler.builder.series, events: this.marks.events, eventsOmitted: this.marks.omitted };
    return { summary: summarize(facts, this.plan.expect), record };
  }

  private start(scenario: LoadedScenario): void {
    const { network, plan, work } = this;
    const { simulation } = network;
    const multipath = plan.protocol.multipath;
    network.server.listen(
      PORT,
      (connection) => {
        this.roster.setServer(connection);
        return work.server;
      },
      { multipath },
    );
    for (const app of [work.client, work.server]) app.onClosed = (): void => this.onClosed();
    simulation.at(0, () => {
      const connection = network.client.connect(network.serverAddress, PORT, work.client, { multipath, localAddress: network.clientAddress });
      this.roster.setClient(connection);
      scheduleChanges(plan.changes, network, work);
      if (work.bytesExpected !== null) work.receiver.whenReceived(work.bytesExpected, () => this.onDelivered());
    });
    this.armMeasurement();
    if (plan.stopWhenStalled !== Number.POSITIVE_INFINITY) simulation.queue.schedule(new StallWatch(this), plan.stopWhenStalled);
    if (this.sampler !== null) simulation.queue.schedule(this.sampler, 0);
    const live: LiveRun = { network, plan, client: work.client, server: work.server, at: (time, action) => simulation.at(time, action) };
    for (const action of scenario.onStart) action(live);
  }

  private armMeasurement(): void {
    const { from, to } = this.plan.measure;
    const { simulation } = this.network;
    if (from > 0) {
      this.measuredFrom = 0;
      simulation.at(from, () => (this.measuredFrom = this.work.receiver.bytesRead));
    }
    if (to < this.plan.duration) simulation.at(to, () => (this.measuredTo = this.work.receiver.bytesRead));
  }

  /** All data is there: the connection gets some time to close, for the sake of the capture. */
  private onDelivered(): void {
    this.closing = true;
    const { simulation } = this.network;
    simulation.after(CLOSING_TIME, () => this.end());
  }

  private onClosed(): void {
    const { client, server } = this.work;
    const broken = client.error !== null || server.error !== null;
    // The other end may have something to say yet.
    if (broken && !this.closing) this.network.simulation.after(BROKEN_TIME, () => this.end());
    else if (client.closedAt >= 0 && server.closedAt >= 0) this.end();
  }

  /** Ends the run after the present event. */
  private end(): void {
    this.over = true;
    this.network.simulation.stop();
  }

  /** @internal ns since something happened that the application saw; ends the run when that is too long. */
  checkStall(now: number): number {
    const quietSince = Math.max(0, this.work.receiver.lastByteAt);
    const limit = this.plan.stopWhenStalled;
    if (!this.closing && now - quietSince >= limit) {
      this.gaveUp = true;
      this.end();
    }
    return quietSince + limit;
  }

  private onEvent(event: DecisionEvent): void {
    this.eventCounts[event.kind] = (this.eventCounts[event.kind] ?? 0) + 1;
    this.options.onEvent?.(event);
    if (event.kind === "schedule") {
      if (this.sampler === null || event.reinjection) return;
      const entry = this.entryOf(event);
      if (entry !== undefined) this.sampler.scheduled(entry, event.dataOffset + event.length);
      return;
    }
    if (event.kind === "tcp_state" || event.kind === "subflow_established") this.roster.refresh(event.at);
    if (event.kind === "subflow_closed" && event.host === this.plan.network.client) this.noteClosed(event);
    if (isMarked(event)) this.capture?.event(event);
    if (this.sampler === null) return;
    this.marks.add(event);
    if (event.kind === "link" || event.kind === "address") this.sampler.sample(event.at);
  }

  private noteClosed(event: DecisionEvent & { readonly kind: "subflow_closed" }): void {
    const entry = this.roster.byId(event.subflow);
    if (entry === undefined || entry.closeReason !== null) return;
    if (entry.closedAt < 0) entry.closedAt = event.at;
    entry.closeReason = event.reason;
  }

  private entryOf(event: DecisionEvent): ReturnType<Roster["byId"]> {
    if (event.subflow < 0) return undefined;
    return event.host === this.plan.network.client ? this.roster.byId(event.subflow) : this.roster.byServerId(event.subflow);
  }

  /** What an event is about: a subflow's name, or a link's. */
  private subjectOf(event: DecisionEvent): string {
    if (event.kind === "link") return event.host.replace(/[<>]$/, "");
    if (event.kind === "address") return interfaceName(this.plan, event.address);
    return this.entryOf(event)?.name ?? "";
  }

  private startCapture(sink: (chunk: Uint8Array) => void): PcapngWriter {
    const writer = new PcapngWriter(sink, { application: "mptcp" });
    const paths = this.plan.network.links.filter((link) => link.path !== null);
    for (const planned of paths.length > 0 ? paths : this.plan.network.links) {
      const link = this.network.links.get(planned.name);
      // Content that is only a length is not worth its zeros.
      if (link !== undefined) captureLink(writer, link, this.work.content === null ? HEADERS : 0);
    }
    return writer;
  }

  /** Hashes of what was to be sent and of what arrived, and whether that is its beginning at least. */
  private hashes(): { sent: string | null; received: string; intact: boolean } | null {
    const { content, hash, receiver, bytesExpected } = this.work;
    if (content === null || hash === null) return null;
    const received = hash.hex();
    const length = receiver.bytesRead;
    const beginning = hashOf(content, length, () => this.makeHash());
    const intact = beginning === received;
    if (bytesExpected === null || bytesExpected === length) return { sent: beginning, received, intact };
    return { sent: bytesExpected <= MOST_HASHED ? hashOf(content, bytesExpected, () => this.makeHash()) : null, received, intact };
  }

  private makeHash(): IncrementalHash {
    return (this.options.hash ?? portableSha256)();
  }

  private wallClock(): number {
    return this.options.clock?.() ?? 0;
  }
}

/** Looks now and then whether the application still gets something. */
class StallWatch implements Scheduled {
  slot = -1;
  readonly background = false;
  private readonly run: ScenarioRun;

  constructor(run: ScenarioRun) {
    this.run = run;
  }

  fire(now: number): void {
    const next = this.run.checkStall(now);
    if (next > now) this.run.network.simulation.queue.schedule(this, next);
  }
}

function contentOf(plan: Plan, options: RunOptions): Content {
  const { workload } = plan;
  if (workload.kind === "bulk") {
    if (options.file !== undefined) return fileContent(options.file);
    return madeUpContent(workload.bytes ?? (workload.file === null ? null : DEFAULT_BYTES), workload.virtual || options.content !== "random");
  }
  return madeUpContent(null, options.content !== "random");
}

function interfaceName(plan: Plan, address: string): string {
  for (const host of plan.network.hosts) {
    for (const own of host.interfaces) if (own.address.toString() === address) return own.name;
  }
  return address;
}

const PORT = 5001;
/** ns of virtual time between two looks at whether the run is over. */
const SLICE = 1e9;
const DEFAULT_INTERVAL = 10e6;
/** A scenario that wants a file, but was given none: so many made-up bytes. */
const DEFAULT_BYTES = 16 * 1024 * 1024;
/** Octets that hold the longest IPv6 and TCP headers. */
const HEADERS = 128;
/** Of a transfer that ended early, so much is hashed to say what it would have been. */
const MOST_HASHED = 256 * 1024 * 1024;
const CLOSING_TIME = 10e9;
const BROKEN_TIME = 1e9;
