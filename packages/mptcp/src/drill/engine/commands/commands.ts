import type { CommandOutcome } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";
import { ethtool } from "./ethtool.ts";
import { ip } from "./ip.ts";
import { nstat } from "./nstat.ts";
import { failed } from "./outcome.ts";
import { ss } from "./ss.ts";
import { sysctl } from "./sysctl.ts";
import { tc } from "./tc.ts";

/** A command: its arguments, without its name. */
export type Command = (machine: Machine, words: readonly string[]) => CommandOutcome;

/** Carries out a command of a shell line. */
export function runCommand(machine: Machine, words: readonly string[]): CommandOutcome {
  const [name = "", ...rest] = words;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  return command === undefined ? failed(127, `${name}: command not found`) : command(machine, rest);
}

const COMMANDS: Readonly<Record<string, Command>> = { ethtool, ip, nstat, ss, sysctl, tc };
