import { makePolicy, MILLISECOND, NEVER, randomBelow, SECOND, SeededRandom } from "../core/index.ts";
import type { SubflowEndReason } from "../core/index.ts";
import type { EndpointFlags, Path, PathManager, PathManagerFactory } from "../mptcp/index.ts";
import { IpAddress } from "../wire/index.ts";
import { FakePaths } from "./fake-paths.ts";
import type { Finding } from "./finding.ts";
import { Findings } from "./findings.ts";
import { PATH_MANAGER_RULES } from "./path-manager-rules.ts";
import type { PathManagerFindings, PathManagerRule } from "./path-manager-rules.ts";
import { checkIdleConnection, checkRoamingTransfers } from "./path-manager-runs.ts";
import { retained } from "./retained.ts";

/** What a path manager says of itself beyond the interface. */
export interface PathManagerClaims {
  /** A path whose subflow was lost is tried again within this time, ns, by the end that opened the connection. Not checked unless given. */
  readonly reopensWithin?: number;
  /** The most attempts on one path, within any minute and any hour (default 12 and 150). */
  readonly attempts?: AttemptLimits;
  /** Of the random inputs (default 1). */
  readonly seed?: number;
}

/** How often one path may be tried. */
export interface AttemptLimits {
  readonly perMinute: number;
  readonly perHour: number;
}

/**
 * The conformance suite of path managers. Whatever comes, a path manager must
 *
 * - open subflows only on paths that are present, that the peer lets be joined, and that have none; and only while the limits leave room;
 * - not try a path more often than so many times in a minute and in an hour, when all attempts fail, for six hours, at once or later, or when the pace of
 *   joins lets none begin;
 * - do nothing before the connection is established, nor when time has not come;
 * - ask for a later time after each timeout;
 * - keep no records of paths that are gone: 4,000 joins that fail, ours and the peer's, must not make it larger than 800 do. What closures and
 *   `#private` fields hold cannot be seen;
 * - open a lost path again in the time that it claims, see {@link PathManagerClaims.reopensWithin}.
 *
 * In simulated networks transfers must arrive whole while addresses of both ends come and go beside the first path; an idle connection with a dead path
 * must not try it too often; and nothing may be opened, or remain, after the end. These runs are left out for one that opens
 * what it must not, or without end.
 *
 * @returns what is wrong; nothing for a path manager that may be used. The cases are the names in {@link PATH_MANAGER_RULES}
 */
export function checkPathManager(factory: PathManagerFactory, claims: PathManagerClaims = {}): Finding[] {
  const findings: PathManagerFindings = new Findings(PATH_MANAGER_RULES);
  const limits = claims.attempts ?? { perMinute: 12, perHour: 150 };
  const within = claims.reopensWithin;
  const watch = (initiator: boolean): WatchedPaths => new WatchedPaths(makePolicy(factory), initiator, findings);
  const guard = (doing: string, run: () => void): void => findings.guard(doing, () => unlessStopped(run));
  for (const initiator of [true, false]) {
    const who = initiator ? "who opened the connection" : "who accepted it";
    guard(`${who}, before anything`, () => checkEarly(watch(initiator), findings));
    for (const fate of FATES) guard(`${who}, joins that ${fate.name}`, () => checkAttempts(watch(initiator), fate, limits));
    guard(`${who}, joins that may not begin`, () => checkPaced(watch(initiator), limits));
    for (let seed = 0; seed < RANDOM_WALKS; seed++) guard(`${who}, addresses that come and go`, () => walk(watch(initiator), (claims.seed ?? 1) * RANDOM_WALKS + seed));
    for (const joins of ["ours", "the peer's"] as const) guard(`${who}, thousands of joins`, () => checkMemory(watch(initiator), joins, findings));
  }
  if (within !== undefined) guard("a lost path", () => checkReopening(watch(true), within, findings));
  // One whose timeout does not move on would stop virtual time, and one that tries without end would fill it.
  if (findings.has("time", "attempts", "opening")) return findings.list;
  guard("transfers", () => checkRoamingTransfers(factory, findings));
  guard("an idle connection", () => checkIdleConnection(factory, limits.perHour, findings));
  return findings.list;
}

