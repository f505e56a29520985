import { MILLISECOND, NEVER, randomBelow, SECOND, SeededRandom } from "../core/index.ts";
import type { RandomSource } from "../core/index.ts";
import { Simulation } from "../sim/index.ts";
import type { Egress, SimNode } from "../sim/index.ts";
import { IpAddress, packetLength } from "../wire/index.ts";
import type { Packet } from "../wire/index.ts";
import { CheckedPeer } from "./checked-peer.ts";
import type { Finding } from "./finding.ts";
import { Findings } from "./findings.ts";
import { LINK_RULES } from "./link-rules.ts";
import type { LinkRule } from "./link-rules.ts";
import { ReportedLosses } from "./reported-losses.ts";
import { retained } from "./retained.ts";
import { octetsOf, streamOfSegments } from "./traffic.ts";

/** Where a link is put that is checked. */
export interface LinkEnvironment {
  /** Its queue schedules the link's events, its observer hears of losses, and its `randomFor` gives random numbers. */
  readonly simulation: Simulation;
  /** Where packets come out, and on which port of it. */
  readonly target: SimNode;
  readonly port: number;
}

/** Makes one direction of a link, with the name that it gets. */
export type LinkFactory<E extends Egress = Egress> = (name: string, environment: LinkEnvironment) => E;

/** What a link says of itself beyond the interface. */
export interface LinkClaims<E extends Egress = Egress> {
  /** Bits per second of IP packets that it carries; not checked unless given. */
  readonly rate?: number;
  /** ns that a packet takes at the least (default 0). */
  readonly delay?: number;
  /** It is meant to let packets overtake each other (default false). */
  readonly reorders?: boolean;
  /** It is meant to let packets arrive more than once (default false). */
  readonly repeats?: boolean;
  /** Connections over it end in good order with every byte once (default true). */
  readonly connections?: boolean;
  /** What may happen to it while packets are under way: it goes down, becomes faster, ... Each begins with a link made anew. */
  readonly changes?: readonly ((link: E, now: number) => void)[];
  /** Of the simulation and the traffic (default 1). */
  readonly seed?: number;
}

/**
 * The conformance suite of links of the simulator, of one direction each. From a polite sender, who waits for room, and from bursts a link must
 *
 * - deliver each packet once, unchanged, in order, by an event of its own, not before its time; or say that it lost it;
 * - keep the rate that it claims;
 * - tell the truth about room, and wake who waits for it when a change brings it sooner;
 * - do the same again with the same seed and name, whatever other links there are;
 * - hold nothing and plan nothing when it is empty. What closures and `#private` fields hold cannot be seen.
 *
 * A Multipath TCP connection over two of them must arrive whole.
 *
 * @returns what is wrong; nothing for a link that may be used. The cases are the names in {@link LINK_RULES}
 */
export function checkLink<E extends Egress>(factory: LinkFactory<E>, claims: LinkClaims<E> = {}): Finding[] {
  const findings: LinkFindings = new Findings(LINK_RULES);
  findings.guard("a polite sender", () => checkPolite(new LinkBench(factory, claims, findings), claims.rate));
  findings.guard("bursts", () => checkBursts(new LinkBench(factory, claims, findings)));
  findings.guard("a packet that is too large", () => checkTooLarge(new LinkBench(factory, claims, findings)));
  findings.guard("the same packets again", () => checkSameAgain(factory, claims, findings));
  findings.guard("after many packets", () => checkMemory(new LinkBench(factory, claims, findings)));
  // Rate and delay may be others after a change.
  const { rate: _rate, delay: _delay, ...lasting } = claims;
  for (const change of claims.changes ?? []) findings.guard("a change", () => checkChange(new LinkBench(factory, lasting, findings), change));
  // A link that plans for ever would keep a connection's run from its end.
  if (claims.connections !== false && !findings.has("idle")) findings.guard("a connection", () => checkConnection(factory, claims, findings));
  return findings.list;
}

type LinkFindings = Findings<LinkRule>;

/** A packet that was sent. */
interface SentOnLink {
  readonly index: number;
  readonly at: number;
  arrivals: number;
}

