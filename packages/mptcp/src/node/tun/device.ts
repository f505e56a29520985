import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { endianness } from "node:os";
import { MptcpError } from "../../core/index.ts";
import { ERRNO } from "../native.ts";
import type { SystemCalls } from "./system-calls.ts";
import { VNET_HEADER_LENGTH } from "./vnet-header.ts";

/** How to open a device. */
export interface TunDeviceOptions {
  /** Name of the interface, 15 octets at the most; a `%d` in it is replaced by the kernel. */
  readonly name: string;
  /** Ask for IFF_VNET_HDR: a header before each packet, checksums and segmentation left to the device. */
  readonly offload: boolean;
  /** One of several queues of one device (IFF_MULTI_QUEUE). */
  readonly multiQueue: boolean;
  /** Path of a network namespace in which the device is made; null: that of the process. */
  readonly namespace: string | null;
}

/** Called with the octets `from` to `from + length` of `bytes`, valid during the call unless {@link TunDevice.keep} is called in it. */
export type PacketSink = (bytes: Uint8Array, from: number, length: number) => void;

/**
 * A TUN device that belongs to the event loop: libuv polls the device itself, and each wake-up drains it by direct reads.
 *
 * The way there uses public interfaces alone: a `net.Socket` is made on one end of a socket pair, and the device takes over
 * that descriptor by `dup3` before the socket begins to read. The device vanishes when the socket is destroyed.
 */
export class TunDevice {
  /** Name of the interface, as the kernel gave it. */
  readonly name: string;
  /** Whether a virtio_net_hdr is before each packet. */
  readonly hasVnetHeader: boolean;
  /** Called once each wake-up after the packets were handed over. */
  onDrained: (() => void) | null = null;
  /** Called when a device that had refused a packet takes packets again. */
  onWritable: (() => void) | null = null;
  /** Called once: the device went away under us (`ip link delete`), or was closed; null where it was closed. */
  onClosed: ((error: Error | null) => void) | null = null;
  /** Packets the device refused for what they are. */
  refused = 0;

  private readonly calls: SystemCalls;
  private readonly fd: number;
  private readonly socket: Socket;
  private readonly sink: PacketSink;
  private slab = Buffer.alloc(0);
  private slabAt = 0;
  private isKept = false;
  private isClosed = false;
  private isBlocked = false;

  private constructor(calls: SystemCalls, fd: number, name: string, hasVnetHeader: boolean, sink: PacketSink) {
    this.calls = calls;
    this.name = name;
    this.hasVnetHeader = hasVnetHeader;
    this.sink = sink;
    const adopted = adopt(calls, fd, (length, buffer) => this.wake(buffer, length));
    this.fd = adopted.fd;
    this.socket = adopted.socket;
    this.socket.on("error", (error) => this.shut(error));
    this.socket.on("end", () => this.shut(new MptcpError("ERR_MPTCP_TUN", `${name} is gone`)));
  }

  /** Begins to hand packets over. */
  start(): void {
    this.socket.read(0);
  }

