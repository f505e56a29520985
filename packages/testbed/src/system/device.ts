import { MptcpError } from "mptcp";
import { checksumOf, partialSum } from "mptcp/wire";
import { Memory } from "./memory.ts";
import type { Room } from "./memory.ts";
import { errorName, failure, NR } from "./system.ts";
import type { System } from "./system.ts";

/** What the device gave. */
export interface DevicePacket {
  readonly octets: Uint8Array;
  /** Octets of payload in each segment of a super-segment; 0 for a packet that is one. */
  readonly segmentSize: number;
}

/** A packet as it lies in a device, whose work is left to do where it says so. */
export interface DeviceFrame {
  readonly octets: Uint8Array;
  readonly offload: Offload;
}

/** What is left to whoever takes a packet over (virtio 1.2 §5.1.6). */
export interface Offload {
  /** Where the octets begin whose sum is missing in the checksum, which holds the pseudo-header's part; -1: the checksum is whole. */
  readonly checksumFrom: number;
  /** Where the checksum is, from there on. */
  readonly checksumOffset: number;
  /** Of which kind of super-segment the packet is; 0: of none. */
  readonly kind: number;
  /** Octets of headers before the payload of a super-segment, and octets of payload in each segment. */
  readonly headerLength: number;
  readonly segmentSize: number;
}

/** What a device may leave to do: nothing, checksums, or checksums and the cutting of super-segments. */
export type DeviceOffload = "none" | "checksums" | "segmentation";

/** A TUN device, in the namespace in which it was made. */
export class Device {
  readonly fd: number;
  /** Where the packet is written that {@link Device.send} sends. */
  readonly frame: Uint8Array;
  private readonly system: System;
  private readonly header: number;
  private readonly incoming: Room;
  private readonly outgoing: Room;

