import type {
  Action, AddressVariable, CallAction, Encapsulation, EventTime, Expression, IcmpMessage, OptionItem, PacketAction, Script, ScriptEvent, ScriptOption, SequenceRange,
  StructField, TcpFlags, TcpOption, TcpSegment, UdpDatagram,
} from "./ast.ts";

/** A script as text, one event on each line, without comments: what is read from it is the same script, except for places. */
export function printScript({ options, events }: Script): string {
  return [...options.map(printScriptOption), ...events.map(printEvent)].map((line) => `${line}\n`).join("");
}

/** One event as a line of a script. */
export function printEvent({ time, action }: ScriptEvent): string {
  const until = action.kind === "call" && action.until !== undefined ? `...${seconds(action.until)}` : "";
  return `${time === undefined ? "" : `${printTime(time)}${until} `}${printAction(action)}`;
}

function printScriptOption({ name, value }: ScriptOption): string {
  if (value === undefined) return `--${name}`;
  return `--${name}=${/^[A-Za-z0-9_.:+-]\S*$/.test(value) ? value : `"${value}"`}`;
}

function printTime(time: EventTime): string {
  if (time.kind === "any") return "*";
  const sign = time.relative ? "+" : "";
  return time.kind === "at" ? `${sign}${seconds(time.at)}` : `${sign}${seconds(time.from)}~${sign}${seconds(time.to)}`;
}

function seconds(nanoseconds: number): string {
  const whole = Math.floor(nanoseconds / 1e9);
  const fraction = String(nanoseconds - whole * 1e9).padStart(9, "0").replace(/0+$/, "");
  return fraction === "" ? String(whole) : `${whole}.${fraction}`;
}

function printAction(action: Action): string {
  if (action.kind === "shell") return `\`${action.text}\``;
  if (action.kind === "code") return `%{${action.text}}%`;
  return action.kind === "call" ? printCall(action) : printPacket(action);
}

function printCall({ name, parameters, result, errno, note }: CallAction): string {
  return words(`${name}(${list(parameters)})`, "=", printExpression(result), errno, note === undefined ? undefined : `(${note})`);
}

function printPacket({ direction, encapsulations, ip, source, destination, transport, socket, mutation }: PacketAction): string {
  return words(
    direction === "inbound" ? "<" : ">",
    ...encapsulations.map(printEncapsulation),
    ip.length === 0 ? undefined : `[${ip.map(({ name, value }) => words(name, printed(value))).join(", ")}]`,
    source === undefined ? undefined : printAddress(source),
    destination === undefined ? undefined : `> ${printAddress(destination)}`,
    printTransport(transport),
    socket === undefined ? undefined : `sock(${printExpression(socket)})`,
    mutation === undefined ? undefined : `{${mutation}}`,
  );
}

function printEncapsulation(header: Encapsulation): string {
  if (header.kind === "ip") return `ipv${header.version} ${header.source} > ${header.destination}:`;
  if (header.kind !== "mpls") return `${words(header.transport ? "encap" : undefined, header.kind, header.fields.map(({ name, value }) => `${name} ${printExpression(value)}`).join(", ") || undefined)}:`;
  const labels = header.labels.map(({ fields, bottom }) => `(${[...fields.map(({ name, value }) => `${name} ${printExpression(value)}`), ...(bottom ? ["[S]"] : [])].join(", ")})`);
  return `mpls ${labels.join(" ")}:`;
}

const printAddress = ({ name, value }: AddressVariable): string => `addr[${member(name, value)}]`;

function printTransport(transport: PacketAction["transport"]): string {
  if (transport.kind === "udp") return printUdp(transport);
  return transport.kind === "icmp" ? printIcmp(transport) : printTcp(transport);
}

const printUdp = ({ length }: UdpDatagram): string => `udp (${length})`;
const printSequence = ({ from, to, length }: SequenceRange): string => `${from}:${to}(${length})`;

function printIcmp({ type, code, mtu, quotes }: IcmpMessage): string {
  const quoted = quotes === undefined ? undefined : `[${"kind" in quotes ? printUdp(quotes) : printSequence(quotes)}]`;
  return words("icmp", type, code, labelled("mtu", mtu), quoted);
}

function printTcp({ flags, sequence, ack, window, urgent, options }: TcpSegment): string {
  return words(printFlags(flags), printSequence(sequence), labelled("ack", ack), labelled("win", window), labelled("urg", urgent), printOptions(options));
}

function printFlags({ letters, ace }: TcpFlags): string {
  return `${letters}${ace ?? ""}` || "-";
}

function printOptions(options: TcpSegment["options"]): string | undefined {
  if (options === undefined) return undefined;
  return options === "any" ? "<...>" : `<${options.map(printOption).join(", ")}>`;
}

/** One TCP option as it stands between the brackets. */
export function printOption({ name, items }: TcpOption): string {
  return words(name, ...items.map(printItem));
}

function printItem(item: OptionItem): string {
  switch (item.kind) {
    case "word":
      return item.name;
    case "field":
      return `${item.name}${item.assigned ? "=" : " "}${printExpression(item.value)}`;
    case "list":
      return `${item.name}[${item.members.map(({ name, value }) => member(name, value)).join(", ")}]`;
    case "value":
      return printExpression(item.value);
    case "range":
      return `${printExpression(item.from)}:${printExpression(item.to)}`;
    case "octets":
      return item.digits;
  }
}

function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case "ellipsis":
      return "...";
    case "number":
      return printNumber(expression.value, expression.hexadecimal);
    case "symbol":
      return expression.name;
    case "string":
      return `"${expression.raw}"${expression.beginning ? "..." : ""}`;
    case "chain":
      return expression.operands.map(printExpression).join(expression.operator);
    case "call":
      return `${expression.name}(${list(expression.parameters)})`;
    case "array":
      return `[${list(expression.elements)}]`;
    case "struct":
      return `{${expression.fields.map(printField).join(", ")}}`;
  }
}

function printNumber(value: bigint, hexadecimal: boolean): string {
  if (!hexadecimal) return String(value);
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function printField({ name, count, value }: StructField): string {
  if (name === undefined) return printExpression(value);
  return `${name}${count === undefined ? "" : `(${printExpression(count)})`}=${printExpression(value)}`;
}

const printed = (value: Expression | undefined): string | undefined => (value === undefined ? undefined : printExpression(value));
const labelled = (name: string, value: Expression | undefined): string | undefined => (value === undefined ? undefined : `${name} ${printExpression(value)}`);
const member = (name: string, value: Expression | undefined): string => (value === undefined ? name : `${name}=${printExpression(value)}`);
const list = (expressions: readonly Expression[]): string => expressions.map(printExpression).join(", ");
const words = (...parts: readonly (string | undefined)[]): string => parts.filter((part) => part !== undefined).join(" ");
