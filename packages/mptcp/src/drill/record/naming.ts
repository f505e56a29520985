import { TCP_OPTION, type MptcpOption } from "../../wire/index.ts";
import type { Plan } from "../plan/index.ts";
import type { Flow } from "../run/flow.ts";
import { keyOfOctets, type Variables } from "../run/multipath.ts";
import type { LivePacket } from "../run/live-packet.ts";

/** Gives what a stack chose the names that a script has for it: its keys, and its first timestamp. */
export class Naming {
  readonly #keys: KeyNames;
  readonly #timestamp: number;

  constructor(plan: Plan) {
    this.#keys = new KeyNames(plan);
    this.#timestamp = firstTimestamp(plan);
  }

  /** Names what a packet of the stack shows for the first time. What the script has named already keeps its name. */
  learn({ body }: LivePacket, flow: Flow, variables: Variables): void {
    if (body.kind !== "tcp") return;
    for (const { kind, octets, mptcp } of body.options) {
      if (mptcp !== null) this.#keys.bind(mptcp, flow, variables);
      if (kind === TCP_OPTION.timestamps && octets.length === 8 && !flow.timestamps.known) flow.timestamps.learn(this.#timestamp, new DataView(octets.buffer, octets.byteOffset, 8).getUint32(0));
    }
  }
}

/** Names for the keys of the stack: those that the script has for them, in their order, else `skey` of a server and `ckey` of a client. */
class KeyNames {
  readonly #given: string[];
  #count = 0;

  constructor({ steps }: Plan) {
    const capables = steps.flatMap((step) => (step.kind === "packet" && !step.inbound && step.body.kind === "tcp" && step.body.options !== "any" ? step.body.options : []));
    const names = capables.flatMap((option) => (option.type === "mp_capable" && option.keys[0]?.name !== undefined ? [option.keys[0].name] : []));
    this.#given = [...new Set(names)];
  }

  bind(option: MptcpOption, flow: Flow, variables: Variables): void {
    if (option.kind !== "mp_capable" || option.senderKey === null) return;
    const key = keyOfOctets(option.senderKey);
    if (variables.nameOf(key) !== undefined) return;
    variables.set(this.#next(flow, variables), key, flow.multipath);
  }

  #next(flow: Flow, variables: Variables): string {
    const given = this.#given.find((name) => variables.get(name) === undefined);
    if (given !== undefined) return given;
    const base = flow.active ? "ckey" : "skey";
    let name = base;
    while (variables.get(name) !== undefined) name = `${base}${++this.#count + 1}`;
    return name;
  }
}

/** What the script calls the first timestamp of the stack. */
function firstTimestamp({ steps }: Plan): number {
  for (const step of steps) {
    if (step.kind !== "packet" || step.inbound || step.body.kind !== "tcp" || step.body.options === "any") continue;
    for (const option of step.body.options) if (option.type === "timestamps" && option.value !== undefined) return option.value;
  }
  return FIRST_TIMESTAMP;
}

const FIRST_TIMESTAMP = 100;
