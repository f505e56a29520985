import type { AddressVariable, Expression, IcmpMessage, IpField, IpFieldName, PacketAction, SequenceRange, TcpFlags, TcpSegment, UdpDatagram } from "./ast.ts";
import { parseEncapsulations } from "./encapsulations.ts";
import { OPTION_VALUE, parseExpression, parseList, parseValue } from "./expressions.ts";
import { TOKEN, Unexpected, type Lexer } from "./lexer.ts";
import { nearest } from "./nearest.ts";
import { parseOptions } from "./options.ts";

/** Fields of the IP header, and whether they have a value. */
const IP_FIELDS: Readonly<Record<IpFieldName, boolean>> = {
  noecn: false, ect0: false, ect1: false, ect01: false, ce: false, ecn: true, tos: true, ttl: true, flowlabel: true,
};
const FLAGS = "SFRP.UEWA";

/** Takes a packet, from its direction on. */
export function parsePacket(lexer: Lexer): PacketAction {
  const place = lexer.here();
  const direction = lexer.takes("<") ? "inbound" : "outbound";
  if (direction === "outbound") lexer.expect(">", "before an expected packet");
  const encapsulations = parseEncapsulations(lexer);
  // The oldest scripts have what an ICMP message quotes before it.
  const quoted = takeQuoted(lexer);
  const ip = quoted === undefined && lexer.takes("[") ? parseList(lexer, "]", "after the fields of the IP header", () => parseIpField(lexer)) : [];
  const source = takeAddress(lexer);
  const destination = source !== undefined || lexer.sees(">") ? parseDestination(lexer) : undefined;
  const transport = parseTransport(lexer, quoted);
  const socket = lexer.takesName("sock") ? parseSocket(lexer) : undefined;
  const mutation = lexer.takesBetween("{", "}", "the change of octets");
  return { kind: "packet", direction, encapsulations, ip, source, destination, transport, socket, mutation, place };
}

function parseIpField(lexer: Lexer): IpField {
  const place = lexer.here();
  const name = lexer.match(TOKEN.name);
  if (name === undefined) throw lexer.unexpected("a field of the IP header");
  if (!Object.hasOwn(IP_FIELDS, name)) throw new Unexpected(place, `there is no field "${name}" of the IP header${nearest(name, Object.keys(IP_FIELDS))}`);
  const field = name as IpFieldName;
  return { name: field, value: IP_FIELDS[field] ? parseValue(lexer, `a value of ${name}`) : undefined, place };
}

function takeAddress(lexer: Lexer): AddressVariable | undefined {
  const place = lexer.here();
  const mark = lexer.mark();
  if (!lexer.takesName("addr")) return undefined;
  if (!lexer.takes("[")) {
    lexer.reset(mark);
    return undefined;
  }
  const name = lexer.match(TOKEN.name);
  if (name === undefined) throw lexer.unexpected("the name of an address");
  const value = lexer.takes("=") ? parseExpression(lexer, OPTION_VALUE) : undefined;
  lexer.expect("]", "after the address");
  return { name, value, place };
}

function parseDestination(lexer: Lexer): AddressVariable {
  lexer.expect(">", "between the addresses");
  const destination = takeAddress(lexer);
  if (destination === undefined) throw lexer.unexpected("the destination: addr[...]");
  return destination;
}

function parseSocket(lexer: Lexer): Expression {
  lexer.expect("(", "after sock");
  const socket = parseValue(lexer, "a socket's number");
  lexer.expect(")", "after the socket's number");
  return socket;
}

function parseTransport(lexer: Lexer, quoted: IcmpMessage["quotes"]): PacketAction["transport"] {
  if (lexer.peekName() === "icmp" || lexer.peekName() === "icmpv6") return parseIcmp(lexer, quoted);
  if (quoted !== undefined) throw lexer.unexpected('"icmp"');
  if (lexer.peekName() === "sctp") throw new Unexpected(lexer.here(), "packets of SCTP are not read: there are TCP, UDP and ICMP");
  return takeUdp(lexer) ?? parseTcp(lexer);
}

/** `udp (1000)`, if it comes next. */
function takeUdp(lexer: Lexer): UdpDatagram | undefined {
  const place = lexer.here();
  if (!lexer.takesName("udp")) return undefined;
  return { kind: "udp", length: parseLength(lexer, 0xffff), place };
}

