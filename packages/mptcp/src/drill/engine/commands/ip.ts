import type { CommandOutcome } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";
import { ipAddress } from "./ip-address.ts";
import { ipLink } from "./ip-link.ts";
import { ipMptcp } from "./ip-mptcp.ts";
import { ipRoute } from "./ip-route.ts";
import { failed, succeeded } from "./outcome.ts";

/** What of a command is known before its object: the family that it is about. */
export interface IpOptions {
  /** Null: not said. */
  readonly family: 4 | 6 | null;
}

type IpObject = (machine: Machine, words: readonly string[], options: IpOptions) => CommandOutcome;

/** ip(8): `ip [-4|-6] OBJECT ...`. Objects may be cut short where that is not ambiguous, as ip itself has it. */
export function ip(machine: Machine, words: readonly string[]): CommandOutcome {
  let family: 4 | 6 | null = null;
  let at = 0;
  for (; words[at]?.startsWith("-") === true; at++) {
    const option = words[at] as string;
    if (option === "-4") family = 4;
    else if (option === "-6") family = 6;
    else if (!IGNORED.has(option)) return failed(255, `Option "${option}" is unknown, try "ip -help".`);
  }
  const [object = "", ...rest] = words.slice(at);
  const name = OBJECTS.find(([full, least]) => full.startsWith(object) && object.length >= least)?.[0];
  if (name === undefined) return failed(1, `Object "${object}" is unknown, try "ip help".`);
  return (BY_NAME[name] as IpObject)(machine, rest, { family });
}

/** How what is shown looks. */
const IGNORED: ReadonlySet<string> = new Set(["-n", "-s", "-o", "-d", "-br", "-force", "-c"]);
/** Objects in the order in which ip looks for them, each with the letters that are enough. */
const OBJECTS: readonly (readonly [string, number])[] = [
  ["address", 1], ["route", 1], ["link", 1], ["mptcp", 2], ["tcp_metrics", 2], ["tcpmetrics", 4], ["rule", 2], ["neighbour", 1],
];
const BY_NAME: Readonly<Record<string, IpObject>> = {
  address: ipAddress,
  route: ipRoute,
  link: ipLink,
  mptcp: ipMptcp,
  tcp_metrics: tcpMetrics,
  tcpmetrics: tcpMetrics,
  // There are no rules and no neighbours.
  rule: () => succeeded("0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n"),
  neighbour: () => succeeded(),
};

/** What is remembered of peers is the cookies that they gave. */
function tcpMetrics(machine: Machine, [action = "show"]: readonly string[]): CommandOutcome {
  if ("flush".startsWith(action)) machine.host.forgetFastOpen();
  return succeeded();
}
