import { NEVER } from "mptcp";
import type { RandomSources, StreamConnection } from "mptcp";
import type { IpAddress, Packet } from "mptcp/wire";
import { ControlHost } from "./control-host.ts";
import { diagnose } from "./diagnosis.ts";
import { EXPERIMENTS } from "./experiments.ts";
import type { Experiment } from "./experiments.ts";
import { mayBeLoss } from "./finding.ts";
import type { Finding, Log } from "./finding.ts";
import { judge } from "./judgements.ts";
import { RawEnd } from "./raw-end.ts";
import type { PortReport, StudyReport } from "./report.ts";
import { LONGEST_WAIT, STUDY_VERSION } from "./server.ts";
import { unpackSight } from "./sight.ts";
import type { Sight } from "./sight.ts";

/** Settings of a {@link StudyClient}. */
export interface StudyClientOptions {
  readonly address: IpAddress;
  readonly server: IpAddress;
  readonly controlPort: number;
  /** Ports of the server that are tried, at the same time. */
  readonly ports: readonly number[];
  /** For how long an answer is waited for at the least, ns. */
  readonly wait: number;
  /** Octets of the largest packet. */
  readonly mtu: number;
  readonly random: RandomSources;
}

/** How far it is. */
export interface StudyProgress {
  /** Experiments, on all ports together. */
  readonly done: number;
  readonly total: number;
}

/**
 * The client's half of the probe, sans-IO: packets and the time come in, packets go out. For each port one experiment is made after the other: the server is told over TCP what comes, both ends
 * send and take note, and the server's notes are fetched. What may have been lost by accident is tried again.
 */
export class StudyClient {
  /** What came of it; null as long as it goes on. */
  report: StudyReport | null = null;
  private readonly options: StudyClientOptions;
  private readonly control: ControlHost;
  private readonly lanes: readonly Lane[];
  private readonly questions = new Map<number, Question>();
  private connection: StreamConnection | null = null;
  private connections = 0;
  private lastNumber = 0;
  private lastConnection: number;
  private lastPort: number;
  private seenAs = "";
  private wait: number;
  private rtt = 0;

  constructor(options: StudyClientOptions) {
    this.options = options;
    this.wait = options.wait;
    const { random } = options;
    this.lastConnection = random.nonces.uint32() % 0x7fff_0000;
    this.lastPort = FIRST_PORT + (random.nonces.uint32() % PORTS);
    this.control = new ControlHost("client", options.address, options.mtu, random, true, { message: (message, _, now) => this.hear(message, now), closed: (connection, now) => this.closed(connection, now) });
    this.lanes = options.ports.map((port) => new Lane(port));
  }

  start(now: number): void {
    this.connect(now);
    // The second one alone tells how long the way is: the first waits for the handshake.
    this.ask({ ask: "hello" }, now, ({ version, seenAs }) => {
      if (version !== STUDY_VERSION) return this.end(`the server speaks version ${String(version)} of the study, this is ${STUDY_VERSION}`);
      this.seenAs = String(seenAs);
      this.ask({ ask: "hello" }, now, (_, rtt, later) => this.begin(rtt, later));
    });
  }

  get progress(): StudyProgress {
    return { done: this.lanes.reduce((sum, { done }) => sum + done, 0), total: this.lanes.length * EXPERIMENTS.length };
  }

  receive(packet: Packet, now: number): void {
    const segment = packet.tcp;
    if (segment === null || this.report !== null || !packet.source.equals(this.options.server)) return;
    if (segment.sourcePort === this.options.controlPort) return this.control.receive(packet, now);
    const lane = this.lanes.find(({ end, localPort, port }) => end !== null && port === segment.sourcePort && localPort === segment.destinationPort);
    lane?.end?.receive(packet, now);
    if (lane !== undefined) this.look(lane, now);
  }

