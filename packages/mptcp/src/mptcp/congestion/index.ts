/**
 * mptcp/congestion/: congestion control of a whole connection. Coupled algorithms balance its subflows; uncoupled ones treat
 * each as a TCP connection of its own.
 *
 * To add one: a file here with a {@link CoupledControl} subclass (see its example), and a line in {@link congestionControls}.
 *
 * @module
 */
import { cubic, newReno } from "../../tcp/index.ts";
import type { ConnectionCongestion } from "../../tcp/index.ts";
import { lia, liaFixedPoint } from "./lia.ts";
import { uncoupled } from "./uncoupled.ts";

export { coupled, CoupledControl } from "./coupled.ts";
export { Lia, lia, LiaFixedPoint, liaFixedPoint } from "./lia.ts";
export { uncoupled } from "./uncoupled.ts";

/** All of them by name, as configuration files and commands spell it. */
export const congestionControls: Readonly<Record<string, ConnectionCongestion>> = {
  lia,
  "lia-fixed-point": liaFixedPoint,
  reno: uncoupled(newReno),
  cubic: uncoupled(cubic),
};
