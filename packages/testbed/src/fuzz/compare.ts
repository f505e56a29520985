import type { RecordedInput, RecordedPacket, Recording } from "mptcp/drill";
import type { FuzzCase } from "./generate.ts";
import type { State } from "./peer.ts";

/** One field or action that differs, in one state. */
export interface Difference {
  /** What the connection was in, and what had arrived last. */
  readonly state: State;
  readonly tag: string;
  /** What differs, without the numbers of this run. */
  readonly what: string;
  /** Whether what follows can still be compared. */
  readonly goesOn: boolean;
  /** Both sides, for people. */
  readonly kernel: string;
  readonly engine: string;
}

/** How much earlier or later a packet may leave, ns; and as a part of the time since the one before, for timers that back off. */
const TOLERANCE = 50e6;
const PART = 0.25;

/** What differs between two recordings of the same inputs, in the order of time. What comes behind one that cannot go on is a consequence of it. */
export function compareRecordings({ inputs, tail }: FuzzCase, kernel: Recording, engine: Recording): Difference[] {
  const context = new Context(inputs, tail);
  const found = [...compareCalls(context, kernel, engine), ...comparePackets(context, kernel.packets(), engine.packets())];
  return found.toSorted((one, other) => one.input - other.input).map(({ difference }) => difference);
}

interface Found {
  /** After how many inputs. */
  readonly input: number;
  readonly difference: Difference;
}

/** Knows what inputs are. */
class Context {
  readonly #inputs: FuzzCase["inputs"];
  /** When the recording ends, ns. */
  readonly end: number;

  constructor(inputs: FuzzCase["inputs"], tail: number) {
    this.#inputs = inputs;
    this.end = ((inputs.at(-1)?.at ?? 0) + tail) * 1e6;
  }

  found(count: number, what: string, goesOn: boolean, kernel: string, engine: string): Found {
    const input = this.#inputs[Math.max(0, count - 1)];
    return { input: count, difference: { state: input?.state ?? "opening", tag: input?.tag ?? "nothing", what, goesOn, kernel, engine } };
  }
}

// ---- calls

function compareCalls(context: Context, kernel: Recording, engine: Recording): Found[] {
  const [mine, theirs] = [kernel.inputs, engine.inputs];
  return mine.flatMap((input, index) => {
    const other = theirs[index];
    if (input.step.kind !== "call" || other?.step.kind !== "call") return [];
    const [one, two] = [resultOf(input), resultOf(other)];
    if (one === two) return [];
    const { name } = input.step.action;
    return [context.found(index + 1, `${name}: kernel ${generalised(one)}, engine ${generalised(two)}`, name === "poll" || name === "ioctl", `${name} gives ${one}`, `${name} gives ${two}`)];
  });
}

function resultOf({ returned, step }: RecordedInput): string {
  if (returned === null) return "nothing yet";
  if (step.kind === "call" && step.expected.descriptor && returned.result.value >= 0) return "a descriptor";
  const { value, errno, option, revents, argument } = returned.result;
  if (errno !== null) return errno;
  const more = option === undefined ? (revents === undefined ? (argument === undefined ? "" : ` ${argument}`) : ` 0x${(revents[0] ?? 0).toString(16)}`) : ` [${Array.from(option).join(" ")}]`;
  return `${value}${more}`;
}

const generalised = (result: string): string => result.replace(/^\d{2,}$/, "N").replace(/^[1-9]$/, "N");

// ---- packets

function comparePackets(context: Context, kernel: readonly RecordedPacket[], engine: readonly RecordedPacket[]): Found[] {
  const flows = new Set([...kernel, ...engine].map(({ flow }) => flow));
  return [...flows].flatMap((flow) => {
    const own = (packets: readonly RecordedPacket[]): RecordedPacket[] => packets.filter((packet) => packet.flow === flow);
    return compareFlow(context, own(kernel), own(engine));
  });
}

