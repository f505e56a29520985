import type { Egress, SimNode } from "mptcp/sim";
import { decodePacket, encodePacket } from "mptcp/wire";
import type { IpAddress, Packet } from "mptcp/wire";
import type { Device } from "../system/device.ts";
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
    const length = encodePacket(packet, this.octets, 0);
    this.device.write(this.octets.subarray(0, length));
    this.lateness.add(this.time.clock - now);
  }

  /** The kernel has sent something. */
  ready(_events: number, now: number): void {
    for (let count = 0; count < MOST_AT_ONCE; count++) {
      const read = this.device.read();
      if (read === null) return;
      const packet = decodePacket(read.octets, 0, read.octets.length);
      if (typeof packet === "string") this.unreadable++;
      else this.egress?.send(packet, now);
    }
  }
}

/** Packets that are taken from a device before what is due happens. */
const MOST_AT_ONCE = 64;
