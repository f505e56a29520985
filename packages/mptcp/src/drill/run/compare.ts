import { TCP_FLAG, TCP_OPTION, type MptcpOption } from "../../wire/index.ts";
import type { IcmpPlan, OptionPlan, PacketStep, Settings, TcpPlan } from "../plan/index.ts";
import type { PacketAction, TcpOption, TcpSegment } from "../syntax/ast.ts";
import { printOption as printWritten } from "../syntax/print.ts";
import { isBare } from "./compose.ts";
import type { Flow } from "./flow.ts";
import type { LiveOption, LivePacket, LiveTcp } from "./live-packet.ts";
import { mptcpOctets, resolveMptcp } from "./mptcp-options.ts";
import type { Variables } from "./multipath.ts";
import type { Piece } from "./outcome.ts";
import { ecnName, printFlags, printIcmp, printOption, printSequence, relativeAck, relativeSequence } from "./print-live.ts";

/** What a comparison found. */
export interface Compared {
  readonly pieces: readonly Piece[];
  /** Keys to bind to names if the line stands for the packet. */
  readonly bound: ReadonlyMap<string, bigint>;
  /** What the script writes as the stack's initial sequence number, if this is the packet that has it. */
  readonly written: number | null;
  /** Timestamps of the script and of the stack. */
  readonly timestamp: { readonly script: number; readonly live: number } | null;
}

export interface CompareContext {
  readonly settings: Settings;
  readonly variables: Variables;
}

/** Whether a line stands for a packet of a flow, field for field. Changes nothing. */
export function comparePacket(step: PacketStep, live: LivePacket, flow: Flow | null, context: CompareContext): Compared {
  const pieces: Piece[] = compareIp(step, live);
  const { body } = step;
  const bound = new Map<string, bigint>();
  if (body.kind === "tcp" && live.body.kind === "tcp" && flow !== null) {
    const segment = compareTcp(body, step.action, live, flow, context, bound);
    const isSyn = (live.body.flags & TCP_FLAG.SYN) !== 0;
    return { pieces: [...pieces, ...segment.pieces], bound, timestamp: segment.timestamp, written: isSyn ? body.from : null };
  }
  if (body.kind === "udp" && live.body.kind === "udp") pieces.push(piece("length", `udp (${body.length})`, `udp (${live.body.length})`));
  else if (body.kind === "icmp" && live.body.kind === "icmp") pieces.push(...compareIcmp(body, live.body));
  else pieces.push(piece("protocol", body.kind, live.body.kind));
  return { pieces, bound, timestamp: null, written: null };
}

const piece = (field: string, expected: string, seen: string, same = expected === seen): Piece => ({ field, expected, seen, same });

function compareIp({ ip, action }: PacketStep, live: LivePacket): Piece[] {
  const fields: { expected: string; seen: string; same: boolean }[] = [];
  const { ecn, trafficClass, ttl, flowLabel } = ip;
  const written = action.ip.find(({ name }) => /ect|ecn|ce/.test(name));
  if (ecn !== undefined) fields.push({ expected: written!.name === "ecn" ? `ecn ${ecnName(ecn[0]!)}` : written!.name, seen: written!.name === "ecn" ? `ecn ${ecnName(live.trafficClass)}` : ecnName(live.trafficClass), same: ecn.includes(live.trafficClass & 3) });
  const number = (name: string, expected: number | undefined, seen: number, print: (value: number) => string = String): void => {
    if (expected !== undefined) fields.push({ expected: `${name} ${print(expected)}`, seen: `${name} ${print(seen)}`, same: expected === seen });
  };
  number("tos", trafficClass, live.trafficClass, (value) => `0x${value.toString(16).padStart(2, "0")}`);
  number("ttl", ttl, live.hopLimit);
  number("flowlabel", flowLabel, live.flowLabel);
  if (fields.length === 0) return [];
  const join = (which: "expected" | "seen"): string => `[${fields.map((field) => (field.same ? field.expected : field[which])).join(", ")}]`;
  return [piece("IP header", join("expected"), join("seen"), fields.every(({ same }) => same))];
}

function compareTcp(plan: TcpPlan, action: PacketAction, packet: LivePacket, flow: Flow, context: CompareContext, bound: Map<string, bigint>): { pieces: Piece[]; timestamp: Compared["timestamp"] } {
  const segment = action.transport as TcpSegment;
  const live = packet.body as LiveTcp;
  // Where one of many segments is pushed depends on how data is cut into segments, which is not compared here.
  const pushes = packet.segmentSize > 0 && !context.settings.strictSegments ? ~TCP_FLAG.PSH : ~0;
  const isSyn = (live.flags & TCP_FLAG.SYN) !== 0;
  // The first SYN has the number that the script gives it.
  const sequence = isSyn ? relativeSequence(live, flow) + (flow.localWritten ?? plan.from) : relativeSequence(live, flow);
  const seen = printSequence(sequence, live.payload.length);
  const ack = isSyn && (live.flags & TCP_FLAG.ACK) !== 0 ? (relativeAck(live, flow) + flow.remoteWritten) % 2 ** 32 : relativeAck(live, flow);
  const counts = segment.flags.ace !== undefined;
  const pieces = [
    piece("flags", printFlags(plan.flags, counts), printFlags(live.flags, counts), (plan.flags & pushes) === (live.flags & pushes)),
    piece("sequence", printSequence(plan.from, plan.length), seen),
  ];
  if (plan.ack !== undefined) pieces.push(piece("ack", `ack ${plan.ack}`, `ack ${ack}`));
  if (plan.window !== undefined) pieces.push(piece("win", `win ${plan.window}`, `win ${live.window}`));
  if (plan.urgent !== undefined) pieces.push(piece("urg", `urg ${plan.urgent}`, `urg ${live.urgent}`));
  if (plan.options === "any") return { pieces: [...pieces, piece("options", "<...>", "<...>")], timestamp: timestampOf([], live) };
  const written = Array.isArray(segment.options) ? (segment.options as readonly TcpOption[]) : [];
  const options = new OptionComparison(plan, live, flow, context, bound).pieces(plan.options, written);
  return { pieces: [...pieces, ...bracketed(options)], timestamp: timestampOf(plan.options, live) };
}

