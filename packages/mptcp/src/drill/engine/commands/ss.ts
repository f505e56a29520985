import { MptcpConnection } from "../../../mptcp/index.ts";
import { TcpSocket } from "../../../tcp/index.ts";
import type { FourTuple, TcpState } from "../../../tcp/index.ts";
import type { CommandOutcome } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";
import { stateOf } from "../sockets/connection-view.ts";

/** ss(8): the sockets of the machine; a filter by state and ports, which are not named here, is taken for all. */
export function ss(machine: Machine, words: readonly string[]): CommandOutcome {
  const options = new Set<string>();
  for (const word of words) {
    const known = LONG[word];
    if (known !== undefined) options.add(known);
    else if (word.startsWith("--")) return { status: 255, output: "", errors: `ss: unrecognized option '${word}'\n` };
    else if (word.startsWith("-")) for (const letter of word.slice(1)) options.add(letter);
  }
  if (options.has("s")) return { status: 0, output: summary(machine), errors: "" };
  const protocols = ["t", "M"].filter((letter) => options.has(letter));
  const wanted = protocols.length === 0 ? ["t", "M"] : protocols;
  const rows = [...listeners(machine), ...connections(machine)].filter((row) => wanted.includes(row.protocol));
  const isListed = ({ state }: Row): boolean => options.has("a") || (state !== "CLOSED" && (state === "LISTEN") === options.has("l"));
  const lines = rows.filter((row) => isListed(row) && isOfFamily(row, options)).map((row) => lineOf(row, wanted.length > 1));
  const header = options.has("H") ? "" : `${wanted.length > 1 ? "Netid " : ""}State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n`;
  return { status: 0, output: `${header}${lines.join("")}`, errors: "" };
}

interface Row {
  readonly protocol: string;
  readonly state: TcpState;
  readonly received: number;
  readonly sent: number;
  readonly local: string;
  readonly remote: string;
  readonly family: 4 | 6;
}

function connections({ host }: Machine): Row[] {
  return host.streams().flatMap((connection) => {
    const whole = { received: connection.receiveBuffered, sent: connection.sendBuffered };
    if (connection instanceof TcpSocket) return [rowOf("t", connection.tcp.state, connection.tuple, whole)];
    if (!(connection instanceof MptcpConnection)) return [];
    const subflows = connection.subflows.map(({ tcp }) => rowOf("t", tcp.state, tcp.tuple, { received: 0, sent: 0 }));
    return [rowOf("M", stateOf(connection, connection.isEnding), connection.tuple, whole), ...subflows];
  });
}

function listeners({ listeners: open }: Machine): Row[] {
  return Array.from(open, ({ address, options, port }) => {
    const family = address?.family ?? options.family ?? 6;
    const text = address === null ? (family === 4 ? "0.0.0.0" : "*") : String(address);
    return {
      protocol: options.multipath === false ? "t" : "M", state: "LISTEN" as const, received: 0, sent: options.backlog ?? 0, local: endpointText(text, String(port)),
      remote: endpointText(family === 4 ? "0.0.0.0" : address === null ? "*" : "::", "*"), family,
    };
  });
}

function rowOf(protocol: string, state: TcpState, tuple: FourTuple, waiting: Pick<Row, "received" | "sent">): Row {
  return {
    protocol, state, ...waiting, local: endpointText(String(tuple.localAddress), String(tuple.localPort)), remote: endpointText(String(tuple.remoteAddress), String(tuple.remotePort)),
    family: tuple.localAddress.family,
  };
}

function lineOf({ local, protocol, received, remote, sent, state }: Row, isNamed: boolean): string {
  const name = protocol === "M" ? "mptcp" : "tcp";
  return `${isNamed ? `${name} ` : ""}${STATES[state]} ${received} ${sent} ${local} ${remote}\n`;
}

function isOfFamily({ family }: Row, options: ReadonlySet<string>): boolean {
  return options.has("4") === options.has("6") || options.has(String(family));
}

function endpointText(address: string, port: string): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function summary(machine: Machine): string {
  const { timeWaits } = machine.host.usage;
  const rows = connections(machine).filter(({ protocol }) => protocol === "t");
  const established = rows.filter(({ state }) => state === "ESTABLISHED").length;
  return `Total: ${rows.length}\nTCP:   ${rows.length + timeWaits} (estab ${established}, closed ${timeWaits}, orphaned ${machine.host.usage.orphans}, timewait ${timeWaits})\n`;
}

/** As ss has them. */
const STATES: Readonly<Record<TcpState, string>> = {
  ESTABLISHED: "ESTAB", "SYN-SENT": "SYN-SENT", "SYN-RECEIVED": "SYN-RECV", "FIN-WAIT-1": "FIN-WAIT-1", "FIN-WAIT-2": "FIN-WAIT-2", "TIME-WAIT": "TIME-WAIT", CLOSED: "UNCONN",
  "CLOSE-WAIT": "CLOSE-WAIT", "LAST-ACK": "LAST-ACK", LISTEN: "LISTEN", CLOSING: "CLOSING",
};
const LONG: Readonly<Record<string, string>> = { "--tcp": "t", "--mptcp": "M", "--numeric": "n", "--listening": "l", "--all": "a", "--no-header": "H", "--summary": "s", "--info": "i", "--ipv4": "4", "--ipv6": "6" };
