import type { PROTOCOL } from "./keys/protocol.ts";
import { SCENARIO } from "./keys/scenario.ts";
import type { CHANGE, EXPECT, Outcome } from "./keys/scenario.ts";
import { defaultsOf, planned } from "./keys/section.ts";
import type { Planned } from "./keys/section.ts";
import { BULK } from "./keys/workload.ts";
import type { LIVE, REQUEST } from "./keys/workload.ts";
import { planNetwork } from "./plan-network.ts";
import type { PlanDirection, PlanLink, PlanNetwork } from "./plan-network.ts";
import { problemAt } from "./problems.ts";
import type { FieldPath, Problem } from "./problems.ts";
import type { ScenarioSpec } from "./spec.ts";
import { didYouMean } from "./suggest.ts";

/**
 * A scenario in numbers: what the runner works from. Times in ns, rates in bit/s, sizes in bytes. The keys of each section have a value here,
 * given or default; what is made of several of them has fields of its own.
 */
export interface Plan extends Omit<Scenario, "title" | "ip" | "paths" | "topology" | "protocol" | "workload" | "changes" | "expect"> {
  readonly title: string;
  readonly network: PlanNetwork;
  readonly protocol: PlanProtocol;
  readonly workload: PlanWorkload;
  readonly changes: readonly PlanChange[];
  readonly expect: PlanExpect;
}

type Scenario = Planned<typeof SCENARIO.keys>;
type Change = Planned<typeof CHANGE.keys>;

/** The keys of the protocol section. What is null is left to the engine. */
export interface PlanProtocol extends Omit<Planned<typeof PROTOCOL.keys>, "transport"> {
  readonly multipath: boolean;
}

/** What the applications do. */
export type PlanWorkload = PlanBulk | PlanRequest | PlanLive;

/** `bytes` is null for the file's length, or endless without a file; `file` is true for one that the caller names. */
export interface PlanBulk extends Omit<Planned<typeof BULK.keys>, "direction" | "content"> {
  readonly kind: "bulk";
  readonly download: boolean;
  readonly virtual: boolean;
}

