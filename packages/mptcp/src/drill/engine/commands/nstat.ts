import { nstat as showCounters } from "../../system/index.ts";
import type { CommandOutcome } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";
import { COUNTER_NAMES } from "./counter-names.ts";

/** nstat(8) over the counters of the virtual machine; those that the engine does not count are 0. */
export function nstat(machine: Machine, words: readonly string[]): CommandOutcome {
  const counters = machine.host.counters.snapshot();
  return showCounters(words, new Map(COUNTER_NAMES.map((name) => [name, counters[name] ?? 0])), machine.history);
}
