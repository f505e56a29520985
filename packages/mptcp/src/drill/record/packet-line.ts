import { TCP_FLAG } from "../../wire/index.ts";
import { planScript, type OptionPlan, type PacketStep, type Plan } from "../plan/index.ts";
import { comparePacket } from "../run/compare.ts";
import type { Flow } from "../run/flow.ts";
import type { LivePacket, LiveTcp } from "../run/live-packet.ts";
import type { Variables } from "../run/multipath.ts";
import { printFlags, printIcmp, printOption, printSequence, relativeAck, relativeSequence } from "../run/print-live.ts";
import type { PacketAction } from "../syntax/ast.ts";
import { parseScript } from "../syntax/parser.ts";

/** A packet that left, as the fields of a line. */
export interface PacketFields {
  readonly kind: LivePacket["body"]["kind"];
  /** Letters, as in a line. */
  readonly flags: string;
  /** Relative numbers. */
  readonly from: number;
  readonly length: number;
  /** Undefined without the flag ACK. */
  readonly ack: number | undefined;
  readonly window: number;
  /** Options as they stand in a line; `auto` for what is as the protocol wants it. */
  readonly options: readonly string[];
  /** All of it, without time and addresses; what the language has no words for is `<...>`. */
  readonly text: string;
}

/** The fields of a packet of a flow; `plan`: of the script that runs. */
export function fieldsOf(live: LivePacket, flow: Flow | null, plan: Plan, variables: Variables): PacketFields {
  const { body } = live;
  const none = { flags: "", from: 0, ack: undefined, window: 0, options: [] };
  if (body.kind === "udp") return { ...none, kind: "udp", length: body.length, text: `> udp (${body.length})` };
  if (body.kind === "icmp" || flow === null) return { ...none, kind: "icmp", length: 0, text: body.kind === "icmp" ? `> ${printIcmp(body)}` : "> udp (0)" };
  const fields = {
    kind: "tcp",
    flags: printFlags(body.flags),
    from: relativeSequence(body, flow),
    length: body.payload.length,
    ack: (body.flags & TCP_FLAG.ACK) === 0 ? undefined : relativeAck(body, flow),
    window: body.window,
  } as const;
  const options = body.options.map((option) => printOption(option, flow, variables));
  const line = new PacketLine(live, body, flow, plan, variables);
  return { ...fields, ...line.written(headOf(fields, body), options) };
}

function headOf({ flags, from, length, ack, window }: Omit<PacketFields, "options" | "text">, { urgent }: LiveTcp): string {
  const parts = [`> ${flags} ${printSequence(from, length)}`, ...(ack === undefined ? [] : [`ack ${ack}`]), `win ${window}`, ...(urgent === 0 ? [] : [`urg ${urgent}`])];
  return parts.join(" ");
}

/** Finds the line that stands for a packet, and for none that is different. */
class PacketLine {
  readonly #live: LivePacket;
  readonly #body: LiveTcp;
  readonly #flow: Flow;
  readonly #plan: Plan;
  readonly #variables: Variables;

  constructor(live: LivePacket, body: LiveTcp, flow: Flow, plan: Plan, variables: Variables) {
    this.#live = live;
    this.#body = body;
    this.#flow = flow;
    this.#plan = plan;
    this.#variables = variables;
  }

  written(head: string, literal: readonly string[]): { options: readonly string[]; text: string } {
    if (literal.length === 0) return { options: [], text: head };
    const automatic = literal.map(automaticOf);
    for (const options of [automatic, literal]) {
      const text = `${head} <${options.join(", ")}>`;
      if (this.#standsFor(text)) return { options, text };
    }
    return { options: literal, text: `${head} <...>` };
  }

  #standsFor(text: string): boolean {
    const step = this.#planned(text);
    if (step === null || step.body.kind !== "tcp" || this.#hasMoreSpace(step.body.options)) return false;
    return comparePacket(step, this.#live, this.#flow, { settings: this.#plan.settings, variables: this.#variables }).pieces.every(({ same }) => same);
  }

  #planned(text: string): PacketStep | null {
    const { script, problems } = parseScript(`0 ${text}`);
    if (problems.length > 0) return null;
    const { ipVersion } = this.#plan.settings;
    const planned = planScript(script, { options: [{ name: "ip_version", value: ipVersion }] });
    const [step] = planned.plan.steps;
    return planned.problems.length === 0 && step?.kind === "packet" ? step : null;
  }

  #hasMoreSpace(options: "any" | readonly OptionPlan[]): boolean {
    return options !== "any" && options.length !== this.#body.options.length;
  }
}

/** What is right as long as it follows from keys, nonces and data, which differ from run to run. */
function automaticOf(option: string): string {
  return option.replace(/\b((?:sender_)?hmac)=0x[0-9a-f]+/, "$1=auto").replace(/\bchecksum[= ][0-9]+/, "checksum");
}

/** The action of a line. */
export function actionOf(text: string): PacketAction | null {
  const { script, problems } = parseScript(`0 ${text}`);
  const action = script.events[0]?.action;
  return problems.length === 0 && action?.kind === "packet" ? action : null;
}
