import { makePolicy, MILLISECOND, NEVER, randomBelow, SECOND, SeededRandom } from "../core/index.ts";
import type { DecisionEvent, RandomSource } from "../core/index.ts";
import type { SchedulableSubflow, Scheduler, SchedulerFactory, ScheduleRequest } from "../mptcp/index.ts";
import { multiPath, Simulation } from "../sim/index.ts";
import type { AccessPath, MultiPath } from "../sim/index.ts";
import type { IpAddress } from "../wire/index.ts";
import { CheckedPeer } from "./checked-peer.ts";
import type { Finding, Rules } from "./finding.ts";
import { Findings } from "./findings.ts";

/** What a scheduler says of itself beyond the interface. */
export interface SchedulerClaims {
  /** It sometimes chooses nothing although a subflow has room, to wait for a better one that has none (BLEST, ECF). Default false. */
  readonly waits?: boolean;
  /**
   * It uses all regular paths: as long as there is data, each of them carries something within so many segments, counted from when all are
   * established. Not checked unless given.
   */
  readonly usesAllPathsWithin?: number;
  /** Of the random inputs (default 1). */
  readonly seed?: number;
}

type SchedulerRule = "choice" | "writing" | "starving" | "choosing nothing" | "the same again" | "transfer" | "unused path";
type SchedulerFindings = Findings<SchedulerRule>;

/** What {@link checkScheduler} looks at. */
export const SCHEDULER_RULES: Rules<SchedulerRule | "throws"> = {
  throws: {
    contract: "Scheduler.select never throws, whatever subflows there are: none at all, one, backup ones alone, all full, without a round-trip time.",
    advice: "Return null where there is nothing to choose from, and do not write to what you are given: it is read-only, and writing throws here.",
  },
  choice: {
    contract: "Scheduler.select returns one of the subflows that it was given in this very call, one whose `hasRoom` is true, or null.",
    advice: "Leave out subflows without room, and do not keep subflows from one call to the next: they may have ended.",
  },
  writing: {
    contract: "ScheduleRequest and the list of subflows are the transport's, which uses the same objects again (Scheduler.select).",
    advice: "Copy what you want to sort or change; keep state of your own in the scheduler.",
  },
  starving: {
    contract: "While there is data, a subflow with room is not left unused for ever when it is the only one with room (Scheduler.select).",
    advice: "Where the subflow that you would like has no room, take another one. To wait for a better one is a claim, `waits: true`, and has to end.",
  },
  "choosing nothing": {
    contract: "Null means to wait. Nobody asks again before something changes, so where nothing changes the connection stands still (Scheduler.select).",
    advice: "Return a subflow with room when there is one. To wait for a better one that is full is a claim, `waits: true`.",
  },
  "the same again": {
    contract: "A scheduler decides by what it is given and by its own state, so that a run can be repeated; the factory makes one for each connection (SchedulerFactory).",
    advice: "Make all state in the factory's function, not in the module; use no clock and no Math.random.",
  },
  transfer: {
    contract: "Whatever the scheduler chooses, every byte arrives once and the connection ends (MptcpConnection).",
    advice: "Look for states in which it chooses nothing, or waits for a subflow that has died: capture the run with `mptcp/sim`.",
  },
  "unused path": {
    contract: "The scheduler claims `usesAllPathsWithin`: each regular path carries something within so many segments.",
    advice: "Choose by what subflows are now, not by their place in the list; or leave the claim out.",
  },
};

/**
 * The conformance suite of schedulers. In random states of one to four subflows that come, go, fill up and become backup ones a scheduler must
 *
 * - choose among the subflows that it is offered, one that has room, or nothing; and write neither into the list, nor a subflow, nor the request;
 * - not choose nothing for a whole second in which there is data, a subflow has room, and nothing changes. Exempt is a scheduler that
 *   {@link SchedulerClaims.waits}, while one of the subflows offered has no room;
 * - choose the same when it is asked the same from the start.
 *
 * Transfers over one to four simulated paths, with losses, an outage, a path that dies and one that becomes a backup, must end with every byte once.
 *
 * @returns what is wrong; nothing for a scheduler that may be used. The cases are the names in {@link SCHEDULER_RULES}
 */
