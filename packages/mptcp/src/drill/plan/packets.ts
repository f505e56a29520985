import type { IpAddress } from "../../wire/index.ts";
import { TCP_FLAG } from "../../wire/index.ts";
import type { AddressVariable, Expression, IpField, PacketAction, TcpSegment } from "../syntax/ast.ts";
import type { AddressBook } from "./addresses.ts";
import { planIcmp } from "./icmp.ts";
import { planMptcpOption } from "./mptcp-options.ts";
import { optionLength } from "./option-lengths.ts";
import type { OptionPlan } from "./option-plan.ts";
import type { IpPlan, PacketStep, TcpPlan } from "./plan.ts";
import { Refused } from "./refused.ts";
import type { Settings } from "./settings.ts";
import { planTcpOption } from "./tcp-options.ts";
import type { Values } from "./values.ts";

const FLAG_BITS: Readonly<Record<string, number>> = {
  F: TCP_FLAG.FIN, S: TCP_FLAG.SYN, R: TCP_FLAG.RST, P: TCP_FLAG.PSH, ".": TCP_FLAG.ACK, U: TCP_FLAG.URG, E: TCP_FLAG.ECE, W: TCP_FLAG.CWR, A: TCP_FLAG.AE,
};
/** The three ECN flags from the most significant on, as a counter has them (RFC 9768). */
const COUNTER = [TCP_FLAG.AE, TCP_FLAG.CWR, TCP_FLAG.ECE];
/** Octets of options that fit into a TCP header. */
const OPTION_SPACE = 40;
/** Octets of data that fit behind the headers of any packet. */
const MAX_SENT = 65_535 - 60 - 60;

export interface PacketContext {
  readonly settings: Settings;
  readonly values: Values;
  readonly addresses: AddressBook;
}

/** Plans a packet. Throws {@link Refused}. */
export function planPacket(action: PacketAction, context: PacketContext): Omit<PacketStep, "event" | "place" | "time"> {
  const { encapsulations, mutation, transport, direction } = action;
  if (encapsulations.length > 0) throw new Refused(encapsulations[0]!.place, "headers around a packet are not carried out: tunnels are not built");
  if (mutation !== undefined) throw new Refused(action.place, "changes of octets are not carried out");
  const inbound = direction === "inbound";
  if (inbound && transport.kind !== "icmp") checkLength(transport.kind === "tcp" ? transport.sequence.length : transport.length, transport.place);
  return {
    kind: "packet",
    action,
    inbound,
    ip: planIp(action.ip, context.values, inbound),
    ...endsOf(action, context.addresses, inbound),
    socket: action.socket === undefined ? undefined : context.values.number(action.socket, "a socket's number", 0, 0xffff),
    body: planBody(transport, context, inbound),
  };
}

function checkLength(length: number, place: TcpSegment["place"]): void {
  if (length > MAX_SENT) throw new Refused(place, `a packet with ${length} octets of data is too long for IP: ${MAX_SENT} fit`);
}

function planBody(transport: PacketAction["transport"], context: PacketContext, inbound: boolean): PacketStep["body"] {
  if (transport.kind === "udp") return { kind: "udp", length: transport.length };
  if (transport.kind === "icmp") return planIcmp(transport, context.settings.local.family, context.values);
  return planTcp(transport, context, inbound);
}

function endsOf({ source, destination }: PacketAction, addresses: AddressBook, inbound: boolean): { source: IpAddress | undefined; destination: IpAddress | undefined } {
  const find = (variable: AddressVariable | undefined, isSource: boolean): IpAddress | undefined =>
    variable === undefined ? undefined : addresses.find(variable.name, variable.value, isSource === inbound ? "remote" : "local", variable.place);
  return { source: find(source, true), destination: find(destination, false) };
}

function planIp(fields: readonly IpField[], values: Values, inbound: boolean): IpPlan {
  let ecn: readonly number[] | undefined;
  const numbers: Partial<Record<"tos" | "ttl" | "flowlabel", number>> = {};
  const ECN = { noecn: [0], ect1: [1], ect0: [2], ce: [3], ect01: inbound ? [2] : [1, 2] } as const;
  for (const { name, value } of fields) {
    if (name === "tos") numbers.tos = values.number(value!, name, 0, 0xff);
    else if (name === "ttl") numbers.ttl = values.number(value!, name, 0, 0xff);
    else if (name === "flowlabel") numbers.flowlabel = values.number(value!, name, 0, 0xfffff);
    else ecn = ECN[name === "ecn" ? ecnName(value!, Object.keys(ECN)) : name];
  }
  return { ecn, trafficClass: numbers.tos, ttl: numbers.ttl, flowLabel: numbers.flowlabel };
}

/** `ecn ect0`. */
function ecnName(value: Expression, names: readonly string[]): "noecn" | "ect0" | "ect1" | "ect01" | "ce" {
  if (value.kind === "symbol" && names.includes(value.name)) return value.name as "ect0";
  if (value.kind === "number" && value.value >= 0n && value.value < 4n) return (["noecn", "ect1", "ect0", "ce"] as const)[Number(value.value)]!;
  throw new Refused(value.place, `ecn is one of ${names.join(", ")}`);
}

function planTcp(segment: TcpSegment, { values, addresses }: PacketContext, inbound: boolean): TcpPlan {
  const { flags, sequence, options = [] } = segment;
  const field = (expression: Expression | undefined, what: string, most: number): number | undefined =>
    expression === undefined || (expression.kind === "ellipsis" && !inbound) ? undefined : values.number(expression, what, 0, most);
  if (options === "any" && inbound) throw new Refused(segment.place, "a packet that is sent has options of its own, not <...>");
  const planned = options === "any" ? options : options.map((option) => planMptcpOption(option, { values, addresses, side: inbound ? "remote" : "local" }) ?? planTcpOption(option, values));
  if (inbound && planned !== "any") checkSent(planned, segment);
  return {
    kind: "tcp",
    flags: flagBits(flags.letters, flags.ace),
    from: sequence.from,
    length: sequence.length,
    ack: field(segment.ack, "ack", 0xffff_ffff),
    window: field(segment.window, "win", 0xffff),
    urgent: field(segment.urgent, "urg", 0xffff),
    options: planned,
  };
}

/** Everything in a packet that is sent has a value. */
function checkSent(options: readonly OptionPlan[], { options: written, place }: TcpSegment): void {
  const octets = options.reduce((sum, option) => sum + optionLength(option), 0);
  if (octets > OPTION_SPACE) throw new Refused(place, `the options have ${octets} octets, and ${OPTION_SPACE} fit`);
  for (const [index, option] of options.entries()) {
    const at = Array.isArray(written) ? (written[index] as { place: TcpSegment["place"] }).place : place;
    if (option.type === "octets" && option.octets.includes(undefined)) throw new Refused(at, "an option of a packet that is sent has a value, not ...");
    if (option.type === "timestamps" && (option.value === undefined || option.echo === undefined)) throw new Refused(at, "timestamps of a packet that is sent have values, not ...");
  }
}

function flagBits(letters: string, counter: number | undefined): number {
  let bits = 0;
  for (const letter of letters) bits |= FLAG_BITS[letter] ?? 0;
  if (counter !== undefined) for (const [index, bit] of COUNTER.entries()) if ((counter & (4 >> index)) !== 0) bits |= bit;
  return bits;
}
