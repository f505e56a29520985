import { aceOf, DataSequenceSpace, Dss, sequenceDifference, TCP_FLAG, TCP_OPTION, type MptcpOption } from "../../wire/index.ts";
import { version0, version1 } from "../../mptcp/index.ts";
import type { Flow } from "./flow.ts";
import type { LiveIcmp, LiveOption, LivePacket, LiveTcp } from "./live-packet.ts";
import { keyOfOctets, octetsOfKey, type Variables } from "./multipath.ts";

/** What left, in the language of scripts. */

const FLAG_LETTERS: readonly (readonly [string, number])[] = [
  ["S", TCP_FLAG.SYN], ["F", TCP_FLAG.FIN], ["R", TCP_FLAG.RST], ["P", TCP_FLAG.PSH], ["U", TCP_FLAG.URG], [".", TCP_FLAG.ACK], ["E", TCP_FLAG.ECE], ["W", TCP_FLAG.CWR], ["A", TCP_FLAG.AE],
];
const ECN_NAMES = ["noecn", "ect1", "ect0", "ce"] as const;

/** `counter`: the three ECN flags are a digit (AccECN). */
export function printFlags(flags: number, counter = false): string {
  const letters = FLAG_LETTERS.filter(([letter, bit]) => (flags & bit) !== 0 && !(counter && "EWA".includes(letter))).map(([letter]) => letter).join("");
  if (!counter) return letters || "-";
  return `${letters}${aceOf({ flags })}`;
}

export function ecnName(trafficClass: number): string {
  return ECN_NAMES[trafficClass & 3]!;
}

/** Seconds with at least one digit behind the point, as few as say all. */
export function printSeconds(nanoseconds: number): string {
  const rounded = Math.round(nanoseconds / 1000);
  const text = (rounded / 1e6).toFixed(6).replace(/0+$/, "");
  return text.endsWith(".") ? `${text}0` : text;
}

/** Relative numbers of a segment: where it begins, and where it ends. */
export function printSequence(from: number, length: number): string {
  return `${from}:${(from + length) % 2 ** 32}(${length})`;
}

/** The number of a segment of the stack, counted from its SYN. */
export function relativeSequence(tcp: LiveTcp, flow: Flow): number {
  return (tcp.sequence - (flow.localInitial ?? 0)) >>> 0;
}

/** What a segment acknowledges, counted from the other end's SYN. */
export function relativeAck(tcp: LiveTcp, flow: Flow): number {
  if ((tcp.flags & TCP_FLAG.ACK) === 0) return tcp.acknowledgment;
  return (tcp.acknowledgment - (flow.remoteInitial ?? 0)) >>> 0;
}

/** A whole packet as a line without its time. `flow`: null for one that belongs to none. */
export function printLive(live: LivePacket, flow: Flow | null, variables: Variables): string {
  const { body } = live;
  if (body.kind === "udp") return `> udp (${body.length})`;
  if (body.kind === "icmp") return `> ${printIcmp(body)}`;
  if (flow === null) return `> ${printFlags(body.flags)} ${printSequence(body.sequence, body.payload.length)} from ${live.source}:${live.sourcePort} to ${live.destination}:${live.destinationPort}`;
  const ack = (body.flags & TCP_FLAG.ACK) === 0 ? "" : ` ack ${relativeAck(body, flow)}`;
  const options = body.options.length === 0 ? "" : ` <${body.options.map((option) => printOption(option, flow, variables)).join(", ")}>`;
  return `> ${printFlags(body.flags)} ${printSequence(relativeSequence(body, flow), body.payload.length)}${ack} win ${body.window}${options}`;
}

export function printIcmp({ type, code, word }: LiveIcmp): string {
  return `icmp type_${type} code_${code}${word === 0 ? "" : ` mtu ${word}`}`;
}

/** An option of the stack's. */
export function printOption({ kind, octets, mptcp }: LiveOption, flow: Flow, variables: Variables): string {
  if (mptcp !== null) return printMptcp(mptcp, flow, variables);
  const number = (at: number, size: number): number => octets.subarray(at, at + size).reduce((sum, octet) => sum * 256 + octet, 0);
  switch (kind) {
    case TCP_OPTION.noOperation:
      return "nop";
    case TCP_OPTION.end:
      return "eol";
    case TCP_OPTION.maximumSegmentSize:
      return `mss ${number(0, octets.length)}`;
    case TCP_OPTION.windowScale:
      return `wscale ${number(0, octets.length)}`;
    case TCP_OPTION.sackPermitted:
      return "sackOK";
    case TCP_OPTION.timestamps:
      return `TS val ${flow.timestamps.scriptOf(number(0, 4))} ecr ${number(4, 4)}`;
    case TCP_OPTION.sack:
      return `sack ${sackRanges(octets, flow).join(" ")}`;
    case TCP_OPTION.fastOpen:
      return octets.length === 0 ? "FO" : `FO ${hexadecimal(octets)}`;
    case 19:
      return `md5 ${hexadecimal(octets)}`;
    case TCP_OPTION.accurateEcn0:
    case TCP_OPTION.accurateEcn1:
      if (octets.length < 3) return "ECN";
      return `ECN ${(kind === TCP_OPTION.accurateEcn0 ? ["e0b", "ceb", "e1b"] : ["e1b", "ceb", "e0b"]).slice(0, octets.length / 3).map((name, index) => `${name} ${number(index * 3, 3)}`).join(" ")}`;
    default:
      return kind === 254 ? `exp ${hexadecimal(octets)}` : `option ${kind} of ${octets.length} octets`;
  }
}

