/**
 * mptcp/congestion/: congestion control of a whole connection. Coupled controllers are members of the connection's group and balance its
 * subflows; the others treat each as a TCP connection of its own, which takes more than its share where subflows meet at one bottleneck
 * (RFC 6356 §1), so they are for measurements and for paths known to be disjoint.
 *
 * To add one: a file here with a `CouplingRule` (see its example), or with a controller of its own, and a line in {@link congestionControls}
 * and {@link congestionControl}.
 *
 * @module
 */
import { MptcpError, parametersFrom } from "../../core/index.ts";
import type { PlainObject } from "../../core/index.ts";
import { bbr, cubic, cubicWith, dctcp, dctcpWith, newReno, newRenoWith } from "../../tcp/index.ts";
import type { CongestionControlFactory } from "../../tcp/index.ts";
import { lia, liaFixedPoint, liaFixedPointWith, liaWith } from "./lia.ts";

export { coupled } from "./coupled.ts";
export { LiaFixedPointRule, LiaRule, lia, liaFixedPoint, liaFixedPointWith, liaWith } from "./lia.ts";

/** All of them by name, as configuration files and commands spell it, with their usual parameters. */
export const congestionControls: Readonly<Record<string, CongestionControlFactory>> = {
  lia,
  "lia-fixed-point": liaFixedPoint,
  reno: newReno,
  cubic,
  dctcp,
  bbr,
};

/**
 * Makes a congestion control again from its name and its parameters; parameters that are not given are as usual.
 * @throws MptcpError ERR_MPTCP_PARAMETER when there is none of that name, or no such parameter
 */
export function congestionControl(name: string, parameters: PlainObject = {}): CongestionControlFactory {
  const make = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
  if (make === undefined) throw new MptcpError("ERR_MPTCP_PARAMETER", `there is no congestion control ${name}; there are ${Object.keys(MAKERS).join(", ")}`);
  return make(parameters);
}

const MAKERS: Readonly<Record<string, (parameters: PlainObject) => CongestionControlFactory>> = {
  lia: liaWith,
  "lia-fixed-point": liaFixedPointWith,
  reno: newRenoWith,
  cubic: cubicWith,
  dctcp: dctcpWith,
  bbr: (parameters) => ({ ...bbr, parameters: parametersFrom({}, parameters) }),
};