export function checkScheduler(factory: SchedulerFactory, claims: SchedulerClaims = {}): Finding[] {
  const findings: SchedulerFindings = new Findings(SCHEDULER_RULES);
  const seed = claims.seed ?? 1;
  findings.guard("random states", () => checkChoices(factory, claims, seed, findings));
  findings.guard("two schedulers", () => checkDeterminism(factory, seed, findings));
  for (let paths = 1; paths <= MOST_PATHS; paths++) {
    for (const direction of ["upload", "download"] as const) findings.guard(`${direction} over ${paths} paths`, () => checkTransfer(factory, paths, direction, seed, findings));
  }
  const within = claims.usesAllPathsWithin;
  if (within !== undefined) for (let paths = 2; paths <= MOST_PATHS; paths++) findings.guard(`use of ${paths} paths`, () => checkUse(factory, paths, within, seed, findings));
  return findings.list;
}

// ---- single choices

type Facts = Pick<SchedulableSubflow, "backup" | "hasRoom" | "srtt" | "cwnd" | "inFlight">;

/** A subflow as a scheduler sees it. It can be read only. */
class OfferedSubflow implements SchedulableSubflow {
  readonly pathIndex: number;
  private readonly current: { facts: Facts };

  constructor(pathIndex: number, random: RandomSource) {
    this.pathIndex = pathIndex;
    this.current = { facts: { backup: randomBelow(random, 5) === 0, hasRoom: true, srtt: 0, cwnd: 10 * MSS, inFlight: 0 } };
    Object.freeze(this);
  }

  get backup(): boolean {
    return this.current.facts.backup;
  }
  get hasRoom(): boolean {
    return this.current.facts.hasRoom;
  }
  get srtt(): number {
    return this.current.facts.srtt;
  }
  get cwnd(): number {
    return this.current.facts.cwnd;
  }
  get inFlight(): number {
    return this.current.facts.inFlight;
  }
  get mss(): number {
    return MSS;
  }

  /** Something happens to it. */
  change(random: RandomSource): void {
    const hasRoom = randomBelow(random, 3) > 0;
    const srtt = randomBelow(random, 4) === 0 ? 0 : (1 + randomBelow(random, 300)) * MILLISECOND;
    const cwnd = (1 + randomBelow(random, 100)) * MSS;
    const inFlight = hasRoom ? Math.max(0, cwnd - (1 + randomBelow(random, 10)) * MSS) : cwnd;
    const backup = randomBelow(random, 20) === 0 ? !this.backup : this.backup;
    this.current.facts = { backup, hasRoom, srtt, cwnd, inFlight };
  }
}

/** A connection whose subflows come, go, fill up and become backup ones, as a scheduler sees it. */
class OfferedSubflows {
  readonly request: ScheduleRequest = { dataOffset: 0, length: MSS, reinjection: false, now: 0 };
  private readonly random: SeededRandom;
  private all: OfferedSubflow[] = [];
  private lastIndex = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** Those that are usable, in order: backup ones only where there are no others. */
  get usable(): readonly OfferedSubflow[] {
    const regular = this.all.filter((subflow) => !subflow.backup);
    return Object.freeze(regular.length > 0 ? regular : this.all.slice());
  }