  nextTimeout(): number {
    if (this.report !== null) return NEVER;
    let next = this.control.nextTimeout();
    for (const { again } of this.questions.values()) next = Math.min(next, again);
    for (const { end } of this.lanes) next = Math.min(next, end?.deadline ?? NEVER);
    return next;
  }

  handleTimeout(now: number): void {
    this.control.handleTimeout(now);
    for (const question of Array.from(this.questions.values())) if (question.again <= now) this.repeat(question, now);
    for (const lane of this.lanes) {
      if (lane.end === null || lane.end.deadline > now) continue;
      lane.end.handleTimeout(now);
      this.look(lane, now);
    }
  }

  pollTransmit(): Packet | null {
    // What is asked of the server is about segments that have left.
    for (const { end } of this.lanes) {
      const own = end?.pollTransmit() ?? null;
      if (own !== null) return own;
    }
    return this.control.pollTransmit();
  }

  // ---- experiments

  private begin(rtt: number, now: number): void {
    this.rtt = rtt;
    this.wait = Math.min(LONGEST_WAIT, Math.max(this.options.wait, Math.ceil(2 * rtt) + MARGIN));
    for (const lane of this.lanes) this.arm(lane, now);
  }

  private arm(lane: Lane, now: number): void {
    const experiment = lane.experiment;
    if (experiment === undefined) return this.finishIfDone();
    const connection = ++this.lastConnection;
    this.ask({ ask: "arm", port: lane.port, experiment: experiment.name, connection, wait: this.wait }, now, ({ error }, _, later) => {
      if (error !== undefined) return this.end(String(error));
      const end = new RawEnd({ connection, local: this.options.address, localPort: this.nextPort(), initial: this.options.random.sequenceNumbers.uint32(), wait: this.wait });
      end.peer = { address: this.options.server, port: lane.port };
      lane.end = end;
      lane.localPort = this.lastPort;
      lane.connection = connection;
      end.start(experiment.client, later);
      this.look(lane, later);
    });
  }

  /** Fetches the server's notes once the client's part is over. */
  private look(lane: Lane, now: number): void {
    const { end, experiment } = lane;
    if (end === null || !end.isDone || lane.isAsking || experiment === undefined) return;
    lane.isAsking = true;
    this.ask({ ask: "report", port: lane.port, connection: lane.connection }, now, ({ error, sent, seen }, _, later) => {
      lane.isAsking = false;
      lane.end = null;
      if (error !== undefined) return this.end(String(error));
      lane.take(judge(experiment.name, { client: { ...logOf(end), own: `${this.options.address}:${lane.localPort}` }, server: { sent: sightsOf(sent), seen: sightsOf(seen) } }));
      this.arm(lane, later);
    });
  }

  private nextPort(): number {
    this.lastPort = FIRST_PORT + ((this.lastPort + 1 - FIRST_PORT) % PORTS);
    return this.lastPort;
  }

  private finishIfDone(): void {
    if (this.lanes.every(({ experiment }) => experiment === undefined)) this.end(null);
  }

  private end(problem: string | null): void {
    if (this.report !== null) return;
    const { address, server } = this.options;
    const ports = this.lanes.map((lane): PortReport => ({ port: lane.port, tried: lane.done, findings: lane.findings, boxes: diagnose(lane.findings) }));
    this.report = { client: String(address), seenAs: this.seenAs, server: String(server), roundTrip: this.rtt / 1e9, problem, ports };
    this.questions.clear();
  }

  // ---- questions to the server

  private ask(question: object, now: number, heard: Question["heard"]): void {
    const n = ++this.lastNumber;
    const asked: Question = { n, question, at: now, again: now + this.patience, tries: 1, heard };
    this.questions.set(n, asked);
    if (this.connection !== null) this.control.say(this.connection, n, { n, ...question }, now);
  }

