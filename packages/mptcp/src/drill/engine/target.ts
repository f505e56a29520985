import type { DecisionEvent, Observer } from "../../core/index.ts";
import type { HostOptions } from "../../host/index.ts";
import type { Call, CommandOutcome, LeftPacket, StartedCall, Target, Wiring } from "../system/index.ts";
import { runCommand } from "./commands/commands.ts";
import { Machine } from "./machine/machine.ts";
import { Process } from "./process/process.ts";

/** How the engine is run under a script. */
export interface EngineOptions {
  /** What all its random numbers follow from; 1 unless given. */
  readonly seed?: number;
  /** Parameters of the engine's host, where a script wants others than Linux has. */
  readonly host?: Partial<HostOptions>;
  /** How long after they are due timers are noticed, ns, as by a kernel whose clock ticks: 0 unless given. */
  readonly timerDelay?: number;
  /** One more observer of what is decided. */
  readonly observer?: Observer;
  /** A line of the decision log for people; unless given a kind and its fields. */
  readonly describe?: (event: DecisionEvent) => string;
}

/** The engine as the stack under a script: a virtual Linux machine with one program, in virtual time. */
export function engineTarget(wiring: Wiring, options: EngineOptions = {}): Target {
  return new EngineTarget(wiring, options);
}

class EngineTarget implements Target {
  readonly name = "engine";
  private readonly machine: Machine;
  private readonly process: Process;
  private readonly describe: (event: DecisionEvent) => string;
  private log: DecisionEvent[] = [];

  constructor(wiring: Wiring, options: EngineOptions) {
    const { describe = plainly, host = {}, observer, seed = 1, timerDelay = 0 } = options;
    this.describe = describe;
    const event = (decision: DecisionEvent): void => {
      if (this.log.length < LONGEST_LOG) this.log.push(decision);
      observer?.event(decision);
    };
    this.machine = new Machine(wiring, { seed, host, timerDelay, observer: { perSegment: observer?.perSegment === true, milestones: observer?.milestones === true, event } });
    this.process = new Process(this.machine);
  }

  get now(): number {
    return this.machine.now;
  }

  inject(octets: Uint8Array): void {
    this.machine.arrive(octets);
    this.settle();
  }

  begin(call: Call): StartedCall {
    const started = this.process.begin(call);
    this.settle();
    return started;
  }

  advance(until: number): void {
    const { machine, process } = this;
    const { sent } = machine.device;
    const { returned } = process;
    while (machine.now < until) {
      const next = Math.min(machine.nextTimeout, process.nextTimeout);
      machine.moveTo(next < until ? Math.max(next, machine.now) : until);
      this.settle();
      if (machine.device.sent > sent || process.returned > returned) return;
    }
  }

  take(): LeftPacket | null {
    return this.machine.device.take();
  }

  command(words: readonly string[]): CommandOutcome {
    const outcome = runCommand(this.machine, words);
    this.settle();
    return outcome;
  }

  explain(): readonly string[] {
    const { log } = this;
    this.log = [];
    return log.map(this.describe);
  }

  close(): void {
    for (const connection of this.machine.host.streams()) if (!connection.closed) connection.abort(this.machine.now);
    this.settle();
    while (this.take() !== null);
  }

  /** Does all that can be done now. */
  private settle(): void {
    for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
      this.machine.run();
      // A call that goes on waiting may have written, or read, which has a packet leave.
      if (!this.process.proceed() && !this.machine.hasWork) return;
    }
  }
}

/** A kind of decision and its fields, as they are. */
function plainly(event: DecisionEvent): string {
  const { at, connection, host: _host, kind, subflow, ...fields } = event;
  const where = connection < 0 ? "" : ` #${connection}${subflow < 0 ? "" : `.${subflow}`}`;
  const details = Object.entries(fields).map(([name, value]) => ` ${name}=${String(value)}`);
  return `${at / 1e9}${where} ${kind}${details.join("")}`;
}

/** Nobody reads more. */
const LONGEST_LOG = 100_000;
/** Calls that return and let others return cannot go on without end. */
const MOST_ROUNDS = 1000;