function parseLength(lexer: Lexer, most: number): number {
  lexer.expect("(", "before the length");
  const length = parseInteger(lexer, "a length", most);
  lexer.expect(")", "after the length");
  return length;
}

/** What an ICMP message quotes, in brackets; other brackets are left. */
function takeQuoted(lexer: Lexer): IcmpMessage["quotes"] {
  const mark = lexer.mark();
  if (!lexer.takes("[")) return undefined;
  let quoted: IcmpMessage["quotes"] = takeUdp(lexer);
  if (quoted === undefined && lexer.match(/[0-9]/y) !== undefined) {
    lexer.reset(mark);
    lexer.takes("[");
    quoted = parseSequence(lexer);
  }
  if (quoted === undefined) lexer.reset(mark);
  else lexer.expect("]", "after what the message quotes");
  return quoted;
}

function parseIcmp(lexer: Lexer, before: IcmpMessage["quotes"]): IcmpMessage {
  const place = lexer.here();
  lexer.match(TOKEN.name);
  const type = lexer.match(TOKEN.name);
  if (type === undefined) throw lexer.unexpected("the type of the ICMP message");
  const code = lexer.peekName() === "mtu" || lexer.peekName() === "sock" ? undefined : lexer.match(TOKEN.name);
  const mtu = lexer.takesName("mtu") ? parseValue(lexer, "an MTU") : undefined;
  return { kind: "icmp", type, code, mtu, quotes: before ?? takeQuoted(lexer), place };
}

function parseTcp(lexer: Lexer): TcpSegment {
  const place = lexer.here();
  const flags = parseFlags(lexer);
  const sequence = parseSequence(lexer);
  const fields = new Map<string, Expression>();
  for (let name = lexer.peekName(); name === "ack" || name === "win" || name === "urg"; name = lexer.peekName()) {
    if (fields.has(name)) lexer.report(lexer.here(), `the segment has "${name}" twice`);
    lexer.takesName(name);
    fields.set(name, parseValue(lexer, `a number after ${name}`));
  }
  const options = lexer.takes("<") ? parseOptions(lexer) : undefined;
  return { kind: "tcp", flags, sequence, ack: fields.get("ack"), window: fields.get("win"), urgent: fields.get("urg"), options, place };
}

function parseFlags(lexer: Lexer): TcpFlags {
  const place = lexer.here();
  const text = lexer.match(TOKEN.flags);
  if (text === undefined) throw lexer.unexpected("TCP flags");
  if (text === "-") return { letters: "", ace: undefined, place };
  const digits = text.match(/[0-9]/g) ?? [];
  const letters = text.replace(/[0-9]/g, "");
  for (const letter of letters) {
    if (!FLAGS.includes(letter)) throw new Unexpected(place, `"${letter}" is no TCP flag: there are ${[...FLAGS].join(" ")}, a digit from 0 to 7, and - for none`);
    if (letters.indexOf(letter) !== letters.lastIndexOf(letter)) throw new Unexpected(place, `the flag "${letter}" is there twice`);
  }
  if (digits.length > 1 || Number(digits[0] ?? 0) > 7) throw new Unexpected(place, "the three ECN flags as a number are one digit from 0 to 7");
  if (digits.length > 0 && /[EWA]/.test(letters)) throw new Unexpected(place, "the ECN flags are letters or a digit, not both");
  return { letters, ace: digits.length > 0 ? Number(digits[0]) : undefined, place };
}

/** `1:701(700)`. */
function parseSequence(lexer: Lexer): SequenceRange {
  const place = lexer.here();
  const from = parseInteger(lexer, "a sequence number", 0xffff_ffff);
  lexer.expect(":", "between the sequence numbers");
  const to = parseInteger(lexer, "a sequence number", 0xffff_ffff);
  const length = parseLength(lexer, 0xffff_ffff);
  if ((from + length) % 2 ** 32 !== to) lexer.report(place, `from ${from} to ${to} there are ${(to - from + 2 ** 32) % 2 ** 32} octets, not ${length}`);
  return { from, to, length, place };
}

function parseInteger(lexer: Lexer, what: string, most: number): number {
  const place = lexer.here();
  const text = lexer.match(TOKEN.decimal);
  if (text === undefined) throw lexer.unexpected(what);
  if (Number(text) > most) throw new Unexpected(place, `${what} may be ${most} at most`);
  return Number(text);
}
