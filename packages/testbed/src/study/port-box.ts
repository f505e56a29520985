import { DIRECTION, SegmentMiddlebox } from "mptcp/sim";
import type { Direction, Egress, Middlebox, MiddleboxEnvironment, MiddleboxFactory } from "mptcp/sim";
import type { Packet, TcpSegment } from "mptcp/wire";

/** A box that the connections of one port alone go through; all others pass beside it. */
class PortBox extends SegmentMiddlebox {
  private readonly inner: Middlebox;
  private readonly port: number;

  constructor(name: string, environment: MiddleboxEnvironment, port: number, make: MiddleboxFactory) {
    super(name, environment);
    this.port = port;
    this.inner = make(name, environment);
    // The inner one's first link leads inside, where what it sends inward goes.
    for (const direction of [DIRECTION.inward, DIRECTION.outward]) this.inner.attach(this.leaving(direction));
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (segment.sourcePort === this.port || segment.destinationPort === this.port) this.inner.receive(packet, direction, now);
    else this.forward(packet, direction, now);
  }

  private leaving(direction: Direction): Egress {
    return { name: `${this.name} ${direction}`, mtu: MTU, maxPacket: MTU, send: (packet, now) => this.forward(packet, direction, now), roomAt: (_, now) => now, listener: null };
  }
}

/** Has a box see the connections of one port alone. */
export function onPort(port: number, make: MiddleboxFactory): MiddleboxFactory {
  return (name, environment) => new PortBox(name, environment, port, make);
}

/** Octets. */
const MTU = 1500;
