import type { IpAddress } from "../../wire/index.ts";
import { checkCode } from "../assert/index.ts";
import { checkShell, type ReadFile } from "../shell/index.ts";
import type { Action, EventTime, Place, Script, ScriptEvent } from "../syntax/ast.ts";
import { MAX_PROBLEMS, type Problem } from "../syntax/problems.ts";
import { AddressBook } from "./addresses.ts";
import { planCall } from "./calls/index.ts";
import { planPacket } from "./packets.ts";
import type { Plan, Step } from "./plan.ts";
import { Refused } from "./refused.ts";
import { readSettings, wiringOf, type GivenOption, type Settings } from "./settings.ts";
import { Values } from "./values.ts";

/** What a plan is made with besides the script. */
export interface PlanOptions {
  /** Options that count more than those of the script: `{ name: "mtu", value: "1520" }`, `{ name: "define", value: "NAME=VALUE" }`. */
  readonly options?: readonly GivenOption[];
  /** Files that shell lines call; without it there are none. */
  readonly readFile?: ReadFile;
}

export interface PlannedScript {
  readonly plan: Plan;
  /** What cannot be carried out, in the order of the file: a plan with problems is not to be run. */
  readonly problems: readonly Problem[];
}

/** The longest script. */
const MAX_EVENTS = 100_000;

/** Checks a script before anything of it runs, and gives what is to be done. Never throws. */
export function planScript(script: Script, options: PlanOptions = {}): PlannedScript {
  const { settings, problems } = readSettings(script, options.options);
  const planner = new Planner(settings, options.readFile ?? (() => null), problems);
  const events = script.events.slice(0, MAX_EVENTS);
  if (events.length < script.events.length) problems.push({ place: script.events[MAX_EVENTS]!.place, message: `a script has ${MAX_EVENTS} events at most` });
  for (const path of settings.initScripts) planner.initScript(path);
  const steps = events.flatMap((event) => planner.step(event));
  return { plan: { settings, wiring: wiringOf(settings, planner.named), steps }, problems: problems.slice(0, MAX_PROBLEMS) };
}

class Planner {
  /** Addresses that the script names itself. */
  readonly named: IpAddress[] = [];
  readonly #settings: Settings;
  readonly #values: Values;
  readonly #addresses: AddressBook;
  readonly #readFile: ReadFile;
  /** Names that code has assigned. */
  readonly #assigned = new Set<string>();
  readonly #problems: Problem[];
  /** When the event before happens at the earliest, ns since the beginning. */
  #earliest = 0;

  constructor(settings: Settings, readFile: ReadFile, problems: Problem[]) {
    this.#settings = settings;
    this.#values = new Values(settings.definitions);
    this.#addresses = new AddressBook(settings, this.#values);
    this.#readFile = readFile;
    this.#problems = problems;
  }

  /** A file that runs before the script. */
  initScript(path: string): void {
    this.#problems.push(...checkShell(path, { line: 1, column: 1 }, this.#readFile).map(({ message }) => ({ place: { line: 1, column: 1 }, message: `--init_scripts: ${message}` })));
  }

  step(event: ScriptEvent): Step[] {
    try {
      return [this.#planned(event, event.action)];
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#problems.push(error.problem);
      return [];
    }
  }

  #planned(event: ScriptEvent, action: Action): Step {
    const common = { event, place: action.place, time: event.time };
    if (event.time !== undefined) this.#checkOrder(event.time);
    switch (action.kind) {
      case "shell":
        this.#problems.push(...checkShell(action.text, behind(action.place, "`"), this.#readFile));
        return { ...common, kind: "shell", action };
      case "code":
        this.#problems.push(...checkCode(action.text, behind(action.place, "%{"), this.#assigned));
        return { ...common, kind: "code", action };
      case "call":
        this.#checkTime(event, "call");
        return { ...common, kind: "call", action, ...planCall(action, this.#settings, this.#values, this.named) };
      case "packet": {
        if (action.direction === "inbound") this.#checkTime(event, "packet that is sent");
        const packet = planPacket(action, { settings: this.#settings, values: this.#values, addresses: this.#addresses });
        this.named.push(...[inboundEnd(action.direction, packet.source, packet.destination)].flatMap((one) => one ?? []));
        return { ...common, ...packet };
      }
    }
  }

  /** Events happen in the order in which they stand; one with a time before that of its predecessor would happen late. */
  #checkOrder(time: EventTime): void {
    if (time.kind === "any") return;
    const from = (time.relative ? this.#earliest : 0) + (time.kind === "at" ? time.at : time.from);
    if (from < this.#earliest) this.#problems.push({ place: time.place, message: `the time is before that of the event before, which is at ${this.#earliest / 1e9} s at the earliest` });
    this.#earliest = Math.max(from, this.#earliest);
  }

  /** Only what the stack does may be early or late. */
  #checkTime({ time, action }: ScriptEvent, what: string): void {
    if (time === undefined || time.kind === "at") {
      if (action.kind === "call" && action.until !== undefined && time?.kind === "at" && action.until < time.at) throw new Refused(action.place, "the call returns before it begins");
      return;
    }
    throw new Refused(time.place, `a ${what} has a time, neither a range nor *: those are for packets that are expected`);
  }
}

/** Where what stands behind a mark begins. */
function behind({ line, column }: Place, mark: string): Place {
  return { line, column: column + mark.length };
}

/** The end of the script's. */
function inboundEnd(direction: "inbound" | "outbound", source: IpAddress | undefined, destination: IpAddress | undefined): IpAddress | undefined {
  return direction === "inbound" ? source : destination;
}
