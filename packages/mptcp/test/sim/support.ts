import { EventQueue, Pipe } from "../../src/sim/index.ts";
import type { Egress, PipeOptions, SimNode } from "../../src/sim/index.ts";
import { IpAddress, Packet, packetLength, Payload, TcpSegment } from "../../src/wire/index.ts";

export const A = IpAddress.from("10.0.0.1");
export const B = IpAddress.from("10.0.1.1");

export interface Arrival {
  readonly at: number;
  readonly packet: Packet;
  readonly port: number;
}

/** A node that keeps what it gets. */
export class Collector implements SimNode {
  readonly name: string;
  readonly arrivals: Arrival[] = [];
  readonly egresses: Egress[] = [];
  addresses: readonly IpAddress[] = [];
  onPacket: ((packet: Packet, now: number) => void) | null = null;

  constructor(name = "collector", ...addresses: IpAddress[]) {
    this.name = name;
    this.addresses = addresses;
  }

  attach(egress: Egress): number {
    return this.egresses.push(egress) - 1;
  }

  receive(packet: Packet, port: number, now: number): void {
    this.arrivals.push({ at: now, packet, port });
    this.onPacket?.(packet, now);
  }

  addressesOn(): readonly IpAddress[] {
    return this.addresses;
  }

  passes(): boolean {
    return false;
  }

  /** Arrival times, ns. */
  get times(): number[] {
    return this.arrivals.map((arrival) => arrival.at);
  }

  /** Sequence numbers of the arrivals: `tcpPacket` counts there. */
  get numbers(): number[] {
    return this.arrivals.map((arrival) => arrival.packet.tcp?.sequence ?? -1);
  }
}

/** A TCP packet of `length` octets in all, with `number` as its sequence number. */
export function tcpPacket(length: number, number = 0, source = A, destination = B): Packet {
  const packet = new Packet(source, destination);
  packet.tcp = new TcpSegment();
  packet.tcp.sourcePort = 1000;
  packet.tcp.destinationPort = 80;
  packet.tcp.sequence = number;
  packet.tcp.flags = 0x10;
  packet.tcp.payload = Payload.virtual(length - (source.family === 4 ? 40 : 60));
  packet.length = packetLength(packet);
  return packet;
}

export interface PipeBench {
  readonly queue: EventQueue;
  readonly pipe: Pipe;
  readonly sink: Collector;
  send(length: number, number?: number): void;
}

/** One pipe that ends in a collector. */
export function pipeBench(options: PipeOptions, seed = 1): PipeBench {
  const queue = new EventQueue();
  const pipe = new Pipe(queue, "pipe", options, seed, null);
  const sink = new Collector();
  pipe.connect(sink, 0);
  return { queue, pipe, sink, send: (length, number = 0) => pipe.send(tcpPacket(length, number), queue.now) };
}
