import { MILLISECOND, SECOND, SeededRandom } from "../core/index.ts";
import { EventQueue, multiPath, Simulation } from "../sim/index.ts";
import type { AccessPath, Egress, Middlebox, MiddleboxEnvironment, MiddleboxFactory } from "../sim/index.ts";
import { packetLength, Payload } from "../wire/index.ts";
import type { IpAddress, Packet } from "../wire/index.ts";
import { CheckedPeer } from "./checked-peer.ts";
import type { Finding } from "./finding.ts";
import { Findings } from "./findings.ts";
import { FlowLedger } from "./flow-ledger.ts";
import type { Missing } from "./flow-ledger.ts";
import { MIDDLEBOX_RULES } from "./middlebox-rules.ts";
import type { MiddleboxRule } from "./middlebox-rules.ts";
import { ReportedLosses } from "./reported-losses.ts";
import { retained } from "./retained.ts";
import { madeUpTraffic, manyConnections, octetsOf, textOf } from "./traffic.ts";
import type { SentPacket } from "./traffic.ts";

/** What a middlebox says of itself beyond the interface. */
export interface MiddleboxClaims {
  /**
   * Each byte that comes in goes out once, unchanged, in whatever segments, or is lost with a word (default true). A box that repeats or changes bytes
   * says false.
   */
  readonly transparent?: boolean;
  /** It sends packets that nobody sent to it: resets, acknowledgments, retransmissions (default false). */
  readonly answers?: boolean;
  /** It rewrites addresses, ports or sequence numbers, so that bytes cannot be followed through it (default false): whole connections show what it does. */
  readonly rewrites?: boolean;
  /** It changes what connections carry, which is what it is for (default false): what arrives is compared with nothing. */
  readonly edits?: boolean;
  /** Connections through it end in good order with every byte once. Default: those do in which it said of no packet that it lost it. */
  readonly connections?: boolean;
  /** The most connections of which it remembers anything (default 20,000). */
  readonly flows?: number;
  /** Of the random inputs (default 1). */
  readonly seed?: number;
}

/**
 * The conformance suite of middleboxes. With made-up traffic a middlebox must
 *
 * - send on each byte once and unchanged, and each packet without payload at most once; nothing that did not come in, and nothing back where it came
 *   from, unless it claims otherwise;
 * - say so when it loses a packet: no more may be missing at the end than it told the observer;
 * - leave alone what is not its own any more: a packet that it has sent on, and the options that packets share;
 * - keep the hop limit, and the length of each packet true;
 * - do the same again with the same seed;
 * - remember no more connections than it claims. What closures and `#private` fields hold cannot be seen.
 *
 * Whole Multipath TCP connections through it, on one path and on both, must never deliver a wrong byte, and must arrive whole where the box lost nothing.
 *
 * @returns what is wrong; nothing for a middlebox that may be used. The cases are the names in {@link MIDDLEBOX_RULES}
 */
export function checkMiddlebox(factory: MiddleboxFactory, claims: MiddleboxClaims = {}): Finding[] {
  const findings: MiddleboxFindings = new Findings(MIDDLEBOX_RULES);
  const seed = claims.seed ?? 1;
  findings.guard("made-up traffic", () => checkTraffic(factory, claims, seed, findings));
  findings.guard("the same traffic twice", () => checkSameAgain(factory, seed, findings));
  findings.guard("many connections", () => checkMemory(factory, claims.flows ?? 20_000, findings));
  if (claims.edits === true) return findings.list;
  for (const boxes of [[true, false], [true, true]]) {
    for (const direction of ["upload", "download"] as const) findings.guard(`a connection, ${direction}`, () => checkConnection(factory, claims, boxes, direction, seed, findings));
  }
  return findings.list;
}

type MiddleboxFindings = Findings<MiddleboxRule>;

/** A packet that came out. */
interface Output {
  readonly at: number;
  readonly side: 0 | 1;
  readonly packet: Packet;
  /** As it was then. */
  readonly octets: string;
}

/** A middlebox between two ends, and all that came out. */
class Bench {
  readonly queue = new EventQueue();
  readonly outputs: Output[] = [];
  readonly losses = new ReportedLosses();
  readonly box: Middlebox;
  onOutput: ((output: Output) => void) | null = null;
  /** What a look at the memory of the box must leave out. */
  readonly surroundings: readonly object[];
  private readonly keeps: boolean;

  constructor(factory: MiddleboxFactory, seed: number, keeps = true) {
    this.keeps = keeps;
    const random = new SeededRandom(seed);
    this.box = factory("box", { queue: this.queue, random, observer: this.losses });
    const egresses = ([0, 1] as const).map((side) => this.egress(side));
    for (const egress of egresses) this.box.attach(egress);
    this.surroundings = [this.queue, random, this.losses, ...egresses, this];
  }

  /** Sends all of it, in order of time from now on, and waits until long after. */
  run(traffic: Iterable<SentPacket>): void {
    const start = this.queue.now;
    for (const { at, side, packet } of traffic) {
      this.queue.run(start + at);
      this.box.receive(packet, side, start + at);
    }
    this.queue.run(this.queue.now + 600 * SECOND);
  }

  private egress(side: 0 | 1): Egress {
    return { name: `side ${side}`, mtu: 65_535, maxPacket: 65_535, send: (packet, now) => this.took(side, packet, now), roomAt: (_, now) => now, listener: null };
  }

  private took(side: 0 | 1, packet: Packet, at: number): void {
    const output: Output = { at, side, packet, octets: this.keeps ? octetsOf(packet) : "" };
    if (this.keeps) this.outputs.push(output);
    this.onOutput?.(output);
  }
}

