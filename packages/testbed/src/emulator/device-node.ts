import type { Egress, SimNode } from "mptcp/sim";
import { EncodeError } from "mptcp/wire";
import type { IpAddress, Packet } from "mptcp/wire";
import type { Device, DeviceFrame } from "../system/device.ts";
import { AddedDelay } from "./added-delay.ts";
import { crossingPacket, writeCrossing } from "./crossing.ts";
import { POLL } from "./real-time.ts";
import type { RealTime, Source } from "./real-time.ts";

/**
 * A TUN device as a node of a simulation that runs in real time: what the kernel sends over it goes onto the node's link, what the link brings goes to the kernel. In between a packet is one of
 * the simulation's, so that every link and every middlebox works on real traffic; where none has changed it, its octets arrive as they left.
 */
export class DeviceNode implements SimNode, Source {
  readonly name: string;
  readonly fd: number;
  readonly waitsFor = POLL.in;
  readonly isOwned = false;
  /** How late packets were given to the kernel. */
  readonly lateness = new AddedDelay();
  /** What came from the kernel and was no packet of IP. */
  unreadable = 0;
  /** Packets that a middlebox has made such that there is no way to write them. */
  unwritable = 0;
  /** Gets what leaves the kernel and what arrives there, before it is changed or used again. */
  onFrame: ((frame: DeviceFrame, direction: "in" | "out", now: number) => void) | null = null;
  private readonly device: Device;
  private readonly time: RealTime;
  private readonly addresses: readonly IpAddress[];
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
    const { device } = this;
    try {
      const { length, offload } = writeCrossing(packet, device.frame);
      this.onFrame?.({ octets: device.frame.subarray(0, length), offload }, "in", now);
      device.send(length, offload);
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      this.unwritable++;
    }
    this.lateness.add(this.time.clock - now);
  }

  /** The kernel has sent something. */
  ready(_events: number, now: number): void {
    for (let count = 0; count < MOST_AT_ONCE; count++) {
      const frame = this.device.take();
      if (frame === null) return;
      this.onFrame?.(frame, "out", now);
      const packet = crossingPacket(frame);
      if (packet === null) this.unreadable++;
      else this.egress?.send(packet, now);
    }
  }
}

/** Packets that are taken from a device before what is due happens. */
const MOST_AT_ONCE = 64;
