import * as fc from "fast-check";
import { Dss, IpAddress, Packet, packetLength, Payload, tcpHeaderLength, TcpSegment } from "../../src/wire/index.ts";
import type { MptcpOption, RawTcpOption } from "../../src/wire/index.ts";

/** Arbitrary packets in canonical form: what comes out of the encoder comes back from the decoder. */

export const uint8 = fc.integer({ min: 0, max: 0xff });
export const uint16 = fc.integer({ min: 0, max: 0xffff });
export const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

export function octets(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

export const ipv4 = uint32.map((bits) => IpAddress.v4(bits));
export const ipv6 = fc.tuple(uint32, uint32, uint32, uint32).map(([a, b, c, d]) => IpAddress.v6(a, b, c, d));

export const mpCapable: fc.Arbitrary<MptcpOption> = fc
  .tuple(uint8, octets(8), octets(8), uint16, uint16, fc.constantFrom("0/12", "0/20", "1/4", "1/12", "1/20", "1/22", "1/24", "2/4"))
  .map(([flags, sender, receiver, dataLength, checksum, form]) => {
    const [version, length] = form.split("/").map(Number) as [number, number];
    return {
      kind: "mp_capable",
      version,
      flags,
      senderKey: length >= 12 ? sender : null,
      receiverKey: length >= 20 ? receiver : null,
      dataLength: length >= 22 ? dataLength : -1,
      checksum: length === 24 ? checksum : -1,
    };
  });

export const mpJoin: fc.Arbitrary<MptcpOption> = fc.oneof(
  fc.record({
    kind: fc.constant("mp_join_syn" as const),
    backup: fc.boolean(),
    addressId: uint8,
    token: uint32,
    nonce: uint32,
  }),
  fc.record({
    kind: fc.constant("mp_join_synack" as const),
    backup: fc.boolean(),
    addressId: uint8,
    hmac: octets(8),
    nonce: uint32,
  }),
  fc.record({ kind: fc.constant("mp_join_ack" as const), hmac: octets(20) }),
);

const sequenceLength = fc.constantFrom(0 as const, 4 as const, 8 as const);

export const dss: fc.Arbitrary<MptcpOption> = fc
  .tuple(sequenceLength, sequenceLength, fc.tuple(uint32, uint32, uint32, uint32, uint32), uint16, fc.option(uint16), fc.boolean())
  .map(([ackLength, dsnLength, words, dataLength, checksum, dataFin]) => {
    const option = new Dss();
    option.dataAckLength = ackLength;
    option.dsnLength = dsnLength;
    option.dataFin = dataFin;
    if (ackLength === 8) option.dataAckHigh = words[0];
    if (ackLength !== 0) option.dataAckLow = words[1];
    if (dsnLength === 8) option.dsnHigh = words[2];
    if (dsnLength !== 0) {
      option.dsnLow = words[3];
      option.subflowSequence = words[4];
      option.dataLength = dataLength;
      option.checksum = checksum ?? -1;
    }
    return option;
  });

export const addAddress: fc.Arbitrary<MptcpOption> = fc
  .tuple(fc.constantFrom("v0", "v1", "echo"), uint8, fc.oneof(ipv4, ipv6), fc.oneof(fc.constant(0), uint16), octets(8))
  .map(([form, addressId, address, port, hmac]) => ({
    kind: "add_addr",
    version: form === "v0" ? 0 : 1,
    echo: form === "echo",
    addressId,
    address,
    port,
    hmac: form === "v1" ? hmac : null,
  }));

export const removeAddress: fc.Arbitrary<MptcpOption> = fc.record({
  kind: fc.constant("remove_addr" as const),
  addressIds: fc.array(uint8, { minLength: 1, maxLength: 16 }),
});

export const mpPriority: fc.Arbitrary<MptcpOption> = fc.record({
  kind: fc.constant("mp_prio" as const),
  backup: fc.boolean(),
  addressId: fc.oneof(fc.constant(-1), uint8),
});

export const mpFail: fc.Arbitrary<MptcpOption> = fc.record({
  kind: fc.constant("mp_fail" as const),
  dsnHigh: uint32,
  dsnLow: uint32,
});

export const mpFastclose: fc.Arbitrary<MptcpOption> = fc.record({
  kind: fc.constant("mp_fastclose" as const),
  receiverKey: octets(8),
});

export const mpReset: fc.Arbitrary<MptcpOption> = fc.record({
  kind: fc.constant("mp_tcprst" as const),
  transient: fc.boolean(),
  reserved: fc.integer({ min: 0, max: 7 }),
  reason: uint8,
});

/** A subtype that nobody has defined, so that it stays unknown. */
export const mptcpUnknown: fc.Arbitrary<MptcpOption> = fc
  .tuple(fc.integer({ min: 9, max: 15 }), fc.uint8Array({ minLength: 1, maxLength: 20 }))
  .map(([subtype, data]) => {
    data[0] = (subtype << 4) | (data[0] & 0x0f);
    return { kind: "mptcp_unknown", data };
  });

/** Every kind of MPTCP option by name. */
export const mptcpOptions = {
  mpCapable,
  mpJoin,
  dss,
  addAddress,
  removeAddress,
  mpPriority,
  mpFail,
  mpFastclose,
  mpReset,
  mptcpUnknown,
} as const;

const rawOption: fc.Arbitrary<RawTcpOption> = fc.oneof(
  fc.tuple(fc.constantFrom(28, 34, 6, 7, 19, 29, 253, 254), fc.uint8Array({ maxLength: 16 })).map(([kind, data]) => ({ kind, data })),
  // Known kinds of a wrong length are kept as they came.
  fc.tuple(fc.constantFrom(2, 3, 4, 5, 8), fc.uint8Array({ minLength: 3, maxLength: 6 })).map(([kind, data]) => ({ kind, data })),
);

const payload = fc.oneof(
  fc.constant(Payload.EMPTY),
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Payload.of(bytes)),
  fc.integer({ min: 1, max: 2000 }).map((length) => Payload.virtual(length)),
  fc.tuple(fc.uint8Array({ minLength: 120, maxLength: 200 }), fc.integer({ min: 0, max: 60 })).map(([bytes, from]) => new Payload(bytes, from, bytes.length - from - 7)),
);

