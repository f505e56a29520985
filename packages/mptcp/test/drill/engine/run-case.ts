import { CONSTANTS } from "../../../src/drill/system/index.ts";
import type { Call, StartedCall, Target } from "../../../src/drill/system/index.ts";
import type { CallCase, Given, Step } from "./call-cases.ts";
import { briefly, MILLISECOND, WirePeer } from "./wire-peer.ts";

/** What a stack did in a case, step by step, beside what it is to do. */
export interface CaseOutcome {
  readonly done: readonly unknown[];
  readonly expected: readonly unknown[];
}

/** Runs a case on a stack. `patience`: ms until what is to happen at once has happened, where that takes real time. */
export function runCase(target: Target, { steps }: CallCase, patience = 0): CaseOutcome {
  const run = new Run(target, patience);
  const done = steps.map((step) => run.carryOut(step));
  return { done, expected: steps.map(expectation) };
}

class Run {
  private readonly target: Target;
  private readonly peer: WirePeer;
  private readonly patience: number;
  private readonly blocked: StartedCall[] = [];
  private readonly descriptors = new Map<number, number>();

  constructor(target: Target, patience: number) {
    this.target = target;
    this.patience = patience;
    this.peer = new WirePeer(target, { local: 8080, remote: 5000 });
  }

  carryOut(step: Step): unknown {
    if ("call" in step) return this.begin(step.call, step.gives);
    if ("pipe" in step) {
      const ends = this.target.begin({ name: "pipe", flags: step.flags }).result?.ends ?? [-1, -1];
      step.pipe.forEach((fd, index) => this.descriptors.set(fd, ends[index] as number));
      return undefined;
    }
    if ("revents" in step) return this.target.begin(this.meant(step.revents)).result?.revents;
    if ("option" in step) return wordOf(this.target.begin(this.meant(step.option)).result?.option);
    if ("returned" in step) {
      if (step.gives !== "blocks") this.wait(() => this.blocked[step.returned]?.result !== null);
      return briefly(this.blocked[step.returned]?.result ?? null);
    }
    if ("leaves" in step) return this.packets(step.leaves.length);
    if ("passes" in step) {
      const until = this.target.now + step.passes * MILLISECOND;
      while (this.target.now < until) this.target.advance(until);
      return undefined;
    }
    this.peer.send(step.arrives, { ...step, ...(step.mss === undefined ? {} : { syn: { maximumSegmentSize: step.mss } }) });
    if (this.patience > 0) this.target.advance(this.target.now + MILLISECOND);
    return undefined;
  }

  private begin(call: Call, expected: Given): Given {
    const started = this.target.begin(this.meant(call));
    // A connection may take the kernel a moment to hand over.
    if (expected !== "blocks") this.wait(() => started.result !== null);
    else this.blocked.push(started);
    const given = briefly(started.result);
    if (typeof given !== "number" || typeof expected !== "number" || given < 0 || !isMaking(call)) return given;
    this.descriptors.set(expected, given);
    return expected;
  }

  /** A call with the stack's descriptors for the case's. */
  private meant(call: Call): Call {
    const of = (fd: number): number => this.descriptors.get(fd) ?? fd;
    const changed: Record<string, unknown> = {};
    for (const name of ["fd", "epoll"]) if (name in call) changed[name] = of((call as unknown as Record<string, number>)[name] as number);
    if ("descriptors" in call) changed["descriptors"] = call.descriptors.map(({ events, fd }) => ({ events, fd: of(fd) }));
    return { ...call, ...changed } as Call;
  }

  /** Packets that left; on a stack of its own time those that come soon. */
  private packets(count: number): string[] {
    const found: string[] = [];
    this.wait(() => {
      found.push(...this.peer.all());
      return found.length >= count;
    });
    return found;
  }

  private wait(isOver: () => boolean): void {
    const until = this.target.now + this.patience * MILLISECOND;
    while (!isOver() && this.target.now < until) this.target.advance(until);
  }
}

/** Whether a call gives a descriptor. */
function isMaking(call: Call): boolean {
  return call.name === "socket" || call.name === "accept" || call.name === "epoll_create" || (call.name === "fcntl" && call.command === CONSTANTS["F_DUPFD"]);
}

function expectation(step: Step): unknown {
  if ("leaves" in step) return step.leaves;
  return "gives" in step ? step.gives : undefined;
}

function wordOf(option: Uint8Array | undefined): number | undefined {
  return option === undefined || option.length < 4 ? undefined : new DataView(option.buffer, option.byteOffset).getInt32(0, true);
}
