import { Dss, encodePacket, IpAddress, Packet, packetLength, Payload, tcpHeaderLength, TcpSegment } from "mptcp/wire";
import type { MptcpOption, RawTcpOption } from "mptcp/wire";
import type { FuzzRandom } from "./random.ts";

/** A valid packet of any kind that the encoder can write, in canonical form. */
export function randomPacket(random: FuzzRandom): Packet {
  const isV4 = random.oneIn(2);
  const packet = new Packet(randomAddress(random, isV4), randomAddress(random, isV4));
  packet.hopLimit = random.below(256);
  packet.trafficClass = random.below(256);
  if (isV4) {
    packet.dontFragment = random.oneIn(2);
    packet.identification = random.below(0x10000);
  } else {
    packet.flowLabel = random.below(0x100000);
  }
  const kind = random.below(16);
  if (kind === 0) {
    const type = ICMP_TYPES[random.below(ICMP_TYPES.length)] as number;
    packet.icmp = { type, code: random.below(16), word: random.edge32(), body: randomIcmpBody(random) };
  } else if (kind === 1) {
    const protocol = OTHER_PROTOCOLS[random.below(OTHER_PROTOCOLS.length)] as number;
    packet.opaque = { protocol, payload: randomPayload(random) };
  } else {
    packet.tcp = randomSegment(random);
  }
  packet.length = packetLength(packet);
  return packet;
}

/** A valid TCP segment with options of every kind that fit. */
export function randomSegment(random: FuzzRandom): TcpSegment {
  const segment = new TcpSegment();
  segment.sourcePort = random.below(0x10000);
  segment.destinationPort = random.below(0x10000);
  segment.sequence = random.edge32();
  segment.acknowledgment = random.edge32();
  segment.flags = random.below(256);
  segment.window = random.below(0x10000);
  segment.urgentPointer = random.oneIn(8) ? random.below(0x10000) : 0;
  if (random.oneIn(4)) segment.maximumSegmentSize = random.below(0x10000);
  if (random.oneIn(4)) segment.windowScale = random.below(256);
  if (random.oneIn(4)) segment.sackPermitted = true;
  if (random.oneIn(2)) {
    segment.hasTimestamps = true;
    segment.timestampValue = random.edge32();
    segment.timestampEcho = random.edge32();
  }
  if (random.oneIn(4)) {
    segment.sackBlocks = Array.from({ length: 2 * (1 + random.below(4)) }, () => random.edge32());
    if (tcpHeaderLength(segment) > MAXIMUM_HEADER) segment.sackBlocks = [];
  }
  while (random.below(4) !== 0) {
    const before = segment.mptcp;
    segment.mptcp = [...before, randomMptcpOption(random)];
    if (tcpHeaderLength(segment) > MAXIMUM_HEADER) {
      segment.mptcp = before;
      break;
    }
  }
  if (random.oneIn(4)) {
    segment.otherOptions = [randomRawOption(random)];
    if (tcpHeaderLength(segment) > MAXIMUM_HEADER) segment.otherOptions = [];
  }
  segment.payload = randomPayload(random);
  return segment;
}

/** A valid MPTCP option of any kind and form. */
export function randomMptcpOption(random: FuzzRandom): MptcpOption {
  switch (random.below(12)) {
    case 0:
      return randomMpCapable(random);
    case 1:
      return {
        kind: "mp_join_syn",
        backup: random.oneIn(2),
        addressId: random.below(256),
        token: random.edge32(),
        nonce: random.uint32(),
      };
    case 2:
      return {
        kind: "mp_join_synack",
        backup: random.oneIn(2),
        addressId: random.below(256),
        hmac: random.octets(8),
        nonce: random.uint32(),
      };
    case 3:
      return { kind: "mp_join_ack", hmac: random.octets(20) };
    case 4:
      return randomAddAddress(random);
    case 5:
      return { kind: "remove_addr", addressIds: Array.from({ length: 1 + random.below(8) }, () => random.below(256)) };
    case 6:
      return { kind: "mp_prio", backup: random.oneIn(2), addressId: random.oneIn(2) ? -1 : random.below(256) };
    case 7:
      return { kind: "mp_fail", dsnHigh: random.edge32(), dsnLow: random.edge32() };
    case 8:
      return { kind: "mp_fastclose", receiverKey: random.octets(8) };
    case 9:
      return { kind: "mp_tcprst", transient: random.oneIn(2), reserved: random.below(8), reason: random.below(256) };
    default:
      return randomDss(random);
  }
}

