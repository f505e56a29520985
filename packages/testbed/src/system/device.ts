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

/** What a super-segment of TCP is to be cut into; octets. */
export interface Segmentation {
  readonly family: 4 | 6;
  /** Of IP and TCP headers together. */
  readonly headers: number;
  /** Where the TCP header begins. */
  readonly start: number;
  /** Payload of each segment. */
  readonly size: number;
}

/** A TUN device, in the namespace in which it was made. It is gone when its descriptor and the namespace are. */
export class Device {
  readonly fd: number;
  private readonly system: System;
  private readonly header: number;
  private readonly incoming: Room;
  private readonly outgoing: Room;

  /**
   * @param segmentation have super-segments handed over whole, and say of which segments they are
   * @throws MptcpError ERR_MPTCP_TUN_MISSING, ERR_MPTCP_TUN_PERMISSION or ERR_MPTCP_TUN
   */
  constructor(system: System, name: string, segmentation: boolean) {
    this.system = system;
    this.header = segmentation ? VNET_HEADER_LENGTH : 0;
    const memory = new Memory(system);
    this.incoming = memory.room(this.header + LARGEST);
    this.outgoing = memory.room(this.header + LARGEST);
    const path = memory.copy(new TextEncoder().encode(`${PATH}\0`));
    this.fd = system.call(NR.openat, AT_FDCWD, path.address, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
    if (this.fd < 0) {
      if (["EPERM", "EACCES"].includes(errorName(-this.fd))) throw failure(PATH, -this.fd);
      throw new MptcpError("ERR_MPTCP_TUN_MISSING", `${PATH} is missing (${errorName(-this.fd)}); modprobe tun, or give the container that device`);
    }
    try {
      const request = memory.room(40);
      request.octets.set(new TextEncoder().encode(name));
      request.view.setUint16(16, IFF_TUN | IFF_NO_PI | (segmentation ? IFF_VNET_HDR : 0), true);
      system.must(`TUNSETIFF ${name}`, NR.ioctl, this.fd, TUNSETIFF, request.address);
      // Without it, closing the descriptor would wait some 20 ms until the device is gone: so it goes with the namespace, which the kernel does later by itself.
      system.must("TUNSETPERSIST", NR.ioctl, this.fd, TUNSETPERSIST, 1);
      if (segmentation) system.must("TUNSETOFFLOAD", NR.ioctl, this.fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * A packet arrives. What the kernel does not take as a packet is lost, as on a wire.
   * @param segments of which TCP segments a super-segment is, whose checksum counts as left to the device; only with `segmentation`
   */
  write(octets: Uint8Array, segments: Segmentation | null = null): void {
    const { outgoing, header } = this;
    if (octets.length > LARGEST) return;
    outgoing.octets.set(octets, header);
    // Otherwise the header stays empty: what the packet's checksums are is the kernel's to find out.
    outgoing.octets.fill(0, 0, header);
    if (segments !== null) {
      outgoing.view.setUint8(0, FLAG_NEEDS_CHECKSUM);
      outgoing.view.setUint8(1, segments.family === 4 ? GSO_TCP4 : GSO_TCP6);
      outgoing.view.setUint16(2, segments.headers, true);
      outgoing.view.setUint16(4, segments.size, true);
      outgoing.view.setUint16(6, segments.start, true);
      outgoing.view.setUint16(8, TCP_CHECKSUM, true);
    }
    this.system.call(NR.write, this.fd, outgoing.address, header + octets.length);
  }

  /** The next packet that leaves; null for none. */
  read(): DevicePacket | null {
    const { incoming, header } = this;
    const length = this.system.call(NR.read, this.fd, incoming.address, incoming.octets.length);
    if (length < header + 1) return null;
    const octets = incoming.octets.slice(header, length);
    if (header === 0) return { octets, segmentSize: 0 };
    const { view } = incoming;
    if ((view.getUint8(0) & FLAG_NEEDS_CHECKSUM) !== 0) complete(octets, view.getUint16(6, true), view.getUint16(8, true));
    return { octets, segmentSize: (view.getUint8(1) & ~GSO_ECN) === 0 ? 0 : view.getUint16(4, true) };
  }

  close(): void {
    this.system.call(NR.close, this.fd);
  }
}

/** Finishes a checksum that was left to the device: of all from `start` on, where the field already holds the pseudo-header's part. */
function complete(octets: Uint8Array, start: number, offset: number): void {
  // RFC 768: in UDP a checksum of 0 is none; of 0 and its complement TCP takes either.
  const sum = checksumOf(partialSum(octets, start, octets.length - start)) || 0xffff;
  octets[start + offset] = sum >>> 8;
  octets[start + offset + 1] = sum;
}

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
const GSO_TCP4 = 1;
const GSO_TCP6 = 4;
const GSO_ECN = 0x80;
/** Where its checksum lies in a TCP header. */
const TCP_CHECKSUM = 16;
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOFFLOAD = 0x400454d0;
const TUN_F_CSUM = 1;
const TUN_F_TSO4 = 2;
const TUN_F_TSO6 = 4;
const TUN_F_TSO_ECN = 8;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
