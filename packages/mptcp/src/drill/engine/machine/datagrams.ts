import { checksumOf, foldSum, icmpErrorOf, icmpUnreachable, Packet, packetLength, partialSum, Payload, PROTOCOL, pseudoHeaderSum } from "../../../wire/index.ts";
import type { IcmpError, IpAddress } from "../../../wire/index.ts";
import type { Endpoint } from "./addresses.ts";
import type { Machine } from "./machine.ts";

/** A datagram that arrived. */
export interface Datagram {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly data: Uint8Array;
}

/** Who has a port of UDP. */
export interface DatagramTaker {
  /** Whether what comes from one endpoint to another is its own. */
  covers(local: Endpoint, remote: Endpoint): boolean;
  onDatagram(datagram: Datagram): void;
  /** An error came back about what was sent to `to`; `payload`: as much of it as was quoted. */
  onError(error: IcmpError, from: IpAddress, to: Endpoint, payload: Uint8Array): void;
}

/** UDP (RFC 768) of the machine. */
export class Datagrams {
  private readonly machine: Machine;
  private readonly takers: DatagramTaker[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
    machine.takePackets((packet) => this.receive(packet));
  }

  add(taker: DatagramTaker): void {
    this.takers.push(taker);
  }

  remove(taker: DatagramTaker): void {
    const at = this.takers.indexOf(taker);
    if (at >= 0) this.takers.splice(at, 1);
  }

  send(from: Endpoint, to: Endpoint, data: Uint8Array, hopLimit: number, trafficClass: number): void {
    const body = new Uint8Array(HEADER + data.length);
    const view = new DataView(body.buffer);
    view.setUint16(0, from.port);
    view.setUint16(2, to.port);
    view.setUint16(4, body.length);
    body.set(data, HEADER);
    const sum = checksumOf(foldSum(pseudoHeaderSum(from.address, to.address, UDP, body.length) + partialSum(body, 0, body.length)));
    // RFC 768: all ones mean a checksum of zero, since zero means none.
    view.setUint16(6, sum === 0 ? 0xffff : sum);
    const packet = new Packet(from.address, to.address);
    packet.hopLimit = hopLimit;
    packet.trafficClass = trafficClass;
    packet.opaque = { protocol: UDP, payload: Payload.of(body) };
    packet.length = packetLength(packet);
    this.machine.host.counters.increment("UdpOutDatagrams");
    this.machine.emit(packet);
  }

  private receive(packet: Packet): boolean {
    if (packet.icmp !== null) return this.receiveError(packet);
    if (packet.opaque === null || packet.opaque.protocol !== UDP) return false;
    const { counters } = this.machine.host;
    const body = packet.opaque.payload.toUint8Array();
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    const length = body.length < HEADER ? 0 : view.getUint16(4);
    if (length < HEADER || length > body.length || !isIntact(packet, body, length)) {
      counters.increment("UdpInErrors");
      return true;
    }
    const from = { address: packet.source, port: view.getUint16(0) };
    const to = { address: packet.destination, port: view.getUint16(2) };
    const taker = this.find(to, from);
    if (taker !== undefined) {
      counters.increment("UdpInDatagrams");
      taker.onDatagram({ from, to, data: body.subarray(HEADER, length) });
    } else if (this.machine.isLocal(packet.destination)) {
      counters.increment("UdpNoPorts");
      const answer = icmpUnreachable(packet, packet.destination, "port");
      if (answer !== null) this.machine.emit(answer);
    }
    return true;
  }

  private receiveError(packet: Packet): boolean {
    if (packet.icmp === null) return false;
    const error = icmpErrorOf(packet.icmp, packet.source.family);
    if (error === null || error.quoted.protocol !== UDP) return false;
    const { quoted } = error;
    const to = { address: quoted.destination, port: quoted.destinationPort };
    const header = quoted.source.family === 4 ? ((packet.icmp.body[0] as number) & 15) * 4 : 40;
    this.find({ address: quoted.source, port: quoted.sourcePort }, to)?.onError(error, packet.source, to, packet.icmp.body.slice(header + HEADER));
    return true;
  }

  private find(local: Endpoint, remote: Endpoint): DatagramTaker | undefined {
    return this.takers.find((taker) => taker.covers(local, remote));
  }
}

/** A checksum of zero says that there is none. */
function isIntact(packet: Packet, body: Uint8Array, length: number): boolean {
  if (body[6] === 0 && body[7] === 0) return packet.source.family === 4;
  return foldSum(pseudoHeaderSum(packet.source, packet.destination, UDP, length) + partialSum(body, 0, length)) === 0xffff;
}

const UDP = PROTOCOL.udp;
const HEADER = 8;