/** A link, the sender before it and the node behind it, which looks at everything that arrives. */
class LinkBench<E extends Egress> implements SimNode {
  readonly name = "target";
  readonly losses = new ReportedLosses();
  readonly simulation: Simulation;
  readonly link: E;
  readonly random: RandomSource;
  readonly findings: LinkFindings;
  /** Each arrival as text, when it is kept. */
  readonly outputs: string[] = [];
  readonly keeps: boolean;
  arrivedBits = 0;
  lastArrival = 0;
  private readonly claims: LinkClaims<E>;
  /** By content, which differs from packet to packet. */
  private readonly sent = new Map<string, SentOnLink>();
  private arrivedObjects = new WeakSet<Packet>();
  private readonly packets: Iterator<Packet, never>;
  private count = 0;
  private firstSent = -1;
  private highest = -1;
  private isSending = false;

  constructor(factory: LinkFactory<E>, claims: LinkClaims<E>, findings: LinkFindings, keeps = false) {
    const seed = claims.seed ?? 1;
    this.claims = claims;
    this.findings = findings;
    this.keeps = keeps;
    this.simulation = new Simulation({ seed, observers: [this.losses] });
    this.simulation.add(this);
    this.random = new SeededRandom(seed, "traffic");
    this.link = factory("a-b>", { simulation: this.simulation, target: this, port: 0 });
    this.checkLimits();
    this.packets = streamOfSegments(this.random, Math.min(1500, this.link.mtu));
  }

  get now(): number {
    return this.simulation.now;
  }

  /** Packets that neither arrived nor are known to be lost. */
  get missing(): number {
    let arrived = 0;
    for (const { arrivals } of this.sent.values()) if (arrivals > 0) arrived++;
    return this.count - arrived - this.losses.packets;
  }

  /** Sends the next packet. @returns its length, octets */
  send(packet: Packet = this.packets.next().value): number {
    if (this.firstSent < 0) this.firstSent = this.now;
    this.sent.set(octetsOf(packet), { index: this.count++, at: this.now, arrivals: 0 });
    const { length } = packet;
    this.isSending = true;
    this.link.send(packet, this.now);
    this.isSending = false;
    return length;
  }

  /** Waits until all that is under way has come. */
  drain(): void {
    this.simulation.run(this.now + LONG);
    const { findings } = this;
    if (this.simulation.queue.next !== NEVER) findings.add("idle", `${LONG / SECOND} s after the last packet something is still planned, for ${this.simulation.queue.next} ns`);
    const { missing, losses, count } = this;
    if (missing > 0) findings.add("loss", `of ${count} packets ${missing} did not arrive, beside ${losses.packets} of which it said that they were lost`);
    if (missing < 0) findings.add("loss", `it told of ${losses.packets} lost packets of ${count}, and ${-missing} of these arrived`);
  }

  // ---- the node at the other end

  attach(): number {
    return 0;
  }
  addressesOn(): readonly IpAddress[] {
    return [];
  }
  passes(): boolean {
    return false;
  }

  receive(packet: Packet, _port: number, now: number): void {
    const { findings, claims } = this;
    const octets = octetsOf(packet);
    if (this.keeps) this.outputs.push(`${now} ${octets}`);
    if (this.isSending) findings.add("inside send", `a packet arrives at ${now} ns while it is being sent`);
    if (now !== this.now) findings.add("time", `a packet arrives with the time ${now}, and it is ${this.now} ns`);
    if (packet.length !== packetLength(packet)) findings.add("content", `a packet of ${packetLength(packet)} octets says that it has ${packet.length}`);
    const sent = this.sent.get(octets);
    if (sent === undefined) return findings.add("content", `a packet of ${packet.length} octets arrives that nobody sent`);
    sent.arrivals++;
    if (this.arrivedObjects.has(packet)) findings.add("copies", `packet ${sent.index} arrives a second time, as the same object`);
    else if (sent.arrivals > 1 && claims.repeats !== true) findings.add("copies", `packet ${sent.index} arrives ${sent.arrivals} times`);
    this.arrivedObjects.add(packet);
    if (sent.index < this.highest && sent.arrivals === 1 && claims.reorders !== true) findings.add("order", `packet ${sent.index} arrives behind packet ${this.highest}`);
    this.highest = Math.max(this.highest, sent.index);
    const least = claims.delay ?? 0;
    if (!(now - sent.at >= least)) findings.add("time", `packet ${sent.index} arrives ${now - sent.at} ns after it was sent, and should take ${least} ns`);
    if (sent.arrivals === 1) this.checkRate(packet.length, now - least);
  }