function checkTraffic(factory: MiddleboxFactory, claims: MiddleboxClaims, seed: number, findings: MiddleboxFindings): void {
  const bench = new Bench(factory, seed);
  const traffic = madeUpTraffic(new SeededRandom(seed), FLOWS);
  const ledger = new FlowLedger();
  const payloads = traffic.map(({ packet }) => packet.tcp?.payload ?? Payload.EMPTY);
  const given = payloads.map((payload) => textOf(payload.toUint8Array()));
  const sentOn = new Set<Packet>();
  bench.onOutput = ({ side, packet, at }): void => {
    if (sentOn.has(packet)) findings.add("ownership", `at ${at} ns it sends the same object a second time`);
    sentOn.add(packet);
    if (packet.hopLimit !== HOP_LIMIT) findings.add("hop limit", `a packet comes out with ${packet.hopLimit} instead of ${HOP_LIMIT}`);
    if (packet.length !== packetLength(packet)) findings.add("length", `a packet of ${packetLength(packet)} octets says that it has ${packet.length}`);
    if (claims.rewrites !== true && claims.edits !== true) for (const problem of ledger.takeOut(packet, side)) if (claims.answers !== true) findings.add("out of thin air", problem);
  };
  const noted = function* (): Generator<SentPacket> {
    for (const one of traffic) {
      ledger.putIn(one.packet, one.side);
      yield one;
    }
  };
  bench.run(noted());
  for (const { packet, octets, at } of bench.outputs) if (octetsOf(packet) !== octets) findings.add("ownership", `a packet that it sent at ${at} ns was changed afterwards`);
  payloads.forEach((payload, i) => {
    if (textOf(payload.toUint8Array()) !== given[i]) findings.add("ownership", "it writes into the payload of a packet, whose buffer is shared");
  });
  if (claims.transparent === false || claims.rewrites === true || claims.edits === true) return;
  for (const problem of ledger.altered()) findings.add("bytes", problem);
  checkLosses(ledger.missing(), bench.losses, findings);
}

/** No more may be missing than what the box said it lost. */
function checkLosses({ bytes, packets, example }: Missing, losses: ReportedLosses, findings: MiddleboxFindings): void {
  const payload = Math.max(0, losses.octets - losses.packets * LEAST_HEADERS);
  if (bytes <= payload && packets <= losses.packets) return;
  findings.add("loss", `${example}; in all ${bytes} bytes of payload and ${packets} packets without payload are missing, and it told of ${losses.packets} lost packets`);
}

function checkSameAgain(factory: MiddleboxFactory, seed: number, findings: MiddleboxFindings): void {
  const [one, other] = [0, 1].map(() => {
    const bench = new Bench(factory, seed);
    bench.run(madeUpTraffic(new SeededRandom(seed), FLOWS));
    return bench.outputs.map(({ at, side, octets }) => `${at} ${side} ${octets}`);
  }) as [string[], string[]];
  const at = one.findIndex((line, i) => line !== other[i]);
  if (at >= 0 || one.length !== other.length) findings.add("the same again", `with the same seed and the same packets, output ${at < 0 ? Math.min(one.length, other.length) : at} is another one`);
}

function checkMemory(factory: MiddleboxFactory, flows: number, findings: MiddleboxFindings): void {
  const bench = new Bench(factory, 1, false);
  let done = 0;
  const keptAfter = (connections: number): number => {
    bench.run(manyConnections(done, connections));
    done = connections;
    return retained(bench.box, bench.surroundings);
  };
  // Most boxes remember nothing of connections, and the first thousand shows it.
  const few = keptAfter(200);
  if (keptAfter(1000) <= few + 100) return;
  const before = keptAfter(1000 + flows);
  const earlier = done;
  const after = keptAfter(1000 + 2 * flows);
  if (after > before * 1.05 + 100) findings.add("memory", `after ${done} connections it keeps ${after} objects and entries, after ${earlier} of them ${before}`);
}

function checkConnection(factory: MiddleboxFactory, claims: MiddleboxClaims, boxes: readonly boolean[], direction: "upload" | "download", seed: number, findings: MiddleboxFindings): void {
  const losses = new ReportedLosses();
  const reporting = (name: string, environment: MiddleboxEnvironment): Middlebox => factory(name, { ...environment, observer: losses });
  const simulation = new Simulation({ seed });
  const paths = boxes.map((hasBox): AccessPath => ({ ...PATH, middleboxes: hasBox ? [reporting] : [] }));
  const built = multiPath(simulation, { paths });
  const [upload, download] = direction === "upload" ? [BYTES, 0] : [0, BYTES];
  const [client, server] = [new CheckedPeer(upload, download), new CheckedPeer(download, upload)];
  built.server.listen(PORT, () => server);
  built.client.connect(built.serverAddresses[0]?.[0] as IpAddress, PORT, client);
  simulation.runUntil(() => client.closedAt >= 0 && server.closedAt >= 0, LIMIT);
  const where = boxes.map((hasBox) => (hasBox ? "with" : "without")).join(" and ");
  const isWhole = claims.connections ?? losses.packets === 0;
  for (const [name, peer] of [["the client", client], ["the server", server]] as const) {
    const problems = isWhole ? peer.problems(name) : peer.wrongAt < 0 ? [] : [`${name}: byte ${peer.wrongAt} is wrong`];
    for (const problem of problems) findings.add("connection", `${direction} of ${BYTES} bytes over paths ${where} the box, ${LIMIT / SECOND} s: ${problem}`);
  }
}

const FLOWS = 40;
/** IPv4 and TCP. */
const LEAST_HEADERS = 40;
const HOP_LIMIT = 64;
const PORT = 80;
const BYTES = 300_000;
const LIMIT = 300 * SECOND;
const PATH: AccessPath = { rate: 10e6, delay: 10 * MILLISECOND, queue: { packets: 50 } };