function sackRanges(octets: Uint8Array, flow: Flow): string[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const edge = (at: number): number => (view.getUint32(at) - (flow.remoteInitial ?? 0)) >>> 0;
  return Array.from({ length: Math.floor(octets.length / 8) }, (_, index) => `${edge(index * 8)}:${edge(index * 8 + 4)}`);
}

function printMptcp(option: MptcpOption, flow: Flow, variables: Variables): string {
  switch (option.kind) {
    case "mp_capable": {
      const flags = [..."abcdefgh"].filter((_, index) => (option.flags & (0x80 >> index)) !== 0).map((letter) => `flag_${letter}`);
      const keys = [option.senderKey, option.receiverKey].flatMap((key) => (key === null ? [] : [keyName(key, variables)]));
      const data = option.dataLength < 0 ? "" : ` mpcdatalen ${option.dataLength}`;
      const checksum = option.checksum < 0 ? "" : ` checksum ${option.checksum}`;
      return `mpcapable v${option.version} flags[${flags.join(", ")}] ${keys.length === 0 ? "nokey" : `key[${keys.join(", ")}]`}${data}${checksum}`;
    }
    case "mp_join_syn":
      return `mp_join_syn backup=${Number(option.backup)} address_id=${option.addressId} token=${tokenName(option.token, variables)}`;
    case "mp_join_synack":
      return `mp_join_syn_ack backup=${Number(option.backup)} address_id=${option.addressId} sender_hmac=0x${hexadecimal(option.hmac)}`;
    case "mp_join_ack":
      return `mp_join_ack sender_hmac=0x${hexadecimal(option.hmac)}`;
    case "dss":
      return printDss(option, flow);
    case "add_addr": {
      const port = option.port === 0 ? "" : ` port=${option.port}`;
      const hmac = option.echo ? " addr_echo" : option.hmac === null ? "" : ` hmac=0x${hexadecimal(option.hmac)}`;
      const kind = option.address.family === 4 ? "inet_addr" : "inet6_addr";
      return `add_address address_id=${option.addressId} addr[${addressName(option.addressId)}=${kind}("${option.address}")]${port}${hmac}`;
    }
    case "remove_addr":
      return `remove_address address_id=[${option.addressIds.join(", ")}]`;
    case "mp_prio":
      return `mp_prio backup=${Number(option.backup)}${option.addressId < 0 ? "" : ` address_id=${option.addressId}`}`;
    case "mp_fail":
      return `mp_fail dsn8=${relative(flow, "remote", option.dsnHigh, option.dsnLow, 8)}`;
    case "mp_fastclose":
      return `mp_fastclose ${keyName(option.receiverKey, variables)}`;
    case "mp_tcprst":
      return `mp_reset ${option.reason}${option.transient ? " flags=1" : ""}`;
    case "mptcp_unknown":
      return `option 30 of ${option.data.length} octets: ${hexadecimal(option.data)}`;
  }
}

const addressName = (id: number): string => `id${id}`;

function printDss(option: Dss, flow: Flow): string {
  const words = ["dss"];
  if (option.dataAckLength !== 0) words.push(`dack${option.dataAckLength}=${relative(flow, "remote", option.dataAckHigh, option.dataAckLow, option.dataAckLength)}`);
  if (option.dsnLength !== 0) {
    words.push(`dsn${option.dsnLength}=${relative(flow, "local", option.dsnHigh, option.dsnLow, option.dsnLength)}`, `ssn=${option.subflowSequence}`, `dll=${option.dataLength}`);
  }
  words.push(option.checksum < 0 ? "nocs" : `checksum=${option.checksum}`);
  if (option.dataFin) words.push("fin");
  return words.join(" ");
}

/** A data sequence number counted from the initial one of an end. */
function relative(flow: Flow, side: "local" | "remote", high: number, low: number, octets: 4 | 8): string {
  const material = flow.multipath?.material(side) ?? null;
  if (material === null) return octets === 8 ? String((BigInt(high) << 32n) | BigInt(low)) : String(low);
  if (octets === 4) return String(sequenceDifference(low, material.idsnLow));
  const position = new DataSequenceSpace(material.idsnHigh, material.idsnLow).position(high, low);
  if (!Number.isNaN(position)) return String(position + 1);
  // Not one of those that the connection can have: as it is counted all the same.
  return String(BigInt.asIntN(64, ((BigInt(high) << 32n) | BigInt(low)) - ((BigInt(material.idsnHigh) << 32n) | BigInt(material.idsnLow))));
}

/** The name of a key, or its octets. */
function keyName(key: Uint8Array, variables: Variables): string {
  return variables.nameOf(keyOfOctets(key)) ?? `0x${hexadecimal(key)}`;
}

function tokenName(token: number, variables: Variables): string {
  for (const [hash, version] of [["sha256_32", version1], ["sha1_32", version0]] as const) {
    for (const name of variables.names()) if (version.deriveKeys(octetsOfKey(variables.get(name)!)).token === token) return `${hash}(${name})`;
  }
  return `0x${token.toString(16)}`;
}

export function hexadecimal(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}
