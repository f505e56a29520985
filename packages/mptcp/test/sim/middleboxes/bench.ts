import { SeededRandom } from "../../../src/core/index.ts";
import type { DecisionEvent } from "../../../src/core/index.ts";
import { EventQueue } from "../../../src/sim/index.ts";
import type { Egress, Middlebox, MiddleboxFactory } from "../../../src/sim/index.ts";
import { Dss, IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "../../../src/wire/index.ts";
import type { MptcpOption } from "../../../src/wire/index.ts";

export const CLIENT = IpAddress.from("10.0.0.1");
export const SERVER = IpAddress.from("10.0.1.1");
export const { SYN, ACK, FIN, PSH, RST, URG, ECE, CWR } = TCP_FLAG;

/** A middlebox between two ends that keep what comes out. */
export class BoxBench {
  readonly queue = new EventQueue();
  readonly events: DecisionEvent[] = [];
  readonly box: Middlebox;
  /** What came out on the outside, and on the inside. */
  readonly out: Packet[] = [];
  readonly in: Packet[] = [];
  /** When each packet came out on the outside, ns. */
  readonly times: number[] = [];

  constructor(make: MiddleboxFactory, maxPacket = 65_535) {
    this.box = make("box", { queue: this.queue, random: new SeededRandom(1), observer: { event: (event) => this.events.push(event) } });
    for (const side of [this.in, this.out]) {
      const egress: Egress = {
        name: "",
        mtu: 1500,
        maxPacket,
        send: (packet, now) => {
          if (packet.length !== packetLength(packet)) throw new Error(`a packet of ${packetLength(packet)} octets says ${packet.length}`);
          side.push(packet);
          if (side === this.out) this.times.push(now);
        },
        roomAt: (_, now) => now,
        listener: null,
      };
      this.box.attach(egress);
    }
  }

  /** Sends a packet from inside. @returns what came out on the outside at once */
  outward(packet: Packet): Packet[] {
    const before = this.out.length;
    this.box.receive(packet, 0, this.queue.now);
    return this.out.slice(before);
  }

  /** Sends a packet from outside. @returns what came out on the inside at once */
  inward(packet: Packet): Packet[] {
    const before = this.in.length;
    this.box.receive(packet, 1, this.queue.now);
    return this.in.slice(before);
  }
}

/** A segment from the client, or with the ends exchanged from the server. */
export function segment(fields: Partial<TcpSegment>, from: "client" | "server" = "client"): Packet {
  const packet = from === "client" ? new Packet(CLIENT, SERVER) : new Packet(SERVER, CLIENT);
  const ports = from === "client" ? { sourcePort: 1000, destinationPort: 80 } : { sourcePort: 80, destinationPort: 1000 };
  packet.tcp = Object.assign(new TcpSegment(), { flags: ACK, window: 500, ...ports, ...fields });
  packet.length = packetLength(packet);
  return packet;
}

/** `length` bytes of a stream from a sequence number on: each byte tells its place. */
export function bytes(sequence: number, length: number): Payload {
  return Payload.of(Uint8Array.from({ length }, (_, i) => ((sequence + i) * 7 + ((sequence + i) >>> 8)) & 255));
}

/** A data segment of those bytes. */
export function data(sequence: number, length: number, fields: Partial<TcpSegment> = {}): Packet {
  return segment({ sequence, payload: bytes(sequence, length), ...fields });
}

export function mapping(subflowSequence: number, dataLength: number): MptcpOption {
  return Object.assign(new Dss(), { dsnLength: 4, dsnLow: 7000 + subflowSequence, subflowSequence, dataLength });
}

export function tcp(packet: Packet | undefined): TcpSegment {
  if (packet === undefined || packet.tcp === null) throw new Error("no TCP segment");
  return packet.tcp;
}

/** Sequence number and length of each, as "100+20". */
export function ranges(packets: readonly Packet[]): string[] {
  return packets.map((packet) => `${tcp(packet).sequence}+${tcp(packet).payload.length}`);
}

/** Whether every payload is what {@link bytes} says of its place. */
export function isIntact(packets: readonly Packet[]): boolean {
  return packets.every((packet) => {
    const { sequence, payload } = tcp(packet);
    const want = bytes(sequence, payload.length).toUint8Array();
    return payload.toUint8Array().every((octet, i) => octet === want[i]);
  });
}
