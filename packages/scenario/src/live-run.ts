import type { BaseApplication, ScheduledCall } from "mptcp/sim";
import type { Network } from "./build-network.ts";
import type { Plan } from "./plan.ts";
import type { OwnParts } from "./protocol.ts";
import type { ScenarioSpec } from "./spec.ts";

/** A run as a TypeScript scenario sees it: everything that there is, before the first event. */
export interface LiveRun {
  readonly plan: Plan;
  /** The simulation, its hosts and its links. */
  readonly network: Network;
  readonly client: BaseApplication;
  readonly server: BaseApplication;
  /** Calls `action` at `time` (ns). */
  at(time: number, action: (now: number) => void): ScheduledCall;
}

/** What a TypeScript scenario that is a function is given. */
export interface ScenarioApi {
  /** The scenario's data: network, protocol, workload. To be called once. */
  define(spec: ScenarioSpec): void;
  /** Parts of the engine that the scenario brings: a scheduler, congestion control, a path manager, other settings. */
  use(parts: OwnParts): void;
  /** Called when the network is built and nothing has happened yet. */
  onStart(action: (run: LiveRun) => void): void;
}

/** The default export of a scenario module. */
export type ScenarioModule = ScenarioSpec | ((api: ScenarioApi) => void);
