import { IpAddress } from "../../wire/index.ts";
import type { CallStep, CodeStep, PacketStep, Plan, Settings, Step } from "../plan/index.ts";
import { evaluateCode, type CodeScope } from "../assert/index.ts";
import { Shell, type ReadFile } from "../shell/index.ts";
import type { EventTime, Place } from "../syntax/ast.ts";
import { printEvent } from "../syntax/print.ts";
import { CONSTANTS, MEMORY_FIELDS, MPTCP_INFO_FIELDS, readStructure, sizeOf, TCP_INFO_FIELDS, type CallResult, type StartedCall, type StructureField, type Target } from "../system/index.ts";
import { comparePacket, type Compared } from "./compare.ts";
import { composeIcmp, composeTcp, composeUdp } from "./compose.ts";
import { Departures, type Candidate } from "./departures.ts";
import { Descriptors } from "./descriptors.ts";
import type { Flow } from "./flow.ts";
import { Flows } from "./flows.ts";
import type { LivePacket } from "./live-packet.ts";
import { Variables } from "./multipath.ts";
import type { RunObserver } from "./observer.ts";
import { comparisonOf, printDiffering, type Comparison, type Failure, type FailureKind, type Outcome } from "./outcome.ts";
import { printLive, printSeconds } from "./print-live.ts";
import { checkResult, printCalled } from "./results.ts";

export interface RunOptions {
  /** Files that shell lines call; without it there are none. */
  readonly readFile?: ReadFile;
  /** Gets each line that code of the script prints. */
  readonly onPrint?: (line: string) => void;
  /** Hears what happens. */
  readonly observer?: RunObserver;
}

/** Runs a plan on a stack that nothing was done with before. The stack is not closed. Same plan and same stack: same outcome. */
export function runPlan(plan: Plan, target: Target, options: RunOptions = {}): Outcome {
  return new Run(plan, target, options).outcome();
}

/** How long a packet is waited for that may come whenever it will, ns. */
const PATIENCE = 60e9;
/** Less than that is the tolerance's, ns. */
const LEAST_LATE = 1e6;
/** How long one is waited for that did not come in time, so that it can be said when it came. */
const LATENESS = 2e9;
/** The longest that a script may take: more than any timer of TCP. */
const MAX_TIME = 4 * 3600e9;
const MAX_PACKETS = 500_000;
/** Events before a failure that are told of. */
const REMEMBERED = 8;
/** How often a stack may say that it went on, and did not. */
const MAX_STANDSTILL = 10_000;

/** Variables that shell lines begin with: options of the script in capitals, as packetdrill gives them. */
function environmentOf(settings: Settings): Map<string, string> {
  const { ipVersion, local, remote, gateway, prefix } = settings;
  const bits = prefix === 0 ? 0 : (0xffff_ffff << (32 - Math.min(prefix, 32))) >>> 0;
  return new Map([
    ["OPT_IP_VERSION", ipVersion],
    ["OPT_LOCAL_DEV", DEVICE],
    ["OPT_LOCAL_IP", String(local)],
    ["OPT_REMOTE_IP", String(remote)],
    ["OPT_GATEWAY_IP", String(gateway)],
    ["OPT_NETMASK_IP", local.family === 4 ? String(IpAddress.v4(bits)) : String(prefix)],
    ["OPT_BIND_PORT", String(settings.bindPort)],
    ["OPT_CONNECT_PORT", String(settings.connectPort)],
    ["OPT_MTU", String(settings.mtu)],
    ["OPT_TOLERANCE_USECS", String(settings.tolerance / 1000)],
  ]);
}

/** The device between the stack and the script's end, as scripts name it. */
const DEVICE = "tun0";

/** Ends a run. */
class Stopped {
  readonly failure: Failure;

  constructor(failure: Failure) {
    this.failure = failure;
  }
}