  /** No more may have arrived than could be transmitted until then. */
  private checkRate(length: number, now: number): void {
    this.arrivedBits += 8 * length;
    const { rate } = this.claims;
    if (rate === undefined) return;
    const most = ((now - this.firstSent) * rate) / SECOND;
    if (this.arrivedBits > most * 1.001 + 8) this.findings.add("rate", `within ${now - this.firstSent} ns ${this.arrivedBits} bits were carried, and ${rate} bit/s allow ${Math.floor(most)}`);
  }

  private checkLimits(): void {
    const { mtu, maxPacket, name } = this.link;
    if (!(mtu >= 68) || !(maxPacket >= mtu) || !(maxPacket <= 65_535)) this.findings.add("limits", `the MTU is ${mtu}, and the largest packet ${maxPacket} octets`);
    if (name !== "a-b>") this.findings.add("limits", `its name is ${name}, and was to be a-b>`);
  }
}

/** Sends only where there is room for two packets, so that the link always has something to do. */
function checkPolite<E extends Egress>(bench: LinkBench<E>, rate: number | undefined): void {
  const { simulation, link, findings } = bench;
  let bits = 0;
  const start = simulation.now;
  for (let i = 0; i < POLITE_PACKETS; i++) {
    const at = link.roomAt(2, simulation.now);
    if (!(at >= simulation.now)) return findings.add("room", `at ${simulation.now} ns there is room from ${at} on, which is no time to come`);
    if (at > simulation.now + LONG) return findings.add("room", `there is no room for two packets in ${LONG / SECOND} s, though nothing else is sent`);
    simulation.run(at);
    const then = link.roomAt(2, at);
    if (then > at) return findings.add("room", `there was to be room from ${at} ns on, and then from ${then} ns on`);
    bits += 8 * bench.send();
  }
  const took = simulation.now - start;
  bench.drain();
  if (bench.losses.queued > 0) findings.add("room", `${bench.losses.queued} packets were lost to a full queue, though each was sent when there was room`);
  // Of what was sent two packets at the most have not left by then.
  const least = rate === undefined || !Number.isFinite(rate) ? 0 : (rate * took) / SECOND;
  if (bits < 0.95 * least) findings.add("rate", `in ${took} ns there was room for ${bits} bits alone, and ${rate} bit/s are ${Math.floor(least)}`);
}

/** More at once than queues hold, and pauses. */
function checkBursts<E extends Egress>(bench: LinkBench<E>): void {
  for (let i = 0; i < 8; i++) {
    for (let packets = 1 + randomBelow(bench.random, 100); packets > 0; packets--) bench.send();
    const room = bench.link.roomAt(1, bench.now);
    if (!(room >= bench.now)) bench.findings.add("room", `at ${bench.now} ns there is room from ${room} on, which is no time to come`);
    bench.simulation.run(bench.now + randomBelow(bench.random, 200) * MILLISECOND);
  }
  bench.drain();
}

function checkTooLarge<E extends Egress>(bench: LinkBench<E>): void {
  const { link, losses, random, findings } = bench;
  const [least, most] = [link.maxPacket + 1, link.maxPacket + 100];
  if (most > 65_535) return;
  for (const packet of streamOfSegments(random, most)) {
    if (packet.length < least) continue;
    bench.send(packet);
    break;
  }
  bench.simulation.run(bench.now + LONG);
  if (losses.packets !== 1 || bench.arrivedBits > 0) findings.add("too large", `a packet larger than ${link.maxPacket} octets ${bench.arrivedBits > 0 ? "arrives" : "is lost without a word"}`);
}

