import { bracketed } from "../run/compare.ts";
import { comparisonOf, type Comparison, type Piece } from "../run/outcome.ts";
import { printSeconds, printSequence } from "../run/print-live.ts";
import type { RecordedPacket } from "./recording.ts";
import type { TranscribedInput, Transcript } from "./transcript.ts";

/** A stack, and what it did. */
export interface Side {
  readonly name: string;
  readonly transcript: Transcript;
}

/** What two stacks did another way with the same inputs. */
export interface Difference {
  /** How many inputs were before. */
  readonly inputs: number;
  /** The line of the last of them; 0: there was none. */
  readonly line: number;
  /** When, on the stack that did it first, ns since the beginning. */
  readonly at: number;
  /** What differs, without the numbers of these runs: two differences of the same kind have the same. */
  readonly what: string;
  /** Whether what follows can still be compared. */
  readonly goesOn: boolean;
  /** Both, one below the other, the first as what is expected; where one does nothing its line says so, and there is no column. */
  readonly comparison: Comparison;
}

/** How much earlier or later a packet may leave, counted from the input before, ns; and as a part of the time since the packet before, for timers that back off. The larger one counts. */
export interface Allowance {
  readonly time: number;
  readonly part: number;
}

/** What differs between what two stacks did, in its order. What comes behind a difference that cannot go on is a consequence of it. */
export function compareTranscripts(one: Side, other: Side, allowance: Allowance): Difference[] {
  const pair = new Pair(one, other, allowance);
  return [...pair.calls(), ...pair.packets()].toSorted((first, second) => first.inputs - second.inputs);
}

class Pair {
  readonly #one: Side;
  readonly #other: Side;
  readonly #allowance: Allowance;

  constructor(one: Side, other: Side, allowance: Allowance) {
    this.#one = one;
    this.#other = other;
    this.#allowance = allowance;
  }

  // ---- calls

  calls(): Difference[] {
    const theirs = this.#other.transcript.inputs;
    return this.#one.transcript.inputs.flatMap((mine, index) => {
      const other = theirs[index];
      if (mine.result === null || other === undefined || other.result === null || mine.result === other.result) return [];
      // A call that has not returned may do so later, where the run ended earlier than the other one.
      const waits = mine.text === "" ? this.#one : other.text === "" ? this.#other : null;
      if (waits !== null && waits.transcript.ended <= Math.min(this.#one.transcript.ended, this.#other.transcript.ended)) return [];
      return [this.#call(mine, other, index + 1)];
    });
  }

  #call(mine: TranscribedInput, other: TranscribedInput, inputs: number): Difference {
    const what = `${mine.name}: ${this.#one.name} ${generalised(mine.result!)}, ${this.#other.name} ${generalised(other.result!)}`;
    const texts = [textOfCall(mine), textOfCall(other)] as const;
    const comparison = { expected: texts[0], seen: texts[1], column: firstDifferent(...texts), field: "result" };
    return { inputs, line: mine.line, at: mine.at, what, goesOn: mine.name === "poll" || mine.name === "ioctl", comparison };
  }

  // ---- packets

