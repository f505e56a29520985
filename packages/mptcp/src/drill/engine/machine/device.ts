import { decodePacket, encodePacket, packetLength } from "../../../wire/index.ts";
import type { Packet } from "../../../wire/index.ts";
import type { Counters } from "../../../core/index.ts";
import type { LeftPacket } from "../../system/index.ts";

/** The network device: octets on one side, packets on the other. */
export class Device {
  private readonly counters: Counters;
  private readonly left: LeftPacket[] = [];
  /** Packets that left so far. */
  sent = 0;

  constructor(counters: Counters) {
    this.counters = counters;
  }

  /** The packet in octets that arrived; null: it is dropped, and counted as Linux does. */
  read(octets: Uint8Array): Packet | null {
    const group = ((octets[0] ?? 0) >> 4) === 6 ? "Ip6" : "Ip";
    this.counters.increment(`${group}InReceives`);
    // The caller may use its octets again.
    const packet = decodePacket(octets, 0, octets.length, COPYING);
    if (typeof packet !== "string") return packet;
    for (const name of DROPS[packet] ?? [`${group}InHdrErrors`]) this.counters.increment(name);
    return null;
  }

  /** A packet leaves. */
  send(packet: Packet, now: number): void {
    const octets = new Uint8Array(packetLength(packet));
    encodePacket(packet, octets, 0);
    this.counters.increment(packet.source.family === 4 ? "IpOutRequests" : "Ip6OutRequests");
    this.leave(octets, packet.tcp?.segmentSize ?? 0, now);
  }

  leave(octets: Uint8Array, segmentSize: number, now: number): void {
    this.sent++;
    this.left.push({ at: now, octets, segmentSize });
  }

  /** The oldest packet that left and was not taken; null: none. */
  take(): LeftPacket | null {
    return this.left.shift() ?? null;
  }
}

const COPYING = { copy: true } as const;
/** What Linux counts. */
const DROPS: Readonly<Record<string, readonly string[]>> = {
  truncated: ["IpExtInTruncatedPkts"],
  bad_tcp_checksum: ["TcpInCsumErrors", "TcpInErrs"],
  bad_icmp_checksum: ["IcmpInCsumErrors", "IcmpInErrors"],
  bad_ip_checksum: ["IpInHdrErrors", "IpExtInCsumErrors"],
  fragment: ["IpReasmReqds", "IpReasmFails"],
};
