import type { CommandOutcome } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";
import { failed, succeeded } from "./outcome.ts";
import { Words } from "./words.ts";

/** `tc qdisc ...`: the device hands over what it gets at once, so that a queueing discipline is remembered and nothing else. */
export function tc(machine: Machine, words: readonly string[]): CommandOutcome {
  const [object = "", action = "show", ...rest] = words;
  if (object === "" || !"qdisc".startsWith(object)) return failed(255, `Object "${object}" is unknown, try "tc help".`);
  const read = new Words(rest);
  let device = "tun0";
  let kind = "";
  while (!read.isEmpty) {
    const word = read.next();
    if (word === "dev") device = read.next();
    else if (word === "handle" || word === "parent") read.next();
    else if (word !== "root" && kind === "") kind = word;
  }
  if (device !== "tun0" && device !== "lo") return failed(1, `Cannot find device "${device}"`);
  switch (action) {
    case "add":
      if (machine.qdisc !== null) return failed(2, "Error: Exclusivity flag on, cannot modify.");
      machine.qdisc = kind;
      return succeeded();
    case "replace":
    case "change":
      machine.qdisc = kind;
      return succeeded();
    case "del":
    case "delete":
      if (machine.qdisc === null) return failed(2, "Error: Cannot delete qdisc with handle of zero.");
      machine.qdisc = null;
      return succeeded();
    case "show":
    case "list":
      return succeeded(machine.qdisc === null ? DEFAULT : `qdisc ${machine.qdisc} 8001: dev tun0 root refcnt 2 \n`);
    default:
      return failed(255, `Command "${action}" is unknown, try "tc qdisc help".`);
  }
}

const DEFAULT = "qdisc pfifo_fast 0: dev tun0 root refcnt 2 bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1\n";