// ---- the transport that it is watched on

/** What becomes of a join: it works, the host refuses it at once, or its subflow ends after a time. */
interface Fate {
  readonly name: string;
  /** ns; NEVER: it works. */
  readonly after: number;
  readonly reason: SubflowEndReason | "not opened";
  /** Whether the subflow is established before it ends. */
  readonly works: boolean;
}

const WORKS: Fate = { name: "work", after: NEVER, reason: "fin", works: true };

/** All that can go wrong with a join, over and over. */
const FATES: readonly Fate[] = [
  { name: "cannot be begun", after: 0, reason: "not opened", works: false },
  { name: "are refused at once", after: MILLISECOND, reason: "ECONNREFUSED", works: false },
  { name: "are reset for a while", after: 20 * MILLISECOND, reason: "reset", works: false },
  { name: "are not answered", after: 63 * SECOND, reason: "ETIMEDOUT", works: false },
  { name: "work for a moment", after: 100 * MILLISECOND, reason: "ECONNRESET", works: true },
  { name: "end in good order", after: SECOND, reason: "fin", works: true },
  { name: "are refused for good", after: 20 * MILLISECOND, reason: "refused", works: false },
];

/** Thrown to end a case that would go on for ever; it has been reported. */
class Stop extends Error {}

function unlessStopped(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
  }
}

/** Looks at each command, and lets subflows have their fate. */
class WatchedPaths extends FakePaths {
  readonly findings: PathManagerFindings;
  fate: Fate = WORKS;
  /** Attempts on all paths after which a case ends. */
  mostInAll = NEVER;
  private inAll = 0;
  /** How often a path may be tried, and when each was within the last hour. */
  private mostAttempts: AttemptLimits | null = null;
  private readonly tried = new Map<number, number[]>();
  /** Subflows that will end, soonest first. */
  private readonly endings: { readonly at: number; readonly pathIndex: number; readonly reason: SubflowEndReason }[] = [];

  constructor(manager: PathManager, initiator: boolean, findings: PathManagerFindings) {
    super(manager, initiator);
    this.findings = findings;
    this.refuse = (): boolean => this.fate.reason === "not opened";
  }

  /** Counts attempts from now on. */
  limitAttempts(limits: AttemptLimits): void {
    this.mostAttempts = limits;
  }

  override open(pathIndex: number, backup: boolean): boolean {
    this.judge(pathIndex);
    this.count(pathIndex);
    if (!super.open(pathIndex, backup)) return false;
    const { after, reason, works } = this.fate;
    if (works) this.table.markWorked(pathIndex);
    if (after === NEVER || reason === "not opened") return true;
    this.endings.push({ at: this.now + after, pathIndex, reason });
    this.endings.sort((x, y) => x.at - y.at);
    return true;
  }

  /** Lets time pass; everything happens in its order. */
  override pass(time: number): void {
    const end = this.now + time;
    let calls = 0;
    for (;;) {
      const due = this.manager.nextTimeout ?? NEVER;
      if (Number.isNaN(due)) this.stop("time", "the next timeout is not a number");
      const ending = this.endings[0];
      const next = Math.min(due, ending?.at ?? NEVER);
      if (next > end) break;
      calls = next > this.now ? 0 : calls + 1;
      if (calls > MOST_AT_ONCE) this.stop("time", `at ${this.now / SECOND} s the timeout is asked for again and again, at ${due / SECOND} s`);
      this.now = Math.max(this.now, next);
      if (ending !== undefined && ending.at <= this.now) {
        this.endings.shift();
        this.die(ending.pathIndex, ending.reason);
      } else this.manager.handleTimeout?.(this, this.now);
    }
    this.now = end;
  }

  /** A call without a reason. */
  spurious(): void {
    this.manager.handleTimeout?.(this, this.now);
  }

