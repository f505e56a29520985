import { spawnSync } from "node:child_process";
import { MptcpError } from "../../core/index.ts";
import { decodePacket, encodePacket, IpAddress } from "../../wire/index.ts";
import type { DecodeOptions, EncodeOptions, Packet } from "../../wire/index.ts";
import { validMtu } from "../errors.ts";
import type { LinkDriver, LinkHandler } from "../link.ts";
import { inNamespace, TunDevice } from "./device.ts";
import { systemCalls } from "./system-calls.ts";
import type { SystemCalls } from "./system-calls.ts";
import { checksumIsGood, VNET_HEADER_LENGTH, writeVnetHeader } from "./vnet-header.ts";

/** Parameters of {@link tunLink}. */
export interface TunLinkOptions {
  /** Name of the interface, 15 octets at the most; "mptcp%d" unless given, where the kernel puts a number. */
  readonly name?: string;
  /** The engine's address or addresses on the link: "10.1.0.2". */
  readonly host: string | readonly string[];
  /**
   * The kernel's address or addresses with the length of their prefix: "10.1.0.1/24". With these the device is given its MTU and brought up
   * by the `ip` command; without, an interface that somebody else made is taken as it is.
   */
  readonly kernel?: string | readonly string[];
  /** Octets of the largest packet that a wire would carry; 1500 unless given. */
  readonly mtu?: number;
  /** Leave checksums and segmentation to the device (IFF_VNET_HDR); true unless given. Where the kernel refuses, packets are plain. */
  readonly offload?: boolean;
  /** Opens one of several queues of one device: each runtime that opens the same name gets a share of the flows. */
  readonly multiQueue?: boolean;
  /** Path of the network namespace that the device belongs to (`/run/netns/lab`); that of the process unless given. */
  readonly namespace?: string;
}

/**
 * A TUN device between the engine and this machine's kernel. It vanishes when it is closed.
 *
 * @throws MptcpError with the remedy in its message: ERR_MPTCP_KOFFI_MISSING, ERR_MPTCP_PLATFORM, ERR_MPTCP_TUN_MISSING,
 * ERR_MPTCP_TUN_PERMISSION, ERR_MPTCP_TUN_BUSY, ERR_MPTCP_TUN
 */
export async function tunLink(options: TunLinkOptions): Promise<TunLink> {
  return new TunLink(await systemCalls(), options);
}

/** What went through a {@link TunLink}. */
export interface TunLinkCounters {
  packetsIn: number;
  packetsOut: number;
  /** Packets that could not be decoded. */
  dropped: number;
  /** Packets that the device refused, since it is down for one. */
  refused: number;
  /** Times the device was full. */
  blocked: number;
}

/** The link of {@link tunLink}. */
export class TunLink implements LinkDriver {
  readonly name: string;
  readonly mtu: number;
  readonly segmentationLimit: number;
  readonly addresses: readonly IpAddress[];
  readonly counters: TunLinkCounters = { packetsIn: 0, packetsOut: 0, dropped: 0, refused: 0, blocked: 0 };
  private readonly device: TunDevice;
  private readonly headerLength: number;
  private readonly buffer = Buffer.alloc(VNET_HEADER_LENGTH + LARGEST_PACKET);
  private handler: LinkHandler | null = null;

  constructor(calls: SystemCalls, options: TunLinkOptions) {
    this.mtu = validMtu(options.mtu ?? 1500);
    this.addresses = listOf(options.host).map((text) => IpAddress.from(text));
    const namespace = options.namespace ?? null;
    this.device = TunDevice.open(
      calls,
      { name: options.name ?? "mptcp%d", offload: options.offload ?? true, multiQueue: options.multiQueue ?? false, namespace },
      (bytes, from, length) => this.read(bytes, from, length),
    );
    this.name = this.device.name;
    this.headerLength = this.device.hasVnetHeader ? VNET_HEADER_LENGTH : 0;
    this.segmentationLimit = this.device.hasVnetHeader ? LARGEST_SUPER_SEGMENT : 0;
    try {
      const { name, mtu } = this;
      if (options.kernel !== undefined) inNamespace(calls, namespace, () => configure(name, mtu, listOf(options.kernel ?? [])));
    } catch (error) {
      void this.device.close();
      throw error;
    }
    this.device.onDrained = () => this.handler?.batchEnd();
    this.device.onWritable = () => this.handler?.room();
    this.device.onClosed = (error) => {
      if (error !== null) this.handler?.failed(error);
    };
    this.device.ref(false);
  }

