import type { Call, LeftPacket, StartedCall, Target } from "mptcp/drill";
import { decodePacket, TCP_FLAG, type MptcpOption, type Packet, type TcpSegment } from "mptcp/wire";
import { FlowState, STATES } from "./flow-states.ts";

/** What can arrive: rows of the table. */
export const ARRIVALS = [
  "SYN", "SYN/ACK", "ACK", "data", "FIN", "RST", "URG", "window 0", "ECE or CWR", "MSS", "window scale", "SACK permitted", "timestamps", "SACK", "another option",
  "MP_CAPABLE", "MP_CAPABLE with data", "MP_JOIN", "DSS: Data ACK", "DSS: mapping", "DSS: checksum", "DATA_FIN", "ADD_ADDR", "ADD_ADDR, echo", "REMOVE_ADDR", "MP_PRIO", "MP_FAIL", "MP_FASTCLOSE", "MP_TCPRST", "ICMP",
] as const;
export type Arrival = (typeof ARRIVALS)[number];
export const COLUMNS = [...STATES, "fallback", "second subflow"] as const;
export type Column = (typeof COLUMNS)[number];
/** Who opened the connection, or the subflow: the other end, or the stack. */
export type Role = "passive" | "active";
/** What arrived, where, and at whom. */
export type Cell = `${Arrival}|${Column}|${Role}`;

const OPEN = ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "CLOSE-WAIT", "LAST-ACK", "TIME-WAIT"] as const;
const UNSYNCHRONISED = ["CLOSED", "LISTEN", "SYN-SENT"] as const;
/** States of a subflow in which the connection may still be told something by its options. */
const OF_A_SUBFLOW = [...UNSYNCHRONISED, "TIME-WAIT"] as const;

/**
 * Where what the row says means nothing, so that the segment is that of another row: an option that is read on SYNs alone on one that gets a challenge (RFC 5961 §4), any option on what is
 * answered by RST, windows where nothing is left to send, signals on a subflow that is not open yet.
 */
