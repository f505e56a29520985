import { planNetwork } from "./plan-network.ts";
import type { PlanDirection, PlanLink, PlanNetwork } from "./plan-network.ts";
import { lossValue, Reader } from "./plan-reader.ts";
import type { LossValue } from "./plan-reader.ts";
import { problemAt } from "./problems.ts";
import type { FieldPath, Problem } from "./problems.ts";
import type { ChangeSpec, Outcome, ScenarioSpec, WorkloadSpec } from "./spec.ts";
import { didYouMean } from "./suggest.ts";
import type { Progress } from "./units.ts";

/** A scenario in numbers: what the runner works from. Times in ns, rates in bit/s, sizes in bytes. */
export interface Plan {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly seed: number;
  readonly network: PlanNetwork;
  readonly protocol: PlanProtocol;
  readonly workload: PlanWorkload;
  readonly duration: number;
  /** Infinity: never. */
  readonly stopWhenStalled: number;
  readonly changes: readonly PlanChange[];
  /** `to` is Infinity when it is the end of the run. */
  readonly measure: { readonly from: number; readonly to: number };
  readonly expect: PlanExpect;
}

/** What is not given (null) is the engine's default. */
export interface PlanProtocol {
  readonly multipath: boolean;
  readonly scheduler: string | null;
  readonly congestion: string | null;
  readonly mode: "full" | "backup" | "single-path";
  readonly sendBuffer: number | null;
  readonly receiveBuffer: number | null;
  readonly minRto: number | null;
  readonly maxRto: number | null;
  readonly delayedAck: number | null;
  readonly initialWindow: number | null;
  readonly retries: number | null;
  readonly sack: boolean | null;
  readonly timestamps: boolean | null;
  readonly noDelay: boolean | null;
  readonly checksum: boolean | null;
  readonly opportunisticRetransmission: boolean | null;
  readonly penalisation: boolean | null;
  readonly noSubflowTimeout: number | null;
  readonly maxSubflows: number | null;
}

export type PlanWorkload = PlanBulk | PlanRequest | PlanLive;

export interface PlanBulk {
  readonly kind: "bulk";
  readonly download: boolean;
  /** null: the file's length, or endless without a file. */
  readonly bytes: number | null;
  /** A path; true: a file that the caller names; null: none. */
  readonly file: string | true | null;
  readonly virtual: boolean;
}

export interface PlanRequest {
  readonly kind: "request";
  readonly count: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly interval: number;
}

export interface PlanLive {
  readonly kind: "live";
  readonly download: boolean;
  readonly chunkBytes: number;
  readonly interval: number;
  /** Writes until then; Infinity: to the end of the run. */
  readonly length: number;
}

export interface PlanChange {
  /** At a time of the run, or at a progress; `after` ns later. */
  readonly at: number | null;
  readonly when: Progress | null;
  readonly after: number;
  /** What it is about, for people. */
  readonly target: string;
  readonly links: readonly PlanLink[];
  readonly host: string | null;
  readonly interface: string | null;
  readonly up: boolean;
  readonly down: boolean;
  readonly state: "up" | "down" | null;
  readonly address: "removed" | "added" | null;
  readonly rate: number | null;
  readonly delay: number | null;
  readonly loss: LossValue | null;
}

export interface PlanExpect {
  readonly outcomes: readonly Outcome[];
  readonly maxStall: number | null;
  readonly minStall: number | null;
  readonly fallback: boolean | null;
}

/** Turns a scenario that the schema accepts into numbers, or says what does not fit together. */
export function planScenario(spec: ScenarioSpec): Plan | Problem[] {
  const reader = new Reader();
  const network = planNetwork(spec, reader);
  const workload = planWorkload(spec.workload, reader);
  const duration = reader.time(spec.duration, DEFAULT_DURATION);
  const from = reader.time(spec.measure?.from, 0);
  const to = reader.time(spec.measure?.to, Number.POSITIVE_INFINITY);
  if (from >= to) reader.problems.push(problemAt(["measure"], "the window must end after it begins"));
  if (from >= duration) reader.problems.push(problemAt(["measure", "from"], "is not before the end of the run"));
  const changes = (spec.changes ?? []).map((change, index) => planChange(change, ["changes", index], network, workload, reader));
  for (const role of ["from", "to"] as const) {
    const host = spec.workload[role];
    if (host !== undefined && !network.hosts.some((one) => one.name === host)) {
      reader.problems.push(problemAt(["workload", role], `there is no host "${host}"; ${didYouMean(host, network.hosts.map((one) => one.name))}`));
    }
  }
  if (reader.problems.length > 0) return reader.problems;
  const outcome = spec.expect?.outcome ?? "completed";
  return {
    name: spec.name,
    title: spec.title ?? spec.name,
    description: spec.description ?? "",
    seed: spec.seed ?? 1,
    network,
    protocol: planProtocol(spec, reader),
    workload,
    duration,
    stopWhenStalled: reader.time(spec.stopWhenStalled, Number.POSITIVE_INFINITY),
    changes,
    measure: { from, to },
    expect: {
      outcomes: typeof outcome === "string" ? [outcome] : outcome,
      maxStall: spec.expect?.maxStall === undefined ? null : reader.time(spec.expect.maxStall, 0),
      minStall: spec.expect?.minStall === undefined ? null : reader.time(spec.expect.minStall, 0),
      fallback: spec.expect?.fallback ?? null,
    },
  };
}

