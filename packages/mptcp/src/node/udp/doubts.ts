import { randomFillSync } from "node:crypto";
import type { FourTuple } from "../../tcp/index.ts";
import { icmpUnreachable, ipHeaderLength, Packet, TcpSegment } from "../../wire/index.ts";
import type { IpAddress, UnreachableCause } from "../../wire/index.ts";
import type { LinkHandler } from "../link.ts";
import { inquire } from "./inquiry.ts";
import type { Inquirer, InquiryOutcome } from "./inquiry.ts";
import type { PathError, UdpPort } from "./port.ts";

/**
 * What becomes of the errors that the system has about datagrams of a link.
 *
 * Anybody who knows addresses and ports can send an ICMP message, and the system looks at no more than these. So an error is passed to the engine where it quotes a
 * segment, whose sequence number the engine looks at (RFC 5927 §4.1); and "port unreachable" makes us doubt that the peer's process is there. Then it is asked: a
 * probe leaves with octets that nobody can guess, and the connection ends when an error quotes these. Where errors quote nothing, as those of old systems, or the
 * system here keeps what they quote to itself, an {@link Inquiry} finds out, from ports that nobody can guess. Nothing else ends an attempt or a connection,
 * however many errors come. Whatever is heard of the peer puts an end to the doubt.
 *
 * Where the link has a key, only who has it ends a connection that is open, and nobody is asked about one: that somebody has seen the question does not show that
 * the key is theirs. An attempt ends as above: a quote is of the datagram that begins the handshake for which the segment waits, a question is such a datagram too.
 */
export class Doubts {
  private readonly handler: LinkHandler;
  private readonly open = new Map<string, Doubt>();
  private readonly inquiries: Inquiries;

  /** @param inquirer begins an inquiry */
  constructor(handler: LinkHandler, inquirer: Inquirer = inquire) {
    this.handler = handler;
    this.inquiries = new Inquiries(inquirer, (peer) => this.endAllOf(peer));
  }

  get size(): number {
    return this.open.size;
  }

  onError(error: PathError): void {
    const { code, port, quote, remote, remotePort } = error;
    const { sealed } = port;
    const cause = CAUSES[code];
    if (cause === undefined) return;
    const ends = endsOf(error);
    const key = keyOf(ends);
    const doubt = this.open.get(key);
    if (doubt?.isQuoted(quote) === true) {
      if (!doubt.isRefuted) this.end(doubt, true);
      return;
    }
    const sequence = sequenceOf(sealed === null ? quote : sealed.waiting(quote, remote, remotePort));
    if (sequence !== null) this.pass(ends, sequence, cause);
    const phase = cause === "port" ? this.handler.connections.phaseOf(ends) : null;
    // An attempt that is there still was not what the segment belonged to.
    if (phase === null || (phase === "opening" && sequence !== null)) return;
    if (phase === "open" && sealed !== null) return;
    if (doubt === undefined && this.open.size < MOST) this.begin(new Doubt(key, port, ends, phase));
  }

  /** A segment of a peer arrived. */
  onSegment(packet: Packet, tcp: TcpSegment): void {
    const doubt = this.open.get(keyOf({ localAddress: packet.destination, localPort: tcp.destinationPort, remoteAddress: packet.source, remotePort: tcp.sourcePort }));
    if (doubt !== undefined) doubt.isRefuted = true;
  }

  close(): void {
    for (const { timer } of this.open.values()) if (timer !== null) clearTimeout(timer);
    this.open.clear();
    this.inquiries.close();
  }

  private begin(doubt: Doubt): void {
    this.open.set(doubt.key, doubt);
    // Who opens a connection waits. One that is open may be moving from one process to another.
    if (doubt.phase === "opening") this.ask(doubt);
    this.wait(doubt);
  }

  private wait(doubt: Doubt): void {
    doubt.timer = setTimeout(() => this.look(doubt), INTERVAL).unref();
  }

  private look(doubt: Doubt): void {
    if (doubt.isRefuted || this.handler.connections.phaseOf(doubt.ends) !== doubt.phase || doubt.questions === MOST_QUESTIONS) this.open.delete(doubt.key);
    else {
      this.ask(doubt);
      this.wait(doubt);
    }
  }

  private ask(doubt: Doubt): void {
    doubt.questions++;
    if (doubt.quotes) doubt.probe();
    else this.inquiries.begin(doubt.port, doubt.ends.remoteAddress, doubt.ends.remotePort);
  }

  /** Nobody has the peer's port. */
  private endAllOf(peer: string): void {
    for (const doubt of Array.from(this.open.values())) {
      if (doubt.quotes || doubt.questions === 0 || doubt.isRefuted || peerOf(doubt.port, doubt.ends.remoteAddress, doubt.ends.remotePort) !== peer) continue;
      this.end(doubt, true);
    }
  }

  private end(doubt: Doubt, isCertain: boolean): void {
    if (doubt.timer !== null) clearTimeout(doubt.timer);
    this.open.delete(doubt.key);
    this.handler.connections.portClosed(doubt.ends, isCertain && !doubt.isSealed);
    this.handler.batchEnd();
  }

