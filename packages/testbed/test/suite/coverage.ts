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

/** Looks at what arrives at a stack, and in which state. */
export class Watched implements Target {
  readonly name: Target["name"];
  /** `ROW|COLUMN`. */
  readonly seen = new Set<`${Arrival}|${Column}`>();
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
    this.seen.add(`${arrival}|${state}`);
    if (flow.fellBack) this.seen.add(`${arrival}|fallback`);
    if (flow.isSecond) this.seen.add(`${arrival}|second subflow`);
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
export function coveragePage(seen: readonly ReadonlySet<`${Arrival}|${Column}`>[]): string {
  const rows = ARRIVALS.map((arrival) => {
    const counts = COLUMNS.map((column) => seen.filter((script) => script.has(`${arrival}|${column}`)).length);
    return `| ${arrival} | ${counts.map((count) => (count === 0 ? "" : String(count))).join(" | ")} |`;
  });
  const head = "# What the scripts have arrive, and when\n\nHow many of the scripts have a segment with what the row says arrive at a stack in the state of the column. It is counted while they run on the engine; the test `suite.test.ts` keeps it true (`npm run drill:table`).\n";
  return [head, `| arrives | ${COLUMNS.join(" | ")} |`, `|---|${COLUMNS.map(() => "---|").join("")}`, ...rows, ""].join("\n");
}