  start(handler: LinkHandler): void {
    this.handler = handler;
    this.device.start();
  }

  send(packet: Packet): boolean {
    const { device, buffer, headerLength } = this;
    if (!device.writable) return false;
    let length: number;
    if (headerLength === 0) {
      length = encodePacket(packet, buffer, 0, FULL);
    } else {
      const at = headerLength;
      length = at + encodePacket(packet, buffer, at, packet.tcp === null ? FULL : PARTIAL);
      writeVnetHeader(packet, this.mtu, buffer, 0);
    }
    this.counters.packetsOut++;
    device.write(buffer, length);
    if (!device.writable) this.counters.blocked++;
    this.counters.refused = device.refused;
    return true;
  }

  flush(): void {}

  ref(): void {
    this.device.ref(true);
  }

  unref(): void {
    this.device.ref(false);
  }

  close(): Promise<void> {
    this.handler = null;
    return this.device.close();
  }

  private read(bytes: Uint8Array, from: number, length: number): void {
    const { headerLength } = this;
    this.counters.packetsIn++;
    const isChecked = headerLength > 0 && length > headerLength && checksumIsGood(bytes, from);
    const keeps = length >= WORTH_KEEPING;
    const options = keeps ? (isChecked ? CHECKED_SHARED : SHARED) : isChecked ? CHECKED : COPIED;
    const packet = decodePacket(bytes, from + headerLength, length - headerLength, options);
    if (typeof packet === "string") {
      this.counters.dropped++;
      return;
    }
    if (keeps) this.device.keep();
    this.handler?.receive(packet);
  }
}

/** Brings the interface up and gives it the kernel's addresses. */
function configure(name: string, mtu: number, addresses: readonly string[]): void {
  ip("link", "set", "dev", name, "mtu", String(mtu), "up");
  for (const address of addresses) {
    // An IPv6 address is of use at once, without a search for duplicates on a link of two.
    if (address.includes(":")) ip("address", "replace", address, "dev", name, "nodad");
    else ip("address", "replace", address, "dev", name);
  }
}

function ip(...words: string[]): void {
  const { status, error, stderr } = spawnSync("ip", words, { encoding: "utf8" });
  if (status === 0) return;
  if (error !== undefined) throw new MptcpError("ERR_MPTCP_TUN", `the ip command of iproute2 is needed: ${error.message}`);
  const code = stderr.includes("not permitted") ? "ERR_MPTCP_TUN_PERMISSION" : "ERR_MPTCP_TUN";
  throw new MptcpError(code, `ip ${words.join(" ")}: ${stderr.trim()}`);
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}

const FULL: EncodeOptions = {};
const PARTIAL: EncodeOptions = { tcpChecksum: "partial" };
const COPIED: DecodeOptions = { verifyIpChecksum: true, verifyTransportChecksum: true, copy: true };
const CHECKED: DecodeOptions = { verifyIpChecksum: true, verifyTransportChecksum: false, copy: true };
const SHARED: DecodeOptions = { verifyIpChecksum: true, verifyTransportChecksum: true, copy: false };
const CHECKED_SHARED: DecodeOptions = { verifyIpChecksum: true, verifyTransportChecksum: false, copy: false };
/** Octets from which a packet stays where it was read; a shorter one is copied, so that it holds no slab in memory. */
const WORTH_KEEPING = 8192;
const LARGEST_PACKET = 65_535 + 40;
/** 65,535 octets less the headers at their longest. */
const LARGEST_SUPER_SEGMENT = 65_535 - 40 - 60;