function compareFlow(context: Context, kernel: readonly RecordedPacket[], engine: readonly RecordedPacket[]): Found[] {
  const found: Found[] = [];
  let [mine, theirs] = [0, 0];
  while (mine < kernel.length || theirs < engine.length) {
    const [one, two] = [kernel[mine], engine[theirs]];
    if (one === undefined || two === undefined || !isAlike(one, two)) {
      const extra = whoseExtra(kernel, mine, engine, theirs);
      const packet = (extra === "kernel" ? one : two)!;
      // What would have come with the next input, or after the end, is not missing.
      if (context.end - packet.at < TOLERANCE) return found;
      const what = `${extra === "kernel" ? "the kernel alone" : "the engine alone"} sends ${shapeOf(packet)}`;
      const shown = `${seconds(packet.at)} ${packet.text}`;
      // After an end that one side alone has sent there is nothing to compare.
      const goesOn = /[FR]/.test(packet.flags) ? false : extra === "kernel" ? areAlike(kernel[mine + 1], two) : areAlike(one, engine[theirs + 1]);
      found.push(context.found(packet.inputs, what, goesOn, extra === "kernel" ? shown : "", extra === "kernel" ? "" : shown));
      if (extra === "kernel") mine++;
      else theirs++;
      continue;
    }
    found.push(...fieldsThatDiffer(context, one, two, kernel[mine - 1]?.at ?? 0));
    mine++;
    theirs++;
  }
  return found;
}

/** Which side has a packet that the other has not: that whose next one fits, else that which was earlier. */
function whoseExtra(kernel: readonly RecordedPacket[], mine: number, engine: readonly RecordedPacket[], theirs: number): "kernel" | "engine" {
  const [one, two] = [kernel[mine], engine[theirs]];
  if (one === undefined) return "engine";
  if (two === undefined) return "kernel";
  if (areAlike(kernel[mine + 1], two)) return "kernel";
  if (areAlike(one, engine[theirs + 1])) return "engine";
  return one.at <= two.at ? "kernel" : "engine";
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

function fieldsThatDiffer(context: Context, one: RecordedPacket, two: RecordedPacket, before: number): Found[] {
  const found: Found[] = [];
  const count = Math.max(one.inputs, two.inputs);
  const differs = (what: string, goesOn: boolean): void => void found.push(context.found(count, what, goesOn, `${seconds(one.at)} ${one.text}`, `${seconds(two.at)} ${two.text}`));
  const shape = shapeOf(one);
  const isReset = one.flags.includes("R");
  // Resets of another form answer, or end, something else.
  if (one.flags !== two.flags) differs(`flags of ${shape}: kernel ${one.flags}, engine ${two.flags}`, !isReset);
  if (one.from !== two.from && !(isReset && isForeign(one.from) && isForeign(two.from))) differs(`sequence number of ${shape}`, false);
  if (one.length !== two.length) differs(`length of ${shape}`, false);
  if (one.ack !== two.ack) differs(`ack of ${shape}`, false);
  const [mine, theirs] = [one, two].map(({ options }) => options.map(comparable)) as [string[], string[]];
  if (mine.join() !== theirs.join()) {
    const [names, others] = [mine.map(nameOf).join(", "), theirs.map(nameOf).join(", ")];
    if (names !== others) differs(`options of ${withoutOptions(one)}: kernel <${names}>, engine <${others}>`, true);
    else differs(`values of ${mine.filter((option, index) => option !== theirs[index]).map((option) => nameOf(option)).join(", ")} of ${withoutOptions(one)}`, true);
  }
  if (one.window !== two.window) differs(`window`, true);
  if (Math.abs(one.at - two.at) > Math.max(TOLERANCE, PART * (one.at - before))) differs(`time of ${shape}: the ${one.at < two.at ? "kernel" : "engine"} is earlier`, true);
  return found;
}

/** Whether a number is none of the connection's, but counted from zero: what it is relative to the connection is chance. */
const isForeign = (from: number): boolean => from > 2 ** 27;

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
export function shapeOf(packet: RecordedPacket): string {
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

const seconds = (at: number): string => (at / 1e9).toFixed(3);