export const segment: fc.Arbitrary<TcpSegment> = fc
  .record({
    ports: fc.tuple(uint16, uint16),
    numbers: fc.tuple(uint32, uint32),
    flags: uint8,
    window: uint16,
    urgent: uint16,
    mss: fc.oneof(fc.constant(0), uint16),
    windowScale: fc.oneof(fc.constant(-1), uint8),
    sackPermitted: fc.boolean(),
    timestamps: fc.option(fc.tuple(uint32, uint32)),
    sackBlocks: fc.array(fc.tuple(uint32, uint32), { maxLength: 4 }),
    mptcp: fc.array(fc.oneof(...Object.values(mptcpOptions)), { maxLength: 3 }),
    others: fc.array(rawOption, { maxLength: 2 }),
    payload,
  })
  .map((parts) => {
    const made = new TcpSegment();
    [made.sourcePort, made.destinationPort] = parts.ports;
    [made.sequence, made.acknowledgment] = parts.numbers;
    made.flags = parts.flags;
    made.window = parts.window;
    made.urgentPointer = parts.urgent;
    made.maximumSegmentSize = parts.mss;
    made.windowScale = parts.windowScale;
    made.sackPermitted = parts.sackPermitted;
    made.hasTimestamps = parts.timestamps !== null;
    [made.timestampValue, made.timestampEcho] = parts.timestamps ?? [0, 0];
    made.payload = parts.payload;
    made.sackBlocks = parts.sackBlocks.flat();
    made.mptcp = parts.mptcp;
    made.otherOptions = parts.others;
    return fitted(made);
  });

/** Takes options off until the header can be written. */
function fitted(made: TcpSegment): TcpSegment {
  if (tcpHeaderLength(made) > 60) made.sackBlocks = [];
  if (tcpHeaderLength(made) > 60) made.otherOptions = [];
  while (tcpHeaderLength(made) > 60) made.mptcp = made.mptcp.slice(1);
  return made;
}

type Body = (packet: Packet) => void;

const tcpBody: fc.Arbitrary<Body> = segment.map((made) => (packet: Packet) => {
  packet.tcp = made;
});

const icmpBody: fc.Arbitrary<Body> = fc
  .record({ type: uint8, code: uint8, word: uint32, body: fc.uint8Array({ maxLength: 200 }) })
  .map((message) => (packet: Packet) => {
    packet.icmp = message;
  });

/** UDP, SCTP and others, none of them an extension header or ICMP of either family. */
const opaqueBody: fc.Arbitrary<Body> = fc
  .tuple(fc.constantFrom(17, 132, 50, 89, 59, 253), payload)
  .map(([protocol, content]) => (packet: Packet) => {
    packet.opaque = { protocol, payload: content };
  });

function packetWith(body: fc.Arbitrary<Body>): fc.Arbitrary<Packet> {
  return fc
    .tuple(
      fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6)),
      fc.record({ hopLimit: uint8, trafficClass: uint8, dontFragment: fc.boolean(), identification: uint16 }),
      fc.integer({ min: 0, max: 0xfffff }),
      body,
    )
    .map(([[source, destination], fields, flowLabel, fill]) => {
      const packet = new Packet(source, destination);
      packet.hopLimit = fields.hopLimit;
      packet.trafficClass = fields.trafficClass;
      if (source.family === 4) {
        packet.dontFragment = fields.dontFragment;
        packet.identification = fields.identification;
      } else {
        packet.flowLabel = flowLabel;
      }
      fill(packet);
      packet.length = packetLength(packet);
      return packet;
    });
}

export const tcpPacket = packetWith(tcpBody);
export const icmpPacket = packetWith(icmpBody);
export const anyPacket = packetWith(fc.oneof({ weight: 4, arbitrary: tcpBody }, icmpBody, opaqueBody));

/** A packet as plain values, payloads by content, for comparison. */
export function plain(packet: Packet): unknown {
  const { tcp, icmp, opaque, ...ip } = packet;
  return {
    ...ip,
    source: packet.source.toString(),
    destination: packet.destination.toString(),
    tcp: tcp === null ? null : { ...tcp, payload: hex(tcp.payload.toUint8Array()), mptcp: tcp.mptcp.map(plainOption), otherOptions: tcp.otherOptions.map((option) => [option.kind, hex(option.data)]) },
    icmp: icmp === null ? null : { ...icmp, body: hex(icmp.body) },
    opaque: opaque === null ? null : { protocol: opaque.protocol, payload: hex(opaque.payload.toUint8Array()) },
  };
}

/** An MPTCP option as plain values. */
export function plainOption(option: MptcpOption): Record<string, unknown> {
  const entries = Object.entries(option).map(([name, value]: [string, unknown]) => [
    name,
    value instanceof Uint8Array ? hex(value) : value instanceof IpAddress ? value.toString() : value,
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/[^0-9a-fA-F]/g, "");
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}
