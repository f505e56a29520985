import { damaged, MptcpError } from "../../core/index.ts";
import type { PlainObject, PlainValue, Policy, Stand } from "../../core/index.ts";
import { congestionControl, pathManagerNamed, schedulers } from "../../mptcp/index.ts";
import type { PathManager, Scheduler } from "../../mptcp/index.ts";
import type { CongestionControlFactory } from "../../tcp/index.ts";

/** What there is to choose for a connection. */
export type PolicyKind = "scheduler" | "pathManager" | "congestion";

/**
 * Policies of one's own, by name, for connections to restore: each gets the parameters that the connection's had. One that has the name of one of
 * ours goes before it.
 */
export interface OwnPolicies {
  readonly schedulers?: Readonly<Record<string, (parameters: PlainObject) => Policy<Scheduler>>>;
  readonly pathManagers?: Readonly<Record<string, (parameters: PlainObject) => Policy<PathManager>>>;
  readonly congestion?: Readonly<Record<string, (parameters: PlainObject) => CongestionControlFactory>>;
}

/** Something with a name and parameters that makes what a connection uses. */
export type AnyPolicy = Policy<Scheduler> | Policy<PathManager> | CongestionControlFactory;

/** What is in field `key`, when that is where a policy is chosen: its name and its parameters. @throws MptcpError when it has none */
export function policyStand(value: object, key: string): Stand | null {
  const kind = KINDS.get(key);
  if (kind === undefined) return null;
  if (typeof value === "function") throw new MptcpError("ERR_MPTCP_SNAPSHOT_UNSUPPORTED", `is a function and has neither name nor parameters: choose the ${kind} by a policy that has them`);
  const { name, parameters, create } = value as Partial<AnyPolicy>;
  if (typeof create !== "function" || typeof name !== "string" || parameters === undefined) return null;
  return { policy: kind, name, parameters };
}

/** The policy that {@link policyStand} was of. @throws MptcpError ERR_MPTCP_SNAPSHOT_POLICY when it is not known here */
export function policyOf(stand: Stand, own: OwnPolicies): AnyPolicy {
  const { policy: kind, name, parameters } = stand;
  if (typeof name !== "string" || !isPlain(parameters)) throw damaged("a policy has no name");
  switch (kind) {
    case "scheduler":
      return own.schedulers?.[name]?.(parameters) ?? (Object.hasOwn(schedulers, name) ? schedulers[name] : undefined) ?? unknown("scheduler", name, "schedulers");
    case "pathManager":
      return own.pathManagers?.[name]?.(parameters) ?? pathManagerNamed(name) ?? unknown("path manager", name, "pathManagers");
    case "congestion":
      return own.congestion?.[name]?.(parameters) ?? ours(name, parameters);
    default:
      throw damaged("a policy is of no known kind");
  }
}

function ours(name: string, parameters: PlainObject): CongestionControlFactory {
  try {
    return congestionControl(name, parameters);
  } catch (error) {
    if (!(error instanceof MptcpError)) throw error;
    return unknown("congestion control", name, "congestion");
  }
}

function unknown(what: string, name: string, where: string): never {
  throw new MptcpError("ERR_MPTCP_SNAPSHOT_POLICY", `the connection uses a ${what} "${name}", which is not known here: pass it in policies.${where}`);
}

function isPlain(value: PlainValue | undefined): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The fields that policies are chosen in. */
const KINDS: ReadonlyMap<string, PolicyKind> = new Map([
  ["scheduler", "scheduler"],
  ["pathManager", "pathManager"],
  ["congestion", "congestion"],
  ["congestionFactory", "congestion"],
]);