const MEANINGLESS: Partial<Record<Arrival, readonly Column[]>> = {
  URG: [...UNSYNCHRONISED, "CLOSING", "CLOSE-WAIT", "LAST-ACK", "TIME-WAIT"],
  "window 0": ["CLOSED", "LISTEN", "FIN-WAIT-2", "TIME-WAIT"],
  "ECE or CWR": ["CLOSED", "CLOSING", "LAST-ACK", "TIME-WAIT", "FIN-WAIT-1", "FIN-WAIT-2"],
  MSS: ["CLOSED", ...OPEN, "fallback"],
  "window scale": ["CLOSED", ...OPEN, "fallback"],
  "SACK permitted": ["CLOSED", ...OPEN, "fallback"],
  timestamps: ["CLOSED"],
  SACK: [...UNSYNCHRONISED, "SYN-RECEIVED", "FIN-WAIT-2", "TIME-WAIT"],
  "another option": ["CLOSED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "CLOSE-WAIT", "LAST-ACK", "TIME-WAIT"],
  MP_CAPABLE: ["CLOSED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "CLOSE-WAIT", "LAST-ACK", "TIME-WAIT"],
  "MP_CAPABLE with data": [...UNSYNCHRONISED, "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "CLOSE-WAIT", "LAST-ACK", "TIME-WAIT"],
  MP_JOIN: ["CLOSED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "CLOSE-WAIT", "LAST-ACK", "TIME-WAIT"],
  "DSS: Data ACK": OF_A_SUBFLOW,
  "DSS: mapping": [...OF_A_SUBFLOW, "CLOSING", "CLOSE-WAIT", "LAST-ACK"],
  "DSS: checksum": [...OF_A_SUBFLOW, "CLOSING", "CLOSE-WAIT", "LAST-ACK"],
  DATA_FIN: OF_A_SUBFLOW,
  ADD_ADDR: OF_A_SUBFLOW,
  "ADD_ADDR, echo": [...OF_A_SUBFLOW, "SYN-RECEIVED"],
  REMOVE_ADDR: OF_A_SUBFLOW,
  MP_PRIO: OF_A_SUBFLOW,
  MP_FAIL: OF_A_SUBFLOW,
  MP_FASTCLOSE: UNSYNCHRONISED,
  MP_TCPRST: ["CLOSED", "LISTEN", "TIME-WAIT"],
  ICMP: ["CLOSED", "LISTEN", "FIN-WAIT-2", "TIME-WAIT"],
};

/** Looks at what arrives at a stack, and in which state. */
export class Watched implements Target {
  readonly name: Target["name"];
  readonly seen = new Set<Cell>();
  readonly #target: Target;
  readonly #flows = new Map<string, FlowState>();
  #last = new FlowState();
  #listens = false;

  constructor(target: Target) {
    this.#target = target;
    this.name = target.name;
  }

  get now(): number {
    return this.#target.now;
  }

  inject(octets: Uint8Array): void {
    const packet = decoded(octets);
    const tcp = packet?.tcp ?? null;
    if (tcp !== null) {
      const flow = this.#flow(`${String(packet?.source)} ${tcp.sourcePort} ${tcp.destinationPort}`);
      if (tcp.mptcp.some(({ kind }) => kind === "mp_join_syn")) flow.isSecond = true;
      for (const arrival of arrivalsOf(tcp)) this.#note(arrival, flow);
      flow.received(tcp);
    } else if (packet !== null && packet.icmp !== null) this.#note("ICMP", this.#last);
    this.#target.inject(octets);
  }

  take(): LeftPacket | null {
    const left = this.#target.take();
    const packet = left === null ? null : decoded(left.octets);
    if (packet !== null && packet.tcp !== null) this.#flow(`${String(packet.destination)} ${packet.tcp.destinationPort} ${packet.tcp.sourcePort}`).sent(packet.tcp);
    return left;
  }

  begin(call: Call): StartedCall {
    if (call.name === "listen") this.#listens = true;
    return this.#target.begin(call);
  }

  advance: Target["advance"] = (until) => this.#target.advance(until);
  command: Target["command"] = (words) => this.#target.command(words);
  explain: Target["explain"] = () => this.#target.explain();
  close: Target["close"] = () => this.#target.close();

  #flow(key: string): FlowState {
    let flow = this.#flows.get(key);
    if (flow === undefined) this.#flows.set(key, (flow = new FlowState()));
    this.#last = flow;
    return flow;
  }

  #note(arrival: Arrival, flow: FlowState): void {
    const state = flow.state === "CLOSED" && this.#listens ? "LISTEN" : flow.state;
    const role = flow.isActive ? "active" : "passive";
    this.seen.add(`${arrival}|${state}|${role}`);
    if (flow.fellBack) this.seen.add(`${arrival}|fallback|${role}`);
    if (flow.isSecond) this.seen.add(`${arrival}|second subflow|${role}`);
  }
}

function decoded(octets: Uint8Array): Packet | null {
  const packet = decodePacket(octets, 0, octets.length, { verifyIpChecksum: false, verifyTransportChecksum: false });
  return typeof packet === "string" ? null : packet;
}

function arrivalsOf(segment: TcpSegment): Arrival[] {
  const is = (flag: number): boolean => (segment.flags & flag) !== 0;
  const given: [Arrival, boolean][] = [
    ["SYN", is(TCP_FLAG.SYN) && !is(TCP_FLAG.ACK)],
    ["SYN/ACK", is(TCP_FLAG.SYN) && is(TCP_FLAG.ACK)],
    ["ACK", is(TCP_FLAG.ACK) && !is(TCP_FLAG.SYN | TCP_FLAG.FIN | TCP_FLAG.RST) && segment.payload.length === 0],
    ["data", segment.payload.length > 0],
    ["FIN", is(TCP_FLAG.FIN)],
    ["RST", is(TCP_FLAG.RST)],
    ["URG", is(TCP_FLAG.URG)],
    ["window 0", segment.window === 0 && !is(TCP_FLAG.RST)],
    ["ECE or CWR", is(TCP_FLAG.ECE | TCP_FLAG.CWR)],
    ["MSS", segment.maximumSegmentSize > 0],
    ["window scale", segment.windowScale >= 0],
    ["SACK permitted", segment.sackPermitted],
    ["timestamps", segment.hasTimestamps],
    ["SACK", segment.sackBlocks.length > 0],
    ["another option", segment.otherOptions.length > 0],
  ];
  return [...given.filter(([, isThere]) => isThere).map(([arrival]) => arrival), ...segment.mptcp.flatMap(arrivalsOfOption)];
}

function arrivalsOfOption(option: MptcpOption): Arrival[] {
  switch (option.kind) {
    case "mp_capable":
      return option.dataLength >= 0 ? ["MP_CAPABLE with data"] : ["MP_CAPABLE"];
    case "mp_join_syn":
    case "mp_join_synack":
    case "mp_join_ack":
      return ["MP_JOIN"];
    case "dss": {
      const isMapping = option.dsnLength !== 0;
      const parts: [Arrival, boolean][] = [["DSS: Data ACK", option.dataAckLength !== 0], ["DSS: mapping", isMapping], ["DSS: checksum", isMapping && option.checksum >= 0], ["DATA_FIN", option.dataFin]];
      return parts.filter(([, isThere]) => isThere).map(([arrival]) => arrival);
    }
    case "add_addr":
      return [option.echo ? "ADD_ADDR, echo" : "ADD_ADDR"];
    case "remove_addr":
      return ["REMOVE_ADDR"];
    case "mp_prio":
      return ["MP_PRIO"];
    case "mp_fail":
      return ["MP_FAIL"];
    case "mp_fastclose":
      return ["MP_FASTCLOSE"];
    case "mp_tcprst":
      return ["MP_TCPRST"];
    default:
      return [];
  }
}

/** The page: how many scripts have what arrive in which state. */
export function coveragePage(seen: readonly ReadonlySet<Cell>[]): string {
  let [meaningful, covered, coveredByBoth] = [0, 0, 0];
  const rows = ARRIVALS.map((arrival) => {
    const cells = COLUMNS.map((column) => {
      const [passive, active] = (["passive", "active"] as const).map((role) => seen.filter((script) => script.has(`${arrival}|${column}|${role}`)).length) as [number, number];
      const isCovered = passive + active > 0;
      const means = isCovered || MEANINGLESS[arrival]?.includes(column) !== true;
      if (means) meaningful++;
      if (isCovered) covered++;
      if (passive > 0 && active > 0) coveredByBoth++;
      return isCovered ? `${passive === 0 ? "" : passive}${active === 0 ? "" : `+${active}`}` : means ? "" : "–";
    });
    return `| ${arrival} | ${cells.join(" | ")} |`;
  });
  const head = "# What the scripts have arrive, and when\n\nHow many of the scripts have a segment with what the row says arrive at a stack in the state of the column; behind a plus sign, those in which the stack opened the connection or the subflow. It is counted while they run on the engine; the test `suite.test.ts` keeps it true (`npm run drill:table`).\n";
  const legend = `A dash: what the row says means nothing there, and the segment is that of another row (an option that is read on SYNs alone, on what gets a challenge; any option on what is answered by RST). Of the ${meaningful} cells that mean something ${covered} are covered, ${coveredByBoth} of them in both roles.\n`;
  return [head, legend, `| arrives | ${COLUMNS.join(" | ")} |`, `|---|${COLUMNS.map(() => "---|").join("")}`, ...rows, ""].join("\n");
}