  /** Time goes on, and something changes. */
  step(): void {
    const { random, request } = this;
    request.now += randomBelow(random, 20) * MILLISECOND;
    request.dataOffset += request.length;
    request.length = 1 + randomBelow(random, 4 * MSS);
    request.reinjection = randomBelow(random, 10) === 0;
    if (this.all.length < MOST_PATHS && randomBelow(random, 10) < 2) this.all.push(new OfferedSubflow(++this.lastIndex, random));
    if (this.all.length > 0 && randomBelow(random, 20) === 0) this.all.splice(randomBelow(random, this.all.length), 1);
    for (const subflow of this.all) if (randomBelow(random, 2) === 0) subflow.change(random);
  }

  /** As the transport asks, and with a look at what came of it. */
  ask(scheduler: Scheduler, findings: SchedulerFindings): SchedulableSubflow | null {
    const { usable, request } = this;
    const before = { ...request };
    const chosen = scheduler.select(usable, request);
    if (JSON.stringify(request) !== JSON.stringify(before)) findings.add("writing", `at ${before.now} ns the request became ${JSON.stringify(request)}`);
    if (chosen === null) return null;
    const offered = usable.find((subflow) => subflow === chosen);
    if (offered === undefined) findings.add("choice", `path ${chosen?.pathIndex} was chosen, and offered were ${describe(usable)}`);
    else if (!offered.hasRoom) findings.add("choice", `path ${offered.pathIndex} was chosen and has no room; offered were ${describe(usable)}`);
    return chosen;
  }
}

function checkChoices(factory: SchedulerFactory, claims: SchedulerClaims, seed: number, findings: SchedulerFindings): void {
  const scheduler = makePolicy(factory);
  const offered = new OfferedSubflows(seed);
  for (let i = 0; i < STEPS; i++) {
    offered.step();
    const chosen = offered.ask(scheduler, findings);
    const { usable } = offered;
    const withRoom = usable.filter((subflow) => subflow.hasRoom);
    if (chosen !== null || withRoom.length === 0) continue;
    if (claims.waits === true && withRoom.length < usable.length) continue;
    if (chooses(scheduler, offered, findings)) continue;
    findings.add(withRoom.length === 1 ? "starving" : "choosing nothing", `nothing was chosen for a second from ${describe(usable)}`);
  }
}

/** Whether it chooses something within a second in which nothing changes. */
function chooses(scheduler: Scheduler, offered: OfferedSubflows, findings: SchedulerFindings): boolean {
  for (let i = 0; i < 100; i++) {
    offered.request.now += 10 * MILLISECOND;
    if (offered.ask(scheduler, findings) !== null) return true;
  }
  return false;
}

function checkDeterminism(factory: SchedulerFactory, seed: number, findings: SchedulerFindings): void {
  const [one, other] = [makePolicy(factory), makePolicy(factory)];
  const offered = new OfferedSubflows(seed + 1);
  const ignored = new Findings(SCHEDULER_RULES);
  for (let i = 0; i < STEPS; i++) {
    offered.step();
    const [chosen, again] = [offered.ask(one, ignored), offered.ask(other, ignored)];
    if (chosen?.pathIndex === again?.pathIndex) continue;
    findings.add("the same again", `one scheduler chose path ${chosen?.pathIndex ?? "none"}, another one of the factory ${again?.pathIndex ?? "none"}, from ${describe(offered.usable)}`);
    return;
  }
}

function describe(subflows: readonly SchedulableSubflow[]): string {
  return subflows.length === 0 ? "none" : subflows.map(describeOne).join(", ");
}

function describeOne({ pathIndex, hasRoom, srtt, inFlight, cwnd }: SchedulableSubflow): string {
  return `path ${pathIndex} (${hasRoom ? "room" : "full"}, srtt ${srtt / MILLISECOND} ms, ${inFlight} of ${cwnd} bytes)`;
}

// ---- whole transfers

interface Run {
  readonly simulation: Simulation;
  readonly built: MultiPath;
  readonly client: CheckedPeer;
  readonly server: CheckedPeer;
  /** The subflow of each segment of data that the sender scheduled since all paths were established. */
  readonly scheduled: number[];
}