  /** Hands the engine the ICMP message that the system keeps to itself. */
  private pass(ends: FourTuple, sequence: number, cause: UnreachableCause): void {
    const quoted = new Packet(ends.localAddress, ends.remoteAddress);
    quoted.tcp = Object.assign(new TcpSegment(), { sourcePort: ends.localPort, destinationPort: ends.remotePort, sequence });
    quoted.length = ipHeaderLength(quoted) + 20;
    const message = icmpUnreachable(quoted, ends.remoteAddress, cause);
    if (message !== null) this.handler.receive(message);
  }
}

/** Inquiries of a link: one of a peer's port at a time, for all that are in doubt about it. */
class Inquiries {
  private readonly inquirer: Inquirer;
  private readonly onClosed: (peer: string) => void;
  /** Those under way, by peer: how to give them up. */
  private readonly open = new Map<string, () => void>();
  private readonly waiting = new Map<string, () => void>();
  /** Peers about which somebody makes errors up, and until when they are not believed, ms. */
  private readonly distrusted = new Map<string, number>();

  /** @param onClosed hears of a peer whose port nobody has, see {@link peerOf} */
  constructor(inquirer: Inquirer, onClosed: (peer: string) => void) {
    this.inquirer = inquirer;
    this.onClosed = onClosed;
  }

  begin(port: UdpPort, remote: IpAddress, remotePort: number): void {
    const peer = peerOf(port, remote, remotePort);
    if (this.open.has(peer) || (this.distrusted.get(peer) ?? 0) > performance.now()) return;
    if (this.open.size >= MOST_INQUIRIES) this.waiting.set(peer, () => this.begin(port, remote, remotePort));
    else this.open.set(peer, this.inquirer(port, remote, remotePort, (outcome) => this.over(peer, outcome)));
  }

  close(): void {
    for (const giveUp of this.open.values()) giveUp();
    for (const all of [this.open, this.waiting, this.distrusted]) all.clear();
  }

  private over(peer: string, outcome: InquiryOutcome): void {
    this.open.delete(peer);
    if (outcome === "closed") this.onClosed(peer);
    else if (outcome === "forged") this.distrust(peer);
    for (const [next, begin] of Array.from(this.waiting)) {
      if (this.open.size >= MOST_INQUIRIES) return;
      this.waiting.delete(next);
      begin();
    }
  }

  private distrust(peer: string): void {
    const now = performance.now();
    for (const [other, until] of this.distrusted) if (until <= now || this.distrusted.size >= MOST) this.distrusted.delete(other);
    this.distrusted.set(peer, now + DISTRUST);
  }
}

/** The doubt about one connection. */
class Doubt {
  readonly key: string;
  readonly port: UdpPort;
  readonly ends: FourTuple;
  readonly phase: "opening" | "open";
  /** Something was heard of the peer since. */
  isRefuted = false;
  /** Times that the peer was asked. */
  questions = 0;
  timer: NodeJS.Timeout | null = null;
  private readonly token = new Uint8Array(1 + SECRET);

  constructor(key: string, port: UdpPort, ends: FourTuple, phase: "opening" | "open") {
    this.key = key;
    this.port = port;
    this.ends = ends;
    this.phase = phase;
    // The first octet stays 0: neither TCP, whose first nibble is 5 or more, nor a STUN message, which has its magic cookie behind it.
    randomFillSync(this.token, 1);
  }

  /** Whether an error about a probe would say so. Of an attempt one has come that quotes nothing: others quote its SYN. */
  get quotes(): boolean {
    return this.phase === "open" && this.port.hasQuotes;
  }

  probe(): void {
    this.port.probe(this.token, this.ends.remoteAddress, this.ends.remotePort);
  }

  /** Whether the link has a key. */
  get isSealed(): boolean {
    return this.port.sealed !== null;
  }

  /** Whether octets are the beginning of a probe, and long enough for nobody to have guessed them. */
  isQuoted(quote: Uint8Array): boolean {
    const length = Math.min(quote.length, this.token.length);
    return this.quotes && this.questions > 0 && length > SECRET / 2 && this.token.subarray(0, length).every((octet, i) => octet === quote[i]);
  }
}

/** The sequence number of a segment by the beginning of its datagram; null when it is none, or too little of it. */
function sequenceOf(quote: Uint8Array): number | null {
  if (quote.length < 8 || (quote[0] as number) >>> 4 < 5) return null;
  return new DataView(quote.buffer, quote.byteOffset).getUint32(4);
}

function endsOf({ port, remote, remotePort }: PathError): FourTuple {
  return { localAddress: port.local, localPort: port.port, remoteAddress: remote, remotePort };
}

function keyOf({ localAddress, localPort, remoteAddress, remotePort }: FourTuple): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}

/** A peer's port as it is seen from an address. */
function peerOf({ local }: UdpPort, remote: IpAddress, remotePort: number): string {
  return `${local} ${remote} ${remotePort}`;
}

const CAUSES: Readonly<Record<string, UnreachableCause>> = { ECONNREFUSED: "port", EHOSTUNREACH: "host", ENETUNREACH: "network" };
/** ms before a question, and between those that nobody answered: systems send few ICMP messages (RFC 4443 §2.4(f)). */
const INTERVAL = 1000;
const MOST_QUESTIONS = 3;
/** Inquiries at a time: each has its descriptors. */
const MOST_INQUIRIES = 8;
/** ms that nothing is asked again after errors that were made up. */
const DISTRUST = 60_000;
/** Connections of a link in doubt at a time. */
const MOST = 256;
/** Octets of a probe that are random. */
const SECRET = 16;