/** Requests and responses in turn. */
export interface PlanRequest extends Omit<Planned<typeof REQUEST.keys>, "request" | "response"> {
  readonly kind: "request";
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** A source at its own pace; `length` is Infinity for one that writes to the end of the run. */
export interface PlanLive extends Omit<Planned<typeof LIVE.keys>, "direction" | "rate"> {
  readonly kind: "live";
  readonly download: boolean;
  readonly chunkBytes: number;
}

/** A change: at a time of the run or at a progress, `after` ns later. */
export interface PlanChange extends Pick<Change, "at" | "when" | "after" | "state" | "address" | "middlebox" | "power"> {
  /** What it is about, for people. */
  readonly target: string;
  readonly links: readonly PlanLink[];
  readonly host: string | null;
  readonly interface: string | null;
  /** Which directions of the links. */
  readonly up: boolean;
  readonly down: boolean;
  /** What else becomes of the links; null: nothing. */
  readonly properties: Partial<Omit<PlanDirection, "queue">> | null;
}

/** What the run should come to; null: anything. */
export interface PlanExpect extends Omit<Planned<typeof EXPECT.keys>, "outcome"> {
  readonly outcomes: readonly Outcome[];
}

/** Turns a scenario that the schema accepts into numbers, or says what does not fit together. */
export function planScenario(spec: ScenarioSpec): Plan | Problem[] {
  const problems: Problem[] = [];
  const scenario = planned(SCENARIO, spec);
  const { title, ip: _ip, paths: _paths, topology: _topology, protocol, workload: work, changes, expect, ...same } = scenario;
  const network = planNetwork(scenario, problems);
  const workload = planWorkload(work);
  const { from, to } = scenario.measure;
  if (from >= to) problems.push(problemAt(["measure"], "the window must end after it begins"));
  if (from >= scenario.duration) problems.push(problemAt(["measure", "from"], "is not before the end of the run"));
  const plannedChanges = changes.map((change, index) => planChange(change, ["changes", index], network, workload, problems));
  for (const role of ["from", "to"] as const) {
    const host = work[role];
    if (host !== null && !network.hosts.some((one) => one.name === host)) {
      problems.push(problemAt(["workload", role], `there is no host "${host}"; ${didYouMean(host, network.hosts.map((one) => one.name))}`));
    }
  }
  if (problems.length > 0) return problems;
  const { transport, ...spoken } = protocol;
  const { outcome, ...bounds } = expect;
  return {
    ...same,
    title: title ?? scenario.name,
    network,
    protocol: { ...spoken, multipath: transport === "mptcp" },
    workload,
    changes: plannedChanges,
    expect: { ...bounds, outcomes: outcome },
  };
}

function planWorkload({ bulk, request, live }: Scenario["workload"]): PlanWorkload {
  if (request !== null) {
    const { request: requestBytes, response: responseBytes, ...same } = request;
    return { ...same, kind: "request", requestBytes, responseBytes };
  }
  if (live !== null) {
    const { direction, rate, ...same } = live;
    return { ...same, kind: "live", download: direction === "download", chunkBytes: Math.max(1, Math.round((rate / 8) * (live.interval / 1e9))) };
  }
  const { direction, content, ...same } = bulk ?? defaultsOf(BULK).otherwise;
  return { ...same, kind: "bulk", download: direction === "download", virtual: content === "virtual" };
}

function planChange(change: Change, at: FieldPath, network: PlanNetwork, workload: PlanWorkload, problems: Problem[]): PlanChange {
  const { at: time, when, after, path, link, interface: own, middlebox, direction, state, address, power, delay, rtt, ...properties } = change;
  const links = linksOf(change, at, network, problems);
  const place = interfaceOf(change, at, network, problems);
  if (address !== null && place === null && links.length > 0) {
    problems.push(problemAt([...at, "address"], "a link has no address; name a path or an interface"));
  }
  if (when?.kind === "fraction" && isEndless(workload)) {
    problems.push(problemAt([...at, "when"], "endless work has no share; give a number of bytes"));
  }
  checkPower(change, at, network, problems);
  const changed = { ...properties, delay: delay ?? (rtt === null ? null : Math.round(rtt / 2)) };
  const fields = Object.entries(changed).filter(([, value]) => value !== null);
  return {
    at: time,
    when,
    after,
    target: path ?? link ?? own ?? middlebox ?? "",
    links,
    host: place?.host ?? null,
    interface: place?.interface ?? null,
    up: direction !== "down",
    down: direction !== "up",
    state,
    address,
    middlebox,
    power,
    properties: fields.length === 0 ? null : (Object.fromEntries(fields) as NonNullable<PlanChange["properties"]>),
  };
}

/** A box is switched on or off, and nothing else is. */
function checkPower({ middlebox, power, path: _path, ...change }: Change, at: FieldPath, network: PlanNetwork, problems: Problem[]): void {
  if (middlebox === null) {
    if (power !== null) problems.push(problemAt([...at, "power"], "only a middlebox is switched on and off; name one"));
    return;
  }
  const boxes = network.links.flatMap((one) => one.middleboxes.map((box) => box.name));
  if (!boxes.includes(middlebox)) problems.push(problemAt([...at, "middlebox"], `there is no middlebox "${middlebox}"; ${didYouMean(middlebox, boxes)}`));
  for (const key of ["state", "address", "rate", "delay", "rtt", "loss"] as const) {
    if (change[key] !== null) problems.push(problemAt([...at, key], "a middlebox has none; it is switched by `power`"));
  }
}

function isEndless(workload: PlanWorkload): boolean {
  if (workload.kind === "bulk") return workload.bytes === null && workload.file === null;
  return workload.kind === "live" && workload.length === Number.POSITIVE_INFINITY;
}

function linksOf(change: Change, at: FieldPath, network: PlanNetwork, problems: Problem[]): PlanLink[] {
  if (change.interface !== null) {
    const [host, name] = change.interface.split(".");
    return network.links.filter((link) => link.ends.some((end) => end.node === host && end.interface === name));
  }
  if (change.middlebox !== null) return [];
  const wanted = change.path ?? change.link ?? "";
  const links = network.links.filter((link) => link.name === wanted && (change.path === null || link.path !== null));
  if (links.length === 0) {
    const kind = change.path === null ? "link" : "path";
    const names = network.links.filter((link) => kind === "link" || link.path !== null).map((link) => link.name);
    problems.push(problemAt([...at, kind], `there is no ${kind} "${wanted}"; ${didYouMean(wanted, names)}`));
  }
  return links;
}

function interfaceOf(change: Change, at: FieldPath, network: PlanNetwork, problems: Problem[]): { host: string; interface: string } | null {
  const text = change.interface ?? (change.path === null ? undefined : `${network.hosts[0]?.name ?? ""}.${change.path}`);
  if (text === undefined) return null;
  const [host = "", name = ""] = text.split(".");
  const found = network.hosts.find((one) => one.name === host)?.interfaces.find((one) => one.name === name);
  if (found !== undefined) return { host, interface: name };
  if (change.interface !== null) {
    const names = network.hosts.flatMap((one) => one.interfaces.map((own) => `${one.name}.${own.name}`));
    problems.push(problemAt([...at, "interface"], `there is no interface "${text}"; ${didYouMean(text, names)}`));
  }
  return null;
}
