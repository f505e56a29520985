import type { PacketStep } from "../plan/index.ts";
import type { Target } from "../system/index.ts";
import type { Flow } from "./flow.ts";
import type { Flows } from "./flows.ts";
import { readLeft, type LivePacket } from "./live-packet.ts";
import { dataLength, joinSegments, splitSegment } from "./segments.ts";

/** A packet that left and that no line has stood for. */
export interface Departure {
  readonly live: LivePacket;
  readonly flow: Flow | null;
  /** Whether a line stood for a later packet of another flow. */
  passed: boolean;
}

/** A packet that a line may stand for. */
export interface Candidate {
  readonly live: LivePacket;
  readonly flow: Flow | null;
  /** Takes it, with all that it is made of, and gives back what is left of it. */
  readonly take: () => void;
}

/** What left the stack, in its order. */
export class Departures {
  readonly #target: Target;
  readonly #flows: Flows;
  readonly #strict: boolean;
  readonly #heard: (live: LivePacket | string, flow: Flow | null) => void;
  #waiting: Departure[] = [];
  /** How many packets there were. */
  count = 0;

  /** @param heard is told of each packet, or of what is wrong with its octets */
  constructor(target: Target, flows: Flows, strict: boolean, heard: (live: LivePacket | string, flow: Flow | null) => void) {
    this.#target = target;
    this.#flows = flows;
    this.#strict = strict;
    this.#heard = heard;
  }

  /** Takes what has left. @returns how many packets */
  pull(): number {
    let count = 0;
    for (let left = this.#target.take(); left !== null; left = this.#target.take()) {
      count++;
      const live = readLeft(left);
      if (live === null) continue;
      if (typeof live === "string") {
        this.#heard(live, null);
        continue;
      }
      const flow = this.#flows.observe(live);
      this.#heard(live, flow);
      this.#waiting.push({ live, flow, passed: false });
    }
    this.count += count;
    return count;
  }

  /** The oldest packet that a line may stand for, of those that were not passed over. `fits` says whether one that was, or one of another subflow, is just the one. */
  find(step: PacketStep, fits: (candidate: Candidate) => boolean): Candidate | "more" | null {
    for (const departure of this.#waiting) {
      if (!this.#flows.accepts(step, departure.flow)) continue;
      const candidate = this.#candidate(step, departure);
      const isFit = candidate !== "more" && fits(candidate);
      if (isFit) return candidate;
      if (!departure.passed) return this.#other(step, fits) ?? candidate;
    }
    return this.#other(step, fits);
  }

  /** A packet of another subflow, where the line does not say which and just that one fits. */
  #other(step: PacketStep, fits: (candidate: Candidate) => boolean): Candidate | null {
    for (const departure of this.#waiting) {
      if (!this.#flows.mayBeOther(step, departure.flow)) continue;
      const candidate = this.#candidate(step, departure);
      if (candidate !== "more" && fits(candidate)) return candidate;
    }
    return null;
  }

  /** Whether one of the packets that left since is just the one. */
  hasFit(step: PacketStep, fits: (candidate: Candidate) => boolean): boolean {
    return this.#waiting.some((departure) => {
      if (!this.#flows.accepts(step, departure.flow)) return false;
      const candidate = this.#candidate(step, departure);
      return candidate !== "more" && fits(candidate);
    });
  }

  /** What there is of a packet that is not there whole. */
  part(step: PacketStep): Candidate | null {
    const departure = this.#waiting.find(({ flow, passed }) => !passed && this.#flows.accepts(step, flow));
    return departure === undefined ? null : this.#joined(departure, wantedLength(step));
  }

  #candidate(step: PacketStep, departure: Departure): Candidate | "more" {
    const wanted = wantedLength(step);
    const length = dataLength(departure.live);
    if (this.#strict || wanted === 0 || length === 0 || length === wanted) return this.#whole(departure);
    if (length > wanted) return departure.live.segmentSize > 0 ? this.#split(departure, wanted) : this.#whole(departure);
    const joined = this.#joined(departure, wanted);
    return dataLength(joined.live) < wanted && this.#mayGoOn(departure, joined.live) ? "more" : joined;
  }

  #whole(departure: Departure): Candidate {
    return { live: departure.live, flow: departure.flow, take: () => this.#take([departure], null) };
  }

  #split(departure: Departure, length: number): Candidate {
    const [live, rest] = splitSegment(departure.live, length);
    return { live, flow: departure.flow, take: () => this.#take([departure], { ...departure, live: rest }) };
  }

  /** A segment with those behind it that go on where it ends, up to `wanted` octets of data. */
  #joined(departure: Departure, wanted: number): Candidate {
    let { live } = departure;
    const parts = [departure];
    let rest: Departure | null = null;
    for (const next of this.#behind(departure)) {
      const missing = wanted - dataLength(live);
      if (missing <= 0) break;
      const isTooLong = dataLength(next.live) > missing;
      if (isTooLong && next.live.segmentSize === 0) break;
      const [part, more] = isTooLong ? splitSegment(next.live, missing) : [next.live, null];
      const both = joinSegments(live, part);
      if (both === null) break;
      live = both;
      parts.push(next);
      if (more !== null) rest = { ...next, live: more };
    }
    return { live, flow: departure.flow, take: () => this.#take(parts, rest) };
  }

  #behind(departure: Departure): Departure[] {
    return this.#waiting.slice(this.#waiting.indexOf(departure) + 1).filter(({ flow }) => flow === departure.flow);
  }

  /** Whether what is missing may still come: nothing else of the flow has left since. */
  #mayGoOn(departure: Departure, joined: LivePacket): boolean {
    const behind = this.#behind(departure);
    if (joined.body.kind === "tcp" && (joined.body.flags & 0x01) !== 0) return false;
    return behind.every(({ live }) => joinSegments(departure.live, live) !== null || dataLength(live) > 0);
  }

  #take(parts: readonly Departure[], rest: Departure | null): void {
    const last = this.#waiting.indexOf(parts.at(-1)!);
    const first = this.#waiting.indexOf(parts[0]!);
    for (const before of this.#waiting.slice(0, first)) before.passed = true;
    // Those of its own flow that were passed over will not be asked for any more.
    this.#waiting = this.#waiting.flatMap((one, index) => {
      if (index === last && rest !== null) return [rest];
      return parts.includes(one) || (one.passed && one.flow === parts[0]!.flow) ? [] : [one];
    });
  }
}

function wantedLength({ body }: PacketStep): number {
  return body.kind === "tcp" ? body.length : 0;
}