/** A call that has not returned. */
interface Pending {
  readonly step: CallStep;
  readonly started: StartedCall;
  /** When it may return: not before, not after. */
  readonly from: number;
  readonly to: number;
}

/** When an event may happen: times of the stack, without the tolerance. */
interface When {
  readonly from: number;
  readonly to: number;
  readonly tolerance: number;
}

class Run {
  readonly #plan: Plan;
  readonly #target: Target;
  readonly #runShell: Shell;
  readonly #onPrint: (line: string) => void;
  /** Variables of code. */
  readonly #scope: CodeScope = new Map();
  readonly #variables = new Variables();
  readonly #descriptors: Descriptors;
  readonly #flows: Flows;
  readonly #departures: Departures;
  readonly #observer: RunObserver | null;
  /** Whether what the stack does is compared with what the plan expects. */
  readonly #judged: boolean;
  readonly #warnings: Failure[] = [];
  readonly #before: string[] = [];
  #pending: Pending[] = [];
  /** The stack's time at which the script began. */
  #start: number;
  /** What relative times count from. */
  #base: number;
  /** How long after it was due the script's own last event was carried out, ns. What the stack does then is not late for that. */
  #late = 0;

  constructor(plan: Plan, target: Target, options: RunOptions) {
    this.#plan = plan;
    this.#target = target;
    this.#onPrint = options.onPrint ?? ((): void => {});
    this.#runShell = new Shell({
      readFile: options.readFile ?? (() => null),
      command: (words) => target.command(words),
      sleep: (nanoseconds) => this.#advance(target.now + nanoseconds),
      environment: environmentOf(plan.settings),
    });
    this.#descriptors = new Descriptors(plan.settings.bindPort);
    this.#flows = new Flows(plan.settings, this.#descriptors);
    this.#observer = options.observer ?? null;
    this.#judged = options.observer?.judged ?? true;
    this.#departures = new Departures(target, this.#flows, plan.settings.strictSegments, (live, flow) => this.#heard(live, flow));
    this.#start = target.now;
    this.#base = target.now;
  }

  outcome(): Outcome {
    const { settings, steps } = this.#plan;
    try {
      if (!settings.dryRun) {
        for (const path of settings.initScripts) this.#shell({ line: 1, column: 1 }, path);
        for (const [index, step] of steps.entries()) this.#step(step, index);
        this.#finish();
      }
      return { passed: true, warnings: this.#warnings, ended: this.#elapsed(this.#target.now) };
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      return { passed: false, failure: error.failure, warnings: this.#warnings, ended: this.#elapsed(this.#target.now) };
    }
  }

  #step(step: Step, index: number): void {
    if (step.time === undefined) {
      this.#shell(step.place, step.kind === "shell" ? step.action.text : "");
      // The clock of the script begins to run when what stands before it has been done.
      if (this.#plan.steps.slice(0, index).every(({ time }) => time === undefined)) this.#start = this.#base = this.#target.now;
      return;
    }
    const when = this.#when(step.time);
    if (when.to - this.#start > MAX_TIME && step.time.kind !== "any") this.#stop("limit", step.place, `a script may take ${MAX_TIME / 3600e9} hours`);
    if (step.kind === "packet" && !step.inbound) {
      this.#expect(step, { ...when, to: when.to + this.#late });
      return;
    }
    this.#advance(when.from);
    this.#base = when.from;
    this.#late = this.#lateness(when);
    this.#act(step, when);
    // On a stack whose time is real, commands take some.
    if (step.kind === "shell" || step.kind === "code") this.#late = this.#lateness(when);
  }

  #lateness({ from }: When): number {
    const late = this.#target.now - from;
    return late < LEAST_LATE ? 0 : late;
  }

  #act(step: Step, when: When): void {
    if (step.kind !== "packet") this.#observer?.began(step, this.#elapsed(when.from), this.#elapsed(this.#target.now), null);
    switch (step.kind) {
      case "shell":
        return this.#shell(step.place, step.action.text);
      case "code":
        if (this.#judged) this.#assert(step);
        return;
      case "call":
        return this.#call(step, when);
      case "packet":
        return this.#send(step);
    }
  }

  // ---- time

  #when(time: EventTime): When {
    const { settings } = this.#plan;
    const origin = time.kind !== "any" && !time.relative ? this.#start : this.#base;
    const from = time.kind === "any" ? this.#target.now : origin + (time.kind === "at" ? time.at : time.from);
    const to = time.kind === "any" ? from + PATIENCE : origin + (time.kind === "at" ? time.at : time.to);
    return { from, to, tolerance: Math.max(settings.tolerance, (settings.tolerancePercent / 100) * Math.max(0, from - this.#base)) };
  }

  #elapsed(at: number): number {
    return at - this.#start;
  }

  /** Lets time go on until `until`; what happens meanwhile is noted. */
  #advance(until: number, isEnough: () => boolean = () => false): void {
    let standstill = 0;
    this.#notice();
    while (this.#target.now < until && !isEnough()) {
      const before = this.#target.now;
      this.#target.advance(until);
      const isMoving = this.#notice() > 0 || this.#target.now > before;
      standstill = isMoving ? 0 : standstill + 1;
      if (standstill > MAX_STANDSTILL) this.#stop("limit", this.#place, "the stack does not let time go on");
    }
  }

  /** Takes packets that left, and results of calls. */
  #notice(): number {
    const count = this.#departures.pull();
    if (this.#departures.count > MAX_PACKETS) this.#stop("limit", this.#place, `the stack has sent more than ${MAX_PACKETS} packets`);
    this.#bindSockets();
    const returned = this.#pending.filter(({ started }) => started.result !== null);
    this.#pending = this.#pending.filter(({ started }) => started.result === null);
    for (const one of returned) this.#returned(one);
    return count + returned.length;
  }

  /** A packet left, or octets that are none. */
  #heard(live: LivePacket | string, flow: Flow | null): void {
    if (typeof live === "string") return this.#remember(this.#target.now, `> octets that are no packet: ${live}`);
    if (!this.#judged && flow !== null) {
      // There is no line that stands for it: it is one by itself.
      flow.claimed = true;
      this.#flows.current = flow;
    }
    this.#observer?.left(live, flow, this.#elapsed(live.at), this.#variables);
    this.#remember(live.at, printLive(live, flow, this.#variables));
  }

  /** The sockets of flows that the stack began. */
  #bindSockets(): void {
    for (const flow of this.#flows.all()) {
      if (!flow.active || flow.hadSocket) continue;
      const socket = this.#descriptors.connectedTo(flow, this.#flows.all());
      flow.hadSocket = socket !== undefined;
      if (socket !== undefined) flow.sockets.add(socket);
      else if (flow.isAgain) flow.claimed = true;
    }
  }

  // ---- system calls

  #call(step: CallStep, when: When): void {
    if (step.call === null) return this.#alias(step);
    for (const fd of this.#descriptors.needed(step.call)) this.#await(fd);
    this.#descriptors.began(step.call);
    const started = this.#target.begin(this.#descriptors.translate(step.call));
    const { until, time } = { until: step.until, time: step.time! };
    const due = until === undefined ? when.from : (time.kind === "at" && time.relative ? when.from - time.at : this.#start) + until;
    const pending: Pending = { step, started, from: until === undefined ? when.from - when.tolerance : due - when.tolerance, to: due + when.tolerance };
    if (started.result !== null) return this.#returned(pending);
    this.#pending.push(pending);
    if (until === undefined && this.#judged) {
      this.#advance(Math.max(pending.to, this.#target.now + when.tolerance), () => started.result !== null);
      if (started.result === null) this.#stop("call", step.place, `${step.action.name} does not return`);
    }
    this.#notice();
  }

  /** `mp_join_accept(5) = 6`. */
  #alias({ action, expected }: CallStep): void {
    const [socket] = action.parameters;
    const number = socket?.kind === "number" ? Number(socket.value) : -1;
    const flow = this.#flows.all().findLast(({ sockets }) => sockets.has(number));
    if (expected.value !== null) flow?.sockets.add(Number(expected.value));
  }

  /** Waits for the call that is to give a descriptor which comes next. */
  #await(fd: number): void {
    const awaited = this.#pending.find(({ step }) => step.expected.descriptor && Number(step.expected.value) === fd);
    if (awaited !== undefined && this.#judged && !this.#descriptors.has(fd)) this.#advance(awaited.to, () => awaited.started.result !== null);
  }

  #returned({ step, started, from, to }: Pending): void {
    const result = started.result!;
    this.#remember(started.at, printCalled(step, result));
    this.#learnResult(step, result);
    this.#departures.pull();
    this.#observer?.returned(step, result, this.#elapsed(started.at));
    if (!this.#judged) return;
    const wrong = checkResult(step, result);
    if (wrong !== null) this.#fail("call", step.place, wrong.message, wrong.comparison, "syscall");
    else if (step.until !== undefined && (started.at < from || started.at > to + this.#late)) {
      const middle = (from + to) / 2;
      this.#fail("time", step.place, `${step.action.name} returned at ${this.#seconds(started.at)}, not at ${this.#seconds(middle)}`, null, "syscall");
    }
  }

  #learnResult(step: CallStep, result: CallResult): void {
    if (result.value < 0 || step.call === null) return;
    const { expected, call } = step;
    const made = call.name === "socket" || call.name === "accept" || call.name === "open" || call.name === "epoll_create" ? (expected.descriptor ? Number(expected.value) : result.value) : null;
    if (made !== null) this.#descriptors.set(made, result.value);
    for (const filled of expected.filled) {
      if (filled.kind === "ends" && result.ends !== undefined) for (const [index, end] of filled.ends.entries()) this.#descriptors.set(end, result.ends[index]!);
    }
    this.#descriptors.learn(call, result, made);
    if (call.name === "close") for (const flow of this.#flows.all()) flow.sockets.delete(call.fd);
    if (call.name === "listen") this.#flows.listened();
    if (call.name === "bind") this.#descriptors.askPort(call.fd, this.#target);
    if (call.name === "accept" && made !== null) this.#accepted(made, result);
  }

  /** An accepted connection is the flow with its peer's port. */
  #accepted(made: number, { address }: CallResult): void {
    const passive = this.#flows.all().filter(({ active, protocol }) => !active && protocol === "tcp");
    const flow = passive.findLast(({ remotePort }) => remotePort === address?.port) ?? passive.findLast(({ sockets }) => sockets.size === 0);
    flow?.sockets.add(made);
  }

  // ---- packets

  #send(step: PacketStep): void {
    this.#notice();
    const flow = this.#flows.inbound(step);
    this.#observer?.began(step, this.#elapsed(this.#base), this.#elapsed(this.#target.now), flow);
    const octets = this.#compose(step, flow);
    if (typeof octets === "string") this.#stop("packet", step.place, octets);
    this.#remember(this.#target.now, printEvent({ ...step.event, time: undefined }));
    this.#target.inject(octets);
    this.#notice();
  }

  #compose(step: PacketStep, flow: Flow): Uint8Array | string {
    if (step.body.kind === "udp") return composeUdp(step.body.length, step.ip, flow);
    if (step.body.kind === "icmp") return composeIcmp(step.body, step.ip, flow);
    const composed = composeTcp(step.body, step.ip, flow, this.#variables);
    if (typeof composed === "string") return composed;
    for (const [name, key] of composed.bound) this.#variables.set(name, key, null);
    this.#flows.sent(flow, step.body, composed.segment);
    return composed.octets;
  }

  #expect(step: PacketStep, when: When): void {
    const deadline = when.to + when.tolerance;
    const found = this.#find(step, deadline);
    if (found === null) {
      this.#missing(step, when);
      this.#base = when.from;
      return;
    }
    const { candidate, compared } = found;
    candidate.take();
    this.#stoodFor(step, candidate, compared);
    this.#checkTime(step, candidate.live.at, when);
    // After a packet that may come at several times, time counts from when it came.
    this.#base = step.time!.kind === "at" ? when.from : candidate.live.at;
  }

  /** The packet that a line may stand for, waited for until `deadline`. */
  #find(step: PacketStep, deadline: number): { candidate: Candidate; compared: Compared } | null {
    const look = (): Candidate | "more" | null => this.#departures.find(step, this.#fits(step));
    let found = look();
    this.#advance(deadline, () => {
      found = look();
      return found !== null && found !== "more";
    });
    if (found === null || found === "more") found = look();
    const candidate = found === "more" ? this.#departures.part(step) : found;
    return candidate === null ? null : { candidate, compared: this.#compare(step, candidate) };
  }

  #compare(step: PacketStep, { live, flow }: Candidate): Compared {
    return comparePacket(step, live, flow, { settings: this.#plan.settings, variables: this.#variables });
  }

  /** Whether a packet is just the one that a line expects. */
  #fits(step: PacketStep): (candidate: Candidate) => boolean {
    return (candidate) => this.#compare(step, candidate).pieces.every(({ same }) => same);
  }

  /** A line stands for a packet, or is meant to. */
  #stoodFor(step: PacketStep, { flow, live }: Candidate, compared: Compared): void {
    if (flow !== null) {
      flow.claimed = true;
      if (step.socket !== undefined) flow.sockets.add(step.socket);
      this.#flows.current = flow;
    }
    const wrong = compared.pieces.find(({ same }) => !same);
    if (wrong !== undefined) {
      const message = this.#departures.hasFit(step, this.#fits(step)) ? "before the packet that is expected one left that no line expects" : `the packet that left is not the one that is expected: ${printDiffering(wrong.field)}`;
      this.#fail("packet", step.place, message, this.#comparison(step, live.at, compared), "packet");
      return;
    }
    for (const [name, key] of compared.bound) this.#variables.set(name, key, flow?.multipath ?? null);
    if (compared.written !== null && flow !== null) flow.localWritten = compared.written;
    if (compared.timestamp !== null) flow?.timestamps.learn(compared.timestamp.script, compared.timestamp.live);
  }

  #comparison(step: PacketStep, at: number, compared: Compared): Comparison {
    const time = printEvent({ ...step.event, action: { kind: "shell", text: "", place: step.place } }).replace(/ ?``$/, "");
    return comparisonOf([time, this.#seconds(at)], [{ field: "", expected: ">", seen: ">", same: true }, ...compared.pieces]);
  }

  #checkTime(step: PacketStep, at: number, { from, to, tolerance }: When): void {
    if (step.time!.kind === "any" || (at >= from - tolerance && at <= to + tolerance)) return;
    const due = from === to ? this.#seconds(from) : `${this.#seconds(from)} to ${this.#seconds(to)}`;
    const late = at > to ? `${printSeconds(at - to)} s too late` : `${printSeconds(from - at)} s too early`;
    this.#fail("time", step.place, `the packet left at ${this.#seconds(at)}, ${late}: expected at ${due}, give or take ${printSeconds(tolerance)} s`, null, "packet");
  }

  #missing(step: PacketStep, when: When): void {
    const due = step.time!.kind === "any" ? `within ${PATIENCE / 1e9} s` : `until ${this.#seconds(when.to + when.tolerance)}`;
    const before = [...this.#before];
    const late = this.#find(step, this.#target.now + LATENESS);
    const isIt = late?.compared.pieces.every(({ same }) => same) === true;
    const then = isIt ? `; it left at ${this.#seconds(late.candidate.live.at)}, ${printSeconds(late.candidate.live.at - when.to)} s too late` : "";
    this.#before.splice(0, this.#before.length, ...before);
    this.#fail("missing", step.place, `no such packet left ${due}${then}`, null, "packet");
  }

  // ---- shell lines and code

  #shell(place: Place, text: string): void {
    const { status, errors, output } = this.#runShell.run(text);
    this.#notice();
    if (status === 0) return;
    const why = (errors.trim() || output.trim()).split("\n").slice(-3).join("; ");
    this.#fail("command", place, `the shell line ended with status ${status}${why === "" ? "" : `: ${why}`}`, null, "command");
  }

  #assert({ place, action }: CodeStep): void {
    const { failure, isAssertion, printed } = evaluateCode(action.text, this.#scope, this.#information());
    for (const line of printed) {
      this.#remember(this.#target.now, `%{ ${line} }%`);
      this.#onPrint(line);
    }
    if (failure !== null) this.#stop("assertion", place, isAssertion ? `it is not so that ${failure}` : failure);
  }

  /** What the stack tells of the socket of the flow that the last line was about, or of the last socket. */
  #information(): Map<string, bigint> {
    const open = [...(this.#flows.current?.sockets ?? [])].findLast((socket) => this.#descriptors.has(socket));
    const socket = open ?? this.#descriptors.last;
    const values = new Map<string, bigint>();
    if (socket === null) return values;
    const ask = (level: string, option: string, fields: readonly StructureField[]): void => {
      const { result } = this.#target.begin({ name: "getsockopt", fd: this.#descriptors.liveOf(socket), level: CONSTANTS[level]!, option: CONSTANTS[option]!, value: new Uint8Array(sizeOf(fields)) });
      if (result?.option !== undefined && result.value >= 0) for (const [name, value] of readStructure(fields, result.option)) values.set(name, value);
    };
    ask("SOL_TCP", "TCP_INFO", TCP_INFO_FIELDS);
    ask("SOL_MPTCP", "MPTCP_INFO", MPTCP_INFO_FIELDS);
    ask("SOL_SOCKET", "SO_MEMINFO", MEMORY_FIELDS);
    return values;
  }

  // ---- the end, and failures

  #finish(): void {
    if (!this.#judged) return this.#advance(this.#target.now + this.#observer!.tail);
    while (this.#pending.length > 0) {
      const { step, started, to } = this.#pending[0]!;
      this.#advance(to, () => started.result !== null);
      this.#notice();
      if (started.result === null) this.#stop("call", step.place, `${step.action.name} has not returned at ${this.#seconds(to)}`);
    }
  }

  /** Where the script is, for what no event is to blame for. */
  get #place(): Place {
    return this.#plan.steps.at(-1)?.place ?? { line: 1, column: 1 };
  }

  #seconds(at: number): string {
    return printSeconds(this.#elapsed(at));
  }

  #remember(at: number, line: string): void {
    this.#before.push(`${this.#seconds(at)} ${line}`);
    if (this.#before.length > REMEMBERED) this.#before.shift();
  }

  /** A failure, after which the script goes on if it is of a kind that may be. */
  #fail(kind: FailureKind, place: Place, message: string, comparison: Comparison | null, category: "packet" | "syscall" | "command"): void {
    const failure = this.#failure(kind, place, message, comparison);
    if (!this.#plan.settings.nonFatal.includes(category)) throw new Stopped(failure);
    this.#warnings.push(failure);
  }

  #stop(kind: FailureKind, place: Place, message: string): never {
    throw new Stopped(this.#failure(kind, place, message, null));
  }

  #failure(kind: FailureKind, place: Place, message: string, comparison: Comparison | null): Failure {
    return { kind, place, message, at: this.#elapsed(this.#target.now), comparison, before: [...this.#before], explanation: [...this.#target.explain()] };
  }
}