function randomMpCapable(random: FuzzRandom): MptcpOption {
  const version = random.below(3);
  const lengths = version === 0 ? [12, 20] : [4, 12, 20, 22, 24];
  const length = lengths[random.below(lengths.length)] as number;
  return {
    kind: "mp_capable",
    version,
    flags: random.below(256),
    senderKey: length >= 12 ? random.octets(8) : null,
    receiverKey: length >= 20 ? random.octets(8) : null,
    dataLength: length >= 22 ? random.below(0x10000) : -1,
    checksum: length === 24 ? random.below(0x10000) : -1,
  };
}

function randomDss(random: FuzzRandom): Dss {
  const option = new Dss();
  option.dataAckLength = LENGTHS[random.below(3)] as 0 | 4 | 8;
  option.dsnLength = LENGTHS[random.below(3)] as 0 | 4 | 8;
  option.dataFin = random.oneIn(8);
  if (option.dataAckLength === 8) option.dataAckHigh = random.edge32();
  if (option.dataAckLength !== 0) option.dataAckLow = random.edge32();
  if (option.dsnLength === 8) option.dsnHigh = random.edge32();
  if (option.dsnLength !== 0) {
    option.dsnLow = random.edge32();
    option.subflowSequence = random.edge32();
    option.dataLength = random.below(0x10000);
    if (random.oneIn(2)) option.checksum = random.below(0x10000);
  }
  return option;
}

function randomAddAddress(random: FuzzRandom): MptcpOption {
  const form = random.below(3);
  return {
    kind: "add_addr",
    version: form === 0 ? 0 : 1,
    echo: form === 1,
    addressId: random.below(256),
    address: randomAddress(random, random.oneIn(2)),
    port: random.oneIn(2) ? 0 : random.below(0x10000),
    hmac: form === 2 ? random.octets(8) : null,
  };
}

/** Random octets, or a packet cut short, as errors quote it. */
function randomIcmpBody(random: FuzzRandom): Uint8Array {
  if (random.oneIn(4)) return random.octets(random.below(120));
  const quoted = randomPacket(random);
  const whole = new Uint8Array(packetLength(quoted));
  encodePacket(quoted, whole, 0);
  return whole.slice(0, random.oneIn(2) ? 548 : random.below(whole.length + 1));
}

function randomRawOption(random: FuzzRandom): RawTcpOption {
  return { kind: RAW_KINDS[random.below(RAW_KINDS.length)] as number, data: random.octets(random.below(19)) };
}

function randomAddress(random: FuzzRandom, isV4: boolean): IpAddress {
  if (isV4) return IpAddress.v4(random.edge32());
  return IpAddress.v6(random.edge32(), random.edge32(), random.edge32(), random.edge32());
}

function randomPayload(random: FuzzRandom): Payload {
  switch (random.below(8)) {
    case 0:
      return Payload.virtual(random.below(1460));
    case 1:
      return Payload.of(random.octets(random.below(1460)));
    case 2:
    case 3:
      return Payload.of(random.octets(random.below(64)));
    default:
      return Payload.EMPTY;
  }
}

/** 20 octets of header and 40 of options. */
const MAXIMUM_HEADER = 60;
const LENGTHS: readonly number[] = [0, 4, 8];
const ICMP_TYPES: readonly number[] = [0, 1, 2, 3, 4, 5, 8, 11, 12, 128, 129, 255];
const OTHER_PROTOCOLS: readonly number[] = [17, 50, 59, 89, 132, 253];
const RAW_KINDS: readonly number[] = [6, 7, 19, 28, 29, 34, 253, 254];