  /** A join of the peer's from an address of its own, which fails. */
  failedJoin(address: IpAddress, addressId: number, port: number): void {
    const local = this.local[0];
    if (local === undefined) return;
    const pathIndex = this.table.learn(local.address, local.id, address, addressId, port);
    if (pathIndex !== 0) this.die(pathIndex, "ETIMEDOUT");
  }

  /** Ends the case when the path cannot be opened now. */
  private judge(pathIndex: number): void {
    const path = this.table.path(pathIndex);
    if (path === null) return this.stop("opening", `path ${pathIndex} is opened, and there is none`);
    if (!path.open && path.present && this.isJoinable(path) && this.openSubflows <= this.limits.subflows) return;
    const where = `path ${pathIndex}, ${path.localAddress} -> ${path.remoteAddress}:${path.remotePort}, is opened`;
    if (path.open) this.stop("opening", `${where}, and open already`);
    if (!path.present) this.stop("opening", `${where}, and one of its addresses is gone`);
    if (!this.isJoinable(path)) this.stop("opening", `${where}, and the peer does not listen there, or forbids it`);
    this.stop("opening", `${where} beside ${this.openSubflows} others, with a limit of ${this.limits.subflows}`);
  }

  private isJoinable(path: Path): boolean {
    const remote = this.remote.find(({ id }) => id === path.remoteAddressId);
    return remote !== undefined && remote.joinable && remote.port === path.remotePort && remote.address.equals(path.remoteAddress);
  }

  private count(pathIndex: number): void {
    if (++this.inAll > this.mostInAll) this.stop("attempts", `${this.inAll} attempts in ${STEPS} changes of addresses and subflows`);
    const { mostAttempts: limits } = this;
    if (limits === null) return;
    const times = (this.tried.get(pathIndex) ?? []).filter((at) => at > this.now - HOUR);
    times.push(this.now);
    this.tried.set(pathIndex, times);
    const inMinute = times.filter((at) => at > this.now - MINUTE).length;
    if (inMinute > limits.perMinute) this.stop("attempts", `path ${pathIndex} is tried ${inMinute} times within a minute, ${this.now / SECOND} s after the start, while joins ${this.fate.name}`);
    if (times.length > limits.perHour) this.stop("attempts", `path ${pathIndex} is tried ${times.length} times within an hour, while joins ${this.fate.name}`);
  }

  private stop(name: PathManagerRule, problem: string): never {
    this.findings.add(name, problem);
    throw new Stop(problem);
  }
}

// ---- the cases

function checkEarly(paths: WatchedPaths, findings: PathManagerFindings): void {
  paths.addLocal(1, USED);
  paths.addRemote(1);
  paths.pass(10 * SECOND);
  paths.spurious();
  for (const command of paths.news()) findings.add("early", `before the connection is established: ${command}`);
}

/** Everything that can happen to addresses and subflows, in any order. */
function walk(paths: WatchedPaths, seed: number): void {
  const random = new SeededRandom(seed);
  const id = (): number => 1 + randomBelow(random, 4);
  paths.limits = { subflows: randomBelow(random, 6), addAddrAccepted: 8 };
  paths.mostInAll = 20 * STEPS;
  const establishedAt = randomBelow(random, 20);
  for (let i = 0; i < STEPS; i++) {
    if (i === establishedAt) paths.establish();
    paths.fate = randomBelow(random, 3) === 0 ? (FATES[randomBelow(random, FATES.length)] as Fate) : WORKS;
    const flags: EndpointFlags = { subflow: chance(random), signal: chance(random), backup: chance(random), fullmesh: chance(random) };
    const open = paths.paths.filter((path) => path.open);
    const one = open[randomBelow(random, Math.max(1, open.length))];
    switch (randomBelow(random, 9)) {
      case 0:
        paths.addLocal(randomBelow(random, 5), flags, randomBelow(random, 5) > 0);
        break;
      case 1:
        paths.removeLocal(id());
        break;
      case 2:
        paths.addRemote(id(), 80 + randomBelow(random, 2));
        break;
      case 3:
        paths.removeRemote(id());
        break;
      case 4:
        if (one !== undefined) paths.die(one.index, REASONS[randomBelow(random, REASONS.length)]);
        break;
      case 5:
        paths.failedJoin(IpAddress.v4(random.uint32()), 5 + randomBelow(random, 20), randomBelow(random, 65_536));
        break;
      case 6:
        if (randomBelow(random, 20) === 0) paths.table.denyInitialRemote();
        if (i > establishedAt) paths.spurious();
        break;
      case 7:
        if (chance(random)) paths.letJoin(chance(random));
        else paths.refresh(id());
        break;
      default:
        paths.pass(randomBelow(random, 90) * SECOND);
    }
  }
}