  /**
   * Opens the device, and makes the interface where there is none of that name. It is down and has no address yet.
   * @throws MptcpError ERR_MPTCP_TUN_MISSING, ERR_MPTCP_TUN_PERMISSION, ERR_MPTCP_TUN_BUSY or ERR_MPTCP_TUN, with the remedy
   */
  static open(calls: SystemCalls, options: TunDeviceOptions, sink: PacketSink): TunDevice {
    if (!/^[^\s/]{1,15}$/.test(options.name)) throw new MptcpError("ERR_MPTCP_TUN", `"${options.name}" is no name for an interface`);
    const { fd, name, hasVnetHeader } = inNamespace(calls, options.namespace, () => openQueue(calls, options));
    try {
      return new TunDevice(calls, fd, name, hasVnetHeader, sink);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Whether {@link TunDevice.write} may be called. */
  get writable(): boolean {
    return !this.isBlocked && !this.isClosed;
  }

  /** The packet being handed over keeps its memory: the buffer's octets will not be overwritten. */
  keep(): void {
    this.isKept = true;
  }

  /**
   * Hands the first `length` octets of `source` to the kernel. When the device is full, they are copied and wait, and
   * {@link TunDevice.writable} is false until `onWritable`. What the device refuses for any other reason is lost, as on a wire.
   */
  write(source: Uint8Array, length: number): void {
    if (this.isClosed) return;
    for (;;) {
      if (this.calls.write(this.fd, source, length) >= 0) return;
      const errno = this.calls.errno();
      if (errno === ERRNO.EINTR) continue;
      if (errno !== ERRNO.EAGAIN) {
        // EIO: the interface is down; EINVAL: a packet that it does not understand.
        this.refused++;
        return;
      }
      break;
    }
    // libuv waits until the device is writable and writes the packet that was refused.
    this.isBlocked = true;
    this.socket.write(Buffer.from(source.subarray(0, length)), () => {
      this.isBlocked = false;
      if (!this.isClosed) this.onWritable?.();
    });
  }

  /** Gives the device back; an interface that was made by {@link TunDevice.open} has vanished when the promise is fulfilled. */
  close(): Promise<void> {
    const closed = this.socket.closed ? Promise.resolve() : new Promise<void>((resolve) => this.socket.once("close", () => resolve()));
    this.shut(null);
    return closed;
  }

  private shut(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.socket.destroy();
    this.onClosed?.(error);
  }

  /** Lets the process end although the device is open, or not. */
  ref(isRef: boolean): void {
    if (isRef) this.socket.ref();
    else this.socket.unref();
  }

  /** libuv read one packet into `first`; what else waits is read directly. */
  private wake(first: Uint8Array, length: number): void {
    if (this.isClosed) return;
    // The buffer is libuv's to reuse, so the packet moves to the slab where it may be kept.
    this.provide();
    this.slab.set(first.subarray(0, length), this.slabAt);
    this.hand(length);
    let count = 1;
    for (; count < DRAIN && !this.isClosed; count++) {
      this.provide();
      const window = this.slabAt === 0 ? this.slab : this.slab.subarray(this.slabAt);
      const taken = this.calls.read(this.fd, window, LARGEST_READ);
      if (taken <= 0) {
        if (taken < 0 && this.calls.errno() === ERRNO.EINTR) continue;
        break;
      }
      this.hand(taken);
    }
    if (!this.isClosed) this.onDrained?.();
  }

  private hand(length: number): void {
    this.isKept = false;
    this.sink(this.slab, this.slabAt, length);
    // A packet that was not kept leaves its place to the next. Eight octets' alignment suits the checksum's words.
    if (this.isKept) this.slabAt += (length + 7) & ~7;
  }

  /** Makes room for the longest packet. */
  private provide(): void {
    if (this.slab.length - this.slabAt >= LARGEST_READ) return;
    this.slab = Buffer.allocUnsafeSlow(SLAB);
    this.slabAt = 0;
  }
}

/** A socket of the event loop whose descriptor is the device. Takes `fd` over. */
function adopt(calls: SystemCalls, fd: number, callback: (length: number, buffer: Uint8Array) => void): { fd: number; socket: Socket } {
  const pair = new Int32Array(2);
  if (calls.socketpair(AF_UNIX, SOCK_STREAM_CLOEXEC, 0, pair) < 0) throw failure(calls, "socketpair");
  const [own, other] = pair as unknown as [number, number];
  const onread = { buffer: Buffer.alloc(LARGEST_READ), callback: (length: number, buffer: Uint8Array): boolean => (callback(length, buffer), true) };
  // Reading starts with the next turn of the loop: libuv does not look at the descriptor before.
  const options = { fd: own, readable: true, writable: true, onread };
  const socket = new Socket(options);
  // Not dup2: what that makes is inherited by the processes that this one starts, and the device lives as long as any of them.
  const status = calls.dup3(fd, own, O_CLOEXEC);
  closeSync(other);
  if (status < 0) {
    socket.destroy();
    throw failure(calls, "dup3");
  }
  closeSync(fd);
  return { fd: own, socket };
}

function openQueue(calls: SystemCalls, options: TunDeviceOptions): { fd: number; name: string; hasVnetHeader: boolean } {
  const fd = openDevice();
  try {
    const flags = IFF_TUN | IFF_NO_PI | (options.multiQueue ? IFF_MULTI_QUEUE : 0);
    const wants = options.offload ? IFF_VNET_HDR : 0;
    let name = setInterface(calls, fd, options.name, flags | wants);
    const hasVnetHeader = options.offload && name !== null;
    // A kernel without IFF_VNET_HDR, or a persistent device that was made without: plain packets.
    if (name === null && options.offload) name = setInterface(calls, fd, options.name, flags);
    if (name === null) throw failure(calls, `TUNSETIFF ${options.name}`);
    if (hasVnetHeader) setOffloads(calls, fd);
    return { fd, name, hasVnetHeader };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openDevice(): number {
  try {
    return openSync(DEVICE, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EACCES" || code === "EPERM") throw new MptcpError("ERR_MPTCP_TUN_PERMISSION", `${DEVICE} may not be opened; run as root or with CAP_NET_ADMIN`);
    throw new MptcpError("ERR_MPTCP_TUN_MISSING", `${DEVICE} is missing (${code ?? "unknown"}); modprobe tun, or give the container that device`);
  }
}

/** TUNSETIFF; the interface's name, or null when the kernel refuses the flags. @throws MptcpError for any other refusal */
function setInterface(calls: SystemCalls, fd: number, name: string, flags: number): string | null {
  const request = Buffer.alloc(IFREQ_LENGTH);
  request.write(name, 0, 15, "latin1");
  new DataView(request.buffer, request.byteOffset).setUint16(16, flags, true);
  if (calls.ioctl(fd, TUNSETIFF, request) === 0) return request.toString("latin1", 0, request.indexOf(0));
  if (calls.errno() === ERRNO.EINVAL) return null;
  throw failure(calls, `TUNSETIFF ${name}`);
}

/** Tells the kernel that it may leave us checksums and segmentation; where it will not, packets come whole behind an empty header. */
function setOffloads(calls: SystemCalls, fd: number): void {
  const integer = Buffer.alloc(4);
  integer.writeUInt32LE(VNET_HEADER_LENGTH);
  if (calls.ioctl(fd, TUNSETVNETHDRSZ, integer) < 0) throw failure(calls, "TUNSETVNETHDRSZ");
  integer.writeUInt32LE(1);
  if (calls.ioctl(fd, TUNSETVNETLE, integer) < 0 && endianness() !== "LE") throw failure(calls, "TUNSETVNETLE");
  if (calls.ioctlValue(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0) calls.ioctlValue(fd, TUNSETOFFLOAD, 0);
}

/** Runs `action` with the calling thread in the network namespace at `path`; synchronous, so nothing else of the process runs there. */
export function inNamespace<T>(calls: SystemCalls, path: string | null, action: () => T): T {
  if (path === null) return action();
  const own = openSync("/proc/thread-self/ns/net", constants.O_RDONLY);
  try {
    let other: number;
    try {
      other = openSync(path, constants.O_RDONLY);
    } catch {
      throw new MptcpError("ERR_MPTCP_TUN", `there is no network namespace ${path}; ip netns add makes one`);
    }
    const status = calls.setns(other, CLONE_NEWNET);
    closeSync(other);
    if (status < 0) throw failure(calls, `setns ${path}`);
    return action();
  } finally {
    // The way back cannot be refused to who was allowed the way there.
    calls.setns(own, CLONE_NEWNET);
    closeSync(own);
  }
}

function failure(calls: SystemCalls, what: string): MptcpError {
  const name = calls.errorName(calls.errno());
  if (name === "EPERM" || name === "EACCES") return new MptcpError("ERR_MPTCP_TUN_PERMISSION", `${what}: ${name}; run as root or with CAP_NET_ADMIN`);
  if (name === "EBUSY") return new MptcpError("ERR_MPTCP_TUN_BUSY", `${what}: another process holds that device; choose another name`);
  return new MptcpError("ERR_MPTCP_TUN", `${what}: ${name}`);
}

const DEVICE = "/dev/net/tun";
/** Packets per wake-up, so that timers and other links have their turn. */
const DRAIN = 64;
/** The longest packet with its header: IPv6 allows 65,535 octets behind its own 40. */
const LARGEST_READ = 65_535 + 40 + VNET_HEADER_LENGTH;
/** Four of the longest: what one packet keeps in memory, out of order perhaps, is not much more than itself. */
const SLAB = 4 * (LARGEST_READ + 7);
/** include/uapi/linux/if_tun.h, if.h, sched.h; sys/socket.h. */
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const TUNSETVNETLE = 0x400454dc;
const TUN_F_CSUM = 1;
const TUN_F_TSO4 = 2;
const TUN_F_TSO6 = 4;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_VNET_HDR = 0x4000;
const IFREQ_LENGTH = 40;
const CLONE_NEWNET = 0x40000000;
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 0o2000001;
const O_CLOEXEC = 0o2000000;
