import type { Packet, TcpSegment } from "../../wire/index.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter, countParameter, octetsParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { includes, wayParameter } from "./segment-filter.ts";
import { StreamEditor } from "./stream-edits.ts";
import type { StreamEdit } from "./stream-edits.ts";

const PARAMETERS = {
  length: choiceParameter(["same", "longer", "shorter"], "same", "What becomes of the length: octets are exchanged for others, put in, or taken out."),
  octets: countParameter(4, 1, 1000, "How many octets are exchanged, put in or taken out at a time."),
  at: octetsParameter(0, 0, Number.MAX_SAFE_INTEGER, "Where in the stream of a connection and direction that is done first."),
  every: octetsParameter(0, 0, Number.MAX_SAFE_INTEGER, "After how many octets it is done again; 0: never."),
  direction: wayParameter("Which streams are changed"),
};

export type PayloadEditorParameters = ValuesOf<typeof PARAMETERS>;

/** Changes the bytes that connections carry, as gateways of applications and filters of contents do, and keeps both sequence spaces right for what it moves. */
export class PayloadEditor extends StreamEditor {
  private readonly parameters: PayloadEditorParameters;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: PayloadEditorParameters) {
    super(name, environment);
    this.parameters = parameters;
  }

  protected editsOf(_packet: Packet, segment: TcpSegment, direction: Direction, position: number): readonly StreamEdit[] {
    const { at: first, every, octets, direction: way } = this.parameters;
    if (!includes(way, direction)) return [];
    const end = position + segment.payload.length;
    const edits: StreamEdit[] = [];
    let at = first;
    if (every > 0 && first < position) at = first + Math.ceil((position - first) / every) * every;
    for (; at >= position && at < end; at += Math.max(every, octets)) {
      edits.push(this.editAt(at, segment.payload.slice(at - position, Math.min(at - position + octets, segment.payload.length)).toUint8Array()));
      if (every === 0) break;
    }
    return edits;
  }

  private editAt(at: number, before: Uint8Array): StreamEdit {
    const { length, octets } = this.parameters;
    if (length === "same") return { at, removed: before.length, inserted: exchanged(before) };
    if (length === "shorter") return { at, removed: before.length, inserted: NOTHING };
    const inserted = new Uint8Array(octets + 1).fill(FILLING);
    inserted[octets] = before[0] as number;
    return { at, removed: 1, inserted };
  }
}

/** Changes bytes that connections carry, and keeps their sequence numbers right. */
export const payloadEditor: MiddleboxKind = middleboxKind(
  "payload-editor",
  "Changes bytes that connections carry, and keeps their sequence numbers right.",
  PARAMETERS,
  (name, environment, parameters) => new PayloadEditor(name, environment, parameters),
);

/** Other octets in place of some: such that no checksum stays what it was, as it would where what one octet gains another one loses (RFC 1071). */
function exchanged(before: Uint8Array): Uint8Array {
  const after = before.map((octet) => octet ^ OTHER);
  const gain = after.reduce((sum, octet, i) => sum + (octet - (before[i] as number)) * (i % 2 === 0 ? 256 : 1), 0);
  if (gain % 65_535 === 0) after[0] = (after[0] as number) ^ 1;
  return after;
}

const NOTHING = new Uint8Array(0);
const OTHER = 0x20;
/** "*" */
const FILLING = 42;
