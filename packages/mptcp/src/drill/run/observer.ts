import type { CallStep, Step } from "../plan/index.ts";
import type { CallResult } from "../system/index.ts";
import type { Flow } from "./flow.ts";
import type { LivePacket } from "./live-packet.ts";
import type { Variables } from "./multipath.ts";

/** Hears what happens while a plan runs. Times are ns since the beginning of the script. */
export interface RunObserver {
  /** Whether the run is judged as it is without an observer. Otherwise nothing that the stack does is compared with what the plan expects, and calls may return whenever they do. */
  readonly judged: boolean;
  /** For how long after the last event what the stack does is heard, ns, in a run that is not judged. */
  readonly tail: number;
  /** A packet is sent, a call is made, a command or code is carried out, due at `at`, and done at `began`. Not for what the stack is expected to send, nor for shell lines without a time. `flow`: a packet's. */
  began(step: Step, at: number, began: number, flow: Flow | null): void;
  /** A call has returned. */
  returned(step: CallStep, result: CallResult, at: number): void;
  /** A packet left the stack; `flow`: null for a message of ICMP. */
  left(live: LivePacket, flow: Flow | null, at: number, variables: Variables): void;
}