/** The pace lets no join begin, and the peer announces its address again and again. */
function checkPaced(paths: WatchedPaths, limits: AttemptLimits): void {
  paths.addLocal(1, USED);
  paths.establish();
  paths.letJoin(false);
  paths.addRemote(1);
  paths.limitAttempts(limits);
  for (let i = 0; i < 60; i++) {
    paths.refresh(1);
    paths.pass(60 * SECOND);
  }
}

function checkAttempts(paths: WatchedPaths, fate: Fate, limits: AttemptLimits): void {
  for (const id of [1, 2]) paths.addLocal(id, USED);
  paths.establish();
  paths.addRemote(1);
  paths.limitAttempts(limits);
  paths.fate = fate;
  for (const path of paths.paths) if (path.open && path.index !== 1) paths.die(path.index, "ETIMEDOUT");
  for (let hour = 0; hour < 6; hour++) paths.pass(HOUR);
  // So much for the first subflow; and without one.
  paths.die(1, "ETIMEDOUT");
  paths.pass(2 * HOUR);
}

function checkMemory(paths: WatchedPaths, joins: "ours" | "the peer's", findings: PathManagerFindings): void {
  paths.establish();
  let early = 0;
  for (let i = 1; i <= JOINS; i++) {
    const address = IpAddress.v4(0x0b00_0000 + i);
    if (joins === "ours") {
      const id = 1 + (i % 250);
      paths.addLocal(id, USED, true, address);
      for (const path of paths.paths) if (path.open && path.index !== 1) paths.die(path.index, "ECONNREFUSED");
      paths.removeLocal(id);
    } else paths.failedJoin(address, 1 + (i % 250), 1024 + (i % 60_000));
    if (i % 100 === 0) {
      paths.pass(SECOND);
      paths.news();
    }
    if (i === JOINS / 5) early = retained(paths.manager, [paths]);
  }
  const kept = retained(paths.manager, [paths]);
  if (kept > early + MEMORY_SLACK) findings.add("memory", `after ${JOINS} of ${joins} joins that failed it keeps ${kept} objects and entries, after ${JOINS / 5} of them ${early}`);
}

function checkReopening(paths: WatchedPaths, within: number, findings: PathManagerFindings): void {
  paths.addLocal(1, USED);
  paths.establish();
  const path = paths.paths.find((one) => one.open && one.index !== 1);
  if (path === undefined) return findings.add("reopening", "no second path is opened that could be lost");
  paths.pass(600 * SECOND);
  const lostAt = paths.now;
  paths.die(path.index, "ETIMEDOUT");
  paths.pass(within);
  const reopened = paths.table.path(path.index)?.open === true;
  if (!reopened) findings.add("reopening", `path ${path.index} was lost at ${lostAt / SECOND} s, and is not open again after ${within / SECOND} s`);
}

function chance(random: SeededRandom): boolean {
  return randomBelow(random, 2) === 0;
}

/** An address that is used in every way that a path manager may know. */
const USED: EndpointFlags = { subflow: true, signal: true, backup: false, fullmesh: true };
const REASONS: readonly SubflowEndReason[] = ["fin", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "reset", "refused", "path_manager", "bad_hmac"];
const RANDOM_WALKS = 20;
const STEPS = 400;
const JOINS = 4_000;
/** What may come on top between two times, entries that wait to be thrown away among them. */
const MEMORY_SLACK = 700;
const MOST_AT_ONCE = 10;
const MINUTE = 60 * SECOND;
const HOUR = 3600 * SECOND;
