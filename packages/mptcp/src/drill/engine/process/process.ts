import { NEVER } from "../../../core/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { Call, CallResult, StartedCall } from "../../system/index.ts";
import type { OpenFile } from "../files/open-file.ts";
import { Files, NullDevice } from "../files/regular-file.ts";
import { Datagrams } from "../machine/datagrams.ts";
import type { Machine } from "../machine/machine.ts";
import { carryOut } from "./calls.ts";
import { Descriptors } from "./descriptors.ts";
import { isBlocked } from "./outcome.ts";
import type { Blocked } from "./outcome.ts";

/** A program of the machine: its descriptors and the calls that it waits for. */
export class Process {
  readonly machine: Machine;
  readonly descriptors = new Descriptors();
  readonly files = new Files();
  readonly datagrams: Datagrams;
  /** Calls that returned so far. */
  returned = 0;
  private waiting: Waiting[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
    this.datagrams = new Datagrams(machine);
    // Those that every program has: nobody types, and nobody reads what is printed.
    for (let fd = 0; fd < 3; fd++) this.descriptors.open(new NullDevice(O_RDWR));
  }

  begin(call: Call): StartedCall {
    const { now } = this.machine;
    const started: Started = { result: null, at: now };
    const file = this.descriptors.find("fd" in call ? call.fd : -1);
    const outcome = carryOut(this, call);
    if (isBlocked(outcome)) this.wait(started, outcome, call.name === "close" ? undefined : file);
    else this.finish(started, outcome);
    return started;
  }

  /** When a call has waited for long enough, ns; NEVER: none will. */
  get nextTimeout(): number {
    let next = NEVER;
    for (const { blocked } of this.waiting) if (blocked.until < next) next = blocked.until;
    return next;
  }

  /** Something happened: the calls that wait are tried again, those that waited for long enough return. @returns whether one returned */
  proceed(): boolean {
    for (const file of this.descriptors.all()) file.settle();
    if (this.waiting.length === 0) return false;
    const { now } = this.machine;
    const before = this.returned;
    const still: Waiting[] = [];
    const freed: OpenFile[] = [];
    for (const entry of this.waiting) {
      const result = entry.blocked.attempt() ?? (entry.blocked.until <= now ? entry.blocked.expired() : null);
      if (result === null) {
        still.push(entry);
        continue;
      }
      this.finish(entry.started, result);
      if (entry.file !== undefined) freed.push(entry.file);
    }
    this.waiting = still;
    for (const file of freed) this.drop(file);
    return this.returned > before;
  }

  private wait(started: Started, blocked: Blocked, file: OpenFile | undefined): void {
    if (file !== undefined) file.references++;
    this.waiting.push({ started, blocked, file });
  }

  /** A call has returned. If its file was closed while it waited, that ends now, and nobody hears what comes of it. */
  private drop(file: OpenFile): void {
    const outcome = this.descriptors.drop(file);
    if (outcome !== null && isBlocked(outcome)) this.wait({ result: null, at: this.machine.now }, outcome, undefined);
  }

  private finish(started: Started, result: CallResult): void {
    started.result = result;
    started.at = this.machine.now;
    this.returned++;
  }
}

const { O_RDWR } = CONSTANTS;

interface Started {
  result: CallResult | null;
  at: number;
}

interface Waiting {
  readonly started: Started;
  readonly blocked: Blocked;
  /** What it waits on, where it holds it. */
  readonly file: OpenFile | undefined;
}