function start(factory: SchedulerFactory, paths: readonly AccessPath[], upload: number, download: number, seed: number): Run {
  const scheduled: number[] = [];
  const sender = upload > 0 ? "client" : "server";
  let established = 0;
  const event = (one: DecisionEvent): void => {
    if (one.host !== sender) return;
    if (one.kind === "subflow_established") established++;
    else if (one.kind === "schedule" && !one.reinjection && established >= paths.length) scheduled.push(one.subflow);
  };
  const simulation = new Simulation({ seed, observers: [{ perSegment: true, event }] });
  const mptcp = { scheduler: factory };
  const built = multiPath(simulation, { paths, client: { mptcp }, server: { mptcp } });
  const [client, server] = [new CheckedPeer(upload, download), new CheckedPeer(download, upload)];
  built.server.listen(PORT, () => server);
  built.client.connect(built.serverAddresses[0]?.[0] as IpAddress, PORT, client);
  return { simulation, built, client, server, scheduled };
}

function checkTransfer(factory: SchedulerFactory, count: number, direction: "upload" | "download", seed: number, findings: SchedulerFindings): void {
  const paths = PATHS.slice(0, count);
  const run = start(factory, paths, direction === "upload" ? BYTES : 0, direction === "download" ? BYTES : 0, seed);
  const { simulation, built, client, server } = run;
  const [first, second, third] = built.access;
  if (second !== undefined && direction === "upload") {
    simulation.at(300 * MILLISECOND, (now) => second.down(now));
    simulation.at(2 * SECOND, (now) => second.up(now));
  }
  // The first path never comes back.
  if (second !== undefined && direction === "download") simulation.at(300 * MILLISECOND, (now) => first?.down(now));
  const address = built.clientAddresses[2]?.[0];
  if (third !== undefined && address !== undefined) {
    simulation.at(200 * MILLISECOND, () => built.client.addAddress(address, { link: 2, flags: { backup: true } }));
    simulation.at(SECOND, () => built.client.removeAddress(address));
    simulation.at(3 * SECOND, () => built.client.addAddress(address, { link: 2 }));
  }
  simulation.runUntil(() => client.closedAt >= 0 && server.closedAt >= 0, LIMIT);
  for (const problem of [...client.problems("the client"), ...server.problems("the server")]) {
    findings.add("transfer", `${direction} of ${BYTES} bytes over ${count} paths, ${LIMIT / SECOND} s: ${problem}`);
  }
}

function checkUse(factory: SchedulerFactory, count: number, within: number, seed: number, findings: SchedulerFindings): void {
  const path: AccessPath = { rate: 10e6, delay: 20 * MILLISECOND, queue: { packets: 50 } };
  const paths = Array.from({ length: count }, (_, i): AccessPath => ({ ...path, delay: (10 + 15 * i) * MILLISECOND }));
  const { simulation, scheduled } = start(factory, paths, NEVER, 0, seed);
  simulation.runUntil(() => scheduled.length >= within, LIMIT);
  const used = new Set(scheduled.slice(0, within));
  if (used.size < count) findings.add("unused path", `of ${count} paths only ${[...used].toSorted((x, y) => x - y).join(", ") || "none"} carried any of ${scheduled.length} segments`);
}

const MSS = 1400;
const STEPS = 3000;
const MOST_PATHS = 4;
const PORT = 80;
const BYTES = 400_000;
const LIMIT = 120 * SECOND;
/** Unequal in all respects. */
const PATHS: readonly AccessPath[] = [
  { rate: 10e6, delay: 15 * MILLISECOND, queue: { packets: 40 } },
  { rate: 4e6, delay: 40 * MILLISECOND, queue: { packets: 60 }, loss: 0.005 },
  { rate: 2e6, delay: 5 * MILLISECOND, queue: { packets: 10 }, loss: 0.02 },
  { rate: 1e6, delay: 120 * MILLISECOND, queue: { packets: 30 } },
];
