import type { Call, CallName } from "../../system/index.ts";
import { DESCRIPTOR_CALLS } from "./descriptor-calls.ts";
import { MOVING_CALLS } from "./moving-calls.ts";
import type { Outcome } from "./outcome.ts";
import type { Process } from "./process.ts";
import { SOCKET_CALLS } from "./socket-calls.ts";

/** What carries out the calls of some names. */
export type Handlers<N extends CallName> = { readonly [K in N]: (process: Process, call: Extract<Call, { readonly name: K }>) => Outcome };

/** Carries out a call. */
export function carryOut(process: Process, call: Call): Outcome {
  const handler = HANDLERS[call.name] as (process: Process, call: Call) => Outcome;
  return handler(process, call);
}

const HANDLERS: Readonly<Record<CallName, unknown>> = { ...DESCRIPTOR_CALLS, ...MOVING_CALLS, ...SOCKET_CALLS };