  private repeat(question: Question, now: number): void {
    if (question.tries >= (this.seenAs === "" ? FEW_TRIES : MOST_TRIES)) return this.end("the server does not answer");
    question.tries++;
    question.at = now;
    question.again = now + this.patience * Math.min(question.tries, LONGEST_PATIENCE);
    if (question.tries === RENEWED_AT && this.connection !== null) {
      const { connection } = this;
      this.connection = null;
      this.control.close(connection, now);
      this.connect(now);
    }
    if (this.connection !== null) this.control.say(this.connection, question.n, { n: question.n, ...question.question }, now);
  }

  private get patience(): number {
    return Math.max(LEAST_PATIENCE, 4 * this.wait);
  }

  private hear(message: unknown, now: number): void {
    if (typeof message !== "object" || message === null) return;
    const answer = message as Readonly<Record<string, unknown>>;
    const question = this.questions.get(answer["n"] as number);
    if (question === undefined) return;
    this.questions.delete(question.n);
    question.heard(answer, now - question.at, now);
  }

  private connect(now: number): void {
    this.connections++;
    this.connection = this.control.connect(this.options.server, this.options.controlPort, now);
  }

  private closed(connection: StreamConnection, now: number): void {
    if (connection !== this.connection || this.report !== null) return;
    this.connection = null;
    if (this.connections >= MOST_CONNECTIONS) return this.end(`no connection to port ${this.options.controlPort} of the server: ${connection.error ?? "it was closed"}`);
    this.connect(now);
    for (const { n, question } of this.questions.values()) if (this.connection !== null) this.control.say(this.connection, n, { n, ...question }, now);
  }
}

interface Question {
  readonly n: number;
  readonly question: object;
  /** When it was asked last, and when it will be again, ns. */
  at: number;
  again: number;
  tries: number;
  readonly heard: (answer: Readonly<Record<string, unknown>>, roundTrip: number, now: number) => void;
}

/** What is done on one port. */
class Lane {
  readonly port: number;
  readonly findings: Finding[] = [];
  end: RawEnd | null = null;
  localPort = 0;
  connection = 0;
  isAsking = false;
  done = 0;
  private best: readonly Finding[] | null = null;
  private tries = 0;

  constructor(port: number) {
    this.port = port;
  }

  /** The next one; undefined when there is none. */
  get experiment(): Experiment | undefined {
    return EXPERIMENTS[this.done];
  }

  /** What one run came to. It counts, or is tried again. */
  take(found: readonly Finding[]): void {
    if (this.best === null || losses(found) < losses(this.best)) this.best = found;
    if (losses(this.best) > 0 && ++this.tries < TRIES) return;
    this.findings.push(...this.best);
    const isUnreachable = this.best.some(({ aspect }) => aspect === "reach");
    this.best = null;
    this.tries = 0;
    // Where not even a plain connection comes about, no other will.
    this.done = isUnreachable && this.done === 0 ? EXPERIMENTS.length : this.done + 1;
  }
}

const losses = (findings: readonly Finding[]): number => findings.filter(mayBeLoss).length;

const logOf = ({ sent, seen }: RawEnd): Log => ({ sent, seen });

function sightsOf(value: unknown): readonly Sight[] {
  return Array.isArray(value) ? value.map(unpackSight).filter((sight) => sight !== null) : [];
}

/** Ports that connections leave from: the upper half of the dynamic ones (RFC 6335 §6), which the control connections share. */
const FIRST_PORT = 57_344;
const PORTS = 8192;
/** How often an experiment is tried in which something is missing. */
const TRIES = 3;
/** How often a question is asked, of a server that has answered before and of one that has not; for the RENEWED_ATth time over another connection. */
const MOST_TRIES = 12;
const FEW_TRIES = 5;
/** In patiences. */
const LONGEST_PATIENCE = 3;
const RENEWED_AT = 4;
const MOST_CONNECTIONS = 4;
/** ns */
const LEAST_PATIENCE = 2e9;
/** What boxes may need beside the way there and back, ns. */
const MARGIN = 100e6;