/** Options as they stand in a line: the first with the bracket before it, others with commas between. */
export function bracketed(options: readonly Piece[]): Piece[] {
  const last = (which: "expected" | "seen"): number => options.findLastIndex((one) => one[which] !== "");
  const decorate = (which: "expected" | "seen", index: number): string => {
    const text = options[index]![which];
    return text === "" ? "" : `${index === 0 ? "<" : ""}${text}${index === last(which) ? ">" : ","}`;
  };
  return options.map((one, index) => {
    const [expected, seen] = [decorate("expected", index), decorate("seen", index)];
    return { field: one.field, expected, seen: one.same ? decorateSame(expected, seen) : seen, same: one.same && expected.endsWith(">") === seen.endsWith(">") };
  });
}

/** The expected text with the closing of the other. */
function decorateSame(expected: string, seen: string): string {
  return expected === "" ? seen : `${expected.slice(0, -1)}${seen.slice(-1)}`;
}

function timestampOf(options: readonly OptionPlan[], live: LiveTcp): Compared["timestamp"] {
  const script = options.find((option) => option.type === "timestamps");
  const found = live.options.find(({ kind, octets }) => kind === TCP_OPTION.timestamps && octets.length === 8);
  if (script?.type !== "timestamps" || script.value === undefined || found === undefined) return null;
  return { script: script.value, live: word(found.octets, 0) };
}

const word = (octets: Uint8Array, at: number): number => new DataView(octets.buffer, octets.byteOffset, octets.length).getUint32(at);

/** Compares options one by one, in their order. */
class OptionComparison {
  readonly #plan: TcpPlan;
  readonly #live: LiveTcp;
  readonly #flow: Flow;
  readonly #context: CompareContext;
  readonly #bound: Map<string, bigint>;

  constructor(plan: TcpPlan, live: LiveTcp, flow: Flow, context: CompareContext, bound: Map<string, bigint>) {
    this.#plan = plan;
    this.#live = live;
    this.#flow = flow;
    this.#context = context;
    this.#bound = bound;
  }

  pieces(options: readonly OptionPlan[], written: readonly TcpOption[]): Piece[] {
    const found = this.#live.options;
    return Array.from({ length: Math.max(options.length, found.length) }, (_, index): Piece => {
      const [plan, live] = [options[index], found[index]];
      const expected = written[index] === undefined ? "" : printWritten(written[index]);
      const seen = live === undefined ? "" : printOption(live, this.#flow, this.#context.variables);
      return piece(`option ${index + 1}`, expected, seen, plan !== undefined && live !== undefined && this.#same(plan, live));
    });
  }

  #same(plan: OptionPlan, live: LiveOption): boolean {
    switch (plan.type) {
      case "octets":
        if (plan.kind !== live.kind || (!isBare(plan.kind) && plan.octets.length !== live.octets.length)) return false;
        return plan.octets.every((octet, index) => octet === undefined || octet === live.octets[index]);
      case "timestamps":
        return live.kind === TCP_OPTION.timestamps && live.octets.length === 8 && this.#sameTimes(plan, live);
      case "sack": {
        if (live.kind !== TCP_OPTION.sack || live.octets.length !== plan.edges.length * 4) return false;
        return plan.edges.every((edge, index) => ((word(live.octets, index * 4) - (this.#flow.remoteInitial ?? 0)) >>> 0) === edge);
      }
      default:
        return live.mptcp !== null && this.#sameMptcp(plan, live.mptcp, live.octets);
    }
  }

  /** Timestamps are looked at if the script says what a tick of them is. */
  #sameTimes({ value, echo }: Extract<OptionPlan, { type: "timestamps" }>, live: LiveOption): boolean {
    const { timestampTick, tolerance } = this.#context.settings;
    if (timestampTick === 0) return true;
    if (echo !== undefined && word(live.octets, 4) !== echo) return false;
    if (value === undefined || !this.#flow.timestamps.known) return true;
    const ticks = Math.ceil(tolerance / (timestampTick * 1000)) + 1;
    return Math.abs((this.#flow.timestamps.scriptOf(word(live.octets, 0)) - value) | 0) <= ticks;
  }

  #sameMptcp(plan: Exclude<OptionPlan, { type: "octets" | "timestamps" | "sack" }>, live: MptcpOption, octets: Uint8Array): boolean {
    const expected = mptcpOctets(
      resolveMptcp(plan, { flow: this.#flow, variables: this.#context.variables, side: "local", payload: this.#live.payload, sequence: this.#plan.from, live, bound: this.#bound }),
    ).subarray(2);
    return expected.length === octets.length && expected.every((octet, index) => octet === octets[index]);
  }
}

function compareIcmp(plan: IcmpPlan, live: Extract<LivePacket["body"], { kind: "icmp" }>): Piece[] {
  const expected = printIcmp({ kind: "icmp", type: plan.type, code: plan.code, word: plan.mtu ?? 0, body: live.body });
  const isSame = plan.type === live.type && plan.code === live.code && (plan.mtu === undefined || plan.mtu === live.word);
  return [piece("message", expected, printIcmp(live), isSame)];
}