function checkSameAgain<E extends Egress>(factory: LinkFactory<E>, claims: LinkClaims<E>, findings: LinkFindings): void {
  const run = (others: boolean): readonly string[] => {
    const bench = new LinkBench(factory, claims, new Findings(LINK_RULES), true);
    const other = others ? factory("a-b<", { simulation: bench.simulation, target: new Nowhere(), port: 0 }) : null;
    const packets = streamOfSegments(new SeededRandom(7), Math.min(1500, bench.link.mtu));
    for (let i = 0; i < 200; i++) {
      if (other !== null) other.send(packets.next().value, bench.now);
      bench.send();
      if (i % 5 === 4) bench.simulation.run(bench.now + 3 * MILLISECOND);
    }
    bench.simulation.run(bench.now + LONG);
    return bench.outputs;
  };
  const first = run(false);
  for (const others of [false, true]) {
    const again = run(others);
    const at = first.findIndex((line, i) => line !== again[i]);
    if (at < 0 && first.length === again.length) continue;
    findings.add("the same again", `with the same seed and name${others ? ", beside another link" : ""}, arrival ${at < 0 ? first.length : at} is another one or comes at another time`);
  }
}

function checkMemory<E extends Egress>(bench: LinkBench<E>): void {
  const { simulation, link, findings } = bench;
  const keptAfter = (packets: number): number => {
    for (let i = 0; i < packets; i++) {
      bench.send();
      simulation.run(simulation.now + 5 * MILLISECOND);
    }
    simulation.run(simulation.now + LONG);
    return retained(link, [bench, simulation, simulation.queue, bench.losses]);
  };
  const before = keptAfter(100);
  const after = keptAfter(700);
  if (after > before * 1.1 + 100) findings.add("memory", `after 800 packets, all of which have arrived or were lost, it keeps ${after} objects and entries, after 100 of them ${before}`);
}

/** Something happens to it while its queue is full. */
function checkChange<E extends Egress>(bench: LinkBench<E>, change: (link: E, now: number) => void): void {
  const { simulation, link, findings } = bench;
  let told = 0;
  link.listener = { egressChanged: () => void told++ };
  for (let i = 0; i < 30; i++) bench.send();
  const promised = link.roomAt(1, simulation.now);
  simulation.run(Math.min(simulation.now + MILLISECOND, promised));
  change(link, simulation.now);
  const now = link.roomAt(1, simulation.now);
  if (now < promised && promised > simulation.now && told === 0) findings.add("wake", `a change at ${simulation.now} ns makes room at ${now} instead of ${promised} ns, and tells nobody`);
  bench.drain();
}

function checkConnection<E extends Egress>(factory: LinkFactory<E>, claims: LinkClaims<E>, findings: LinkFindings): void {
  const simulation = new Simulation({ seed: claims.seed ?? 1, routes: false });
  const [a, b] = [simulation.addHost("a"), simulation.addHost("b")];
  a.attach(factory("a-b>", { simulation, target: b, port: 0 }));
  b.attach(factory("a-b<", { simulation, target: a, port: 0 }));
  a.addAddress(ADDRESS_A);
  b.addAddress(ADDRESS_B);
  const [client, server] = [new CheckedPeer(BYTES, BYTES / 3), new CheckedPeer(BYTES / 3, BYTES)];
  b.listen(80, () => server);
  a.connect(ADDRESS_B, 80, client);
  simulation.runUntil(() => client.closedAt >= 0 && server.closedAt >= 0, 600 * SECOND);
  for (const problem of [...client.problems("the client"), ...server.problems("the server")]) findings.add("connection", `${BYTES} bytes up and ${BYTES / 3} down: ${problem}`);
}

/** Where the packets of another link end. */
class Nowhere implements SimNode {
  readonly name = "nowhere";
  attach(): number {
    return 0;
  }
  receive(): void {}
  addressesOn(): readonly IpAddress[] {
    return [];
  }
  passes(): boolean {
    return false;
  }
}

const POLITE_PACKETS = 300;
const BYTES = 90_000;
/** Longer than any packet is under way. */
const LONG = 600 * SECOND;
const ADDRESS_A = IpAddress.v4(0x0a000001);
const ADDRESS_B = IpAddress.v4(0x0a000002);
