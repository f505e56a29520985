import { randomFillSync } from "node:crypto";
import type { FourTuple } from "../../tcp/index.ts";
import { icmpUnreachable, ipHeaderLength, Packet, TcpSegment } from "../../wire/index.ts";
import type { UnreachableCause } from "../../wire/index.ts";
import type { LinkHandler } from "../link.ts";
import type { PathError, UdpPort } from "./port.ts";

/**
 * What becomes of the errors that the system has about datagrams of a link.
 *
 * Anybody who knows addresses and ports can send an ICMP message, and the system looks at no more than these. So an error is passed to the engine where it quotes a
 * segment, whose sequence number the engine looks at (RFC 5927 §4.1); and "port unreachable" makes us doubt that the peer's process is there. Then it is asked: a
 * probe leaves with octets that nobody can guess, and the connection ends when an error quotes these. No other error ends one that is open, however many come.
 * An attempt also ends by errors that quote nothing, as old systems send them, one for what was sent and one for the probe, when the peer says nothing for a
 * while. Whatever is heard of the peer puts an end to the doubt.
 *
 * Where the link has a key, only who has it ends a connection that is open, and nobody is asked about one: that somebody has seen the question does not show that
 * the key is theirs. An attempt ends as above: a quote is of the datagram that begins the handshake for which the segment waits, a question is such a datagram too.
 */
export class Doubts {
  private readonly handler: LinkHandler;
  private readonly open = new Map<string, Doubt>();

  constructor(handler: LinkHandler) {
    this.handler = handler;
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
    if (doubt !== undefined) doubt.isRepeated ||= sequence === null && port.hasQuotes;
    else if (this.open.size < MOST) this.begin(new Doubt(key, port, ends, phase));
  }

  /** A segment of a peer arrived. */
  onSegment(packet: Packet, tcp: TcpSegment): void {
    const doubt = this.open.get(keyOf({ localAddress: packet.destination, localPort: tcp.destinationPort, remoteAddress: packet.source, remotePort: tcp.sourcePort }));
    if (doubt !== undefined) doubt.isRefuted = true;
  }

  close(): void {
    for (const { timer } of this.open.values()) if (timer !== null) clearTimeout(timer);
    this.open.clear();
  }

  private begin(doubt: Doubt): void {
    this.open.set(doubt.key, doubt);
    // Who opens a connection waits. One that is open may be moving from one process to another.
    if (doubt.phase === "opening") doubt.probe();
    this.wait(doubt);
  }

  private wait(doubt: Doubt): void {
    doubt.timer = setTimeout(() => this.look(doubt), INTERVAL).unref();
  }

  private look(doubt: Doubt): void {
    const { ends, isRefuted, isRepeated, phase, probes } = doubt;
    if (isRefuted || this.handler.connections.phaseOf(ends) !== phase) this.open.delete(doubt.key);
    else if (phase === "opening" && isRepeated) this.end(doubt, false);
    else if (probes === MOST_PROBES) this.open.delete(doubt.key);
    else {
      doubt.probe();
      this.wait(doubt);
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

/** The doubt about one connection. */
class Doubt {
  readonly key: string;
  readonly ends: FourTuple;
  readonly phase: "opening" | "open";
  /** Something was heard of the peer since. */
  isRefuted = false;
  /** One more error came that quotes nothing, though the system would have passed it on. */
  isRepeated = false;
  probes = 0;
  timer: NodeJS.Timeout | null = null;
  private readonly port: UdpPort;
  private readonly token = new Uint8Array(1 + SECRET);

  constructor(key: string, port: UdpPort, ends: FourTuple, phase: "opening" | "open") {
    this.key = key;
    this.port = port;
    this.ends = ends;
    this.phase = phase;
    // The first octet stays 0: neither TCP, whose first nibble is 5 or more, nor a STUN message, which has its magic cookie behind it.
    randomFillSync(this.token, 1);
  }

  probe(): void {
    this.probes++;
    this.port.probe(this.token, this.ends.remoteAddress, this.ends.remotePort);
  }

  /** Whether the link has a key. */
  get isSealed(): boolean {
    return this.port.sealed !== null;
  }

  /** Whether octets are the beginning of a probe, and long enough for nobody to have guessed them. */
  isQuoted(quote: Uint8Array): boolean {
    const length = Math.min(quote.length, this.token.length);
    return this.probes > 0 && length > SECRET / 2 && this.token.subarray(0, length).every((octet, i) => octet === quote[i]);
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

const CAUSES: Readonly<Record<string, UnreachableCause>> = { ECONNREFUSED: "port", EHOSTUNREACH: "host", ENETUNREACH: "network" };
/** ms before a probe, and between those that nobody answered: systems send few ICMP messages (RFC 4443 §2.4(f)). */
const INTERVAL = 1000;
const MOST_PROBES = 3;
/** Connections of a link in doubt at a time. */
const MOST = 256;
/** Octets of a probe that are random. */
const SECRET = 16;