  /**
   * @param isLasting the device goes with its namespace, also when its descriptor is closed before: closing that then takes no time, where the kernel otherwise waits some 20 ms
   * @throws MptcpError ERR_MPTCP_TUN_MISSING, ERR_MPTCP_TUN_PERMISSION or ERR_MPTCP_TUN
   */
  constructor(system: System, name: string, offload: DeviceOffload, isLasting = true) {
    this.system = system;
    this.header = offload === "none" ? 0 : VNET_HEADER_LENGTH;
    const memory = new Memory(system);
    this.incoming = memory.room(this.header + LARGEST);
    this.outgoing = memory.room(this.header + LARGEST);
    this.frame = this.outgoing.octets.subarray(this.header);
    const path = memory.copy(new TextEncoder().encode(`${PATH}\0`));
    this.fd = system.call(NR.openat, AT_FDCWD, path.address, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
    if (this.fd < 0) {
      if (["EPERM", "EACCES"].includes(errorName(-this.fd))) throw failure(PATH, -this.fd);
      throw new MptcpError("ERR_MPTCP_TUN_MISSING", `${PATH} is missing (${errorName(-this.fd)}); modprobe tun, or give the container that device`);
    }
    try {
      const request = memory.room(40);
      request.octets.set(new TextEncoder().encode(name));
      request.view.setUint16(16, IFF_TUN | IFF_NO_PI | (this.header > 0 ? IFF_VNET_HDR : 0), true);
      system.must(`TUNSETIFF ${name}`, NR.ioctl, this.fd, TUNSETIFF, request.address);
      if (isLasting) system.must("TUNSETPERSIST", NR.ioctl, this.fd, TUNSETPERSIST, 1);
      if (offload !== "none") system.must("TUNSETOFFLOAD", NR.ioctl, this.fd, TUNSETOFFLOAD, OFFLOADS[offload]);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A packet arrives. What the kernel does not take as a packet is lost, as on a wire. */
  write(octets: Uint8Array): void {
    if (octets.length > LARGEST) return;
    this.frame.set(octets);
    this.send(octets.length, WHOLE);
  }

  /** The first `length` octets of {@link Device.frame} arrive, as a packet in which something may be left to do. */
  send(length: number, offload: Offload): void {
    const { checksumFrom, checksumOffset, kind, headerLength, segmentSize } = offload;
    const { view, address } = this.outgoing;
    if (this.header === 0) complete(this.frame.subarray(0, length), offload);
    else {
      // Where nothing is left to do the kernel finds out itself what the packet's checksums are.
      view.setUint8(0, checksumFrom < 0 ? 0 : FLAG_NEEDS_CHECKSUM);
      view.setUint8(1, kind);
      view.setUint16(2, headerLength, true);
      view.setUint16(4, segmentSize, true);
      view.setUint16(6, checksumFrom < 0 ? 0 : checksumFrom, true);
      view.setUint16(8, checksumFrom < 0 ? 0 : checksumOffset, true);
    }
    this.system.call(NR.write, this.fd, address, this.header + length);
  }

  /** The next packet that leaves, with whole checksums; null for none. */
  read(): DevicePacket | null {
    const frame = this.take();
    if (frame === null) return null;
    const { octets, offload } = frame;
    complete(octets, offload);
    return { octets, segmentSize: offload.kind === 0 ? 0 : offload.segmentSize };
  }

  /** The next packet that leaves, as the kernel leaves it; null for none. */
  take(): DeviceFrame | null {
    const { incoming, header } = this;
    const length = this.system.call(NR.read, this.fd, incoming.address, incoming.octets.length);
    if (length < header + 1) return null;
    const octets = incoming.octets.slice(header, length);
    if (header === 0) return { octets, offload: WHOLE };
    const { view } = incoming;
    const isPartial = (view.getUint8(0) & FLAG_NEEDS_CHECKSUM) !== 0;
    const kind = view.getUint8(1);
    if (!isPartial && kind === 0) return { octets, offload: WHOLE };
    const offload = {
      checksumFrom: isPartial ? view.getUint16(6, true) : -1,
      checksumOffset: view.getUint16(8, true),
      // What says no more than that the segments may carry marks is no super-segment.
      kind: (kind & ~GSO_ECN) === 0 ? 0 : kind,
      headerLength: view.getUint16(2, true),
      segmentSize: view.getUint16(4, true),
    };
    return { octets, offload };
  }

  close(): void {
    this.system.call(NR.close, this.fd);
  }
}

/** Finishes a checksum that was left to do: of all from its beginning on, where the field already holds the pseudo-header's part. */
export function complete(octets: Uint8Array, { checksumFrom, checksumOffset }: Offload): void {
  if (checksumFrom < 0) return;
  // RFC 768: in UDP a checksum of 0 is none; of 0 and its complement TCP takes either.
  const sum = checksumOf(partialSum(octets, checksumFrom, octets.length - checksumFrom)) || 0xffff;
  octets[checksumFrom + checksumOffset] = sum >>> 8;
  octets[checksumFrom + checksumOffset + 1] = sum;
}

/** Nothing is left to do. */
export const WHOLE: Offload = { checksumFrom: -1, checksumOffset: 0, kind: 0, headerLength: 0, segmentSize: 0 };

const PATH = "/dev/net/tun";
const AT_FDCWD = -100;
const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
/** The longest packet: IPv6 allows 65,535 octets behind its own 40. */
const LARGEST = 65_535 + 40;
/** include/uapi/linux/if_tun.h, virtio_net.h. */
const VNET_HEADER_LENGTH = 10;
const FLAG_NEEDS_CHECKSUM = 1;
const GSO_ECN = 0x80;
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOFFLOAD = 0x400454d0;
const TUN_F_CSUM = 1;
const TUN_F_TSO4 = 2;
const TUN_F_TSO6 = 4;
const TUN_F_TSO_ECN = 8;
const OFFLOADS = { checksums: TUN_F_CSUM, segmentation: TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN } as const;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