  packets(): Difference[] {
    const [one, other] = [this.#one.transcript.packets, this.#other.transcript.packets];
    const flows = new Set([...one, ...other].map(({ flow }) => flow));
    return [...flows].flatMap((flow) => this.#flow(one.filter((packet) => packet.flow === flow), other.filter((packet) => packet.flow === flow)));
  }

  #flow(mine: readonly RecordedPacket[], theirs: readonly RecordedPacket[]): Difference[] {
    const found: Difference[] = [];
    let [my, their] = [0, 0];
    while (my < mine.length || their < theirs.length) {
      const [one, two] = [mine[my], theirs[their]];
      if (one !== undefined && two !== undefined && isAlike(one, two)) {
        found.push(...this.#fields(one, two, mine[my - 1]?.at ?? 0));
        my++;
        their++;
        continue;
      }
      const isMine = whoseExtra(mine, my, theirs, their) === "one";
      const packet = (isMine ? one : two)!;
      // After an end that one side alone has sent there is nothing to compare.
      const goesOn = !/[FR]/.test(packet.flags) && (isMine ? areAlike(mine[my + 1], two) : areAlike(one, theirs[their + 1]));
      if (!goesOn && !this.#wouldHave(isMine ? this.#other : this.#one, isMine ? this.#one : this.#other, packet)) return found;
      found.push(this.#alone(packet, isMine, goesOn));
      if (isMine) my++;
      else their++;
    }
    return found;
  }

  /** Whether a stack was listened to for long enough to have sent a packet of the other. */
  #wouldHave({ transcript }: Side, { transcript: whole }: Side, { inputs, at }: RecordedPacket): boolean {
    if (transcript.inputs.length < inputs) return false;
    const since = at - (whole.inputs[inputs - 1]?.at ?? 0);
    return transcript.ended - (transcript.inputs[inputs - 1]?.at ?? 0) - since >= this.#allowance.time;
  }

  #alone(packet: RecordedPacket, isMine: boolean, goesOn: boolean): Difference {
    const line = `${printSeconds(packet.at)} ${textOfPacket(packet)}`;
    const comparison = { expected: isMine ? line : NOTHING, seen: isMine ? NOTHING : line, column: -1, field: "" };
    return { ...this.#place(packet, packet), what: `the ${(isMine ? this.#one : this.#other).name} alone sends ${shapeOf(packet)}`, goesOn, comparison };
  }

  #place(one: RecordedPacket, two: RecordedPacket): Pick<Difference, "inputs" | "line" | "at"> {
    const inputs = Math.max(one.inputs, two.inputs);
    const all = [this.#one.transcript.inputs, this.#other.transcript.inputs];
    return { inputs, line: (all[0]![inputs - 1] ?? all[1]![inputs - 1])?.line ?? 0, at: Math.min(one.at, two.at) };
  }

  /** `before`: when the packet before left, ns. */
  #fields(one: RecordedPacket, two: RecordedPacket, before: number): Difference[] {
    const pieces = piecesOf(one, two);
    const place = this.#place(one, two);
    const shape = shapeOf(one);
    const times = [printSeconds(one.at), printSeconds(two.at)] as const;
    const differs = (what: string, goesOn: boolean, field: string): Difference => ({ ...place, what, goesOn, comparison: fieldComparison(times, pieces, field) });
    const found: Difference[] = [];
    const isReset = one.flags.includes("R");
    // Resets of another form answer, or end, something else.
    if (one.flags !== two.flags) found.push(differs(`flags of ${shape}: ${this.#one.name} ${one.flags}, ${this.#other.name} ${two.flags}`, !isReset, "flags"));
    if (one.from !== two.from && !(isReset && isForeign(one.from) && isForeign(two.from))) found.push(differs(`sequence number of ${shape}`, false, "sequence"));
    if (one.length !== two.length) found.push(differs(`length of ${shape}`, false, "sequence"));
    if (one.ack !== two.ack) found.push(differs(`ack of ${shape}`, false, "ack"));
    const options = this.#options(one, two);
    if (options !== null) found.push(differs(options, true, "option"));
    if (one.window !== two.window) found.push(differs("window", true, "win"));
    const earlier = this.#earlier(one, two, before);
    if (earlier !== null) found.push(differs(`time of ${shape}: the ${earlier.name} is earlier`, true, "time"));
    return found;
  }

  #options(one: RecordedPacket, two: RecordedPacket): string | null {
    const [mine, theirs] = [one.options.map(comparable), two.options.map(comparable)];
    if (mine.join() === theirs.join()) return null;
    const [names, others] = [mine.map(nameOf).join(", "), theirs.map(nameOf).join(", ")];
    if (names !== others) return `options of ${withoutOptions(one)}: ${this.#one.name} <${names}>, ${this.#other.name} <${others}>`;
    const differing = mine.filter((option, index) => option !== theirs[index]).map(nameOf);
    // What a timer sends echoes the timestamp of what came last before it, and inputs lie close to timers: whether they differ in time is another question.
    const told = one.inputs === two.inputs ? differing : differing.filter((name) => name !== "TS");
    return told.length === 0 ? null : `values of ${differing.join(", ")} of ${withoutOptions(one)}`;
  }

  /** The stack that sent a packet too much earlier than the other did, counted from the last input that both had; null: none. */
  #earlier(one: RecordedPacket, two: RecordedPacket, before: number): Side | null {
    const last = Math.min(one.inputs, two.inputs) - 1;
    const [since, otherSince] = [one.at - (this.#one.transcript.inputs[last]?.at ?? 0), two.at - (this.#other.transcript.inputs[last]?.at ?? 0)];
    const { time, part } = this.#allowance;
    if (Math.abs(since - otherSince) <= Math.max(time, part * (one.at - before))) return null;
    return since < otherSince ? this.#one : this.#other;
  }
}

/** Whether a number is none of the connection's, but counted from zero: what it is relative to the connection is chance. */
const isForeign = (from: number): boolean => from > 2 ** 27;

/** What stands in the line of a stack that sends nothing. */
const NOTHING = "nothing";

function textOfCall({ text, name }: TranscribedInput): string {
  return text === "" ? `${name} has not returned` : text;
}

function textOfPacket({ text, options }: RecordedPacket): string {
  return text.endsWith(" <...>") ? `${text.slice(0, -"<...>".length)}<${options.join(", ")}>` : text;
}

function firstDifferent(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}

const generalised = (result: string): string => result.replace(/^\d{2,}$/, "N").replace(/^[1-9]$/, "N");

// ---- the parts of a packet

function piecesOf(one: RecordedPacket, two: RecordedPacket): Piece[] {
  if (one.kind !== "tcp") return [piece("message", one.text.slice(2), two.text.slice(2))];
  const options = Array.from({ length: Math.max(one.options.length, two.options.length) }, (_, index): Piece => {
    const [mine = "", theirs = ""] = [one.options[index], two.options[index]];
    return piece(`option ${index + 1}`, mine, theirs, comparable(mine) === comparable(theirs));
  });
  return [piece("flags", one.flags, two.flags), piece("sequence", printSequence(one.from, one.length), printSequence(two.from, two.length)), piece("ack", printAck(one), printAck(two)), piece("win", `win ${one.window}`, `win ${two.window}`), ...bracketed(options)];
}

const printAck = ({ ack }: RecordedPacket): string => (ack === undefined ? "" : `ack ${ack}`);
const piece = (field: string, expected: string, seen: string, same = expected === seen): Piece => ({ field, expected, seen, same });

/** Both packets, with the mark at the field that is meant. */
function fieldComparison(times: readonly [string, string], pieces: readonly Piece[], field: string): Comparison {
  const comparison = comparisonOf(times, [piece("", ">", ">"), ...pieces], field);
  return field === "time" ? { ...comparison, column: 0, field } : comparison;
}

/** Inputs between two packets that are still taken for the same. */
const MOST_INPUTS_BETWEEN = 3;

/** Whether two packets do the same: what they carry, reset, open or close. */
function isAlike(one: RecordedPacket, other: RecordedPacket): boolean {
  if (one.kind !== other.kind || mainFlags(one) !== mainFlags(other) || subject(one) !== subject(other)) return false;
  if (one.length > 0 !== other.length > 0 || (one.length > 0 && one.from !== other.from)) return false;
  return Math.abs(one.inputs - other.inputs) <= MOST_INPUTS_BETWEEN;
}

const areAlike = (one: RecordedPacket | undefined, other: RecordedPacket | undefined): boolean => one !== undefined && other !== undefined && isAlike(one, other);
const mainFlags = ({ flags }: RecordedPacket): string => flags.replace(/[P.EWA]/g, "");

/** What a packet is about besides data; a reset is one, whatever it says why. */
function subject({ flags, options }: RecordedPacket): string {
  if (flags.includes("R")) return "";
  return options.map((option) => option.split(" ")[0]!).filter((name) => /^mp_|address/.test(name)).join(",") + (options.some((option) => option.endsWith(" fin")) ? " fin" : "");
}

/** Which side has a packet that the other has not: that whose next one fits, else that which was earlier. */
function whoseExtra(mine: readonly RecordedPacket[], my: number, theirs: readonly RecordedPacket[], their: number): "one" | "other" {
  const [one, two] = [mine[my], theirs[their]];
  if (one === undefined) return "other";
  if (two === undefined) return "one";
  if (areAlike(mine[my + 1], two)) return "one";
  if (areAlike(one, theirs[their + 1])) return "other";
  return one.at <= two.at ? "one" : "other";
}

/** An option without what is the stack's own choice. */
const comparable = (option: string): string => option.replace(/^TS val \d+/, "TS");

/** An option without its numbers: `dss dack8 dsn8 ssn dll nocs`. */
function nameOf(option: string): string {
  const words = option.split(" ");
  if (words[0] === "mss" || words[0] === "wscale" || words[0] === "sack" || words[0] === "TS") return words[0]!;
  if (words[0] === "mp_reset") return option;
  return words.map((word) => word.replace(/=.*$/, "")).filter((word) => !/^\d|^0x/.test(word)).join(" ");
}

/** What sort of packet it is. */
function shapeOf(packet: RecordedPacket): string {
  const names = packet.options.map(nameOf).filter((name) => name !== "nop" && name !== "TS" && name !== "eol");
  if (packet.flags.includes("R")) return "RST";
  return `${withoutOptions(packet)}${names.length === 0 ? "" : ` with ${names.join(", ")}`}`;
}

function withoutOptions({ kind, flags, length }: RecordedPacket): string {
  if (kind !== "tcp") return kind;
  if (flags.includes("R")) return "RST";
  if (flags.includes("S")) return flags.includes(".") ? "SYN/ACK" : "SYN";
  return `${length > 0 ? "data" : flags.includes("F") ? "FIN" : "ACK"}${length > 0 && flags.includes("F") ? " and FIN" : ""}`;
}
