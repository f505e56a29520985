import { Dss, Payload, sequenceAdd, sequenceDifference, TCP_FLAG, TCP_OPTION } from "../../wire/index.ts";
import type { LiveOption, LivePacket, LiveTcp } from "./live-packet.ts";
import { mptcpOctets } from "./mptcp-options.ts";

/** Flags of the last octets of a super-segment. */
const LAST = TCP_FLAG.FIN | TCP_FLAG.PSH;

/** The segment of a packet; null where it is none. */
function tcpOf({ body }: LivePacket): LiveTcp | null {
  return body.kind === "tcp" ? body : null;
}

export function dataLength(live: LivePacket): number {
  return tcpOf(live)?.payload.length ?? 0;
}

/** A super-segment in two, the first of which has `length` octets of data. */
export function splitSegment(live: LivePacket, length: number): [LivePacket, LivePacket] {
  const tcp = tcpOf(live)!;
  const first = { ...tcp, flags: tcp.flags & ~LAST, payload: tcp.payload.slice(0, length), options: tcp.options.map((option) => mapped(option, 0, length)) };
  const second = {
    ...tcp,
    // RFC 3168 §6.1.2: CWR is on the first segment.
    flags: tcp.flags & ~TCP_FLAG.CWR,
    sequence: sequenceAdd(tcp.sequence, length),
    payload: tcp.payload.slice(length, tcp.payload.length),
    options: tcp.options.map((option) => mapped(option, length, tcp.payload.length - length)),
  };
  return [{ ...live, body: first }, { ...live, body: second }];
}

/** An option whose mapping, if it has one, begins `skipped` octets later and has `length` octets, with what it had more than its segment. */
function mapped(option: LiveOption, skipped: number, length: number): LiveOption {
  const dss = option.mptcp;
  if (!(dss instanceof Dss) || dss.dsnLength === 0) return option;
  const low = BigInt(dss.dsnLow) + BigInt(skipped);
  const high = dss.dsnLength === 8 ? (dss.dsnHigh + Number(low >> 32n)) >>> 0 : dss.dsnHigh;
  return withDss(option, Object.assign(new Dss(), { ...dss, dsnLow: Number(low & 0xffff_ffffn), dsnHigh: high, subflowSequence: dss.subflowSequence + skipped, dataLength: length }));
}

function withDss(option: LiveOption, dss: Dss): LiveOption {
  return { kind: option.kind, octets: mptcpOctets(dss).subarray(2), mptcp: dss };
}

/** Two segments as one, where the second goes on where the first ends and says the same; null where it does not. */
export function joinSegments(one: LivePacket, other: LivePacket): LivePacket | null {
  const [first, second] = [tcpOf(one), tcpOf(other)];
  if (first === null || second === null || first.payload.length === 0 || second.payload.length === 0) return null;
  if (sequenceDifference(second.sequence, first.sequence) !== first.payload.length) return null;
  const plain = TCP_FLAG.ACK | LAST;
  if ((first.flags & TCP_FLAG.FIN) !== 0 || (first.flags & ~plain) !== (second.flags & ~plain)) return null;
  if (first.acknowledgment !== second.acknowledgment || first.options.length !== second.options.length) return null;
  const options = first.options.map((option, index) => joinOptions(option, second.options[index]!));
  if (options.includes(null)) return null;
  const payload = new Uint8Array(first.payload.length + second.payload.length);
  first.payload.copyTo(payload, 0);
  second.payload.copyTo(payload, first.payload.length);
  // A PSH in the middle says nothing: what is pushed is what there is.
  const flags = (first.flags & ~LAST) | second.flags;
  return { ...one, segmentSize: Math.max(first.payload.length, one.segmentSize), body: { ...first, flags, payload: Payload.of(payload), options: options as LiveOption[] } };
}

/** The option of both; null where they say different things. Timestamps may go on. */
function joinOptions(one: LiveOption, other: LiveOption): LiveOption | null {
  if (one.kind !== other.kind || one.octets.length !== other.octets.length) return null;
  if (one.kind === TCP_OPTION.timestamps || one.octets.every((octet, index) => octet === other.octets[index])) return one;
  const [first, second] = [one.mptcp, other.mptcp];
  if (!(first instanceof Dss) || !(second instanceof Dss) || first.dsnLength === 0 || first.dsnLength !== second.dsnLength || first.dataFin) return null;
  const goesOn = sequenceDifference(second.dsnLow, first.dsnLow) === first.dataLength && second.subflowSequence - first.subflowSequence === first.dataLength;
  if (!goesOn || first.checksum >= 0 || first.dataAckLow !== second.dataAckLow) return null;
  return withDss(one, Object.assign(new Dss(), { ...first, dataLength: first.dataLength + second.dataLength, dataFin: second.dataFin }));
}