function planProtocol(spec: ScenarioSpec, reader: Reader): PlanProtocol {
  const given = spec.protocol ?? {};
  const buffers = typeof given.buffers === "string" ? { send: given.buffers, receive: given.buffers } : (given.buffers ?? {});
  const size = (text: string | undefined): number | null => (text === undefined || text === "auto" ? null : reader.size(text));
  const time = (text: string | undefined): number | null => (text === undefined ? null : reader.time(text, 0));
  return {
    multipath: (given.transport ?? "mptcp") === "mptcp",
    scheduler: given.scheduler ?? null,
    congestion: given.congestion ?? null,
    mode: given.mode ?? "full",
    sendBuffer: size(buffers.send),
    receiveBuffer: size(buffers.receive),
    minRto: time(given.minRto),
    maxRto: time(given.maxRto),
    delayedAck: time(given.delayedAck),
    initialWindow: given.initialWindow ?? null,
    retries: given.retries ?? null,
    sack: given.sack ?? null,
    timestamps: given.timestamps ?? null,
    noDelay: given.noDelay ?? null,
    checksum: given.checksum ?? null,
    opportunisticRetransmission: given.opportunisticRetransmission ?? null,
    penalisation: given.penalisation ?? null,
    noSubflowTimeout: time(given.noSubflowTimeout),
    maxSubflows: given.maxSubflows ?? null,
  };
}

function planWorkload(spec: WorkloadSpec, reader: Reader): PlanWorkload {
  if (spec.request !== undefined) {
    const { count, request, response, interval } = spec.request;
    return { kind: "request", count, requestBytes: reader.size(request), responseBytes: reader.size(response), interval: reader.time(interval, 0) };
  }
  if (spec.live !== undefined) {
    const interval = reader.time(spec.live.interval, 20_000_000);
    if (interval === 0) reader.problems.push(problemAt(["workload", "live", "interval"], "must be above 0"));
    return {
      kind: "live",
      download: spec.live.direction !== "upload",
      chunkBytes: Math.max(1, Math.round((reader.rate(spec.live.rate) / 8) * (interval / 1e9))),
      interval,
      length: reader.time(spec.live.length, Number.POSITIVE_INFINITY),
    };
  }
  const bulk = spec.bulk ?? {};
  return {
    kind: "bulk",
    download: bulk.direction !== "upload",
    bytes: bulk.bytes === undefined ? null : reader.size(bulk.bytes),
    file: bulk.file === undefined || bulk.file === false ? null : bulk.file,
    virtual: bulk.content === "virtual",
  };
}

function planChange(spec: ChangeSpec, at: FieldPath, network: PlanNetwork, workload: PlanWorkload, reader: Reader): PlanChange {
  const target = spec.path ?? spec.link ?? spec.interface ?? "";
  const links = linksOf(spec, at, network, reader);
  const place = interfaceOf(spec, at, network, reader);
  if (spec.address !== undefined && place === null && links.length > 0) {
    reader.problems.push(problemAt([...at, "address"], "a link has no address; name a path or an interface"));
  }
  const when = spec.when === undefined ? null : reader.progress(spec.when);
  if (when?.kind === "fraction" && isEndless(workload)) {
    reader.problems.push(problemAt([...at, "when"], "endless work has no share; give a number of bytes"));
  }
  const direction = spec.direction ?? "both";
  return {
    at: spec.at === undefined ? null : reader.time(spec.at, 0),
    when,
    after: reader.time(spec.after, 0),
    target,
    links,
    host: place?.host ?? null,
    interface: place?.interface ?? null,
    up: direction !== "down",
    down: direction !== "up",
    state: spec.state ?? null,
    address: spec.address ?? null,
    rate: spec.rate === undefined ? null : reader.rate(spec.rate),
    delay: spec.delay !== undefined ? reader.time(spec.delay, 0) : spec.rtt !== undefined ? Math.round(reader.time(spec.rtt, 0) / 2) : null,
    loss: spec.loss === undefined ? null : lossValue(spec.loss, reader),
  };
}

function isEndless(workload: PlanWorkload): boolean {
  if (workload.kind === "bulk") return workload.bytes === null && workload.file === null;
  return workload.kind === "live" && workload.length === Number.POSITIVE_INFINITY;
}

function linksOf(spec: ChangeSpec, at: FieldPath, network: PlanNetwork, reader: Reader): PlanLink[] {
  if (spec.interface !== undefined) {
    const [host, name] = spec.interface.split(".");
    return network.links.filter((link) => link.ends.some((end) => end.node === host && end.interface === name));
  }
  const wanted = spec.path ?? spec.link ?? "";
  const links = network.links.filter((link) => link.name === wanted && (spec.path === undefined || link.path !== null));
  if (links.length === 0) {
    const kind = spec.path === undefined ? "link" : "path";
    const names = network.links.filter((link) => kind === "link" || link.path !== null).map((link) => link.name);
    reader.problems.push(problemAt([...at, kind], `there is no ${kind} "${wanted}"; ${didYouMean(wanted, names)}`));
  }
  return links;
}

function interfaceOf(spec: ChangeSpec, at: FieldPath, network: PlanNetwork, reader: Reader): { host: string; interface: string } | null {
  const text = spec.interface ?? (spec.path === undefined ? undefined : `${network.hosts[0]?.name ?? ""}.${spec.path}`);
  if (text === undefined) return null;
  const [host = "", name = ""] = text.split(".");
  const found = network.hosts.find((one) => one.name === host)?.interfaces.find((one) => one.name === name);
  if (found !== undefined) return { host, interface: name };
  if (spec.interface !== undefined) {
    const names = network.hosts.flatMap((one) => one.interfaces.map((own) => `${one.name}.${own.name}`));
    reader.problems.push(problemAt([...at, "interface"], `there is no interface "${text}"; ${didYouMean(text, names)}`));
  }
  return null;
}

export type { LossValue, PlanDirection, PlanLink, PlanNetwork };

const DEFAULT_DURATION = 300e9;
