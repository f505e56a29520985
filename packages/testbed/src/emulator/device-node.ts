import type { Egress, SimNode } from "mptcp/sim";
import { decodePacket, encodePacket, ipHeaderLength, tcpHeaderLength } from "mptcp/wire";
import type { EncodeOptions, IpAddress, Packet } from "mptcp/wire";
import type { Device, Segmentation } from "../system/device.ts";
import { AddedDelay } from "./added-delay.ts";
import { POLL } from "./real-time.ts";
import type { RealTime, Source } from "./real-time.ts";

/**
 * A TUN device as a node of a simulation that runs in real time: what the kernel sends over it goes onto the node's link, what the link brings goes to the kernel. Packets are the simulation's
 * own in between, so that every link and every middlebox of it works on real traffic.
 */
export class DeviceNode implements SimNode, Source {
  readonly name: string;
  readonly fd: number;
  readonly waitsFor = POLL.in;
  readonly isOwned = false;
  /** How late packets were given to the kernel. */
  readonly lateness = new AddedDelay();
  /** Packets from the kernel that were no packets that the library can read. */
  unreadable = 0;
  private readonly device: Device;
  private readonly time: RealTime;
  private readonly addresses: readonly IpAddress[];
  private readonly octets = new Uint8Array(65_535 + 40);
  private egress: Egress | null = null;

  /** @param addresses whose packets are brought here, for the computation of routes */
  constructor(name: string, device: Device, addresses: readonly IpAddress[], time: RealTime) {
    this.name = name;
    this.device = device;
    this.fd = device.fd;
    this.addresses = addresses;
    this.time = time;
    time.add(this);
  }

  attach(egress: Egress): number {
    this.egress = egress;
    return 0;
  }

  addressesOn(): readonly IpAddress[] {
    return this.addresses;
  }

  passes(): boolean {
    return false;
  }

  receive(packet: Packet, _port: number, now: number): void {
    const segments = packet.length > MTU ? segmentsOf(packet) : null;
    const length = encodePacket(packet, this.octets, 0, segments === null ? FULL : PARTIAL);
    this.device.write(this.octets.subarray(0, length), segments);
    this.lateness.add(this.time.clock - now);
  }

  /** The kernel has sent something. */
  ready(_events: number, now: number): void {
    for (let count = 0; count < MOST_AT_ONCE; count++) {
      const read = this.device.read();
      if (read === null) return;
      const packet = decodePacket(read.octets, 0, read.octets.length);
      if (typeof packet === "string") {
        this.unreadable++;
        continue;
      }
      if (packet.tcp !== null && read.segmentSize > 0) packet.tcp.segmentSize = read.segmentSize;
      this.egress?.send(packet, now);
    }
  }
}

/** Of which segments a super-segment is; null for what is none. */
function segmentsOf(packet: Packet): Segmentation | null {
  const { tcp } = packet;
  if (tcp === null) return null;
  const start = ipHeaderLength(packet);
  const headers = start + tcpHeaderLength(tcp);
  return { family: packet.source.family, headers, start, size: tcp.segmentSize > 0 ? tcp.segmentSize : MTU - headers };
}

const FULL: EncodeOptions = {};
const PARTIAL: EncodeOptions = { tcpChecksum: "partial" };
/** Of the devices. */
const MTU = 1500;
/** Packets that are taken from a device before what is due happens. */
const MOST_AT_ONCE = 64;
