import type { CongestionControlFactory, MptcpConfig, PathManagerFactory, ProfileName, SchedulerFactory, TcpConfig } from "mptcp";
import { PROTOCOL } from "./keys/protocol.ts";
import type { EngineKey } from "./keys/protocol.ts";
import type { PlanProtocol } from "./plan.ts";

/** Parts of the engine that a TypeScript scenario brings itself; they win over the names in the protocol section. */
export interface OwnParts {
  readonly scheduler?: SchedulerFactory;
  readonly congestion?: CongestionControlFactory;
  readonly pathManager?: PathManagerFactory;
  /** Anything else of the configuration. */
  readonly tcp?: Partial<TcpConfig>;
  readonly mptcp?: Partial<MptcpConfig>;
}

/** The TCP configuration that a protocol section stands for; what it does not say is left to the engine's defaults. */
export function tcpConfig(protocol: PlanProtocol, parts: OwnParts, profile: ProfileName): Partial<TcpConfig> {
  let config: Partial<TcpConfig> = {};
  for (const [key, value] of engineValues(protocol, profile)) config = { ...config, ...key.tcp?.(value) };
  return { ...config, ...parts.tcp };
}

/** The Multipath TCP configuration that a protocol section stands for. */
export function mptcpConfig(protocol: PlanProtocol, parts: OwnParts, profile: ProfileName): Partial<MptcpConfig> {
  const { scheduler, congestion, pathManager } = parts;
  let config: Partial<MptcpConfig> = {};
  for (const [key, value] of engineValues(protocol, profile)) config = { ...config, ...key.mptcp?.(value) };
  return {
    ...config,
    ...(scheduler === undefined ? {} : { scheduler }),
    ...(congestion === undefined ? {} : { congestion }),
    ...(pathManager === undefined ? {} : { pathManager }),
    ...parts.mptcp,
  };
}

/** The keys of the section with what the plan has for them. What is null is the engine's own business, and what is at its default that of a profile. */
function engineValues(protocol: PlanProtocol, profile: ProfileName): [EngineKey<never, unknown, unknown>, unknown][] {
  const keys: Readonly<Record<string, EngineKey<never, unknown, unknown>>> = PROTOCOL.keys;
  const values: Readonly<Record<string, unknown>> = { ...protocol };
  const found: [EngineKey<never, unknown, unknown>, unknown][] = [];
  for (const [name, key] of Object.entries(keys)) {
    const value = values[name];
    if (profile !== "own" && value === key.otherwise) continue;
    if (value !== undefined && value !== null) found.push([key, value]);
  }
  return found;
}
