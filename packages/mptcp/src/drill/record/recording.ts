import type { IpAddress } from "../../wire/index.ts";
import type { CallStep, Plan, Step } from "../plan/index.ts";
import type { Flow } from "../run/flow.ts";
import type { LivePacket } from "../run/live-packet.ts";
import type { Variables } from "../run/multipath.ts";
import { joinSegments } from "../run/segments.ts";
import type { Action, AddressVariable, EventTime, PacketAction, Place, Script, ScriptEvent } from "../syntax/ast.ts";
import type { CallResult } from "../system/index.ts";
import { filledCall } from "./call-line.ts";
import { actionOf, fieldsOf, type PacketFields } from "./packet-line.ts";

/** What was done to a stack: a packet, a call, a command. */
export interface RecordedInput {
  readonly kind: "input";
  readonly step: Step;
  /** When it was due, ns since the beginning. */
  readonly at: number;
  /** When it was done: later, where the machine had other things to do. */
  readonly began: number;
  /** Of a packet. */
  readonly flow: Flow | null;
  /** What a call gave, and when, ns; null: it has not returned. */
  returned: { readonly result: CallResult; readonly at: number } | null;
}

/** A packet that the stack sent. */
export interface RecordedPacket extends PacketFields {
  /** When, ns since the beginning. */
  readonly at: number;
  /** The number of its flow, in the order in which they began; -1: none. */
  readonly flow: number;
  /** How many inputs were before. */
  readonly inputs: number;
}

interface Left {
  readonly kind: "left";
  readonly live: LivePacket;
  readonly flow: Flow | null;
  readonly at: number;
}

/** What is less than so far behind an event is at its time, ns; other times are rounded to {@link GRAIN}. */
const SNAP = 2e6;
const GRAIN = 1e6;
const NOWHERE: Place = { line: 1, column: 1 };

/** What a stack did with the inputs of a script. */
export class Recording {
  readonly #plan: Plan;
  readonly #options: Script["options"];
  readonly #events: (RecordedInput | Left)[] = [];
  readonly #flows: Flow[] = [];
  #variables: Variables | null = null;

  constructor(plan: Plan, options: Script["options"]) {
    this.#plan = plan;
    this.#options = options;
  }

  input(step: Step, at: number, began: number, flow: Flow | null): void {
    if (flow !== null && !this.#flows.includes(flow)) this.#flows.push(flow);
    this.#events.push({ kind: "input", step, at, began, flow, returned: null });
  }

  returned(step: CallStep, result: CallResult, at: number): void {
    const input = this.#events.findLast((event): event is RecordedInput => event.kind === "input" && event.step === step);
    if (input !== undefined) input.returned = { result, at };
  }

  left(live: LivePacket, flow: Flow | null, at: number, variables: Variables): void {
    this.#variables = variables;
    if (flow !== null && !this.#flows.includes(flow)) this.#flows.push(flow);
    this.#events.push({ kind: "left", live, flow, at });
  }

  /** What was done, in its order. */
  get inputs(): readonly RecordedInput[] {
    return this.#events.filter((event) => event.kind === "input");
  }

  /** The packets that left, in their order. Segments in a row that say the same are one, however the stack cut them. */
  packets(): readonly RecordedPacket[] {
    const packets: { left: Left; inputs: number }[] = [];
    let inputs = 0;
    for (const event of this.#events) {
      if (event.kind === "input") {
        inputs++;
        continue;
      }
      const last = packets.findLast(({ left }) => left.flow === event.flow);
      const joined = last === undefined || event.at - last.left.at > SNAP ? null : joinSegments(last.left.live, event.live);
      if (joined === null) packets.push({ left: event, inputs });
      else last!.left = { ...last!.left, live: joined };
    }
    return packets.map((one) => ({ ...this.#fields(one.left), at: one.left.at, flow: one.left.flow === null ? -1 : this.#flows.indexOf(one.left.flow), inputs: one.inputs }));
  }

  /** The whole of it as a script. Calls that did not return are left out. */
  script(): Script {
    return { options: this.#options, events: new ScriptWriter(this.#plan, (left) => this.#fields(left)).events(this.#events) };
  }

  #fields({ live, flow }: Left): PacketFields {
    return fieldsOf(live, flow, this.#plan, this.#variables!);
  }
}

/** Makes events of a script, with times that count from the event before. */
class ScriptWriter {
  readonly #plan: Plan;
  readonly #fields: (left: Left) => PacketFields;
  readonly #names: ReadonlyMap<string, string>;
  #base = 0;
  #current: Flow | null = null;

  constructor(plan: Plan, fields: (left: Left) => PacketFields) {
    this.#plan = plan;
    this.#fields = fields;
    this.#names = namesOf(plan);
  }

  events(recorded: readonly (RecordedInput | Left)[]): ScriptEvent[] {
    // Shell lines without a time stand where they stood: before all others.
    const shell = this.#plan.steps.filter(({ time }) => time === undefined).map(({ event }) => event);
    return [...shell, ...recorded.flatMap((one) => (one.kind === "input" ? this.#input(one) : this.#packet(one)))];
  }

  #input({ step, at, flow, returned }: RecordedInput): ScriptEvent[] {
    if (step.kind === "call" && returned === null) return [];
    const before = this.#base;
    this.#current = flow ?? this.#current;
    if (step.kind !== "call") return [this.#event(at, step.action)];
    const isLate = returned!.at - at > SNAP;
    return [this.#event(at, filledCall(step, returned!.result, isLate ? grain(returned!.at - before) : undefined))];
  }

  #packet(left: Left): ScriptEvent[] {
    const action = actionOf(this.#fields(left).text);
    if (action === null) return [];
    const since = left.at - this.#base;
    const at = this.#base + (since < SNAP ? 0 : grain(since));
    return [this.#event(at, left.flow === null || left.flow === this.#current ? action : this.#named(action, left.flow))];
  }

  /** With the addresses of its flow, since the line before is about another one. */
  #named(action: PacketAction, flow: Flow): PacketAction {
    const isFirst = this.#current === null;
    this.#current = flow;
    return isFirst ? action : { ...action, source: this.#address(flow.local, "saddr"), destination: this.#address(flow.remote, "caddr") };
  }

  #address(address: IpAddress, prefix: string): AddressVariable {
    const name = this.#names.get(String(address));
    if (name !== undefined) return { name, value: undefined, place: NOWHERE };
    const parameters = [{ kind: "string", raw: String(address), beginning: false, place: NOWHERE }] as const;
    return { name: `${prefix}_${String(address).replace(/\W/g, "_")}`, value: { kind: "call", name: address.family === 4 ? "inet_addr" : "inet6_addr", parameters, place: NOWHERE }, place: NOWHERE };
  }

  #event(at: number, action: Action): ScriptEvent {
    const time: EventTime = { kind: "at", relative: true, at: Math.max(0, at - this.#base), place: NOWHERE };
    this.#base = Math.max(this.#base, at);
    return { time, action, place: NOWHERE };
  }
}

const grain = (nanoseconds: number): number => Math.round(nanoseconds / GRAIN) * GRAIN;

/** Names that a script has for addresses. */
function namesOf({ steps }: Plan): Map<string, string> {
  const names = new Map<string, string>();
  for (const step of steps) {
    if (step.kind !== "packet") continue;
    if (step.source !== undefined) names.set(String(step.source), step.action.source!.name);
    if (step.destination !== undefined) names.set(String(step.destination), step.action.destination!.name);
  }
  return names;
}
